"""A tool call in words for people: while it runs, and once it is over; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ove_gh.agent import ServiceTool
from ove_gh.claude import policy

LONGEST = 80
"""Characters of the variable part."""


class CallWords:
    """Puts the calls of one turn into words. `workdir` is the clone, `tools` are those that the service answers."""

    def __init__(self, workdir: Path, tools: Iterable[ServiceTool] = ()) -> None:
        self._workdir = workdir
        self._tools = {policy.service_tool(tool.name): tool for tool in tools}

    def doing(self, tool: str, tool_input: Mapping[str, Any]) -> str:
        """One short line on what a call does; empty where it is not worth a line."""
        if tool in self._tools:
            return _activity(self._tools[tool], tool_input)
        words = _words(tool, tool_input, self._workdir)
        return f"{words[0]} {words[2]}".rstrip() if words else ""

    def done(self, tool: str, tool_input: Mapping[str, Any]) -> str:
        """One short line on what a call did, whichever tool it was."""
        if words := _words(tool, tool_input, self._workdir):
            return f"{words[1]} {words[2]}".rstrip()
        match tool:
            case "TaskCreate":
                return f"Put on the checklist: {bounded(str(tool_input.get('subject') or ''))}"
            case "TaskUpdate":
                return "Changed the checklist"
            case "TaskList" | "TaskGet":
                return "Looked at the checklist"
        return self.doing(tool, tool_input) or f"Used {code(tool)}"


def _activity(tool: ServiceTool, tool_input: Mapping[str, Any]) -> str:
    try:
        return bounded(tool.activity(tool_input))
    except Exception:  # noqa: BLE001 - the words for a call that will be refused; the refusal is what counts
        return ""


def _words(tool: str, given: Mapping[str, Any], workdir: Path) -> tuple[str, str, str] | None:
    """What a call does and what it did, as verbs, and to what."""
    match tool:
        case "Bash":
            return "Running", "Ran", code(first_line(given.get("command")))
        case "Read":
            return "Reading", "Read", _path(given.get("file_path"), workdir)
        case "Edit" | "NotebookEdit":
            return "Editing", "Edited", _path(given.get("file_path") or given.get("notebook_path"), workdir)
        case "Write":
            return "Writing", "Wrote", _path(given.get("file_path"), workdir)
        case "Grep" | "Glob":
            return "Searching for", "Searched for", code(first_line(given.get("pattern")))
        case "Agent" | "Task":
            return "Looking into it:", "Looked into it:", bounded(first_line(given.get("description")))
        case policy.ASK:
            return "Asking a question", "Asked a question", ""
        case policy.NOTHING_TO_DO:
            return "Nothing to do", "Found nothing to do", ""
        case policy.DESCRIBE:
            return "Describing the pull request", "Described the pull request", ""
    return None


def _path(path: object, workdir: Path) -> str:
    given = Path(str(path or ""))
    return code(
        str(given.relative_to(workdir)) if given.is_absolute() and given.is_relative_to(workdir) else given.name
    )


def first_line(text: object) -> str:
    """The first line, with an ellipsis if there are more."""
    lines = str(text or "").strip().splitlines()
    return f"{lines[0]} …" if len(lines) > 1 else "".join(lines)


def code(text: str) -> str:
    """A Markdown code span of bounded length; back-ticks inside would end it."""
    inside = bounded(text.replace("`", "'"))
    return f"`{inside}`"


def bounded(text: str, longest: int = LONGEST) -> str:
    """The text in one line of at most `longest` characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
