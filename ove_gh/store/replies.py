"""What the agent answers in review threads, kept until its turn has been published."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from ove_gh.store.tables import replies
from ove_gh.store.transaction import Transaction


async def give(connection: Transaction, task_id: int, comment_id: int, body: str) -> None:
    """The agent answers a review comment; what it answered there before, and nobody has seen, falls away."""
    await connection.execute(delete(replies).where(replies.c.task_id == task_id, replies.c.comment_id == comment_id))
    await connection.execute(insert(replies).values(task_id=task_id, comment_id=comment_id, body=body))


async def take(connection: Transaction, task_id: int) -> dict[int, str]:
    """A task's answers by the comment's id, to be posted in this transaction: they are not kept any longer."""
    rows = await connection.execute(select(replies.c.comment_id, replies.c.body).where(replies.c.task_id == task_id))
    found = {row.comment_id: row.body for row in rows}
    await connection.execute(delete(replies).where(replies.c.task_id == task_id))
    return found
