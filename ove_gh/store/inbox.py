"""Deliveries that were accepted and not yet handled."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ove_gh.store.tables import inbox
from ove_gh.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recorded webhook. `tries` counts the attempts to handle it that had to be put off."""

    id: int
    guid: str
    event: str
    lane: str
    body: bytes
    tries: int


async def record(connection: Transaction, *, guid: str, event: str, lane: str | None, body: bytes, now: float) -> bool:
    """Record a delivery. False when its GUID is known already: GitHub, or a person, delivered it again.

    Deliveries of one lane are handled in order; one that speaks of no thread has a lane of its own.
    """
    own_lane = lane or f"delivery {guid}"
    row = {"guid": guid, "event": event, "lane": own_lane, "body": body, "received_at": now, "due_at": now, "tries": 0}
    try:
        await connection.execute(insert(inbox).values(row))
    except IntegrityError:
        return False
    return True


async def due(connection: Transaction, *, now: float, busy: Collection[str], limit: int) -> list[Delivery]:
    """The first waiting delivery of each lane that is not busy, oldest first; a delivery put off holds up its lane."""
    heads = select(func.min(inbox.c.id)).where(inbox.c.handled_at.is_(None)).group_by(inbox.c.lane)
    rows = await connection.execute(
        select(inbox)
        .where(inbox.c.id.in_(heads), inbox.c.due_at <= now, inbox.c.lane.not_in(busy))
        .order_by(inbox.c.id)
        .limit(limit)
    )
    return [Delivery(row.id, row.guid, row.event, row.lane, row.body, row.tries) for row in rows]


async def next_due_at(connection: Transaction, *, now: float) -> float | None:
    """When the next delivery that was put off is due."""
    value: float | None = await connection.scalar(
        select(func.min(inbox.c.due_at)).where(inbox.c.handled_at.is_(None), inbox.c.due_at > now)
    )
    return value


async def handled(connection: Transaction, delivery_id: int, *, now: float, problem: str | None = None) -> None:
    """Nothing more is to be done for a delivery. `problem` says why it could not be acted on."""
    await connection.execute(update(inbox).where(inbox.c.id == delivery_id).values(handled_at=now, problem=problem))


async def put_off(connection: Transaction, delivery_id: int, *, until: float, problem: str) -> None:
    """Handle a delivery later, because something it needs is out of reach now."""
    await connection.execute(
        update(inbox).where(inbox.c.id == delivery_id).values(due_at=until, tries=inbox.c.tries + 1, problem=problem)
    )
