"""Tests of what a command leads to: tasks, words to a turn that runs, and answers, all of them rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ove_gh import comments
from ove_gh.agent import Finished
from ove_gh.commanding import Asked, Commander, CommandSettings
from ove_gh.commands import (
    AddSchedule,
    Command,
    Continue,
    Discuss,
    Fix,
    Go,
    Help,
    ListSchedules,
    ListTasks,
    New,
    Plain,
    Plan,
    RemoveSchedule,
    Retry,
    Review,
    SetBudget,
    SetModel,
    ShowStatus,
    Simplify,
    Stop,
    Trace,
    Validate,
    meanings,
)
from ove_gh.overview import thread_view
from ove_gh.recording import recorded
from ove_gh.steering import CARRY_OUT, TRY_AGAIN
from ove_gh.store import messages, tables, traces
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.messages import Message
from ove_gh.store.outbox import plan_key, status_key
from ove_gh.store.traces import Step
from ove_gh.tasks import Kind, Priority, Status, Target, Task, Thread
from tests.payloads import ALICE, BOB, PLACE, Account
from tests.store import rows
from tests.store.rows import (
    NOW,
    PULL,
    TELLER,
    add_schedule,
    add_task,
    all_rows,
    claimed,
    finish,
    give_up,
    place,
    waiting_for_checks,
    waiting_question,
)

pytestmark = pytest.mark.anyio

MOST = 10.0


@dataclass
class Desk:
    """A commander over an empty database; the clock stands at NOW."""

    database: Database
    commander: Commander

    async def obey(
        self,
        command: Command,
        *,
        by: Account = ALICE,
        comment: int = 5,
        number: int = PLACE.number,
        is_pull: bool = False,
        is_admin: bool = False,
    ) -> None:
        """Somebody who may commands, in a comment."""
        source = Target("comment", comment, f"https://github.example/{comment}")
        asked = Asked(place(number), "The total", by.person, source, is_admin=is_admin, is_pull=is_pull)
        async with self.database.writing() as connection:
            await self.commander.obey(connection, asked, command)

    async def address(self, review: int, text: str = "", *, kind: Any = "review") -> None:
        """Somebody's review asks for work."""
        source = Target(kind, review, f"https://github.example/{review}")
        asked = Asked(place(PULL), "Fix the total", ALICE.person, source, is_pull=True)
        async with self.database.writing() as connection:
            await self.commander.address(connection, asked, text, Priority.NORMAL)

    async def tasks(self, number: int = PLACE.number) -> list[Task]:
        """The tasks of a thread."""
        async with self.database.reading() as connection:
            thread = await store.find_thread(connection, place(number))
            return await store.tasks_of_thread(connection, thread.id) if thread is not None else []

    async def newest(self) -> Task:
        """The newest task of the thread of PLACE."""
        return (await self.tasks())[-1]

    async def thread(self) -> Thread:
        """The thread of PLACE."""
        async with self.database.reading() as connection:
            found = await store.find_thread(connection, place())
        assert found is not None
        return found

    async def untaken(self, task: Task) -> list[Message]:
        """What was said to the turn of a task."""
        async with self.database.reading() as connection:
            return await messages.untaken(connection, task.id)

    async def said(self) -> dict[str, str]:
        """All comments that the App is to make, by key."""
        found = await all_rows(self.database, tables.outbox)
        return {row["key"]: row["content"]["body"] for row in found if row["kind"] == "comment"}

    async def answer(self, comment: int = 5) -> str:
        """What is answered to the command in a comment."""
        return (await self.said())[f"answer-comment-42-{comment}"]

    async def seen(self) -> list[int]:
        """The comments that have 👀."""
        found = await all_rows(self.database, tables.outbox)
        return [row["content"]["id"] for row in found if row["kind"] == "reaction"]

    async def make_plan(self, text: str = "- [ ] Sum first") -> Task:
        """A plan was asked for, and made."""
        await self.obey(Plan("the totals"), comment=4)
        turn = await claimed(self.database)
        async with self.database.writing() as connection:
            outcome = recorded(Finished(text, "session", 0.1), ())
            await store.agent_ended(connection, turn, outcome=outcome, cost_usd=0.1, session_id="session")
            await store.move(connection, turn.task_id, Status.RUNNING, Status.COMPLETED, now=NOW)
            await store.end_turn(connection, turn.id, now=NOW)
            await TELLER.reported(connection, turn.task_id, now=NOW)
        return await rows.task(self.database, turn.task_id)


@pytest.fixture
def desk(database: Database) -> Desk:
    """A commander for an operator who lets two agents work at once, for up to ten dollars a task."""
    settings = CommandSettings(slots=2, max_budget_usd=MOST, time_zone="UTC", schedule_least_seconds=900.0)
    return Desk(database, Commander(TELLER, settings=settings, clock=lambda: NOW))


# -- tasks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "kind", "request_", "priority"),
    [
        (Plain("the total", Priority.HIGH), Kind.WORK, "the total", Priority.HIGH),
        (Plain(""), Kind.WORK, "", Priority.NORMAL),
        (Fix("fix the total", Priority.URGENT), Kind.WORK, "fix the total", Priority.URGENT),
        (Continue("with Decimal"), Kind.WORK, "Continue. with Decimal", Priority.NORMAL),
        (Continue(""), Kind.WORK, "Continue.", Priority.NORMAL),
        (Validate("", Priority.LOW), Kind.VALIDATE, "", Priority.LOW),
        (Discuss("rounding", Priority.HIGH), Kind.DISCUSS, "rounding", Priority.HIGH),
        (Plan("the totals", Priority.LOW), Kind.PLAN, "the totals", Priority.LOW),
    ],
)
async def test_each_command_asks_for_its_kind_of_task(
    desk: Desk, command: Command, kind: Kind, request_: str, priority: Priority
) -> None:
    """The words, the kind and the priority reach the row, for who asked where; 👀 is all that is said."""
    await desk.obey(command, by=BOB)
    [task] = await desk.tasks()
    assert (task.kind, task.request, task.priority, task.afresh) == (kind, request_, priority, False)
    assert (task.requester, task.source) == (BOB.person, Target("comment", 5, "https://github.example/5"))
    assert (await desk.seen(), await desk.said()) == ([5], {})


async def test_what_is_to_be_simpler_is_named(desk: Desk) -> None:
    """`simplify` is work on a path, or on what the thread is about, and says that nothing else may change."""
    await desk.obey(Simplify("cart.py", "mind the tests", Priority.LOW))
    await desk.obey(Simplify("", ""), comment=6)
    path, thread = await desk.tasks()
    assert path.request.startswith("Simplify `cart.py`: ")
    assert path.request.endswith("without changing what it does.\n\nmind the tests")
    assert (path.kind, path.priority) == (Kind.WORK, Priority.LOW)
    assert thread.request.startswith("Simplify what this thread is about: ")
    assert thread.request.endswith("what it does.")


async def test_new_is_a_task_that_knows_nothing(desk: Desk) -> None:
    """Also while a turn runs: what is to start afresh is not said to it."""
    running = await add_task(desk.database)
    await claimed(desk.database)
    await desk.obey(New("another way", Priority.HIGH))
    task = await desk.newest()
    assert (task.request, task.afresh, task.priority) == ("another way", True, Priority.HIGH)
    assert await desk.untaken(running) == []


@pytest.mark.parametrize(("command", "brings"), [(Plain("go on"), True), (New("again"), False), (Plan("it"), False)])
async def test_work_goes_on_with_red_checks(desk: Desk, command: Command, brings: bool) -> None:
    """Where the last task gave up on red checks, the next work begins with what they say; nothing else does."""
    red = await give_up(desk.database, await waiting_for_checks(desk.database))
    await desk.obey(command)
    assert (await claimed(desk.database)).answers_wait == (red.id if brings else None)


async def test_a_task_in_a_queue_is_told_its_place(desk: Desk) -> None:
    """Behind others of its thread, by priority; a more urgent one stands in front and is told nothing."""
    await add_task(desk.database)
    await desk.obey(Plain("second"))
    second = await desk.newest()
    assert await desk.said() == {status_key(second.id): comments.status_queued(1)}
    await desk.obey(Plain("third", Priority.LOW), comment=6)
    third = await desk.newest()
    assert (await desk.said())[status_key(third.id)] == comments.status_queued(2)
    await finish(desk.database, await claimed(desk.database))
    await desk.obey(Plain("fourth", Priority.URGENT), comment=7)
    fourth = await desk.newest()
    assert (await claimed(desk.database)).task_id == fourth.id
    # three tasks are busy and two agents may work: it waits for a free place, but for nobody in its thread
    assert (await desk.said())[status_key(fourth.id)] == comments.status_queued(0)


async def test_a_task_that_finds_all_agents_at_work_is_told_so(desk: Desk) -> None:
    """Other threads keep both agents busy: it waits for a free place, though nothing of its thread is ahead."""
    for number in (8, 9):
        await add_task(desk.database, number=number)
    await desk.obey(Plain("fix it"))
    assert await desk.said() == {status_key((await desk.newest()).id): comments.status_queued(0)}


# -- words to a turn that runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [Plain("use Decimal"), Fix("use Decimal"), Continue("use Decimal")])
async def test_a_request_reaches_the_running_turn(desk: Desk, command: Command) -> None:
    """It is a message with its writer and place, seen with 👀, also from the pull request; it is no task."""
    running = await add_task(desk.database)
    async with desk.database.writing() as connection:
        thread = await store.thread_by_id(connection, running.thread_id)
        await store.pull_came_of(connection, thread, PULL, "https://github.example/13")
    await claimed(desk.database)
    await desk.obey(command, by=BOB, number=PULL)
    [message] = await desk.untaken(running)
    assert message.text.endswith("use Decimal")
    assert (message.task_id, message.number, message.writer) == (running.id, PULL, BOB.person)
    assert message.source == Target("comment", 5, "https://github.example/5")
    assert [task.id for task in await desk.tasks()] == [running.id]
    assert (await desk.seen(), await desk.said()) == ([5], {})


@pytest.mark.parametrize("command", [Plain(" "), Validate(""), Discuss("x"), Plan("x"), Simplify("a.py", "")])
async def test_what_is_a_task_of_its_own_waits_for_the_running_one(desk: Desk, command: Command) -> None:
    """A bare mention and the commands with an end of their own are not said to the turn: they are told their place."""
    running = await add_task(desk.database)
    await claimed(desk.database)
    await desk.obey(command)
    assert await desk.untaken(running) == []
    assert await desk.said() == {status_key((await desk.newest()).id): comments.status_queued(1)}


async def test_who_is_done_hears_nothing_any_more(desk: Desk) -> None:
    """While a turn is published, waits for its checks, or for a worker, words are a task: nobody would take them."""
    pending = await add_task(desk.database)
    await desk.obey(Plain("one"))
    turn = await claimed(desk.database)
    async with desk.database.writing() as connection:
        await store.agent_ended(connection, turn, outcome={}, cost_usd=0.0, session_id=None)
    await desk.obey(Plain("two"), comment=6)
    assert [task.request for task in await desk.tasks()] == ["fix it", "one", "two"]
    assert await desk.untaken(pending) == []


async def test_a_turn_of_another_thread_hears_nothing(desk: Desk) -> None:
    """Threads do not talk to each other."""
    other = await add_task(desk.database, number=9)
    await claimed(desk.database)
    await desk.obey(Plain("use Decimal"))
    assert await desk.untaken(other) == []
    assert [task.request for task in await desk.tasks()] == ["use Decimal"]


# -- reviews -----------------------------------------------------------------------------------------------------------


async def test_a_review_is_one_task_however_often_it_is_told(desk: Desk) -> None:
    """GitHub sends an event for the review and one for each comment; another review is another task."""
    for _ in range(3):
        await desk.address(71)
    await desk.address(72, "and the docs")
    found = await desk.tasks(PULL)
    assert [(task.source.id, task.request) for task in found] == [(71, ""), (72, "and the docs")]


async def test_a_pull_request_is_reviewed_where_there_is_one(desk: Desk) -> None:
    """In a pull request, and in an issue from which one came; elsewhere it is said that there is none."""
    await desk.obey(Review("the tests"))
    assert await desk.answer() == comments.review_needs_pull("alice", "ove")
    assert await desk.tasks() == []
    await desk.obey(Review("the tests", Priority.HIGH), comment=6, number=20, is_pull=True)
    [task] = await desk.tasks(20)
    assert (task.kind, task.request, task.priority) == (Kind.REVIEW, "the tests", Priority.HIGH)
    await finish(desk.database, await claimed(desk.database))
    await waiting_for_checks(desk.database)
    await desk.obey(Review(""), comment=7)
    assert (await desk.newest()).kind is Kind.REVIEW


# -- plans -------------------------------------------------------------------------------------------------------------


async def test_a_plan_is_started_once(desk: Desk) -> None:
    """`go` makes work of it for who said so, and its comment tells who; a second one finds nothing to start."""
    plan = await desk.make_plan()
    assert "👍" in (await desk.said())[plan_key(plan.id)]
    await desk.obey(Go(), by=BOB)
    work = await desk.newest()
    assert (work.kind, work.request, work.requester) == (Kind.WORK, CARRY_OUT, BOB.person)
    assert (await desk.said())[plan_key(plan.id)] == comments.plan_started("alice", "- [ ] Sum first", "bob")
    assert 5 in await desk.seen()
    await desk.obey(Go(), comment=6)
    assert await desk.answer(6) == comments.no_plan("alice", "ove")
    assert len(await desk.tasks()) == 2


async def test_without_a_plan_there_is_nothing_to_start(desk: Desk) -> None:
    """Neither in an unknown thread, nor while the plan is made, nor once other work was asked for since."""
    await desk.obey(Go(), comment=1)
    await desk.obey(Plan("it"), comment=2)
    await desk.obey(Go(), comment=3)
    await finish(desk.database, await claimed(desk.database))
    await desk.obey(Plain("do this first"), comment=6)
    await desk.obey(Go(), comment=7)
    assert [await desk.answer(comment) for comment in (1, 3, 7)] == [comments.no_plan("alice", "ove")] * 3


async def test_a_talk_about_a_plan_leaves_it_open(desk: Desk) -> None:
    """Questions about it may come first; a newer plan takes the place of an older one."""
    await desk.make_plan()
    await desk.obey(Discuss("why so?"))
    await finish(desk.database, await claimed(desk.database))
    newer = await desk.make_plan("- [ ] Round first")
    await desk.obey(Go(), comment=7)
    assert (await desk.said())[plan_key(newer.id)] == comments.plan_started("alice", "- [ ] Round first", "alice")


# -- retry and stop ----------------------------------------------------------------------------------------------------


async def test_retry_goes_on_from_the_last_task(desk: Desk) -> None:
    """A task that ended is tried again with its kind and priority, and with its words where it only looked."""
    await desk.obey(Validate("the cart", Priority.HIGH))
    await finish(desk.database, await claimed(desk.database))
    await desk.obey(Retry(), by=BOB, comment=6)
    again = await desk.newest()
    assert (again.kind, again.request, again.priority) == (Kind.VALIDATE, "the cart", Priority.HIGH)
    assert (again.requester, again.source.id) == (BOB.person, 6)
    await finish(desk.database, await claimed(desk.database))
    await desk.obey(Plain("the total"), comment=7)
    await finish(desk.database, await claimed(desk.database))
    await desk.obey(Retry(), comment=8)
    assert (await desk.newest()).request == TRY_AGAIN
    assert await desk.seen() == [5, 6, 7, 8]


async def test_retry_where_there_is_nothing_to_try(desk: Desk) -> None:
    """In a fresh thread, and while the last task is unfinished, it answers and starts nothing."""
    await desk.obey(Retry())
    assert await desk.answer() == comments.nothing_to_retry("alice", "ove")
    await add_task(desk.database)
    await desk.obey(Retry(), comment=6)
    assert await desk.answer(6) == comments.still_at_it(None)
    assert len(await desk.tasks()) == 1


@pytest.mark.parametrize("is_running", [True, False])
async def test_stop_ends_the_current_task(desk: Desk, is_running: bool) -> None:
    """One that runs is left to its worker, and any other ends here; 👀 shows that it was heard."""
    task = await add_task(desk.database)
    if is_running:
        await claimed(desk.database)
    await desk.obey(Stop(), by=BOB)
    after = await rows.task(desk.database, task.id)
    assert (after.status, after.stop_asked_by) == (Status.RUNNING if is_running else Status.CANCELLED, "bob")
    assert await desk.seen() == [5]
    assert set(await desk.said()) == (set() if is_running else {status_key(task.id)})


async def test_stop_where_nothing_is_to_stop(desk: Desk) -> None:
    """In a fresh thread and after the end it says so, and changes nothing."""
    await desk.obey(Stop())
    await add_task(desk.database)
    await finish(desk.database, await claimed(desk.database))
    await desk.obey(Stop(), comment=6)
    assert [await desk.answer(5), await desk.answer(6)] == [comments.nothing_to_stop("alice")] * 2
    assert (await desk.newest()).status is Status.COMPLETED


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("help_", [Help(), Help("statsu", "status")])
async def test_help_lists_what_is_read(desk: Desk, help_: Help) -> None:
    """The same table that commands are read by is what help shows, with a guess for a word that is none."""
    await desk.obey(help_)
    listed = [(each.usage, each.does) for each in meanings()]
    assert await desk.answer() == comments.help(listed, "ove", help_.unknown, help_.nearest)
    assert (await desk.tasks(), await desk.seen()) == ([], [5])


async def test_status_tells_of_the_thread(desk: Desk) -> None:
    """It answers with the thread's own state as of now."""
    asked = await waiting_question(desk.database, now=NOW - 60)
    await desk.obey(ShowStatus())
    async with desk.database.reading() as connection:
        view = await thread_view(connection, place(), TELLER.server_url, now=NOW)
    assert view.status is (await rows.task(desk.database, asked.task_id)).status is Status.WAITING_USER
    assert await desk.answer() == comments.thread_status(view, "ove")


async def test_tasks_are_those_of_the_repository(desk: Desk) -> None:
    """All that is unfinished in any thread, and the last five that ended."""
    for number in range(30, 37):
        await add_task(desk.database, number=number)
        await finish(desk.database, await claimed(desk.database), now=NOW + number)
    await add_task(desk.database, number=50)
    await desk.obey(ListTasks())
    said = await desk.answer()
    assert [number for number in (*range(30, 37), 50) if f"#{number}]" in said] == [32, 33, 34, 35, 36, 50]


async def test_trace_shows_the_last_task(desk: Desk) -> None:
    """Its steps, with the time since it began, and nothing of the tasks before; without any there is a sentence."""
    await desk.obey(Trace(), comment=4)
    assert await desk.answer(4) == comments.trace([], 0.0)
    for step in ("Read cart.py", "Ran the tests"):
        await add_task(desk.database)
        turn = await claimed(desk.database, now=NOW)
        async with desk.database.writing() as connection:
            await traces.add(
                connection, task_id=turn.task_id, turn_id=turn.id, steps=[Step(NOW + 65, "tool", step, "12 lines")]
            )
        await finish(desk.database, turn)
    await desk.obey(Trace())
    assert "Ran the tests" in await desk.answer()
    assert "1:05" in await desk.answer()
    assert "cart.py" not in await desk.answer()


async def test_a_budget_is_shown_and_set(desk: Desk) -> None:
    """It holds for the whole thread, so it may be more than the operator allows a task; what is spent is told."""
    await desk.obey(SetBudget(None), comment=1)
    assert await desk.answer(1) == comments.budget_is(None, 0.0, MOST, "ove")
    await desk.obey(SetBudget(MOST + 5), comment=2)
    assert await desk.answer(2) == comments.budget_set(MOST + 5, 0.0, "ove")
    assert (await desk.thread()).budget_usd == MOST + 5
    await desk.make_plan()
    await desk.obey(SetBudget(2.5), comment=3)
    assert await desk.answer(3) == comments.budget_set(2.5, 0.1, "ove")
    await desk.obey(SetBudget(None), comment=6)
    assert await desk.answer(6) == comments.budget_is(2.5, 0.1, MOST, "ove")
    assert (await desk.thread()).budget_usd == 2.5


@pytest.mark.parametrize("default", ["default", "Default"])
async def test_a_model_is_shown_and_set(desk: Desk, default: str) -> None:
    """It holds for the thread until `default` takes it back."""
    await desk.obey(SetModel(None), comment=1)
    assert await desk.answer(1) == comments.model_is(None, "ove")
    await desk.obey(SetModel("opus"), comment=2)
    assert ((await desk.thread()).model, await desk.answer(2)) == ("opus", comments.model_set("opus"))
    await desk.obey(SetModel(None), comment=3)
    assert await desk.answer(3) == comments.model_is("opus", "ove")
    await desk.obey(SetModel(default), comment=4)
    assert ((await desk.thread()).model, await desk.answer(4)) == (None, comments.model_set(None))


async def test_schedules_are_made_listed_and_removed(desk: Desk) -> None:
    """The words reach the schedule with the operator's zone; the list shows it, and its owner can remove it."""
    await desk.obey(AddSchedule("every day at 9: update the dependencies"))
    [made] = await all_rows(desk.database, tables.schedules)
    assert (made["owner_id"], made["issue"], made["zone"]) == (ALICE.id, PLACE.number, "UTC")
    assert "update the dependencies" in made["request"]
    await desk.obey(ListSchedules(), comment=6)
    assert any("update the dependencies" in said for key, said in (await desk.said()).items() if key.endswith("6"))
    await desk.obey(RemoveSchedule(made["number"]), comment=7)
    async with desk.database.reading() as connection:
        view = await thread_view(connection, place(), TELLER.server_url, now=NOW)
    assert view.schedules == []


@pytest.mark.parametrize("is_admin", [False, True])
async def test_an_admin_may_remove_what_others_schedule(desk: Desk, is_admin: bool) -> None:
    """Bob's own right decides: a writer leaves Alice's schedule as it is."""
    schedule = await add_schedule(desk.database)
    await desk.obey(RemoveSchedule(schedule.number), by=BOB, is_admin=is_admin)
    async with desk.database.reading() as connection:
        view = await thread_view(connection, place(), TELLER.server_url, now=NOW)
    assert len(view.schedules) == (0 if is_admin else 1)


async def test_an_answer_is_given_once(desk: Desk) -> None:
    """A comment that is handled twice has one answer; the same command elsewhere has its own."""
    for number, comment in ((3, 5), (3, 5), (9, 6)):
        await desk.obey(Help(), comment=comment, number=number)
    assert sorted(await desk.said()) == ["answer-comment-42-5", "answer-comment-42-6"]
