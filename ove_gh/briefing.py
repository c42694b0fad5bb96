"""Brief the agent: what of the thread, and which part of its session, a turn starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ove_gh import prompt
from ove_gh.comments import FailureKind
from ove_gh.github.client import Repository
from ove_gh.github.errors import NotFound
from ove_gh.github.models import AppIdentity, Author, Comment, Permission, ReviewComment
from ove_gh.prompt import Conversation, Reviewed, ReviewRemark, Said
from ove_gh.questions import Answers
from ove_gh.repository_settings import RepositorySettings
from ove_gh.reviewing import wish_of
from ove_gh.schedules import Rule, in_words
from ove_gh.store.schedules import Schedule
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.waits import Wait
from ove_gh.tasks import Kind, Target, Task, Thread, Turn

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
    asked for the task, and `previous_task` the thread's last task before this one. `rules` is what the
    repository decided for itself. `fresh_branch` says that the branch of its earlier work is done with.
    `thread_cost` is what all tasks of the thread have cost before this turn, in dollars.
    """

    turn: Turn
    task: Task
    thread: Thread
    question: AskedQuestion | None
    wait: Wait | None
    schedule: Schedule | None
    previous_task: Task | None
    max_attempts: int
    rules: RepositorySettings = field(default_factory=RepositorySettings)
    fresh_branch: bool = False
    thread_cost: float = 0.0


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
        reviewed = await _reviewed(repository, identity, task) if job.turn.position == 1 else None
        asked = task.request or ("(what the review asks)" if task.source.kind == "review" else "")
        also = _joined(prompt.review_prompt(reviewed) if reviewed else "", checks, _earlier_review(job))
        return Brief(session, prompt.interrupted_prompt(asked, task.requester.login, also=also), None)
    if session is not None and checks and job.turn.position > 1:
        return Brief(session, checks, None)
    conversation = await _conversation(repository, identity, task, thread)
    right = await _right_of(repository, identity, Author(task.requester.login, task.requester.id, is_bot=False))
    reviewed = await _reviewed(repository, identity, task)
    review = prompt.review_prompt(reviewed) if reviewed is not None else None
    is_in_review = reviewed is not None and task.request == wish_of(reviewed.said.body, identity.slug).text
    request, requester = "" if is_in_review else task.request, task.requester.login
    if session is not None:
        previous = job.previous_task
        news = [said for comment, said in conversation.written if _is_new(comment, previous) and said.right != YOU]
        text = prompt.next_prompt(
            news, conversation.value, request=request, requester=requester, right=right, review=review
        )
        if previous is not None and previous.failure == FailureKind.PROTECTED:
            text = prompt.refused_paths_note() + text
        if job.fresh_branch:
            text = prompt.fresh_branch_note(thread.branch or "", thread.base_branch or "") + text
        return Brief(session, _joined(text, checks, _earlier_review(job)), None)
    text = prompt.first_prompt(conversation.value, request=request, requester=requester, right=right, review=review)
    if session_lost or was_cut_off:
        text = prompt.lost_session_note() + text
    if job.schedule is not None:
        text = _because_of(job.schedule) + "\n\n" + text
    if question is not None and question.answered_by is not None:
        text += "\n\n" + prompt.late_answer_prompt(list(question.answers.items()), question.answered_by.login)
    return Brief(None, _joined(text, checks, _earlier_review(job)), None)


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


def _earlier_review(job: Job) -> str:
    """What a review is told of the one before it, when there was one; else empty."""
    sha = job.thread.reviewed_sha if job.task.kind is Kind.REVIEW else None
    return prompt.earlier_review_note(sha) if sha is not None else ""


def _because_of(schedule: Schedule) -> str:
    rule = f"{in_words(Rule(schedule.cron, schedule.zone))}, {schedule.zone}" if schedule.cron else schedule.words
    return prompt.scheduled_note(number=schedule.number, request=schedule.request, rule=rule)


@dataclass(frozen=True, slots=True)
class _Read:
    value: Conversation
    written: Sequence[tuple[Comment, Said]]


async def _conversation(repository: Repository, identity: AppIdentity, task: Task, thread: Thread) -> _Read:
    """The thread up to the comment that made the request, and without it: the request is given by itself.

    What was said under the issue and under the pull request that came of it is one conversation.
    """
    issue = await repository.issue(task.number)
    here = await repository.comments(task.number, newest=NEWEST_COMMENTS)
    other = _other_half(task, thread)
    there = await repository.comments(other, newest=NEWEST_COMMENTS) if other is not None else []
    numbered = [(task.number, comment) for comment in here] + [(other, comment) for comment in there]
    written = [(at, comment) for at, comment in numbered if _was_said_before(comment, task.source)]
    written.sort(key=lambda each: each[1].created_at)
    rights = await _rights(repository, identity, [issue.author, *(comment.author for _, comment in reversed(written))])
    told = [
        (comment, _said(comment, rights) if at == task.number else replace(_said(comment, rights), at=f"#{at}"))
        for at, comment in written
    ]
    opening = Said(issue.author.login, rights.get(issue.author.id, "unknown"), issue.body)
    value = Conversation(
        full_name=thread.place.full_name,
        number=issue.number,
        is_pull=issue.is_pull,
        title=issue.title,
        opening=opening,
        comments=[said for _, said in told],
    )
    return _Read(value, told)


def _other_half(task: Task, thread: Thread) -> int | None:
    """The pull request that came of the issue where a task was asked for, or the issue of that pull request."""
    if thread.pull_number is None or thread.pull_number == thread.place.number:
        return None
    return thread.pull_number if task.number == thread.place.number else thread.place.number


def _is_new(comment: Comment, previous: Task | None) -> bool:
    """Whether a comment came after what the session was told when it worked on its last task."""
    if previous is None:
        return True
    if previous.source.kind == "comment":
        return comment.id > previous.source.id
    return comment.created_at > previous.created_at


def _was_said_before(comment: Comment, request: Target) -> bool:
    """What was said after the request is not part of it; an issue that is itself the request comes before all."""
    match request.kind:
        case "issue":
            return False
        case "comment":
            return comment.id < request.id
        case "review" | "inline" | "button" | "label" | "schedule":
            return True


async def _reviewed(repository: Repository, identity: AppIdentity, task: Task) -> Reviewed | None:
    """The review that asks, with all its comments; None when something else does, or when it is gone."""
    if task.source.kind != "review":
        return None
    try:
        review = await repository.review(task.number, task.source.id)
    except NotFound:
        return None  # a review goes with the last of its comments when it has no words of its own
    written = await repository.review_comments(task.number)
    own = [comment for comment in written if comment.review_id == review.id]
    before = {comment.id: _earlier_in_thread(written, comment) for comment in own}
    speakers = [review.author, *(earlier.author for comment in own for earlier in before[comment.id])]
    rights = await _rights(repository, identity, speakers)
    said = Said(review.author.login, rights.get(review.author.id, "unknown"), review.body)
    remarks = [_remark(comment, before[comment.id], rights) for comment in own]
    return Reviewed(task.number, review.state, said, remarks)


def _earlier_in_thread(written: Sequence[ReviewComment], comment: ReviewComment) -> list[ReviewComment]:
    first = comment.in_reply_to_id
    return [one for one in written if first in (one.id, one.in_reply_to_id) and one.id < comment.id] if first else []


def _remark(comment: ReviewComment, before: Sequence[ReviewComment], rights: dict[int, str]) -> ReviewRemark:
    return ReviewRemark(
        id=comment.id,
        said=_said(comment, rights),
        path=comment.path,
        line=comment.line,
        start_line=comment.start_line,
        is_old_side=comment.side == "LEFT",
        hunk=comment.diff_hunk,
        before=[_said(one, rights) for one in before],
    )


def _said(comment: Comment | ReviewComment, rights: dict[int, str]) -> Said:
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
