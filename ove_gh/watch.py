"""Watch the checks of pushed commits, and decide what becomes of the task that pushed them.

Webhooks only give hints (rows of the inbox become a number on a wait). Each hint leads to one look at GitHub, and many
hints that come together to one look as well. What the look shows is decided upon by `ove_gh.ci` and written in one
transaction, which does nothing when somebody else decided first: so a commit starts one turn, however often it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from ove_gh import ci
from ove_gh.checks import Sight, checks_of, look, report_on
from ove_gh.ci import AskPeople, GiveUp, Green, Lap, LapEnd, NoChecks, Red, Report, Retry, StillRunning, Unfinished
from ove_gh.github.client import GitHub, Repository
from ove_gh.github.errors import BadCredentials, GitHubError, GitHubRefused, GitHubUnavailable
from ove_gh.loop import Bell, backoff, work_through
from ove_gh.repository_settings import least, money_left
from ove_gh.rules import RepositoryRules
from ove_gh.store import tasks as store
from ove_gh.store import waits
from ove_gh.store.database import Database
from ove_gh.store.transaction import Transaction
from ove_gh.store.waits import Wait
from ove_gh.tasks import CHECKS_RED, IllegalMove, Status, Task, Thread
from ove_gh.telling import Teller, commit_url

LOOKS_AT_ONCE = 8
SETTLE_SECONDS = 20.0
"""Checks of several services do not appear at the same moment: nothing is called green sooner after a push."""
HEAD_LAGS_SECONDS = 120.0
HEAD_LAGS_AGAIN_SECONDS = 5.0
"""A pull request shows its new head a little after the push; until then its old one is no sign of somebody else's."""

log = structlog.get_logger("ove_gh.watch")


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What the operator decided about checks; times in seconds, `budget_usd` is what a whole task may cost."""

    max_attempts: int
    grace: float
    patience: float
    budget_usd: float


@dataclass(frozen=True, slots=True)
class Case:
    """A wait with the rows around it; `thread_cost` is the dollars that all tasks of the thread have cost."""

    wait: Wait
    task: Task
    thread: Thread
    earlier: tuple[Wait, ...]
    attempts: int
    thread_cost: float


@dataclass(frozen=True, slots=True)
class _Ended:
    """The wait is over, and the task with it."""

    lap: Lap


@dataclass(frozen=True, slots=True)
class _Broken:
    """Checks are red, and `answer` is what to do about it."""

    lap: Lap
    report: Report
    answer: Retry | AskPeople | GiveUp


class Watcher:
    """Looks at waits that are due. `app_id` is our own App's, whose check runs are no checks to wait for."""

    def __init__(
        self,
        database: Database,
        github: GitHub,
        rules: RepositoryRules,
        teller: Teller,
        *,
        app_id: int,
        settings: WatchSettings,
        bell: Bell,
        ring: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._database, self._github, self._rules, self._teller = database, github, rules, teller
        self._app_id, self._settings = app_id, settings
        self._bell, self._ring, self._clock = bell, ring, clock

    async def run(self) -> None:
        """Look at whatever is due, until cancelled."""
        await work_through(
            take=self._take,
            handle=self.look,
            next_due_at=self._next_due_at,
            bell=self._bell,
            clock=self._clock,
            limit=LOOKS_AT_ONCE,
        )

    async def look(self, wait: Wait) -> None:
        """Read the truth about one wait, once, and act on it."""
        async with self._database.reading() as connection:
            case = await _case(connection, wait)
            held_up = await store.others_unsettled(connection, case.task)
        with structlog.contextvars.bound_contextvars(task=case.task.id, commit=wait.sha[:7]):
            if held_up:
                # What the other task pushes will have checks of its own; its end is a hint.
                await self._go_on_waiting(case, None)
                return
            try:
                found = await self._judge(case)
            except GitHubUnavailable as error:
                await self._put_off(case, error.retry_after, error)
            except BadCredentials as error:
                await self._put_off(case, None, error)
            except GitHubRefused as error:
                log.warning("checks cannot be read", problem=str(error))
                await self._end(case, _Ended(self._lap(case, LapEnd.UNREADABLE)))
            except GitHubError as error:
                await self._put_off(case, None, error)
            except Exception as error:
                # A bug must not stop everybody else's work; the wait is looked at again, later and later.
                log.exception("looking at checks failed")
                await self._put_off(case, None, error)
            else:
                await self._act(case, found)

    # -- what is so ----------------------------------------------------------------------------------------------------

    async def _judge(self, case: Case) -> StillRunning | _Ended | _Broken:
        repository = self._repository(case.thread)
        thread, wait = case.thread, case.wait
        sight = await look(repository, sha=wait.sha, pull_number=thread.pull_number, app_id=self._app_id)
        moved = await self._moved(case, repository, sight)
        if moved is not None:
            return moved
        standing = self._stand(wait, sight)
        if isinstance(standing, Red):
            base = await checks_of(repository, wait.base_sha, app_id=self._app_id) if wait.base_sha else ()
            standing = self._stand(wait, sight, base)
        match standing:
            case StillRunning():
                return standing
            case Green():
                on_base = _lines(standing.on_base)
                return _Ended(self._lap(case, LapEnd.GREEN, passed=standing.passed, on_base=on_base))
            case NoChecks():
                return _Ended(self._lap(case, LapEnd.NO_CHECKS))
            case Unfinished():
                running = tuple(check.name for check in standing.running)
                return _Ended(self._lap(case, LapEnd.UNFINISHED, passed=standing.passed, running=running))
            case Red():
                return await self._broken(case, repository, standing)

    def _stand(self, wait: Wait, sight: Sight, base: Collection[ci.Check] = ()) -> ci.Standing:
        settings = self._settings
        return ci.stand(
            sight.checks,
            more_to_come=sight.more_to_come,
            base=tuple(base),
            pushed_at=wait.pushed_at,
            now=self._clock(),
            grace=settings.grace,
            settle=min(SETTLE_SECONDS, settings.grace),
            patience=settings.patience,
        )

    async def _moved(self, case: Case, repository: Repository, sight: Sight) -> StillRunning | _Ended | None:
        """Whether the commit is not what the task's pull request is about any more; None when it is."""
        pull, wait, thread = sight.pull, case.wait, case.thread
        if pull is None:
            return None
        if pull.base != thread.base_branch:
            await self._follow_base(thread, pull.base)
        if pull.state != "open":
            return _Ended(self._lap(case, LapEnd.MERGED if pull.merged else LapEnd.CLOSED))
        if pull.head_sha == wait.sha:
            return None
        now = self._clock()
        if pull.head_sha == wait.previous_sha and now < wait.pushed_at + HEAD_LAGS_SECONDS:
            return StillRunning(now + HEAD_LAGS_AGAIN_SECONDS)
        if pull.head_sha == thread.pushed_sha:
            return _Ended(self._lap(case, LapEnd.SUPERSEDED))
        commit = await repository.commit(pull.head_sha)
        return _Ended(self._lap(case, LapEnd.MOVED, by=commit.author_login or commit.committer_login))

    async def _broken(self, case: Case, repository: Repository, red: Red) -> _Broken:
        wait, task = case.wait, case.task
        report, rules = await asyncio.gather(
            report_on(repository, wait.sha, red.failed, on_base=red.on_base, passed=red.passed),
            self._rules.current(repository, case.thread.place.repository_id),
        )
        own = rules.settings
        before = [one for one in case.earlier if one.report is not None]
        newest = before[-1] if before else None
        answer = ci.decide(
            report,
            [one.report for one in before if one.report is not None],
            attempts=case.attempts,
            max_attempts=own.attempts(self._settings.max_attempts),
            may_ask=task.schedule_id is None,
            asked_already=newest is not None and newest.asks and newest.sha == wait.sha,
            money_left=money_left(
                least(self._settings.budget_usd, own.budget_usd),
                task.cost_usd,
                case.thread.budget_usd,
                case.thread_cost,
            ),
        )
        lines = tuple(ci.failure_line(failed) for failed in report.failed) + _lines(report.unread)
        lap = self._lap(case, LapEnd.RED, failed=lines, passed=report.passed, on_base=_lines(report.on_base))
        return _Broken(lap, report, answer)

    def _lap(
        self,
        case: Case,
        end: LapEnd,
        *,
        failed: tuple[ci.FailureLine, ...] = (),
        on_base: tuple[ci.FailureLine, ...] = (),
        passed: int = 0,
        running: tuple[str, ...] = (),
        by: str = "",
    ) -> Lap:
        url = commit_url(self._teller.server_url, case.thread, case.wait.sha)
        return Lap(case.wait.sha, url, end, failed=failed, on_base=on_base, passed=passed, running=running, by=by)

    # -- what is done about it -----------------------------------------------------------------------------------------

    async def _act(self, case: Case, found: StillRunning | _Ended | _Broken) -> None:
        match found:
            case StillRunning():
                await self._go_on_waiting(case, found.look_again_at)
            case _Ended():
                await self._end(case, found)
            case _Broken() if case.wait.end is LapEnd.RED:
                await self._go_on_waiting(case, None)  # it is red still, and that is being answered
            case _Broken():
                await self._answer(case, found)

    async def _end(self, case: Case, ended: _Ended) -> None:
        """The wait and its task come to their end: green, or beyond what we can wait for."""
        lap, task = ended.lap, case.task
        if case.wait.end is LapEnd.RED and lap.end is not LapEnd.GREEN:
            await self._go_on_waiting(case, None)
            return
        now = self._clock()
        target = Status.CANCELLED if lap.end is LapEnd.CLOSED else Status.COMPLETED
        try:
            async with self._database.writing() as connection:
                if not await waits.end(connection, case.wait, lap, now=now):
                    return
                if case.wait.end is LapEnd.RED:
                    await waits.answer(connection, case.wait, attempt=None, asks=False)
                    await store.drop_turns(connection, task.id, now=now)
                    await self._teller.withdraw_questions(connection, task, now=now)
                await store.move(connection, task.id, task.status, target, now=now)
                await self._teller.ended(connection, task.id, now=now)
        except IllegalMove as moved:
            log.info("the task went on before its checks did", found=moved.found)
            return
        log.info("checks have ended", end=lap.end)
        self._ring()

    async def _answer(self, case: Case, broken: _Broken) -> None:
        now, task, wait, answer = self._clock(), case.task, case.wait, broken.answer
        try:
            async with self._database.writing() as connection:
                if await store.others_unsettled(connection, task):
                    return  # somebody asked for more meanwhile: that goes first, and its end is a hint
                if not await waits.end(connection, wait, broken.lap, now=now, report=broken.report):
                    return
                if isinstance(answer, GiveUp):
                    await store.move(connection, task.id, Status.WAITING_CI, Status.FAILED, now=now, failure=CHECKS_RED)
                    await self._teller.gave_up(connection, task.id, answer.reason, now=now)
                else:
                    attempt = answer.attempt if isinstance(answer, Retry) else None
                    await waits.answer(connection, wait, attempt=attempt, asks=isinstance(answer, AskPeople))
                    await store.move(connection, task.id, Status.WAITING_CI, Status.PENDING, now=now)
                    await store.add_turn(connection, task.id, now=now, answers_wait=wait.id)
                    await self._teller.back_at_it(connection, task.id, now=now)
        except IllegalMove as moved:
            log.info("the task went on while its checks were read", found=moved.found)
            return
        log.info("checks are red", failed=[line.name for line in broken.lap.failed], answer=type(answer).__name__)
        self._ring()

    async def _go_on_waiting(self, case: Case, again_at: float | None) -> None:
        async with self._database.writing() as connection:
            await waits.looked(connection, case.wait, now=self._clock(), again_at=again_at)

    async def _put_off(self, case: Case, retry_after: float | None, error: Exception) -> None:
        wait = retry_after if retry_after is not None else backoff(case.wait.tries)
        log.warning("checks are read later", again_in_seconds=round(wait), problem=str(error))
        async with self._database.writing() as connection:
            await waits.put_off(connection, case.wait, until=self._clock() + wait)

    async def _follow_base(self, thread: Thread, base: str) -> None:
        """Somebody aimed the pull request at another branch, or renamed the one it goes to."""
        async with self._database.writing() as connection:
            await store.change_thread(connection, thread.id, base_branch=base)

    # -- the rows ------------------------------------------------------------------------------------------------------

    async def _take(self, busy: Collection[str], limit: int) -> list[tuple[str, Wait]]:
        async with self._database.reading() as connection:
            found = await waits.due(connection, now=self._clock(), busy=busy, limit=limit)
        return [(str(wait.id), wait) for wait in found]

    async def _next_due_at(self) -> float | None:
        async with self._database.reading() as connection:
            return await waits.next_due_at(connection, now=self._clock())

    def _repository(self, thread: Thread) -> Repository:
        return self._github.at(thread.place)


async def _case(connection: Transaction, wait: Wait) -> Case:
    task = await store.task_by_id(connection, wait.task_id)
    return Case(
        wait,
        task,
        await store.thread_by_id(connection, task.thread_id),
        tuple(one for one in await waits.of_task(connection, task.id) if one.id < wait.id),
        await store.attempts_made(connection, task.id),
        await store.thread_cost(connection, task.thread_id),
    )


def _lines(checks: Collection[ci.Check]) -> tuple[ci.FailureLine, ...]:
    """Failed checks of which no more than the name is told."""
    return tuple(ci.FailureLine(check.name, check.url, check.conclusion) for check in checks)
