"""Fire schedules when they are due, and have the model read the times that only it can.

Due times are rows. Whoever moves a row's due time on, with a condition on the old one, is the one who acts on it: so
a schedule fires once however many processes look, and what was missed while none looked is made up for once, because
the next time is reckoned from now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import structlog

from ove_gh import comments, scheduling
from ove_gh.comments import ScheduleState
from ove_gh.github.client import GitHub
from ove_gh.github.errors import BadCredentials, GitHubError, GitHubRefused, GitHubUnavailable
from ove_gh.loop import Bell, backoff, work_through
from ove_gh.schedules import READING_SCHEMA, Rule, Unclear, check, next_time, read_reading, reading_prompt
from ove_gh.store import outbox, schedules
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.schedules import Schedule
from ove_gh.tasks import Target

SCHEDULES_AT_ONCE = 4
MOST_READINGS = 6
"""How often the model is asked for one schedule before somebody has to write a rule: over some eight minutes."""
FIRST_READING_AGAIN_SECONDS = 15.0
LONGEST_READING_SECONDS = 120.0
"""A reading of which nothing is heard for longer is taken for lost with its process, and begun again."""

ReadWords = Callable[[str, Mapping[str, Any]], Awaitable[object]]
"""Asks the model a prompt whose answer has to fit a JSON schema; raises ReadingFailed."""

log = structlog.get_logger("ove_gh.timetable")


class ReadingFailed(Exception):
    """The model could not be asked, or gave no answer that fits the schema: it may help to ask again later."""


class Timetable:
    """Acts on schedules that are due. `least_seconds` is the least time between two runs of one."""

    def __init__(
        self,
        database: Database,
        github: GitHub,
        read_words: ReadWords,
        *,
        slug: str,
        least_seconds: float,
        bell: Bell,
        ring: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._database, self._github, self._read_words = database, github, read_words
        self._slug, self._least_seconds = slug, least_seconds
        self._bell, self._ring, self._clock = bell, ring, clock

    async def run(self) -> None:
        """Act on whatever is due, until cancelled."""
        await work_through(
            take=self._take,
            handle=self.fire,
            next_due_at=self._next_due_at,
            bell=self._bell,
            clock=self._clock,
            limit=SCHEDULES_AT_ONCE,
        )

    async def fire(self, schedule: Schedule) -> None:
        """The time of a schedule has come: it starts a task, or is read; or, for a reason, does neither."""
        with structlog.contextvars.bound_contextvars(schedule=schedule.id):
            if schedule.state is ScheduleState.READING:
                await self._read(schedule)
            elif not await self._skip_while_running(schedule):
                await self._ask_and_start(schedule)
        self._ring()

    # -- starting a task -----------------------------------------------------------------------------------------------

    async def _skip_while_running(self, schedule: Schedule) -> bool:
        """Whether its last run is still going, so that this time is left out."""
        now = self._clock()
        async with self._database.writing() as connection:
            if not await schedules.is_running(connection, schedule.id):
                return False
            if await schedules.claim_due(connection, schedule, due_at=_next(schedule, now), tries=0):
                log.info("skipped: its last run is still going")
                await scheduling.show(connection, schedule.id, slug=self._slug, now=now)
        return True

    async def _ask_and_start(self, schedule: Schedule) -> None:
        """Ask GitHub what may have changed since the last time, and act on it."""
        place, owner = schedule.place, schedule.owner
        repository = self._github.at(place)
        try:
            from_file = schedule.name is not None
            may = from_file or (await repository.permission(owner.login, owner.id)).can_write
            issue = await repository.issue(place.number) if may else None
        except GitHubUnavailable as error:
            await self._put_off(schedule, error.retry_after, error)
        except BadCredentials as error:
            await self._put_off(schedule, None, error)
        except GitHubRefused as error:
            await self._suspend(schedule, unreachable=error)
        except GitHubError as error:
            await self._put_off(schedule, None, error)
        else:
            if issue is None:
                await self._suspend(schedule)
            elif issue.state != "open":
                await self._pause(schedule)
            else:
                await self._start(schedule, issue.title)

    async def _start(self, schedule: Schedule, title: str) -> None:
        now, after = self._clock(), ScheduleState.ACTIVE
        async with self._database.writing() as connection:
            if not await schedules.claim_due(connection, schedule, due_at=_next(schedule, now), state=after, tries=0):
                return
            current = await schedules.by_id(connection, schedule.id)
            thread = await store.open_thread(connection, current.place, title)
            task = await store.add_task(
                connection,
                thread,
                number=current.issue,
                request=current.request,
                source=Target("schedule", current.id, current.url),
                requester=current.owner,
                now=now,
                schedule_id=current.id,
            )
            await schedules.change(
                connection,
                current.id,
                last_run_at=now,
                last_task_id=task.id,
                last_outcome="running",
                last_note=None,
                last_url=None,
            )
            await scheduling.show(connection, current.id, slug=self._slug, now=now)
        log.info("schedule fired", task=task.id, late_seconds=round(now - (schedule.due_at or now)))

    async def _pause(self, schedule: Schedule) -> None:
        """Its issue is closed: this time is left out, and so are the next ones until it is open again."""
        now, after = self._clock(), ScheduleState.PAUSED_CLOSED
        async with self._database.writing() as connection:
            if await schedules.claim_due(connection, schedule, due_at=_next(schedule, now), state=after, tries=0):
                await scheduling.show(connection, schedule.id, slug=self._slug, now=now)
                log.info("skipped: its issue is closed")

    async def _suspend(self, schedule: Schedule, *, unreachable: GitHubRefused | None = None) -> None:
        """Its owner may no longer write, and is told so once; or its repository or issue is gone for us."""
        now, after = self._clock(), ScheduleState.SUSPENDED_RIGHT
        async with self._database.writing() as connection:
            if not await schedules.claim_due(connection, schedule, due_at=None, state=after):
                return
            if unreachable is None:
                await scheduling.show(connection, schedule.id, slug=self._slug, now=now)
                body = comments.schedule_suspended(schedule.owner.login, schedule.number, self._slug)
                await outbox.comment(connection, schedule.place, f"schedule-{schedule.id}-suspended", body, now=now)
        log.warning("suspended", owner=schedule.owner.login, problem=str(unreachable) if unreachable else "lost right")

    async def _put_off(self, schedule: Schedule, retry_after: float | None, error: GitHubError) -> None:
        wait = retry_after if retry_after is not None else backoff(schedule.tries)
        log.warning("put off", again_in_seconds=round(wait), problem=str(error))
        async with self._database.writing() as connection:
            await schedules.claim_due(connection, schedule, due_at=self._clock() + wait, tries=schedule.tries + 1)

    # -- reading a time ------------------------------------------------------------------------------------------------

    async def _read(self, schedule: Schedule) -> None:
        """Have the model read the words. What it says is checked like anybody's words."""
        lease = replace(schedule, due_at=self._clock() + LONGEST_READING_SECONDS, tries=schedule.tries + 1)
        async with self._database.writing() as connection:
            if not await schedules.claim_due(connection, schedule, due_at=lease.due_at, tries=lease.tries):
                return
        try:
            answer = await self._read_words(reading_prompt(schedule.words, schedule.zone), READING_SCHEMA)
        except ReadingFailed as error:
            await self._not_read(lease, error)
            return
        now, rule = self._clock(), read_reading(answer, schedule.zone)
        wrong = check(rule, least_seconds=self._least_seconds, after=now) if isinstance(rule, Rule) else rule
        if isinstance(rule, Rule) and wrong is None:
            await self._set_up(lease, rule, now=now)
        else:
            assert isinstance(wrong, Unclear)
            await self._refuse(lease, wrong.reason)

    async def _set_up(self, schedule: Schedule, rule: Rule, *, now: float) -> None:
        due_at, after = next_time(rule, now), ScheduleState.ACTIVE
        async with self._database.writing() as connection:
            if await schedules.claim_due(
                connection, schedule, due_at=due_at, state=after, cron=rule.cron, zone=rule.zone, tries=0
            ):
                await scheduling.show(connection, schedule.id, slug=self._slug, now=now)
                log.info("the model has read a time", words=schedule.words, cron=rule.cron, zone=rule.zone)

    async def _not_read(self, schedule: Schedule, error: ReadingFailed) -> None:
        if schedule.tries >= MOST_READINGS:
            await self._refuse(schedule, "The model that would read it cannot be reached now.")
            return
        wait = backoff(schedule.tries - 1, first=FIRST_READING_AGAIN_SECONDS)
        log.warning("a time is read later", again_in_seconds=round(wait), problem=str(error))
        async with self._database.writing() as connection:
            await schedules.claim_due(connection, schedule, due_at=self._clock() + wait)

    async def _refuse(self, schedule: Schedule, reason: str) -> None:
        """Say so in its own comment, and in one more: an edit would notify nobody."""
        now, after = self._clock(), ScheduleState.REFUSED
        async with self._database.writing() as connection:
            if await schedules.claim_due(connection, schedule, due_at=None, state=after):
                await scheduling.show(connection, schedule.id, slug=self._slug, now=now)
                body = comments.schedule_refused(schedule.owner.login, schedule.words, reason, self._slug)
                await outbox.comment(connection, schedule.place, f"schedule-{schedule.id}-refused", body, now=now)
                log.info("a time could not be read", words=schedule.words, reason=reason)

    # -- the rows ------------------------------------------------------------------------------------------------------

    async def _take(self, busy: Collection[str], limit: int) -> list[tuple[str, Schedule]]:
        async with self._database.reading() as connection:
            found = await schedules.due(connection, now=self._clock(), busy=busy, limit=limit)
        return [(str(schedule.id), schedule) for schedule in found]

    async def _next_due_at(self) -> float | None:
        async with self._database.reading() as connection:
            return await schedules.next_due_at(connection, now=self._clock())


def _next(schedule: Schedule, now: float) -> float:
    assert schedule.rule is not None
    return next_time(schedule.rule, now)
