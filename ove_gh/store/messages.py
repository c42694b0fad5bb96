"""What people say while the agent works on a task: it is handed to the running turn, or becomes a task of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from ove_gh.store.tables import messages
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Person, Target, Task


@dataclass(frozen=True, slots=True)
class Message:
    """One comment to a running turn. `number` is the issue or pull request where it was written.

    `asks` says that it was addressed to the App, and not only said in the thread.
    """

    id: int
    task_id: int
    number: int
    text: str
    writer: Person
    source: Target
    asks: bool = True


async def add(
    connection: Transaction,
    task: Task,
    *,
    number: int,
    text: str,
    writer: Person,
    source: Target,
    now: float,
    asks: bool = True,
) -> None:
    """Somebody said something to the turn of a task that runs."""
    await connection.execute(
        insert(messages).values(
            thread_id=task.thread_id,
            task_id=task.id,
            number=number,
            text=text,
            writer_id=writer.id,
            writer_login=writer.login,
            source_kind=source.kind,
            source_id=source.id,
            source_url=source.url,
            asks=asks,
            written_at=now,
        )
    )


async def untaken(connection: Transaction, task_id: int) -> list[Message]:
    """What the agent has not got yet, in order."""
    rows = await connection.execute(
        select(messages).where(messages.c.task_id == task_id, messages.c.taken_at.is_(None)).order_by(messages.c.id)
    )
    return [_message(row) for row in rows]


async def taken(connection: Transaction, message_id: int, *, now: float) -> None:
    """The agent has got a message, or it has become a task."""
    await connection.execute(update(messages).where(messages.c.id == message_id).values(taken_at=now))


def _message(row: Any) -> Message:
    return Message(
        id=row.id,
        task_id=row.task_id,
        number=row.number,
        text=row.text,
        writer=Person(row.writer_id, row.writer_login),
        source=Target(row.source_kind, row.source_id, row.source_url),
        asks=row.asks,
    )
