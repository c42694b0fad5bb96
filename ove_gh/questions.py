"""What the agent asks people, as values: the AskUserQuestion call, read once.

The shape of the tool's input is Claude Code's own; the reference is
https://docs.claude.com/en/docs/agent-sdk/user-input
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class MalformedQuestions(ValueError):
    """The agent's AskUserQuestion input has no question that a person could answer."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: what it is called, and what choosing it means (may be empty)."""

    label: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its options; `multiple` allows more than one of them."""

    text: str
    header: str = ""
    options: tuple[Option, ...] = ()
    multiple: bool = False


Questions = tuple[Question, ...]
"""All questions of one AskUserQuestion call, in the agent's order."""

Answers = dict[str, str]
"""Question text → what was chosen: a label, several joined with ", ", or free words."""


def read_questions(tool_input: Mapping[str, Any]) -> Questions:
    """Read the input of an AskUserQuestion call; raises MalformedQuestions."""
    raw = tool_input.get("questions")
    if not isinstance(raw, list) or not raw:
        raise MalformedQuestions("the call holds no questions")
    return tuple(_question(item) for item in raw)


def _question(item: Any) -> Question:
    if not isinstance(item, Mapping) or not str(item.get("question") or "").strip():
        raise MalformedQuestions("a question has no text")
    options = item.get("options") or []
    return Question(
        text=str(item["question"]),
        header=str(item.get("header") or ""),
        options=tuple(
            Option(str(o.get("label") or ""), str(o.get("description") or ""))
            for o in options
            if isinstance(o, Mapping) and o.get("label")
        ),
        multiple=bool(item.get("multiSelect")),
    )
