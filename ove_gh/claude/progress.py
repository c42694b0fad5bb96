"""What the agent is doing, read from the CLI's message stream; no I/O.

The checklist is the one that the CLI keeps through its tools TaskCreate and TaskUpdate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from claude_agent_sdk import (
    AssistantMessage,
    ContentBlock,
    Message,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from ove_gh.agent import Progress, Step
from ove_gh.claude.calls import CallWords, bounded
from ove_gh.claude.redaction import Redaction
from ove_gh.claude.transcripts import Entries, tool_exchanges

DOLLARS_PER_MILLION = {"fable": 10.0, "opus": 4.0, "sonnet": 2.0, "haiku": 0.5}
"""Input tokens by model family. Only for the estimate while a turn runs; its end brings the CLI's own sum."""

PRICE_FACTORS = {
    "input_tokens": 1.0,
    "output_tokens": 5.0,
    "cache_creation_input_tokens": 1.25,
    "cache_read_input_tokens": 0.1,
}
CHARACTERS_PER_TOKEN = 4


class Watch:
    """Folds messages into the current Progress. What `redaction` hides never appears in it."""

    def __init__(
        self, words: CallWords, redaction: Redaction, session_id: str | None, *, entries: Entries = ()
    ) -> None:
        self.current = Progress(activity="Starting", session_id=session_id)
        self._words = words
        self._redaction = redaction
        self._steps: dict[str, Step] = {}
        self._calls: dict[str, ToolUseBlock] = {}
        self._billed: dict[str, float] = {}
        for name, tool_input, result in tool_exchanges(entries):
            self._note_step(name, tool_input, result)
        self._update(checklist=self._checklist())

    def see(self, message: Message) -> Progress:
        """Take one message into account; returns the progress after it."""
        if isinstance(message, SystemMessage):
            self._see_system(message)
        elif isinstance(message, AssistantMessage):
            self._see_reply(message)
        elif isinstance(message, UserMessage) and isinstance(message.content, list):
            self._see_results(message.content, message.tool_use_result)
        elif isinstance(message, ResultMessage):
            self._update(cost_usd=message.total_cost_usd or self.current.cost_usd, session_id=message.session_id)
            self._billed = {"so far": self.current.cost_usd}
        return self.current

    def _see_system(self, message: SystemMessage) -> None:
        if message.subtype == "init":
            self._update(session_id=str(message.data["session_id"]), activity="Thinking")
        elif message.subtype == "api_retry":
            self._update(activity=f"Waiting for the model ({_trouble(message.data)})")

    def _see_reply(self, message: AssistantMessage) -> None:
        self._bill(message)
        for block in message.content:
            if isinstance(block, ToolUseBlock):
                self._calls[block.id] = block
                if message.parent_tool_use_id is None and (
                    activity := self._words.doing(block.name, self._redaction.arguments(block.input))
                ):
                    self._update(activity=activity)

    def _see_results(self, blocks: Iterable[ContentBlock], result: object) -> None:
        for block in blocks:
            if isinstance(block, ToolResultBlock) and (call := self._calls.get(block.tool_use_id)):
                self._note_step(call.name, call.input, result)
        self._update(checklist=self._checklist())

    def _note_step(self, tool: str, tool_input: Mapping[str, Any], result: object) -> None:
        """Follow the CLI's checklist. Its results: {"task": {"id": "1", …}} and {"success": true, "taskId": "1", …}."""
        if not isinstance(result, Mapping):
            return
        if tool == "TaskCreate" and isinstance(task := result.get("task"), Mapping):
            self._steps[str(task["id"])] = Step(self._subject(task.get("subject")), "pending")
        elif tool == "TaskUpdate" and result.get("success") and (step := self._steps.get(str(result.get("taskId")))):
            self._change_step(str(result["taskId"]), step, tool_input)

    def _change_step(self, number: str, step: Step, tool_input: Mapping[str, Any]) -> None:
        status = tool_input.get("status")
        if status == "deleted":
            del self._steps[number]
            return
        if status in ("pending", "in_progress", "completed"):
            step = replace(step, state=cast(Literal["pending", "in_progress", "completed"], status))
        if subject := tool_input.get("subject"):
            step = replace(step, text=self._subject(subject))
        self._steps[number] = step

    def _checklist(self) -> tuple[Step, ...]:
        return tuple(self._steps.values())

    def _subject(self, subject: object) -> str:
        return bounded(self._redaction.text(str(subject or "")))

    def _bill(self, message: AssistantMessage) -> None:
        """Estimate: the stream tells input tokens at a reply's start, and its words stand for the output tokens."""
        if message.usage and message.message_id:
            written = sum(_length(block) for block in message.content) / CHARACTERS_PER_TOKEN
            before = self._billed.get(message.message_id)
            usage = {**message.usage, "output_tokens": written} if before is None else {"output_tokens": written}
            self._billed[message.message_id] = (before or 0.0) + _dollars(message.model, usage)
            self._update(cost_usd=sum(self._billed.values()))

    def _update(self, **changes: Any) -> None:
        self.current = replace(self.current, **changes)


def _trouble(data: Mapping[str, Any]) -> str:
    status = data.get("error_status")
    return f"it answers {status}" if status else "it does not answer"


def _dollars(model: str, usage: Mapping[str, Any]) -> float:
    price = next((price for family, price in DOLLARS_PER_MILLION.items() if family in model), 0.0)
    return sum(price * factor * float(usage.get(kind) or 0) for kind, factor in PRICE_FACTORS.items()) / 1_000_000


def _length(block: ContentBlock) -> int:
    match block:
        case TextBlock(text=text) | ThinkingBlock(thinking=text):
            return len(text)
        case ToolUseBlock(input=tool_input):
            return len(str(tool_input))
    return 0
