"""What the clock does: questions reminded of and ended, silent checks and plans looked at, old traces forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ove_gh import comments, steering
from ove_gh.github.client import GitHub
from ove_gh.github.errors import GitHubError, GitHubUnavailable
from ove_gh.store import outbox, traces, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import plan_key, question_key
from ove_gh.store.rules import may_command
from ove_gh.store.tasks import place_of
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Person, Place, Target, Task
from ove_gh.telling import Teller

SECONDS_A_DAY = 86_400.0

PLAN_OPEN_SECONDS = 7 * SECONDS_A_DAY
"""How long a plan's comment is looked at for a 👍; it can be started with a command for ever."""

MOST_ASKED_ABOUT = 5
"""About how many of those who gave one plan a 👍 GitHub is asked at each look, the newest first: under a public issue
there may be hundreds, and a writer's is among the newest soon after it was given."""

log = structlog.get_logger("ove_gh.sweeps")


async def sweep_questions(
    database: Database,
    teller: Teller,
    *,
    remind_after: float,
    expire_after: float,
    now: float,
    ring: Callable[[], None],
) -> None:
    """Remind of questions that have waited `remind_after` seconds, once, and end those that waited `expire_after`."""
    async with database.writing() as connection:
        expired = await store.questions_asked_before(connection, now - expire_after)
        for question in expired:
            await store.expire_question(connection, question, now=now)
            await teller.unanswered(connection, question, now=now)
            log.info("question expired", question=question.id, task=question.task_id)
        for question in await store.questions_asked_before(connection, now - remind_after, reminded=False):
            url = await outbox.url_of(connection, question_key(question.id))
            if url is None:
                continue
            days_left = (question.asked_at + expire_after - now) / SECONDS_A_DAY
            body = comments.reminder(question.asked.login, url, days_left)
            await outbox.comment(connection, question.place, f"{question_key(question.id)}-reminder", body, now=now)
            await store.mark_reminded(connection, question, now=now)
            log.info("reminded of a question", question=question.id)
    ring()


async def sweep_checks(database: Database, *, silence: float, now: float, ring: Callable[[], None]) -> None:
    """Look at the checks of which nothing was heard for `silence` seconds: webhooks get lost."""
    async with database.writing() as connection:
        silent = await waits.hint_silent(connection, since=now - silence)
    if silent:
        log.info("looking at silent checks", count=silent)
        ring()


async def sweep_traces(database: Database, *, kept: float, now: float) -> None:
    """Forget the steps of tasks that are older than `kept` seconds."""
    async with database.writing() as connection:
        forgotten = await traces.forget(connection, before=now - kept)
    if forgotten:
        log.info("forgot old steps of tasks", count=forgotten)


async def sweep_plans(
    database: Database, github: GitHub, teller: Teller, *, now: float, ring: Callable[[], None]
) -> None:
    """Start the plans whose comment has a 👍 from somebody who may command: GitHub sends no webhook for reactions.

    What cannot be asked of GitHub now is asked at the next look.
    """
    async with database.reading() as connection:
        plans = await store.open_plans(connection, since=now - PLAN_OPEN_SECONDS)
        posted = [shown for plan in plans if (shown := await _posted(connection, plan)) is not None]
    out_of_reach: set[int] = set()
    for shown in posted:
        if shown.place.installation_id in out_of_reach:
            continue
        try:
            by = await _who_agreed(database, github, shown)
        except GitHubError as error:
            log.warning("could not look for a 👍", task=shown.plan.id, problem=str(error))
            if isinstance(error, GitHubUnavailable):
                out_of_reach.add(shown.place.installation_id)
            continue
        if by is not None:
            await _start(database, teller, shown, by, now=now, ring=ring)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A plan, and the comment that shows it."""

    plan: Task
    place: Place
    comment: Target


async def _posted(connection: Transaction, plan: Task) -> _Shown | None:
    """Where people see a plan; None as long as it is not on GitHub."""
    key = plan_key(plan.id)
    comment_id, url = await outbox.comment_id_of(connection, key), await outbox.url_of(connection, key)
    if comment_id is None or url is None:
        return None
    thread = await store.thread_by_id(connection, plan.thread_id)
    return _Shown(plan, place_of(thread, plan.number), Target("comment", comment_id, url))


async def _who_agreed(database: Database, github: GitHub, shown: _Shown) -> Person | None:
    """Somebody who may command here and gave the plan's comment a 👍."""
    place = shown.place
    repository = github.at(place)
    reactions = await repository.reactions_to_comment(shown.comment.id)
    agreed = [each for each in reactions if each.content == "+1" and not each.is_bot]
    for each in reversed(agreed[-MOST_ASKED_ABOUT:]):
        permission = await repository.permission(each.login, each.user_id)
        async with database.reading() as connection:
            if await may_command(connection, place.repository_id, each.login, permission.name.lower()):
                return Person(each.user_id, each.login)
    return None


async def _start(
    database: Database, teller: Teller, shown: _Shown, by: Person, *, now: float, ring: Callable[[], None]
) -> None:
    async with database.writing() as connection:
        still_open = await store.open_plan(connection, shown.plan.thread_id)
        if still_open is None or still_open.id != shown.plan.id:
            return
        task = await steering.start_plan(connection, teller, shown.plan, by, shown.comment, now=now)
    log.info("plan started by a 👍", plan=shown.plan.id, task=task.id, by=by.login)
    ring()
