"""A Messages API request, read and checked as the real service checks it; no I/O.

The rules are those of https://docs.claude.com/en/api/messages and of
https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SYNTHETIC_TEXTS = frozenset({"No response requested."})
"""What the CLI itself puts into the assistant's mouth when it mends a transcript; no reply of the model."""


class InvalidRequest(ValueError):
    """The real service would answer 400 invalid_request_error, with about these words."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model was told about one of its tool calls. `tool` and `input` are those of the call."""

    tool_use_id: str
    tool: str
    input: Mapping[str, Any]
    text: str
    is_error: bool


@dataclass(frozen=True)
class Request:
    """One request of a conversation: what the model is shown before it replies."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self.body["model"])

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as sent."""
        return list(self.body["messages"])

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools on offer; a tool that has yet to be looked up (`defer_loading`) is not.

        One that came when the conversation had begun is announced in a message, and on offer from there on.
        """
        added = {str(block["tool"]["name"]) for block in blocks_of(self.messages, "tool_addition")}
        tools = self.body.get("tools") or ()
        return tuple(str(tool["name"]) for tool in tools if not tool.get("defer_loading") or tool["name"] in added)

    @cached_property
    def system(self) -> str:
        """The system prompt's text."""
        return _text(self.body.get("system") or "")

    @cached_property
    def first_text(self) -> str:
        """The words that opened the conversation, without the reminders that the CLI puts beside them."""
        return own_words(self.messages[0])

    @cached_property
    def last_text(self) -> str:
        """The words of the newest user message, without reminders and tool results."""
        users = [message for message in self.messages if message["role"] == "user"]
        return own_words(users[-1])

    @cached_property
    def images(self) -> tuple[tuple[str, bytes], ...]:
        """Every image in the conversation, as its media type and its bytes, oldest first."""
        sources = (block["source"] for block in blocks_of(self.messages, "image"))
        return tuple((str(source["media_type"]), base64.b64decode(source["data"])) for source in sources)

    @cached_property
    def replies(self) -> int:
        """How many replies of the model the conversation already holds."""
        return sum(1 for message in self.messages if message["role"] == "assistant" and not _synthetic(message))

    @cached_property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """Every tool result in the conversation, oldest first."""
        calls = {block["id"]: block for block in blocks_of(self.messages, "tool_use")}
        return tuple(
            ToolResult(
                tool_use_id=block["tool_use_id"],
                tool=calls[block["tool_use_id"]]["name"],
                input=calls[block["tool_use_id"]]["input"],
                text=_text(block.get("content") or ""),
                is_error=bool(block.get("is_error")),
            )
            for block in blocks_of(self.messages, "tool_result")
        )


def blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message's content as blocks, whichever of the two forms it was sent in."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def blocks_of(messages: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    """Every block of one type, in order."""
    return (block for message in messages for block in blocks(message) if block.get("type") == kind)


def own_words(message: Mapping[str, Any]) -> str:
    """A user message's own text: reminders that the CLI adds are left out."""
    texts = [str(block["text"]) for block in blocks(message) if block.get("type") == "text"]
    return "\n".join(text for text in texts if not text.lstrip().startswith("<system-reminder>"))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content if block.get("type") == "text")


def _synthetic(message: Mapping[str, Any]) -> bool:
    content = blocks(message)
    return len(content) == 1 and content[0].get("text") in SYNTHETIC_TEXTS


def check(body: Any) -> None:
    """Raise InvalidRequest for what the real service refuses."""
    if not isinstance(body, dict):
        raise InvalidRequest("the request body is not a JSON object")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise InvalidRequest("model: Field required")
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        raise InvalidRequest("max_tokens: Field required")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(index, message)
    if messages[0]["role"] != "user":
        raise InvalidRequest("messages: first message must use the `user` role")
    _check_tools(body, messages)
    _check_calls(messages)


def _check_message(index: int, message: Any) -> None:
    where = f"messages.{index}"
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
        raise InvalidRequest(f"{where}.role: Input should be 'user' or 'assistant'")
    content = message.get("content")
    if not isinstance(content, str | list) or not content:
        raise InvalidRequest(f"{where}: all messages must have non-empty content")
    found: list[Any] = list(blocks(message))
    for position, block in enumerate(found):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise InvalidRequest(f"{where}.content.{position}.type: Field required")
        if block["type"] == "text" and not str(block.get("text") or "").strip():
            raise InvalidRequest("messages: text content blocks must be non-empty")


def _check_tools(body: Mapping[str, Any], messages: list[dict[str, Any]]) -> None:
    tools = body.get("tools") or []
    names = {tool.get("name") for tool in tools}
    if len(names) != len(tools):
        raise InvalidRequest("tools: Tool names must be unique")
    if not tools and any(blocks_of(messages, "tool_use")):
        raise InvalidRequest("Requests which include `tool_use` or `tool_result` blocks must define tools")


def _check_calls(messages: list[dict[str, Any]]) -> None:
    """Each tool_use is answered in the very next message, each tool_result answers one."""
    seen: set[str] = set()
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        results = [b.get("tool_use_id") for b in blocks(message) if b["type"] == "tool_result"]
        for result in results:
            if result not in open_calls:
                raise InvalidRequest(
                    f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {result}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        if missing := open_calls - set(results):
            raise InvalidRequest(
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(missing))}."
            )
        calls = [str(b.get("id")) for b in blocks(message) if b["type"] == "tool_use"]
        if len(set(calls)) != len(calls) or seen & set(calls):
            raise InvalidRequest(f"messages.{index}: `tool_use` ids must be unique")
        seen |= set(calls)
        open_calls = set(calls)
    if open_calls:
        raise InvalidRequest(
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(sorted(open_calls))}."
        )
