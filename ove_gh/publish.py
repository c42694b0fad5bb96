"""What came of a turn, brought to the people: commits to a branch, the branch to a pull request, words to the thread.

Everything here can be repeated from the start after a crash. A push of what is there already succeeds; a pull request
is looked for before one is opened; words are rows of the outbox, written in the transaction that ends the turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ove_gh import comments
from ove_gh.agent import Asked, Failed, Finished, Identity, PullRequestText, Stopped
from ove_gh.checkout import Checkouts, Clone, Collected, PushRejected, Rejection, Remote
from ove_gh.ci import LapEnd
from ove_gh.comments import Failure, Kept
from ove_gh.github.client import GitHub, Repository
from ove_gh.github.errors import Unprocessable
from ove_gh.github.models import AppIdentity, Pull, RepositoryDetails
from ove_gh.recording import outcome_of, with_left_out
from ove_gh.repository_settings import touches
from ove_gh.store import outbox, rules, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import question_key
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Person, Status, Task, Thread, Turn
from ove_gh.telling import Teller, kept_of, tree_url

log = structlog.get_logger("ove_gh.publish")


@dataclass(frozen=True, slots=True)
class Work:
    """What a turn has pushed: `pushed` is set, too, when that was before a crash, and `collected` is None then."""

    collected: Collected | None
    base_sha: str
    pushed: bool

    @property
    def previous_sha(self) -> str:
        """What the branch held before the push, or where the work leaves the base branch."""
        return self.collected.base if self.collected is not None else self.base_sha


@dataclass(frozen=True, slots=True)
class Shipped:
    """What of a turn's work is on GitHub now; `pull` is None when nothing was pushed."""

    work: Work
    pull: Pull | None


class ProtectedPaths(Exception):
    """The agent's commits change files that the repository's settings do not let it touch; nothing was pushed."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(", ".join(paths))
        self.paths = paths


class Publisher:
    """Publishes recorded outcomes as the App."""

    def __init__(
        self,
        database: Database,
        github: GitHub,
        checkouts: Checkouts,
        teller: Teller,
        *,
        identity: AppIdentity,
        clock: Callable[[], float],
        ring: Callable[[], None],
    ) -> None:
        self._database, self._github, self._checkouts, self._teller = database, github, checkouts, teller
        self._identity, self._server_url = identity, teller.server_url
        self._clock, self._ring = clock, ring

    async def publish(self, turn: Turn) -> None:
        """Bring a turn's recorded outcome to GitHub and end the turn.

        Raises what `Repository` and `Checkouts` raise; the turn can then be published again, or be failed.
        """
        outcome = outcome_of(turn)
        assert outcome is not None
        async with self._database.reading() as connection:
            task, thread = await _rows_of(connection, turn)
        match outcome:
            case Asked():
                await self._ask(turn, outcome)
            case Finished() if await self._is_overtaken(thread, turn):
                await self._wait_for_checks(task, turn, None)
            case Finished() if task.kind.changes_nothing:
                await self._answer_review(thread, task, None)
                await self._report(task, turn)
            case Finished():
                await self._finish(thread, task, turn, outcome)
            case Stopped():
                kept = await self._save(thread, task, turn)
                await self._stop(turn, outcome.by, kept)
            case Failed():
                kept = await self._save(thread, task, turn)
                await self.fail(turn, comments.agent_failure(outcome.reason, outcome.detail), kept)
        self._ring()

    async def fail(self, turn: Turn, failure: Failure, kept: Kept) -> None:
        """End a turn and its task as failed, and say so, with what is kept and how to go on."""
        async with self._database.writing() as connection:
            task, _thread = await _rows_of(connection, turn)
            now = self._clock()
            await store.move(connection, task.id, task.status, Status.FAILED, now=now, failure=failure.kind)
            await store.end_turn(connection, turn.id, now=now)
            await self._teller.failed(connection, task.id, failure, kept, now=now)
        log.warning("task failed", task=task.id, failure=failure.kind, detail=failure.detail)
        self._ring()

    async def what_is_kept(self, turn: Turn) -> Kept:
        """What of a task is on GitHub already, by the rows alone."""
        async with self._database.reading() as connection:
            _task, thread = await _rows_of(connection, turn)
        return kept_of(thread, self._server_url)

    async def _stop(self, turn: Turn, by: str, kept: Kept) -> None:
        async with self._database.writing() as connection:
            now = self._clock()
            await store.move(connection, turn.task_id, Status.RUNNING, Status.CANCELLED, now=now)
            await store.end_turn(connection, turn.id, now=now)
            task = await store.task_by_id(connection, turn.task_id)
            await self._teller.stopped(connection, task, by, kept, now=now)
        log.info("task stopped", task=task.id, by=by)

    async def _stop_if_asked(self, connection: Transaction, task_id: int, *, now: float) -> None:
        """Somebody stopped the task when its agent had just ended: it must not begin to wait for anything."""
        task, thread = await _task_and_thread(connection, task_id)
        if task.stop_asked_by is not None:
            await store.move(connection, task.id, task.status, Status.CANCELLED, now=now)
            kept = kept_of(thread, self._server_url)
            await self._teller.stopped(connection, task, task.stop_asked_by, kept, now=now)

    async def _ask(self, turn: Turn, asked: Asked) -> None:
        async with self._database.writing() as connection:
            now = self._clock()
            question = await store.ask(connection, turn, tool_use_id=asked.tool_use_id, asked=asked.questions, now=now)
            await store.end_turn(connection, turn.id, now=now)
            await self._teller.asked(connection, turn, question, now=now)
            await self._stop_if_asked(connection, turn.task_id, now=now)
        log.info("question asked", task=turn.task_id, question=question.id)

    # -- the work ------------------------------------------------------------------------------------------------------

    async def _is_overtaken(self, thread: Thread, turn: Turn) -> bool:
        """Whether a turn that was to mend red checks comes too late: its pull request is not open any more."""
        if not _is_attempt(turn) or thread.pull_number is None:
            return False
        return (await self._repository(thread).pull(thread.pull_number)).state != "open"

    async def _finish(self, thread: Thread, task: Task, turn: Turn, outcome: Finished) -> None:
        """Push, open the pull request, and wait for the checks; or complete, when there is nothing to check."""
        try:
            shipped = await self._ship(thread, task, turn, outcome)
        except PushRejected as rejected:
            if not _is_attempt(turn) or rejected.reason is not Rejection.NON_FAST_FORWARD:
                raise
            # Somebody pushed while the agent mended the checks: the look at the old commit finds that, and says so.
            await self._wait_for_checks(task, turn, None)
            return
        await self._answer_review(thread, task, shipped.work)
        if shipped.pull is not None:
            await self._wait_for_checks(task, turn, shipped)
        elif await self._leaves_checks_red(task, turn):
            await self._wait_for_checks(task, turn, None)
        else:
            await self._complete(task, turn)

    async def _answer_review(self, thread: Thread, task: Task, work: Work | None) -> None:
        """Answer the comments of the review that asked, each in its thread; done again, it says nothing twice."""
        if task.source.kind != "review":
            return
        written = await self._repository(thread).review_comments(task.number, review_id=task.source.id)
        async with self._database.writing() as connection:
            thread = await store.thread_by_id(connection, thread.id)
            await self._teller.answered(
                connection,
                task.id,
                {comment.id: comment.in_reply_to_id or comment.id for comment in written},
                thread.pushed_sha if work is not None and work.pushed else None,
                now=self._clock(),
            )

    async def _leaves_checks_red(self, task: Task, turn: Turn) -> bool:
        """Whether a turn without a push came after red checks of this task, and no person has decided about them."""
        if turn.answers_question is not None:
            return False
        async with self._database.reading() as connection:
            earlier = await waits.of_task(connection, task.id)
        return bool(earlier) and earlier[-1].end is LapEnd.RED

    async def _ship(self, thread: Thread, task: Task, turn: Turn, outcome: Finished) -> Shipped:
        repository = self._repository(thread)
        details = await repository.details()
        work = await self._push_work(repository, details, thread, task, turn)
        unproposed = thread.pushed_sha is not None and thread.pull_number is None
        if not work.pushed and not unproposed:
            return Shipped(work, None)
        known = await repository.find_pull(thread.branch or "")
        if known is not None:
            return Shipped(work, known)
        pull = await self._open_pull(repository, thread, task, outcome, work.collected)
        return Shipped(work, pull)

    async def _save(self, thread: Thread, task: Task, turn: Turn) -> Kept:
        """Push what a failed turn has made, so that nothing is lost; no pull request is opened for it."""
        if thread.branch is None or thread.base_branch is None or task.kind.changes_nothing:
            return comments.NOTHING_KEPT
        repository = self._repository(thread)
        details = await repository.details()
        try:
            work = await self._push_work(repository, details, thread, task, turn)
        except ProtectedPaths as refused:
            log.warning("not pushed", task=task.id, protected=refused.paths)
            return await self.what_is_kept(turn)
        if work.collected is None:
            return await self.what_is_kept(turn)
        return Kept(len(work.collected.commits), thread.branch, tree_url(self._server_url, thread))

    async def _push_work(
        self, repository: Repository, details: RepositoryDetails, thread: Thread, task: Task, turn: Turn
    ) -> Work:
        """Collect and push what is new in the clone."""
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
            if collected is not None and collected.left_out:
                await store.amend_outcome(connection, turn.id, with_left_out(turn, collected.left_out))
            if collected is None and pushed_before is not None:
                # A crash came between the push and its note: nothing is new, because it is on GitHub.
                await store.change_thread(connection, thread.id, pushed_sha=pushed_before)
        if collected is None:
            return Work(None, clone.base_sha, pushed_before is not None)
        async with self._database.reading() as connection:
            own = await rules.last(connection, thread.place.repository_id)
        if forbidden := touches(own, collected.paths):
            raise ProtectedPaths(forbidden)
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
        return Work(collected, clone.base_sha, True)

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
            fixes=text.fixes_issue and task.schedule_id is None and thread.fork_pull is None,
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

    # -- the end of the turn -------------------------------------------------------------------------------------------

    async def _wait_for_checks(self, task: Task, turn: Turn, shipped: Shipped | None) -> None:
        """End the turn; the task waits for the checks of what is pushed, or again for those of the commit before."""
        async with self._database.writing() as connection:
            now = self._clock()
            await store.end_turn(connection, turn.id, now=now)
            if shipped is not None and shipped.pull is not None:
                pull = shipped.pull
                thread = await store.thread_by_id(connection, task.thread_id)
                await store.pull_came_of(connection, thread, pull.number, pull.html_url)
            thread = await store.thread_by_id(connection, task.thread_id)
            before = await waits.newest_of_thread(connection, thread.id)
            base_sha = before.base_sha if before is not None else ""
            assert thread.pushed_sha is not None
            await waits.begin(
                connection,
                task.id,
                sha=thread.pushed_sha,
                base_sha=shipped.work.base_sha if shipped is not None else base_sha,
                previous_sha=shipped.work.previous_sha if shipped is not None else "",
                pushed_at=now,
            )
            await store.move(connection, task.id, Status.RUNNING, Status.WAITING_CI, now=now)
            await self._teller.checking(connection, task.id, now=now)
            await self._stop_if_asked(connection, task.id, now=now)
        log.info("waiting for checks", task=task.id, commit=thread.pushed_sha, pull=thread.pull_number)

    async def _report(self, task: Task, turn: Turn) -> None:
        """A task that only looked has come to its end: what it found is said, and nothing that it left is kept."""
        async with self._database.writing() as connection:
            now = self._clock()
            await store.move(connection, task.id, Status.RUNNING, Status.COMPLETED, now=now)
            await store.end_turn(connection, turn.id, now=now)
            await self._teller.reported(connection, task.id, now=now)
        log.info("task completed", task=task.id, kind=task.kind)

    async def _complete(self, task: Task, turn: Turn) -> None:
        async with self._database.writing() as connection:
            now = self._clock()
            await store.move(connection, task.id, Status.RUNNING, Status.COMPLETED, now=now)
            await store.end_turn(connection, turn.id, now=now)
            await self._teller.ended(connection, task.id, now=now)
        log.info("task completed", task=task.id)

    def _repository(self, thread: Thread) -> Repository:
        return self._github.at(thread.place)


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
        pull=thread.fork_pull,
    )


async def _rows_of(connection: Transaction, turn: Turn) -> tuple[Task, Thread]:
    """A turn's task and thread as they are now."""
    return await _task_and_thread(connection, turn.task_id)


async def _task_and_thread(connection: Transaction, task_id: int) -> tuple[Task, Thread]:
    task = await store.task_by_id(connection, task_id)
    return task, await store.thread_by_id(connection, task.thread_id)


def _is_attempt(turn: Turn) -> bool:
    """Whether a turn was started by red checks alone, and not by a person who asked to go on with them."""
    return turn.answers_wait is not None and turn.position > 1


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


def _login(question: AskedQuestion) -> str:
    return question.answered_by.login if question.answered_by else "ghost"
