"""The parts that need no CLI: a tool call in words, where a transcript waits, who hands over an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from claude_agent_sdk import (
    PermissionResultAllow,
    PermissionResultDeny,
    SessionStoreEntry,
)
from claude_agent_sdk.types import PreToolUseHookInput

from ove_gh.agent import ServiceTool, ToolAnswer
from ove_gh.claude.asking import ASK_AGAIN, Asking
from ove_gh.claude.calls import LONGEST, CallWords
from ove_gh.claude.interjections import Interjections
from ove_gh.claude.policy import Allow, Deny, decide
from ove_gh.claude.redaction import Redaction
from ove_gh.claude.transcripts import WaitingCall, waiting_call
from tests.claude.scene import ROUNDING

WORKDIR = Path("/data/clones/7")


@pytest.mark.parametrize(
    ("tool", "tool_input", "words"),
    [
        ("Bash", {"command": "pytest tests/test_cart.py"}, "Running `pytest tests/test_cart.py`"),
        ("Bash", {"command": "cat <<END\nmuch text\nEND"}, "Running `cat <<END …`"),
        ("Bash", {"command": "echo `date`"}, "Running `echo 'date'`"),
        ("Bash", {}, "Running ``"),
        ("Read", {"file_path": "/data/clones/7/shop/cart.py"}, "Reading `shop/cart.py`"),
        ("Read", {"file_path": "/data/clones/8/secret/cart.py"}, "Reading `cart.py`"),
        ("Edit", {"file_path": "/data/clones/7/cart.py"}, "Editing `cart.py`"),
        ("NotebookEdit", {"notebook_path": "/data/clones/7/sums.ipynb"}, "Editing `sums.ipynb`"),
        ("Write", {"file_path": "/data/clones/7/new.py"}, "Writing `new.py`"),
        ("Grep", {"pattern": "def total"}, "Searching for `def total`"),
        ("Agent", {"description": "Find the callers"}, "Looking into it: Find the callers"),
        ("AskUserQuestion", {"questions": []}, "Asking a question"),
        ("mcp__ove__describe_pull_request", {}, "Describing the pull request"),
        ("TaskUpdate", {"taskId": "1"}, ""),
    ],
)
def test_a_tool_call_in_words(tool: str, tool_input: dict[str, Any], words: str) -> None:
    """A tool call reads as one short line, with paths as the repository knows them."""
    assert CallWords(WORKDIR).doing(tool, tool_input) == words


@pytest.mark.parametrize(
    ("tool", "tool_input", "words"),
    [
        ("Bash", {"command": "pytest tests/test_cart.py"}, "Ran `pytest tests/test_cart.py`"),
        ("Edit", {"file_path": "/data/clones/7/cart.py"}, "Edited `cart.py`"),
        ("TaskCreate", {"subject": "Read cart.py"}, "Put on the checklist: Read cart.py"),
        ("TaskUpdate", {"taskId": "1"}, "Changed the checklist"),
        ("SomethingNew", {}, "Used `SomethingNew`"),
    ],
)
def test_a_call_that_is_over_in_words(tool: str, tool_input: dict[str, Any], words: str) -> None:
    """Every call that is over has a line, whichever tool it was."""
    assert CallWords(WORKDIR).done(tool, tool_input) == words


async def _no_answer(_: Any) -> ToolAnswer:
    raise NotImplementedError


def test_a_call_of_the_services_own_tool_in_words() -> None:
    """A tool of the service says itself what a call does; one whose arguments it cannot read is told by its name."""
    reading = ServiceTool("read", "Read", {}, _no_answer, lambda arguments: f"Reading #{arguments['number']}")
    words = CallWords(WORKDIR, [reading])
    assert (
        words.doing("mcp__ove__read", {"number": 12}) == words.done("mcp__ove__read", {"number": 12}) == "Reading #12"
    )
    assert (words.doing("mcp__ove__read", {}), words.done("mcp__ove__read", {})) == ("", "Used `mcp__ove__read`")


def test_a_long_command_is_cut() -> None:
    """However long a command is, its line is not."""
    assert len(CallWords(WORKDIR).doing("Bash", {"command": "x" * 5000})) == len("Running ``") + LONGEST


def test_a_secret_in_a_calls_arguments() -> None:
    """A secret is taken out wherever it stands in the arguments, before anything is cut."""
    redaction = Redaction("a-secret", "")
    given = {"edits": [{"new a-secret": "x a-secret y"}], "count": 2, "none": None}
    assert redaction.arguments(given) == {"edits": [{"new …": "x … y"}], "count": 2, "none": None}


def test_every_permission_has_an_answer() -> None:
    """A tool of the policy is allowed, another one denied with its name; so are the service's tools of this turn."""
    assert decide("Bash") == decide("Edit") == decide("mcp__ove__read", service_tools=["read"]) == Allow()
    assert decide("CronCreate") == Deny("CronCreate cannot be used here. Go on without it.")
    assert isinstance(decide("mcp__ove__read"), Deny)
    assert isinstance(decide("mcp__other__read", service_tools=["read"]), Deny)
    assert isinstance(decide("Edit", read_only=True), Deny)
    assert decide("Bash", read_only=True) == Allow()


def _deferred(tool_use_id: str) -> dict[str, Any]:
    return {"type": "attachment", "attachment": {"type": "hook_deferred_tool", "toolUseID": tool_use_id}}


def _answered(tool_use_id: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "user",
        "message": {"content": [{"type": "tool_result", "tool_use_id": tool_use_id, "content": ""}]},
        **more,
    }


@pytest.mark.parametrize(
    ("entries", "waiting"),
    [
        ([], None),
        ([_deferred("a")], "a"),
        ([_deferred("a"), {"type": "last-prompt"}], "a"),
        ([_deferred("a"), _answered("beside")], "a"),
        ([_deferred("a"), _answered("a", isSidechain=True)], "a"),
        ([_deferred("a"), _answered("a")], None),
        ([_deferred("a"), _answered("a"), _deferred("b")], "b"),
        ([_deferred("a"), {"type": "user", "message": {"content": "never mind"}}], None),
    ],
)
def test_where_a_transcript_waits(entries: list[dict[str, Any]], waiting: str | None) -> None:
    """A transcript waits in its last deferred call until that is answered or passed over."""
    found = waiting_call(cast(list[SessionStoreEntry], entries))
    assert found == (WaitingCall(waiting) if waiting else None)


def _call(tool_use_id: str) -> PreToolUseHookInput:
    call = {"hook_event_name": "PreToolUse", "tool_use_id": tool_use_id, "tool_input": {"questions": [ROUNDING]}}
    return cast(PreToolUseHookInput, call)


@pytest.mark.anyio
async def test_the_cli_may_ask_for_the_answer_in_two_ways() -> None:
    """The waiting call gets its answers from the hook and from the permission callback alike; another gets neither."""
    asking = Asking(WaitingCall("a"), {ROUNDING["question"]: "Half up"}, Interjections(None, print))
    answered = {"questions": [ROUNDING], "answers": {ROUNDING["question"]: "Half up"}}
    by_hook = cast(dict[str, Any], await asking.before_tool(_call("a"), "a", {"signal": None}))["hookSpecificOutput"]
    assert (by_hook["permissionDecision"], by_hook["updatedInput"]) == ("allow", answered)
    assert asking.permission("a", {"questions": [ROUNDING]}) == PermissionResultAllow(updated_input=answered)
    next_one = cast(dict[str, Any], await asking.before_tool(_call("b"), "b", {"signal": None}))["hookSpecificOutput"]
    assert next_one["permissionDecision"] == "defer"
    assert asking.permission("b", {"questions": [ROUNDING]}) == PermissionResultDeny(message=ASK_AGAIN)
