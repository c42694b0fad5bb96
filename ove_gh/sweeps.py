"""What the clock does: one reminder of an open question, and its end when nobody answers; a look at silent checks."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ove_gh import comments
from ove_gh.store import outbox, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import question_key
from ove_gh.telling import Teller

SECONDS_A_DAY = 86_400.0

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
