"""The CI that acceptance tests play for a thread, and how they look at what the service makes of it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from ove_gh.demo.github import Annotation, CheckRun, SimulatedGitHub
from ove_gh.demo.model import Request, Step, say, use
from ove_gh.demo.stage import REPOSITORY, SLUG, Stage
from tests.acceptance.scripts import processes_running, requests_in, says, status_comments

STEP = "Run python3 test_cart.py"
STAMP = "2026-01-05T10:00:00.0000000Z"


class PlayedCI:
    """Checks of all that is pushed for a thread: they begin at the push, and end when the test says so."""

    def __init__(self, stage: Stage, number: int, *names: str) -> None:
        self.pushed: list[list[CheckRun]] = []
        """The checks of each commit, in the order of the pushes."""
        self._stage, self._number, self._names = stage, number, names or ("test",)
        stage.github.on_push(REPOSITORY, self._on_push)

    def _on_push(self, branch: str, sha: str) -> None:
        if branch.startswith(f"ove/{self._number}-"):
            start = self._stage.github.start_check
            self.pushed.append([start(REPOSITORY, sha, name, status="in_progress") for name in self._names])

    async def awaited(self, push: int) -> list[CheckRun]:
        """Wait until the task waits for the checks of that push (1 is the first), and return them."""

        def waits(github: SimulatedGitHub) -> bool:
            statuses = status_comments(github, self._number)
            return len(self.pushed) == push and says(
                statuses[-1], "**Waiting for the checks of", self.pushed[-1][0].head_sha[:7]
            )

        await self._stage.github.wait_for(waits, what=f"the wait for the checks of push {push}")
        return self.pushed[-1]

    def fail(self, *runs: CheckRun, error: str = "AssertionError: the notes are too short") -> None:
        """End checks as a job ends whose test found an error: annotated, logged, with the cleaning up behind it."""
        for run in runs:
            self._stage.github.finish_check(
                run,
                "failure",
                annotations=[Annotation("test_cart.py", 8, 8, "failure", error)],
                log=job_log("Traceback (most recent call last):", f"\x1b[31m{error}\x1b[0m"),
                steps=[("Set up job", "success"), (STEP, "failure"), ("Post Run actions/checkout@v5", "success")],
            )

    def succeed(self, *runs: CheckRun) -> None:
        """End checks green."""
        for run in runs:
            self._stage.github.finish_check(run, "success")


def job_log(*printed: str) -> str:
    """A job's log as GitHub Actions keeps it, around what its failing step printed."""
    lines = [
        f"##[group]{STEP}",
        "shell: /usr/bin/bash -e {0}",
        "##[endgroup]",
        *printed,
        "##[error]Process completed with exit code 1.",
        "Post job cleanup.",
        "[command]/usr/bin/git version",
    ]
    return "".join(f"{STAMP} {line}\n" for line in lines)


def note(words: str) -> Step:
    """The agent writes a line into the notes and commits it."""
    command = f"echo '{words}' >> notes.txt && git add notes.txt && git commit -qm '{words}'"
    return use("Bash", command=command, description=words)


def try_it(*ways: str) -> list[Step]:
    """The agent makes one commit in each of its turns, and says so."""
    return [step for way in ways for step in (note(way), say(f"I tried to {way.lower()}."))]


def turns_in(stage: Stage, number: int) -> list[Request]:
    """The model's requests in a thread that somebody's words opened, a turn each, rather than a tool's result."""
    return [request for request in requests_in(stage, number) if request.last_text]


def told_in(stage: Stage, number: int) -> list[str]:
    """The words that opened each turn of a thread."""
    return [request.last_text for request in turns_in(stage, number)]


def own_check(stage: Stage, sha: str) -> CheckRun | None:
    """The App's own check run on a commit."""
    return next((run for run in stage.github.checks(REPOSITORY, sha) if run.app.slug == SLUG), None)


def buttons(run: CheckRun) -> list[str]:
    """What people can press on a check run."""
    return [button.identifier for button in run.actions]


async def shown(stage: Stage, sha: str, state: str, *pressable: str) -> CheckRun:
    """Wait until the App's own check run on a commit is in that state, or has that conclusion, with these buttons."""

    def stands(_: SimulatedGitHub) -> CheckRun | None:
        run = own_check(stage, sha)
        return run if run and (run.conclusion or run.status) == state and buttons(run) == list(pressable) else None

    found = await stage.github.wait_for(stands, what=f"a check run that is {state} with {pressable or 'no buttons'}")
    assert found is not None
    return found


def messages(stage: Stage, branch: str) -> list[str]:
    """The subjects of a branch's commits, newest first."""
    return [commit.message.partition("\n")[0] for commit in stage.github.log(REPOSITORY, branch)]


async def until_looked(stage: Stage) -> None:
    """Wait until all that GitHub told is handled and looked at: from then on a task that waits moves by news alone."""
    await stage.github.settled()
    async with asyncio.timeout(10):
        while open_hints(stage.data_dir / "ove.db"):  # noqa: ASYNC110 - what it waits for rings no bell
            await asyncio.sleep(0.02)


def open_hints(database: Path) -> int:
    """How many webhooks are not handled, and how many waits not looked at since the last hint."""
    query = (
        "SELECT (SELECT count(*) FROM inbox WHERE handled_at IS NULL)"
        """ + (SELECT count(*) FROM waits WHERE "end" IS NULL AND hints > seen_hints)"""
    )
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query).fetchone()[0])


async def until_running(command: str) -> None:
    """Wait until a process with this command line runs."""
    async with asyncio.timeout(30):
        while not processes_running(command):  # noqa: ASYNC110 - what it waits for rings no bell
            await asyncio.sleep(0.02)
