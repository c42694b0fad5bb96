"""Running git: an environment built from nothing, bounded output, and an end to every process that was started."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

SEARCH_PATH = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin"))
_OUTPUT_LIMIT = 64 * 1024 * 1024
_COMPLAINT_LIMIT = 64 * 1024
_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended. `stdout` is empty when it was sent elsewhere."""

    code: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """What it printed, as text without the last line's end."""
        return self.stdout.decode(errors="replace").strip()

    @property
    def complaint(self) -> str:
        """What it printed to stderr, as text."""
        return self.stderr.decode(errors="replace").strip()

    @property
    def paths(self) -> tuple[str, ...]:
        """What it printed, read as NUL-separated names; names that are no UTF-8 survive a way there and back."""
        return tuple(os.fsdecode(name) for name in self.stdout.split(b"\0") if name)


class RunInside(Protocol):
    """How a command is run inside the agent's walls.

    `cwd` is the clone and may be written; the folders in `reads` need to be readable at the same paths. `env` is the
    whole environment. `stdout` is an open descriptor that takes the output instead of `Completed.stdout`. A cancelled
    call must leave no process behind; the caller sets the time limit by cancelling.
    """

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        reads: Sequence[Path] = (),
        stdout: int | None = None,
    ) -> Completed:
        """Run `argv` and wait for its end."""


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    reads: Sequence[Path] = (),  # noqa: ARG001  a RunInside without walls: everything is readable
    stdout: int | None = None,
    stdin: int | None = None,
    keep_open: Sequence[int] = (),
) -> Completed:
    """Run a command in a process group of its own; when the call is cancelled, the whole group is ended.

    Output goes to unnamed files rather than pipes, so that a grandchild that holds them open cannot keep us waiting.
    The last 64 MiB of stdout and 64 KiB of stderr are kept. `stdin` is an open descriptor, or None for no input;
    `keep_open` lists descriptors that the command inherits.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = await _start(
            *argv,
            cwd=cwd,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL if stdin is None else stdin,
            stdout=out if stdout is None else stdout,
            stderr=err,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
        try:
            code = await process.wait()
        finally:
            await _end(process)
        return Completed(code, _last(out, _OUTPUT_LIMIT), _last(err, _COMPLAINT_LIMIT))


async def _start(*argv: str, **options: Any) -> asyncio.subprocess.Process:
    """Start a process; a cancellation meanwhile ends the whole group, where asyncio would kill its leader alone."""
    starting = asyncio.create_task(asyncio.create_subprocess_exec(*argv, **options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):
            await _end(await starting)
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    """End what is left of the group: politely while its leader lives, since git then removes its lock files."""
    try:
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_SECONDS):
                    await process.wait()
    finally:
        _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _last(file: IO[bytes], limit: int) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - limit))
    return file.read(limit)


_OURS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("commit.gpgSign", "false"),
    ("gc.auto", "0"),  # clones borrow objects that the mirror itself may not need any more
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("credential.helper", ""),
)


def environment(home: Path, config: Iterable[tuple[str, str]] = (), protocols: str = "file") -> dict[str, str]:
    """The whole environment of a git command: nobody's configuration but what stands here.

    `config` is added to our own (https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT);
    `protocols` is a colon-separated list of the transports that git may use at all.
    """
    settings = (*_OURS, *config)
    pairs = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(settings)}
    values = {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(settings)}
    return {
        "PATH": SEARCH_PATH,
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_EDITOR": "true",
        "GIT_CONFIG_COUNT": str(len(settings)),
        **pairs,
        **values,
    }
