"""Tests of waits: commits whose checks decide about a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any

import pytest

from ove_gh.ci import FailureLine, LapEnd
from ove_gh.store import tables, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.waits import Wait
from ove_gh.tasks import Status
from tests.payloads import HEAD
from tests.store.rows import (
    GREEN,
    NOW,
    PULL,
    RED,
    REPORT,
    add_task,
    all_rows,
    claimed,
    look,
    turn_red,
    wait,
    waiting_for_checks,
)

pytestmark = pytest.mark.anyio

OTHER = "c" * 40


async def due(database: Database, busy: Collection[str] = (), now: float = NOW, limit: int = 99) -> list[int]:
    """The ids of the waits to look at."""
    async with database.reading() as connection:
        return [one.id for one in await waits.due(connection, now=now, busy=busy, limit=limit)]


async def hint(database: Database, what: Callable[..., Awaitable[int]], *about: Any, **more: Any) -> int:
    """Somebody gives a hint; returns how many waits it is about."""
    async with database.writing() as connection:
        return await what(connection, *about, **more)


async def end(database: Database, seen: Wait, lap: Any = GREEN, **more: Any) -> bool:
    """Somebody ends a wait."""
    async with database.writing() as connection:
        return await waits.end(connection, seen, lap, now=NOW, **more)


async def move(database: Database, task_id: int, source: Status, target: Status) -> None:
    """A task moves."""
    async with database.writing() as connection:
        await store.move(connection, task_id, source, target, now=NOW)


async def quiet(database: Database, **more: Any) -> Wait:
    """A wait that was looked at, and of which nothing was heard since."""
    begun = await waiting_for_checks(database, **more)
    await look(database, begun)
    return await wait(database, begun.id)


# -- looking -----------------------------------------------------------------------------------------------------------


async def test_a_new_wait_is_looked_at_at_once(database: Database) -> None:
    """Checks may be quicker than we are: the first look needs no webhook. After it, the wait costs nothing."""
    begun = await waiting_for_checks(database)
    assert await due(database) == [begun.id]
    await look(database, begun)
    assert await due(database, now=NOW + 1e9) == []
    async with database.reading() as connection:
        assert await waits.next_due_at(connection, now=NOW) is None


async def test_a_hint_that_comes_while_one_looks_is_not_lost(database: Database) -> None:
    """The note of a look covers the hints from before it, and not those that came meanwhile."""
    seen = await waiting_for_checks(database)
    assert await hint(database, waits.hint_commit, 42, HEAD) == 1
    await look(database, seen)
    assert await due(database) == [seen.id]
    await look(database, await wait(database, seen.id))
    assert await due(database) == []


async def test_many_hints_are_one_look(database: Database) -> None:
    """A burst of webhooks is dealt with by whoever looks next."""
    seen = await quiet(database)
    for _ in range(10):
        await hint(database, waits.hint_commit, 42, HEAD)
    assert await due(database) == [seen.id]
    await look(database, await wait(database, seen.id))
    assert await due(database) == []


async def test_a_look_can_be_wanted_at_a_time(database: Database) -> None:
    """Where time alone decides (a grace that ends), the wait is due then without any hint."""
    begun = await waiting_for_checks(database)
    await look(database, begun, again_at=NOW + 30)
    assert await due(database, now=NOW + 29) == []
    assert await due(database, now=NOW + 30) == [begun.id]
    async with database.reading() as connection:
        assert await waits.next_due_at(connection, now=NOW) == NOW + 30
        assert await waits.next_due_at(connection, now=NOW + 30) is None


async def test_a_look_that_is_put_off_is_not_hurried_by_hints(database: Database) -> None:
    """While GitHub is out of reach a burst of webhooks asks it no more often; a look that succeeds begins anew."""
    begun = await waiting_for_checks(database)
    async with database.writing() as connection:
        await waits.put_off(connection, begun, until=NOW + 30)
    await hint(database, waits.hint_commit, 42, HEAD)
    assert await due(database, now=NOW + 29) == []
    assert await due(database, now=NOW + 30) == [begun.id]
    again = await wait(database, begun.id)
    assert again.tries == 1
    await look(database, again, now=NOW + 30)
    assert (await wait(database, begun.id)).tries == 0
    await hint(database, waits.hint_commit, 42, HEAD)
    assert await due(database, now=NOW + 30) == [begun.id]


async def test_what_is_looked_at_is_not_due_again(database: Database) -> None:
    """A busy wait makes room for the next one, also at the limit."""
    first, second = [(await waiting_for_checks(database, number=n, pull=100 + n)).id for n in (1, 2)]
    assert await due(database, limit=1) == [first]
    assert await due(database, busy={str(first)}, limit=1) == [second]


# -- whom a hint reaches -----------------------------------------------------------------------------------------------


async def test_a_hint_reaches_just_the_waits_it_is_about(database: Database) -> None:
    """By commit, by branch, and by the number of the pull request or of the thread, in the one repository."""
    mine = await quiet(database, number=3, pull=PULL, sha=HEAD, branch="ove/3-total")
    await quiet(database, number=4, pull=14, sha=OTHER, branch="ove/4-other")
    for what, about in (
        (waits.hint_commit, HEAD),
        (waits.hint_branch, "ove/3-total"),
        (waits.hint_pull, PULL),
        (waits.hint_pull, 3),
    ):
        assert await hint(database, what, 43, about) == 0
        assert await hint(database, what, 42, about) == 1
        assert await due(database) == [mine.id]
        await look(database, await wait(database, mine.id))
    assert await hint(database, waits.hint_commit, 42, "d" * 40) == 0


async def test_the_end_of_another_task_is_a_hint_for_its_thread(database: Database) -> None:
    """Checks that waited for somebody's newer request are looked at when that has ended; other threads are not."""
    mine = await quiet(database, number=3)
    await quiet(database, number=4, pull=14, sha=OTHER)
    newer = await add_task(database, number=3)
    await move(database, newer.id, Status.PENDING, Status.CANCELLED)
    assert await due(database) == [mine.id]


async def test_only_silent_waits_are_swept(database: Database) -> None:
    """The sweep looks at open waits of which nothing was heard since a moment: looked at last, or pushed."""
    silent = await quiet(database, number=3)
    heard = await quiet(database, number=4, pull=14, sha=OTHER)
    await look(database, heard, now=NOW + 100)
    young = await waiting_for_checks(database, number=5, pull=15, sha="d" * 40, now=NOW + 100)
    assert await hint(database, waits.hint_silent, since=NOW) == 0
    assert await hint(database, waits.hint_silent, since=NOW + 100) == 1
    assert await due(database) == [silent.id, young.id]
    assert await due(database, busy={str(young.id)}) == [silent.id]


async def _ended(database: Database, seen: Wait) -> None:
    assert await end(database, seen)


async def _left(database: Database, seen: Wait) -> None:
    await move(database, seen.task_id, Status.WAITING_CI, Status.CANCELLED)


async def _running(database: Database, seen: Wait) -> None:
    await turn_red(database, seen)
    await claimed(database)


async def _given_up(database: Database, seen: Wait) -> None:
    assert await end(database, seen, RED, report=REPORT)
    await move(database, seen.task_id, Status.WAITING_CI, Status.FAILED)


async def _followed(database: Database, seen: Wait) -> None:
    """The attempt pushed another commit, whose checks were red, too."""
    await _running(database, seen)
    async with database.writing() as connection:
        later = await waits.begin(connection, seen.task_id, sha=OTHER, base_sha="", previous_sha=HEAD, pushed_at=NOW)
        await store.move(connection, seen.task_id, Status.RUNNING, Status.WAITING_CI, now=NOW)
    await turn_red(database, later)


@pytest.mark.parametrize("happened", [_ended, _left, _running, _given_up, _followed])
async def test_hints_about_what_is_decided_reach_nobody(
    database: Database, happened: Callable[[Database, Wait], Awaitable[None]]
) -> None:
    """A wait that ended, whose task left it, whose agent works, or that a newer one follows: nothing to look at."""
    seen = await quiet(database)
    await happened(database, seen)
    assert await hint(database, waits.hint_commit, 42, HEAD) == 0
    assert seen.id not in await due(database)


async def test_a_red_wait_can_still_turn_green(database: Database) -> None:
    """While the turn that answers it is queued, or asks people, a re-run is worth a look; the sweep leaves it alone."""
    red = await turn_red(database, await waiting_for_checks(database))
    assert await due(database) == []
    assert await hint(database, waits.hint_commit, 42, HEAD) == 1
    assert await due(database) == [red.id]
    await look(database, await wait(database, red.id))
    running = await claimed(database)
    async with database.writing() as connection:
        await store.move(connection, running.task_id, Status.RUNNING, Status.WAITING_USER, now=NOW)
    assert await hint(database, waits.hint_silent, since=NOW + 1e9) == 0
    assert await hint(database, waits.hint_commit, 42, HEAD) == 1


# -- the end -----------------------------------------------------------------------------------------------------------


async def test_of_two_that_end_a_wait_one_wins(database: Database) -> None:
    """Both read the same row; the second is told that somebody was first, and changes nothing."""
    seen = await waiting_for_checks(database)
    laps = [replace(GREEN, passed=passed) for passed in range(5)]
    won = await asyncio.gather(*(end(database, seen, lap) for lap in laps))
    assert sorted(won) == [False] * 4 + [True]
    assert (await wait(database, seen.id)).lap == laps[won.index(True)]
    assert await due(database) == []


async def test_a_red_wait_turns_green_once(database: Database) -> None:
    """Who saw it open cannot end it any more; of those who saw it red, one turns it green."""
    seen = await waiting_for_checks(database)
    red = await turn_red(database, seen)
    assert not await end(database, seen)
    assert [await end(database, red), await end(database, red)] == [True, False]
    green = await wait(database, seen.id)
    assert (green.end, green.report) == (LapEnd.GREEN, None)


async def test_an_end_is_read_as_it_was_written(database: Database) -> None:
    """The lap and the report come back whole, after JSON."""
    seen = await waiting_for_checks(database)
    base = (FailureLine("lint", "https://github.example/l"),)
    lap = replace(RED, on_base=base, running=("slow",), by="bob")
    assert await end(database, seen, lap, report=REPORT)
    ended = await wait(database, seen.id)
    assert (ended.end, ended.lap, ended.report, ended.attempt, ended.asks) == (LapEnd.RED, lap, REPORT, None, False)
    [row] = await all_rows(database, tables.waits)
    assert (row["ended_at"], row["looked_at"], row["due_at"]) == (NOW, NOW, None)


@pytest.mark.parametrize(("attempt", "asks"), [(2, False), (None, True)])
async def test_an_answer_is_told_with_the_lap(database: Database, attempt: int | None, asks: bool) -> None:
    """Which attempt answers a red wait, or that people are asked, stands in its row and in the story."""
    seen = await waiting_for_checks(database)
    assert await end(database, seen, RED, report=REPORT)
    async with database.writing() as connection:
        await waits.answer(connection, seen, attempt=attempt, asks=asks)
    answered = await wait(database, seen.id)
    assert (answered.attempt, answered.asks, answered.lap) == (attempt, asks, replace(RED, attempt=attempt))


async def test_a_thread_remembers_its_commits(database: Database) -> None:
    """The newest wait of a thread is found over all its tasks, and each commit once; other threads' are not."""
    first = await waiting_for_checks(database)
    assert await end(database, first)
    await move(database, first.task_id, Status.WAITING_CI, Status.COMPLETED)
    second = await waiting_for_checks(database, sha=OTHER)
    await waiting_for_checks(database, number=4, pull=14, sha="d" * 40)
    async with database.writing() as connection:
        again = await waits.begin(connection, second.task_id, sha=OTHER, base_sha="", previous_sha="", pushed_at=NOW)
        thread_id = (await store.task_by_id(connection, first.task_id)).thread_id
        assert await waits.newest_of_thread(connection, thread_id) == again
        assert await waits.newest_of_thread(connection, 99) is None
        assert await waits.shas_of_thread(connection, thread_id) == [HEAD, OTHER]
        assert [one.id for one in await waits.of_task(connection, second.task_id)] == [second.id, again.id]
