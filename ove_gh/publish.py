"""What came of a turn, brought to the people: commits to a branch, the branch to a pull request, words to the thread.

Everything here can be repeated from the start after a crash. A push of what is there already succeeds; a pull request
is looked for before one is opened; words are rows of the outbox, written in the transaction that ends the turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from ove_gh import comments
from ove_gh.agent import (
    Asked,
    Failed,
    Finished,
    Identity,
    Outcome,
    PullRequestText,
    Step,
    outcome_as_json,
    outcome_from_json,
)
from ove_gh.checkout import Checkouts, Clone, Collected, Remote
from ove_gh.comments import Failure, Kept, PullLink
from ove_gh.github.client import GitHub, Repository
from ove_gh.github.errors import Unprocessable
from ove_gh.github.models import AppIdentity, Pull, RepositoryDetails
from ove_gh.store import outbox
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import question_key, status_key
from ove_gh.store.tasks import AskedQuestion, place_of
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Person, Status, Task, Thread, Turn

NOTIFY_AFTER_SECONDS = 120.0
"""An answer without a pull request that took longer is a comment of its own, because an edit notifies nobody."""

log = structlog.get_logger("ove_gh.publish")


@dataclass(frozen=True, slots=True)
class Shipped:
    """What of a turn's work is on GitHub now; `pull` is None when none was opened."""

    collected: Collected | None
    pull: Pull | None


class Publisher:
    """Publishes recorded outcomes as the App."""

    def __init__(
        self,
        database: Database,
        github: GitHub,
        checkouts: Checkouts,
        *,
        identity: AppIdentity,
        server_url: str,
        keep_days: float,
        clock: Callable[[], float],
        ring: Callable[[], None],
    ) -> None:
        self._database, self._github, self._checkouts = database, github, checkouts
        self._identity, self._server_url, self._keep_days = identity, server_url, keep_days
        self._clock, self._ring = clock, ring

    async def publish(self, turn: Turn) -> None:
        """Bring a turn's recorded outcome to GitHub and end the turn.

        Raises what `Repository` and `Checkouts` raise; the turn can then be published again, or be failed.
        """
        outcome = outcome_of(turn)
        async with self._database.reading() as connection:
            task, thread = await _rows_of(connection, turn)
        match outcome:
            case Asked():
                await self._ask(thread, task, turn, outcome)
            case Finished():
                shipped = await self._ship(thread, task, turn, outcome)
                await self._complete(thread, task, turn, outcome, shipped)
            case Failed():
                kept = await self._save(thread, task, turn)
                await self.fail(turn, comments.agent_failure(outcome.reason, outcome.detail), kept)
        self._ring()

    async def fail(self, turn: Turn, failure: Failure, kept: Kept) -> None:
        """End a turn and its task as failed, and say so, with what is kept and how to go on."""
        async with self._database.writing() as connection:
            task, thread = await _rows_of(connection, turn)
            now = self._clock()
            await store.move(connection, task.id, task.status, Status.FAILED, now=now, failure=failure.kind)
            await store.end_turn(connection, turn.id, now=now)
            view = await self._view(connection, task, turn)
            place = place_of(thread, task.number)
            status = comments.status_failed(view, failure, kept)
            await outbox.comment(connection, place, status_key(task.id), status, now=now)
            told = comments.failure(task.requester.login, failure, kept, self._identity.slug)
            await outbox.comment(connection, place, f"turn-{turn.id}-failure", told, now=now)
        log.warning("task failed", task=task.id, failure=failure.kind, detail=failure.detail)
        self._ring()

    async def what_is_kept(self, turn: Turn) -> Kept:
        """What of a task is on GitHub already, by the rows alone."""
        async with self._database.reading() as connection:
            _task, thread = await _rows_of(connection, turn)
        if thread.branch is None or thread.pushed_sha is None:
            return comments.NOTHING_KEPT
        return Kept(0, thread.branch, tree_url(self._server_url, thread))

    # -- a question ----------------------------------------------------------------------------------------------------

    async def _ask(self, thread: Thread, task: Task, turn: Turn, asked: Asked) -> None:
        async with self._database.writing() as connection:
            now = self._clock()
            question = await store.ask(connection, turn, tool_use_id=asked.tool_use_id, asked=asked.questions, now=now)
            await store.end_turn(connection, turn.id, now=now)
            view = await self._view(connection, task, turn, checklist_of(turn))
            place = place_of(thread, task.number)
            status = comments.status_waiting(view, task.requester.login, None)
            await outbox.comment(connection, place, status_key(task.id), status, now=now)
            body = comments.question_open(asked.questions, task.requester.login, self._identity.slug, self._keep_days)
            await outbox.comment(connection, place, question_key(question.id), body, now=now)
        log.info("question asked", task=task.id, question=question.id)

    # -- the work ------------------------------------------------------------------------------------------------------

    async def _ship(self, thread: Thread, task: Task, turn: Turn, outcome: Finished) -> Shipped:
        repository = self._repository(thread)
        details = await repository.details()
        collected, pushed = await self._push_work(repository, details, thread, task, turn)
        unproposed = thread.pushed_sha is not None and thread.pull_number is None
        if not pushed and not unproposed:
            return Shipped(None, None)
        known = await repository.find_pull(thread.branch or "")
        if known is not None:
            return Shipped(collected, known)
        pull = await self._open_pull(repository, thread, task, outcome, collected)
        return Shipped(collected, pull)

    async def _save(self, thread: Thread, task: Task, turn: Turn) -> Kept:
        """Push what a failed turn has made, so that nothing is lost; no pull request is opened for it."""
        if thread.branch is None or thread.base_branch is None:
            return comments.NOTHING_KEPT
        repository = self._repository(thread)
        details = await repository.details()
        collected, _pushed = await self._push_work(repository, details, thread, task, turn)
        if collected is None:
            return await self.what_is_kept(turn)
        return Kept(len(collected.commits), thread.branch, tree_url(self._server_url, thread))

    async def _push_work(
        self, repository: Repository, details: RepositoryDetails, thread: Thread, task: Task, turn: Turn
    ) -> tuple[Collected | None, bool]:
        """Collect and push; whether this turn has pushed anything, now or before a crash."""
        assert thread.branch is not None
        author, co_author = (
            bot_identity(self._identity, self._server_url),
            person_identity(task.requester, self._server_url),
        )
        remote = Remote(details.clone_url, lambda: repository.git_token(write=True))
        clone = await prepare_clone(self._checkouts, repository, details, thread, author=author, co_author=co_author)
        collected = await self._checkouts.collect(
            clone,
            author=author,
            co_author=co_author,
            leftover_message=comments.leftover_message(task.number, thread.title),
        )
        async with self._database.writing() as connection:
            pushed_before = await store.note_push(connection, turn.id, collected.head if collected else None)
        if collected is None:
            return None, pushed_before
        await self._checkouts.push(
            remote,
            thread.place.repository_id,
            thread.id,
            head=collected.head,
            branch=thread.branch,
            default_branch=details.default_branch,
        )
        async with self._database.writing() as connection:
            await store.change_thread(connection, thread.id, pushed_sha=collected.head)
        log.info("pushed", task=task.id, branch=thread.branch, head=collected.head)
        return collected, True

    async def _open_pull(
        self,
        repository: Repository,
        thread: Thread,
        task: Task,
        outcome: Finished,
        collected: Collected | None,
    ) -> Pull:
        async with self._database.reading() as connection:
            decided = await store.answered_questions(connection, thread.id)
            question_urls = {q.id: await outbox.url_of(connection, question_key(q.id)) for q in decided}
        text = outcome.pull_request or _fallback_text(outcome, thread, collected)
        decisions = [
            comments.Decision(
                one.text, question.answers.get(one.text, ""), _login(question), question_urls[question.id]
            )
            for question in decided
            for one in question.questions
        ]
        title = comments.pull_request_title(text.title, thread.title)
        body = comments.pull_request_body(
            text.body,
            issue=task.number,
            fixes=text.fixes_issue,
            decisions=decisions,
            asked_by=task.requester.login,
            asked_url=task.source.url,
        )
        assert thread.branch is not None
        assert thread.base_branch is not None
        try:
            return await repository.create_pull(title=title, body=body, head=thread.branch, base=thread.base_branch)
        except Unprocessable:
            # Opened by an earlier try whose answer was lost, or by a person.
            known = await repository.find_pull(thread.branch)
            if known is None:
                raise
            return known

    # -- the words -----------------------------------------------------------------------------------------------------

    async def _complete(self, thread: Thread, task: Task, turn: Turn, outcome: Finished, shipped: Shipped) -> None:
        async with self._database.writing() as connection:
            now = self._clock()
            await store.move(connection, task.id, Status.RUNNING, Status.COMPLETED, now=now)
            await store.end_turn(connection, turn.id, now=now)
            place = place_of(thread, task.number)
            view = await self._view(connection, task, turn)
            link = None
            if shipped.pull is not None:
                link = PullLink(shipped.pull.number, shipped.pull.html_url, _fixes(outcome))
                await store.change_thread(
                    connection, thread.id, pull_number=shipped.pull.number, pull_url=shipped.pull.html_url
                )
            left_out = shipped.collected.left_out if shipped.collected else ()
            notify = shipped.pull is None and view.elapsed_seconds > NOTIFY_AFTER_SECONDS
            done = comments.status_done(view, outcome.text, link, left_out, answered_below=notify)
            await outbox.comment(connection, place, status_key(task.id), done, now=now)
            if shipped.pull is not None and shipped.pull.number != thread.place.number:
                await outbox.review_request(
                    connection, place, pull=shipped.pull.number, login=task.requester.login, now=now
                )
            if notify:
                told = comments.answer(task.requester.login, outcome.text)
                await outbox.comment(connection, place, f"turn-{turn.id}-answer", told, now=now)
        log.info("task completed", task=task.id, pull=shipped.pull.number if shipped.pull else None)

    async def _view(
        self, connection: Transaction, task: Task, turn: Turn, checklist: tuple[Step, ...] = ()
    ) -> comments.StatusView:
        current, thread = await _rows_of(connection, turn)
        return comments.StatusView(
            slug=self._identity.slug,
            turn=turn.position,
            elapsed_seconds=await store.work_seconds(connection, task.id, now=self._clock()),
            cost_usd=current.cost_usd,
            branch=thread.branch if thread.pushed_sha else None,
            branch_url=branch_url(self._server_url, thread),
            checklist=checklist,
        )

    def _repository(self, thread: Thread) -> Repository:
        place = thread.place
        return self._github.repository(place.installation_id, place.repository_id, place.full_name)


async def prepare_clone(
    checkouts: Checkouts,
    repository: Repository,
    details: RepositoryDetails,
    thread: Thread,
    *,
    author: Identity,
    co_author: Identity,
) -> Clone:
    """The clone of a thread whose branches are decided, up to date with GitHub; raises what `prepare` raises."""
    assert thread.branch is not None
    assert thread.base_branch is not None
    return await checkouts.prepare(
        Remote(details.clone_url, lambda: repository.git_token(write=False)),
        thread.place.repository_id,
        thread.id,
        base_branch=thread.base_branch,
        branch=thread.branch,
        author=author,
        co_author=co_author,
    )


async def _rows_of(connection: Transaction, turn: Turn) -> tuple[Task, Thread]:
    """A turn's task and thread as they are now."""
    task = await store.task_by_id(connection, turn.task_id)
    return task, await store.thread_by_id(connection, task.thread_id)


def recorded(outcome: Outcome, checklist: tuple[Step, ...]) -> dict[str, Any]:
    """An outcome as the turn's row keeps it, with the checklist as it stood then."""
    return {"outcome": outcome_as_json(outcome), "checklist": [asdict(step) for step in checklist]}


def outcome_of(turn: Turn) -> Outcome:
    """The outcome that a turn's row keeps."""
    assert turn.outcome is not None
    return outcome_from_json(turn.outcome["outcome"])


def checklist_of(turn: Turn) -> tuple[Step, ...]:
    """The agent's checklist when the turn ended."""
    assert turn.outcome is not None
    return tuple(Step(**step) for step in turn.outcome["checklist"])


def branch_url(server_url: str, thread: Thread) -> str | None:
    """Where people see the thread's branch, once it is on GitHub."""
    return tree_url(server_url, thread) if thread.pushed_sha else None


def tree_url(server_url: str, thread: Thread) -> str:
    """Where the thread's branch is, or will be."""
    return f"{server_url}/{thread.place.full_name}/tree/{thread.branch}"


def bot_identity(identity: AppIdentity, server_url: str) -> Identity:
    """The App's bot account as a commit's author, so that GitHub shows the App beside the commit."""
    return Identity(identity.bot_login, _noreply(identity.bot_id, identity.bot_login, server_url))


def person_identity(person: Person, server_url: str) -> Identity:
    """Somebody as a commit's co-author, by the address that GitHub keeps for every account."""
    return Identity(person.login, _noreply(person.id, person.login, server_url))


def _noreply(user_id: int, login: str, server_url: str) -> str:
    """https://docs.github.com/en/account-and-profile/reference/email-addresses-reference#your-noreply-email-address"""
    host = server_url.partition("://")[2].partition("/")[0].partition(":")[0]
    return f"{user_id}+{login}@users.noreply.{host}"


def _fallback_text(outcome: Finished, thread: Thread, collected: Collected | None) -> PullRequestText:
    """What a pull request says when the agent did not describe it: its first commit, and its last message."""
    title = collected.commits[0].subject if collected and collected.commits else thread.title
    return PullRequestText(title, outcome.text, fixes_issue=False)


def _fixes(outcome: Finished) -> bool:
    return outcome.pull_request is not None and outcome.pull_request.fixes_issue


def _login(question: AskedQuestion) -> str:
    return question.answered_by.login if question.answered_by else "ghost"
