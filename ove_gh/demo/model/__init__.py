"""A model by script, behind a real Messages API on loopback: `ScriptedModel` and the words of its scripts."""

from __future__ import annotations

from ove_gh.demo.model.request import Request, ToolResult
from ove_gh.demo.model.server import ScriptedModel
from ove_gh.demo.model.steps import (
    Block,
    Hang,
    Reply,
    Step,
    Usage,
    ask,
    cut_off,
    fail,
    hang,
    reply,
    say,
    use,
)

__all__ = [
    "Block",
    "Hang",
    "Reply",
    "Request",
    "ScriptedModel",
    "Step",
    "ToolResult",
    "Usage",
    "ask",
    "cut_off",
    "fail",
    "hang",
    "reply",
    "say",
    "use",
]
