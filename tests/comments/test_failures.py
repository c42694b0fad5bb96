"""What is said of a failure: the reason, what is kept, how to go on."""

from __future__ import annotations

import re

import pytest

from ove_gh import comments
from ove_gh.agent import FailureReason
from ove_gh.comments import (
    NOTHING_KEPT,
    Failure,
    FailureKind,
    Kept,
)
from tests.comments.examples import DONE, KEPT, TREE, lines


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_says_what_happened_what_is_kept_and_what_to_do(kind: FailureKind) -> None:
    """For each kind: a reason in words, the commits that are kept, and a line that starts the App again."""
    text = comments.failure("alice", Failure(kind, "the service said 529"), KEPT, "ove")
    assert text.startswith("@alice, **I could not finish: ")
    assert "The service said 529." in text
    assert f"2 commits are on [`ove/12-empty-cart`]({TREE})" in text
    assert re.search(r"[Ww]rite `@ove( continue)?`[ :]", text)
    assert kind.value not in text
    assert comments.status_failed(DONE, Failure(kind), KEPT).startswith("**I could not finish: ")


@pytest.mark.parametrize("reason", FailureReason)
def test_every_reason_of_the_agent_has_words(reason: FailureReason) -> None:
    """A turn can fail in no way that could not be told."""
    assert comments.agent_failure(reason, "x") == Failure(FailureKind(reason.value), "x")


def test_a_failure_without_commits_promises_none() -> None:
    """Where nothing is kept, nothing is said to be; where only earlier work is there, that is."""
    crashed = Failure(FailureKind.CRASHED)
    assert comments.failure("alice", crashed, NOTHING_KEPT, "ove") == lines(
        "@alice, **I could not finish: Claude Code ended in the middle of the work.**",
        "",
        "Write `@ove continue` to go on.",
    )
    assert "1 commit is on" in comments.failure("alice", crashed, Kept(1, "b", None), "ove")
    assert "What I did so far is on `b`." in comments.failure("alice", crashed, Kept(0, "b", None), "ove")
