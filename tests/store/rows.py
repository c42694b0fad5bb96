"""What the tests of the store, and of what stands upon it, put into the database, and how they look at it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, select

from ove_gh.agent import Finished
from ove_gh.ci import Annotation, Check, FailedCheck, Lap, LapEnd, Report, Verdict, failure_line
from ove_gh.questions import Option, Question, Questions
from ove_gh.recording import recorded
from ove_gh.store import schedules, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.schedules import Schedule
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.waits import Wait
from ove_gh.tasks import CHECKS_RED, Person, Place, Status, Target, Task, Turn
from ove_gh.telling import Teller
from tests.payloads import ALICE, BASE, HEAD, HOME, PLACE

NOW = 1_700_000_000.0
RUN = "this run of the service"

ROUNDING = Question("Which rounding?", "Rounding", (Option("Half even", "as the invoices"), Option("Half up")))
PAGES = Question("Which pages?", "Pages", (Option("Cart"), Option("Checkout"), Option("Orders")), multiple=True)

TELLER = Teller(slug="ove", server_url="https://github.example", max_attempts=3, keep_days=7)
PULL = 13
"""The pull request of a thread that has pushed."""
TEST = Check("github-actions/test", "test", Verdict.FAILED, "failure", "https://github.example/t", run_id=21)
REPORT = Report(HEAD, (FailedCheck(TEST, (Annotation("cart.py", 4, "failure", "AssertionError: 3 != 4"),)),), passed=2)
RED = Lap(HEAD, "https://github.example/c", LapEnd.RED, (failure_line(REPORT.failed[0]),), passed=2)
GREEN = Lap(HEAD, "https://github.example/c", LapEnd.GREEN, passed=3)


def place(number: int = PLACE.number) -> Place:
    """An issue of the repository 42."""
    return Place(PLACE.installation_id, PLACE.repository_id, PLACE.full_name, number)


async def add_task(
    database: Database,
    *,
    number: int = PLACE.number,
    requester: Person = ALICE.person,
    now: float = NOW,
    schedule: Schedule | None = None,
) -> Task:
    """Somebody, or a schedule, asked for something in a thread."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, place(number), "The total is wrong")
        return await store.add_task(
            connection,
            thread,
            number=number,
            request="fix it",
            source=Target("schedule" if schedule else "comment", 5, "https://github.example/5"),
            requester=requester,
            now=now,
            schedule_id=schedule.id if schedule else None,
        )


async def add_schedule(database: Database, *, now: float = NOW) -> Schedule:
    """Alice wants something done every morning, in the issue of PLACE."""
    async with database.writing() as connection:
        return await schedules.add(
            connection,
            HOME,
            issue=PLACE.number,
            issue_title="Dependencies",
            owner=ALICE.person,
            url="https://github.example/5",
            name=None,
            words="every day at 9",
            cron="0 9 * * *",
            zone="Europe/Stockholm",
            request="update the dependencies",
            due_at=now + 60,
            now=now,
        )


async def claim(database: Database, *, run_id: str = RUN, now: float = NOW) -> Turn | None:
    """A worker takes a turn."""
    async with database.writing() as connection:
        return await store.claim_turn(connection, run_id=run_id, now=now)


async def claimed(database: Database, *, run_id: str = RUN, now: float = NOW) -> Turn:
    """A worker takes a turn, and there is one."""
    turn = await claim(database, run_id=run_id, now=now)
    assert turn is not None
    return turn


async def finish(database: Database, turn: Turn, *, now: float = NOW) -> None:
    """A turn, and its task with it, comes to a good end."""
    async with database.writing() as connection:
        await store.move(connection, turn.task_id, Status.RUNNING, Status.COMPLETED, now=now)
        await store.end_turn(connection, turn.id, now=now)


async def ask(database: Database, turn: Turn, questions: Questions = (ROUNDING,), *, now: float = NOW) -> AskedQuestion:
    """The agent asks, and its turn ends."""
    async with database.writing() as connection:
        asked = await store.ask(connection, turn, tool_use_id="toolu_1", asked=questions, now=now)
        await store.end_turn(connection, turn.id, now=now)
        return asked


async def waiting_question(
    database: Database,
    questions: Questions = (ROUNDING,),
    *,
    number: int = PLACE.number,
    requester: Person = ALICE.person,
    now: float = NOW,
) -> AskedQuestion:
    """A task whose agent has asked and waits."""
    await add_task(database, number=number, requester=requester, now=now)
    return await ask(database, await claimed(database, now=now), questions, now=now)


async def waiting_for_checks(
    database: Database,
    *,
    number: int = PLACE.number,
    pull: int = PULL,
    sha: str = HEAD,
    branch: str = "ove/3-total",
    schedule: Schedule | None = None,
    now: float = NOW,
) -> Wait:
    """A task whose agent has pushed to a pull request, and waits for its checks; nobody has looked at them yet."""
    task = await add_task(database, number=number, schedule=schedule, now=now)
    turn = await claimed(database, now=now)
    async with database.writing() as connection:
        await store.agent_started(connection, turn.id)
        outcome = recorded(Finished("The total is right now.", "session", 0.25), ())
        await store.agent_ended(connection, turn, outcome=outcome, cost_usd=0.25, session_id="session")
        await store.end_turn(connection, turn.id, now=now)
        await store.change_thread(
            connection,
            task.thread_id,
            branch=branch,
            base_branch="main",
            pushed_sha=sha,
        )
        thread = await store.thread_by_id(connection, task.thread_id)
        await store.pull_came_of(connection, thread, pull, f"https://github.example/alice/shop/pull/{pull}")
        wait = await waits.begin(connection, task.id, sha=sha, base_sha=BASE, previous_sha=BASE, pushed_at=now)
        await store.move(connection, task.id, Status.RUNNING, Status.WAITING_CI, now=now)
        return wait


async def look(database: Database, seen: Wait, *, now: float = NOW, again_at: float | None = None) -> None:
    """Somebody has looked at a wait, and it goes on."""
    async with database.writing() as connection:
        await waits.looked(connection, seen, now=now, again_at=again_at)


async def turn_red(database: Database, seen: Wait, *, attempt: int | None = 1, now: float = NOW) -> Wait:
    """The checks of a wait are red: a turn is queued, an attempt or, without one, a question to the people."""
    async with database.writing() as connection:
        assert await waits.end(connection, seen, RED, now=now, report=REPORT)
        await waits.answer(connection, seen, attempt=attempt, asks=attempt is None)
        await store.move(connection, seen.task_id, Status.WAITING_CI, Status.PENDING, now=now)
        await store.add_turn(connection, seen.task_id, now=now, answers_wait=seen.id)
        return await waits.by_id(connection, seen.id)


async def give_up(database: Database, seen: Wait, *, now: float = NOW) -> Wait:
    """The checks of a wait are red, and its task ends with that."""
    async with database.writing() as connection:
        assert await waits.end(connection, seen, RED, now=now, report=REPORT)
        await store.move(connection, seen.task_id, Status.WAITING_CI, Status.FAILED, now=now, failure=CHECKS_RED)
        return await waits.by_id(connection, seen.id)


async def expire(database: Database, question: AskedQuestion, *, now: float = NOW) -> None:
    """Nobody answered in time."""
    async with database.writing() as connection:
        await store.expire_question(connection, question, now=now)


async def task(database: Database, task_id: int) -> Task:
    """A task as it is now."""
    async with database.reading() as connection:
        return await store.task_by_id(connection, task_id)


async def turn(database: Database, turn_id: int) -> Turn:
    """A turn as it is now."""
    async with database.reading() as connection:
        return await store.turn_by_id(connection, turn_id)


async def wait(database: Database, wait_id: int) -> Wait:
    """A wait as it is now."""
    async with database.reading() as connection:
        return await waits.by_id(connection, wait_id)


async def question(database: Database, question_id: int) -> AskedQuestion:
    """A question as it is now."""
    async with database.reading() as connection:
        return await store.question_by_id(connection, question_id)


async def all_rows(database: Database, table: Table) -> list[dict[str, Any]]:
    """Everything in a table, in order."""
    async with database.reading() as connection:
        return [dict(row) for row in (await connection.execute(select(table).order_by(table.c.id))).mappings()]
