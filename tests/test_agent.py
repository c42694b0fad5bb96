"""Tests of how an outcome is recorded, and of what a turn may be given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.agent import (
    MOST_IMAGE_BYTES,
    MOST_IMAGES,
    Asked,
    Failed,
    FailureReason,
    Finished,
    Identity,
    Image,
    Interjection,
    Limits,
    Outcome,
    PullRequestText,
    Stopped,
    TurnInput,
    outcome_as_json,
    outcome_from_json,
)
from ove_gh.questions import Option, Question

costs = st.floats(min_value=0, max_value=1_000)
pull_requests = st.builds(PullRequestText, title=st.text(), body=st.text(), fixes_issue=st.booleans())
options = st.builds(Option, label=st.text(), description=st.text())
questions = st.builds(
    Question,
    text=st.text(),
    header=st.text(),
    options=st.lists(options, max_size=4).map(tuple),
    multiple=st.booleans(),
)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(
        Finished,
        text=st.text(),
        session_id=st.text(),
        cost_usd=costs,
        pull_request=st.none() | pull_requests,
        nothing_to_do=st.none() | st.text(),
        answer=st.none() | st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3),
    ),
    st.builds(
        Asked,
        tool_use_id=st.text(),
        questions=st.lists(questions, min_size=1, max_size=4).map(tuple),
        session_id=st.text(),
        cost_usd=costs,
    ),
    st.builds(
        Failed,
        reason=st.sampled_from(FailureReason),
        detail=st.text(),
        session_id=st.none() | st.text(),
        cost_usd=costs,
        tried=st.lists(st.text(), max_size=3).map(tuple),
    ),
    st.builds(Stopped, by=st.text(), session_id=st.none() | st.text(), cost_usd=costs),
)


@given(outcome=outcomes)
def test_a_recorded_outcome_is_read_back_as_it_was(outcome: Outcome) -> None:
    """Any outcome survives being written as JSON and read again, equal in every field."""
    assert outcome_from_json(json.loads(json.dumps(outcome_as_json(outcome)))) == outcome


def test_an_unknown_kind_of_outcome_is_an_error() -> None:
    """A row that another version of the service wrote is not guessed at."""
    with pytest.raises(ValueError, match="Napped"):
        outcome_from_json({"kind": "Napped"})


def test_an_outcome_of_before_schedules_is_read() -> None:
    """A row that was written before outcomes had all of today's fields is read with their defaults."""
    old = {"kind": "Finished", "text": "Done.", "session_id": "s", "cost_usd": 0.1, "pull_request": None}
    assert outcome_from_json(old) == Finished("Done.", "s", 0.1)


def _turn(**more: Any) -> TurnInput:
    ove = Identity("ove", "ove@example.invalid")
    return TurnInput(Path("clone"), Path("config"), ove, None, Limits(1, 1, 1), **more)


def test_images_are_bounded() -> None:
    """An image that the model's service would refuse cannot be made, and a turn takes eight, with a prompt."""
    fits = Image("image/png", b"x" * MOST_IMAGE_BYTES)
    for media_type, data in (("image/svg+xml", b"<svg/>"), ("image/png", b""), ("image/png", fits.data + b"x")):
        with pytest.raises(ValueError, match="image"):
            Image(media_type, data)
    assert _turn(prompt="Look", images=(fits,) * MOST_IMAGES).images
    with pytest.raises(ValueError, match="8 images"):
        _turn(prompt="Look", images=(fits,) * (MOST_IMAGES + 1))
    with pytest.raises(ValueError, match="prompt"):
        _turn(answers={"Which?": "This"}, images=(fits,))


def test_an_interjection_has_words() -> None:
    """A message of nothing but white space, which the CLI would pass over without a word, cannot be made."""
    with pytest.raises(ValueError, match="words"):
        Interjection(1, " \n")
