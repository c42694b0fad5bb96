"""What happened in a turn, step by step, read from the CLI's message stream; no I/O.

A tool call becomes a step when its result is there, so steps come in the order in which they ended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from claude_agent_sdk import (
    AssistantMessage,
    DeferredToolUse,
    Message,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from ove_gh.agent import TraceStep
from ove_gh.claude import policy
from ove_gh.claude.calls import CallWords, bounded
from ove_gh.claude.redaction import Redaction
from ove_gh.questions import Question, read_questions

LONGEST_SUMMARY = 160
LONGEST_DETAIL = 2_000
LONGEST_INPUT = 700
"""Characters of a detail that a call's arguments may take; the rest is for its result."""

CUT = "\n[…]\n"
EXIT_CODE = re.compile(r"Exit code (\d+)(?:\n|\Z)")
"""How the CLI begins the result of a command that failed."""


class _Call(NamedTuple):
    block: ToolUseBlock
    by_helper: bool
    at: float


class Trace:
    """Turns messages into steps. What `redaction` hides is in none of them."""

    def __init__(self, words: CallWords, redaction: Redaction) -> None:
        self._words = words
        self._redaction = redaction
        self._open: dict[str, _Call] = {}

    def see(self, message: Message, at: float) -> list[TraceStep]:
        """The steps that one message brings; `at` is the time, in seconds since the epoch."""
        match message:
            case AssistantMessage():
                return list(self._reply(message, at))
            case UserMessage(content=list(blocks)):
                results = [block for block in blocks if isinstance(block, ToolResultBlock)]
                return [
                    self._tool(call, result) for result in results if (call := self._open.pop(result.tool_use_id, None))
                ]
            case SystemMessage(subtype="api_retry", data=data):
                return [self._step("error", *_retry(data), at)]
            case SystemMessage(subtype="compact_boundary"):
                return [self._step("note", "Shortened the conversation so far", "", at)]
            case ResultMessage(deferred_tool_use=DeferredToolUse() as deferred):
                self._open.pop(deferred.id, None)
                return [self._step("question", *_question(deferred), at)]
        return []

    def heard(self, words: str, at: float) -> TraceStep:
        """The step for something that was said to the agent while it worked."""
        return self._step("note", f"Read a message: {bounded(self._redaction.text(words))}", words, at)

    def unfinished(self) -> list[TraceStep]:
        """The steps for calls that never got a result, once the turn is over."""
        calls, self._open = list(self._open.values()), {}
        return [self._tool(call, None) for call in calls]

    def _reply(self, message: AssistantMessage, at: float) -> Iterator[TraceStep]:
        by_helper = message.parent_tool_use_id is not None
        for block in message.content:
            if isinstance(block, ToolUseBlock):
                self._open[block.id] = _Call(block, by_helper, at)
            elif isinstance(block, TextBlock) and block.text.strip():
                # The CLI tells in the model's stead that the model's service has refused
                yield self._step("error" if message.error else "text", block.text, block.text, at)

    def _tool(self, call: _Call, result: ToolResultBlock | None) -> TraceStep:
        given = self._redaction.arguments(call.block.input)
        done = self._words.done(call.block.name, given)
        text = self._redaction.text(_text_of(result))
        detail = f"{_cut(_arguments(call.block.name, given), LONGEST_INPUT)}\n\n{text}".strip()
        helper = "Helper: " if call.by_helper else ""
        return self._step("tool", f"{helper}{done}{_ending(result, text)}", detail, call.at)

    def _step(self, kind: Any, summary: str, detail: str, at: float) -> TraceStep:
        redacted = self._redaction.text(summary)
        return TraceStep(
            kind, bounded(redacted, LONGEST_SUMMARY), _cut(self._redaction.text(detail), LONGEST_DETAIL), at
        )


def _ending(result: ToolResultBlock | None, text: str) -> str:
    """How a call ended, if not well."""
    if result is None:
        return " (not finished)"
    if not result.is_error:
        return ""
    code = EXIT_CODE.match(text)
    return f" (exit {code[1]})" if code else " (failed)"


def _arguments(tool: str, given: Mapping[str, Any]) -> str:
    if tool == "Bash":
        return f"$ {given.get('command') or ''}"
    return "\n".join(f"{name}: {_plain(value)}" for name, value in given.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _text_of(result: ToolResultBlock | None) -> str:
    content = result.content if result else None
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text") or f"[{block.get('type')}]") for block in content or ())


def _question(deferred: DeferredToolUse) -> tuple[str, str]:
    if deferred.name != policy.ASK:
        return f"Waits in {deferred.name}", _arguments(deferred.name, deferred.input)
    questions = read_questions(deferred.input)
    return f"Asked: {' '.join(question.text for question in questions)}", "\n\n".join(map(_asked, questions))


def _asked(question: Question) -> str:
    options = (f"- {option.label}: {option.description}".removesuffix(": ") for option in question.options)
    return "\n".join([question.text, *options])


def _retry(data: Mapping[str, Any]) -> tuple[str, str]:
    status, cause = data.get("error_status"), str(data.get("error") or "").replace("_", " ")
    trouble = f"answers {status}" if status else "does not answer"
    tries = f"try {data.get('attempt')} of {data.get('max_retries')}"
    return f"The model's service {trouble} ({tries})", cause


def _cut(text: str, longest: int) -> str:
    """The text without its middle if it is longer: what a command says last is worth the most."""
    if len(text) <= longest:
        return text
    head = longest // 3
    return text[:head] + CUT + text[len(text) - (longest - head - len(CUT)) :]
