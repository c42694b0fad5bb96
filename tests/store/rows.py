"""What the tests of the store, the intake and the sweeps put into the database, and how they look at it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, select

from ove_gh.questions import Option, Question, Questions
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.tasks import AskedQuestion
from ove_gh.tasks import Person, Place, Status, Target, Task, Turn
from tests.payloads import ALICE, PLACE

NOW = 1_700_000_000.0
RUN = "this run of the service"

ROUNDING = Question("Which rounding?", "Rounding", (Option("Half even", "as the invoices"), Option("Half up")))
PAGES = Question("Which pages?", "Pages", (Option("Cart"), Option("Checkout"), Option("Orders")), multiple=True)


def place(number: int = PLACE.number) -> Place:
    """An issue of the repository 42."""
    return Place(PLACE.installation_id, PLACE.repository_id, PLACE.full_name, number)


async def add_task(
    database: Database, *, number: int = PLACE.number, requester: Person = ALICE.person, now: float = NOW
) -> Task:
    """Somebody asked for something in a thread."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, place(number), "The total is wrong")
        return await store.add_task(
            connection,
            thread,
            number=number,
            request="fix it",
            source=Target("comment", 5, "https://github.example/5"),
            requester=requester,
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


async def question(database: Database, question_id: int) -> AskedQuestion:
    """A question as it is now."""
    async with database.reading() as connection:
        return await store.question_by_id(connection, question_id)


async def all_rows(database: Database, table: Table) -> list[dict[str, Any]]:
    """Everything in a table, in order."""
    async with database.reading() as connection:
        return [dict(row) for row in (await connection.execute(select(table).order_by(table.c.id))).mappings()]
