"""How soon the agent is back when a check fails: from the failing check_run's 202 to the model's first request.

    .venv/bin/python benchmarks/retry_start.py --rounds 10

The real service, the real Claude CLI and real git, with the simulated GitHub and model on loopback: what the network
and the model add in the field is not in these figures. After each round the same CLI is started in the same way but
without the service, to resume a session of the same size with the same prompt: that is the part that nobody can spare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from claude_agent_sdk import InMemorySessionStore

from ove_gh.agent import Finished, Identity, Limits, Outcome, TurnInput
from ove_gh.claude.agent import ClaudeAgent
from ove_gh.claude.launch import ModelAccess
from ove_gh.demo.github import CheckRun, Delivery, Happening, Kind, Request, SimulatedGitHub
from ove_gh.demo.model import Step, say, use
from ove_gh.demo.stage import MODEL_KEY, REPOSITORY, SHOP_FILES, SLUG, Stage, staged

BOT = f"{SLUG}[bot]"
ME = Identity("Ove", "ove@example.org")
ERROR = "AssertionError: 3 != 4"
LOG = f"##[group]Run make test\nshell: bash\n##[endgroup]\n{ERROR}\n##[error]Process completed with exit code 1.\n"
COMMIT = "echo more >> notes.txt && git add notes.txt && git commit -qm 'Write more'"
STEPS: list[Step] = [
    use("Bash", command="cat cart.py test_cart.py"),
    use("Bash", command=COMMIT),
    say("I wrote more."),
    use("Bash", command=COMMIT),
    say("I wrote still more."),
]
"""A turn that pushes, and one that red checks bring about, which does so again."""

BACK = "check_run’s 202 → the model’s first request"
ALONE = "CLI’s own start → the model’s first request"


class Clock:
    """Notes when things happened, in seconds since the epoch: that is what the service's log has, too."""

    def __init__(self, stage: Stage) -> None:
        self.check: CheckRun | None = None
        self.told_at = 0.0
        self.requests: list[tuple[float, str, Request]] = []
        stage.github.on_event(self._heard)

    def watch(self, check: CheckRun) -> None:
        """From now on it is about this check run."""
        self.check, self.told_at, self.requests = check, 0.0, []

    def _heard(self, happening: Happening) -> None:
        now, subject = time.time(), happening.subject
        if happening.kind in (Kind.REQUEST_ARRIVED, Kind.REQUEST_ANSWERED):
            self.requests.append((now, happening.kind.name, subject))
        elif happening.kind is Kind.WEBHOOK_DELIVERED and self._is_the_one(subject):
            self.told_at = self.told_at or now

    def _is_the_one(self, delivery: Delivery) -> bool:
        told = delivery.payload.get("check_run") or {}
        return self.check is not None and told.get("id") == self.check.id and delivery.action == "completed"


class Round:
    """One task whose first push turns red."""

    def __init__(self, stage: Stage, clock: Clock) -> None:
        self._stage, self._clock = stage, clock
        self._checks: list[CheckRun] = []

    async def play(self) -> tuple[str, dict[str, float]]:
        """Returns the prompt that the model got, and the seconds from the 202 to each thing that happened."""
        github, model = self._stage.github, self._stage.model
        number = github.open_issue(REPOSITORY, "alice", "More notes", f"Please write more ({time.time_ns()}).").number
        opening = f'issue="{number}"'
        model.when(opening, STEPS)
        stop = github.on_push(REPOSITORY, self._pushed)
        github.comment(REPOSITORY, number, "alice", f"@{SLUG} please write")
        await github.wait_for(lambda github: says(github, number, "Waiting for the checks"))
        stop()
        [check] = self._checks
        await github.wait_for(
            lambda github: any(run.app.slug == SLUG for run in github.checks(REPOSITORY, check.head_sha))
        )
        await github.settled()
        asked_before, log = len(model.requests), self._stage.service.log
        read_before = log.stat().st_size
        self._clock.watch(check)
        where = {
            "path": "test_cart.py",
            "start_line": 8,
            "end_line": 8,
            "annotation_level": "failure",
            "message": ERROR,
        }
        github.finish_check(check, "failure", annotations=[where], log=LOG, steps=[("Run make test", "failure")])
        await model.wait_for(lambda model: len(model.requests) > asked_before)
        reached = time.time()
        prompt = model.requests[-1].last_text
        lines = log.read_bytes()[read_before:].decode().splitlines()
        found = {
            name: at - self._clock.told_at
            for name, at in (phases(self._clock.requests, lines) | {BACK: reached}).items()
        }
        await github.wait_for(lambda github: says(github, number, "**Done"))
        return prompt, found

    def _pushed(self, branch: str, sha: str) -> None:
        if branch.startswith(f"{SLUG}/"):
            self._checks.append(self._stage.github.start_check(REPOSITORY, sha, "test", status="in_progress"))


def says(github: SimulatedGitHub, number: int, words: str) -> bool:
    """Whether the App says so in the thread."""
    return any(words in comment.body for comment in github.thread(REPOSITORY, number) if comment.author.login == BOT)


def phases(requests: Sequence[tuple[float, str, Request]], lines: Sequence[str]) -> dict[str, float]:
    """When the service did what, by what GitHub saw of it and by its own log."""
    found: dict[str, float] = {}
    for at, kind, request in requests:
        if request.path.endswith("/check-suites"):
            found.setdefault("  the look begins", at)
        if request.path.endswith("/logs") and kind == "REQUEST_ANSWERED":
            found.setdefault("  GitHub has told all (job’s log)", at)
        if request.path.endswith("/info/refs"):
            found.setdefault("  git fetch reaches GitHub", at)
        if ".git/" in request.path and kind == "REQUEST_ANSWERED":
            found["  git fetch has its last answer"] = at
    for line in lines:
        entry: dict[str, Any] = json.loads(line)
        at = datetime.fromisoformat(entry["timestamp"]).timestamp()
        if entry["event"] == "checks are red":
            found.setdefault("  the decision is written", at)
        if entry["event"] == "agent starts":
            found["  the session is started"] = at
    return found


class Alone:
    """The same session without the service."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage = stage
        self._workdir = folder / "clone"
        self._transcripts = InMemorySessionStore()
        self._agent = ClaudeAgent(
            ModelAccess(MODEL_KEY, stage.model.base_url),
            self._transcripts,
            home=folder / "agents",
            service=str(folder),
            extra_path=[str(Path(sys.executable).parent)],
        )
        self._system_prompt = ""

    def clone(self) -> None:
        """A repository like the one that the service's agent finds."""
        self._workdir.mkdir(parents=True)
        for name, text in SHOP_FILES.items():
            (self._workdir / name).write_text(text)
        for command in (
            ["init", "-q"],
            ["add", "."],
            ["-c", "user.name=O", "-c", "user.email=o@x", "commit", "-qm", "1"],
        ):
            subprocess.run(["git", *command], cwd=self._workdir, check=True)

    async def play(self, round_: int, prompt: str) -> float:
        """Seconds from the start of a resumed session to the model's first request; the first turn is not measured."""
        model = self._stage.model
        opening = next(request.first_text for request in model.requests if request.first_text.startswith("<thread"))
        opening = f"Alone {round_}.\n{opening}"
        model.when(f"Alone {round_}.\n", STEPS)
        first = await self._turn(opening, None, round_)
        assert isinstance(first, Finished), first
        asked_before = len(model.requests)
        began = time.time()
        turn = asyncio.create_task(self._turn(prompt, first.session_id, round_))
        await model.wait_for(lambda model: len(model.requests) > asked_before)
        took = time.time() - began
        await turn
        return took

    async def _turn(self, prompt: str, session_id: str | None, round_: int) -> Outcome:
        turn = TurnInput(
            workdir=self._workdir,
            config_dir=self._agent.config_dir(round_),
            author=ME,
            co_author=None,
            limits=Limits(turns=20, budget_usd=5, seconds=60),
            session_id=session_id,
            prompt=prompt,
            system_prompt="x" * 2_000,
        )
        return await self._agent.run_turn(turn, thread_id=round_, on_progress=lambda _: None)


def report(rounds: Sequence[Mapping[str, float]]) -> None:
    """Print a line for each thing measured, in order, and the ratios."""
    found = {name: [one[name] for one in rounds if name in one] for name in rounds[0]}
    print(f"{'':48} {'quickest':>8} {'median':>8} {'slowest':>8}")
    for name, seconds in sorted(found.items(), key=lambda item: statistics.median(item[1])):
        print(f"{name:48} {min(seconds):7.3f}s {statistics.median(seconds):7.3f}s {max(seconds):7.3f}s")
    quickest, median = (of(found[BACK]) / of(found[ALONE]) for of in (min, statistics.median))
    print(f"{'how many times the CLI’s own start':48} {quickest:8.2f} {median:8.2f}")


async def main(rounds: int) -> None:
    """Measure so many red checks, after one that warms up the repository's mirror."""
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            clock, alone = Clock(stage), Alone(stage, Path(folder) / "alone")
            alone.clone()
            for round_ in range(rounds + 1):
                prompt, one = await Round(stage, clock).play()
                one[ALONE] = await alone.play(round_, prompt)
                if round_:
                    found.append(one)
            assert not stage.model.surprises, stage.model.surprises
    print(f"{rounds} red checks on {os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}")
    report(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    asyncio.run(main(parser.parse_args().rounds))
