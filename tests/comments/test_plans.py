"""The texts of plans: how one is shown, started and missed."""

from __future__ import annotations

from ove_gh import comments
from tests.comments.examples import lines

TEXT = "- [ ] Write a failing test\n- [ ] Sum"


def test_a_plan_says_how_to_start_and_how_to_change_it() -> None:
    """The agent's checklist as it is, and below it who may start it in which way."""
    assert comments.plan("alice", TEXT, "ove") == lines(
        "@alice, this is how I would do it.",
        "",
        "- [ ] Write a failing test",
        "- [ ] Sum",
        "",
        "<sub>To start it, somebody with write access writes `@ove go` or gives this comment a 👍. To change it, reply"
        " with `@ove` and what should be different.</sub>",
    )


def test_a_started_plan_differs_only_in_its_end() -> None:
    """Once somebody has started it, the same comment says who, and offers no start any more."""
    before, after = (said.split("\n\n") for said in (comments.plan("alice", TEXT, "ove"), started()))
    assert after == [*before[:-1], "<sub>Started by bob.</sub>"]


def started() -> str:
    """The plan's comment after bob has started it."""
    return comments.plan_started("alice", TEXT, "bob")


def test_without_a_plan_there_is_a_next_step() -> None:
    """An empty plan cannot be started, and neither can one that was never asked for."""
    assert comments.plan("alice", " ", "ove").startswith("@alice, no plan came of it. Write `@ove plan`")
    assert comments.no_plan("alice", "ove").startswith("@alice, there is no plan here to start. Write `@ove plan`")
