"""How an agent's outcome is kept in its turn's row, and read from there. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ove_gh.agent import Outcome, Step, outcome_as_json, outcome_from_json
from ove_gh.tasks import Turn


def recorded(outcome: Outcome, checklist: tuple[Step, ...]) -> dict[str, Any]:
    """An outcome as the turn's row keeps it, with the checklist as it stood then."""
    return {"outcome": outcome_as_json(outcome), "checklist": [asdict(step) for step in checklist]}


def with_left_out(turn: Turn, paths: tuple[str, ...]) -> dict[str, Any]:
    """The same, with the paths that could not be committed."""
    assert turn.outcome is not None
    return {**turn.outcome, "left_out": list(paths)}


def outcome_of(turn: Turn) -> Outcome | None:
    """The outcome that a turn's row keeps; None while there is none."""
    return outcome_from_json(turn.outcome["outcome"]) if turn.outcome is not None else None


def checklist_of(turn: Turn) -> tuple[Step, ...]:
    """The agent's checklist when the turn ended."""
    return tuple(Step(**step) for step in turn.outcome["checklist"]) if turn.outcome is not None else ()


def left_out_of(turn: Turn) -> tuple[str, ...]:
    """The paths that could not be committed at the end of a turn."""
    return tuple(turn.outcome.get("left_out", ())) if turn.outcome is not None else ()
