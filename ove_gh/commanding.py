"""What a command leads to: a task, a word to the turn that runs, or an answer; written in one transaction.

Whoever calls has made sure that the person may command here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ove_gh import comments, scheduling, steering
from ove_gh.commands import (
    AddSchedule,
    Command,
    Continue,
    Discuss,
    Fix,
    Go,
    Help,
    ListSchedules,
    ListTasks,
    New,
    Plain,
    Plan,
    RemoveSchedule,
    Retry,
    Review,
    SetBudget,
    SetModel,
    ShowStatus,
    Simplify,
    Stop,
    Trace,
    Validate,
    meanings,
)
from ove_gh.overview import task_rows, thread_view, trace_lines
from ove_gh.store import messages, outbox, rules, traces
from ove_gh.store import tasks as store
from ove_gh.store.outbox import status_key
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Kind, Person, Place, Priority, Target, Task, Thread
from ove_gh.telling import Teller

log = structlog.get_logger("ove_gh.commanding")

SHOWN_ENDED = 5


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """What the operator decided: agents at once, dollars a task, and what holds for schedules (seconds)."""

    slots: int
    max_budget_usd: float
    time_zone: str
    schedule_least_seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Who commands, where, and in which words of theirs; `title` is the issue's or pull request's."""

    place: Place
    title: str
    by: Person
    source: Target
    is_admin: bool = False
    is_pull: bool = False


class Commander:
    """Obeys commands."""

    def __init__(self, teller: Teller, *, settings: CommandSettings, clock: Callable[[], float]) -> None:
        self._teller, self._settings, self._clock = teller, settings, clock
        self._slug = teller.slug

    async def obey(self, connection: Transaction, asked: Asked, command: Command) -> None:
        """Do what a command says."""
        match command:
            case Plain(text, priority) | Fix(text, priority):
                await self._work(connection, asked, text, priority)
            case Continue(hint):
                await self._work(connection, asked, f"Continue. {hint}".strip(), Priority.NORMAL)
            case New(text, priority):
                await self._begin(connection, asked, text, priority=priority, afresh=True)
            case Simplify(path, text, priority):
                what = f"`{path}`" if path else "what this thread is about"
                request = f"Simplify {what}: make it shorter and clearer without changing what it does.\n\n{text}"
                await self._begin(connection, asked, request.strip(), priority=priority)
            case Validate(text, priority):
                await self._begin(connection, asked, text, kind=Kind.VALIDATE, priority=priority)
            case Discuss(topic, priority):
                await self._begin(connection, asked, topic, kind=Kind.DISCUSS, priority=priority)
            case Plan(text, priority):
                await self._begin(connection, asked, text, kind=Kind.PLAN, priority=priority)
            case Review(focus, priority):
                await self._review(connection, asked, focus, priority)
            case Go():
                await self._go(connection, asked)
            case Retry():
                await self._retry(connection, asked)
            case Stop():
                await self._stop(connection, asked)
            case _:
                await self._answer(connection, asked, command)

    async def address(self, connection: Transaction, asked: Asked, text: str, priority: Priority) -> None:
        """Work on the review that is `asked.source`: one task for all of it, whatever number of events tell of it."""
        thread = await store.find_thread(connection, asked.place)
        if thread is None or await store.review_task(connection, thread.id, asked.source) is None:
            await self._begin(connection, asked, text, priority=priority)

    # -- tasks ---------------------------------------------------------------------------------------------------------

    async def _work(self, connection: Transaction, asked: Asked, text: str, priority: Priority) -> None:
        """A request in plain words: the turn that runs hears it at once.

        Otherwise it is a task: also when it has a priority, which is its place in line, when the turn that runs may
        change nothing, and when it comes after `stop`.
        """
        running = await self._hearing(connection, asked.place)
        if running is None or running.kind is not Kind.WORK or priority is not Priority.NORMAL or not text.strip():
            await self._begin(connection, asked, text, priority=priority)
        else:
            await self._tell(connection, running, asked.place, text, asked.by, asked.source, asks=True)

    async def overhear(self, connection: Transaction, place: Place, text: str, by: Person, source: Target) -> None:
        """Somebody who may command said something in the thread, to nobody by name: the turn that runs hears it."""
        running = await self._hearing(connection, place)
        if running is not None and text.strip():
            await self._tell(connection, running, place, text, by, source, asks=False)

    async def _hearing(self, connection: Transaction, place: Place) -> Task | None:
        """The task whose turn can still hear what is said in a thread."""
        thread = await store.find_thread(connection, place)
        running = await store.running_task(connection, thread.id) if thread is not None else None
        return running if running is not None and running.stop_asked_by is None else None

    async def _tell(
        self, connection: Transaction, running: Task, place: Place, text: str, by: Person, source: Target, *, asks: bool
    ) -> None:
        now = self._clock()
        await outbox.reaction(connection, place, source, "eyes", now=now)
        await messages.add(
            connection, running, number=place.number, text=text, writer=by, source=source, now=now, asks=asks
        )
        log.info("said to the running turn", task=running.id, by=by.login)

    async def _begin(
        self,
        connection: Transaction,
        asked: Asked,
        request: str,
        *,
        kind: Kind = Kind.WORK,
        priority: Priority = Priority.NORMAL,
        afresh: bool = False,
    ) -> Task:
        now, place = self._clock(), asked.place
        await outbox.reaction(connection, place, asked.source, "eyes", now=now)
        thread = await store.open_thread(connection, place, asked.title)
        red = await steering.red_wait(connection, thread) if kind is Kind.WORK and not afresh else None
        task = await store.add_task(
            connection,
            thread,
            number=place.number,
            request=request,
            source=asked.source,
            requester=asked.by,
            now=now,
            answers_wait=red,
            kind=kind,
            priority=priority,
            afresh=afresh,
        )
        before = await store.unfinished_before(connection, task)
        if before or await store.busy_tasks(connection) > self._settings.slots:
            await outbox.comment(connection, place, status_key(task.id), comments.status_queued(before), now=now)
        log.info("task created", task=task.id, kind=kind, place=place.lane, by=asked.by.login)
        return task

    async def _review(self, connection: Transaction, asked: Asked, focus: str, priority: Priority) -> None:
        thread = await store.find_thread(connection, asked.place)
        if asked.is_pull or (thread is not None and thread.pull_number is not None):
            await self._begin(connection, asked, focus, kind=Kind.REVIEW, priority=priority)
        else:
            await self._say(connection, asked, comments.review_needs_pull(asked.by.login, self._slug))

    async def _go(self, connection: Transaction, asked: Asked) -> None:
        thread = await store.find_thread(connection, asked.place)
        plan = await store.open_plan(connection, thread.id) if thread is not None else None
        if plan is None:
            await self._say(connection, asked, comments.no_plan(asked.by.login, self._slug))
            return
        await outbox.reaction(connection, asked.place, asked.source, "eyes", now=self._clock())
        await steering.start_plan(connection, self._teller, plan, asked.by, asked.source, now=self._clock())

    async def _retry(self, connection: Transaction, asked: Asked) -> None:
        thread, last = await self._last(connection, asked)
        now = self._clock()
        if thread is None or last is None:
            await self._say(connection, asked, comments.nothing_to_retry(asked.by.login, self._slug))
        elif not last.status.is_final:
            url = await outbox.url_of(connection, status_key(last.id))
            await self._say(connection, asked, comments.still_at_it(url))
        else:
            await outbox.reaction(connection, asked.place, asked.source, "eyes", now=now)
            await steering.try_again(connection, thread, last, asked.by, asked.source, now=now)

    async def _stop(self, connection: Transaction, asked: Asked) -> None:
        thread = await store.find_thread(connection, asked.place)
        task = await store.current_task(connection, thread.id) if thread is not None else None
        now = self._clock()
        if task is not None and await steering.stop(connection, self._teller, task, asked.by, now=now):
            await outbox.reaction(connection, asked.place, asked.source, "eyes", now=now)
        else:
            await self._say(connection, asked, comments.nothing_to_stop(asked.by.login))

    # -- answers -------------------------------------------------------------------------------------------------------

    async def _answer(self, connection: Transaction, asked: Asked, command: Command) -> None:
        now, place = self._clock(), asked.place
        await outbox.reaction(connection, place, asked.source, "eyes", now=now)
        match command:
            case Help(unknown, nearest):
                rows = [(each.usage, each.does) for each in meanings()]
                await self._say(connection, asked, comments.help(rows, self._slug, unknown, nearest))
            case ShowStatus():
                view = await thread_view(connection, place, self._teller.server_url, now=now)
                await self._say(connection, asked, comments.thread_status(view, self._slug))
            case ListTasks():
                found = await store.tasks_of_repository(connection, place.repository_id, ended=SHOWN_ENDED)
                rows_ = task_rows(found, now=now)
                await self._say(connection, asked, comments.task_list(rows_, place.full_name, self._slug))
            case Trace():
                await self._trace(connection, asked)
            case SetBudget(dollars):
                await self._set_budget(connection, asked, dollars)
            case SetModel(name):
                await self._set_model(connection, asked, name)
            case AddSchedule() | ListSchedules() | RemoveSchedule():
                await self._schedule(connection, asked, command)

    async def _trace(self, connection: Transaction, asked: Asked) -> None:
        _thread, last = await self._last(connection, asked)
        steps = await traces.of_task(connection, last.id) if last is not None else []
        url = await outbox.url_of(connection, status_key(last.id)) if last is not None else None
        started_at = last.started_at or last.created_at if last is not None else 0.0
        await self._say(connection, asked, comments.trace(trace_lines(steps), started_at, url))

    async def _set_budget(self, connection: Transaction, asked: Asked, dollars: float | None) -> None:
        most = self._settings.max_budget_usd
        thread = await store.open_thread(connection, asked.place, asked.title)
        spent = await store.thread_cost(connection, thread.id)
        if dollars is None:
            body = comments.budget_is(thread.budget_usd, spent, most, self._slug)
        else:
            await store.change_thread(connection, thread.id, budget_usd=dollars)
            body = comments.budget_set(dollars, spent, self._slug)
        await self._say(connection, asked, body)

    async def _set_model(self, connection: Transaction, asked: Asked, name: str | None) -> None:
        thread = await store.open_thread(connection, asked.place, asked.title)
        if name is None:
            body = comments.model_is(thread.model, self._slug)
        else:
            model = None if name.lower() == "default" else name
            await store.change_thread(connection, thread.id, model=model)
            body = comments.model_set(model)
        await self._say(connection, asked, body)

    async def _schedule(
        self, connection: Transaction, asked: Asked, command: AddSchedule | ListSchedules | RemoveSchedule
    ) -> None:
        now, place, slug = self._clock(), asked.place, self._slug
        match command:
            case AddSchedule(words):
                known = await rules.last(connection, place.repository_id)
                await scheduling.add(
                    connection,
                    place,
                    asked.title,
                    asked.by,
                    asked.source,
                    words,
                    zone=known.time_zone or self._settings.time_zone,
                    least_seconds=self._settings.schedule_least_seconds,
                    slug=slug,
                    now=now,
                )
            case ListSchedules():
                await scheduling.list_all(connection, place, asked.source, slug=slug, now=now)
            case RemoveSchedule(number):
                await scheduling.remove(
                    connection, place, asked.by, asked.source, number, is_admin=asked.is_admin, slug=slug, now=now
                )

    async def _last(self, connection: Transaction, asked: Asked) -> tuple[Thread | None, Task | None]:
        thread = await store.find_thread(connection, asked.place)
        return thread, await store.last_task(connection, thread.id) if thread is not None else None

    async def _say(self, connection: Transaction, asked: Asked, body: str) -> None:
        """Answer a command where it was written, once."""
        key = f"answer-{asked.source.kind}-{asked.place.repository_id}-{asked.source.id}"
        await outbox.comment(connection, asked.place, key, body, now=self._clock())
