"""Tests of what people do to a task from outside: stop it, have it tried again, or start what it planned."""

from __future__ import annotations

from typing import Any

import pytest

from ove_gh import comments, steering
from ove_gh.agent import Finished
from ove_gh.recording import recorded
from ove_gh.scheduling import schedule_key
from ove_gh.store import schedules, tables
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import check_key, plan_key, question_key, status_key
from ove_gh.tasks import Kind, Priority, Status, Target, Task, Thread
from tests.payloads import ALICE, BOB, HEAD
from tests.store import rows
from tests.store.rows import (
    NOW,
    ROUNDING,
    TELLER,
    add_schedule,
    add_task,
    all_rows,
    claim,
    claimed,
    finish,
    give_up,
    turn_red,
    waiting_for_checks,
    waiting_question,
)

pytestmark = pytest.mark.anyio

CLICK = Target("button", 5, "https://github.example/alice/shop/runs/5")


async def stop(database: Database, task_id: int) -> Task:
    """Bob stops a task; returns it as it is then."""
    async with database.writing() as connection:
        task = await store.task_by_id(connection, task_id)
        assert await steering.stop(connection, TELLER, task, BOB.person, now=NOW) is not task.status.is_final
        return await store.task_by_id(connection, task_id)


async def try_again(database: Database, task_id: int) -> Task:
    """Bob has the last task of a thread tried again."""
    async with database.writing() as connection:
        last = await store.task_by_id(connection, task_id)
        thread = await store.thread_by_id(connection, last.thread_id)
        return await steering.try_again(connection, thread, last, BOB.person, CLICK, now=NOW)


async def told(database: Database) -> dict[str, Any]:
    """What is to stand on GitHub, by key."""
    return {row["key"]: row["content"] for row in await all_rows(database, tables.outbox)}


async def thread_of(database: Database, task_id: int) -> Thread:
    """The thread of a task."""
    async with database.reading() as connection:
        return await store.thread_by_id(connection, (await store.task_by_id(connection, task_id)).thread_id)


# -- stop --------------------------------------------------------------------------------------------------------------


async def test_a_task_that_has_not_begun_never_does(database: Database) -> None:
    """It is cancelled, its turn falls away, and the status comment says who stopped it."""
    made = await add_task(database)
    assert (await stop(database, made.id)).status is Status.CANCELLED
    assert await claim(database) is None
    assert list(await told(database)) == [status_key(made.id)]
    assert "Stopped by bob" in (await told(database))[status_key(made.id)]["body"]


async def test_a_running_task_is_stopped_by_its_worker(database: Database) -> None:
    """Here is only noted who wants it: what the agent has made is to be kept before anything is said."""
    made = await add_task(database)
    await claimed(database)
    stopping = await stop(database, made.id)
    assert (stopping.status, stopping.stop_asked_by) == (Status.RUNNING, "bob")
    assert await told(database) == {}


async def test_a_task_that_asks_takes_its_question_back(database: Database) -> None:
    """Nobody is left with a question whose answer would do nothing."""
    asked = await waiting_question(database)
    assert (await stop(database, asked.task_id)).status is Status.CANCELLED
    assert not (await rows.question(database, asked.id)).open
    said = (await told(database))[question_key(asked.id)]["body"]
    assert said == comments.question_withdrawn((ROUNDING,))


@pytest.mark.parametrize("is_red", [False, True])
async def test_a_task_in_the_loop_is_stopped(database: Database, is_red: bool) -> None:
    """While it waits for checks, or for its next attempt: the work is kept, and its check run offers another try."""
    waiting = await waiting_for_checks(database)
    if is_red:
        await turn_red(database, waiting)
    assert (await stop(database, waiting.task_id)).status is Status.CANCELLED
    assert await claim(database) is None
    thread = await thread_of(database, waiting.task_id)
    check = (await told(database))[check_key(thread.id, HEAD)]
    assert (check["conclusion"], [action["identifier"] for action in check["actions"]]) == ("cancelled", ["again"])
    assert "bob" in check["title"]
    assert "ove/3-total" in (await told(database))[status_key(waiting.task_id)]["body"]


async def test_what_has_ended_is_not_stopped(database: Database) -> None:
    """A click that comes late changes nothing and says nothing."""
    made = await add_task(database)
    await finish(database, await claimed(database))
    assert (await stop(database, made.id)).status is Status.COMPLETED
    assert await told(database) == {}


async def test_a_stopped_run_is_told_by_its_schedule(database: Database) -> None:
    """The schedule's own comment tells of it, and its next run comes as planned."""
    schedule = await add_schedule(database)
    made = await add_task(database, schedule=schedule)
    async with database.writing() as connection:
        await schedules.change(connection, schedule.id, last_run_at=NOW, last_task_id=made.id)
    await stop(database, made.id)
    async with database.reading() as connection:
        after = await schedules.by_id(connection, schedule.id)
    assert (after.last_outcome, after.due_at) == ("stopped", schedule.due_at)
    assert "stopped" in (await told(database))[schedule_key(schedule)]["body"]


# -- try again ---------------------------------------------------------------------------------------------------------


async def test_another_try_knows_the_red_checks(database: Database) -> None:
    """Where red checks ended the task the new one, asked for by who clicked, begins with what they say."""
    red = await give_up(database, await waiting_for_checks(database))
    again = await try_again(database, red.task_id)
    assert (again.status, again.requester, again.source, again.number) == (Status.PENDING, BOB.person, CLICK, 3)
    turn = await claimed(database)
    assert (turn.task_id, turn.position, turn.answers_wait) == (again.id, 1, red.id)


async def test_another_try_of_what_was_stopped_goes_on_from_there(database: Database) -> None:
    """Without red checks at its end there is no report: the session alone says how far it came."""
    waiting = await waiting_for_checks(database)
    await stop(database, waiting.task_id)
    await try_again(database, waiting.task_id)
    assert (await claimed(database)).answers_wait is None


async def test_red_checks_of_an_older_commit_are_not_brought_up(database: Database) -> None:
    """When something newer was pushed since, what the old commit's checks said is over."""
    red = await give_up(database, await waiting_for_checks(database))
    thread = await thread_of(database, red.task_id)
    async with database.writing() as connection:
        assert await steering.red_wait(connection, thread) == red.id
        await store.change_thread(connection, thread.id, pushed_sha="c" * 40)
    await try_again(database, red.task_id)
    assert (await claimed(database)).answers_wait is None


async def test_a_task_after_the_red_one_settles_it(database: Database) -> None:
    """Only the thread's last task counts: red checks before one that ended otherwise are not brought up again."""
    red = await give_up(database, await waiting_for_checks(database))
    thread = await thread_of(database, red.task_id)
    await add_task(database)
    await finish(database, await claimed(database))
    async with database.reading() as connection:
        assert await steering.red_wait(connection, thread) is None


@pytest.mark.parametrize("kind", list(Kind))
async def test_another_try_is_of_the_same_kind(database: Database, kind: Kind) -> None:
    """Work goes on where it stopped; what only looked is asked for once more, in its own words and as urgently."""
    made = await ended(database, kind)
    again = await try_again(database, made.id)
    assert again.request == (steering.TRY_AGAIN if kind is Kind.WORK else "the cart")
    assert (again.kind, again.priority, again.number) == (kind, Priority.HIGH, made.number)
    assert (again.requester, again.source, again.afresh) == (BOB.person, CLICK, False)


# -- start a plan ------------------------------------------------------------------------------------------------------


async def ended(database: Database, kind: Kind) -> Task:
    """Alice asked for a task of this kind, and it is done."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, rows.place(), "The total is wrong")
        made = await store.add_task(
            connection,
            thread,
            number=3,
            request="the cart",
            source=CLICK,
            requester=ALICE.person,
            now=NOW,
            kind=kind,
            priority=Priority.HIGH,
        )
    turn = await claimed(database)
    async with database.writing() as connection:
        outcome = recorded(Finished("- [ ] Sum first", "session", 0.1), ())
        await store.agent_ended(connection, turn, outcome=outcome, cost_usd=0.1, session_id="session")
    await finish(database, turn)
    return await rows.task(database, made.id)


async def test_a_plan_is_carried_out_for_who_agreed_to_it(database: Database) -> None:
    """In the session that made it, as urgently as it was asked for; its comment says who started it."""
    plan = await ended(database, Kind.PLAN)
    async with database.writing() as connection:
        work = await steering.start_plan(connection, TELLER, plan, BOB.person, CLICK, now=NOW)
    assert (work.kind, work.request, work.priority) == (Kind.WORK, steering.CARRY_OUT, Priority.HIGH)
    assert (work.requester, work.source, work.afresh) == (BOB.person, CLICK, False)
    assert (await thread_of(database, work.id)).session_id == "session"
    assert (await told(database))[plan_key(plan.id)]["body"] == comments.plan_started("alice", "- [ ] Sum first", "bob")
