"""Where things stand, read from rows for those who ask: one thread, a repository's tasks, the steps of a task."""

from __future__ import annotations

from collections.abc import Sequence

from ove_gh.comments import FailureKind, PullLink, QueuedTask, TaskRow, ThreadStatus, TraceLine
from ove_gh.store import outbox, schedules, waits
from ove_gh.store import tasks as store
from ove_gh.store.outbox import question_key, status_key
from ove_gh.store.traces import Step
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Place, Status, Task, Thread
from ove_gh.telling import branch_url, commit_url, kind_in_words


async def thread_view(connection: Transaction, place: Place, server_url: str, *, now: float) -> ThreadStatus:
    """How a thread stands: what it is about now, and what comes next."""
    thread = await store.find_thread(connection, place)
    standing = [
        (each.number, each.url)
        for each in await schedules.of_repository(connection, place.repository_id)
        if each.issue == place.number
    ]
    task = await store.current_task(connection, thread.id) if thread is not None else None
    if thread is None:
        return ThreadStatus(schedules=standing)
    if task is None:
        return ThreadStatus(schedules=standing, model=thread.model, budget_usd=thread.budget_usd)
    turns = await store.turns_of(connection, task.id)
    question = await store.answerable_question(connection, thread)
    wait = await waits.newest_of_thread(connection, thread.id)
    pull = PullLink(thread.pull_number, thread.pull_url, False) if thread.pull_number and thread.pull_url else None
    return ThreadStatus(
        status=task.status,
        request=_words(task),
        requester_login=task.requester.login,
        request_url=task.source.url,
        turns=len(turns),
        elapsed_seconds=await store.work_seconds(connection, task.id, now=now),
        cost_usd=task.cost_usd,
        since_seconds=_since(task, question.asked_at if question else None, wait.pushed_at if wait else None, now),
        ahead=await store.unfinished_before(connection, task) if task.status is Status.PENDING else 0,
        question_url=await outbox.url_of(connection, question_key(question.id)) if question else None,
        sha=wait.sha if wait else "",
        sha_url=commit_url(server_url, thread, wait.sha) if wait else None,
        failure=_failure(task),
        stopped_by=task.stop_asked_by or "",
        status_url=await outbox.url_of(connection, status_key(task.id)),
        branch=thread.branch if thread.pushed_sha else None,
        branch_url=branch_url(server_url, thread),
        pull=pull,
        queued=[
            QueuedTask(_words(each), each.requester.login, each.source.url, each.priority)
            for each in await store.queue_of_thread(connection, thread.id)
            if each.id != task.id
        ],
        schedules=standing,
        model=thread.model,
        budget_usd=thread.budget_usd,
    )


def task_rows(found: Sequence[tuple[Task, Thread]], *, now: float) -> list[TaskRow]:
    """Tasks as lines of a list."""
    return [
        TaskRow(
            number=task.number,
            url=task.source.url,
            title=thread.title,
            state=task.status,
            requester_login=task.requester.login,
            priority=task.priority,
            age_seconds=now - (task.ended_at if task.ended_at is not None else task.created_at),
            cost_usd=task.cost_usd,
        )
        for task, thread in found
    ]


def trace_lines(steps: Sequence[Step]) -> list[TraceLine]:
    """Steps as lines of a trace."""
    return [TraceLine(step.at, step.kind, step.summary, step.detail) for step in steps]


def _since(task: Task, asked_at: float | None, pushed_at: float | None, now: float) -> float | None:
    """How long a task has been in its state, where that is known."""
    match task.status:
        case Status.WAITING_USER:
            since = asked_at
        case Status.WAITING_CI:
            since = pushed_at
        case Status.PENDING:
            since = task.created_at
        case _:
            since = task.ended_at
    return now - since if since is not None else None


def _failure(task: Task) -> FailureKind | None:
    """Why a task failed, if it is one of the reasons that we have words for."""
    known = {kind.value: kind for kind in FailureKind}
    return known.get(task.failure or "")


def _words(task: Task) -> str:
    """What was asked for; a bare `@ove review` has no words of its own."""
    return task.request.strip() or kind_in_words(task.kind)
