"""Tests of threads, tasks and turns as rows."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest
from sqlalchemy import update

from ove_gh.store import tables
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.tasks import MAX_RESUMPTIONS, MOVES, IllegalMove, Place, Status, Turn, TurnStatus
from tests.payloads import ALICE, BOB
from tests.store.rows import (
    NOW,
    RUN,
    add_task,
    all_rows,
    ask,
    claim,
    claimed,
    finish,
    place,
    task,
    turn,
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
        await store.change_thread(connection, opened.id, pull_number=13, pull_url="https://x/13", branch="ove/3-total")
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
        assert not await store.note_push(connection, running.id, "a" * 40)
        assert await store.note_push(connection, running.id, None)


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
