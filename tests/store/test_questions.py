"""Tests of questions as rows."""

from __future__ import annotations

import pytest

from ove_gh.questions import Questions
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.tasks import AskedQuestion
from ove_gh.tasks import IllegalMove, Status
from tests.payloads import ALICE, BOB
from tests.store.rows import (
    NOW,
    PAGES,
    ROUNDING,
    add_task,
    claimed,
    expire,
    place,
    question,
    task,
    turn,
    waiting_question,
)

pytestmark = pytest.mark.anyio

DAY = 86_400.0
BOTH: Questions = (ROUNDING, PAGES)


async def answerable(database: Database, number: int = 3) -> int | None:
    """The question that a reply in a thread would answer."""
    async with database.reading() as connection:
        thread = await store.find_thread(connection, place(number))
        assert thread is not None
        found = await store.answerable_question(connection, thread)
        return found.id if found else None


async def answer(database: Database, asked: AskedQuestion) -> None:
    """Bob answers."""
    async with database.writing() as connection:
        await store.answer_question(
            connection, asked, answers={ROUNDING.text: "Half up"}, by=BOB.person, url="https://x/9", now=NOW + 60
        )


async def asked_before(database: Database, moment: float, *, reminded: bool | None = None) -> list[int]:
    """The open questions that are that old."""
    async with database.reading() as connection:
        found = await store.questions_asked_before(connection, moment, reminded=reminded)
    return [one.id for one in found]


async def test_a_question_is_recorded_as_it_was_asked(database: Database) -> None:
    """All its parts come back from the row, with the person and the place that it is for."""
    asked = await waiting_question(database, BOTH, number=4)
    found = await question(database, asked.id)
    assert found == asked
    assert (found.questions, found.answers, found.tool_use_id) == (BOTH, {}, "toolu_1")
    assert (found.asked, found.place, found.asked_at) == (ALICE.person, place(4), NOW)
    assert (found.open, found.expired, found.answered_by) == (True, False, None)


async def test_asking_moves_the_task(database: Database) -> None:
    """A task whose agent asks waits for people; its turn has ended."""
    asked = await waiting_question(database)
    assert (await task(database, asked.task_id)).status is Status.WAITING_USER
    assert (await turn(database, 1)).status == "ended"


async def test_a_task_that_does_not_run_cannot_ask(database: Database) -> None:
    """A question that came too late is refused, and no row of it remains."""
    await add_task(database)
    running = await claimed(database)
    async with database.writing() as connection:
        await store.move(connection, running.task_id, Status.RUNNING, Status.CANCELLED, now=NOW)
    with pytest.raises(IllegalMove):
        async with database.writing() as connection:
            await store.ask(connection, running, tool_use_id="toolu_1", asked=BOTH, now=NOW)
    async with database.reading() as connection:
        assert await store.find_question(connection, 1) is None


async def test_the_open_question_is_answerable(database: Database) -> None:
    """In its own thread, under the issue or the pull request that came of it, and nowhere else."""
    asked = await waiting_question(database, number=3)
    await add_task(database, number=4)
    async with database.writing() as connection:
        await store.pull_came_of(connection, asked.thread, 13, "https://x/13")
    assert await answerable(database, 3) == await answerable(database, 13) == asked.id
    assert await answerable(database, 4) is None


async def test_an_answer_closes_the_question(database: Database) -> None:
    """What was chosen, by whom and where is kept, and nothing is answerable any more."""
    asked = await waiting_question(database)
    await answer(database, asked)
    found = await question(database, asked.id)
    assert (found.open, found.answers, found.answered_by) == (False, {ROUNDING.text: "Half up"}, BOB.person)
    assert found.answered_url == "https://x/9"
    assert await answerable(database) is None
    async with database.reading() as connection:
        decided = await store.answered_questions(connection, asked.thread.id)
    assert [one.id for one in decided] == [asked.id]


async def test_partial_answers_are_kept(database: Database) -> None:
    """A question that is answered in part stays open with what is known so far."""
    asked = await waiting_question(database, BOTH)
    async with database.writing() as connection:
        await store.keep_partial_answers(connection, asked, {ROUNDING.text: "Half up"})
    found = await question(database, asked.id)
    assert (found.open, found.answers) == (True, {ROUNDING.text: "Half up"})
    assert await answerable(database) == asked.id
    async with database.reading() as connection:
        assert await store.answered_questions(connection, asked.thread.id) == []


async def test_an_expired_question_fails_its_task(database: Database) -> None:
    """Nobody answered in time: the task ends as unanswered, and the question is open no more."""
    asked = await waiting_question(database)
    await expire(database, asked, now=NOW + 7 * DAY)
    found, ended = await question(database, asked.id), await task(database, asked.task_id)
    assert (found.open, found.expired) == (False, True)
    assert (ended.status, ended.failure, ended.ended_at) == (Status.FAILED, "unanswered", NOW + 7 * DAY)


async def test_an_expired_question_is_answerable_until_something_newer_is_asked_for(database: Database) -> None:
    """A late reply picks it up, unless a newer task has begun in the thread."""
    asked = await waiting_question(database)
    await expire(database, asked)
    assert await answerable(database) == asked.id
    await add_task(database, number=4)
    assert await answerable(database) == asked.id
    await add_task(database)
    assert await answerable(database) is None


async def test_an_expired_question_that_was_answered_late_is_settled(database: Database) -> None:
    """It can be answered once."""
    asked = await waiting_question(database)
    await expire(database, asked)
    await answer(database, asked)
    assert await answerable(database) is None


async def test_the_open_question_goes_before_an_expired_one(database: Database) -> None:
    """Of two questions in a thread, a reply is for the one that waits now."""
    old = await waiting_question(database)
    await expire(database, old)
    new = await waiting_question(database)
    assert await answerable(database) == new.id


async def test_old_questions_are_found_for_reminder_and_end(database: Database) -> None:
    """Only those that are open and that old; those that were reminded of are told apart."""
    first = await waiting_question(database, number=1, now=NOW)
    second = await waiting_question(database, number=2, now=NOW + DAY)
    settled = await waiting_question(database, number=3, now=NOW)
    gone = await waiting_question(database, number=4, now=NOW)
    await answer(database, settled)
    await expire(database, gone)
    assert await asked_before(database, NOW - 1) == []
    assert await asked_before(database, NOW) == [first.id]
    assert await asked_before(database, NOW + DAY) == [first.id, second.id]
    async with database.writing() as connection:
        await store.mark_reminded(connection, first, now=NOW + DAY)
    assert await asked_before(database, NOW + DAY, reminded=False) == [second.id]
    assert await asked_before(database, NOW + DAY, reminded=True) == [first.id]


async def test_an_unknown_question_is_none(database: Database) -> None:
    """A number in somebody's forged marker leads nowhere."""
    async with database.reading() as connection:
        assert await store.find_question(connection, 8) is None
