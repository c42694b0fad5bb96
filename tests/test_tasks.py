"""Tests of the moves a task may make."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from ove_gh import tasks
from ove_gh.tasks import MOVES, IllegalMove, Place, Status, check_move

LETTERS: dict[str, set[tuple[Status, Status]]] = {
    "a": {(Status.PENDING, Status.RUNNING)},
    "b": {(Status.RUNNING, Status.COMPLETED)},
    "c": {(source, Status.FAILED) for source in (Status.RUNNING, Status.PENDING, Status.WAITING_USER)},
    "d": {(source, Status.CANCELLED) for source in Status if not source.is_final},
    "e": {(Status.RUNNING, Status.PENDING)},
    "f": {(Status.RUNNING, Status.WAITING_USER)},
    "g": {(Status.WAITING_USER, Status.PENDING)},
    "h": {(Status.RUNNING, Status.WAITING_CI)},
    "i": {(Status.WAITING_CI, target) for target in (Status.PENDING, Status.COMPLETED, Status.FAILED)},
    "j": {(source, Status.COMPLETED) for source in (Status.PENDING, Status.WAITING_USER)},
}
"""The moves that each letter of the essay speaks of."""


def essay() -> tuple[str, str]:
    """The diagram, and the lettered lines below it."""
    assert tasks.__doc__ is not None
    _, diagram, explained = re.split(r"^(?=    pending)|^(?=a  )", tasks.__doc__, flags=re.MULTILINE)
    return diagram, explained


def test_every_letter_of_the_diagram_is_explained() -> None:
    """The letters in the diagram are just the ones that the essay explains."""
    diagram, explained = essay()
    drawn = set(re.findall(r"(?<=[─ ])[a-z](?=[─ ])", diagram))
    assert drawn == set(re.findall(r"^([a-z])  ", explained, re.MULTILINE)) == set(LETTERS)


def test_the_diagram_names_every_status() -> None:
    """Nothing a task can be is missing from the diagram."""
    diagram, _ = essay()
    assert {status for status in Status if re.search(rf"\b{status}\b", diagram)} == set(Status)


def test_the_table_holds_the_moves_of_the_essay_and_no_others() -> None:
    """The lettered moves, taken together, are the table."""
    table = {(source, target) for source, targets in MOVES.items() for target in targets}
    assert set().union(*LETTERS.values()) == table


def test_every_status_has_a_row() -> None:
    """No status is left out of the table, so that none can be moved unchecked."""
    assert set(MOVES) == set(Status)


def test_what_ends_a_task_is_final() -> None:
    """A completed, failed or cancelled task moves no more, and every other one can still end."""
    assert {status for status in Status if status.is_final} == {Status.COMPLETED, Status.FAILED, Status.CANCELLED}
    assert all(Status.CANCELLED in MOVES[status] for status in Status if not status.is_final)


@pytest.mark.parametrize(("source", "target"), list(product(Status, Status)))
def test_only_moves_of_the_table_are_let_through(source: Status, target: Status) -> None:
    """A move passes when the table has it, and otherwise says which task could not move from where to where."""
    if target in MOVES[source]:
        check_move(8, source, target)
        return
    with pytest.raises(IllegalMove) as caught:
        check_move(8, source, target)
    raised = caught.value
    assert (raised.task_id, raised.source, raised.target, raised.found) == (8, source, target, None)


def test_a_lane_survives_renames() -> None:
    """Two names of one repository share the lane of a thread; two threads do not."""
    old, new = Place(7, 42, "alice/shop", 3), Place(8, 42, "acme/store", 3)
    assert old.lane == new.lane
    assert old.lane != Place(7, 42, "alice/shop", 4).lane != Place(7, 43, "alice/shop", 4).lane


def test_the_readmes_diagram_shows_every_move_and_no_other() -> None:
    """The state diagram that people read is the table."""
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", readme, re.MULTILINE))
    assert drawn == {(str(source), str(target)) for source, targets in MOVES.items() for target in targets}
