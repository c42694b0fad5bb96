"""What happens in a turn, kept as it happens: the steps of its record, and which words of people it has taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ove_gh.agent import TraceStep
from ove_gh.loop import Bell
from ove_gh.store import messages, traces
from ove_gh.store.database import Database
from ove_gh.store.traces import Step
from ove_gh.store.transaction import to_its_end
from ove_gh.tasks import Turn

PAUSE_SECONDS = 1.0
"""Between two writings: steps come in bursts, and each commit costs a disk's sync."""


class TurnLog:
    """Writes what one turn reports, in batches."""

    def __init__(self, database: Database, turn: Turn, *, clock: Callable[[], float]) -> None:
        self._database, self._turn, self._clock = database, turn, clock
        self._steps: list[Step] = []
        self._taken: list[int] = []
        self._changed = Bell()

    def step(self, step: TraceStep) -> None:
        """The agent has done something."""
        self._steps.append(Step(step.at, step.kind, step.summary, step.detail))
        self._changed.ring()

    def note(self, summary: str) -> None:
        """Something happened to the turn itself."""
        self._steps.append(Step(self._clock(), "lifecycle", summary))
        self._changed.ring()

    def took(self, message_id: int) -> None:
        """The agent has got what somebody said to it."""
        self._taken.append(message_id)
        self._changed.ring()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Within this, what is reported is written; all of it is when this ends."""
        keeping = asyncio.create_task(self._keep(), name="turn log")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            await self._write()
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            raise error

    async def _keep(self) -> None:
        while True:
            await self._changed.wait(3600)
            self._changed.hush()
            await to_its_end(self._write())  # cut off behind its commit, it would be written once more
            await asyncio.sleep(PAUSE_SECONDS)

    async def _write(self) -> None:
        if not self._steps and not self._taken:
            return
        steps, taken = self._steps[:], self._taken[:]
        async with self._database.writing() as connection:
            await traces.add(connection, task_id=self._turn.task_id, turn_id=self._turn.id, steps=steps)
            for message_id in taken:
                await messages.taken(connection, message_id, now=self._clock())
        del self._steps[: len(steps)]
        del self._taken[: len(taken)]
