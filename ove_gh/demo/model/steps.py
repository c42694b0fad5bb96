"""The words a script is written in: what the model says, does and suffers, reply by reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ove_gh.demo.model.request import Request


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a reply is billed for; the CLI turns them into dollars by the model's price list."""

    input_tokens: int = 1200
    output_tokens: int = 80
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Say:
    """A text block."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A tool_use block."""

    tool: str
    input: Mapping[str, Any]


Block = Say | Use


@dataclass(frozen=True, slots=True)
class Reply:
    """One assistant message. Without `stop_reason` it is `tool_use` if a tool is used, else `end_turn`."""

    blocks: tuple[Block, ...]
    usage: Usage | None = None
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """An HTTP error instead of a reply, `times` times (None: for ever). It uses up no place in the script."""

    status: int
    times: int | None = 1
    message: str | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class CutOff:
    """A reply whose stream breaks off after its first words, `times` times (None: for ever)."""

    times: int | None = 1
    text: str = "Let me "


@dataclass(frozen=True, slots=True)
class Hang:
    """A reply that does not come until `release()`; then the script goes on with the next step.

    `reached` is set as soon as a request waits here.
    """

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let every request that waits here, and every later one, pass."""
        self.released.set()


Trouble = Fail | CutOff | Hang
Answer = Block | Reply | Sequence[Block]
Improvised = Callable[[Request], "Answer | Awaitable[Answer]"]
Step = Answer | Improvised | Trouble


def say(text: str) -> Say:
    """The model writes `text`."""
    return Say(text)


def use(tool: str, tool_input: Mapping[str, Any] | None = None, /, **more: Any) -> Use:
    """The model calls `tool`: `use("Bash", {"command": "ls"})` or `use("Bash", command="ls")`."""
    return Use(tool, {**(tool_input or {}), **more})


def ask(questions: Sequence[Mapping[str, Any]]) -> Use:
    """The model calls AskUserQuestion with `questions` (question, header, options, multiSelect)."""
    return Use("AskUserQuestion", {"questions": [dict(question) for question in questions]})


def reply(*blocks: Block, usage: Usage | None = None, stop_reason: str | None = None) -> Reply:
    """Several blocks in one message, or a message with its own usage or stop reason."""
    return Reply(tuple(blocks), usage, stop_reason)


def fail(status: int, *, times: int | None = 1, message: str | None = None, retry_after: int | None = None) -> Fail:
    """The next `times` requests at this place get the HTTP error `status` (None: all of them)."""
    return Fail(status, times, message, retry_after)


def cut_off(*, times: int | None = 1) -> CutOff:
    """The next `times` replies at this place break off in mid-stream."""
    return CutOff(times)


def hang() -> Hang:
    """Requests at this place wait until the returned step's `release()` is called."""
    return Hang()


def as_reply(answer: Answer) -> Reply:
    """Any form of an answer as the one message it stands for."""
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, Say | Use):
        return Reply((answer,))
    return Reply(tuple(answer))
