"""How long people wait: from a comment, or a reply, to the first signs of it.

    .venv/bin/python benchmarks/first_signs.py --rounds 10

The real service, the real Claude CLI and real git, with the simulated GitHub and model on loopback: what the network
and the model add in the field is not in these figures. One task at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ove_gh.demo.github import SimulatedGitHub
from ove_gh.demo.model import ask, say
from ove_gh.demo.stage import REPOSITORY, SLUG, Stage, staged

QUESTION = {
    "question": "Which way?",
    "header": "Way",
    "options": [{"label": "Left", "description": "towards the sea"}, {"label": "Right", "description": "uphill"}],
    "multiSelect": False,
}
BOT = f"{SLUG}[bot]"


class Watch:
    """Collects durations in seconds by what they measure."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    @contextmanager
    def running(self) -> Iterator[Callable[[str], None]]:
        """Start a watch; call what it yields with a name when the thing of that name has happened."""
        began = time.perf_counter()

        def lap(name: str) -> None:
            self.found.setdefault(name, []).append(time.perf_counter() - began)

        yield lap

    def report(self) -> None:
        """Print a line for each thing measured."""
        print(f"{'':44} {'median':>8} {'slowest':>8}")
        for name, seconds in self.found.items():
            print(f"{name:44} {statistics.median(seconds):7.2f}s {max(seconds):7.2f}s")


async def one_task(stage: Stage, watch: Watch) -> None:
    """A mention, a question, a reply, a result."""
    github, model = stage.github, stage.model
    number = github.open_issue(REPOSITORY, "alice", "Which way", "Left or right?").number

    def comments(github: SimulatedGitHub) -> list[str]:
        return [comment.body for comment in github.thread(REPOSITORY, number) if comment.author.login == BOT]

    asked_before = len(model.requests)
    with watch.running() as lap:
        mention = github.comment(REPOSITORY, number, "alice", f"@{SLUG} which way?")
        await github.wait_for(lambda github: (BOT, "eyes") in github.reactions(mention))
        lap("comment → 👀")
        await github.wait_for(comments)
        lap("comment → status comment")
        await model.wait_for(lambda model: len(model.requests) > asked_before)
        lap("comment → the model's first request")
        await github.wait_for(lambda github: any("Which way?" in body for body in comments(github)))
        lap("comment → its question stands in the thread")
    asked_before = len(model.requests)
    with watch.running() as lap:
        github.comment(REPOSITORY, number, "alice", "1")
        await model.wait_for(lambda model: len(model.requests) > asked_before)
        lap("reply → the model reads it")
        await github.wait_for(lambda github: any("**Done" in body for body in comments(github)))
        lap("reply → result")


async def main(rounds: int) -> None:
    """Measure so many tasks, after one that warms up the repository's mirror."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            stage.model.when("which way", [ask([QUESTION]), say("Left it is.")])
            await one_task(stage, Watch())
            for _ in range(rounds):
                await one_task(stage, watch)
    print(f"{rounds} tasks on {os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}")
    watch.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    asyncio.run(main(parser.parse_args().rounds))
