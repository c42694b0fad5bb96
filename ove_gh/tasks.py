"""What a task is, and every move it may make.

A **task** is one thing somebody asked for in a thread. It lives through **turns**: runs of the agent, each started by a
prompt, by an answer or by the report of red checks. Between turns a task is nothing but rows.

    pending ──a──▶ running ──b──▶ completed
       ▲              │ ├────c──▶ failed
       │              │ └────d──▶ cancelled
       ├──e───────────┤
       ├──g── waiting_user ◀──f── running ──h──▶ waiting_ci
       └──i───────────────────────────────────────── │

    waiting_user, pending ──j──▶ completed

a  A worker takes the task's next turn. One task of a thread at a time, oldest first.
b  The agent ended and what it did has been published, or there was nothing to publish.
c  A turn could not finish (model, limits, crash, push refused); what was done is kept on the branch.
   A pending task fails when it was interrupted too often; a waiting one when nobody answers in time.
d  Somebody stopped it. Also from pending and from both kinds of waiting.
e  The turn was interrupted by a stop or a crash of the service, or GitHub could not be reached: it is taken up again.
f  The agent asked. No process, no lock and no slot is held while people think.
g  Somebody answered: the same session goes on with the answer.
h  The service pushed, and the checks decide.
i  Checks failed: the agent comes back. When they pass the task completes; when they cannot be mended it fails.
j  Red checks turned green by a re-run before the agent was back, or while it asked people about them: the task
   completes from `pending` or `waiting_user`, and the turn or the question falls away.

The table below is the only place that knows the moves. The store repeats it as
`UPDATE … WHERE id = ? AND status = ?`, so that two writers cannot both make one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Literal


class Status(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    """It has a turn to run, and waits for a worker."""
    RUNNING = "running"
    """A worker runs its turn, or publishes what the turn made."""
    WAITING_USER = "waiting_user"
    """The agent asked people a question."""
    WAITING_CI = "waiting_ci"
    """The pushed commit's checks have not finished."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether no move leads out of here."""
        return not MOVES[self]


MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.RUNNING: frozenset(
        {
            Status.COMPLETED,
            Status.FAILED,
            Status.CANCELLED,
            Status.PENDING,
            Status.WAITING_USER,
            Status.WAITING_CI,
        }
    ),
    Status.WAITING_USER: frozenset({Status.PENDING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.WAITING_CI: frozenset({Status.PENDING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


class IllegalMove(Exception):
    """A task was told to make a move that the table does not have, or that somebody else made first.

    Nothing has changed when this is raised. `found` is the status in the database, None when the table forbids the move
    or the task is gone.
    """

    def __init__(self, task_id: int, source: Status, target: Status, found: Status | None = None) -> None:
        super().__init__(
            f"task {task_id} cannot move from {source} to {target}" + (f": it is {found}" if found is not None else "")
        )
        self.task_id, self.source, self.target, self.found = task_id, source, target, found


def check_move(task_id: int, source: Status, target: Status) -> None:
    """Return if the table has this move; raise IllegalMove otherwise."""
    if target not in MOVES[source]:
        raise IllegalMove(task_id, source, target)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on GitHub. Rights belong to the id; a login can be renamed and taken by somebody else."""

    id: int
    login: str


@dataclass(frozen=True, slots=True)
class Home:
    """A repository, and the way to it: which installation of the App may work there."""

    installation_id: int
    repository_id: int
    full_name: str

    def at(self, number: int) -> Place:
        """The issue or pull request of that number."""
        return Place(self.installation_id, self.repository_id, self.full_name, number)


@dataclass(frozen=True, slots=True)
class Place:
    """An issue or pull request, and the way to it: which installation of the App may speak there."""

    installation_id: int
    repository_id: int
    full_name: str
    number: int

    @property
    def home(self) -> Home:
        """The repository."""
        return Home(self.installation_id, self.repository_id, self.full_name)

    @property
    def lane(self) -> str:
        """What must happen in order happens in one lane: the thread, named by ids that renames do not change."""
        return f"{self.repository_id}/{self.number}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request was made.

    `id` is the issue's number, the comment's, review's or review comment's id, the time of the click or label, or the
    schedule's id; `url` leads a person there.
    """

    kind: Literal["issue", "comment", "review", "inline", "button", "label", "schedule"]
    id: int
    url: str


class Kind(StrEnum):
    """What a task is to come to."""

    WORK = "work"
    """Commits on a branch, and a pull request; or an answer."""
    REVIEW = "review"
    """A review of a pull request: comments on its lines, and a summary."""
    PLAN = "plan"
    """A plan as a checklist, which somebody may then start."""
    DISCUSS = "discuss"
    VALIDATE = "validate"
    """Tests and linters are run, and nothing is changed."""

    @property
    def changes_nothing(self) -> bool:
        """Whether the agent only looks: nothing of what it leaves in its clone is kept."""
        return self is not Kind.WORK


class Priority(IntEnum):
    """Which of a thread's tasks goes first, and which of the service's."""

    URGENT = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3


@dataclass(frozen=True, slots=True)
class Thread:
    """One issue or pull request with what its tasks share: session, branch, pull request.

    `model` and `budget_usd` are what somebody said for this thread; None: what the operator decided. `reviewed_sha` is
    the commit that the last review was about. `fork_pull` is the pull request from a fork whose commits the branch
    starts from: it was written by somebody who may not write here.
    """

    id: int
    place: Place
    title: str
    session_id: str | None = None
    branch: str | None = None
    base_branch: str | None = None
    pushed_sha: str | None = None
    pull_number: int | None = None
    pull_url: str | None = None
    model: str | None = None
    budget_usd: float | None = None
    reviewed_sha: str | None = None
    fork_pull: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One thing somebody asked for, under the issue or pull request `number`.

    Times are seconds since the epoch, UTC; `cost_usd` sums all turns. `schedule_id` is set when a schedule asked:
    nobody waits at the other end. `stop_asked_by` is who wants it to stop while it runs.
    """

    id: int
    thread_id: int
    number: int
    status: Status
    request: str
    source: Target
    requester: Person
    cost_usd: float
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    failure: str | None = None
    schedule_id: int | None = None
    stop_asked_by: str | None = None
    kind: Kind = Kind.WORK
    priority: Priority = Priority.NORMAL
    afresh: bool = False
    """It starts a session and a branch of its own, whatever the thread has."""
    started_again: bool = False
    """The thread's session could not be resumed, and this task began another."""


class TurnStatus(StrEnum):
    """Where a turn stands. It goes down this list; only an interrupted one returns to `queued`."""

    QUEUED = "queued"
    RUNNING = "running"
    PUBLISHING = "publishing"
    """The agent has ended and its outcome is recorded; push, pull request and words remain."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of the agent.

    `answers_question` is the question whose answer this turn carries, `answers_wait` the wait whose red checks it is to
    mend; both are None for a turn that starts from a request.
    `starts` counts how often the agent was started for it, and `clean_stops` how often it was then given back in order:
    the rest were crashes. `tries` counts what failed because something was out of reach. `outcome` is the recorded end,
    as plain values.
    """

    id: int
    task_id: int
    position: int
    status: TurnStatus
    answers_question: int | None
    answers_wait: int | None
    starts: int
    clean_stops: int
    tries: int
    outcome: dict[str, Any] | None
    cost_usd: float
    started_at: float | None


MAX_RESUMPTIONS = 2
"""How often a turn that was cut off by a crash is taken up again before the task fails."""

CHECKS_RED = "checks_red"
"""The `failure` of a task that gave up on red checks."""
