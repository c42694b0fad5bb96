"""Tell people where a task stands now: its status comment, its check run, and what must be a comment of its own.

Everything here is read from rows and written as rows of the outbox, in the transaction that moves the task: so what is
said is always what is so, and nothing of it needs the memory of the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ove_gh import comments
from ove_gh.agent import Finished, PullRequestText, Step
from ove_gh.ci import GiveUpReason, Lap, LapEnd
from ove_gh.comments import CheckText, Failure, FailureKind, Kept, OwnCheck, PullLink, StatusView
from ove_gh.recording import checklist_of, left_out_of, outcome_of
from ove_gh.repository_settings import PATH, Problem
from ove_gh.scheduling import note_run
from ove_gh.store import outbox, remarks, replies, rules, schedules, waits
from ove_gh.store import tasks as store
from ove_gh.store.outbox import check_key, plan_key, question_key, status_key
from ove_gh.store.tasks import AskedQuestion, place_of
from ove_gh.store.transaction import Transaction
from ove_gh.store.waits import Wait
from ove_gh.tasks import Home, Kind, Person, Task, Thread, Turn

NOTIFY_AFTER_SECONDS = 120.0
"""An answer without a pull request that took longer is a comment of its own, because an edit notifies nobody."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the agent has said of its work in all turns of a task; `text` is its last message."""

    text: str = ""
    pull_request: PullRequestText | None = None
    nothing_to_do: str | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """The rows that every text is made of."""

    task: Task
    thread: Thread
    turns: tuple[Turn, ...]
    waits: tuple[Wait, ...]
    view: StatusView

    @property
    def laps(self) -> tuple[Lap, ...]:
        """The waits that have come to their end, as they are told."""
        return tuple(wait.lap for wait in self.waits if wait.lap is not None)

    @property
    def sha(self) -> str | None:
        """The commit on which the task's check run stands: what it pushed last, or what it goes on from."""
        return self.waits[-1].sha if self.waits else self.thread.pushed_sha

    @property
    def result(self) -> Result:
        return result_of(self.turns)

    @property
    def pull(self) -> PullLink | None:
        """The thread's pull request, once this task has pushed to it."""
        thread, text = self.thread, self.result.pull_request
        if thread.pull_number is None or thread.pull_url is None:
            return None
        fixes = text is not None and text.fixes_issue and self.task.schedule_id is None
        return PullLink(thread.pull_number, thread.pull_url, fixes)


class Teller:
    """Writes what people are told. `max_attempts` holds where a repository's own settings say nothing."""

    def __init__(self, *, slug: str, server_url: str, max_attempts: int, keep_days: float) -> None:
        self.slug, self.server_url = slug, server_url
        self._max_attempts, self._keep_days = max_attempts, keep_days

    async def view(
        self, connection: Transaction, task_id: int, *, now: float, checklist: tuple[Step, ...] = ()
    ) -> StatusView:
        """What the status comment of a task tells, as of now."""
        return (await self._told(connection, task_id, now=now, checklist=checklist)).view

    # -- on the way ----------------------------------------------------------------------------------------------------

    async def asked(self, connection: Transaction, turn: Turn, question: AskedQuestion, *, now: float) -> None:
        """The agent asks: a comment of its own, because it must notify."""
        told = await self._told(connection, turn.task_id, now=now, checklist=checklist_of(turn))
        place = place_of(told.thread, told.task.number)
        status = comments.status_waiting(told.view, told.task.requester.login, None)
        await self._status(connection, told, status, now=now)
        body = comments.question_open(question.questions, told.task.requester.login, self.slug, self._keep_days)
        await outbox.comment(connection, place, question_key(question.id), body, now=now)
        await self._show_check(connection, told, OwnCheck.WAITING_USER, now=now)

    async def begun(self, connection: Transaction, task_id: int, *, now: float) -> None:
        """The agent works, on a pull request that there is already: its check run says so."""
        told = await self._told(connection, task_id, now=now)
        await self._show_check(connection, told, OwnCheck.WORKING, now=now)

    async def checking(self, connection: Transaction, task_id: int, *, now: float) -> None:
        """The work is pushed, and its checks decide."""
        told = await self._told(connection, task_id, now=now)
        thread, pull = told.thread, told.pull
        assert pull is not None
        assert thread.pushed_sha is not None
        url = commit_url(self.server_url, thread, thread.pushed_sha)
        status = comments.status_checking(
            told.view, told.result.text, pull, thread.pushed_sha, url, told.result.left_out
        )
        await self._status(connection, told, status, now=now)
        await self._show_check(connection, told, OwnCheck.WAITING_CHECKS, now=now)

    async def back_at_it(self, connection: Transaction, task_id: int, *, now: float) -> None:
        """Checks are red, and the agent comes back for them."""
        told = await self._told(connection, task_id, now=now)
        await self._status(connection, told, comments.status_working(told.view), now=now)
        await self._show_check(connection, told, OwnCheck.WORKING, now=now)

    async def answered(
        self, connection: Transaction, task_id: int, review: Mapping[int, int], sha: str | None, *, now: float
    ) -> None:
        """A turn that works on a review is published: its comments are answered in their threads.

        `review` leads from each comment to the first one of its thread, which is the one that GitHub lets us answer;
        `sha` is the commit that the turn pushed. With a commit a comment gets an answer also when the agent gave none.
        """
        task = await store.task_by_id(connection, task_id)
        thread = await store.thread_by_id(connection, task.thread_id)
        given = await replies.take(connection, task_id)
        url = commit_url(self.server_url, thread, sha) if sha is not None else None
        for comment_id, first_id in review.items():
            key, text = f"reply-{task_id}-{comment_id}", given.get(comment_id)
            if text is None and (sha is None or await outbox.stands(connection, key)):
                continue
            body = comments.review_reply(text or "", sha, url)
            place = place_of(thread, task.number)
            await outbox.reply(connection, place, key, comment_id=first_id, body=body, now=now)

    async def plan_started(self, connection: Transaction, plan: Task, by: Person, *, now: float) -> None:
        """Somebody has agreed to a plan: its comment says who."""
        told = await self._told(connection, plan.id, now=now)
        body = comments.plan_started(plan.requester.login, told.result.text, by.login)
        await outbox.comment(connection, place_of(told.thread, plan.number), plan_key(plan.id), body, now=now)

    async def withdraw_questions(self, connection: Transaction, task: Task, *, now: float) -> None:
        """Open questions of a task need no answer any more: close them, and say so where they stand."""
        for question in await store.withdraw_questions(connection, task.id):
            body = comments.question_withdrawn(question.questions)
            await outbox.comment(connection, question.place, question_key(question.id), body, now=now)

    # -- the ends ------------------------------------------------------------------------------------------------------

    async def ended(self, connection: Transaction, task_id: int, *, now: float) -> None:
        """A task has completed, or its pull request was closed: the status comment's last form, and who is to look."""
        told = await self._told(connection, task_id, now=now)
        task, pull = told.task, told.pull
        last = told.laps[-1].end if told.laps else None
        if last is LapEnd.CLOSED:
            await self._status(connection, told, comments.status_closed(told.view, pull), now=now)
            if task.schedule_id is not None:
                why, url = "its pull request was closed", pull.url if pull is not None else None
                await note_run(connection, task, "stopped", url, why, slug=self.slug, now=now)
        else:
            await self._done(connection, told, now=now)
            if pull is not None and last is not LapEnd.MERGED and _is_to_be_reviewed(told, pull):
                place, login = place_of(told.thread, task.number), task.requester.login
                await outbox.review_request(connection, place, task.id, pull=pull.number, login=login, now=now)
        await self._show_check(connection, told, _ENDS[last] if last else OwnCheck.DONE, now=now)

    async def reported(self, connection: Transaction, task_id: int, *, now: float) -> None:
        """A task that only looked is done: a review or a plan stands where it belongs, anything else is an answer."""
        told = await self._told(connection, task_id, now=now)
        task, place = told.task, place_of(told.thread, told.task.number)
        match task.kind:
            case Kind.PLAN:
                body = comments.plan(task.requester.login, told.result.text, self.slug)
                await outbox.comment(connection, place, plan_key(task.id), body, now=now)
            case Kind.REVIEW:
                await self._review(connection, told, now=now)
        is_elsewhere = task.kind in (Kind.PLAN, Kind.REVIEW)
        slow = told.view.elapsed_seconds > NOTIFY_AFTER_SECONDS
        below = is_elsewhere or slow
        status = comments.status_done(told.view, told.result.text, None, answered_below=below, kind=task.kind)
        await self._status(connection, told, status, now=now)
        if slow and not is_elsewhere:
            body = comments.answer(task.requester.login, told.result.text)
            await outbox.comment(connection, place, f"turn-{told.turns[-1].id}-answer", body, now=now)
        await self._show_check(connection, told, OwnCheck.DONE, now=now)

    async def _review(self, connection: Transaction, told: _Told, *, now: float) -> None:
        """One review: the summary, and a comment for each remark."""
        thread, task = told.thread, told.task
        number = thread.pull_number or task.number
        await outbox.pull_review(
            connection,
            place_of(thread, number),
            f"review-of-task-{task.id}",
            sha=thread.reviewed_sha,
            summary=told.result.text,
            remarks=[asdict(remark) for remark in await remarks.of_task(connection, task.id)],
            now=now,
        )

    async def _done(self, connection: Transaction, told: _Told, *, now: float) -> None:
        task, result = told.task, told.result
        pull = told.pull if told.laps else None
        nothing = pull is None and task.schedule_id is not None and result.nothing_to_do is not None
        if task.schedule_id is not None:
            note = result.nothing_to_do or "" if nothing else ""
            url = pull.url if pull is not None else None
            await note_run(connection, task, "nothing" if nothing else "done", url, note, slug=self.slug, now=now)
        if nothing:
            return
        slow = task.schedule_id is None and told.view.elapsed_seconds > NOTIFY_AFTER_SECONDS
        notify = pull is None and slow
        status = comments.status_done(told.view, result.text, pull, result.left_out, answered_below=notify)
        await self._status(connection, told, status, now=now)
        if notify:
            body = comments.answer(task.requester.login, result.text)
            key = f"turn-{told.turns[-1].id}-answer"
            await outbox.comment(connection, place_of(told.thread, task.number), key, body, now=now)

    async def failed(self, connection: Transaction, task_id: int, failure: Failure, kept: Kept, *, now: float) -> None:
        """A task could not be finished: what happened, what is kept, how to go on."""
        told = await self._told(connection, task_id, now=now)
        body = comments.failure(told.task.requester.login, failure, kept, self.slug)
        await self._failed(connection, told, failure, kept, body, now=now)

    async def unanswered(self, connection: Transaction, question: AskedQuestion, *, now: float) -> None:
        """Nobody answered in time: what the question said stays readable, and an answer is still welcome."""
        told = await self._told(connection, question.task_id, now=now)
        gone = comments.question_expired(question.questions, self._keep_days, self.slug)
        await outbox.comment(connection, question.place, question_key(question.id), gone, now=now)
        url = await outbox.url_of(connection, question_key(question.id))
        await self._status(connection, told, comments.status_unanswered(url, self.slug), now=now)
        await self._show_check(connection, told, OwnCheck.FAILED, now=now)

    async def gave_up(self, connection: Transaction, task_id: int, reason: GiveUpReason, *, now: float) -> None:
        """The checks stay red: one comment says what still fails, what was tried, and how to go on."""
        told = await self._told(connection, task_id, now=now)
        pull = told.pull
        assert pull is not None
        body = comments.checks_gave_up(
            told.task.requester.login,
            told.laps,
            _what_was_tried(told.turns),
            pull,
            reason,
            told.view.max_attempts,
            self.slug,
        )
        failure = Failure(FailureKind.CHECKS_RED)
        await self._failed(connection, told, failure, kept_of(told.thread, self.server_url), body, now=now)

    async def stopped(self, connection: Transaction, task: Task, by: str, kept: Kept, *, now: float) -> None:
        """Somebody stopped a task."""
        told = await self._told(connection, task.id, now=now)
        await self.withdraw_questions(connection, task, now=now)
        status = comments.status_cancelled(told.view, by, kept)
        await self._status(connection, told, status, now=now)
        if task.schedule_id is not None:
            await note_run(connection, task, "stopped", None, "", slug=self.slug, now=now)
        await self._show_check(connection, told, OwnCheck.STOPPED, kept=kept, now=now, by=by)

    async def _failed(
        self, connection: Transaction, told: _Told, failure: Failure, kept: Kept, body: str, *, now: float
    ) -> None:
        place = place_of(told.thread, told.task.number)
        status = comments.status_failed(told.view, failure, kept)
        await self._status(connection, told, status, now=now)
        key = f"turn-{told.turns[-1].id}-failure"
        await outbox.comment(connection, place, key, body, now=now)
        if told.task.schedule_id is not None:
            await note_run(connection, told.task, "failed", None, "", slug=self.slug, now=now)
        await self._show_check(connection, told, OwnCheck.FAILED, kept=kept, now=now, failure=failure)

    # -- the parts -----------------------------------------------------------------------------------------------------

    async def _told(
        self, connection: Transaction, task_id: int, *, now: float, checklist: tuple[Step, ...] = ()
    ) -> _Told:
        task = await store.task_by_id(connection, task_id)
        thread = await store.thread_by_id(connection, task.thread_id)
        turns = tuple(await store.turns_of(connection, task_id))
        found = tuple(await waits.of_task(connection, task_id))
        view = StatusView(
            slug=self.slug,
            turn=turns[-1].position,
            elapsed_seconds=await store.work_seconds(connection, task_id, now=now),
            cost_usd=task.cost_usd,
            branch=thread.branch if thread.pushed_sha else None,
            branch_url=branch_url(self.server_url, thread),
            checklist=checklist,
            laps=tuple(wait.lap for wait in found if wait.lap is not None),
            max_attempts=await rules.max_attempts(connection, thread.place.repository_id, self._max_attempts),
            schedule=await _schedule_number(connection, task),
            started_again=task.started_again,
            from_fork=thread.fork_pull is not None,
        )
        return _Told(task, thread, turns, found, view)

    async def _status(self, connection: Transaction, told: _Told, body: str, *, now: float) -> None:
        place = place_of(told.thread, told.task.number)
        await outbox.comment(connection, place, status_key(told.task.id), body, now=now)

    async def _show_check(
        self,
        connection: Transaction,
        told: _Told,
        state: OwnCheck,
        *,
        now: float,
        kept: Kept = comments.NOTHING_KEPT,
        by: str = "",
        failure: Failure | None = None,
    ) -> None:
        """The App's own check run, on the newest commit that the task has on a pull request; `kept` can be that one."""
        sha = told.thread.pushed_sha if kept.commits else told.sha
        if told.thread.pull_number is None or sha is None:
            return
        await self._leave_older_checks(connection, told, now=now)
        lap = told.laps[-1] if told.laps else None
        text = comments.own_check(
            state,
            lap=lap,
            attempt=lap.attempt if lap is not None else None,
            max_attempts=told.view.max_attempts,
            url=await outbox.url_of(connection, status_key(told.task.id)),
            by_login=by,
            failure=failure,
        )
        await _write_check(connection, told, sha, state, text, now=now)

    async def _leave_older_checks(self, connection: Transaction, told: _Told, *, now: float) -> None:
        """Check runs on commits that a newer one follows must not look as if something were still to come."""
        text = comments.own_check(OwnCheck.SUPERSEDED)
        for sha in await waits.shas_of_thread(connection, told.thread.id):
            stands = await outbox.stands(connection, check_key(told.thread.id, sha))
            if sha != told.thread.pushed_sha and stands:
                await _write_check(connection, told, sha, OwnCheck.SUPERSEDED, text, now=now)


def _is_to_be_reviewed(told: _Told, pull: PullLink) -> bool:
    """Whether the requester is to look at the pull request: it is new to them, or their review asked for more of it."""
    if told.task.source.kind == "review":
        return pull.number != told.thread.place.number
    return bool(told.laps) and pull.number != told.task.number


_ENDS = {
    LapEnd.GREEN: OwnCheck.DONE,
    LapEnd.RED: OwnCheck.LEFT,
    LapEnd.NO_CHECKS: OwnCheck.DONE,
    LapEnd.UNFINISHED: OwnCheck.LEFT,
    LapEnd.MOVED: OwnCheck.LEFT,
    LapEnd.SUPERSEDED: OwnCheck.SUPERSEDED,
    LapEnd.MERGED: OwnCheck.LEFT,
    LapEnd.CLOSED: OwnCheck.LEFT,
    LapEnd.UNREADABLE: OwnCheck.LEFT,
}

_CONCLUSIONS: dict[OwnCheck, str | None] = {
    OwnCheck.WORKING: None,
    OwnCheck.WAITING_CHECKS: None,
    OwnCheck.WAITING_USER: None,
    OwnCheck.DONE: "success",
    OwnCheck.LEFT: "neutral",
    OwnCheck.STOPPED: "cancelled",
    OwnCheck.FAILED: "failure",
    OwnCheck.SUPERSEDED: "neutral",
}
"""How the check run of each state ends; None while it is in progress."""


async def _write_check(
    connection: Transaction, told: _Told, sha: str, state: OwnCheck, text: CheckText, *, now: float
) -> None:
    conclusion = _CONCLUSIONS[state]
    buttons = [comments.STOP] if conclusion is None else []
    if state in (OwnCheck.FAILED, OwnCheck.STOPPED):
        buttons = [comments.AGAIN]
    await outbox.check_run(
        connection,
        told.thread.place,
        check_key(told.thread.id, sha),
        sha=sha,
        conclusion=conclusion,
        title=text.title,
        summary=text.summary,
        actions=[
            {"label": button.label, "description": button.description, "identifier": button.identifier}
            for button in buttons
        ],
        now=now,
    )


async def show_settings_problems(
    connection: Transaction, home: Home, sha: str, problems: Sequence[Problem], *, now: float
) -> None:
    """The repository's own settings have mistakes: a failed check on the commit that brought them says so, once."""
    text = comments.settings_problems([(problem.line, problem.message) for problem in problems], PATH)
    place = home.at(0)
    await outbox.check_run(
        connection,
        place,
        f"settings-{home.repository_id}-{sha}",
        sha=sha,
        conclusion="failure",
        title=text.title,
        summary=text.summary,
        actions=[],
        now=now,
    )


async def _schedule_number(connection: Transaction, task: Task) -> int | None:
    return await schedules.number_of(connection, task.schedule_id) if task.schedule_id is not None else None


def result_of(turns: tuple[Turn, ...]) -> Result:
    """What the agent has said of its work in these turns: its last words count."""
    ended = [(turn, outcome) for turn in turns if isinstance(outcome := outcome_of(turn), Finished)]
    if not ended:
        return Result()
    turn, last = ended[-1]
    described = [outcome.pull_request for _, outcome in ended if outcome.pull_request is not None]
    return Result(last.text, described[-1] if described else None, last.nothing_to_do, tuple(left_out_of(turn)))


def _what_was_tried(turns: tuple[Turn, ...]) -> list[str]:
    """The first line of what the agent said at the end of each attempt."""
    outcomes = [outcome_of(turn) for turn in turns if turn.answers_wait is not None]
    texts = [outcome.text.strip() for outcome in outcomes if isinstance(outcome, Finished)]
    return [text.splitlines()[0] for text in texts if text]


def kept_of(thread: Thread, server_url: str) -> Kept:
    """What of a thread's work is on GitHub already."""
    if thread.branch is None or thread.pushed_sha is None:
        return comments.NOTHING_KEPT
    return Kept(0, thread.branch, tree_url(server_url, thread))


def branch_url(server_url: str, thread: Thread) -> str | None:
    """Where people see the thread's branch, once it is on GitHub."""
    return tree_url(server_url, thread) if thread.pushed_sha else None


def tree_url(server_url: str, thread: Thread) -> str:
    """Where the thread's branch is, or will be."""
    return f"{server_url}/{thread.place.full_name}/tree/{thread.branch}"


def commit_url(server_url: str, thread: Thread, sha: str) -> str:
    """Where people see a commit."""
    return f"{server_url}/{thread.place.full_name}/commit/{sha}"


def kind_in_words(kind: Kind) -> str:
    """What a task of this kind is, when nobody put it in words."""
    return {
        Kind.WORK: "what the thread itself asks for",
        Kind.REVIEW: "a review",
        Kind.PLAN: "a plan",
        Kind.DISCUSS: "a discussion",
        Kind.VALIDATE: "a run of the tests and linters",
    }[kind]
