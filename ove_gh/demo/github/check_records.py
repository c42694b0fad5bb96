"""What the simulated GitHub remembers of checks: suites, runs, jobs' logs, commit statuses, pushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ove_gh.demo.github.records import App, Repository, User

CheckStatus = Literal["queued", "in_progress", "completed"]
Conclusion = Literal[
    "success",
    "failure",
    "neutral",
    "cancelled",
    "skipped",
    "timed_out",
    "action_required",
    "stale",
    "startup_failure",
]
PRIORITY: tuple[Conclusion, ...] = (
    "startup_failure",
    "failure",
    "timed_out",
    "action_required",
    "cancelled",
    "stale",
    "success",
    "neutral",
    "skipped",
)
"""Which conclusion a suite takes from its runs: the first that one of them has.

GitHub documents only that there is such an order, and that timed_out comes before success and neutral:
https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks#about-check-suites
That failure comes before cancelled is what a workflow shows whose first failing job ends the others.
"""

StatusState = Literal["error", "failure", "pending", "success"]
ACTIONS = "github-actions"
"""The slug of the App in whose name GitHub Actions reports."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark about some lines of a file; `annotation_level` is notice, warning or failure."""

    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """An action that people can request of the App that owns a check run."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True, slots=True)
class JobStep:
    """One step of a job, with its conclusion. The times are None for a step that was never begun."""

    name: str
    conclusion: str
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckState:
    """What a check run showed at some time."""

    status: CheckStatus
    conclusion: Conclusion | None
    title: str | None = None
    summary: str | None = None


@dataclass(slots=True, eq=False)
class CheckRun:
    """A check run; for GitHub Actions it is a job too, under the same id. `history` holds every state, oldest first."""

    id: int
    suite: CheckSuite
    name: str
    status: CheckStatus
    details_url: str
    html_url: str
    external_id: str = ""
    conclusion: Conclusion | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: tuple[Button, ...] = ()
    attempt: int = 1
    steps: tuple[JobStep, ...] = ()
    log: str = ""
    log_deleted: bool = False
    history: list[CheckState] = field(default_factory=list)

    @property
    def repository(self) -> Repository:
        """Where it was reported."""
        return self.suite.repository

    @property
    def app(self) -> App:
        """Who reported it."""
        return self.suite.app

    @property
    def head_sha(self) -> str:
        """The commit that it is about."""
        return self.suite.head_sha

    @property
    def is_latest(self) -> bool:
        """Whether no later run of its name is in its suite."""
        return any(run is self for run in self.suite.latest)

    def __repr__(self) -> str:
        return f"CheckRun({self.name!r} on {self.head_sha[:7]}: {self.conclusion or self.status}, id={self.id})"


@dataclass(slots=True, eq=False)
class CheckSuite:
    """All check runs of one App on one commit. `actor` is who pushed the commit; `held` says that more runs will come.

    `head_branch` is None when the commit was never pushed to a branch of this repository, as with a fork's.
    `workflow_run` is set for GitHub Actions.
    """

    id: int
    repository: Repository
    app: App
    head_sha: str
    head_branch: str | None
    before: str
    actor: User
    created_at: datetime
    updated_at: datetime
    runs: list[CheckRun] = field(default_factory=list)
    held: bool = False
    workflow_run: WorkflowRun | None = None
    told_completed: bool = False

    @property
    def latest(self) -> list[CheckRun]:
        """The latest run of each name, oldest first."""
        return sorted({run.name: run for run in self.runs}.values(), key=lambda run: run.id)

    @property
    def status(self) -> CheckStatus:
        """Queued until a run begins, completed when all have ended and no more will come."""
        states = {run.status for run in self.latest}
        if not states or (states == {"queued"} and not self.held):
            return "queued"
        return "completed" if states == {"completed"} and not self.held else "in_progress"

    @property
    def conclusion(self) -> Conclusion | None:
        """The weightiest conclusion of its latest runs."""
        if self.status != "completed":
            return None
        found = {run.conclusion for run in self.latest}
        return next(one for one in PRIORITY if one in found)

    def __repr__(self) -> str:
        return f"CheckSuite({self.app.slug!r} on {self.head_sha[:7]}: {self.conclusion or self.status}, id={self.id})"


@dataclass(slots=True, eq=False)
class WorkflowRun:
    """The one run of a workflow that stands behind a suite of GitHub Actions; `attempt` counts re-runs."""

    id: int
    number: int
    attempt: int = 1
    begun: bool = False
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A legacy commit status; a later one of the same context replaces it."""

    id: int
    repository: Repository
    sha: str
    context: str
    state: StatusState
    description: str | None
    target_url: str | None
    creator: User
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Push:
    """How a commit came to the tip of a branch."""

    branch: str
    before: str
    actor: User


@dataclass(frozen=True, slots=True)
class LogLink:
    """A link to a job's log, good until `expires_at`."""

    run: CheckRun
    expires_at: datetime


def latest_statuses(statuses: Sequence[CommitStatus]) -> list[CommitStatus]:
    """The newest status of each context, in the order in which the contexts first appeared."""
    return list({status.context: status for status in statuses}.values())


def combined_state(statuses: Sequence[CommitStatus]) -> StatusState:
    """What GitHub makes of a commit's latest statuses.

    https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
    """
    states = {status.state for status in statuses}
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"
