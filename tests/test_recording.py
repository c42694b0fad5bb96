"""Tests of how an outcome is kept in its turn's row. What outcomes look like as JSON is test_agent.py's business."""

from __future__ import annotations

import json
from dataclasses import replace

from ove_gh.agent import Finished, Step
from ove_gh.recording import checklist_of, left_out_of, outcome_of, recorded, with_left_out
from ove_gh.tasks import Turn, TurnStatus

STEPS = (Step("Read `cart.py`", "completed"), Step("Fix it", "in_progress"), Step("Test it", "pending"))
ENDED = Finished("Done.", "session", 0.25)
RUNNING = Turn(1, 1, 1, TurnStatus.RUNNING, None, None, 1, 0, 0, None, 0.0, None)


def kept(turn: Turn) -> Turn:
    """The turn after its row was written and read."""
    return replace(turn, outcome=json.loads(json.dumps(turn.outcome)))


def test_an_outcome_and_its_checklist_come_back() -> None:
    """What the agent said, and how far its checklist was, are read as they were recorded."""
    turn = kept(replace(RUNNING, outcome=recorded(ENDED, STEPS)))
    assert (outcome_of(turn), checklist_of(turn), left_out_of(turn)) == (ENDED, STEPS, ())


def test_what_could_not_be_committed_is_added() -> None:
    """The paths are found out while publishing: they are added, and nothing of the outcome is lost."""
    turn = kept(replace(RUNNING, outcome=recorded(ENDED, STEPS)))
    amended = kept(replace(turn, outcome=with_left_out(turn, ("a.bin", "b.bin"))))
    assert left_out_of(amended) == ("a.bin", "b.bin")
    assert (outcome_of(amended), checklist_of(amended)) == (ENDED, STEPS)
    again = kept(replace(turn, outcome=with_left_out(amended, ("c.bin",))))
    assert left_out_of(again) == ("c.bin",)


def test_a_turn_that_has_not_ended_has_none() -> None:
    """Before the agent's end there is no outcome, no checklist and nothing left out."""
    assert (outcome_of(RUNNING), checklist_of(RUNNING), left_out_of(RUNNING)) == (None, (), ())
