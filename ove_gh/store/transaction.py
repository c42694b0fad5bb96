"""A transaction whose statements run to their end even when the task that waits for them is cancelled.

A statement of SQLite runs in a thread, which nothing can cancel. If the waiting task goes away meanwhile, the driver
loses sight of the connection, its transaction stays open, and every later writer finds the database locked. So
cancellation is held back for the milliseconds that a statement takes, and the transaction is then rolled back in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, ScalarResult
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")


class Transaction:
    """An open transaction. `execute`, `scalar` and `scalars` are SQLAlchemy's own."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement."""
        return await to_its_end(self._connection.execute(statement, parameters))

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return await to_its_end(self._connection.scalar(statement))

    async def scalars(self, statement: Executable) -> ScalarResult[Any]:
        """The first column of every row."""
        return await to_its_end(self._connection.scalars(statement))

    async def run_sync(self, function: Callable[[Connection], T]) -> T:
        """Run a function that wants SQLAlchemy's synchronous connection."""
        return await to_its_end(self._connection.run_sync(function))

    async def commit(self) -> None:
        """Make it so, and close the connection."""
        await to_its_end(_finish(self._connection, self._connection.commit))

    async def roll_back(self) -> None:
        """Undo everything, and close the connection."""
        await to_its_end(_finish(self._connection, self._connection.rollback))


async def begin(engine: AsyncEngine, *, writes: bool) -> Transaction:
    """Open a transaction on a connection of its own; with `writes` it takes the write lock at once."""
    opening = asyncio.ensure_future(_open(engine, writes=writes))
    try:
        return Transaction(await to_its_end(opening))
    except asyncio.CancelledError:
        if not opening.cancelled() and opening.exception() is None:
            await Transaction(opening.result()).roll_back()
        raise


async def to_its_end(awaitable: Awaitable[T]) -> T:
    """Wait for something to its end, also when this task is cancelled; the cancellation is raised after that."""
    running = asyncio.ensure_future(awaitable)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            try:
                await asyncio.wait({running})
            except asyncio.CancelledError:
                continue
        if not running.cancelled():
            running.exception()  # looked at, so that nobody reports it as lost
        raise


async def _open(engine: AsyncEngine, *, writes: bool) -> AsyncConnection:
    connection = engine.connect()
    await connection.start()
    try:
        await connection.execution_options(ove_writes=writes)
        await connection.begin()
    except BaseException:
        await connection.close()
        raise
    return connection


async def _finish(connection: AsyncConnection, how: Callable[[], Awaitable[None]]) -> None:
    try:
        await how()
    finally:
        await connection.close()
