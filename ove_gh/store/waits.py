"""Waits: pushed commits whose checks decide about a task."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, update

from ove_gh.ci import FailureLine, Lap, LapEnd, Report, report_as_json, report_from_json
from ove_gh.store.tables import tasks, threads, waits
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Status

_WITH_TASKS = waits.join(tasks, tasks.c.id == waits.c.task_id)


@dataclass(frozen=True, slots=True)
class Wait:
    """One pushed commit, and what its checks have said so far.

    `base_sha` is where the work leaves the base branch, `previous_sha` what the branch held before the push.
    `pushed_at` is in seconds since the epoch. `hints` counts what made us look. `end` is None while it is open; a red
    end is answered by a turn: its `attempt`, or, when `asks` is set, a question to the people.
    """

    id: int
    task_id: int
    sha: str
    base_sha: str
    previous_sha: str
    pushed_at: float
    hints: int
    tries: int
    end: LapEnd | None
    lap: Lap | None
    report: Report | None
    attempt: int | None
    asks: bool


async def begin(
    connection: Transaction, task_id: int, *, sha: str, base_sha: str, previous_sha: str, pushed_at: float
) -> Wait:
    """A task waits for the checks of a commit; they are looked at at once."""
    values = {"sha": sha, "base_sha": base_sha, "previous_sha": previous_sha, "pushed_at": pushed_at}
    inserted = await connection.execute(
        insert(waits).values(task_id=task_id, hints=1, seen_hints=0, tries=0, asks=False, **values)
    )
    assert inserted.inserted_primary_key is not None
    return await by_id(connection, inserted.inserted_primary_key[0])


async def by_id(connection: Transaction, wait_id: int) -> Wait:
    """The wait with this id."""
    return _wait((await connection.execute(select(waits).where(waits.c.id == wait_id))).one())


async def of_task(connection: Transaction, task_id: int) -> list[Wait]:
    """All waits of a task, in order."""
    rows = await connection.execute(select(waits).where(waits.c.task_id == task_id).order_by(waits.c.id))
    return [_wait(row) for row in rows]


async def newest_of_thread(connection: Transaction, thread_id: int) -> Wait | None:
    """The thread's last wait."""
    row = (
        await connection.execute(
            select(waits)
            .select_from(_WITH_TASKS)
            .where(tasks.c.thread_id == thread_id)
            .order_by(waits.c.id.desc())
            .limit(1)
        )
    ).first()
    return _wait(row) if row else None


async def shas_of_thread(connection: Transaction, thread_id: int) -> list[str]:
    """Every commit of a thread whose checks were waited for."""
    return list(
        await connection.scalars(
            select(waits.c.sha)
            .select_from(_WITH_TASKS)
            .where(tasks.c.thread_id == thread_id)
            .distinct()
            .order_by(waits.c.sha)
        )
    )


# -- hints -------------------------------------------------------------------------------------------------------------


async def hint_commit(connection: Transaction, repository_id: int, sha: str) -> int:
    """The checks of a commit may read otherwise now. Returns how many waits that concerns."""
    return await _hint(connection, waits.c.sha == sha, threads.c.repository_id == repository_id)


async def hint_branch(connection: Transaction, repository_id: int, branch: str) -> int:
    """Somebody pushed to a branch."""
    return await _hint(connection, threads.c.branch == branch, threads.c.repository_id == repository_id)


async def hint_pull(connection: Transaction, repository_id: int, number: int) -> int:
    """A pull request was closed, opened again or aimed at another branch."""
    its = or_(threads.c.pull_number == number, threads.c.number == number)
    return await _hint(connection, its, threads.c.repository_id == repository_id)


async def hint_thread(connection: Transaction, thread_id: int) -> int:
    """A task of a thread has come to its end: others may go on."""
    return await _hint(connection, threads.c.id == thread_id)


async def hint_silent(connection: Transaction, *, since: float) -> int:
    """Nothing was heard of some open waits since a moment: look at them anyway."""
    silent = func.coalesce(waits.c.looked_at, waits.c.pushed_at) < since
    return await _hint(connection, silent, waits.c.end.is_(None))


async def _hint(connection: Transaction, *which: ColumnElement[bool]) -> int:
    found = select(waits.c.id).select_from(_WITH_TASKS.join(threads)).where(_worth_a_look(), *which)
    done = await connection.execute(update(waits).where(waits.c.id.in_(found)).values(hints=waits.c.hints + 1))
    return int(done.rowcount)


def _worth_a_look() -> ColumnElement[bool]:
    """Open waits; and red ones whose answer has not begun or asks people: a re-run can still turn them green."""
    later = waits.alias()
    newest = ~exists().where(later.c.task_id == waits.c.task_id, later.c.id > waits.c.id)
    waiting = and_(waits.c.end.is_(None), tasks.c.status == Status.WAITING_CI)
    red = and_(waits.c.end == LapEnd.RED, tasks.c.status.in_([Status.PENDING, Status.WAITING_USER]), newest)
    return or_(waiting, red)


# -- looking -----------------------------------------------------------------------------------------------------------


async def due(connection: Transaction, *, now: float, busy: Collection[str], limit: int) -> list[Wait]:
    """Waits to look at: somebody gave a hint, or their time has come. One that is put off waits for its time."""
    ready = or_(
        and_(waits.c.hints > waits.c.seen_hints, or_(waits.c.tries == 0, waits.c.due_at <= now)),
        waits.c.due_at <= now,
    )
    rows = await connection.execute(
        select(waits)
        .select_from(_WITH_TASKS)
        .where(_worth_a_look(), ready)
        .order_by(waits.c.id)
        .limit(limit + len(busy))
    )
    return [wait for wait in map(_wait, rows) if str(wait.id) not in busy][:limit]


async def next_due_at(connection: Transaction, *, now: float) -> float | None:
    """When the next wait is to be looked at without a hint."""
    value: float | None = await connection.scalar(
        select(func.min(waits.c.due_at)).select_from(_WITH_TASKS).where(_worth_a_look(), waits.c.due_at > now)
    )
    return value


async def looked(connection: Transaction, wait: Wait, *, now: float, again_at: float | None) -> None:
    """A wait was looked at, and goes on; hints that came meanwhile still count."""
    await connection.execute(
        update(waits)
        .where(waits.c.id == wait.id)
        .values(seen_hints=wait.hints, looked_at=now, due_at=again_at, tries=0)
    )


async def put_off(connection: Transaction, wait: Wait, *, until: float) -> None:
    """GitHub is out of reach: look later."""
    await connection.execute(update(waits).where(waits.c.id == wait.id).values(due_at=until, tries=waits.c.tries + 1))


async def end(connection: Transaction, wait: Wait, lap: Lap, *, now: float, report: Report | None = None) -> bool:
    """A wait has come to its end. False, and nothing has changed, when somebody else ended it first."""
    done = await connection.execute(
        update(waits)
        .where(waits.c.id == wait.id, waits.c.end.is_(None) if wait.end is None else waits.c.end == wait.end)
        .values(
            end=lap.end,
            ended_at=now,
            seen_hints=wait.hints,
            looked_at=now,
            due_at=None,
            lap=asdict(lap),
            report=report_as_json(report) if report is not None else None,
        )
    )
    return int(done.rowcount) == 1


async def answer(connection: Transaction, wait: Wait, *, attempt: int | None, asks: bool) -> None:
    """A red wait is answered: by an attempt, or by a question to the people."""
    lap = await by_id(connection, wait.id)
    assert lap.lap is not None
    told = asdict(lap.lap) | {"attempt": attempt}
    await connection.execute(update(waits).where(waits.c.id == wait.id).values(attempt=attempt, asks=asks, lap=told))


def _wait(row: Any) -> Wait:
    return Wait(
        id=row.id,
        task_id=row.task_id,
        sha=row.sha,
        base_sha=row.base_sha,
        previous_sha=row.previous_sha,
        pushed_at=row.pushed_at,
        hints=row.hints,
        tries=row.tries,
        end=LapEnd(row.end) if row.end is not None else None,
        lap=_lap(row.lap) if row.lap is not None else None,
        report=report_from_json(row.report) if row.report is not None else None,
        attempt=row.attempt,
        asks=row.asks,
    )


def _lap(recorded: dict[str, Any]) -> Lap:
    values = dict(recorded)
    failed, on_base = (tuple(FailureLine(**line) for line in values.pop(name)) for name in ("failed", "on_base"))
    return Lap(
        **values | {"end": LapEnd(values["end"]), "running": tuple(values["running"])}, failed=failed, on_base=on_base
    )
