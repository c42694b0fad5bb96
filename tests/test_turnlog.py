"""Tests of what is kept of a turn while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from ove_gh.agent import TraceStep
from ove_gh.store import messages, tables, tasks, traces
from ove_gh.store.database import Database
from ove_gh.store.messages import Message
from ove_gh.store.traces import Step
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Target, Turn
from ove_gh.turnlog import TurnLog
from tests.payloads import ALICE
from tests.store.rows import NOW, add_task, all_rows, claimed

pytestmark = pytest.mark.anyio

READ = TraceStep("tool", "Read cart.py", "12 lines", NOW + 1)
DONE = TraceStep("text", "Done", "", NOW + 2)


@dataclass
class Counted:
    """A database that counts what it writes, and lingers for some rounds of the event loop behind each commit."""

    database: Database
    writings: int = 0
    committed: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """A transaction that may write."""
        self.writings += 1
        async with self.database.writing() as connection:
            yield connection
        self.committed.set()
        for _ in range(10):
            await asyncio.sleep(0)

    async def committing(self) -> None:
        """Return at the next commit, or at once when there was one."""
        async with asyncio.timeout(10):
            await self.committed.wait()

    def log(self, turn: Turn, *, now: float = NOW) -> TurnLog:
        """The log of a turn; its clock stands."""
        return TurnLog(cast("Database", self), turn, clock=lambda: now)


async def running(database: Database) -> Turn:
    """A turn that runs."""
    await add_task(database)
    return await claimed(database)


async def say(database: Database, turn: Turn, text: str) -> Message:
    """Alice says something to a turn; returns what is not taken yet, at its end."""
    async with database.writing() as connection:
        task = await tasks.task_by_id(connection, turn.task_id)
        source = Target("comment", 5, "https://github.example/5")
        await messages.add(connection, task, number=3, text=text, writer=ALICE.person, source=source, now=NOW)
        return (await messages.untaken(connection, turn.task_id))[-1]


async def steps(database: Database, turn: Turn) -> list[Step]:
    """What is written of a turn's task."""
    async with database.reading() as connection:
        return await traces.of_task(connection, turn.task_id)


async def test_everything_is_written_by_the_end(database: Database) -> None:
    """Steps in their order, notes with the time of our clock, and which words were taken; also a last burst."""
    turn = await running(database)
    first, second = await say(database, turn, "use Decimal"), await say(database, turn, "and test it")
    log = TurnLog(database, turn, clock=lambda: NOW + 9)
    log.note("Turn 1")
    async with log.kept():
        log.step(READ)
        log.took(first.id)
        log.step(DONE)
    assert await steps(database, turn) == [
        Step(NOW + 9, "lifecycle", "Turn 1"),
        Step(NOW + 1, "tool", "Read cart.py", "12 lines"),
        Step(NOW + 2, "text", "Done"),
    ]
    assert [row["turn_id"] for row in await all_rows(database, tables.traces)] == [turn.id] * 3
    async with database.reading() as connection:
        assert await messages.untaken(connection, turn.task_id) == [second]
    assert [row["taken_at"] for row in await all_rows(database, tables.messages)] == [NOW + 9, None]


async def test_steps_can_be_read_while_the_turn_runs(database: Database) -> None:
    """Whoever asks for the trace meanwhile sees how far it is."""
    turn = await running(database)
    counted = Counted(database)
    log = counted.log(turn)
    async with log.kept():
        log.step(READ)
        await counted.committing()
        assert [step.summary for step in await steps(database, turn)] == ["Read cart.py"]
        log.step(DONE)
    assert [step.summary for step in await steps(database, turn)] == ["Read cart.py", "Done"]


async def test_a_turn_that_is_cut_off_leaves_its_record(database: Database) -> None:
    """An error, and the end of the service, pass through, and what was reported before is written."""
    turn = await running(database)
    counted, reached = Counted(database), asyncio.Event()
    log = counted.log(turn)

    async def fail() -> None:
        async with log.kept():
            log.step(READ)
            raise ZeroDivisionError

    async def wait() -> None:
        async with log.kept():
            log.step(DONE)
            reached.set()
            await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError):
        await fail()
    waiting = asyncio.create_task(wait())
    await reached.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [step.summary for step in await steps(database, turn)] == ["Read cart.py", "Done"]


async def test_silence_writes_nothing(database: Database) -> None:
    """A turn that reports nothing costs no transaction."""
    turn = await running(database)
    counted = Counted(database)
    async with counted.log(turn).kept():
        pass
    assert counted.writings == 0


async def test_what_was_written_is_not_written_again(database: Database) -> None:
    """The turn ends at the very moment at which its steps were committed: they stand there once."""
    turn = await running(database)
    counted = Counted(database)
    log = counted.log(turn)
    async with log.kept():
        log.step(READ)
        await counted.committing()
    assert [step.summary for step in await steps(database, turn)] == ["Read cart.py"]


async def test_a_burst_is_one_transaction(database: Database) -> None:
    """Each commit costs a disk's sync: a hundred steps at once are written together."""
    turn = await running(database)
    counted = Counted(database)
    log = counted.log(turn)
    async with log.kept():
        for number in range(100):
            log.step(TraceStep("tool", f"step {number}", "", NOW + number))
        await counted.committing()
        log.step(DONE)
    found = [step.summary for step in await steps(database, turn)]
    assert found == [*(f"step {number}" for number in range(100)), "Done"]
    assert counted.writings == 2
