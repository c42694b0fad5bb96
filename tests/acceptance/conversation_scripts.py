"""How tests meet a turn that runs: a gate in the agent's command, and what the agent has been told by then."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ove_gh.demo.github import Comment
from ove_gh.demo.model import Request
from ove_gh.demo.stage import Stage
from tests.acceptance.scripts import BOT, in_thread


class Gate:
    """Where a command of the agent's stands until the test opens it, whatever the clock says.

    It is two named pipes. Both are open here for reading and writing, so that neither side blocks to open one.
    """

    def __init__(self, folder: Path) -> None:
        self._bell, self._gate = folder / "bell", folder / "gate"
        for pipe in (self._bell, self._gate):
            os.mkfifo(pipe)
        self._bell_end, self._gate_end = (os.open(p, os.O_RDWR | os.O_NONBLOCK) for p in (self._bell, self._gate))

    @property
    def command(self) -> str:
        """A shell command that rings, and then waits to be let through; each opening lets one through."""
        return f"echo > {self._bell}; read -r _ < {self._gate}"

    async def reached(self) -> None:
        """Wait until a command stands before the gate."""
        rung, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._bell_end, rung.set)
        try:
            async with asyncio.timeout(30):
                await rung.wait()
        finally:
            loop.remove_reader(self._bell_end)
        os.read(self._bell_end, 1)

    def open(self) -> None:
        """Let the command go on."""
        os.write(self._gate_end, b"\n")

    def close(self) -> None:
        """Give the pipes back."""
        os.close(self._bell_end)
        os.close(self._gate_end)


@contextmanager
def gate_in(folder: Path) -> Iterator[Gate]:
    """A gate with its pipes in a folder."""
    gate = Gate(folder)
    try:
        yield gate
    finally:
        gate.close()


async def until_handed_over(stage: Stage, words: str) -> None:
    """Wait until the CLI has got what somebody said: it writes that into the transcript at once."""
    query = "SELECT count(*) FROM transcripts WHERE instr(entry, ?)"
    async with asyncio.timeout(30):
        while True:
            with closing(sqlite3.connect(f"file:{stage.data_dir / 'ove.db'}?mode=ro", uri=True)) as connection:
                if connection.execute(query, [words]).fetchone()[0]:
                    return
            await asyncio.sleep(0.02)


async def taken(stage: Stage, comment: Comment) -> None:
    """Wait until a comment carries the App's 👀."""
    await stage.github.wait_for(lambda github: github.reactions(comment) == [(BOT, "eyes")], what="the eyes")


def beginning(number: int, words: str) -> Callable[[Request], bool]:
    """Tells a thread's later conversation from its first one, by words with which only that one can open."""
    return lambda request: in_thread(number)(request) and words in request.first_text
