"""Where things stand, for those who ask: one thread in some lines, and the tasks of a repository, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ove_gh.comments.checks import commit
from ove_gh.comments.failures import Failure, FailureKind, what_happened
from ove_gh.comments.frame import command, comment, listing
from ove_gh.comments.pulls import PullLink
from ove_gh.tasks import Priority, Status
from ove_gh.typesetting import code, duration, inline, link, money

_MOST_QUEUED = 5
_MOST_UNFINISHED = 30
_MOST_ENDED = 5


# --- one thread ---


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A task that waits behind the one that is told of; `url` is where it was asked for."""

    request: str
    requester_login: str
    url: str | None = None
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class ThreadStatus:
    """Where a thread stands: its current task, or else its last one; `status` is None when there was none yet.

    `elapsed_seconds` is the time worked, `since_seconds` how long the task has been in its status. `ahead` is how many
    tasks come before a pending one, `sha` the commit whose checks are waited for. `failure` is set when it failed,
    `stopped_by` when somebody stopped it. `queued` are the tasks behind it, first come first. `schedules` are numbers,
    each with the address of its comment. `model` and `budget_usd` are what somebody set for this thread.
    """

    status: Status | None = None
    request: str = ""
    requester_login: str = ""
    request_url: str | None = None
    turns: int = 0
    elapsed_seconds: float = 0.0
    cost_usd: float = 0.0
    since_seconds: float | None = None
    ahead: int = 0
    question_url: str | None = None
    sha: str = ""
    sha_url: str | None = None
    failure: FailureKind | None = None
    stopped_by: str = ""
    status_url: str | None = None
    branch: str | None = None
    branch_url: str | None = None
    pull: PullLink | None = None
    queued: Sequence[QueuedTask] = ()
    schedules: Sequence[tuple[int, str | None]] = ()
    model: str | None = None
    budget_usd: float | None = None


def thread_status(view: ThreadStatus, slug: str) -> str:
    """How the thread stands: what its task is at, where the work is, what comes next, what was set for it."""
    if view.status is None:
        return comment(
            f"**Nothing yet:** nobody has asked me for anything here. Write {command(slug, '')} and what you want.",
            _set_here(view),
        )
    return comment(
        " · ".join([f"**{_state(view)}**", *_since(view), *_facts(view)]),
        _asked_for(view),
        _where(view),
        _queue(view.queued),
        _set_here(view),
        f"<sub>{_what_now(view.status, slug)}</sub>",
    )


def _state(view: ThreadStatus) -> str:
    match view.status:
        case Status.RUNNING:
            return "Working on it"
        case Status.WAITING_USER:
            return f"Waiting for an answer to {link('my question', view.question_url)}"
        case Status.WAITING_CI:
            return f"Waiting for the checks of {commit(view.sha, view.sha_url) if view.sha else 'what I pushed'}"
        case Status.PENDING if view.ahead > 0:
            return f"Waiting in line behind {'one task' if view.ahead == 1 else f'{view.ahead} tasks'} of this thread"
        case Status.PENDING:
            return "Waiting for a free place"
        case Status.COMPLETED:
            return "Done"
        case Status.CANCELLED:
            return f"Stopped by {inline(view.stopped_by, 40)}" if view.stopped_by else "Stopped"
        case Status.FAILED if view.failure is not None:
            return f"I could not finish: {what_happened(Failure(view.failure))}"
        case _:
            return "I could not finish"


def _since(view: ThreadStatus) -> list[str]:
    """How long it has stood like that, where that is not the time worked."""
    if view.since_seconds is None or view.status is Status.RUNNING:
        return []
    ago = duration(view.since_seconds)
    match view.status:
        case Status.WAITING_USER:
            return [f"asked {ago} ago"]
        case Status.WAITING_CI:
            return [f"pushed {ago} ago"]
        case Status.PENDING:
            return [f"for {ago}"]
        case _:
            return [f"{ago} ago"]


def _facts(view: ThreadStatus) -> list[str]:
    """Turns, time and money, once there are any."""
    if not view.turns:
        return []
    facts = ["1 turn" if view.turns == 1 else f"{view.turns} turns", f"{duration(view.elapsed_seconds)} of work"]
    return [*facts, money(view.cost_usd)] if view.cost_usd > 0 else facts


def _asked_for(view: ThreadStatus) -> str:
    request = inline(view.request, 200)
    if not request:
        return ""
    by = link(inline(view.requester_login, 40), view.request_url)
    return f"{by} asked: “{request}”" if by else f"Asked for: “{request}”"


def _where(view: ThreadStatus) -> str:
    """Where to look: the status comment, the branch, the pull request."""
    places = [link("my status comment", view.status_url)] if view.status_url else []
    if view.branch:
        places.append(f"branch {link(code(view.branch), view.branch_url)}")
    if view.pull is not None:
        places.append(f"pull request {link(f'#{view.pull.number}', view.pull.url)}")
    return f"See {listing(places)}." if places else ""


def _queue(queued: Sequence[QueuedTask]) -> str:
    if not queued:
        return ""
    lines = [f"{n}. {_queued(task)}" for n, task in enumerate(queued[:_MOST_QUEUED], 1)]
    more = len(queued) - len(lines)
    return "\n".join(["Next in line:", *lines, *([f"{len(lines) + 1}. *and {more} more*"] if more else [])])


def _queued(task: QueuedTask) -> str:
    by = link(inline(task.requester_login, 40) or "somebody", task.url)
    return f"“{inline(task.request, 120) or '…'}”, {by}{_priority(task.priority)}"


def _set_here(view: ThreadStatus) -> str:
    """What holds for the thread as such: its schedules, and what somebody set for it."""
    said = []
    if view.schedules:
        numbers = listing([link(str(number), url) for number, url in view.schedules], 10)
        many = len(view.schedules) > 1
        said.append(f"{'Schedules' if many else 'Schedule'} {numbers} {'run' if many else 'runs'} here.")
    if view.model:
        said.append(f"I work with {code(view.model, 100)}.")
    if view.budget_usd is not None:
        said.append(f"This thread may cost up to {money(view.budget_usd)}.")
    return " ".join(said)


def _what_now(status: Status, slug: str) -> str:
    match status:
        case Status.RUNNING | Status.WAITING_CI | Status.PENDING | Status.WAITING_USER:
            return f"Write {command(slug, 'stop')} to stop."
        case Status.FAILED | Status.CANCELLED:
            return f"Write {command(slug, 'continue')} to go on."
        case Status.COMPLETED:
            return f"Write {command(slug, '')} and what you want next; I remember what was said here."


# --- the tasks of a repository ---


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in a line. `age_seconds` is how long ago it was asked for; once it has ended, how long ago that was."""

    number: int
    url: str
    title: str
    state: Status
    requester_login: str
    priority: Priority
    age_seconds: float
    cost_usd: float


def task_list(rows: Sequence[TaskRow], full_name: str, slug: str) -> str:
    """The tasks that are not finished, the most urgent and then the oldest first; below them the last that ended."""
    name = inline(full_name, 150)
    if not rows:
        return f"I have had nothing to do in {name} yet. Write {command(slug, '')} and what you want."
    unfinished = sorted(
        (row for row in rows if not row.state.is_final), key=lambda row: (row.priority, -row.age_seconds)
    )
    ended = sorted((row for row in rows if row.state.is_final), key=lambda row: row.age_seconds)[:_MOST_ENDED]
    lines = [_row(row) for row in unfinished[:_MOST_UNFINISHED]]
    more = len(unfinished) - len(lines)
    count = {0: "I have nothing to do", 1: "I have one task"}.get(len(unfinished), f"I have {len(unfinished)} tasks")
    return comment(
        f"**{count} in {name}{'' if unfinished else ' now'}**",
        "\n".join([*lines, *([f"- *and {more} more*"] if more else [])]),
        "\n".join(["Ended lately:", *(_row(row) for row in ended)]) if ended else "",
    )


def _row(row: TaskRow) -> str:
    by, ago = inline(row.requester_login, 40), f"{duration(row.age_seconds)} ago"
    if row.state.is_final:
        facts = [f"{_STATES[row.state]} {ago}", f"asked by {by}"]
    else:
        facts = [f"**{_STATES[row.state]}**{_priority(row.priority)}", f"asked by {by} {ago}"]
    if row.cost_usd > 0:
        facts.append(money(row.cost_usd))
    return f"- {link(f'#{row.number}', row.url)} {inline(row.title, 100)} · {' · '.join(facts)}"


_STATES = {
    Status.PENDING: "in line",
    Status.RUNNING: "working",
    Status.WAITING_USER: "waiting for an answer",
    Status.WAITING_CI: "waiting for checks",
    Status.COMPLETED: "done",
    Status.FAILED: "could not finish",
    Status.CANCELLED: "stopped",
}


def _priority(priority: Priority) -> str:
    words = {Priority.URGENT: "urgent", Priority.HIGH: "important", Priority.LOW: "not urgent"}.get(priority)
    return f", {words}" if words else ""
