"""The AskUserQuestion calls of one turn: the call that waits gets its answers, a new one ends the turn.

The CLI asks twice for leave to run the tool, through a PreToolUse hook and through the permission callback. When it
resumes a session that waits in a question, it may do so before it knows our hooks, and then asks the callback alone: so
both hand over the answers. Only the hook can defer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claude_agent_sdk import PermissionResultAllow, PermissionResultDeny
from claude_agent_sdk.types import HookContext, HookInput, SyncHookJSONOutput

from ove_gh.agent import TurnInput
from ove_gh.claude.interjections import Interjections
from ove_gh.claude.transcripts import WaitingCall
from ove_gh.questions import Answers, MalformedQuestions, read_questions

ONE_AT_A_TIME = (
    "Only one AskUserQuestion call can wait at a time, and another one of yours does. "
    "Put further questions into one call, or ask again once that one is answered."
)
READ_FIRST = (
    "Somebody wrote to you while you were asking; you read it next. Ask again if the question is still open then."
)
ASK_AGAIN = "The question could not be put to people just now. Please ask it again."


class Asking:
    """Answers for `waiting`, the call in which the session was left, and a place for one new question.

    With a message in its queue the CLI would go on after a question, and pass it over. So nothing more of
    `interjections` is sent once a question waits, and none waits before the agent has read what was sent.
    """

    def __init__(self, waiting: WaitingCall | None, answers: Answers | None, interjections: Interjections) -> None:
        self._interjections = interjections
        self._waiting = waiting.tool_use_id if waiting else None
        self._answers = answers or {}
        self._deferred: str | None = None

    async def before_tool(self, call: HookInput, _tool_use_id: str | None, _: HookContext) -> SyncHookJSONOutput:
        """The PreToolUse hook."""
        if call["hook_event_name"] != "PreToolUse":
            return {}
        tool_use_id, tool_input = call["tool_use_id"], call["tool_input"]
        if tool_use_id == self._waiting:
            return _decision("allow", updated_input=self._answered(tool_input))
        try:
            read_questions(tool_input)
        except MalformedQuestions as error:
            return _decision("deny", reason=f"Nobody could answer this: {error}. Please ask again.")
        if self._deferred not in (None, tool_use_id):
            return _decision("deny", reason=ONE_AT_A_TIME)
        if self._interjections.waiting:
            return _decision("deny", reason=READ_FIRST)
        self._interjections.hold()
        self._deferred = tool_use_id
        return _decision("defer")

    def permission(
        self, tool_use_id: str | None, tool_input: Mapping[str, Any]
    ) -> PermissionResultAllow | PermissionResultDeny:
        """The permission callback's answer for this tool."""
        if tool_use_id is not None and tool_use_id == self._waiting:
            return PermissionResultAllow(updated_input=self._answered(tool_input))
        return PermissionResultDeny(message=ASK_AGAIN)

    def _answered(self, tool_input: Mapping[str, Any]) -> dict[str, Any]:
        return {**tool_input, "answers": dict(self._answers)}


def opening_prompt(turn: TurnInput, waiting: WaitingCall | None) -> str | None:
    """What to say to the session first; None when it waits in a question and only needs the answers.

    A turn that was cut off after it had handed the answers over finds no waiting question any more: then the answers
    are said in words, which can say them twice but never loses them.
    """
    if turn.answers is None:
        return turn.prompt or ""
    if waiting is not None:
        return None
    lines = [f"- {question}\n  {answer}" for question, answer in turn.answers.items()]
    return "\n".join(["Go on from where you left off. For the record, the answers to your questions:", *lines])


def _decision(
    verdict: str, *, reason: str | None = None, updated_input: dict[str, Any] | None = None
) -> SyncHookJSONOutput:
    output: dict[str, Any] = {"hookEventName": "PreToolUse", "permissionDecision": verdict}
    if reason is not None:
        output["permissionDecisionReason"] = reason
    if updated_input is not None:
        output["updatedInput"] = updated_input
    return {"hookSpecificOutput": output}  # type: ignore[typeddict-item]
