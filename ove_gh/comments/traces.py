"""The steps of a task, as people may look them up: in one fold, with more behind each step that has more to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ove_gh.comments.frame import LONGEST_TEXT, comment
from ove_gh.typesetting import clock, duration, flat, folded, inline, link, preformatted, tagged

_LONGEST_SUMMARY = 160
_LONGEST_DETAIL = 1_500
_AROUND = 1_500
"""Room for what stands around the list of steps (in characters)."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One step. `at` is in seconds since 1970; `kind` is lifecycle, tool, text, question, error or note."""

    at: float
    kind: str
    summary: str
    detail: str = ""


def trace(steps: Sequence[TraceLine], started_at: float, status_url: str | None = None) -> str:
    """The steps, oldest first; `started_at` is when the task began, in seconds since 1970.

    Details of the oldest steps go first when there is no room for all, and then the oldest steps.
    """
    if not steps:
        return "I have no steps to show: I have not worked in this thread, or it was too long ago."
    shown, left_out = _fitting(steps, started_at)
    count = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
    status = f" · {link('its status', status_url)}" if status_url else ""
    return comment(
        f"**What I did in my last task** · {count} in {duration(steps[-1].at - started_at)}{status}",
        folded("The steps, with the time since I began", "\n".join(shown)),
        f"<sub>{left_out}</sub>" if left_out else "",
    )


def _fitting(steps: Sequence[TraceLine], started_at: float) -> tuple[list[str], str]:
    """As many of the newest steps as there is room for, and what is left out, in words."""
    room = LONGEST_TEXT - _AROUND
    shown: list[str] = []
    for step in reversed(steps):
        line = _line(step, started_at)
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    shown.reverse()
    without = len(steps) - len(shown)
    cut = 0
    for position in reversed(range(len(shown))):
        whole = _with_detail(steps[without + position], started_at)
        room -= max(0, len(whole) - len(shown[position])) if whole else 0
        if room < 0:
            cut = sum(_has_detail(step) for step in steps[without : without + position + 1])
            break
        shown[position] = whole or shown[position]
    return shown, _left_out(without, cut)


def _left_out(steps: int, details: int) -> str:
    parts = []
    if steps:
        parts.append("the first step" if steps == 1 else f"the first {steps} steps")
    if details:
        parts.append("the details of one early step" if details == 1 else f"the details of {details} early steps")
    return f"There was no room for {' and '.join(parts)}." if parts else ""


def _line(step: TraceLine, started_at: float) -> str:
    said = _of_its_kind(step.kind, inline(step.summary, _LONGEST_SUMMARY) or "…", "**{}**")
    return f"- {clock(step.at - started_at)} · {said}"


def _with_detail(step: TraceLine, started_at: float) -> str:
    """The step as a fold, in HTML on one line, so that the list around it stays tight; empty without a detail."""
    if not _has_detail(step):
        return ""
    said = _of_its_kind(step.kind, tagged(step.summary, _LONGEST_SUMMARY) or "…", "<b>{}</b>")
    head = f"{clock(step.at - started_at)} · {said}"
    return f"- <details><summary>{head}</summary>{preformatted(step.detail, _LONGEST_DETAIL)}</details>"


def _of_its_kind(kind: str, said: str, stress: str) -> str:
    match kind:
        case "error":
            return f"{stress.format('Error:')} {said}"
        case "question":
            return f"{stress.format('Asked:')} {said}"
        case "text":
            return f"“{said}”"
        case _:
            return said


def _has_detail(step: TraceLine) -> bool:
    """Whether the detail says more than the summary does."""
    detail = step.detail.strip()
    return bool(detail) and flat(detail, _LONGEST_SUMMARY) != flat(step.summary, _LONGEST_SUMMARY)
