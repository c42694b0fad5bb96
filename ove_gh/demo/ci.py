"""A small CI for the demo: really runs commands on each pushed commit, and reports like GitHub Actions."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import shlex
import signal
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from ove_gh.demo.github import Annotation, CheckRun, JobStep, SimulatedGitHub

WORKSPACE = "/home/runner/work"
"""Where the paths in a log begin, as on GitHub's runners; what is there really is a temporary folder."""
LONGEST_OUTPUT = 1_000_000
"""Bytes of one step's output that are kept."""

_BOM = "\ufeff"
"""Every job's log on GitHub begins with one."""
_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_ERROR = re.compile(r"^(?P<error>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning)\b.*)")


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a job."""

    name: str
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Job:
    """Steps that run one after the other until one fails; each job is a check run of its own."""

    name: str
    steps: Sequence[Step]


@dataclass(slots=True)
class Workflow:
    """CI for one repository while its context is open; then its children are killed, and their runs left as they are.

    All jobs of a commit are queued before the push is answered, and run side by side. A mistake of the workflow itself
    is raised when the context ends. While it is `held` no runner is free: what is pushed stays queued until `release`.
    """

    github: SimulatedGitHub
    repository: str
    jobs: Sequence[Job]
    held: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _leave: Callable[[], None] | None = field(default=None, init=False)
    _release: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def __aenter__(self) -> Self:
        self._leave = self.github.on_push(self.repository, self._pushed)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._leave:
            self._leave()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        if mistakes := [one for one in ended if isinstance(one, Exception)]:
            raise ExceptionGroup("the demo's CI made mistakes of its own", mistakes)

    def release(self) -> None:
        """Let the jobs begin that are queued now; those of later pushes wait for the next release."""
        self._release.set()
        self._release = asyncio.Event()

    def _pushed(self, _branch: str, sha: str) -> None:
        queued = [(job, self.github.start_check(self.repository, sha, job.name)) for job in self.jobs]
        for job, check in queued:
            self._begin(job, check)

    def rerun(self, check: CheckRun) -> CheckRun:
        """Run a finished job again, as somebody does who presses “Re-run” on the Actions tab; returns the new run."""
        job = next(one for one in self.jobs if one.name == check.name)
        again = self.github.rerun_check(check)
        self._begin(job, again)
        return again

    def _begin(self, job: Job, check: CheckRun) -> None:
        self._tasks.append(asyncio.create_task(self._run(job, check, self._release if self.held else None)))

    async def _run(self, job: Job, check: CheckRun, released: asyncio.Event | None) -> None:
        if released is not None:
            await released.wait()
        self.github.begin_check(check)
        log = _Log(self.github.clock.exact)
        with tempfile.TemporaryDirectory(prefix="demo-ci-", ignore_cleanup_errors=True) as folder:
            runner = _Runner(Path(folder), check, log)
            runner.prepare(job)
            failed = False
            for step in job.steps:
                failed = await runner.run(step, skipped=failed) or failed
            runner.clean_up()
        self.github.finish_check(
            check,
            "failure" if failed else "success",
            annotations=runner.annotations,
            log=log.text,
            steps=runner.steps,
        )


class _Log:
    """A job's log: every line with its time, in seven digits as GitHub writes it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lines: list[str] = []

    def write(self, *lines: str) -> None:
        for line in lines:
            self._lines.append(f"{self._now():%Y-%m-%dT%H:%M:%S.%f}0Z {line}")

    def group(self, title: str, *lines: str) -> None:
        self.write(f"##[group]{title}", *lines, "##[endgroup]")

    @property
    def now(self) -> datetime:
        return self._now()

    @property
    def text(self) -> str:
        return _BOM + "".join(f"{line}\n" for line in self._lines)


class _Runner:
    """Runs the steps of one job in a folder of its own."""

    def __init__(self, folder: Path, check: CheckRun, log: _Log) -> None:
        self.steps: list[JobStep] = []
        self.annotations: list[Annotation] = []
        self._check, self._log = check, log
        name, folder = check.repository.name, folder.resolve()  # so that it is written as programs print it
        self._home, self._work = folder / "home", folder / "work" / name / name
        self._shown = f"{WORKSPACE}/{name}/{name}"

    def prepare(self, job: Job) -> None:
        """What comes before the steps: the runner introduces itself, and the commit is checked out."""
        begun, check, log = self._log.now, self._check, self._log
        log.write("Current runner version: '2.329.0'")
        log.group("Operating System", "Ubuntu", "24.04.3", "LTS")
        log.group("GITHUB_TOKEN Permissions", "Contents: read", "Metadata: read", "Packages: read")
        log.write("Secret source: Actions", "Prepare workflow directory", f"Complete job name: {job.name}")
        self._note("Set up job", "success", begun)
        begun = log.now
        log.group("Run actions/checkout@v5", "with:", f"  repository: {check.repository.full_name}", "  clean: true")
        self._check_out()
        log.write(f"Syncing repository: {check.repository.full_name}")
        log.write("[command]/usr/bin/git log -1 --format=%H", check.head_sha)
        self._note("Run actions/checkout@v5", "success", begun)

    def _check_out(self) -> None:
        self._home.mkdir(parents=True)
        self._work.mkdir(parents=True)
        packed = self._check.repository.git.git("archive", "--format=tar", self._check.head_sha)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(self._work, filter="data")

    async def run(self, step: Step, *, skipped: bool) -> bool:
        """Run a step, unless it is to be skipped; returns whether it failed."""
        if skipped:
            self.steps.append(JobStep(step.name, "skipped"))
            return False
        begun, shown = self._log.now, shlex.join(step.command)
        self._log.group(f"Run {shown}", f"\x1b[36;1m{shown}\x1b[0m", "shell: /usr/bin/bash -e {0}")
        code, printed = await self._execute(step.command)
        if code:
            message = f"Process completed with exit code {code}."
            self._log.write(f"##[error]{message}")
            self.annotations += [
                *_from_tracebacks(printed, f"{self._shown}/"),
                Annotation(".github", len(printed) + 4, len(printed) + 4, "failure", message, ""),
            ]
        self._note(step.name, "failure" if code else "success", begun)
        return bool(code)

    async def _execute(self, command: Sequence[str]) -> tuple[int, list[str]]:
        """Run a command in the work folder; returns its exit status and what it printed, line by line."""
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                *command,
                cwd=self._work,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        )
        printed: list[str] = []
        try:
            child = await asyncio.shield(starting)  # a start that is cut short loses the child, which lives on
            assert child.stdout is not None
            await self._read(child.stdout, printed)
            code = await child.wait()
        except FileNotFoundError:
            self._print(f"{command[0]}: command not found".encode(), printed)
            code = 127
        finally:
            await _end(starting)
        return (code if code >= 0 else 128 - code), printed

    async def _read(self, output: asyncio.StreamReader, printed: list[str]) -> None:
        kept, rest = 0, b""
        while chunk := await output.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                kept += len(line) + 1
                if kept <= LONGEST_OUTPUT:
                    self._print(line, printed)
        if rest and kept + len(rest) <= LONGEST_OUTPUT:
            self._print(rest, printed)

    def _print(self, line: bytes, printed: list[str]) -> None:
        text = line.decode(errors="replace").rstrip("\r").replace(str(self._work), self._shown)
        printed.append(text)
        self._log.write(text)

    def _environment(self) -> dict[str, str]:
        """Nothing of this process's environment but the way to Python and to programs."""
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_SHA": self._check.head_sha,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def clean_up(self) -> None:
        """What comes after the steps, whether they failed or not: a log's last lines are never the reason."""
        begun, log = self._log.now, self._log
        log.write("Post job cleanup.", "[command]/usr/bin/git version", "git version 2.51.2")
        log.write(f"Adding repository directory to the temporary git global config as a safe directory: {self._shown}")
        log.write("[command]/usr/bin/git config --local --unset-all http.https://github.com/.extraheader")
        self._note("Post Run actions/checkout@v5", "success", begun)
        log.write("Cleaning up orphan processes")
        self._note("Complete job", "success", log.now)

    def _note(self, name: str, conclusion: str, begun: datetime) -> None:
        self.steps.append(JobStep(name, conclusion, begun, self._log.now))


async def _end(starting: asyncio.Task[asyncio.subprocess.Process]) -> None:
    """Kill a child with all that it started: nothing of a step outlives it."""
    try:
        child = await starting
    except FileNotFoundError:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.wait()


def _from_tracebacks(printed: Sequence[str], workspace: str) -> Iterator[Annotation]:
    """Read Python's tracebacks as a problem matcher does: the last frame within the repository, and the error.

    https://github.com/actions/toolkit/blob/main/docs/problem-matchers.md
    """
    frame: tuple[str, int] | None = None
    for line in printed:
        if found := _FRAME.match(line):
            path = found["path"].removeprefix(workspace)
            frame = frame if path.startswith(("/", "<")) else (path, int(found["line"]))
        elif frame and (error := _ERROR.match(line)):
            path, number = frame
            yield Annotation(path, number, number, "failure", error["error"])
            frame = None
