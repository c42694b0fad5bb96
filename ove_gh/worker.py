"""Claim a turn, run the agent, record what came of it, publish that.

A turn has two halves. The first ends with the agent's outcome in the database; the second (publish.py) can be repeated
from the start. What is out of reach for a moment puts a turn off; what will not change by itself fails its task, and
the thread is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from ove_gh import branches, comments, prompt
from ove_gh.agent import (
    Asked,
    Failed,
    FailureReason,
    Finished,
    Image,
    Interjection,
    Limits,
    Outcome,
    Progress,
    ServiceTool,
    Stopped,
    TurnInput,
)
from ove_gh.attachments import images_of
from ove_gh.briefing import Job, brief
from ove_gh.checkout import CheckoutError, Checkouts, Clone, RemoteUnavailable
from ove_gh.claude.agent import ClaudeAgent
from ove_gh.comments import NOTHING_KEPT, Failure, FailureKind
from ove_gh.failures import failure_of
from ove_gh.github.client import GitHub, Repository
from ove_gh.github.errors import BadCredentials, GitHubError, GitHubUnavailable
from ove_gh.github.models import AppIdentity, RepositoryDetails
from ove_gh.loop import LONGEST_NAP_SECONDS, Bell, backoff, work_through
from ove_gh.publish import ProtectedPaths, Publisher, bot_identity, person_identity, prepare_clone
from ove_gh.recording import recorded
from ove_gh.replying import answer_comment
from ove_gh.repository_settings import least, money_left
from ove_gh.rules import RepositoryRules
from ove_gh.status import LiveStatus
from ove_gh.store import messages, rules, schedules, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Kind, Thread, Turn, TurnStatus
from ove_gh.telling import Teller
from ove_gh.tools import reading_tools, review_tools
from ove_gh.turnlog import TurnLog

MAX_TRIES = 12
"""How often a turn is put off because something is out of reach: with growing pauses, about forty minutes."""

log = structlog.get_logger("ove_gh.worker")


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """What the operator decided about turns. `limits.budget_usd` is for a whole task, the rest for one turn."""

    limits: Limits
    model: str | None
    slots: int
    status_interval: float
    server_url: str
    max_attempts: int
    mcp_servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class _BudgetUsedUp(Exception):
    """The thread's budget leaves nothing for a turn. Its text tells people so."""


class _Line:
    """The way to a turn that runs: `open` while its agent can hear. What was handed over is not handed over again."""

    def __init__(self) -> None:
        self.open = False
        self.stop = asyncio.Event()
        self.words: asyncio.Queue[Interjection] = asyncio.Queue()
        self.handed: set[int] = set()


class Worker:
    """Works on turns, up to `settings.slots` at once; `run_id` names this run of the service in its claims.

    `bell` rings for new turns, `ear` for what is to be told to turns that run.
    """

    def __init__(
        self,
        database: Database,
        github: GitHub,
        checkouts: Checkouts,
        agent: ClaudeAgent,
        publisher: Publisher,
        teller: Teller,
        repository_rules: RepositoryRules,
        *,
        identity: AppIdentity,
        settings: WorkSettings,
        run_id: str,
        bell: Bell,
        ear: Bell,
        ring: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._database, self._github, self._checkouts = database, github, checkouts
        self._agent, self._publisher, self._teller = agent, publisher, teller
        self._rules = repository_rules
        self._identity, self._settings, self._run_id = identity, settings, run_id
        self._bell, self._ear, self._ring, self._clock = bell, ear, ring, clock
        self._lines: dict[int, _Line] = {}

    async def run(self) -> None:
        """Take up what an earlier run left, then work on whatever is due, until cancelled."""
        async with self._database.writing() as connection:
            exhausted = await store.recover(connection, run_id=self._run_id, now=self._clock())
        for turn in exhausted:
            await self._give_up(turn, Failure(FailureKind.CRASHED_TOO_OFTEN))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="ear")
            await work_through(
                take=self._take,
                handle=self._work_within_earshot,
                next_due_at=self._next_due_at,
                bell=self._bell,
                clock=self._clock,
                limit=self._settings.slots,
            )

    async def _work_within_earshot(self, turn: Turn) -> None:
        self._lines[turn.task_id] = _Line()
        self._ear.ring()
        try:
            await self.work(turn)
        finally:
            del self._lines[turn.task_id]

    async def _listen(self) -> None:
        """Tell running turns what the rows say to them, also rows from before a restart: stop, or somebody's words."""
        while True:
            self._ear.hush()
            if self._lines:
                await self._hand_over()
            await self._ear.wait(LONGEST_NAP_SECONDS)

    async def _hand_over(self) -> None:
        async with self._database.reading() as connection:
            stopped = await store.asked_to_stop(connection, tuple(self._lines))
            said = {
                task_id: await messages.untaken(connection, task_id)
                for task_id, line in self._lines.items()
                if line.open
            }
        for task_id in stopped.intersection(self._lines):
            self._lines[task_id].stop.set()
        for task_id, found in said.items():
            line = self._lines.get(task_id)
            for message in found:
                if line is not None and message.id not in line.handed:
                    line.handed.add(message.id)
                    line.words.put_nowait(Interjection(message.id, prompt.message(message.text, message.writer.login)))

    async def work(self, turn: Turn) -> None:
        """Do what is left of a claimed turn. When this is cancelled, the turn is given back to be resumed."""
        with structlog.contextvars.bound_contextvars(task=turn.task_id, turn=turn.id):
            try:
                if turn.status is TurnStatus.RUNNING:
                    turn = await self._run_agent(turn)
                await self._publisher.publish(turn)
            except asyncio.CancelledError:
                await self._put_back(turn, due_at=self._clock())
                log.info("turn interrupted; it goes on at the next start")
                raise
            except (GitHubUnavailable, RemoteUnavailable, BadCredentials) as error:
                await self._postpone(turn, error)
            except ProtectedPaths as error:
                await self._give_up(turn, comments.protected_paths(error.paths))
            except _BudgetUsedUp as error:
                await self._give_up(turn, Failure(FailureKind.BUDGET, str(error)))
            except (GitHubError, CheckoutError) as error:
                await self._give_up(turn, failure_of(error))
            except Exception as error:
                # A bug must end in the thread and in the log, and must not stop everybody else's work.
                log.exception("turn failed")
                await self._give_up(turn, Failure(FailureKind.INTERNAL, type(error).__name__))

    # -- the agent's half ----------------------------------------------------------------------------------------------

    async def _run_agent(self, turn: Turn) -> Turn:
        job = await self._job(turn)
        if used_up := self._budget_used_up(job):
            raise _BudgetUsedUp(used_up)
        repository = self._repository(job.thread)
        status, turn_log = self._status(job), TurnLog(self._database, turn, clock=self._clock)
        turn_log.note(_opening(job))
        async with turn_log.kept(), status.shown():
            job, clone = await self._prepare(job, repository)
            status.on_branch(job.thread)
            async with self._database.writing() as connection:
                await store.agent_started(connection, turn.id)
                await self._teller.begun(connection, turn.task_id, now=self._clock())
            self._ring()
            outcome = await self._outcome(job, repository, clone, status.report, turn_log)
            if isinstance(outcome, Failed) and outcome.reason is FailureReason.SESSION_LOST:
                log.warning("session lost; starting a new one", detail=outcome.detail)
                turn_log.note("The earlier conversation could not be resumed")
                async with self._database.writing() as connection:
                    await store.note_lost_session(connection, turn.task_id)
                outcome = await self._outcome(job, repository, clone, status.report, turn_log, session_lost=True)
            if isinstance(outcome, Failed) and outcome.reason is FailureReason.BUDGET:
                used_up = self._budget_used_up(replace(job, thread_cost=job.thread_cost + outcome.cost_usd))
                outcome = replace(outcome, detail=used_up or outcome.detail)
            turn_log.note(_ending(outcome))
            if job.task.kind.changes_nothing and not isinstance(outcome, Asked):
                await self._checkouts.discard(clone)
        async with self._database.writing() as connection:
            await store.agent_ended(
                connection,
                turn,
                outcome=recorded(outcome, status.progress.checklist),
                cost_usd=outcome.cost_usd,
                session_id=outcome.session_id,
            )
            if job.task.kind is Kind.REVIEW and isinstance(outcome, Finished):
                await store.change_thread(connection, job.thread.id, reviewed_sha=clone.head)
            await self._make_tasks_of_what_came_too_late(connection, turn.task_id)
            return await store.turn_by_id(connection, turn.id)

    async def _make_tasks_of_what_came_too_late(self, connection: Transaction, task_id: int) -> None:
        """What people said to the turn, and the agent did not get any more, is asked for in a task of its own.

        Unless somebody has stopped the task: then nothing begins by itself, and whoever goes on there is told of it.
        """
        task, now = await store.task_by_id(connection, task_id), self._clock()
        thread = await store.thread_by_id(connection, task.thread_id)
        for message in await messages.untaken(connection, task.id):
            if task.stop_asked_by is None and message.asks:
                await store.add_task(
                    connection,
                    thread,
                    number=message.number,
                    request=message.text,
                    source=message.source,
                    requester=message.writer,
                    now=now,
                )
            await messages.taken(connection, message.id, now=now)

    async def _job(self, turn: Turn) -> Job:
        async with self._database.reading() as connection:
            task = await store.task_by_id(connection, turn.task_id)
            thread = await store.thread_by_id(connection, task.thread_id)
            own = await rules.last(connection, thread.place.repository_id)
            return Job(
                turn=turn,
                task=task,
                thread=thread,
                question=await store.question_by_id(connection, turn.answers_question)
                if turn.answers_question
                else None,
                wait=await waits.by_id(connection, turn.answers_wait) if turn.answers_wait else None,
                schedule=await schedules.by_id(connection, task.schedule_id) if task.schedule_id else None,
                previous_task=await store.task_before(connection, task),
                max_attempts=own.attempts(self._settings.max_attempts),
                rules=own,
                thread_cost=await store.thread_cost(connection, thread.id),
            )

    async def _prepare(self, job: Job, repository: Repository) -> tuple[Job, Clone]:
        """The thread's clone on its branch; a thread's first turn decides which branch that is."""
        details = await repository.details()
        if is_beginning(job):
            current = await self._rules.current(repository, job.thread.place.repository_id)
            job = replace(job, rules=current.settings)
        thread = await self._begin_anew(job, repository) if is_beginning(job) else job.thread
        if thread.branch is None or thread.base_branch is None:
            thread = await self._on_its_branch(thread, repository, details, used=job.thread.branch)
        clone = await prepare_clone(
            self._checkouts,
            repository,
            details,
            thread,
            author=bot_identity(self._identity, self._settings.server_url),
            co_author=person_identity(job.task.requester, self._settings.server_url),
        )
        async with self._database.writing() as connection:
            await store.change_thread(
                connection,
                thread.id,
                branch=thread.branch,
                base_branch=thread.base_branch,
                fork_pull=thread.fork_pull,
                full_name=details.full_name,
            )
            thread = await store.thread_by_id(connection, thread.id)
        fresh = job.thread.branch is not None and job.thread.branch != thread.branch
        return replace(job, thread=thread, fresh_branch=fresh), clone

    async def _begin_anew(self, job: Job, repository: Repository) -> Thread:
        """What of a thread's state a new task must not go on with; returns the thread as it is then.

        When its pull request was merged or closed, its branch is done with. A scheduled task starts a session of its
        own: what the last run said would only fill the new one.
        """
        thread = job.thread
        changed: dict[str, str | int | None] = {}
        if job.schedule is not None or job.task.afresh:
            changed["session_id"] = None
        if await self._is_done_with_its_branch(job, repository):
            await self._checkouts.start_over(thread.place.repository_id, thread.id)
            names = ("branch", "base_branch", "pushed_sha", "pull_number", "pull_url", "fork_pull", "reviewed_sha")
            changed |= dict.fromkeys(names)
        if not changed:
            return thread
        async with self._database.writing() as connection:
            await store.change_thread(connection, thread.id, **changed)
            return await store.thread_by_id(connection, thread.id)

    async def _is_done_with_its_branch(self, job: Job, repository: Repository) -> bool:
        thread = job.thread
        if job.task.afresh and thread.branch is not None:
            return True
        return thread.pull_number is not None and (await repository.pull(thread.pull_number)).state != "open"

    async def _on_its_branch(
        self, thread: Thread, repository: Repository, details: RepositoryDetails, *, used: str | None
    ) -> Thread:
        """The thread with the branch to work on and the one it goes to: a pull request's own, or a new one.

        A pull request from a fork has no branch here that we could push to: a new one starts from its commits. `used`
        is the thread's branch before, which is done with.
        """
        number = thread.place.number
        name = branches.branch_name(number, thread.title)
        if used is not None:
            name = branches.next_name(name, used)
        pull = await repository.pull(number) if (await repository.issue(number)).is_pull else None
        if pull is None or pull.state != "open":
            return replace(thread, branch=name, base_branch=details.default_branch)
        if pull.head_repository_id != details.id:
            return replace(thread, branch=name, base_branch=pull.base, fork_pull=number)
        if pull.head == details.default_branch:
            return replace(thread, branch=name, base_branch=details.default_branch)
        return replace(thread, branch=pull.head, base_branch=pull.base)

    async def _outcome(
        self,
        job: Job,
        repository: Repository,
        clone: Clone,
        report: Callable[[Progress], None],
        turn_log: TurnLog,
        *,
        session_lost: bool = False,
    ) -> Outcome:
        start = await brief(repository, self._identity, job, session_lost=session_lost)
        log.info("agent starts", resumes=start.session_id is not None)
        settings = self._settings
        scheduled = job.task.schedule_id is not None
        images: tuple[Image, ...] = ()
        if start.prompt is not None and is_beginning(job):
            images, missing = await images_of(repository, job.task, with_issue=start.session_id is None)
            if missing:
                start = replace(start, prompt=f"{start.prompt}\n\n{prompt.missing_images(missing)}")
        turn = TurnInput(
            workdir=clone.path,
            config_dir=self._agent.config_dir(job.thread.id),
            author=bot_identity(self._identity, settings.server_url),
            co_author=person_identity(job.task.requester, settings.server_url),
            limits=self._limits(job),
            model=job.thread.model or job.rules.model or settings.model,
            session_id=start.session_id,
            prompt=start.prompt,
            answers=start.answers,
            images=images,
            system_prompt=prompt.system_prompt(
                slug=self._identity.slug,
                full_name=job.thread.place.full_name,
                branch=clone.branch,
                default_branch=clone.base_branch,
                may_ask=not scheduled,
                in_step=clone.in_step,
                kind=job.task.kind,
                fork_pull=job.thread.fork_pull,
                rules=prompt.house_rules(job.rules, is_own=job.thread.fork_pull is None),
            ),
            may_ask=not scheduled,
            scheduled=scheduled,
            read_only=job.task.kind.changes_nothing,
            tools=self._tools(job, repository),
            mcp_servers=self._mcp_servers(job),
            trusted=job.thread.fork_pull is None,
        )
        outcome = await self._until_stopped(turn, job, report, turn_log)
        log.info("agent ended", outcome=type(outcome).__name__, cost_usd=round(outcome.cost_usd, 4))
        return outcome

    def _tools(self, job: Job, repository: Repository) -> tuple[ServiceTool, ...]:
        """What the service answers for the agent, with a token that reads this one repository."""
        task = job.task
        tools = reading_tools(repository, default_number=task.number)
        if task.kind is Kind.REVIEW:
            number = job.thread.pull_number or task.number
            tools += review_tools(self._database, repository, task_id=task.id, pull_number=number)
        if task.source.kind == "review":
            tools += (answer_comment(self._database, repository, task),)
        return tools

    def _mcp_servers(self, job: Job) -> Mapping[str, Mapping[str, Any]]:
        """What the repository asks for of what the operator allows; a stranger's commits meet none of it."""
        allowed = self._settings.mcp_servers if job.thread.fork_pull is None else {}
        return {name: allowed[name] for name in job.rules.mcp if name in allowed}

    def _limits(self, job: Job) -> Limits:
        """What is left for this turn: the least of what the operator, the repository and the thread allow.

        Operator and repository say what a task may cost, the thread what all of its tasks may cost together.
        """
        most, own, thread = self._settings.limits, job.rules, job.thread
        for_task = least(most.budget_usd, own.budget_usd)
        budget = money_left(for_task, job.task.cost_usd, thread.budget_usd, job.thread_cost)
        return Limits(
            turns=least(most.turns, own.max_turns),
            budget_usd=max(0.01, budget),
            seconds=least(most.seconds, own.turn_seconds),
        )

    def _budget_used_up(self, job: Job) -> str:
        """What people are told when the thread's budget is gone; empty when some of it is left, or there is none."""
        budget = job.thread.budget_usd
        if budget is None or job.thread_cost < budget:
            return ""
        return comments.budget_used_up(budget, job.thread_cost, self._identity.slug)

    async def _until_stopped(
        self, turn: TurnInput, job: Job, report: Callable[[Progress], None], turn_log: TurnLog
    ) -> Outcome:
        """Run the agent to its end, or to the moment at which somebody stops it: its processes are gone then."""
        seen = Progress(session_id=turn.session_id)

        def note(progress: Progress) -> None:
            nonlocal seen
            seen = progress
            report(progress)

        line = self._lines[job.task.id]
        line.open = True
        self._ear.ring()
        running = asyncio.create_task(
            self._agent.run_turn(
                turn,
                thread_id=job.thread.id,
                on_progress=note,
                interjections=line.words,
                on_taken=turn_log.took,
                on_step=turn_log.step,
            )
        )
        stopping = asyncio.create_task(line.stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            line.open = False
            stopping.cancel()
            running.cancel()
            await asyncio.wait({running, stopping})
        if not running.cancelled():
            return running.result()
        async with self._database.reading() as connection:
            by = (await store.task_by_id(connection, job.task.id)).stop_asked_by
        return Stopped(by or "ghost", seen.session_id, seen.cost_usd)

    def _status(self, job: Job) -> LiveStatus:
        return LiveStatus(
            self._database,
            teller=self._teller,
            thread=job.thread,
            task=job.task,
            turn=job.turn,
            interval=self._settings.status_interval,
            clock=self._clock,
            ring=self._ring,
        )

    # -- when it does not go well --------------------------------------------------------------------------------------

    async def _postpone(self, turn: Turn, error: GitHubError | CheckoutError) -> None:
        """Try again later; after many tries, give up and say so."""
        if turn.tries >= MAX_TRIES:
            await self._give_up(turn, failure_of(error))
            return
        named = error.retry_after if isinstance(error, GitHubUnavailable) else None
        wait = named if named is not None else backoff(turn.tries)
        log.warning("turn put off", again_in_seconds=round(wait), problem=str(error))
        await self._put_back(turn, due_at=self._clock() + wait, failed_try=True)

    async def _put_back(self, turn: Turn, *, due_at: float, failed_try: bool = False) -> None:
        async with self._database.writing() as connection:
            await store.put_turn_back(connection, turn, due_at=due_at, now=self._clock(), failed_try=failed_try)

    async def _give_up(self, turn: Turn, failure: Failure) -> None:
        unpushed = failure.kind in (FailureKind.PUSH_REFUSED, FailureKind.BRANCH_MOVED, FailureKind.PROTECTED)
        kept = NOTHING_KEPT if unpushed else await self._publisher.what_is_kept(turn)
        async with self._database.writing() as connection:
            await self._make_tasks_of_what_came_too_late(connection, turn.task_id)
        await self._publisher.fail(turn, failure, kept)

    # -- claims --------------------------------------------------------------------------------------------------------

    async def _take(self, _busy: Collection[str], _limit: int) -> list[tuple[str, Turn]]:
        async with self._database.writing() as connection:
            turn = await store.claim_turn(connection, run_id=self._run_id, now=self._clock())
        if turn is None:
            return []
        self._bell.ring()
        return [(f"turn {turn.id}", turn)]

    async def _next_due_at(self) -> float | None:
        async with self._database.reading() as connection:
            return await store.next_turn_due_at(connection, now=self._clock())

    def _repository(self, thread: Thread) -> Repository:
        return self._github.at(thread.place)


def is_beginning(job: Job) -> bool:
    """Whether a turn is the first of its task, and was not begun before."""
    return job.turn.position == 1 and job.turn.starts == 0


def _opening(job: Job) -> str:
    """How the record tells why a turn runs."""
    begins = f"Turn {job.turn.position}"
    if job.turn.starts:
        return f"{begins} is taken up again after a stop of the service"
    if job.turn.answers_question is not None:
        return f"{begins} goes on with an answer"
    if job.turn.answers_wait is not None:
        return f"{begins} looks into red checks"
    return f"{begins}: asked by {job.task.requester.login}"


def _ending(outcome: Outcome) -> str:
    """How the record tells what came of a turn."""
    match outcome:
        case Finished():
            return "The agent is done"
        case Asked():
            return "The agent waits for an answer"
        case Stopped():
            return f"Stopped by {outcome.by}"
        case Failed():
            return f"Could not go on: {outcome.detail}"
