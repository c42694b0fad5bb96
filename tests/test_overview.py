"""Tests of where things stand, as rows tell it to those who ask."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ove_gh.comments import FailureKind, PullLink, QueuedTask, ThreadStatus, TraceLine
from ove_gh.overview import task_rows, thread_view, trace_lines
from ove_gh.store import outbox
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import question_key, status_key
from ove_gh.store.traces import Step
from ove_gh.tasks import Kind, Person, Priority, Status, Target, Task
from tests.payloads import ALICE, BOB, HEAD
from tests.store import rows
from tests.store.rows import (
    NOW,
    PULL,
    add_schedule,
    add_task,
    ask,
    claimed,
    finish,
    give_up,
    place,
    waiting_for_checks,
    waiting_question,
)

pytestmark = pytest.mark.anyio

SERVER = "https://github.example"
SHOP = f"{SERVER}/alice/shop"


async def view(database: Database, *, after: float = 0.0, number: int = 3) -> ThreadStatus:
    """How a thread stands so many seconds after NOW."""
    async with database.reading() as connection:
        return await thread_view(connection, place(number), SERVER, now=NOW + after)


async def add(
    database: Database, request: str, *, kind: Kind = Kind.WORK, priority: Priority = Priority.NORMAL
) -> Task:
    """Bob asks for something in the thread."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, place(), "The total is wrong")
        source = Target("comment", 6, f"{SHOP}/issues/3#6")
        return await store.add_task(
            connection,
            thread,
            number=3,
            request=request,
            source=source,
            requester=BOB.person,
            now=NOW,
            kind=kind,
            priority=priority,
        )


async def posted(database: Database, key: str) -> None:
    """A comment stands on GitHub."""
    async with database.writing() as connection:
        await outbox.comment(connection, place(), key, "Hello", now=NOW)
        for entry in await outbox.due(connection, now=NOW, busy=(), limit=9):
            await outbox.sent(connection, entry, remote_id=9, remote_url=f"{SHOP}#{entry.key}")


# -- one thread --------------------------------------------------------------------------------------------------------


async def test_a_thread_without_tasks_has_nothing_but_its_schedules(database: Database) -> None:
    """Those that belong to this very issue, by number and address; other threads have none of it."""
    schedule = await add_schedule(database)
    assert await view(database) == ThreadStatus(schedules=[(schedule.number, schedule.url)])
    assert await view(database, number=4) == ThreadStatus(schedules=[])
    async with database.writing() as connection:
        await store.open_thread(connection, place(), "The total is wrong")
    assert await view(database) == ThreadStatus(schedules=[(schedule.number, schedule.url)])


async def test_a_running_task_tells_what_it_does_for_whom(database: Database) -> None:
    """The request, who asked where, the turns, the time worked and the cost; and what holds for the thread."""
    task = await add_task(database)
    await claimed(database, now=NOW + 5)
    await posted(database, status_key(task.id))
    async with database.writing() as connection:
        await store.change_thread(connection, task.thread_id, model="opus", budget_usd=2.5, branch="ove/3-total")
    shown = await view(database, after=65)
    assert (shown.status, shown.request, shown.requester_login) == (Status.RUNNING, "fix it", "alice")
    assert shown.request_url == "https://github.example/5"
    assert (shown.turns, shown.elapsed_seconds, shown.since_seconds, shown.ahead) == (1, 60, None, 0)
    assert shown.status_url == f"{SHOP}#{status_key(task.id)}"
    assert (shown.model, shown.budget_usd) == ("opus", 2.5)
    # the branch is not on GitHub yet: a link would lead nowhere
    assert (shown.branch, shown.branch_url, shown.pull, shown.question_url) == (None, None, None, None)


async def test_a_waiting_question_is_linked(database: Database) -> None:
    """Where people answer it, and for how long it has waited."""
    asked = await waiting_question(database)
    await posted(database, question_key(asked.id))
    shown = await view(database, after=90)
    assert (shown.status, shown.since_seconds) == (Status.WAITING_USER, 90)
    assert shown.question_url == f"{SHOP}#{question_key(asked.id)}"


async def test_a_wait_for_checks_names_its_commit(database: Database) -> None:
    """With the branch, the pull request and the time since the push; the pull request's own thread is the same."""
    await waiting_for_checks(database)
    shown = await view(database, after=120)
    assert (shown.status, shown.since_seconds, shown.cost_usd) == (Status.WAITING_CI, 120, 0.25)
    assert (shown.sha, shown.sha_url) == (HEAD, f"{SHOP}/commit/{HEAD}")
    assert shown.branch == "ove/3-total"
    assert (shown.branch_url or "").startswith(SHOP)
    assert shown.pull == PullLink(PULL, f"{SHOP}/pull/{PULL}", False)
    assert await view(database, after=120, number=PULL) == replace(shown, schedules=[])


async def test_those_who_wait_are_told_in_the_order_of_their_turn(database: Database) -> None:
    """By priority and then by age, without the one that runs; a bare command is called by its kind."""
    await add(database, "first")
    await claimed(database)
    await add(database, "second", priority=Priority.LOW)
    await add(database, " ", kind=Kind.REVIEW)
    await add(database, "fourth", priority=Priority.URGENT)
    shown = await view(database)
    assert (shown.status, shown.request, shown.ahead) == (Status.RUNNING, "first", 0)
    url = f"{SHOP}/issues/3#6"
    assert shown.queued[0] == QueuedTask("fourth", "bob", url, Priority.URGENT)
    assert shown.queued[1].request.strip()
    assert shown.queued[2] == QueuedTask("second", "bob", url, Priority.LOW)
    assert len(shown.queued) == 3


async def test_before_anything_runs_the_next_to_run_is_told(database: Database) -> None:
    """The most urgent comes first, with how long it has waited, and the others stand behind it."""
    await add(database, "first")
    await add(database, "urgent", priority=Priority.URGENT)
    shown = await view(database, after=30)
    assert (shown.status, shown.request, shown.ahead, shown.since_seconds) == (Status.PENDING, "urgent", 0, 30)
    assert [each.request for each in shown.queued] == ["first"]


async def test_an_end_tells_its_reason(database: Database) -> None:
    """Red checks are a reason that has words; one that is unknown to this version is no error; who stopped is named."""
    red = await give_up(database, await waiting_for_checks(database))
    shown = await view(database, after=600)
    assert (shown.status, shown.failure, shown.since_seconds) == (Status.FAILED, FailureKind.CHECKS_RED, 600)
    unknown = await add(database, "again")
    async with database.writing() as connection:
        await store.move(connection, unknown.id, Status.PENDING, Status.FAILED, now=NOW, failure="of another version")
    assert ((shown := await view(database)).status, shown.failure) == (Status.FAILED, None)
    stopped = await add(database, "once more")
    async with database.writing() as connection:
        await store.ask_to_stop(connection, stopped.id, "bob")
        await store.move(connection, stopped.id, Status.PENDING, Status.CANCELLED, now=NOW)
    assert ((shown := await view(database)).status, shown.stopped_by) == (Status.CANCELLED, "bob")
    assert red.task_id < unknown.id < stopped.id


async def test_an_answered_question_is_not_waited_for(database: Database) -> None:
    """After the end there is no question to link to."""
    asked = await waiting_question(database)
    await posted(database, question_key(asked.id))
    async with database.writing() as connection:
        await store.answer_question(
            connection, asked, answers={"Which rounding?": "Half up"}, by=ALICE.person, url=None, now=NOW
        )
        await store.move(connection, asked.task_id, Status.WAITING_USER, Status.COMPLETED, now=NOW)
    shown = await view(database)
    assert (shown.status, shown.question_url) == (Status.COMPLETED, None)


# -- the tasks of a repository -----------------------------------------------------------------------------------------


async def test_a_repositorys_tasks_are_those_of_all_its_threads(database: Database) -> None:
    """The unfinished by priority and age, behind them those that ended last; nothing of another repository."""
    ended = [await add_task(database, number=number) for number in (10, 11, 12)]
    for task in ended:
        await finish(database, await claimed(database), now=NOW + task.number)
    normal = await add_task(database, number=20, requester=Person(9, "carol"), now=NOW + 30)
    asking = await add_task(database, number=21)
    await claimed(database, now=NOW + 10)
    await ask(database, await claimed(database, now=NOW + 40))
    urgent = await add(database, "now", priority=Priority.URGENT)
    async with database.writing() as connection:
        other = await store.open_thread(connection, replace(place(), repository_id=43), "Elsewhere")
        await store.add_task(
            connection, other, number=3, request="x", source=Target("issue", 3, ""), requester=BOB.person, now=NOW
        )
        found = await store.tasks_of_repository(connection, 42, ended=2)
    assert [task.id for task, _ in found] == [urgent.id, normal.id, asking.id, ended[2].id, ended[1].id]
    assert [(task.thread_id, thread.place.number) for task, thread in found] == [
        (task.thread_id, number)
        for task, number in ((urgent, 3), (normal, 20), (asking, 21), (ended[2], 12), (ended[1], 11))
    ]
    lines = task_rows(found, now=NOW + 100)
    assert [line.age_seconds for line in lines] == [100, 70, 100, 88, 89]
    assert (lines[1].number, lines[1].requester_login, lines[1].title) == (20, "carol", "The total is wrong")
    assert {line.state for line in lines} == {
        Status.PENDING, Status.WAITING_USER, Status.COMPLETED, Status.RUNNING,
    }  # fmt: skip


def test_steps_become_lines() -> None:
    """Nothing of a step is lost on the way to the comment."""
    steps = [Step(NOW, "tool", "Ran pytest", "2 passed"), Step(NOW + 1, "text", "Done")]
    assert trace_lines(steps) == [
        TraceLine(NOW, "tool", "Ran pytest", "2 passed"), TraceLine(NOW + 1, "text", "Done", ""),
    ]  # fmt: skip


async def test_rows_hold_while_tasks_change(database: Database) -> None:
    """A task that goes on is told as it is at each look: pending, running, done."""
    task = await add_task(database)
    seen = [(await view(database)).status]
    turn = await claimed(database)
    seen.append((await view(database)).status)
    await finish(database, turn)
    seen.append((await view(database)).status)
    assert seen == [Status.PENDING, Status.RUNNING, Status.COMPLETED]
    assert (await rows.task(database, task.id)).status is Status.COMPLETED
