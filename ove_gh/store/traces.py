"""The steps of tasks, as they happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from ove_gh.store.tables import traces
from ove_gh.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `at` is in seconds since the epoch; `kind` is lifecycle, tool, text, question, error or note."""

    at: float
    kind: str
    summary: str
    detail: str = ""


async def add(connection: Transaction, *, task_id: int, turn_id: int, steps: Sequence[Step]) -> None:
    """Steps of a turn happened."""
    for step in steps:
        await connection.execute(
            insert(traces).values(
                task_id=task_id, turn_id=turn_id, at=step.at, kind=step.kind, summary=step.summary, detail=step.detail
            )
        )


async def of_task(connection: Transaction, task_id: int) -> list[Step]:
    """All steps of a task, in order."""
    rows = await connection.execute(select(traces).where(traces.c.task_id == task_id).order_by(traces.c.id))
    return [Step(row.at, row.kind, row.summary, row.detail) for row in rows]


async def forget(connection: Transaction, *, before: float) -> int:
    """Remove steps older than a moment; returns how many there were."""
    return int((await connection.execute(delete(traces).where(traces.c.at < before))).rowcount)
