"""Opening the database: pragmas, the schema's migrations, one writer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ove_gh.store.transaction import Transaction, begin

MIGRATIONS = Path(__file__).parent / "migrations"


class DatabaseFailed(Exception):
    """The database could not be opened, read or written; nothing of the transaction happened."""


class Database:
    """An open database. `writing()` and `reading()` hand out a connection inside a transaction.

    SQLite has one writer; a lock of our own lets writers queue here, where a wait is cheap and cannot time out, and
    `BEGIN IMMEDIATE` takes the write lock before the first read, so that what a transaction read is still true when it
    writes (https://www.sqlite.org/lang_transaction.html).
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._one_writer = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """A transaction that may write; committed at the end, rolled back when an exception passes."""
        async with self._one_writer, self._transaction(writes=True) as transaction:
            yield transaction

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads: one consistent view, and it blocks nobody."""
        async with self._transaction(writes=False) as transaction:
            yield transaction

    @asynccontextmanager
    async def _transaction(self, *, writes: bool) -> AsyncIterator[Transaction]:
        with _blaming_the_database():
            transaction = await begin(self._engine, writes=writes)
            try:
                yield transaction
            except BaseException:
                await transaction.roll_back()
                raise
            await transaction.commit()

    async def close(self) -> None:
        """Close every connection. An unclosed SQLite connection would keep the process from ending."""
        await self._engine.dispose()


async def open_database(url: str) -> Database:
    """Open the database at a SQLAlchemy URL and bring its schema up to date.

    Raises DatabaseFailed.
    """
    engine = create_async_engine(url, pool_size=5, max_overflow=10)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    try:
        with _blaming_the_database():
            async with engine.connect() as connection:
                await connection.run_sync(_migrate)
                await connection.commit()
    except BaseException:
        await engine.dispose()
        raise
    return Database(engine)


@contextmanager
def _blaming_the_database() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise DatabaseFailed(str(error.orig)) from error


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """WAL with a full sync at each commit: an acknowledged delivery survives a power cut (https://sqlite.org/wal.html).

    The driver must not begin transactions by itself, see
    https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#transactions-with-sqlite-and-the-sqlite3-driver
    """

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: DBAPIConnection, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("ove_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
