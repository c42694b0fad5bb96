"""Tests of recorded deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from ove_gh.store import inbox, tables
from ove_gh.store.database import Database
from tests.store.rows import NOW, all_rows

pytestmark = pytest.mark.anyio


async def record(database: Database, guid: str, lane: str | None = "42/3", now: float = NOW) -> bool:
    """A delivery came."""
    async with database.writing() as connection:
        return await inbox.record(
            connection, guid=guid, event="issues", lane=lane, body=b'{"guid": "%s"}' % guid.encode(), now=now
        )


async def due(database: Database, busy: Collection[str] = (), now: float = NOW, limit: int = 99) -> list[str]:
    """The GUIDs of what may be handled now."""
    async with database.reading() as connection:
        return [delivery.guid for delivery in await inbox.due(connection, now=now, busy=busy, limit=limit)]


async def number_of(database: Database, guid: str) -> int:
    """The row's id."""
    return next(int(row["id"]) for row in await all_rows(database, tables.inbox) if row["guid"] == guid)


async def put_off(database: Database, guid: str, until: float) -> None:
    """Something that the delivery needs is out of reach."""
    number = await number_of(database, guid)
    async with database.writing() as connection:
        await inbox.put_off(connection, number, until=until, problem="GitHub is down")


async def handle(database: Database, guid: str) -> None:
    """The delivery is handled."""
    number = await number_of(database, guid)
    async with database.writing() as connection:
        await inbox.handled(connection, number, now=NOW)


async def test_a_delivery_is_recorded_as_it_came(database: Database) -> None:
    """Its event, its lane and its very bytes are there for whoever handles it."""
    assert await record(database, "a", lane=None)
    async with database.reading() as connection:
        [delivery] = await inbox.due(connection, now=NOW, busy=(), limit=1)
    assert (delivery.guid, delivery.event, delivery.lane) == ("a", "issues", "delivery a")
    assert (delivery.body, delivery.tries) == (b'{"guid": "a"}', 0)


async def test_fifty_at_once_are_recorded_once(database: Database) -> None:
    """Fifty concurrent deliveries with one GUID make one row, and just one of them is told that it was new."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(record(database, "a")) for _ in range(50)]
    assert sum(task.result() for task in tasks) == 1
    assert len(await all_rows(database, tables.inbox)) == 1


async def test_a_handled_delivery_is_known_for_ever(database: Database) -> None:
    """A redelivery after the first was handled is not recorded again."""
    await record(database, "a")
    await handle(database, "a")
    assert not await record(database, "a")
    assert await due(database) == []


async def test_a_duplicate_does_not_undo_its_transaction(database: Database) -> None:
    """What else was written in the transaction of a known GUID is committed."""
    await record(database, "a")
    async with database.writing() as connection:
        for guid in ("b", "a", "c"):
            await inbox.record(connection, guid=guid, event="issues", lane=guid, body=b"", now=NOW)
    assert await due(database) == ["a", "b", "c"]


async def test_a_lane_gives_its_oldest_delivery(database: Database) -> None:
    """Of each thread only the first waiting delivery may be handled, in the order in which they came."""
    for guid, lane in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b")):
        await record(database, guid, lane)
    assert await due(database) == ["a1", "b1"]
    await handle(database, "a1")
    assert await due(database) == ["b1", "a2"]


async def test_a_busy_lane_gives_nothing(database: Database) -> None:
    """While a delivery of a thread is being handled, the next one waits; other threads go on."""
    for guid, lane in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        await record(database, guid, lane)
    assert await due(database, busy={"a"}) == ["b1"]


async def test_deliveries_without_a_thread_wait_for_nobody(database: Database) -> None:
    """What speaks of no thread has no order to keep."""
    for guid in ("x", "y", "z"):
        await record(database, guid, None)
    assert await due(database) == ["x", "y", "z"]


async def test_no_more_than_asked_for(database: Database) -> None:
    """A limit is kept, and the oldest come first."""
    for guid in ("a", "b", "c"):
        await record(database, guid, guid)
    assert await due(database, limit=2) == ["a", "b"]


async def test_a_delivery_that_is_put_off_holds_up_its_lane_alone(database: Database) -> None:
    """Order is kept over a pause: what came later in the thread waits with it, other threads do not."""
    for guid, lane in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        await record(database, guid, lane)
    await put_off(database, "a1", NOW + 30)
    assert await due(database) == ["b1"]
    assert await due(database, now=NOW + 30) == ["a1", "b1"]


async def test_the_next_moment_to_look_is_known(database: Database) -> None:
    """It is when the first delivery that was put off falls due; none when nothing is put off."""
    for guid in ("a", "b", "c"):
        await record(database, guid, guid)
    await put_off(database, "a", NOW + 30)
    await put_off(database, "b", NOW + 20)
    await put_off(database, "c", NOW + 10)
    await handle(database, "c")
    async with database.reading() as connection:
        assert await inbox.next_due_at(connection, now=NOW) == NOW + 20
        assert await inbox.next_due_at(connection, now=NOW + 20) == NOW + 30
        assert await inbox.next_due_at(connection, now=NOW + 30) is None


async def test_each_time_that_a_delivery_is_put_off_counts(database: Database) -> None:
    """The tries are there for the next pause to grow, and the row says what was in the way."""
    await record(database, "a")
    for _ in range(3):
        await put_off(database, "a", NOW)
    [row] = await all_rows(database, tables.inbox)
    assert (row["tries"], row["problem"]) == (3, "GitHub is down")
