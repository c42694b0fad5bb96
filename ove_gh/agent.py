"""The seam between the service and the agent, as values: what goes into a turn, and what comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from ove_gh.questions import Answers, Option, Question, Questions

MOST_IMAGES = 8
"""Images in one turn."""

MOST_IMAGE_BYTES = 3_750_000
"""Bytes of one image: five megabytes in base64, which is what the Messages API takes.
https://platform.claude.com/docs/en/build-with-claude/vision
"""

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Media types that the Messages API takes."""


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
class Image:
    """A picture for the model. Raises ValueError for one that the Messages API would refuse."""

    media_type: str
    data: bytes

    def __post_init__(self) -> None:
        if self.media_type not in IMAGE_TYPES:
            raise ValueError(f"{self.media_type!r} is no type of image that the model reads")
        if not 0 < len(self.data) <= MOST_IMAGE_BYTES:
            raise ValueError(f"an image has 1 to {MOST_IMAGE_BYTES} bytes, and this one {len(self.data)}")


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What the agent reads as the result of its call."""

    text: str
    is_error: bool = False


def _nothing_to_tell(_: Mapping[str, Any]) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class ServiceTool:
    """A tool that the service itself answers; the agent knows it as `mcp__ove__<name>`.

    `schema` is the JSON schema of the arguments; `answer` gets those that fit it, and no others. A long answer is cut,
    and an exception becomes a short error for the agent and a line in the log. `activity` puts a call into a few words
    for people ("Reading #12"); it may get arguments that do not fit.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    answer: Callable[[Mapping[str, Any]], Awaitable[ToolAnswer]]
    activity: Callable[[Mapping[str, Any]], str] = _nothing_to_tell


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
    images: tuple[Image, ...] = ()
    """Shown to the model with the prompt; answers take no images."""
    tools: tuple[ServiceTool, ...] = ()
    """What the service answers, beside the tools that the agent always has."""
    read_only: bool = False
    """The agent has no tool that edits files; what it may do with its shell is for the system prompt to say."""

    mcp_servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further MCP servers, by name, as the CLI's `--mcp-config` takes them; all of their tools may be used."""
    trusted: bool = True
    """The commits were written by people who may write here: the repository's own CLAUDE.md is read."""

    def __post_init__(self) -> None:
        if len(self.images) > MOST_IMAGES:
            raise ValueError(f"a turn takes {MOST_IMAGES} images, and this one has {len(self.images)}")
        if self.images and self.prompt is None:
            raise ValueError("images go with a prompt")


@dataclass(frozen=True, slots=True)
class Interjection:
    """What somebody says while the agent works. `id` is one that no other message of the thread ever has."""

    id: int
    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("an interjection has words")


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
class TraceStep:
    """One line of the record of a turn: `summary` in one line, `detail` of bounded length, both without secrets.

    `at` is when it happened or began, in seconds since the epoch. A step is told when it is over.
    """

    kind: Literal["tool", "text", "question", "error", "note"]
    summary: str
    detail: str
    at: float


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
