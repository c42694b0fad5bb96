"""Tests of the schedules' rows."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from ove_gh.comments import ScheduleState
from ove_gh.schedules import Rule
from ove_gh.store import schedules
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.schedules import Schedule
from ove_gh.tasks import Home, Status, Target
from tests.payloads import ALICE, HOME
from tests.store.rows import NOW, place

pytestmark = pytest.mark.anyio

ELSEWHERE = Home(8, 43, "bob/wiki")


async def add(
    database: Database, home: Home = HOME, *, due_at: float = NOW, cron: str | None = "0 9 * * *"
) -> Schedule:
    """Alice wants the dependencies updated, every day at nine."""
    async with database.writing() as connection:
        return await schedules.add(
            connection,
            home,
            issue=3,
            issue_title="Dependencies",
            owner=ALICE.person,
            url="https://github.example/5",
            name=None,
            words="every day at 9",
            cron=cron,
            zone="Europe/Stockholm",
            request="update the dependencies",
            due_at=due_at,
            now=NOW,
        )


async def change(database: Database, schedule: Schedule, **values: Any) -> Schedule:
    """A row's columns are set."""
    async with database.writing() as connection:
        await schedules.change(connection, schedule.id, **values)
        return await schedules.by_id(connection, schedule.id)


async def due(database: Database, busy: Collection[str] = (), now: float = NOW, limit: int = 99) -> list[int]:
    """The ids of what is due."""
    async with database.reading() as connection:
        return [row.id for row in await schedules.due(connection, now=now, busy=busy, limit=limit)]


async def test_a_schedule_is_read_as_it_was_written(database: Database) -> None:
    """Every column comes back; a rule makes it active, and words that nobody has read yet do not."""
    written = await add(database)
    assert (written.number, written.place, written.owner) == (1, place(3), ALICE.person)
    assert (written.rule, written.state) == (Rule("0 9 * * *", "Europe/Stockholm"), ScheduleState.ACTIVE)
    assert (written.due_at, written.tries, written.last_run_at, written.last_outcome) == (NOW, 0, None, None)
    unread = await add(database, cron=None)
    assert (unread.rule, unread.state) == (None, ScheduleState.READING)
    async with database.reading() as connection:
        assert await schedules.by_number(connection, HOME.repository_id, 2) == unread
        assert await schedules.number_of(connection, unread.id) == 2
        assert await schedules.number_of(connection, 99) is None


async def test_numbers_count_up_in_each_repository_and_never_come_back(database: Database) -> None:
    """After a removal the next number is a new one: `unschedule 2` must not mean another one tomorrow."""
    first, second, other = await add(database), await add(database), await add(database, ELSEWHERE)
    assert [row.number for row in (first, second, other)] == [1, 2, 1]
    await change(database, second, state=ScheduleState.REMOVED, due_at=None)
    assert (await add(database)).number == 3
    async with database.reading() as connection:
        assert await schedules.by_number(connection, HOME.repository_id, 2) is None
        assert [row.number for row in await schedules.of_repository(connection, HOME.repository_id)] == [1, 3]


async def test_what_is_due_is_what_lives_and_is_not_busy(database: Database) -> None:
    """Suspended, removed and refused ones are never due; the one that waits longest comes first."""
    late, later, busy = [await add(database, due_at=NOW - seconds) for seconds in (10, 20, 30)]
    future = await add(database, due_at=NOW + 5)
    for state in (ScheduleState.SUSPENDED_RIGHT, ScheduleState.REMOVED, ScheduleState.REFUSED):
        await change(database, await add(database), state=state)
    await change(database, late, state=ScheduleState.PAUSED_CLOSED)
    assert await due(database, busy=[str(busy.id)]) == [later.id, late.id]
    assert await due(database, limit=1) == [busy.id]
    async with database.reading() as connection:
        assert await schedules.next_due_at(connection, now=NOW) == future.due_at
        assert await schedules.next_due_at(connection, now=NOW + 5) is None


async def test_one_of_two_who_saw_it_due_has_it(database: Database) -> None:
    """Both read the same row, and only the first to move it on may act; so a time fires once."""
    seen = await add(database)

    async def claim(next_time: float) -> bool:
        async with database.writing() as connection:
            return await schedules.claim_due(connection, seen, due_at=next_time, tries=0)

    assert sorted(await asyncio.gather(claim(NOW + 60), claim(NOW + 60), claim(NOW + 60))) == [False, False, True]
    assert await due(database) == []
    assert await due(database, now=NOW + 60) == [seen.id]


async def test_a_removed_schedule_cannot_be_claimed(database: Database) -> None:
    """Somebody removed it between the look and the deed: nothing starts."""
    seen = await add(database)
    await change(database, seen, state=ScheduleState.REMOVED)
    async with database.writing() as connection:
        assert not await schedules.claim_due(connection, seen, due_at=NOW + 60)


@pytest.mark.parametrize("status", list(Status))
async def test_it_runs_until_its_task_has_ended(database: Database, status: Status) -> None:
    """A task that waits for its checks, or for people, is a run that is still going."""
    schedule, other = await add(database), await add(database)
    async with database.writing() as connection:
        thread = await store.open_thread(connection, schedule.place, "Dependencies")
        task = await store.add_task(
            connection,
            thread,
            number=3,
            request="update",
            source=Target("schedule", schedule.id, ""),
            requester=ALICE.person,
            now=NOW,
            schedule_id=schedule.id,
        )
        if status not in (Status.PENDING, Status.CANCELLED):
            await store.move(connection, task.id, Status.PENDING, Status.RUNNING, now=NOW)
        if status not in (Status.PENDING, Status.RUNNING):
            before = Status.PENDING if status is Status.CANCELLED else Status.RUNNING
            await store.move(connection, task.id, before, status, now=NOW)
        assert await schedules.is_running(connection, schedule.id) is not status.is_final
        assert not await schedules.is_running(connection, other.id)


async def test_schedules_follow_their_repository(database: Database) -> None:
    """A renamed repository, or an App installed anew, is reached the new way; other repositories are left alone."""
    mine, other = await add(database), await add(database, ELSEWHERE)
    moved = Home(17, HOME.repository_id, "alice/store")
    async with database.writing() as connection:
        await schedules.follow(connection, moved)
        assert (await schedules.by_id(connection, mine.id)).home == moved
        assert (await schedules.by_id(connection, other.id)).home == ELSEWHERE
