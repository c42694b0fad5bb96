"""Tests of threads, tasks and turns as rows."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest
from sqlalchemy import update

from ove_gh.store import tables
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.tasks import (
    MAX_RESUMPTIONS,
    MOVES,
    IllegalMove,
    Kind,
    Place,
    Priority,
    Status,
    Target,
    Task,
    Turn,
    TurnStatus,
)
from tests.payloads import ALICE, BOB
from tests.store.rows import (
    NOW,
    RUN,
    add_schedule,
    add_task,
    all_rows,
    ask,
    claim,
    claimed,
    finish,
    give_up,
    place,
    question,
    task,
    turn,
    turn_red,
    waiting_for_checks,
    waiting_question,
)

pytestmark = pytest.mark.anyio

NEXT_RUN = "the run after a crash"


async def start_agent(database: Database, started: Turn) -> None:
    """The agent is started for a turn."""
    async with database.writing() as connection:
        await store.agent_started(connection, started.id)


async def end_agent(database: Database, ended: Turn, cost_usd: float = 0.25) -> None:
    """The agent's run ended and its outcome is recorded."""
    async with database.writing() as connection:
        await store.agent_ended(
            connection, ended, outcome={"kind": "Finished"}, cost_usd=cost_usd, session_id="session"
        )


async def put_back(database: Database, given: Turn, *, due_at: float = NOW, failed_try: bool = False) -> None:
    """A worker gives a turn back."""
    async with database.writing() as connection:
        await store.put_turn_back(connection, given, due_at=due_at, now=NOW, failed_try=failed_try)


async def recover(database: Database, run_id: str = NEXT_RUN) -> list[Turn]:
    """The service starts after a crash."""
    async with database.writing() as connection:
        return await store.recover(connection, run_id=run_id, now=NOW)


# -- threads -----------------------------------------------------------------------------------------------------------


async def test_a_thread_is_opened_once(database: Database) -> None:
    """The same issue is the same thread, also after its repository was renamed or the App installed anew."""
    async with database.writing() as connection:
        first = await store.open_thread(connection, place(), "Old title")
        again = await store.open_thread(connection, Place(8, 42, "acme/store", 3), "New title")
    assert again.id == first.id
    assert again.place == Place(8, 42, "acme/store", 3)
    assert len(await all_rows(database, tables.threads)) == 1


async def test_the_pull_request_belongs_to_its_issues_thread(database: Database) -> None:
    """Who writes under the pull request that came of an issue speaks in the issue's thread."""
    async with database.writing() as connection:
        opened = await store.open_thread(connection, place(3), "The total is wrong")
        await store.change_thread(connection, opened.id, branch="ove/3-total")
        await store.pull_came_of(connection, opened, 13, "https://x/13")
        found = await store.find_thread(connection, place(13))
        assert await store.find_thread(connection, place(14)) is None
        assert await store.find_thread(connection, Place(7, 43, "alice/other", 3)) is None
    assert found is not None
    assert (found.id, found.place.number, found.branch, found.pull_number) == (opened.id, 3, "ove/3-total", 13)


# -- moves -------------------------------------------------------------------------------------------------------------


async def bring_to(database: Database, task_id: int, status: Status) -> None:
    """Put a task into a status without asking how it came there."""
    async with database.writing() as connection:
        await connection.execute(update(tables.tasks).where(tables.tasks.c.id == task_id).values(status=status))


async def test_the_database_makes_just_the_moves_of_the_table(database: Database) -> None:
    """Every pair of statuses is tried: a legal move is made, an illegal one raises and leaves every row as it was."""
    made = await add_task(database)
    for source, target in product(Status, Status):
        await bring_to(database, made.id, source)
        before = await all_rows(database, tables.tasks)
        if target in MOVES[source]:
            async with database.writing() as connection:
                await store.move(connection, made.id, source, target, now=NOW)
            assert (await task(database, made.id)).status is target
            continue
        with pytest.raises(IllegalMove):
            async with database.writing() as connection:
                await store.move(connection, made.id, source, target, now=NOW)
        assert await all_rows(database, tables.tasks) == before


async def test_a_move_from_where_the_task_is_not_changes_nothing(database: Database) -> None:
    """A legal move that somebody else overtook raises, says where the task stands, and changes nothing."""
    made = await add_task(database)
    before = await all_rows(database, tables.tasks)
    with pytest.raises(IllegalMove) as caught:
        async with database.writing() as connection:
            await store.move(connection, made.id, Status.RUNNING, Status.COMPLETED, now=NOW)
    assert caught.value.found is Status.PENDING
    assert await all_rows(database, tables.tasks) == before


async def test_a_task_that_is_not_there_cannot_move(database: Database) -> None:
    """Moving a task that does not exist is an error, not a silence."""
    with pytest.raises(IllegalMove) as caught:
        async with database.writing() as connection:
            await store.move(connection, 8, Status.PENDING, Status.RUNNING, now=NOW)
    assert caught.value.found is None


async def test_an_illegal_move_takes_its_transaction_with_it(database: Database) -> None:
    """What was written together with an illegal move is undone: no comment tells of what did not happen."""
    made = await add_task(database)

    async def add_a_turn_and_move() -> None:
        async with database.writing() as connection:
            await store.add_turn(connection, made.id, now=NOW)
            await store.move(connection, made.id, Status.WAITING_USER, Status.PENDING, now=NOW)

    with pytest.raises(IllegalMove):
        await add_a_turn_and_move()
    assert len(await all_rows(database, tables.turns)) == 1


async def test_of_two_that_move_a_task_one_wins(database: Database) -> None:
    """Ten concurrent writers make a move once; the other nine are told."""
    made = await add_task(database)

    async def run() -> bool:
        try:
            async with database.writing() as connection:
                await store.move(connection, made.id, Status.PENDING, Status.RUNNING, now=NOW)
        except IllegalMove:
            return False
        return True

    assert sorted(await asyncio.gather(*(run() for _ in range(10)))) == [False] * 9 + [True]


async def test_times_are_kept(database: Database) -> None:
    """A task knows when it was asked for, first started and ended, over any number of turns."""
    made = await add_task(database, now=NOW)
    first = await claimed(database, now=NOW + 1)
    await put_back(database, first)
    await finish(database, await claimed(database, now=NOW + 5), now=NOW + 9)
    ended = await task(database, made.id)
    assert (ended.created_at, ended.started_at, ended.ended_at) == (NOW, NOW + 1, NOW + 9)


async def test_a_failure_is_noted(database: Database) -> None:
    """Why a task failed stands in its row."""
    made = await add_task(database)
    async with database.writing() as connection:
        await store.move(connection, made.id, Status.PENDING, Status.FAILED, now=NOW, failure="interrupted")
    assert (await task(database, made.id)).failure == "interrupted"


# -- which turn comes next ---------------------------------------------------------------------------------------------


async def test_a_new_task_has_a_turn_to_run(database: Database) -> None:
    """Claiming it moves the task to running and starts the clock of the turn."""
    made = await add_task(database)
    taken = await claimed(database)
    assert (taken.task_id, taken.position, taken.status, taken.starts) == (made.id, 1, TurnStatus.RUNNING, 0)
    assert taken.started_at == NOW
    assert (await task(database, made.id)).status is Status.RUNNING


async def test_a_claimed_turn_is_not_claimed_again(database: Database) -> None:
    """Ten workers that look at once take one turn once."""
    await add_task(database)
    claims = await asyncio.gather(*(claim(database) for _ in range(10)))
    assert sum(found is not None for found in claims) == 1


async def test_a_thread_runs_one_task_at_a_time_the_oldest_first(database: Database) -> None:
    """The second task of a thread waits for the end of the first."""
    first, second = await add_task(database), await add_task(database)
    running = await claimed(database)
    assert running.task_id == first.id
    assert await claim(database) is None
    await finish(database, running)
    assert (await claimed(database)).task_id == second.id


async def test_threads_run_side_by_side(database: Database) -> None:
    """A running task holds up nobody in another thread."""
    tasks = [await add_task(database, number=number) for number in (1, 2, 3)]
    assert [(await claimed(database)).task_id for _ in tasks] == [made.id for made in tasks]


async def test_a_waiting_question_holds_its_thread(database: Database) -> None:
    """While the agent waits for people, no other task of the thread runs in its session; other threads go on."""
    asked = await waiting_question(database, number=1)
    later = await add_task(database, number=1)
    elsewhere = await add_task(database, number=2)
    assert (await claimed(database)).task_id == elsewhere.id
    assert await claim(database) is None
    async with database.writing() as connection:
        await store.answer_question(connection, asked, answers={}, by=ALICE.person, url=None, now=NOW)
        await store.move(connection, asked.task_id, Status.WAITING_USER, Status.PENDING, now=NOW)
        await store.add_turn(connection, asked.task_id, now=NOW, answers_question=asked.id)
    answered = await claimed(database)
    assert (answered.task_id, answered.position, answered.answers_question) == (asked.task_id, 2, asked.id)
    assert await claim(database) is None
    await finish(database, answered)
    assert (await claimed(database)).task_id == later.id


async def test_a_turn_that_is_put_off_holds_its_thread(database: Database) -> None:
    """An older task that waits for GitHub is not overtaken by a younger one; it is taken when it falls due."""
    first, _second = await add_task(database), await add_task(database)
    await put_back(database, await claimed(database), due_at=NOW + 30, failed_try=True)
    assert await claim(database) is None
    async with database.reading() as connection:
        assert await store.next_turn_due_at(connection, now=NOW) == NOW + 30
    taken = await claimed(database, now=NOW + 30)
    assert (taken.task_id, taken.tries) == (first.id, 1)
    async with database.reading() as connection:
        assert await store.next_turn_due_at(connection, now=NOW + 30) is None


async def test_what_the_agent_made_is_published_again(database: Database) -> None:
    """A turn whose publishing was put off is claimed again as that, and the agent is not started a second time."""
    made = await add_task(database)
    running = await claimed(database)
    await start_agent(database, running)
    await end_agent(database, running)
    await put_back(database, running, due_at=NOW + 30, failed_try=True)
    assert await claim(database) is None
    again = await claimed(database, now=NOW + 30)
    assert (again.id, again.status, again.starts, again.tries) == (running.id, TurnStatus.PUBLISHING, 1, 1)
    assert again.outcome == {"kind": "Finished"}
    assert (await task(database, made.id)).status is Status.RUNNING


async def test_publishing_keeps_the_thread(database: Database) -> None:
    """While one task's work is still to be pushed, the next one of the thread does not begin."""
    await add_task(database)
    await add_task(database)
    running = await claimed(database)
    await end_agent(database, running)
    await put_back(database, running, due_at=NOW)
    assert (await claimed(database)).id == running.id
    assert await claim(database) is None


async def test_a_thread_costs_what_all_its_tasks_cost(database: Database) -> None:
    """Tasks that ended count as well as the one that runs; other threads' tasks do not."""
    made = await add_task(database)
    first = await claimed(database)
    await end_agent(database, first, cost_usd=0.25)
    await finish(database, first)
    await add_task(database)
    await end_agent(database, await claimed(database), cost_usd=0.5)
    other = await add_task(database, number=4)
    async with database.reading() as connection:
        assert await store.thread_cost(connection, made.thread_id) == 0.75
        assert await store.thread_cost(connection, other.thread_id) == 0.0


async def test_an_outcome_is_recorded_with_its_cost_and_session(database: Database) -> None:
    """Costs of all turns add up in the task, and the thread knows the session to go on with."""
    made = await add_task(database)
    first = await claimed(database)
    await end_agent(database, first, cost_usd=0.25)
    await ask(database, first)
    async with database.writing() as connection:
        await store.move(connection, made.id, Status.WAITING_USER, Status.PENDING, now=NOW)
        await store.add_turn(connection, made.id, now=NOW)
    await end_agent(database, await claimed(database), cost_usd=0.5)
    assert (await task(database, made.id)).cost_usd == 0.75
    async with database.reading() as connection:
        assert (await store.thread_by_id(connection, made.thread_id)).session_id == "session"


async def test_time_without_work_does_not_count(database: Database) -> None:
    """How long a task was worked on leaves out the day in which it waited for an answer."""
    made = await add_task(database)
    await ask(database, await claimed(database, now=NOW), now=NOW + 10)
    async with database.writing() as connection:
        await store.move(connection, made.id, Status.WAITING_USER, Status.PENDING, now=NOW)
        await store.add_turn(connection, made.id, now=NOW)
    await claimed(database, now=NOW + 86_400)
    async with database.reading() as connection:
        assert await store.work_seconds(connection, made.id, now=NOW + 86_405) == 15


async def test_a_push_is_noted_before_it_is_made(database: Database) -> None:
    """A turn that is published a second time knows that it was about to push before."""
    await add_task(database)
    running = await claimed(database)
    async with database.writing() as connection:
        assert await store.note_push(connection, running.id, "a" * 40) is None
        assert await store.note_push(connection, running.id, None) == "a" * 40


async def test_who_waits_before_whom_is_counted(database: Database) -> None:
    """A task knows how many older ones of its thread have not ended, and which came before it."""
    first = await add_task(database, requester=BOB.person)
    await add_task(database, number=9)
    second = await add_task(database)
    async with database.reading() as connection:
        assert await store.unfinished_before(connection, first) == 0
        assert await store.unfinished_before(connection, second) == 1
        assert await store.task_before(connection, first) is None
        before = await store.task_before(connection, second)
        assert await store.busy_tasks(connection) == 3
    assert before is not None
    assert (before.id, before.requester) == (first.id, BOB.person)
    await finish(database, await claimed(database))
    async with database.reading() as connection:
        assert await store.unfinished_before(connection, second) == 0
        assert await store.busy_tasks(connection) == 2


# -- priorities and kinds ----------------------------------------------------------------------------------------------


async def add_kind(
    database: Database,
    kind: Kind = Kind.WORK,
    *,
    number: int = 3,
    priority: int = Priority.NORMAL,
    review: int = 7,
) -> Task:
    """Somebody asked for this kind of task."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, place(number), "The total is wrong")
        return await store.add_task(
            connection,
            thread,
            number=number,
            request="x",
            source=Target("review", review, ""),
            requester=BOB.person,
            now=NOW,
            kind=kind,
            priority=Priority(priority),
        )


async def test_ten_tasks_of_a_thread_run_one_after_another_by_priority(database: Database) -> None:
    """Asked for at once, each runs alone, the most urgent and then the oldest first, and none is lost."""
    wanted = (2, 3, 0, 2, 1, 0, 3, 1, 2, 0)
    made = await asyncio.gather(*(add_kind(database, priority=priority) for priority in wanted))
    ran: list[int] = []
    while (running := await claim(database)) is not None:
        assert await claim(database) is None
        ran.append(running.task_id)
        await finish(database, running)
    assert ran == [task.id for task in sorted(made, key=lambda task: (task.priority, task.id))]


async def test_the_more_urgent_thread_goes_first(database: Database) -> None:
    """Between threads priority decides as well; what runs is not interrupted, and nobody's question is overtaken."""
    await add_kind(database, number=3)
    low = await claimed(database)
    normal, urgent = await add_kind(database, number=4), await add_kind(database, number=5, priority=Priority.URGENT)
    behind = await add_kind(database, number=3, priority=Priority.URGENT)
    assert [(await claimed(database)).task_id for _ in range(2)] == [urgent.id, normal.id]
    assert await claim(database) is None
    await ask(database, low)
    assert await claim(database) is None
    async with database.reading() as connection:
        assert await store.unfinished_before(connection, behind) == 1


async def test_a_queue_is_counted_by_priority(database: Database) -> None:
    """Whoever is more urgent has fewer before them, whenever they came."""
    tasks = [await add_kind(database, priority=priority) for priority in (2, 3, 0, 2)]
    async with database.reading() as connection:
        assert [await store.unfinished_before(connection, task) for task in tasks] == [1, 3, 0, 2]


async def test_a_late_urgent_task_holds_a_red_attempt_back(database: Database) -> None:
    """A task that comes back for red checks stands in the queue like any other."""
    seen = await waiting_for_checks(database)
    urgent = await add_kind(database, priority=Priority.URGENT)
    await turn_red(database, seen)
    first = await claimed(database)
    assert first.task_id == urgent.id
    await finish(database, first)
    assert (await claimed(database)).task_id == seen.task_id


async def test_only_a_turn_at_work_can_hear(database: Database) -> None:
    """A task is running for those who speak to it while its agent works: not before, nor while it is published."""
    made = await add_task(database)
    await add_task(database, number=9)

    async def hears() -> int | None:
        async with database.reading() as connection:
            found = await store.running_task(connection, made.thread_id)
            return found.id if found else None

    assert await hears() is None
    running = await claimed(database)
    assert await hears() == made.id
    await end_agent(database, running)
    assert await hears() is None


async def test_a_plan_is_open_until_work_follows(database: Database) -> None:
    """The newest one counts, once it is made, and until work or another plan was asked for in its thread."""

    async def open_ones(thread_id: int, since: float = NOW) -> tuple[int | None, list[int]]:
        async with database.reading() as connection:
            one = await store.open_plan(connection, thread_id)
            return one.id if one else None, [task.id for task in await store.open_plans(connection, since=since)]

    async def carry_through() -> None:
        await finish(database, await claimed(database))

    plan = await add_kind(database, Kind.PLAN)
    assert await open_ones(plan.thread_id) == (None, [])
    await carry_through()
    assert await open_ones(plan.thread_id) == (plan.id, [plan.id])
    assert await open_ones(plan.thread_id, NOW + 1) == (plan.id, [])
    for kind in (Kind.DISCUSS, Kind.REVIEW, Kind.VALIDATE):
        await add_kind(database, kind)
        await carry_through()
    elsewhere = await add_kind(database, Kind.PLAN, number=9)
    await carry_through()
    assert await open_ones(plan.thread_id) == (plan.id, [plan.id, elsewhere.id])
    newer = await add_kind(database, Kind.PLAN)
    assert await open_ones(plan.thread_id) == (None, [elsewhere.id])
    await carry_through()
    assert await open_ones(plan.thread_id) == (newer.id, [newer.id, elsewhere.id][::-1])
    await add_kind(database)
    assert await open_ones(plan.thread_id) == (None, [elsewhere.id])
    assert await open_ones(elsewhere.thread_id) == (elsewhere.id, [elsewhere.id])


@pytest.mark.parametrize("end", [Status.FAILED, Status.CANCELLED])
async def test_a_plan_that_came_to_nothing_is_not_open(database: Database, end: Status) -> None:
    """What failed or was stopped cannot be started."""
    plan = await add_kind(database, Kind.PLAN)
    await bring_to(database, plan.id, end)
    async with database.reading() as connection:
        assert await store.open_plan(connection, plan.thread_id) is None
        assert await store.open_plans(connection, since=0) == []


async def test_a_review_has_one_task_that_works_on_it(database: Database) -> None:
    """It is found by the review's id in its own thread, and is not the task that was to write a review."""
    await add_kind(database, Kind.REVIEW)
    mine = await add_kind(database)
    await add_kind(database)
    await add_kind(database, number=9, review=8)
    async with database.reading() as connection:
        found = await store.review_task(connection, mine.thread_id, Target("review", 7, "https://elsewhere"))
        assert found == mine
        assert await store.review_task(connection, mine.thread_id, Target("review", 8, "")) is None
        assert await store.review_task(connection, mine.thread_id, Target("comment", 7, "")) is None


# -- while checks are waited for ---------------------------------------------------------------------------------------


async def current(database: Database, of: Task) -> int | None:
    """What the thread of a task is about now."""
    async with database.reading() as connection:
        found = await store.current_task(connection, of.thread_id)
        return found.id if found else None


async def unsettled(database: Database, of: Task) -> bool:
    """Whether another task of the thread may still change the branch."""
    async with database.reading() as connection:
        return await store.others_unsettled(connection, of)


async def test_a_task_that_waits_for_checks_holds_up_nobody(database: Database) -> None:
    """While CI runs for hours, the thread's next task is done; when the checks are red, the older one waits for it."""
    seen = await waiting_for_checks(database)
    newer = await add_task(database)
    async with database.reading() as connection:
        assert await store.unfinished_before(connection, newer) == 0
    running = await claimed(database)
    assert running.task_id == newer.id
    await turn_red(database, seen)
    assert await claim(database) is None
    await finish(database, running)
    attempt = await claimed(database)
    assert (attempt.task_id, attempt.position, attempt.answers_wait) == (seen.task_id, 2, seen.id)


async def test_whoever_may_still_push_is_unsettled(database: Database) -> None:
    """Another task of the thread that is to be run, runs or asks may change the branch; one that waits may not."""
    seen = await waiting_for_checks(database)
    mine = await task(database, seen.task_id)
    await add_task(database, number=9)
    assert not await unsettled(database, mine)
    newer = await add_task(database)
    for status in Status:
        await bring_to(database, newer.id, status)
        expected = status in (Status.PENDING, Status.RUNNING, Status.WAITING_USER)
        assert await unsettled(database, mine) is expected, status
        assert not await unsettled(database, newer)


async def test_a_thread_is_about_what_runs_then_what_waits_then_what_was_last(database: Database) -> None:
    """What a button stops: the task that runs or asks, else the oldest that has not ended, else the last one."""
    first, second, third = [await add_task(database) for _ in range(3)]
    other = await add_task(database, number=9)
    assert await current(database, first) == first.id
    await bring_to(database, first.id, Status.WAITING_CI)
    assert await current(database, first) == first.id
    for status in (Status.RUNNING, Status.WAITING_USER):
        await bring_to(database, second.id, status)
        assert await current(database, first) == second.id
    for ended in (first, second, third):
        await bring_to(database, ended.id, Status.FAILED)
    assert await current(database, first) == third.id
    assert await current(database, other) == other.id
    async with database.reading() as connection:
        assert await store.current_task(connection, 99) is None


async def test_attempts_are_the_turns_that_were_to_mend(database: Database) -> None:
    """Neither the first turn nor one that was to ask people is an attempt, nor are those of other tasks."""
    mending = await waiting_for_checks(database)
    asking = await waiting_for_checks(database, number=4, pull=14)

    async def attempts() -> list[int]:
        async with database.reading() as connection:
            return [await store.attempts_made(connection, one.task_id) for one in (mending, asking)]

    assert await attempts() == [0, 0]
    await turn_red(database, mending, attempt=1)
    await turn_red(database, asking, attempt=None)
    assert await attempts() == [1, 0]


async def test_a_turn_that_is_not_needed_is_never_run(database: Database) -> None:
    """After a green re-run, or a stop, the queued turn is over; what has run stays as it is."""
    seen = await waiting_for_checks(database)
    await turn_red(database, seen)
    async with database.writing() as connection:
        await store.drop_turns(connection, seen.task_id, now=NOW + 5)
        first, dropped = await store.turns_of(connection, seen.task_id)
    assert (first.status, dropped.status) == (TurnStatus.ENDED, TurnStatus.ENDED)
    assert [row["ended_at"] for row in await all_rows(database, tables.turns)] == [NOW, NOW + 5]
    assert await claim(database) is None
    async with database.reading() as connection:
        assert await store.work_seconds(connection, seen.task_id, now=NOW + 9) == 0


async def test_the_wish_to_stop_is_a_row(database: Database) -> None:
    """Who wants a running task to stop is found by the worker that runs it, also one of another process."""
    mine, other = await add_task(database), await add_task(database, number=9)
    async with database.writing() as connection:
        await store.ask_to_stop(connection, mine.id, "bob")
        assert await store.asked_to_stop(connection, [mine.id, other.id]) == {mine.id}
        assert await store.asked_to_stop(connection, [other.id]) == set()
    assert (await task(database, mine.id)).stop_asked_by == "bob"


async def test_an_open_question_can_be_withdrawn(database: Database) -> None:
    """It is returned, to be told of, once; nobody can answer it any more, and other tasks' questions stay open."""
    mine, other = await waiting_question(database), await waiting_question(database, number=4)
    async with database.writing() as connection:
        assert await store.withdraw_questions(connection, mine.task_id) == [mine]
        assert await store.withdraw_questions(connection, mine.task_id) == []
        assert await store.answerable_question(connection, mine.thread) is None
        assert await store.answerable_question(connection, other.thread) == other
    withdrawn = await question(database, mine.id)
    assert (withdrawn.open, withdrawn.expired, withdrawn.answered_by) == (False, False, None)


async def test_the_last_task_of_a_thread_tells_how_it_failed(database: Database) -> None:
    """Red checks as the reason stand in the row, so that whoever goes on knows them."""
    seen = await waiting_for_checks(database)
    await give_up(database, seen)
    await add_task(database, number=9)
    async with database.reading() as connection:
        thread_id = (await store.task_by_id(connection, seen.task_id)).thread_id
        last = await store.last_task(connection, thread_id)
        assert await store.last_task(connection, 99) is None
    assert last is not None
    assert (last.id, last.failure) == (seen.task_id, "checks_red")


async def test_a_task_knows_its_schedule(database: Database) -> None:
    """What a schedule asked for says so; what a person asked for does not."""
    schedule = await add_schedule(database)
    assert (await add_task(database, schedule=schedule)).schedule_id == schedule.id
    assert (await add_task(database)).schedule_id is None


# -- after a crash -----------------------------------------------------------------------------------------------------


async def test_a_crash_gives_a_running_turn_back(database: Database) -> None:
    """The next run of the service takes the same turn up again, and knows that it was started before."""
    made = await add_task(database)
    running = await claimed(database)
    await start_agent(database, running)
    assert await recover(database) == []
    assert (await task(database, made.id)).status is Status.PENDING
    again = await claimed(database, run_id=NEXT_RUN)
    assert (again.id, again.starts, again.status) == (running.id, 1, TurnStatus.RUNNING)


async def test_a_crash_while_publishing_publishes_again(database: Database) -> None:
    """What the agent had done is not done again; only the telling is."""
    made = await add_task(database)
    running = await claimed(database)
    await end_agent(database, running)
    assert await recover(database) == []
    assert (await task(database, made.id)).status is Status.RUNNING
    again = await claimed(database, run_id=NEXT_RUN)
    assert (again.id, again.status) == (running.id, TurnStatus.PUBLISHING)


async def test_the_present_runs_claims_are_left_alone(database: Database) -> None:
    """Only claims of other runs are left over from a crash."""
    await add_task(database)
    running = await claimed(database, run_id=RUN)
    assert await recover(database, run_id=RUN) == []
    assert (await turn(database, running.id)).status is TurnStatus.RUNNING
    assert await claim(database) is None


async def test_a_turn_that_crashes_every_time_is_given_up(database: Database) -> None:
    """After its first start a turn is resumed so many times as allowed; then it is handed over to be ended."""
    made = await add_task(database)
    for resumption in range(MAX_RESUMPTIONS):
        await start_agent(database, await claimed(database, run_id=f"run {resumption}"))
        assert await recover(database, run_id=f"run {resumption + 1}") == []
    last = await claimed(database, run_id="the last run")
    await start_agent(database, last)
    assert [given_up.id for given_up in await recover(database)] == [last.id]
    assert (await task(database, made.id)).status is Status.RUNNING
    assert await claim(database) is None


async def test_a_crash_before_the_agent_started_costs_nothing(database: Database) -> None:
    """A turn that was claimed but never started is not counted as interrupted."""
    await add_task(database)
    for run in range(5):
        await claimed(database, run_id=f"run {run}")
        assert await recover(database, run_id=f"run {run + 1}") == []


async def test_stops_in_order_are_no_crashes(database: Database) -> None:
    """However often the service was redeployed in the middle of a turn, its first crash does not end the task."""
    await add_task(database)
    for redeploy in range(MAX_RESUMPTIONS + 3):
        stopped = await claimed(database, run_id=f"run {redeploy}")
        await start_agent(database, stopped)
        async with database.writing() as connection:
            await store.put_turn_back(connection, stopped, due_at=NOW, now=NOW)
    await start_agent(database, await claimed(database, run_id="the run that crashes"))
    assert await recover(database) == []
