"""Schedules: what starts tasks by itself, when it is next due, and what came of its last run.

A row is never deleted: its number would come back, and the tasks that it started would belong to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, insert, select, update

from ove_gh.comments import RunOutcome, ScheduleState
from ove_gh.schedules import Rule
from ove_gh.store.tables import schedules, tasks
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Home, Person, Place, Status


@dataclass(frozen=True, slots=True)
class Schedule:
    """One row. `number` is how people name it in its repository, `issue` where its results are posted.

    `name` is its name in the repository's settings, None when it was asked for in a comment; `url` leads to where it
    was asked for. `words` are those that somebody wrote for the time, `cron` is None until they were read, and `zone`
    is then the one on whose clock they are to be read. `due_at` is None while nothing is to be done for it. Times are
    seconds since the epoch; `last_run_at` is when the last run began, `last_url` where its result is.
    """

    id: int
    home: Home
    number: int
    issue: int
    issue_title: str
    owner: Person
    url: str
    name: str | None
    words: str
    cron: str | None
    zone: str
    request: str
    state: ScheduleState
    due_at: float | None
    tries: int
    last_run_at: float | None
    last_task_id: int | None
    last_outcome: RunOutcome | None
    last_note: str
    last_url: str | None
    created_at: float

    @property
    def place(self) -> Place:
        """The issue to which it belongs."""
        return self.home.at(self.issue)

    @property
    def rule(self) -> Rule | None:
        """When it fires; None until its words were read."""
        return Rule(self.cron, self.zone) if self.cron is not None else None


async def add(
    connection: Transaction,
    home: Home,
    *,
    issue: int,
    issue_title: str,
    owner: Person,
    url: str,
    name: str | None,
    words: str,
    cron: str | None,
    zone: str,
    request: str,
    due_at: float,
    now: float,
) -> Schedule:
    """A new schedule with the repository's next number: active, or still to be read when it has no `cron`."""
    last: int | None = await connection.scalar(
        select(func.max(schedules.c.number)).where(schedules.c.repository_id == home.repository_id)
    )
    inserted = await connection.execute(
        insert(schedules).values(
            repository_id=home.repository_id,
            number=(last or 0) + 1,
            installation_id=home.installation_id,
            full_name=home.full_name,
            issue=issue,
            issue_title=issue_title,
            owner_id=owner.id,
            owner_login=owner.login,
            url=url,
            name=name,
            words=words,
            cron=cron,
            zone=zone,
            request=request,
            state=ScheduleState.READING if cron is None else ScheduleState.ACTIVE,
            due_at=due_at,
            tries=0,
            created_at=now,
        )
    )
    assert inserted.inserted_primary_key is not None
    return await by_id(connection, inserted.inserted_primary_key[0])


async def by_id(connection: Transaction, schedule_id: int) -> Schedule:
    """The schedule with this id."""
    return _schedule((await connection.execute(select(schedules).where(schedules.c.id == schedule_id))).one())


async def by_number(connection: Transaction, repository_id: int, number: int) -> Schedule | None:
    """The schedule that people of a repository call by this number, if it stands."""
    row = (
        await connection.execute(
            select(schedules).where(
                schedules.c.repository_id == repository_id,
                schedules.c.number == number,
                schedules.c.state.in_(_STANDING),
            )
        )
    ).first()
    return _schedule(row) if row else None


async def of_repository(connection: Transaction, repository_id: int) -> list[Schedule]:
    """The schedules of a repository that stand, by their numbers; removed and refused ones do not."""
    rows = await connection.execute(
        select(schedules)
        .where(schedules.c.repository_id == repository_id, schedules.c.state.in_(_STANDING))
        .order_by(schedules.c.number)
    )
    return [_schedule(row) for row in rows]


async def number_of(connection: Transaction, schedule_id: int) -> int | None:
    """How people call the schedule with this id."""
    number: int | None = await connection.scalar(select(schedules.c.number).where(schedules.c.id == schedule_id))
    return number


async def is_running(connection: Transaction, schedule_id: int) -> bool:
    """Whether a task of this schedule has not ended, be it that it waits for its checks."""
    found: bool | None = await connection.scalar(
        select(exists().where(tasks.c.schedule_id == schedule_id, tasks.c.status.not_in(_FINAL)))
    )
    return bool(found)


async def change(connection: Transaction, schedule_id: int, **values: Any) -> None:
    """Set columns of a schedule, whatever it is at now."""
    await connection.execute(update(schedules).where(schedules.c.id == schedule_id).values(values))


async def follow(connection: Transaction, home: Home) -> None:
    """A repository is reached, or called, differently now: so are its schedules."""
    await connection.execute(
        update(schedules)
        .where(schedules.c.repository_id == home.repository_id)
        .values(installation_id=home.installation_id, full_name=home.full_name)
    )


# -- what is due -------------------------------------------------------------------------------------------------------


async def due(connection: Transaction, *, now: float, busy: Collection[str], limit: int) -> list[Schedule]:
    """Schedules whose time has come, but for those whose id is busy; the longest due first."""
    rows = await connection.execute(
        select(schedules)
        .where(
            schedules.c.state.in_(_LIVE),
            schedules.c.due_at <= now,
            schedules.c.id.not_in([int(lane) for lane in busy]),
        )
        .order_by(schedules.c.due_at, schedules.c.id)
        .limit(limit)
    )
    return [_schedule(row) for row in rows]


async def next_due_at(connection: Transaction, *, now: float) -> float | None:
    """When the next schedule is due after now."""
    value: float | None = await connection.scalar(
        select(func.min(schedules.c.due_at)).where(schedules.c.state.in_(_LIVE), schedules.c.due_at > now)
    )
    return value


async def claim_due(connection: Transaction, schedule: Schedule, *, due_at: float | None, **values: Any) -> bool:
    """Move a due schedule on to its next time, and set other columns with that.

    False, and nothing has changed, when its time or its state is not the one it was read with: somebody else was first.
    """
    done = await connection.execute(
        update(schedules)
        .where(
            schedules.c.id == schedule.id, schedules.c.due_at == schedule.due_at, schedules.c.state == schedule.state
        )
        .values(due_at=due_at, **values)
    )
    return int(done.rowcount) == 1


# -- rows to values ----------------------------------------------------------------------------------------------------

_LIVE: Sequence[ScheduleState] = [ScheduleState.READING, ScheduleState.ACTIVE, ScheduleState.PAUSED_CLOSED]
_STANDING: Sequence[ScheduleState] = [*_LIVE, ScheduleState.SUSPENDED_RIGHT]
_FINAL: Sequence[Status] = [status for status in Status if status.is_final]


def _schedule(row: Any) -> Schedule:
    return Schedule(
        id=row.id,
        home=Home(row.installation_id, row.repository_id, row.full_name),
        number=row.number,
        issue=row.issue,
        issue_title=row.issue_title,
        owner=Person(row.owner_id, row.owner_login),
        url=row.url,
        name=row.name,
        words=row.words,
        cron=row.cron,
        zone=row.zone,
        request=row.request,
        state=ScheduleState(row.state),
        due_at=row.due_at,
        tries=row.tries,
        last_run_at=row.last_run_at,
        last_task_id=row.last_task_id,
        last_outcome=row.last_outcome,
        last_note=row.last_note or "",
        last_url=row.last_url,
        created_at=row.created_at,
    )
