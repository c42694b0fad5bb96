"""Remarks: what the agent says about lines of a pull request, until its turn ends and they become one review."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import insert, select, update

from ove_gh.store.tables import remarks
from ove_gh.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark on `line` of the new version of a file, or on the lines from `start_line` to it.

    `suggestion` is what these lines should be; empty, they should go; None, nothing is suggested.
    """

    path: str
    line: int
    start_line: int | None
    text: str
    suggestion: str | None


async def add(connection: Transaction, task_id: int, remark: Remark) -> None:
    """A task remarks on lines. The same text on the same line is one remark; what was said of it last holds."""
    fields = asdict(remark)
    same = [remarks.c[name] == fields[name] for name in ("path", "line", "text")]
    changed = await connection.execute(update(remarks).where(remarks.c.task_id == task_id, *same).values(fields))
    if not changed.rowcount:
        await connection.execute(insert(remarks).values(task_id=task_id, **fields))


async def of_task(connection: Transaction, task_id: int) -> list[Remark]:
    """A task's remarks, in the order in which they were made."""
    rows = await connection.execute(select(remarks).where(remarks.c.task_id == task_id).order_by(remarks.c.id))
    return [_remark(row) for row in rows]


def _remark(row: Any) -> Remark:
    return Remark(row.path, row.line, row.start_line, row.text, row.suggestion)
