"""The seam between the service and the agent, as values: what goes into a turn, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from ove_gh.questions import Answers, Option, Question, Questions


@dataclass(frozen=True, slots=True)
class Identity:
    """Who commits: a Git name and e-mail address."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one turn may use. `seconds` is wall-clock time, `budget_usd` is dollars."""

    turns: int
    budget_usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnInput:
    """One turn of the agent.

    Exactly one of `prompt` and `answers` is set: a prompt starts or goes on in the session, answers are handed over as
    the result of the AskUserQuestion call that the session waits in. `session_id` is None for a new session.
    """

    workdir: Path
    config_dir: Path
    author: Identity
    co_author: Identity | None
    limits: Limits
    model: str | None = None
    session_id: str | None = None
    prompt: str | None = None
    answers: Answers | None = None
    system_prompt: str = ""
    may_ask: bool = True
    scheduled: bool = False
    """Nobody waits for the result: the agent may say that there was nothing to do."""
    answer_schema: Mapping[str, Any] | None = None
    """The turn is one question to the model, without tools; its answer fits this JSON schema."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the agent's own checklist."""

    text: str
    state: Literal["pending", "in_progress", "completed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What the agent is doing at this moment. `session_id` is None until the CLI has named it."""

    activity: str = ""
    checklist: tuple[Step, ...] = ()
    cost_usd: float = 0.0
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class PullRequestText:
    """How the agent describes its work for the pull request."""

    title: str
    body: str
    fixes_issue: bool


class FailureReason(StrEnum):
    """Why a turn could not finish."""

    MODEL_UNREACHABLE = "model_unreachable"
    """The model's service did not answer, or answered 429, 5xx, 529 for too long."""
    MODEL_REFUSED = "model_refused"
    """The model's service refused the request: bad key, no credit, unknown model, too long a conversation."""
    TURN_LIMIT = "turn_limit"
    BUDGET = "budget"
    TIME_LIMIT = "time_limit"
    CRASHED = "crashed"
    """The CLI ended without a result."""
    SESSION_LOST = "session_lost"
    """The session to resume could not be found or read."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The agent ended its turn by itself; `text` is its last message, in Markdown.

    `nothing_to_do` is the reason, in one line, when it said that a scheduled task has nothing to do or to report.
    `answer` is what fits the schema of a turn that has one.
    """

    text: str
    session_id: str
    cost_usd: float
    pull_request: PullRequestText | None = None
    nothing_to_do: str | None = None
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The agent waits for people; its session is resumed with their answers."""

    tool_use_id: str
    questions: Questions
    session_id: str
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn did not come to an end. `detail` is one line for people, never a stack trace."""

    reason: FailureReason
    detail: str
    session_id: str | None
    cost_usd: float = 0.0
    tried: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody stopped the turn; `by` is their login."""

    by: str
    session_id: str | None
    cost_usd: float = 0.0


Outcome = Finished | Asked | Failed | Stopped


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain values, to be recorded before it is acted on."""
    return {"kind": type(outcome).__name__, **asdict(outcome)}


def outcome_from_json(recorded: Mapping[str, Any]) -> Outcome:
    """What `outcome_as_json` recorded."""
    values = dict(recorded)
    match values.pop("kind"):
        case "Finished":
            text = values.pop("pull_request")
            return Finished(**values, pull_request=PullRequestText(**text) if text else None)
        case "Asked":
            asked = tuple(_question_from_json(question) for question in values.pop("questions"))
            return Asked(**values, questions=asked)
        case "Failed":
            reason, tried = FailureReason(values.pop("reason")), tuple(values.pop("tried"))
            return Failed(**values, reason=reason, tried=tried)
        case "Stopped":
            return Stopped(**values)
        case other:
            raise ValueError(f"no outcome is called {other!r}")


def _question_from_json(recorded: Mapping[str, Any]) -> Question:
    values = dict(recorded)
    options = tuple(Option(**option) for option in values.pop("options"))
    return Question(**values, options=options)
