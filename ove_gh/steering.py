"""What people can do to a task from outside: stop it, or have it tried again. Written in one transaction."""

from __future__ import annotations

from ove_gh.ci import LapEnd
from ove_gh.store import tasks as store
from ove_gh.store import waits
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import CHECKS_RED, Kind, Person, Status, Target, Task, Thread
from ove_gh.telling import Teller, kept_of

TRY_AGAIN = "Try again: go on where you stopped."
CARRY_OUT = "Carry out the plan that you made here."


async def stop(connection: Transaction, teller: Teller, task: Task, by: Person, *, now: float) -> bool:
    """Stop a task, whatever it is doing; False when it has ended already.

    One that waits is cancelled here. Of one that runs this is noted: its worker ends the agent, keeps what it has made,
    and cancels it then.
    """
    if task.status.is_final:
        return False
    await store.ask_to_stop(connection, task.id, by.login)
    if task.status is Status.RUNNING:
        return True
    thread = await store.thread_by_id(connection, task.thread_id)
    await store.drop_turns(connection, task.id, now=now)
    await store.move(connection, task.id, task.status, Status.CANCELLED, now=now)
    await teller.stopped(connection, task, by.login, kept_of(thread, teller.server_url), now=now)
    return True


async def try_again(
    connection: Transaction, thread: Thread, last: Task, by: Person, source: Target, *, now: float
) -> Task:
    """A new task that goes on where the thread's last one ended; with the report of its red checks, if it ended so.

    When the last one worked on a review, and has pushed nothing that would answer it, the new one is to answer it.
    """
    answers_review = last.source.kind == "review" and not await waits.of_task(connection, last.id)
    return await store.add_task(
        connection,
        thread,
        number=last.number,
        request=TRY_AGAIN if last.kind is Kind.WORK else last.request,
        source=last.source if answers_review else source,
        requester=by,
        now=now,
        kind=last.kind,
        priority=last.priority,
        answers_wait=await red_wait(connection, thread),
    )


async def red_wait(connection: Transaction, thread: Thread) -> int | None:
    """The wait at whose red checks the thread's last task gave up: whoever goes on there should know them."""
    last = await store.last_task(connection, thread.id)
    wait = await waits.newest_of_thread(connection, thread.id)
    if last is None or wait is None or last.failure != CHECKS_RED:
        return None
    return wait.id if wait.end is LapEnd.RED and wait.sha == thread.pushed_sha else None


async def start_plan(
    connection: Transaction, teller: Teller, plan: Task, by: Person, source: Target, *, now: float
) -> Task:
    """Somebody who may has agreed to a plan: carry it out, in the session that made it."""
    thread = await store.thread_by_id(connection, plan.thread_id)
    await teller.plan_started(connection, plan, by, now=now)
    return await store.add_task(
        connection,
        thread,
        number=plan.number,
        request=CARRY_OUT,
        source=source,
        requester=by,
        now=now,
        priority=plan.priority,
    )
