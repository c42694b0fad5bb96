"""What people, and the repository's settings, make of its schedules: rows, and the comments that tell of them.

Everything here is written in the caller's transaction. When a schedule fires is `ove_gh.timetable`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from ove_gh import comments
from ove_gh.comments import LastRun, RunOutcome, ScheduleState, ScheduleView
from ove_gh.repository_settings import PATH, FileSchedule, Problem
from ove_gh.schedules import NotRead, Parts, Rule, Unclear, check, in_words, next_time, next_times, read_when, split
from ove_gh.store import outbox, schedules
from ove_gh.store.outbox import status_key
from ove_gh.store.schedules import Schedule
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Home, Person, Place, Target, Task
from ove_gh.typesetting import code

TIMES_SHOWN = 3

log = structlog.get_logger("ove_gh.scheduling")


def schedule_key(schedule: Schedule) -> str:
    """The key of a schedule's own comment: one under each issue to which it has belonged."""
    return f"schedule-{schedule.id}-{schedule.issue}"


# -- what people ask for -----------------------------------------------------------------------------------------------


async def add(
    connection: Transaction,
    place: Place,
    title: str,
    by: Person,
    source: Target,
    words: str,
    *,
    zone: str,
    least_seconds: float,
    slug: str,
    now: float,
) -> Schedule | None:
    """Somebody who may asks for a schedule: `words` are the time and the request, as `AddSchedule` has them.

    Words that only a model can read make a schedule that is to be read, and due at once; words that are no usable time
    make none, and a comment says why. `zone` counts where the words name none.
    """
    await schedules.follow(connection, place.home)
    parts = split(words)
    if isinstance(parts, Unclear):
        body = comments.schedule_refused(by.login, "", parts.reason, slug)
        await _answer(connection, place, source, body, now=now)
        return None
    rule = _usable(parts, zone, least_seconds=least_seconds, now=now)
    if isinstance(rule, Unclear):
        body = comments.schedule_refused(by.login, parts.when, rule.reason, slug)
        await _answer(connection, place, source, body, now=now)
        return None
    schedule = await schedules.add(
        connection,
        place.home,
        issue=place.number,
        issue_title=title,
        owner=by,
        url=source.url,
        name=None,
        words=parts.when,
        cron=rule.cron if isinstance(rule, Rule) else None,
        zone=rule.zone if isinstance(rule, Rule) else zone,
        request=parts.request,
        due_at=next_time(rule, now) if isinstance(rule, Rule) else now,
        now=now,
    )
    await show(connection, schedule.id, slug=slug, now=now)
    log.info("schedule added", schedule=schedule.id, place=place.lane, by=by.login, cron=schedule.cron)
    return schedule


async def list_all(connection: Transaction, place: Place, source: Target, *, slug: str, now: float) -> None:
    """Answer with all schedules of the repository, those of its settings included."""
    await schedules.follow(connection, place.home)
    views = [
        await _view(connection, schedule, now=now, times=1)
        for schedule in await schedules.of_repository(connection, place.repository_id)
    ]
    body = comments.schedule_list(views, slug, place.full_name, now)
    await _answer(connection, place, source, body, now=now)


async def remove(
    connection: Transaction,
    place: Place,
    by: Person,
    source: Target,
    number: int | None,
    *,
    is_admin: bool,
    slug: str,
    now: float,
) -> bool:
    """Remove a schedule for its owner or an admin of the repository, and answer; returns whether it was removed.

    Without a number the answer is the list. One of the repository's settings is removed there: here it would be back at
    their next change.
    """
    await schedules.follow(connection, place.home)
    if number is None:
        await list_all(connection, place, source, slug=slug, now=now)
        return False
    schedule = await schedules.by_number(connection, place.repository_id, number)
    allowed = schedule is not None and (is_admin or schedule.owner.id == by.id)
    if schedule is None:
        body = comments.schedule_unknown(by.login, number, slug)
    elif not allowed:
        body = comments.schedule_not_yours(by.login, number, schedule.owner.login)
    elif schedule.name is not None:
        body = comments.schedule_in_file(by.login, number, PATH)
    else:
        await _take_away(connection, schedule, slug=slug, now=now)
        body = comments.schedule_removed(number, by.login)
    await _answer(connection, place, source, body, now=now)
    return schedule is not None and allowed and schedule.name is None


def _usable(parts: Parts, zone: str, *, least_seconds: float, now: float) -> Rule | Unclear | NotRead:
    rule = read_when(parts.when, zone)
    wrong = check(rule, least_seconds=least_seconds, after=now) if isinstance(rule, Rule) else None
    return wrong or rule


# -- what the repository's settings say --------------------------------------------------------------------------------


async def sync_file(
    connection: Transaction,
    home: Home,
    default_zone: str,
    file_schedules: Sequence[FileSchedule],
    by: Person,
    url: str,
    *,
    least_seconds: float,
    slug: str,
    now: float,
) -> tuple[Problem, ...]:
    """Bring the rows in step with `.github/ove.yml`, which `by` has changed; `url` leads to it.

    A schedule that is there already keeps its number and its past, and its next time as long as its rule is the same.
    `default_zone` is the file's own zone, or the operator's. When a rule cannot be used nothing changes at all, and the
    problems say why.
    """
    problems = file_problems(file_schedules, default_zone, least_seconds=least_seconds, now=now)
    if problems:
        return problems
    await schedules.follow(connection, home)
    wanted = [(each, read_when(each.when, default_zone)) for each in file_schedules]
    standing = {
        row.name: row for row in await schedules.of_repository(connection, home.repository_id) if row.name is not None
    }
    for each, rule in wanted:
        assert isinstance(rule, Rule)
        row = standing.pop(each.name, None)
        if row is None:
            await _add_from_file(connection, home, each, rule, by, url, slug=slug, now=now)
        else:
            await _bring_in_step(connection, row, each, rule, by, url, slug=slug, now=now)
    for row in standing.values():
        await _take_away(connection, row, slug=slug, now=now)
    return ()


def file_problems(
    file_schedules: Sequence[FileSchedule], default_zone: str, *, least_seconds: float, now: float
) -> tuple[Problem, ...]:
    """What is wrong with the times in a repository's settings that their reader cannot tell: how often they come."""
    problems = []
    for each in file_schedules:
        rule = read_when(each.when, default_zone)
        wrong = check(rule, least_seconds=least_seconds, after=now) if isinstance(rule, Rule) else rule
        if isinstance(wrong, Unclear):
            problems.append(Problem(each.line, f"{code(each.when, 60)} cannot be used: {wrong.reason}"))
        elif isinstance(wrong, NotRead):
            problems.append(Problem(each.line, f"{code(each.when, 60)} is no time that can be read in a file."))
    return tuple(problems)


async def _add_from_file(
    connection: Transaction, home: Home, each: FileSchedule, rule: Rule, by: Person, url: str, *, slug: str, now: float
) -> None:
    row = await schedules.add(
        connection,
        home,
        issue=each.issue,
        issue_title="",
        owner=by,
        url=url,
        name=each.name,
        words=each.when,
        cron=rule.cron,
        zone=rule.zone,
        request=each.request,
        due_at=next_time(rule, now),
        now=now,
    )
    await show(connection, row.id, slug=slug, now=now)
    log.info("schedule added", schedule=row.id, name=each.name, cron=rule.cron)


async def _bring_in_step(
    connection: Transaction,
    row: Schedule,
    each: FileSchedule,
    rule: Rule,
    by: Person,
    url: str,
    *,
    slug: str,
    now: float,
) -> None:
    suspended, moved = row.state is ScheduleState.SUSPENDED_RIGHT, row.issue != each.issue
    as_before = (row.rule, row.words, row.request) == (rule, each.when, each.request)
    if as_before and not moved and not suspended:
        return
    anew = suspended or row.rule != rule
    await schedules.change(
        connection,
        row.id,
        issue=each.issue,
        owner_id=by.id,
        owner_login=by.login,
        url=url,
        words=each.when,
        cron=rule.cron,
        zone=rule.zone,
        request=each.request,
        state=ScheduleState.ACTIVE if suspended or moved else row.state,
        due_at=next_time(rule, now) if anew else row.due_at,
        tries=0 if anew else row.tries,
    )
    if moved:
        await _write(connection, replace(row, state=ScheduleState.REMOVED), slug=slug, now=now)
    await show(connection, row.id, slug=slug, now=now)
    log.info("schedule changed", schedule=row.id, name=each.name, cron=rule.cron)


async def _take_away(connection: Transaction, schedule: Schedule, *, slug: str, now: float) -> None:
    await schedules.change(connection, schedule.id, state=ScheduleState.REMOVED, due_at=None)
    await show(connection, schedule.id, slug=slug, now=now)
    log.info("schedule removed", schedule=schedule.id)


# -- what is told ------------------------------------------------------------------------------------------------------


async def note_run(
    connection: Transaction, task: Task, outcome: RunOutcome, url: str | None, note: str, *, slug: str, now: float
) -> None:
    """A scheduled task has ended: its schedule's comment tells how. `url` leads to the result, `note` says more."""
    assert task.schedule_id is not None
    schedule = await schedules.by_id(connection, task.schedule_id)
    if schedule.last_task_id is not None and task.id < schedule.last_task_id:
        return
    await schedules.change(connection, schedule.id, last_outcome=outcome, last_note=note, last_url=url)
    await show(connection, schedule.id, slug=slug, now=now)


async def show(connection: Transaction, schedule_id: int, *, slug: str, now: float) -> None:
    """Bring a schedule's own comment up to date with its row."""
    await _write(connection, await schedules.by_id(connection, schedule_id), slug=slug, now=now)


async def _write(connection: Transaction, schedule: Schedule, *, slug: str, now: float) -> None:
    body = comments.schedule(await _view(connection, schedule, now=now, times=TIMES_SHOWN), slug, now)
    await outbox.comment(connection, schedule.place, schedule_key(schedule), body, now=now)


async def _view(connection: Transaction, schedule: Schedule, *, now: float, times: int) -> ScheduleView:
    rule, is_active = schedule.rule, schedule.state is ScheduleState.ACTIVE
    return ScheduleView(
        number=schedule.number,
        cron=schedule.cron or "",
        words=in_words(rule) if rule is not None else schedule.words,
        zone=schedule.zone,
        next_times=next_times(rule, now, times) if rule is not None and is_active else (),
        request=schedule.request,
        owner_login=schedule.owner.login,
        owner_url=schedule.url or None,
        last_run=await _last_run(connection, schedule),
        state=schedule.state,
        url=await outbox.url_of(connection, schedule_key(schedule)),
        file=PATH if schedule.name is not None else "",
    )


async def _last_run(connection: Transaction, schedule: Schedule) -> LastRun | None:
    if schedule.last_run_at is None or schedule.last_outcome is None:
        return None
    url = schedule.last_url
    if url is None and schedule.last_task_id is not None:
        url = await outbox.url_of(connection, status_key(schedule.last_task_id))
    return LastRun(schedule.last_run_at, schedule.last_outcome, url, schedule.last_note)


async def _answer(connection: Transaction, place: Place, source: Target, body: str, *, now: float) -> None:
    key = f"schedules-{source.kind}-{place.repository_id}-{source.id}"
    await outbox.comment(connection, place, key, body, now=now)
