"""Tests of working through rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

import pytest

from ove_gh.loop import LONGEST_NAP_SECONDS, Bell, backoff, work_through

pytestmark = pytest.mark.anyio


@dataclass
class Item:
    """One piece of work, due at a moment of the event loop's clock."""

    lane: str
    name: str
    due_at: float = 0.0


@dataclass
class Queue:
    """Rows in memory, handed out as the store does: the first of each lane, when it is due and the lane is not busy."""

    items: list[Item]
    bell: Bell = field(default_factory=Bell)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, busy: Collection[str], limit: int) -> list[tuple[str, Item]]:
        taken = set(busy)
        found: list[Item] = []
        for item in self.items:
            if item.lane not in taken:
                taken.add(item.lane)
                if item.due_at <= now() and len(found) < limit:
                    found.append(item)
        return [(item.lane, item) for item in found]

    async def next_due_at(self) -> float | None:
        later = [item.due_at for item in self.items if item.due_at > now()]
        return min(later, default=None)

    async def handle(self, item: Item) -> None:
        """Work that ends when the test opens its gate; at once when it has none."""
        await self.note(self.begun, item.name)
        if item.name in self.gates:
            await self.gates[item.name].wait()
        self.items.remove(item)
        await self.note(self.ended, item.name)

    async def note(self, names: list[str], name: str) -> None:
        async with self.changed:
            names.append(name)
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a fact; a fact that never comes is a failure."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(condition)

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.bell.ring()

    async def run(self, limit: int = 8, handle: Callable[[Item], Awaitable[None]] | None = None) -> None:
        await work_through(
            take=self.take,
            handle=handle or self.handle,
            next_due_at=self.next_due_at,
            bell=self.bell,
            clock=now,
            limit=limit,
        )


def now() -> float:
    """The clock of the event loop, in seconds."""
    return asyncio.get_running_loop().time()


async def stop(loop: asyncio.Task[None]) -> None:
    """End a loop as the service does."""
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


async def test_a_lane_is_worked_through_in_order() -> None:
    """The next item of a lane begins after the one before it has ended; other lanes do not wait."""
    queue = Queue([Item("a", "a1"), Item("a", "a2"), Item("b", "b1"), Item("b", "b2")], gates={"a1": asyncio.Event()})
    loop = asyncio.create_task(queue.run())
    await queue.until(lambda: queue.ended == ["b1", "b2"])
    assert "a2" not in queue.begun
    queue.gates["a1"].set()
    await queue.until(lambda: queue.ended == ["b1", "b2", "a1", "a2"])
    await stop(loop)


async def test_no_more_than_the_limit_run_side_by_side() -> None:
    """The third of three lanes begins when one of the first two has ended."""
    gates = {name: asyncio.Event() for name in ("a", "b", "c")}
    queue = Queue([Item(name, name) for name in gates], gates=gates)
    loop = asyncio.create_task(queue.run(limit=2))
    await queue.until(lambda: len(queue.begun) == 2)
    queue.bell.ring()
    await asyncio.sleep(0.01)
    assert queue.begun == ["a", "b"]
    gates["b"].set()
    await queue.until(lambda: queue.begun == ["a", "b", "c"])
    await stop(loop)


async def test_a_ring_wakes_the_loop() -> None:
    """What is added while the loop sleeps is begun at once, not at the end of its nap."""
    queue = Queue([])
    loop = asyncio.create_task(queue.run())
    await asyncio.sleep(0.01)
    queue.add(Item("a", "a"))
    await queue.until(lambda: queue.ended == ["a"])
    await stop(loop)


async def test_what_is_put_off_is_done_when_it_falls_due() -> None:
    """Nobody rings for an item that waits for its time; the loop wakes by itself, and not before."""
    queue = Queue([])
    due_at = now() + 0.05
    queue.items.append(Item("a", "a", due_at))
    begun_at: list[float] = []

    async def handle(item: Item) -> None:
        begun_at.append(now())
        await queue.handle(item)

    loop = asyncio.create_task(queue.run(handle=handle))
    await queue.until(lambda: queue.ended == ["a"])
    assert begun_at[0] >= due_at
    await stop(loop)


async def test_an_exception_ends_everything() -> None:
    """A part that dies takes the loop, and all that runs in it, down with it: nothing fails unseen."""
    queue = Queue([Item("a", "a"), Item("b", "b")], gates={"a": asyncio.Event()})
    cancelled: list[str] = []

    async def handle(item: Item) -> None:
        if item.name == "b":
            raise ZeroDivisionError
        try:
            await queue.handle(item)
        except asyncio.CancelledError:
            cancelled.append(item.name)
            raise

    with pytest.raises(ExceptionGroup) as caught:
        await queue.run(handle=handle)
    assert caught.group_contains(ZeroDivisionError)
    assert cancelled == ["a"]


async def test_a_stop_waits_for_what_runs() -> None:
    """Cancelling the loop cancels the work in it, and returns when that has cleaned up."""
    queue = Queue([Item("a", "a")])
    cleaned_up: list[str] = []

    async def handle(item: Item) -> None:
        try:
            await queue.note(queue.begun, item.name)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned_up.append(item.name)

    loop = asyncio.create_task(queue.run(handle=handle))
    await queue.until(lambda: queue.begun == ["a"])
    await stop(loop)
    assert cleaned_up == ["a"]


class _Naps(Bell):
    """A bell that notes how long the loop wanted to sleep, and then ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[float] = []

    async def wait(self, seconds: float) -> None:
        self.wanted.append(seconds)
        raise EOFError


@pytest.mark.parametrize(
    ("due_at", "nap"), [(None, LONGEST_NAP_SECONDS), (130.0, 30.0), (1_000.0, LONGEST_NAP_SECONDS), (99.0, 0.0)]
)
async def test_naps_end_when_something_falls_due(due_at: float | None, nap: float) -> None:
    """The loop sleeps until the next item is due, a minute at the longest, and never a negative time."""
    bell = _Naps()

    async def take(_busy: Collection[str], _limit: int) -> list[tuple[str, Item]]:
        return []

    async def next_due_at() -> float | None:
        return due_at

    with pytest.raises(ExceptionGroup):
        await work_through(
            take=take, handle=Queue([]).handle, next_due_at=next_due_at, bell=bell, clock=lambda: 100.0, limit=1
        )
    assert bell.wanted == [nap]


async def test_what_falls_due_while_the_loop_looks_is_not_slept_over() -> None:
    """An item whose moment comes between looking for due ones and looking for later ones is begun at once."""
    bell, seconds = _Naps(), iter(range(100, 200))

    async def take(_busy: Collection[str], _limit: int) -> list[tuple[str, Item]]:
        return [("a", Item("a", "a"))] if next(seconds) >= 101 else []

    async def next_due_at() -> float | None:
        return 101.0 if next(seconds) < 101 else None

    async def handle(_item: Item) -> None:
        return

    with pytest.raises(ExceptionGroup):
        await work_through(take=take, handle=handle, next_due_at=next_due_at, bell=bell, clock=lambda: 101.0, limit=8)
    assert bell.wanted == [0.0]


async def test_a_ring_before_the_wait_is_not_lost() -> None:
    """Work that is added while the loop looks wakes it, though it did not sleep yet."""
    bell = Bell()
    bell.ring()
    async with asyncio.timeout(10):
        await bell.wait(60)


async def test_a_hushed_bell_is_silent() -> None:
    """Earlier rings are forgotten: the wait takes its time and then returns."""
    bell = Bell()
    bell.ring()
    bell.hush()
    before = now()
    await bell.wait(0.02)
    assert now() - before > 0.01


def test_pauses_double_up_to_a_limit() -> None:
    """Two seconds, four, eight, … and never more than five minutes, however often it failed."""
    assert [backoff(tries) for tries in (0, 1, 2, 3)] == [2.0, 4.0, 8.0, 16.0]
    assert backoff(9) == backoff(1_000_000) == 300.0
    assert backoff(5, first=1.0, most=10.0) == 10.0
