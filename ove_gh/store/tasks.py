"""Threads, tasks, turns and questions. Every change of a task's status goes through `move`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, update

from ove_gh.questions import Answers, Option, Question, Questions
from ove_gh.store import waits
from ove_gh.store.tables import questions, tasks, thread_pulls, threads, turns
from ove_gh.store.tables import waits as wait_rows
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import (
    MAX_RESUMPTIONS,
    IllegalMove,
    Kind,
    Person,
    Place,
    Priority,
    Status,
    Target,
    Task,
    Thread,
    Turn,
    TurnStatus,
    check_move,
)


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """An AskUserQuestion call and what people said to it so far. `asked` is the person who asked for the task."""

    id: int
    task_id: int
    thread: Thread
    number: int
    tool_use_id: str
    questions: Questions
    answers: Answers
    asked: Person
    asked_at: float
    open: bool
    expired: bool
    answered_by: Person | None
    answered_url: str | None

    @property
    def place(self) -> Place:
        """Where the question stands."""
        return place_of(self.thread, self.number)


def place_of(thread: Thread, number: int) -> Place:
    """The issue or the pull request of a thread, by its number."""
    return thread.place.home.at(number)


# -- threads -----------------------------------------------------------------------------------------------------------


async def find_thread(connection: Transaction, place: Place) -> Thread | None:
    """The thread of an issue, or of a pull request that came of it."""
    came_of = select(thread_pulls.c.thread_id).where(
        thread_pulls.c.repository_id == place.repository_id, thread_pulls.c.number == place.number
    )
    row = (
        await connection.execute(
            select(threads)
            .where(
                threads.c.repository_id == place.repository_id,
                or_(threads.c.number == place.number, threads.c.id.in_(came_of)),
            )
            .order_by(threads.c.id)
        )
    ).first()
    return _thread(row) if row else None


async def open_thread(connection: Transaction, place: Place, title: str) -> Thread:
    """The thread of a place, made if it is new, with what may have changed since (names, the installation)."""
    found = await find_thread(connection, place)
    now_known = {"installation_id": place.installation_id, "full_name": place.full_name}
    if found is None:
        new = {"repository_id": place.repository_id, "number": place.number, "title": title, **now_known}
        await connection.execute(insert(threads).values(new))
    else:
        await connection.execute(update(threads).where(threads.c.id == found.id).values(now_known))
    thread = await find_thread(connection, place)
    assert thread is not None
    return thread


async def thread_by_id(connection: Transaction, thread_id: int) -> Thread:
    """The thread with this id."""
    return _thread((await connection.execute(select(threads).where(threads.c.id == thread_id))).one())


async def pull_came_of(connection: Transaction, thread: Thread, number: int, url: str) -> None:
    """A thread has this pull request now; what is said there reaches it from now on, also when another follows."""
    await change_thread(connection, thread.id, pull_number=number, pull_url=url)
    key = {"repository_id": thread.place.repository_id, "number": number}
    known = await connection.scalar(select(thread_pulls.c.thread_id).filter_by(**key))
    if known is None:
        await connection.execute(insert(thread_pulls).values(thread_id=thread.id, **key))


async def change_thread(connection: Transaction, thread_id: int, **values: Any) -> None:
    """Set columns of a thread: session_id, branch, base_branch, pushed_sha, pull_number, pull_url."""
    await connection.execute(update(threads).where(threads.c.id == thread_id).values(values))


# -- tasks -------------------------------------------------------------------------------------------------------------


async def add_task(
    connection: Transaction,
    thread: Thread,
    *,
    number: int,
    request: str,
    source: Target,
    requester: Person,
    now: float,
    answers_question: int | None = None,
    answers_wait: int | None = None,
    schedule_id: int | None = None,
    kind: Kind = Kind.WORK,
    priority: Priority = Priority.NORMAL,
    afresh: bool = False,
) -> Task:
    """A new pending task with its first turn, which starts from the request, or from an answer that came late.

    `answers_wait` brings red checks with it, `schedule_id` names the schedule that asks.
    """
    inserted = await connection.execute(
        insert(tasks).values(
            thread_id=thread.id,
            number=number,
            status=Status.PENDING,
            request=request,
            source_kind=source.kind,
            source_id=source.id,
            source_url=source.url,
            requester_id=requester.id,
            requester_login=requester.login,
            schedule_id=schedule_id,
            kind=kind,
            priority=priority,
            afresh=afresh,
            cost_usd=0.0,
            created_at=now,
        )
    )
    assert inserted.inserted_primary_key is not None
    task_id: int = inserted.inserted_primary_key[0]
    await add_turn(connection, task_id, now=now, answers_question=answers_question, answers_wait=answers_wait)
    return await task_by_id(connection, task_id)


async def task_by_id(connection: Transaction, task_id: int) -> Task:
    """The task with this id."""
    return _task((await connection.execute(select(tasks).where(tasks.c.id == task_id))).one())


async def tasks_of_thread(connection: Transaction, thread_id: int) -> list[Task]:
    """All tasks of a thread, in order."""
    rows = await connection.execute(select(tasks).where(tasks.c.thread_id == thread_id).order_by(tasks.c.id))
    return [_task(row) for row in rows]


async def thread_cost(connection: Transaction, thread_id: int) -> float:
    """The dollars that all tasks of a thread have cost so far."""
    dollars: float | None = await connection.scalar(
        select(func.sum(tasks.c.cost_usd)).where(tasks.c.thread_id == thread_id)
    )
    return dollars or 0.0


async def tasks_of_repository(connection: Transaction, repository_id: int, *, ended: int) -> list[tuple[Task, Thread]]:
    """A repository's tasks that have not ended, first come first, and behind them so many that ended last."""
    both = (
        select(tasks, *(column.label(f"its_thread_{column.name}") for column in threads.c))
        .join(threads, threads.c.id == tasks.c.thread_id)
        .where(threads.c.repository_id == repository_id)
    )
    open_ones = await connection.execute(both.where(tasks.c.ended_at.is_(None)).order_by(tasks.c.priority, tasks.c.id))
    last_ones = await connection.execute(
        both.where(tasks.c.ended_at.is_not(None)).order_by(tasks.c.ended_at.desc()).limit(ended)
    )
    return [(_task(row), _thread(row, "its_thread_")) for row in [*open_ones, *last_ones]]


async def running_task(connection: Transaction, thread_id: int) -> Task | None:
    """The task of a thread whose agent is at work."""
    row = (
        await connection.execute(
            select(tasks)
            .join(turns, turns.c.task_id == tasks.c.id)
            .where(
                tasks.c.thread_id == thread_id,
                tasks.c.status == Status.RUNNING,
                turns.c.status == TurnStatus.RUNNING,
            )
        )
    ).first()
    return _task(row) if row else None


async def review_task(connection: Transaction, thread_id: int, review: Target) -> Task | None:
    """The thread's first task that works on this review."""
    row = (
        await connection.execute(
            select(tasks)
            .where(
                tasks.c.thread_id == thread_id,
                tasks.c.source_kind == review.kind,
                tasks.c.source_id == review.id,
                tasks.c.kind == Kind.WORK,
            )
            .order_by(tasks.c.id)
        )
    ).first()
    return _task(row) if row else None


async def open_plan(connection: Transaction, thread_id: int) -> Task | None:
    """The thread's newest plan that nobody has started yet: no work was asked for since."""
    found = [task for task in await tasks_of_thread(connection, thread_id) if task.kind in (Kind.PLAN, Kind.WORK)]
    last = found[-1] if found else None
    return last if last is not None and last.kind is Kind.PLAN and last.status is Status.COMPLETED else None


async def open_plans(connection: Transaction, *, since: float) -> list[Task]:
    """All plans that were made since a moment and that nobody has started yet, the oldest first; as for `open_plan`."""
    later = tasks.alias()
    is_followed = exists().where(
        later.c.thread_id == tasks.c.thread_id, later.c.id > tasks.c.id, later.c.kind.in_([Kind.PLAN, Kind.WORK])
    )
    rows = await connection.execute(
        select(tasks)
        .where(
            tasks.c.kind == Kind.PLAN,
            tasks.c.status == Status.COMPLETED,
            tasks.c.ended_at >= since,
            ~is_followed,
        )
        .order_by(tasks.c.id)
    )
    return [_task(row) for row in rows]


async def last_task(connection: Transaction, thread_id: int) -> Task | None:
    """The thread's newest task."""
    row = (
        await connection.execute(
            select(tasks).where(tasks.c.thread_id == thread_id).order_by(tasks.c.id.desc()).limit(1)
        )
    ).first()
    return _task(row) if row else None


async def task_before(connection: Transaction, task: Task) -> Task | None:
    """The thread's last task before this one."""
    row = (
        await connection.execute(
            select(tasks)
            .where(tasks.c.thread_id == task.thread_id, tasks.c.id < task.id)
            .order_by(tasks.c.id.desc())
            .limit(1)
        )
    ).first()
    return _task(row) if row else None


async def unfinished_before(connection: Transaction, task: Task) -> int:
    """How many tasks of the same thread come first; one that waits for its checks holds up nobody."""
    is_ahead = or_(
        tasks.c.status.in_([Status.RUNNING, Status.WAITING_USER]),
        (tasks.c.status == Status.PENDING) & _goes_before(tasks, task.priority, task.id),
    )
    count: int | None = await connection.scalar(
        select(func.count())
        .select_from(tasks)
        .where(tasks.c.thread_id == task.thread_id, tasks.c.id != task.id, is_ahead)
    )
    return count or 0


async def busy_tasks(connection: Transaction) -> int:
    """How many tasks run or wait for a worker."""
    count: int | None = await connection.scalar(
        select(func.count()).select_from(tasks).where(tasks.c.status.in_([Status.PENDING, Status.RUNNING]))
    )
    return count or 0


async def others_unsettled(connection: Transaction, task: Task) -> bool:
    """Whether another task of the thread is to be run, runs, or asks: what it pushes would change the branch."""
    found: int | None = await connection.scalar(
        select(tasks.c.id)
        .where(tasks.c.thread_id == task.thread_id, tasks.c.id != task.id, tasks.c.status.in_(_UNSETTLED))
        .limit(1)
    )
    return found is not None


async def queue_of_thread(connection: Transaction, thread_id: int) -> list[Task]:
    """A thread's tasks that are to be run, first come first."""
    pending = [task for task in await tasks_of_thread(connection, thread_id) if task.status is Status.PENDING]
    return sorted(pending, key=lambda task: (task.priority, task.id))


async def current_task(connection: Transaction, thread_id: int) -> Task | None:
    """What a thread is about now: the task that runs or waits for people, else one that waits for its checks, else the
    next to be run, else the last one."""
    found = await tasks_of_thread(connection, thread_id)
    at_work = [task for task in found if task.status in (Status.RUNNING, Status.WAITING_USER)]
    queued = await queue_of_thread(connection, thread_id)
    checked = [task for task in found if task.status is Status.WAITING_CI]
    return next(iter([*at_work, *checked, *queued]), found[-1] if found else None)


async def ask_to_stop(connection: Transaction, task_id: int, login: str) -> None:
    """Somebody wants a running task to stop; the worker that runs it will."""
    await connection.execute(update(tasks).where(tasks.c.id == task_id).values(stop_asked_by=login))


async def note_lost_session(connection: Transaction, task_id: int) -> None:
    """The thread's session could not be resumed: people are told, as long as the task is told of."""
    await connection.execute(update(tasks).where(tasks.c.id == task_id).values(started_again=True))


async def asked_to_stop(connection: Transaction, task_ids: Collection[int]) -> set[int]:
    """Which of these tasks somebody wants to stop."""
    rows = await connection.scalars(
        select(tasks.c.id).where(tasks.c.id.in_(task_ids), tasks.c.stop_asked_by.is_not(None))
    )
    return set(rows)


async def work_seconds(connection: Transaction, task_id: int, *, now: float) -> float:
    """How long a task was worked on: its turns, without the time in which it waited for people."""
    seconds: float | None = await connection.scalar(
        select(func.sum(func.coalesce(turns.c.ended_at, now) - turns.c.started_at)).where(
            turns.c.task_id == task_id, turns.c.started_at.is_not(None)
        )
    )
    return seconds or 0.0


async def move(
    connection: Transaction, task_id: int, source: Status, target: Status, *, now: float, failure: str | None = None
) -> None:
    """Move a task; raises IllegalMove, and changes nothing, when the table or the database says no."""
    check_move(task_id, source, target)
    values: dict[str, Any] = {"status": target, "failure": failure}
    if target.is_final:
        values["ended_at"] = now
    if target is Status.RUNNING:
        values["started_at"] = func.coalesce(tasks.c.started_at, now)
    done = await connection.execute(update(tasks).where(tasks.c.id == task_id, tasks.c.status == source).values(values))
    if done.rowcount != 1:
        found = await connection.scalar(select(tasks.c.status).where(tasks.c.id == task_id))
        raise IllegalMove(task_id, source, target, Status(found) if found else None)
    if target.is_final:
        await _stir_the_thread(connection, task_id)


async def _stir_the_thread(connection: Transaction, task_id: int) -> None:
    """Waits of other tasks of the thread may have been held up by this one."""
    thread_id = await connection.scalar(select(tasks.c.thread_id).where(tasks.c.id == task_id))
    await waits.hint_thread(connection, thread_id)


# -- turns -------------------------------------------------------------------------------------------------------------


async def add_turn(
    connection: Transaction,
    task_id: int,
    *,
    now: float,
    answers_question: int | None = None,
    answers_wait: int | None = None,
) -> None:
    """One more turn of a task, due at once."""
    last: int | None = await connection.scalar(select(func.max(turns.c.position)).where(turns.c.task_id == task_id))
    await connection.execute(
        insert(turns).values(
            task_id=task_id,
            position=(last or 0) + 1,
            status=TurnStatus.QUEUED,
            answers_question=answers_question,
            answers_wait=answers_wait,
            due_at=now,
            starts=0,
            clean_stops=0,
            tries=0,
            cost_usd=0.0,
        )
    )


async def claim_turn(connection: Transaction, *, run_id: str, now: float) -> Turn | None:
    """Take the next turn that may run, and move its task to `running`; None when there is none.

    A turn may run when no other task of its thread runs or waits for people (they share a session and a clone), and no
    task of the thread that goes before it is still to be run: by priority, then by age.
    """
    other = tasks.alias()
    in_the_way = exists().where(
        other.c.thread_id == tasks.c.thread_id,
        other.c.id != tasks.c.id,
        or_(
            other.c.status.in_([Status.RUNNING, Status.WAITING_USER]),
            (other.c.status == Status.PENDING) & _goes_before(other, tasks.c.priority, tasks.c.id),
        ),
    )
    row = (
        await connection.execute(
            select(turns)
            .join(tasks)
            .where(
                turns.c.status.in_([TurnStatus.QUEUED, TurnStatus.PUBLISHING]),
                turns.c.claimed_by.is_(None),
                turns.c.due_at <= now,
                or_(turns.c.status == TurnStatus.PUBLISHING, ~in_the_way),
            )
            .order_by(tasks.c.priority, turns.c.task_id)
            .limit(1)
        )
    ).first()
    if row is None:
        return None
    if row.status == TurnStatus.PUBLISHING:
        await connection.execute(update(turns).where(turns.c.id == row.id).values(claimed_by=run_id))
    else:
        await move(connection, row.task_id, Status.PENDING, Status.RUNNING, now=now)
        await connection.execute(
            update(turns)
            .where(turns.c.id == row.id)
            .values(
                claimed_by=run_id,
                status=TurnStatus.RUNNING,
                started_at=func.coalesce(turns.c.started_at, now),
            )
        )
    return await turn_by_id(connection, row.id)


def _goes_before(rows: Any, priority: Any, task_id: Any) -> ColumnElement[bool]:
    """Whether a task of `rows` comes before the one with this priority and id."""
    return or_(rows.c.priority < priority, and_(rows.c.priority == priority, rows.c.id < task_id))


async def turn_by_id(connection: Transaction, turn_id: int) -> Turn:
    """The turn with this id."""
    return _turn((await connection.execute(select(turns).where(turns.c.id == turn_id))).one())


async def next_turn_due_at(connection: Transaction, *, now: float) -> float | None:
    """When the next turn that was put off is due."""
    value: float | None = await connection.scalar(
        select(func.min(turns.c.due_at)).where(
            turns.c.status.in_([TurnStatus.QUEUED, TurnStatus.PUBLISHING]),
            turns.c.claimed_by.is_(None),
            turns.c.due_at > now,
        )
    )
    return value


async def agent_started(connection: Transaction, turn_id: int) -> None:
    """The agent is about to be started for this turn: note that it was, however this ends."""
    await connection.execute(update(turns).where(turns.c.id == turn_id).values(starts=turns.c.starts + 1))


async def agent_ended(
    connection: Transaction, turn: Turn, *, outcome: dict[str, Any], cost_usd: float, session_id: str | None
) -> None:
    """Record how the agent's run ended; what is left of the turn is to publish it."""
    task = await task_by_id(connection, turn.task_id)
    await connection.execute(
        update(turns)
        .where(turns.c.id == turn.id, turns.c.status == TurnStatus.RUNNING)
        .values(status=TurnStatus.PUBLISHING, outcome=outcome, cost_usd=cost_usd, tries=0)
    )
    await connection.execute(update(tasks).where(tasks.c.id == task.id).values(cost_usd=tasks.c.cost_usd + cost_usd))
    if session_id is not None:
        await change_thread(connection, task.thread_id, session_id=session_id)


async def amend_outcome(connection: Transaction, turn_id: int, outcome: dict[str, Any]) -> None:
    """Publishing found out more about a turn's outcome."""
    await connection.execute(update(turns).where(turns.c.id == turn_id).values(outcome=outcome))


async def note_push(connection: Transaction, turn_id: int, head: str | None) -> str | None:
    """A turn is about to push `head` (None: it finds nothing new). Returns what it was about to push before."""
    before: str | None = await connection.scalar(select(turns.c.pushing).where(turns.c.id == turn_id))
    if head is not None:
        await connection.execute(update(turns).where(turns.c.id == turn_id).values(pushing=head))
    return before


async def drop_turns(connection: Transaction, task_id: int, *, now: float) -> None:
    """A task's queued turns are not needed any more."""
    await connection.execute(
        update(turns)
        .where(turns.c.task_id == task_id, turns.c.status == TurnStatus.QUEUED)
        .values(status=TurnStatus.ENDED, ended_at=now)
    )


async def turns_of(connection: Transaction, task_id: int) -> list[Turn]:
    """All turns of a task, in order."""
    rows = await connection.execute(select(turns).where(turns.c.task_id == task_id).order_by(turns.c.position))
    return [_turn(row) for row in rows]


async def attempts_made(connection: Transaction, task_id: int) -> int:
    """How many turns of a task were to mend red checks."""
    count: int | None = await connection.scalar(
        select(func.count())
        .select_from(turns.join(wait_rows, wait_rows.c.id == turns.c.answers_wait))
        .where(turns.c.task_id == task_id, ~wait_rows.c.asks)
    )
    return count or 0


async def end_turn(connection: Transaction, turn_id: int, *, now: float) -> None:
    """Nothing of the turn is left to do."""
    await connection.execute(
        update(turns).where(turns.c.id == turn_id).values(status=TurnStatus.ENDED, claimed_by=None, ended_at=now)
    )


async def put_turn_back(
    connection: Transaction, turn: Turn, *, due_at: float, now: float, failed_try: bool = False
) -> None:
    """Give a claimed turn back: a queued one starts again, one that is being published goes on publishing.

    `turn` is the turn as it was claimed: if the agent was started since, this is a clean stop and no crash.
    `failed_try` counts it as an attempt that failed because something was out of reach.
    """
    current = await turn_by_id(connection, turn.id)
    publishing = current.status is TurnStatus.PUBLISHING
    if not publishing:
        await move(connection, turn.task_id, Status.RUNNING, Status.PENDING, now=now)
    await connection.execute(
        update(turns)
        .where(turns.c.id == turn.id)
        .values(
            status=TurnStatus.PUBLISHING if publishing else TurnStatus.QUEUED,
            claimed_by=None,
            due_at=due_at,
            tries=turns.c.tries + int(failed_try),
            clean_stops=turns.c.clean_stops + int(current.starts > turn.starts),
        )
    )


async def recover(connection: Transaction, *, run_id: str, now: float) -> list[Turn]:
    """Take back the claims of earlier runs of the service, which cannot be alive any more.

    Interrupted turns are queued again. Returns those that a crash has cut off too often: their tasks are running
    still, and the caller must end them.
    """
    rows = (
        await connection.execute(select(turns).where(turns.c.claimed_by.is_not(None), turns.c.claimed_by != run_id))
    ).all()
    exhausted: list[Turn] = []
    for turn in map(_turn, rows):
        if turn.status is TurnStatus.RUNNING and turn.starts - turn.clean_stops > MAX_RESUMPTIONS:
            exhausted.append(turn)
            await connection.execute(update(turns).where(turns.c.id == turn.id).values(claimed_by=run_id))
        else:
            await put_turn_back(connection, turn, due_at=now, now=now)
    return exhausted


# -- questions ---------------------------------------------------------------------------------------------------------


async def ask(connection: Transaction, turn: Turn, *, tool_use_id: str, asked: Questions, now: float) -> AskedQuestion:
    """The agent asks: record the question and move the task to `waiting_user`."""
    inserted = await connection.execute(
        insert(questions).values(
            task_id=turn.task_id,
            tool_use_id=tool_use_id,
            questions=[asdict(question) for question in asked],
            open=True,
            asked_at=now,
            answers={},
        )
    )
    await move(connection, turn.task_id, Status.RUNNING, Status.WAITING_USER, now=now)
    assert inserted.inserted_primary_key is not None
    return await question_by_id(connection, inserted.inserted_primary_key[0])


async def question_by_id(connection: Transaction, question_id: int) -> AskedQuestion:
    """The question with this id; raises sqlalchemy.exc.NoResultFound."""
    return _question((await connection.execute(_asked().where(questions.c.id == question_id))).one())


async def find_question(connection: Transaction, question_id: int) -> AskedQuestion | None:
    """The question with this id, if there is one."""
    row = (await connection.execute(_asked().where(questions.c.id == question_id))).first()
    return _question(row) if row else None


async def answerable_question(connection: Transaction, thread: Thread) -> AskedQuestion | None:
    """The question that a reply in this thread would answer.

    That is the open one, or one that expired in the thread's newest task: a late reply picks it up.
    """
    newest = select(func.max(tasks.c.id)).where(tasks.c.thread_id == thread.id).scalar_subquery()
    row = (
        await connection.execute(
            _asked()
            .where(
                tasks.c.thread_id == thread.id,
                questions.c.answered_at.is_(None),
                or_(questions.c.open, questions.c.expired_at.is_not(None) & (tasks.c.id == newest)),
            )
            .order_by(questions.c.id.desc())
        )
    ).first()
    return _question(row) if row else None


async def answer_question(
    connection: Transaction, question: AskedQuestion, *, answers: Answers, by: Person, url: str | None, now: float
) -> None:
    """All is answered. The caller queues the turn that carries the answers."""
    await connection.execute(
        update(questions)
        .where(questions.c.id == question.id)
        .values(
            open=False,
            answers=answers,
            answered_at=now,
            answered_by_id=by.id,
            answered_by_login=by.login,
            answered_url=url,
        )
    )


async def keep_partial_answers(connection: Transaction, question: AskedQuestion, answers: Answers) -> None:
    """Some of a call's questions were answered: keep that until the rest is."""
    await connection.execute(update(questions).where(questions.c.id == question.id).values(answers=answers))


async def withdraw_questions(connection: Transaction, task_id: int) -> list[AskedQuestion]:
    """A task's open questions need no answer any more. Returns them."""
    found = [
        _question(row)
        for row in await connection.execute(_asked().where(questions.c.task_id == task_id, questions.c.open))
    ]
    await connection.execute(
        update(questions).where(questions.c.task_id == task_id, questions.c.open).values(open=False)
    )
    return found


async def expire_question(connection: Transaction, question: AskedQuestion, *, now: float) -> None:
    """Nobody answered in time: close the question and fail its task as unanswered."""
    await connection.execute(update(questions).where(questions.c.id == question.id).values(open=False, expired_at=now))
    await move(connection, question.task_id, Status.WAITING_USER, Status.FAILED, now=now, failure="unanswered")


async def mark_reminded(connection: Transaction, question: AskedQuestion, *, now: float) -> None:
    """The one reminder has been said."""
    await connection.execute(update(questions).where(questions.c.id == question.id).values(reminded_at=now))


async def questions_asked_before(
    connection: Transaction, moment: float, *, reminded: bool | None = None
) -> list[AskedQuestion]:
    """Open questions that were asked before a moment, optionally only those (not) reminded of."""
    query = _asked().where(questions.c.open, questions.c.asked_at <= moment).order_by(questions.c.id)
    if reminded is not None:
        query = query.where(questions.c.reminded_at.is_not(None) if reminded else questions.c.reminded_at.is_(None))
    return [_question(row) for row in await connection.execute(query)]


async def answered_questions(connection: Transaction, thread_id: int) -> list[AskedQuestion]:
    """What was decided with people in a thread, in order."""
    rows = await connection.execute(
        _asked().where(tasks.c.thread_id == thread_id, questions.c.answered_at.is_not(None)).order_by(questions.c.id)
    )
    return [_question(row) for row in rows]


# -- rows to values ----------------------------------------------------------------------------------------------------

_UNSETTLED: Sequence[Status] = [Status.PENDING, Status.RUNNING, Status.WAITING_USER]


def _asked() -> Any:
    return (
        select(
            questions,
            tasks.c.number.label("task_number"),
            tasks.c.requester_id,
            tasks.c.requester_login,
            *(column.label(f"thread_{column.name}") for column in threads.c),
        )
        .join(tasks, tasks.c.id == questions.c.task_id)
        .join(threads, threads.c.id == tasks.c.thread_id)
    )


def _thread(row: Any, prefix: str = "") -> Thread:
    def column(name: str) -> Any:
        return getattr(row, prefix + name)

    return Thread(
        id=column("id"),
        place=Place(column("installation_id"), column("repository_id"), column("full_name"), column("number")),
        title=column("title"),
        session_id=column("session_id"),
        branch=column("branch"),
        base_branch=column("base_branch"),
        pushed_sha=column("pushed_sha"),
        pull_number=column("pull_number"),
        pull_url=column("pull_url"),
        model=column("model"),
        budget_usd=column("budget_usd"),
        reviewed_sha=column("reviewed_sha"),
        fork_pull=column("fork_pull"),
    )


def _task(row: Any) -> Task:
    return Task(
        id=row.id,
        thread_id=row.thread_id,
        number=row.number,
        status=Status(row.status),
        request=row.request,
        source=Target(row.source_kind, row.source_id, row.source_url),
        requester=Person(row.requester_id, row.requester_login),
        cost_usd=row.cost_usd,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        failure=row.failure,
        schedule_id=row.schedule_id,
        stop_asked_by=row.stop_asked_by,
        kind=Kind(row.kind),
        priority=Priority(row.priority),
        afresh=row.afresh,
        started_again=row.started_again,
    )


def _turn(row: Any) -> Turn:
    return Turn(
        id=row.id,
        task_id=row.task_id,
        position=row.position,
        status=TurnStatus(row.status),
        answers_question=row.answers_question,
        answers_wait=row.answers_wait,
        starts=row.starts,
        clean_stops=row.clean_stops,
        tries=row.tries,
        outcome=row.outcome,
        cost_usd=row.cost_usd,
        started_at=row.started_at,
    )


def _question(row: Any) -> AskedQuestion:
    return AskedQuestion(
        id=row.id,
        task_id=row.task_id,
        thread=_thread(row, "thread_"),
        number=row.task_number,
        tool_use_id=row.tool_use_id,
        questions=tuple(
            Question(q["text"], q["header"], tuple(Option(**option) for option in q["options"]), q["multiple"])
            for q in row.questions
        ),
        answers=row.answers,
        asked=Person(row.requester_id, row.requester_login),
        asked_at=row.asked_at,
        open=row.open,
        expired=row.expired_at is not None,
        answered_by=Person(row.answered_by_id, row.answered_by_login) if row.answered_by_id is not None else None,
        answered_url=row.answered_url,
    )
