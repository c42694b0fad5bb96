"""The status comment while the agent works: what it is doing now, brought into the outbox from time to time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from ove_gh import comments
from ove_gh.agent import Progress, Step
from ove_gh.loop import Bell
from ove_gh.store import outbox
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import status_key
from ove_gh.store.tasks import place_of
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Task, Thread, Turn
from ove_gh.telling import Teller

EDITS_PER_DOUBLING = 14
"""About how many edits a status comment sees while the work's duration doubles."""


def pause_after(elapsed: float, interval: float) -> float:
    """How many seconds to wait for the next edit of a task that has been worked on for `elapsed` seconds.

    The longer it takes, the less a second matters. GitHub allows an App some 500 writes an hour
    (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits):
    this way one task needs about a hundred of them.
    """
    return max(interval, elapsed / (EDITS_PER_DOUBLING / math.log(2)))


class LiveStatus:
    """Keeps one turn's status comment up to date while the agent works.

    `interval` is the least time between two edits, in seconds. The agent's progress is also where the session's id
    first shows; it is written to the thread at once, because a crash may come at any time.
    """

    def __init__(
        self,
        database: Database,
        *,
        teller: Teller,
        thread: Thread,
        task: Task,
        turn: Turn,
        interval: float,
        clock: Callable[[], float],
        ring: Callable[[], None],
    ) -> None:
        self._database, self._teller, self._thread, self._task, self._turn = database, teller, thread, task, turn
        self._interval = interval
        self._clock, self._ring = clock, ring
        self._changed = Bell()
        self._session_id = thread.session_id
        self._elapsed = 0.0
        self._done_before: list[Step] | None = None
        self.progress = Progress()

    def report(self, progress: Progress) -> None:
        """The agent says what it is doing."""
        if self._done_before is None:
            self._done_before = [step for step in progress.checklist if step.state == "completed"]
        self.progress = progress
        self._changed.ring()

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Within this, what is reported is shown."""
        await self._write()
        showing = asyncio.create_task(self._show(), name="status comment")
        try:
            yield
        finally:
            showing.cancel()
            await asyncio.wait([showing])
        if not showing.cancelled() and (error := showing.exception()) is not None:
            raise error

    def on_branch(self, thread: Thread) -> None:
        """The branch is known now."""
        self._thread = thread
        self._changed.ring()

    async def _show(self) -> None:
        while True:
            await self._changed.wait(3600)
            self._changed.hush()
            await self._write()
            if self._session_id is not None:
                await asyncio.sleep(pause_after(self._elapsed, self._interval))

    async def _write(self) -> None:
        now = self._clock()
        async with self._database.writing() as connection:
            view = await self._view(connection, now)
            self._elapsed = view.elapsed_seconds
            key = status_key(self._task.id)
            # A scheduled run that finds nothing to do leaves no comment, so it begins none.
            if self._task.schedule_id is None or await outbox.stands(connection, key):
                place = place_of(self._thread, self._task.number)
                await outbox.comment(connection, place, key, comments.status_working(view), now=now)
            if self.progress.session_id not in (None, self._session_id):
                self._session_id = self.progress.session_id
                await store.change_thread(connection, self._thread.id, session_id=self._session_id)
        self._ring()

    async def _view(self, connection: Transaction, now: float) -> comments.StatusView:
        # A session keeps its list from task to task: what an earlier task has ticked off is not this one's work.
        begins = self._turn.position == 1 and self._turn.starts == 0
        before = (self._done_before or []) if begins else []
        checklist = tuple(step for step in self.progress.checklist if step not in before)
        view = await self._teller.view(connection, self._task.id, now=now, checklist=checklist)
        return replace(
            view,
            cost_usd=self._task.cost_usd + self.progress.cost_usd,
            branch=self._thread.branch,
            activity=self.progress.activity,
        )
