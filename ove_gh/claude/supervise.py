"""Runs one command, and ends everything below it when it ends or when the service dies. A program of its own.

    python -I -S supervise.py SERVICE_PID COMMAND …

An agent's shell can start processes that outlive it, in a session of their own (`setsid`, a daemon). On Linux this
process adopts them (PR_SET_CHILD_SUBREAPER) and is told when the service is gone (PR_SET_PDEATHSIG, even by SIGKILL);
see https://man7.org/linux/man-pages/man2/prctl.2.html. That signal is tied to the *thread* that started this process:
the service starts it from its event loop's thread, which lives as long as the service does.
It imports the standard library alone: it runs without the service's packages, in an environment made from nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(service: int, command: list[str]) -> NoReturn:
    """Become the supervisor of `command`; ends with its exit code."""
    os.setsid()
    if sys.platform != "linux":
        os.execv(command[0], command)  # noqa: S606 - becoming the command is what this program is for
    signal.signal(signal.SIGTERM, _stop)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != service:
        sys.exit(128 + signal.SIGTERM)
    child = _start(command)
    _let_go_of_the_pipes()
    code = _outcome_of(child)
    end_everything_below()
    sys.exit(code)


def _start(command: list[str]) -> int:
    supervisor = os.getpid()
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == supervisor:
        os.execv(command[0], command)  # noqa: S606 - becoming the command is what this program is for
    os._exit(128 + signal.SIGKILL)


def _let_go_of_the_pipes() -> None:
    """The service must see the end of the CLI's output as soon as the CLI is gone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def _outcome_of(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_everything_below()
    os._exit(128 + signal.SIGTERM)


def end_everything_below() -> None:
    """SIGKILL every descendant; return when none is left."""
    while True:
        for pid in _below(os.getpid()):
            _kill(pid)
        try:
            os.wait()
        except ChildProcessError:
            return


def _below(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(ancestor, ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def _parent(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:  # it ended while we looked
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
