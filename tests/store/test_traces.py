"""Tests of the steps of tasks, as rows."""

from __future__ import annotations

import pytest

from ove_gh.store import traces
from ove_gh.store.database import Database
from ove_gh.store.traces import Step
from ove_gh.tasks import Turn
from tests.store.rows import NOW, add_task, claimed, finish

pytestmark = pytest.mark.anyio

READ = Step(NOW, "tool", "Read cart.py", "def total():\n    …")
RAN = Step(NOW + 1.25, "error", "pytest failed", "1 failed")
SAID = Step(NOW, "text", "Done")


async def ended_turn(database: Database, number: int) -> Turn:
    """A task of its own in a thread of its own, with a turn that has run."""
    await add_task(database, number=number)
    turn = await claimed(database)
    await finish(database, turn)
    return turn


async def add(database: Database, turn: Turn, *steps: Step) -> None:
    """Steps of a turn happened."""
    async with database.writing() as connection:
        await traces.add(connection, task_id=turn.task_id, turn_id=turn.id, steps=steps)


async def of_task(database: Database, turn: Turn) -> list[Step]:
    """The steps of a turn's task."""
    async with database.reading() as connection:
        return await traces.of_task(connection, turn.task_id)


async def test_steps_come_back_in_the_order_in_which_they_were_written(database: Database) -> None:
    """As they were, over several writings, also when a clock was set back; of this task alone."""
    mine, other = await ended_turn(database, 3), await ended_turn(database, 4)
    await add(database, mine, READ, RAN)
    await add(database, other, SAID)
    await add(database, mine)
    await add(database, mine, SAID)
    assert await of_task(database, mine) == [READ, RAN, SAID]
    assert await of_task(database, other) == [SAID]


async def test_old_steps_are_forgotten(database: Database) -> None:
    """Those from before a moment go, of every task, and are counted; from that moment on they stay."""
    mine, other = await ended_turn(database, 3), await ended_turn(database, 4)
    await add(database, mine, READ, RAN)
    await add(database, other, SAID)
    async with database.writing() as connection:
        assert await traces.forget(connection, before=NOW) == 0
        assert await traces.forget(connection, before=NOW + 1.25) == 2
        assert await traces.forget(connection, before=NOW + 1.25) == 0
    assert (await of_task(database, mine), await of_task(database, other)) == ([RAN], [])
