"""Counts the Claude processes that a service has running, by what the kernel says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ClaudeProcess:
    """One of them, and how much memory it holds (in bytes, resident)."""

    pid: int
    memory: int


def claude_processes(data_dir: Path) -> list[ClaudeProcess] | None:
    """The Claude processes that work for the service on this data directory; None where there is no /proc to ask."""
    if not (PROC / "self").exists():
        return None
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [ClaudeProcess(pid, _memory(pid)) for pid in pids if _is_claude(pid, str(data_dir).encode())]


def _is_claude(pid: int, data_dir: bytes) -> bool:
    """The agent's configuration is in the data directory, and so the directory's name is in the environment."""
    program = _read(pid, "cmdline").partition(b"\0")[0]
    return program.endswith(b"/claude") and data_dir + b"/" in _read(pid, "environ")


def _memory(pid: int) -> int:
    pages = _read(pid, "statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""
