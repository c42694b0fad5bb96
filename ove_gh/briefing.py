"""Brief the agent: what of the thread, and which part of its session, a turn starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ove_gh import prompt
from ove_gh.github.client import Repository
from ove_gh.github.models import AppIdentity, Author, Comment, Permission
from ove_gh.prompt import Conversation, Said
from ove_gh.questions import Answers
from ove_gh.schedules import Rule, in_words
from ove_gh.store.schedules import Schedule
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.waits import Wait
from ove_gh.tasks import Target, Task, Thread, Turn

NEWEST_COMMENTS = 100
"""How far back a thread is read."""

YOU = "you"
"""The right under which the App's own comments are shown to it."""

PEOPLE_LOOKED_UP = 20
"""Of how many people in a thread the rights are asked; the others count as unknown."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What starts a turn: a prompt, or answers for the question in which the session waits."""

    session_id: str | None
    prompt: str | None
    answers: Answers | None


@dataclass(frozen=True, slots=True)
class Job:
    """All that the rows say about a claimed turn.

    `question` is the one whose answer the turn carries, `wait` the one whose red checks it is to mend, `schedule` what
    asked for the task, and `previous_task` the thread's last task before this one. `fresh_branch` says that the branch
    of its earlier work is done with.
    """

    turn: Turn
    task: Task
    thread: Thread
    question: AskedQuestion | None
    wait: Wait | None
    schedule: Schedule | None
    previous_task: Task | None
    max_attempts: int
    fresh_branch: bool = False


async def brief(repository: Repository, identity: AppIdentity, job: Job, *, session_lost: bool = False) -> Brief:
    """Decide what a turn starts from; `session_lost` says that the session could not be resumed.

    Raises what `Repository` raises.
    """
    task, thread, question = job.task, job.thread, job.question
    session = None if session_lost else thread.session_id
    was_cut_off = job.turn.starts > 0
    if session is not None and question is not None:
        return Brief(session, None, question.answers)
    checks = _checks(job)
    if session is not None and was_cut_off:
        return Brief(session, prompt.interrupted_prompt(task.request, task.requester.login, also=checks), None)
    if session is not None and checks and job.turn.position > 1:
        return Brief(session, checks, None)
    conversation = await _conversation(repository, identity, task, thread.place.full_name)
    right = await _right_of(repository, identity, Author(task.requester.login, task.requester.id, is_bot=False))
    words = {"request": task.request, "requester": task.requester.login, "right": right}
    if session is not None:
        previous = job.previous_task
        since = previous.source.id if previous and previous.source.kind == "comment" else 0
        news = [said for comment_id, said in conversation.numbered if since < comment_id and said.right != YOU]
        text = prompt.next_prompt(news, conversation.value, **words)
        if job.fresh_branch:
            text = prompt.fresh_branch_note(thread.branch or "", thread.base_branch or "") + text
        return Brief(session, _joined(text, checks), None)
    text = prompt.first_prompt(conversation.value, **words)
    if session_lost or was_cut_off:
        text = prompt.lost_session_note() + text
    if job.schedule is not None:
        text = _because_of(job.schedule) + "\n\n" + text
    if question is not None and question.answered_by is not None:
        text += "\n\n" + prompt.late_answer_prompt(list(question.answers.items()), question.answered_by.login)
    return Brief(None, _joined(text, checks), None)


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _checks(job: Job) -> str:
    """The report of red checks, when the turn is to answer one; else empty."""
    wait, branch = job.wait, job.thread.branch or ""
    if wait is None or wait.report is None or job.fresh_branch:
        return ""
    if wait.asks:
        return prompt.checks_question_prompt(wait.report, branch=branch)
    attempt = wait.attempt if wait.attempt is not None and wait.task_id == job.task.id else 1
    return prompt.checks_prompt(wait.report, attempt=attempt, max_attempts=job.max_attempts, branch=branch)


def _because_of(schedule: Schedule) -> str:
    rule = f"{in_words(Rule(schedule.cron, schedule.zone))}, {schedule.zone}" if schedule.cron else schedule.words
    return prompt.scheduled_note(number=schedule.number, request=schedule.request, rule=rule)


@dataclass(frozen=True, slots=True)
class _Read:
    value: Conversation
    numbered: Sequence[tuple[int, Said]]


async def _conversation(repository: Repository, identity: AppIdentity, task: Task, full_name: str) -> _Read:
    """The thread up to the comment that made the request, and without it: the request is given by itself."""
    issue = await repository.issue(task.number)
    written = await repository.comments(task.number, newest=NEWEST_COMMENTS)
    written = [comment for comment in written if _was_said_before(comment, task.source)]
    rights = await _rights(repository, identity, [issue.author, *(comment.author for comment in reversed(written))])
    numbered = [(comment.id, _said(comment, rights)) for comment in written]
    opening = Said(issue.author.login, rights.get(issue.author.id, "unknown"), issue.body)
    value = Conversation(
        full_name=full_name,
        number=issue.number,
        is_pull=issue.is_pull,
        title=issue.title,
        opening=opening,
        comments=[said for _, said in numbered],
    )
    return _Read(value, numbered)


def _was_said_before(comment: Comment, request: Target) -> bool:
    """What was said after the request is not part of it; an issue that is itself the request comes before all."""
    match request.kind:
        case "issue":
            return False
        case "comment":
            return comment.id < request.id
        case "button" | "schedule":
            return True


def _said(comment: Comment, rights: dict[int, str]) -> Said:
    return Said(comment.author.login, rights.get(comment.author.id, "unknown"), comment.body)


async def _rights(repository: Repository, identity: AppIdentity, authors: Sequence[Author]) -> dict[int, str]:
    """The right of each author, by id; of the first twenty, so that a crowd does not cost a hundred calls."""
    found: dict[int, str] = {}
    for author in authors:
        if author.id not in found and len(found) < PEOPLE_LOOKED_UP:
            found[author.id] = await _right_of(repository, identity, author)
    return found


async def _right_of(repository: Repository, identity: AppIdentity, author: Author) -> str:
    if author.id == identity.bot_id:
        return YOU
    if author.is_bot:
        return "bot"
    permission: Permission = await repository.permission(author.login, author.id)
    return permission.name.lower()
