"""Brief the agent: what of the thread, and which part of its session, a turn starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ove_gh import prompt
from ove_gh.github.client import Repository
from ove_gh.github.models import AppIdentity, Author, Comment, Permission
from ove_gh.prompt import Conversation, Said
from ove_gh.questions import Answers
from ove_gh.store.tasks import AskedQuestion
from ove_gh.tasks import Task, Thread, Turn

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


async def brief(
    repository: Repository,
    identity: AppIdentity,
    *,
    thread: Thread,
    task: Task,
    turn: Turn,
    question: AskedQuestion | None,
    previous_task: Task | None,
    session_lost: bool = False,
) -> Brief:
    """Decide what a turn starts from.

    `question` is the one whose answer the turn carries; `previous_task` is the thread's last task before this one.
    `session_lost` says that the session could not be resumed. Raises what `Repository` raises.
    """
    session = None if session_lost else thread.session_id
    was_cut_off = turn.starts > 0
    if session is not None and question is not None:
        return Brief(session, None, question.answers)
    if session is not None and was_cut_off:
        return Brief(session, prompt.interrupted_prompt(task.request, task.requester.login), None)
    conversation = await _conversation(repository, identity, task, thread.place.full_name)
    right = await _right_of(repository, identity, Author(task.requester.login, task.requester.id, is_bot=False))
    words = {"request": task.request, "requester": task.requester.login, "right": right}
    if session is not None:
        since = previous_task.source.id if previous_task and previous_task.source.kind == "comment" else 0
        news = [said for comment_id, said in conversation.numbered if since < comment_id and said.right != YOU]
        return Brief(session, prompt.next_prompt(news, conversation.value, **words), None)
    text = prompt.first_prompt(conversation.value, **words)
    if session_lost or was_cut_off:
        text = prompt.lost_session_note() + text
    if question is not None and question.answered_by is not None:
        text += "\n\n" + prompt.late_answer_prompt(list(question.answers.items()), question.answered_by.login)
    return Brief(None, text, None)


@dataclass(frozen=True, slots=True)
class _Read:
    value: Conversation
    numbered: Sequence[tuple[int, Said]]


async def _conversation(repository: Repository, identity: AppIdentity, task: Task, full_name: str) -> _Read:
    """The thread up to the comment that made the request, and without it: the request is given by itself."""
    issue = await repository.issue(task.number)
    written = await repository.comments(task.number, newest=NEWEST_COMMENTS)
    # What was said after the request is not part of it; an issue that is itself the request comes before any comment.
    said_before = task.source.id if task.source.kind == "comment" else 0
    written = [comment for comment in written if comment.id < said_before]
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
