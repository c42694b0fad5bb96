"""The record of a turn, read from messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import (
    AssistantMessage,
    ContentBlock,
    Message,
    SystemMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.claude.calls import CallWords
from ove_gh.claude.redaction import Redaction
from ove_gh.claude.trace import LONGEST_DETAIL, LONGEST_SUMMARY, Trace

SECRET = "sk-ant-1234"


def _trace() -> Trace:
    return Trace(CallWords(Path("/clone")), Redaction(SECRET))


def _says(*blocks: ContentBlock, **more: Any) -> AssistantMessage:
    return AssistantMessage(list(blocks), "a-model", **more)


def _gets(tool_use_id: str, content: Any, *, is_error: bool = False) -> UserMessage:
    return UserMessage([ToolResultBlock(tool_use_id, content, is_error)])


@pytest.mark.parametrize(
    ("content", "is_error", "ending", "detail"),
    [
        ("2 passed", False, "", "$ pytest -q\n\n2 passed"),
        ("Exit code 1\n1 failed", True, " (exit 1)", "$ pytest -q\n\nExit code 1\n1 failed"),
        ("Exit code 1", False, "", "$ pytest -q\n\nExit code 1"),
        ("No leave", True, " (failed)", "$ pytest -q\n\nNo leave"),
        (None, False, "", "$ pytest -q"),
        ([{"type": "text", "text": "a"}, {"type": "image", "source": {}}], False, "", "$ pytest -q\n\na\n[image]"),
    ],
)
def test_a_call_and_its_result(content: Any, is_error: bool, ending: str, detail: str) -> None:
    """A call is one step when its result is there: how it ended in the line, what came of it in the detail."""
    trace = _trace()
    assert trace.see(_says(ToolUseBlock("a", "Bash", {"command": "pytest -q"})), 1.0) == []
    (step,) = trace.see(_gets("a", content, is_error=is_error), 3.0)
    assert (step.kind, step.summary, step.detail, step.at) == ("tool", f"Ran `pytest -q`{ending}", detail, 1.0)
    assert trace.unfinished() == []


def test_calls_side_by_side() -> None:
    """Calls of one message end in any order, a helper's are marked, and one without a result is told at the end."""
    trace = _trace()
    trace.see(_says(ToolUseBlock("a", "Read", {"file_path": "/clone/a.py"}), ToolUseBlock("b", "Bash", {})), 1.0)
    trace.see(_says(ToolUseBlock("c", "Grep", {"pattern": "total"}), parent_tool_use_id="b"), 2.0)
    ended = [step for name in "cax" for step in trace.see(_gets(name, "x"), 3.0)]
    assert [step.summary for step in ended] == ["Helper: Searched for `total`", "Read `a.py`"]
    assert [step.summary for step in trace.unfinished()] == ["Ran `` (not finished)"]
    assert trace.unfinished() == []


def test_what_is_no_call() -> None:
    """Texts, troubles of the model's service and a shortened conversation are steps; thoughts and the rest are not."""
    trace = _trace()
    messages: list[Message] = [
        _says(ThinkingBlock("hm", "s"), TextBlock(" \n"), TextBlock("Let me see.\nNow.")),
        _says(TextBlock("API Error: 403"), error="authentication_failed"),
        SystemMessage("api_retry", {"attempt": 2, "max_retries": 15, "error_status": None, "error": "server_error"}),
        SystemMessage("compact_boundary", {}),
        SystemMessage("init", {}),
        UserMessage("total"),
    ]
    steps = [step for message in messages for step in trace.see(message, 1.0)]
    assert [(step.kind, step.summary, step.detail) for step in steps] == [
        ("text", "Let me see. Now.", "Let me see.\nNow."),
        ("error", "API Error: 403", "API Error: 403"),
        ("error", "The model's service does not answer (try 2 of 15)", "server error"),
        ("note", "Shortened the conversation so far", ""),
    ]


@given(st.text(max_size=40), st.text(max_size=40), st.integers(1, 100), st.booleans())
def test_a_step_is_bounded_and_keeps_secrets(before: str, after: str, times: int, is_error: bool) -> None:
    """However long a call and its result are, the line is one line, both are bounded, and no secret is in them."""
    trace = _trace()
    text = (before + SECRET + after) * times
    trace.see(_says(ToolUseBlock("a", "Write", {"file_path": text, text: [text]}), TextBlock(text)), 1.0)
    steps = [*trace.see(_gets("a", text, is_error=is_error), 2.0), trace.heard(text, 3.0)]
    for step in steps:
        assert len(step.summary) <= LONGEST_SUMMARY
        assert len(step.summary.splitlines()) == 1
        assert len(step.detail) <= LONGEST_DETAIL
        assert SECRET not in step.summary + step.detail


def test_a_long_result_keeps_its_end() -> None:
    """Of a long output the beginning and the end are kept: what a command says last is worth the most."""
    trace = _trace()
    trace.see(_says(ToolUseBlock("a", "Bash", {"command": "pytest"})), 1.0)
    (step,) = trace.see(_gets("a", "first\n" + "x" * 10_000 + "\nlast"), 2.0)
    assert step.detail.startswith("$ pytest\n\nfirst\n")
    assert step.detail.endswith("\nlast")
    assert len(step.detail) == LONGEST_DETAIL
