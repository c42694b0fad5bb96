"""Working through rows: take what is due, one piece a lane at a time, and sleep until something rings or falls due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

Item = TypeVar("Item")

LONGEST_NAP_SECONDS = 60.0
"""Look again after this even if nothing rang: a clock may have jumped."""


class Bell:
    """Wakes a loop: somebody committed rows that it should look at."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """There may be something to do."""
        self._event.set()

    def hush(self) -> None:
        """Forget earlier rings; called before looking, so that no later one is missed."""
        self._event.clear()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return


async def work_through(
    *,
    take: Callable[[Collection[str], int], Awaitable[list[tuple[str, Item]]]],
    handle: Callable[[Item], Awaitable[None]],
    next_due_at: Callable[[], Awaitable[float | None]],
    bell: Bell,
    clock: Callable[[], float],
    limit: int,
) -> None:
    """Run until cancelled.

    `take(busy, n)` returns up to n due items, each with its lane, none of a busy lane; up to `limit` run side by side.
    `next_due_at` says when the next item that is put off falls due. An exception from `handle` ends everything.
    """
    busy: set[str] = set()

    async def run(lane: str, item: Item) -> None:
        try:
            await handle(item)
        finally:
            busy.discard(lane)
            bell.ring()

    async with asyncio.TaskGroup() as group:
        while True:
            bell.hush()
            due_at = await next_due_at()
            if len(busy) < limit:
                for lane, item in await take(frozenset(busy), limit - len(busy)):
                    busy.add(lane)
                    group.create_task(run(lane, item), name=f"lane {lane}")
            nap = LONGEST_NAP_SECONDS if due_at is None else min(LONGEST_NAP_SECONDS, max(0.0, due_at - clock()))
            await bell.wait(nap)


def backoff(tries: int, *, first: float = 2.0, most: float = 300.0) -> float:
    """How many seconds to wait after so many failed tries: doubling, up to five minutes."""
    return float(min(most, first * 2.0 ** min(tries, 20)))
