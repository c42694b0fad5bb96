"""The status comment: what it says at each stage, in which form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ove_gh import comments
from ove_gh.agent import Step
from ove_gh.comments import Failure, FailureKind, PullLink, StatusView
from ove_gh.tasks import Kind
from tests.comments.examples import DONE, KEPT, PULL, TREE, WORKING, lines


def test_the_status_tells_where_the_work_stands() -> None:
    """Turn, time, money and branch in one line; then the checklist; then what is being done now."""
    assert comments.status_working(WORKING) == lines(
        f"**Working on it** · turn 1 · 1 min 40 s · $0.12 · branch [`ove/12-empty-cart`]({TREE})",
        "",
        "- [x] Read `cart.py` and its tests",
        "- [ ] **Write a failing test**",
        "- [ ] Fix `total()`",
        "",
        "<sub>Running `pytest tests/test_cart.py` · write `@ove stop` to stop"
        " · comments here reach me while I work</sub>",
    )


def test_the_first_status_says_only_what_is_known() -> None:
    """Without cost, branch, checklist and activity there is the head, and how to have a word in it."""
    assert comments.status_working(StatusView("ove", 1, 0, 0)) == lines(
        "**Working on it** · turn 1 · 0 s",
        "",
        "<sub>Write `@ove stop` to stop · comments here reach me while I work</sub>",
    )


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
    assert shown[-3] == "- [ ] *and 8 more*"


def test_a_waiting_status_points_to_the_question() -> None:
    """The status says who was asked, where once that is known, and how to end the wait."""
    said = comments.status_waiting(WORKING, "alice", "https://x.y/1")
    assert "[my question](https://x.y/1)" in said
    assert "`@ove stop`" in said
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


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Kind.WORK, "my answer is below"), (Kind.PLAN, "my plan is below"), (Kind.REVIEW, "see my review")],
)
def test_an_answer_in_its_own_comment_is_not_said_twice(kind: Kind, said: str) -> None:
    """The status then only points to it, and says what it is."""
    assert comments.status_done(DONE, "It is 42.", None, answered_below=True, kind=kind) == (
        f"**Done: {said}** · 2 turns · 6 min · $0.41"
    )


def every_form(view: StatusView) -> list[str]:
    """The status of a task that has begun, at each stage."""
    return [
        comments.status_working(view),
        comments.status_interrupted(view),
        comments.status_waiting(view, "alice", None),
        comments.status_checking(view, "x", PULL, "3f2a91c", None),
        comments.status_done(view, "x", None),
        comments.status_failed(view, Failure(FailureKind.BUDGET), KEPT),
        comments.status_cancelled(view, "bob", KEPT),
        comments.status_closed(view, PULL),
    ]


def test_a_lost_conversation_is_told_in_one_line() -> None:
    """Every form of the status says so in a paragraph of its own, and only when it is so."""
    note = comments.session_lost_note()
    assert all(note in said.split("\n\n") for said in every_form(replace(WORKING, started_again=True)))
    assert not any(note in said for said in every_form(WORKING))


def test_changes_to_a_fork_are_said_to_be_elsewhere() -> None:
    """Where the App cannot push, the status says where the changes are, once there are some."""
    view, note = replace(DONE, from_fork=True), comments.fork_note(PULL)
    assert note == "I cannot push to the fork that this comes from, so my changes are on [#13](https://x.y/13)."
    assert note in comments.status_done(view, "It sums now.", PULL).split("\n\n")
    assert note in comments.status_checking(view, "It sums now.", PULL, "3f2a91c", None).split("\n\n")
    assert "fork" not in comments.status_done(view, "It sums now.", None)
    assert comments.fork_note(None, "https://x.y/r").endswith("are in [suggestions](https://x.y/r).")
