"""The status comment: what it says at each stage, in which form."""

from __future__ import annotations

import pytest

from ove_gh import comments
from ove_gh.agent import Step
from ove_gh.comments import (
    PullLink,
    StatusView,
)
from tests.comments.examples import DONE, TREE, WORKING, lines


def test_the_status_tells_where_the_work_stands() -> None:
    """Turn, time, money and branch in one line; then the checklist; then what is being done now."""
    assert comments.status_working(WORKING) == lines(
        f"**Working on it** · turn 1 · 1 min 40 s · $0.12 · branch [`ove/12-empty-cart`]({TREE})",
        "",
        "- [x] Read `cart.py` and its tests",
        "- [ ] **Write a failing test**",
        "- [ ] Fix `total()`",
        "",
        "<sub>Running `pytest tests/test_cart.py`</sub>",
    )


def test_the_first_status_says_only_what_is_known() -> None:
    """Without cost, branch, checklist and activity there is one line."""
    assert comments.status_working(StatusView("ove", 1, 0, 0)) == "**Working on it** · turn 1 · 0 s"


@pytest.mark.parametrize(("ahead", "said"), [(0, "another task ends"), (1, "one task"), (3, "3 tasks")])
def test_a_waiting_task_says_for_what(ahead: int, said: str) -> None:
    """A queued task is told how many come before it, or that every place is taken."""
    assert said in comments.status_queued(ahead)


def test_a_long_checklist_shows_the_part_that_matters() -> None:
    """What is being done now stays in sight, and what is left out is counted."""
    steps = [Step(f"step {n}", "completed" if n < 30 else "pending") for n in range(50)]
    shown = comments.status_working(StatusView("ove", 1, 1, 0, checklist=steps)).splitlines()
    assert shown[2] == "- [x] *the first 27 steps*"
    assert "- [ ] step 30" in shown
    assert shown[-1] == "- [ ] *and 8 more*"


def test_a_waiting_status_points_to_the_question() -> None:
    """The status says who was asked, and where once that is known."""
    assert "[my question](https://x.y/1)" in comments.status_waiting(WORKING, "alice", "https://x.y/1")
    assert "I asked alice: see my question below." in comments.status_waiting(WORKING, "alice", None)


def test_an_interrupted_status_asks_for_nothing() -> None:
    """When the service stops, the status says that it goes on by itself."""
    assert "nothing to do" in comments.status_interrupted(WORKING)


@pytest.mark.parametrize(
    ("pull", "head"),
    [
        (PullLink(13, "https://x.y/13", True), "**Done: [#13](https://x.y/13) fixes this** · 2 turns · 6 min · $0.41"),
        (PullLink(13, "https://x.y/13", False), "**Done: see [#13](https://x.y/13)** · 2 turns · 6 min · $0.41"),
        (None, "**Done** · 2 turns · 6 min · $0.41"),
    ],
)
def test_the_end_says_what_came_of_it(pull: PullLink | None, head: str) -> None:
    """The last form names the pull request and whether it fixes the issue, or is the plain answer."""
    assert comments.status_done(DONE, "It sums now.\n", pull) == f"{head}\n\nIt sums now."


def test_a_long_result_is_folded_after_its_beginning() -> None:
    """The first paragraphs of a long result stand open, and nothing of it is left out."""
    text = "\n\n".join(f"Paragraph {n}: " + "word " * 40 for n in range(20))
    said = comments.status_done(DONE, text, None)
    before, _, folded = said.partition("<details><summary>The rest</summary>")
    assert "Paragraph 0:" in before
    assert len(before) < 1_500
    assert "Paragraph 19:" in folded
    assert all(f"Paragraph {n}:" in said for n in range(20))


def test_what_git_would_not_take_is_named() -> None:
    """Paths that could not be committed are listed at the end."""
    assert comments.status_done(DONE, "x", None, ("a.bin", "b`c")).endswith("take them: `a.bin`, ``b`c``.")


def test_an_answer_in_its_own_comment_is_not_said_twice() -> None:
    """The status then only points down."""
    assert comments.status_done(DONE, "It is 42.", None, answered_below=True) == (
        "**Done: my answer is below** · 2 turns · 6 min · $0.41"
    )
