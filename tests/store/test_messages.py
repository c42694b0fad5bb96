"""Tests of what people say to a turn that runs, as rows."""

from __future__ import annotations

import pytest

from ove_gh.store import messages, tables
from ove_gh.store.database import Database
from ove_gh.store.messages import Message
from ove_gh.tasks import Target, Task
from tests.payloads import ALICE, BOB, Account
from tests.store.rows import NOW, PULL, add_task, all_rows

pytestmark = pytest.mark.anyio

INLINE = Target("inline", 8, "https://github.example/8")


async def say(database: Database, task: Task, text: str, *, writer: Account = ALICE, number: int = 3) -> None:
    """Somebody says something to the turn of a task."""
    async with database.writing() as connection:
        await messages.add(connection, task, number=number, text=text, writer=writer.person, source=INLINE, now=NOW)


async def untaken(database: Database, task: Task) -> list[Message]:
    """What the agent has not got yet."""
    async with database.reading() as connection:
        return await messages.untaken(connection, task.id)


async def take(database: Database, message_id: int, *, now: float = NOW) -> None:
    """The agent has got a message."""
    async with database.writing() as connection:
        await messages.taken(connection, message_id, now=now)


async def test_a_message_comes_back_as_it_was_said(database: Database) -> None:
    """The text to the letter, who wrote it, and where an answer would belong."""
    task = await add_task(database)
    await say(database, task, " Use `Decimal` 🙂\n\n> really\n", writer=BOB, number=PULL)
    [message] = await untaken(database, task)
    assert message == Message(message.id, task.id, PULL, " Use `Decimal` 🙂\n\n> really\n", BOB.person, INLINE)
    [row] = await all_rows(database, tables.messages)
    assert (row["thread_id"], row["written_at"], row["taken_at"]) == (task.thread_id, NOW, None)


async def test_messages_are_heard_in_order_and_once(database: Database) -> None:
    """What was taken is not handed over again, whatever the order in which it was; the same words may come twice."""
    task = await add_task(database)
    for text in ("one", "two", "two"):
        await say(database, task, text)
    first, second, third = await untaken(database, task)
    assert [message.text for message in (first, second, third)] == ["one", "two", "two"]
    await take(database, second.id, now=NOW + 5)
    assert await untaken(database, task) == [first, third]
    await take(database, first.id)
    await take(database, third.id)
    assert await untaken(database, task) == []
    assert [row["taken_at"] for row in await all_rows(database, tables.messages)] == [NOW, NOW + 5, NOW]


async def test_each_task_hears_its_own(database: Database) -> None:
    """Neither another task of the same thread nor another thread takes what was said to this one."""
    mine, next_, elsewhere = await add_task(database), await add_task(database), await add_task(database, number=9)
    await say(database, mine, "to the first")
    await say(database, elsewhere, "to the other")
    assert [message.text for message in await untaken(database, mine)] == ["to the first"]
    assert [message.text for message in await untaken(database, elsewhere)] == ["to the other"]
    assert await untaken(database, next_) == []
