"""Tests of opening the database."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from ove_gh.store.database import Database, DatabaseFailed, open_database
from ove_gh.store.inbox import record
from ove_gh.store.tables import inbox, metadata
from tests.store import rows

pytestmark = pytest.mark.anyio


def differences(connection: Connection) -> list[object]:
    """What the tables in code have and the migrated database has not, or the other way round."""
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_migrations_make_the_tables_of_the_code(database: Database) -> None:
    """Whoever changes a table must write its migration: run from nothing, they give just the tables in tables.py."""
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_commit_survives_a_power_cut(database: Database) -> None:
    """SQLite runs with a write-ahead log, a full sync at each commit, and foreign keys."""
    async with database.reading() as connection:
        pragmas = [
            await connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    """A database that is opened a second time is migrated already, and keeps its rows."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'ove.db'}"
    first = await open_database(url)
    task = await rows.add_task(first)
    await first.close()
    second = await open_database(url)
    try:
        assert await rows.task(second, task.id) == task
    finally:
        await second.close()


async def test_a_database_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """A path that leads nowhere is said at the start, not at the first delivery."""
    with pytest.raises(DatabaseFailed):
        await open_database(f"sqlite+aiosqlite:///{tmp_path / 'missing' / 'ove.db'}")
    # The driver's thread still answers the loop when it ends, so the loop must not close before it.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


async def test_an_exception_undoes_the_whole_transaction(database: Database) -> None:
    """What was written before the exception is gone with it."""
    task = await rows.add_task(database)

    async def write_and_fail() -> None:
        async with database.writing() as connection:
            await connection.execute(text("UPDATE tasks SET cost_usd = 1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    assert await rows.task(database, task.id) == task


async def test_a_row_cannot_point_nowhere(database: Database) -> None:
    """The database refuses a turn without its task."""
    with pytest.raises(DatabaseFailed, match="FOREIGN KEY"):
        async with database.writing() as connection:
            await connection.execute(
                text(
                    "INSERT INTO turns (task_id, position, status, due_at, starts, clean_stops, tries, cost_usd)"
                    " VALUES (8, 1, 'queued', 0, 0, 0, 0, 0)"
                )
            )


async def test_writers_take_turns(database: Database) -> None:
    """Twenty writers that each read and then write lose no update."""
    await rows.add_task(database)

    async def count_up() -> None:
        async with database.writing() as connection:
            cost = await connection.scalar(text("SELECT cost_usd FROM tasks"))
            await asyncio.sleep(0)
            await connection.execute(text("UPDATE tasks SET cost_usd = :cost"), {"cost": cost + 1})

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(count_up())
    async with database.reading() as connection:
        assert await connection.scalar(text("SELECT cost_usd FROM tasks")) == 20


async def test_readers_are_not_held_up_by_a_writer(database: Database) -> None:
    """While a transaction writes, another one reads what was committed before."""
    task = await rows.add_task(database)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE tasks SET cost_usd = 1"))
        assert (await rows.task(database, task.id)).cost_usd == 0
    assert (await rows.task(database, task.id)).cost_usd == 1


async def test_a_writer_that_is_cancelled_locks_nobody_out(database: Database) -> None:
    """Wherever in its transaction a writer is cancelled, all or nothing of it happens, and the next one can write."""
    for moment in range(40):
        writer = asyncio.create_task(write_twice(database, f"cancelled {moment}"))
        for _ in range(moment):
            await asyncio.sleep(0)
        writer.cancel()
        await asyncio.wait([writer])
        await write_twice(database, f"next {moment}")
        async with database.reading() as connection:
            kept = await connection.scalars(select(inbox.c.guid).where(inbox.c.guid.like(f"cancelled {moment} %")))
            assert len(list(kept)) in {0, 2}


async def write_twice(database: Database, name: str) -> None:
    """Two rows in one transaction."""
    async with database.writing() as connection:
        for half in ("a", "b"):
            await record(connection, guid=f"{name} {half}", event="issues", lane=None, body=b"{}", now=1.0)
