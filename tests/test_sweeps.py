"""Tests of what the clock does about questions that wait, and about checks of which nothing is heard."""

from __future__ import annotations

import pytest

from ove_gh import comments
from ove_gh.store import outbox, tables, waits
from ove_gh.store.database import Database
from ove_gh.store.outbox import question_key, status_key
from ove_gh.store.tasks import AskedQuestion
from ove_gh.sweeps import SECONDS_A_DAY, sweep_checks, sweep_questions
from ove_gh.tasks import Status
from tests.store import rows
from tests.store.rows import (
    NOW,
    ROUNDING,
    TELLER,
    all_rows,
    ask,
    claimed,
    give_up,
    look,
    turn_red,
    waiting_for_checks,
    waiting_question,
)

pytestmark = pytest.mark.anyio

DAY = SECONDS_A_DAY


async def sweep(database: Database, days: float) -> int:
    """The clock looks so many days after NOW; returns how often it rang."""
    rings: list[None] = []
    await sweep_questions(
        database,
        TELLER,
        remind_after=DAY,
        expire_after=7 * DAY,
        now=NOW + days * DAY,
        ring=lambda: rings.append(None),
    )
    return len(rings)


async def sweep_silent(database: Database, seconds: float) -> tuple[list[int], int]:
    """The clock looks so many seconds after NOW, for five minutes of silence.

    Returns which waits are to be looked at, and how often it rang.
    """
    rings: list[None] = []
    now = NOW + seconds
    await sweep_checks(database, silence=300, now=now, ring=lambda: rings.append(None))
    async with database.reading() as connection:
        return [one.id for one in await waits.due(connection, now=now, busy=(), limit=99)], len(rings)


async def posted_question(database: Database, *, number: int = 3, now: float = NOW) -> AskedQuestion:
    """A question whose comment stands on GitHub."""
    asked = await waiting_question(database, number=number, now=now)
    async with database.writing() as connection:
        await outbox.comment(connection, asked.place, question_key(asked.id), "Which rounding?", now=now)
        entries = await outbox.due(connection, now=now, busy=(), limit=99)
        for entry in entries:
            await outbox.sent(connection, entry, remote_id=77, remote_url=f"https://github.example/{entry.key}")
    return asked


async def said(database: Database) -> dict[str, str]:
    """What is to stand on GitHub, by key."""
    return {row["key"]: row["content"]["body"] for row in await all_rows(database, tables.outbox)}


async def test_a_young_question_is_left_alone(database: Database) -> None:
    """Nothing is said before its time."""
    asked = await posted_question(database)
    before = await said(database)
    await sweep(database, 0.99)
    assert await said(database) == before
    assert await rows.question(database, asked.id) == asked


async def test_there_is_one_reminder(database: Database) -> None:
    """After a day the person is reminded in a new comment, with the days that are left, and never again."""
    asked = await posted_question(database)
    assert await sweep(database, 1) == 1
    url = f"https://github.example/{question_key(asked.id)}"
    reminder = comments.reminder("alice", url, 6)
    assert (await said(database))[f"{question_key(asked.id)}-reminder"] == reminder
    for days in (1.1, 2, 6.9):
        await sweep(database, days)
    assert (await said(database))[f"{question_key(asked.id)}-reminder"] == reminder
    assert len(await said(database)) == 2


async def test_a_question_that_nobody_could_see_yet_is_not_reminded_of(database: Database) -> None:
    """While GitHub is away the question's comment does not stand there: the reminder waits for it."""
    asked = await waiting_question(database)
    await sweep(database, 2)
    assert await said(database) == {}
    async with database.writing() as connection:
        await outbox.comment(connection, asked.place, question_key(asked.id), "Which rounding?", now=NOW)
        [entry] = await outbox.due(connection, now=NOW, busy=(), limit=9)
        await outbox.sent(connection, entry, remote_id=77, remote_url="https://github.example/77")
    await sweep(database, 3)
    assert (await said(database))[f"{question_key(asked.id)}-reminder"] == comments.reminder(
        "alice", "https://github.example/77", 4
    )


async def test_after_a_week_the_task_ends_as_unanswered(database: Database) -> None:
    """The task fails, the question's comment and the status comment say so, and an answer is still welcome."""
    asked = await posted_question(database)
    assert await sweep(database, 7) == 1
    ended = await rows.task(database, asked.task_id)
    assert (ended.status, ended.failure) == (Status.FAILED, "unanswered")
    assert (await rows.question(database, asked.id)).expired
    told = await said(database)
    url = f"https://github.example/{question_key(asked.id)}"
    assert told == {
        question_key(asked.id): comments.question_expired((ROUNDING,), 7, "ove"),
        status_key(asked.task_id): comments.status_unanswered(url, "ove"),
    }


async def test_an_unanswered_question_about_red_checks_ends_the_check_run(database: Database) -> None:
    """The App's check run in the pull request must not look for ever as if somebody were at work."""
    red = await turn_red(database, await waiting_for_checks(database), attempt=None)
    await ask(database, await claimed(database))
    await sweep(database, 7)
    assert (await rows.task(database, red.task_id)).status is Status.FAILED
    [check] = [row["content"] for row in await all_rows(database, tables.outbox) if row["kind"] == "check"]
    assert (check["sha"], check["conclusion"]) == (red.sha, "failure")


async def test_a_question_ends_once(database: Database) -> None:
    """The next look finds nothing to end."""
    await posted_question(database)
    await sweep(database, 7)
    before = await all_rows(database, tables.outbox)
    await sweep(database, 8)
    assert await all_rows(database, tables.outbox) == before


async def test_after_a_long_sleep_of_the_service_nobody_is_reminded_of_what_has_ended(database: Database) -> None:
    """When reminder and end are both due, there is only the end."""
    asked = await posted_question(database)
    await sweep(database, 30)
    assert f"{question_key(asked.id)}-reminder" not in await said(database)


async def test_each_question_has_its_own_time(database: Database) -> None:
    """One look ends the oldest, reminds of the next, and leaves the youngest."""
    old = await posted_question(database, number=1)
    middle = await posted_question(database, number=2, now=NOW + 4 * DAY)
    young = await posted_question(database, number=3, now=NOW + 6.5 * DAY)
    await sweep(database, 7)
    assert (await rows.question(database, old.id)).expired
    assert f"{question_key(middle.id)}-reminder" in await said(database)
    assert await rows.question(database, young.id) == young


async def test_silent_checks_are_looked_at(database: Database) -> None:
    """Webhooks get lost: after five minutes without a look there is one, and the watcher is rung for it."""
    silent = await waiting_for_checks(database)
    await look(database, silent)
    assert await sweep_silent(database, 300) == ([], 0)
    assert await sweep_silent(database, 301) == ([silent.id], 1)


async def test_a_look_breaks_the_silence(database: Database) -> None:
    """Whoever looked, for whatever reason: the five minutes begin anew, so a long CI run is looked at now and then."""
    silent = await waiting_for_checks(database)
    await look(database, silent)
    await sweep_silent(database, 301)
    await look(database, await rows.wait(database, silent.id), now=NOW + 302)
    assert await sweep_silent(database, 602) == ([], 0)
    assert await sweep_silent(database, 603) == ([silent.id], 1)


async def test_silence_about_what_is_over_is_left_alone(database: Database) -> None:
    """A task that has ended needs no look, however long ago that was."""
    silent = await waiting_for_checks(database)
    await look(database, silent)
    await give_up(database, silent)
    assert await sweep_silent(database, 1e9) == ([], 0)
