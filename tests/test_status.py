"""Tests of how often the status comment is edited."""

from __future__ import annotations

from ove_gh.status import pause_after


def edits_within(seconds: float, interval: float) -> int:
    """How often a comment is edited whose agent does something new all the time."""
    elapsed, edits = 0.0, 0
    while elapsed < seconds:
        elapsed += pause_after(elapsed, interval)
        edits += 1
    return edits


def test_the_first_minute_is_followed_closely() -> None:
    """At the beginning the comment is edited as often as the operator allows."""
    assert edits_within(60, 5) == 12


def test_an_hour_of_work_stays_far_below_githubs_limit() -> None:
    """Four agents that work for an hour leave room in the 500 writes an hour that GitHub allows."""
    assert 4 * edits_within(3600, 5) < 450
