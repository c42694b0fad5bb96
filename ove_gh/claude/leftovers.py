"""Finds and ends what a turn started, by a mark in the processes' environment."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

from ove_gh.claude.launch import SUPERVISE, TURN, TURN_OF

PROC = Path("/proc")
GRACE_SECONDS = 1.0
"""How long to wait for a process to be gone; only one that is stuck inside the kernel takes longer."""


def end_leftovers(service: str) -> list[int]:
    """End every process that a turn of this service (its data directory's id) started; returns their ids.

    Call it before the first turn: what an earlier run left must not write to a clone that is in use again.
    """
    return _end_marked(f"{TURN_OF}={service}")


def end_turn(turn_id: str) -> list[int]:
    """End every process of one turn; returns their ids."""
    return _end_marked(f"{TURN}={turn_id}")


def _end_marked(mark: str) -> list[int]:
    """Let the supervisors end what is below them, also what has shed its mark; then end what is left."""
    marked = mark.encode()
    ended = [pid for pid in _marked(marked) if _is_supervisor(pid) and _end(pid, marked, signal.SIGTERM)]
    while fresh := [pid for pid in _marked(marked) if pid not in ended and _end(pid, marked, signal.SIGKILL)]:
        ended += fresh  # and look again: a process can fork between two looks
    return sorted(ended)


def _marked(mark: bytes) -> Iterator[int]:
    """The ids of processes with this mark; none where there is no /proc."""
    if PROC.is_dir():
        for entry in PROC.iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid() and _is_marked(int(entry.name), mark):
                yield int(entry.name)


def _is_marked(pid: int, mark: bytes) -> bool:
    return mark in _read(pid, "environ")


def _is_supervisor(pid: int) -> bool:
    return str(SUPERVISE).encode() in _read(pid, "cmdline")


def _read(pid: int, name: str) -> list[bytes]:
    try:
        return (PROC / str(pid) / name).read_bytes().split(b"\0")
    except OSError:  # it has ended, or is somebody else's
        return []


def _end(pid: int, mark: bytes, sent: signal.Signals) -> bool:
    """Signal and wait. The handle is taken before another look, so that a reused process id is never hit."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not _is_marked(pid, mark):
            return False
        signal.pidfd_send_signal(handle, sent)
        gone, _, _ = select.select([handle], [], [], GRACE_SECONDS)
        return bool(gone)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
