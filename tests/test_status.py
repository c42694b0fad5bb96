"""Tests of the status comment while the agent works: what it says, and how often it is edited."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from ove_gh.agent import Progress, Step
from ove_gh.status import LiveStatus, pause_after
from ove_gh.store import tables
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import status_key
from ove_gh.tasks import Thread
from tests.store.rows import (
    NOW,
    TELLER,
    add_schedule,
    add_task,
    all_rows,
    claimed,
    task,
    turn_red,
    waiting_for_checks,
)


def edits_within(seconds: float, interval: float) -> int:
    """How often a comment is edited whose agent does something new all the time."""
    elapsed, edits = 0.0, 0
    while elapsed < seconds:
        elapsed += pause_after(elapsed, interval)
        edits += 1
    return edits


def test_the_first_minute_is_followed_closely() -> None:
    """At the beginning the comment is edited as often as the operator allows."""
    assert edits_within(60, 5) == 12


def test_an_hour_of_work_stays_far_below_githubs_limit() -> None:
    """Four agents that work for an hour leave room in the 500 writes an hour that GitHub allows."""
    assert 4 * edits_within(3600, 5) < 450


# -- what it says ------------------------------------------------------------------------------------------------------


@dataclass
class Shown:
    """A running turn, and what people are to see of it."""

    database: Database
    task_id: int
    status: LiveStatus
    rings: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    async def says(self) -> str | None:
        """What the status comment is to say; None when there is to be none."""
        found = await all_rows(self.database, tables.outbox)
        return next((row["content"]["body"] for row in found if row["key"] == status_key(self.task_id)), None)

    async def report(self, progress: Progress) -> str | None:
        """The agent says what it is doing; returns what people are to see then."""
        while not self.rings.empty():
            self.rings.get_nowait()
        self.status.report(progress)
        async with asyncio.timeout(10):
            await self.rings.get()
        return await self.says()

    async def thread(self) -> Thread:
        """The thread as it is now."""
        async with self.database.reading() as connection:
            return await store.thread_by_id(connection, (await store.task_by_id(connection, self.task_id)).thread_id)


async def running(database: Database, task_id: int) -> Shown:
    """The status comment of a task whose turn was claimed just now."""
    turn = await claimed(database)
    assert turn.task_id == task_id
    rings = asyncio.Queue[None]()
    made = await task(database, task_id)
    async with database.reading() as connection:
        thread = await store.thread_by_id(connection, made.thread_id)
    status = LiveStatus(
        database,
        teller=TELLER,
        thread=thread,
        task=made,
        turn=turn,
        interval=0,
        clock=lambda: NOW + 40,
        ring=lambda: rings.put_nowait(None),
    )
    return Shown(database, task_id, status, rings)


WORKING = Progress("Running `pytest`", (Step("Fix it", "in_progress"),), 0.5, "session")


@pytest.mark.anyio
async def test_people_see_at_once_that_it_works_and_then_what_it_does(database: Database) -> None:
    """The comment stands before the agent says anything; then it shows what is done, since when and at what cost."""
    shown = await running(database, (await add_task(database)).id)
    async with shown.status.shown():
        assert "Working on it" in (await shown.says() or "")
        said = await shown.report(WORKING)
    assert said is not None
    assert all(part in said for part in ("40 s", "$0.50", "Fix it", "pytest"))
    assert shown.status.progress == WORKING


@pytest.mark.anyio
async def test_the_session_is_noted_when_it_shows(database: Database) -> None:
    """A crash may come at any time: with the first progress that names the session, it stands in the thread's row."""
    shown = await running(database, (await add_task(database)).id)
    async with shown.status.shown():
        assert (await shown.thread()).session_id is None
        await shown.report(Progress("Starting"))
        assert (await shown.thread()).session_id is None
        await shown.report(WORKING)
        assert (await shown.thread()).session_id == "session"
        await shown.report(Progress(session_id="the one after a lost session"))
        assert (await shown.thread()).session_id == "the one after a lost session"


@pytest.mark.anyio
async def test_a_scheduled_run_begins_no_comment(database: Database) -> None:
    """It may find nothing to do, and then nobody is written to; its session is noted all the same."""
    made = await add_task(database, schedule=await add_schedule(database))
    shown = await running(database, made.id)
    async with shown.status.shown():
        assert await shown.report(WORKING) is None
    assert (await shown.thread()).session_id == "session"


@pytest.mark.anyio
@pytest.mark.parametrize("by_schedule", [True, False])
async def test_an_attempt_goes_on_in_the_comment_that_tells_of_the_checks(
    database: Database, by_schedule: bool
) -> None:
    """While the agent mends red checks, the comment tells which; also that of a scheduled run, once there is one."""
    schedule = await add_schedule(database) if by_schedule else None
    red = await turn_red(database, await waiting_for_checks(database, schedule=schedule))
    async with database.writing() as connection:
        await TELLER.back_at_it(connection, red.task_id, now=NOW)
    shown = await running(database, red.task_id)
    async with shown.status.shown():
        said = await shown.report(WORKING)
    assert said is not None
    assert all(part in said for part in ("attempt 1 of 3", "3 != 4", "$0.75", "pytest"))


@pytest.mark.anyio
async def test_what_an_earlier_task_has_ticked_off_is_not_shown_again(database: Database) -> None:
    """A session keeps its checklist: a new task shows what it adds to it, and ticks off itself."""
    made = await add_task(database)
    shown = await running(database, made.id)
    old = (Step("Fix the cart", "completed"), Step("Test the cart", "completed"))
    async with shown.status.shown():
        first = await shown.report(Progress("", old, 0.0, "session"))
        second = await shown.report(Progress("", (*old, Step("Say it in the README", "completed")), 0.0, "session"))
    assert first is not None
    assert second is not None
    assert "Fix the cart" not in first + second
    assert "- [x] Say it in the README" in second
