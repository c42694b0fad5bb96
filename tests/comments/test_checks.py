"""The story of the checks: what the status comment tells of each lap, and the comment when they stay red."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ove_gh import comments
from ove_gh.ci import FailureLine, GiveUpReason, Lap, LapEnd
from ove_gh.comments import NOTHING_KEPT, Failure, FailureKind, StatusView
from tests.comments.examples import (
    DONE,
    GREEN,
    GREEN_TOLD,
    KEPT,
    LINT,
    PULL,
    RED,
    RED_TOLD,
    TEST,
    TEST_FAILED,
    TREE,
    WORKING,
    lines,
)

SHA = "8c1d2e0f33"
N13 = "[#13](https://x.y/13)"
BACK = "If a check fails, I come back by myself to fix it; write `@ove stop` if I should not."
LINT_LINK = "[`lint`](https://x.y/l)"
TEST_LINK = "[`test (3.12)`](https://x.y/t)"


def done(*laps: Lap) -> StatusView:
    """The work after these laps."""
    return replace(DONE, laps=laps)


# --- while it goes on ---


def test_red_checks_head_the_status_of_the_turn_that_answers_them() -> None:
    """Which commit, which attempt, what failed where; then the checklist and what is being done, as in any turn."""
    said = comments.status_working(replace(WORKING, laps=(RED,), turn=2)).split("\n\n")
    assert said[0] == (
        "**Checks are red on [`3f2a91c`](https://x.y/3f)** · attempt 1 of 3 · turn 2 · 1 min 40 s · $0.12 · "
        f"branch [`ove/12-empty-cart`]({TREE})"
    )
    assert said[1] == f"{TEST_FAILED}. I am on it."
    assert said[2:] == comments.status_working(WORKING).split("\n\n")[1:]


def test_earlier_laps_are_told_apart_from_the_checklist() -> None:
    """A list of laps has a line of its own before it, so that it does not run into the checklist."""
    again = replace(RED, sha="77aa001c", attempt=2)
    said = comments.status_working(replace(WORKING, laps=(RED, again)))
    assert f"- [ ] Fix `total()`\n\nThe checks before that:\n\n- {RED_TOLD}\n\n<sub>" in said
    assert said.startswith("**Checks are red on [`77aa001`](https://x.y/3f)** · attempt 2 of 3")


def test_a_turn_for_people_is_headed_as_any_other() -> None:
    """Red checks that no attempt answers do not head the status; the story still tells of them."""
    said = comments.status_working(replace(WORKING, laps=(replace(RED, attempt=None),)))
    assert said.startswith("**Working on it** · turn 1")
    assert f"The checks so far:\n\n- [`3f2a91c`](https://x.y/3f): {TEST_FAILED}\n" in said


@pytest.mark.parametrize(
    ("laps", "most", "then"),
    [
        ((), 3, BACK),
        ((RED,), 3, BACK),
        ((RED,), 1, "If a check still fails, I stop there and tell you."),
        ((), 0, "If a check fails, I stop there and tell you."),
    ],
)
def test_a_waiting_status_says_what_happens_next(laps: tuple[Lap, ...], most: int, then: str) -> None:
    """The commit, the pull request, the agent's words; and it promises to come back only while attempts are left."""
    said = comments.status_checking(
        replace(done(*laps), max_attempts=most), "It sums now.", PULL, SHA, "https://x.y/8c"
    )
    assert said.startswith(
        f"**Waiting for the checks of [`8c1d2e0`](https://x.y/8c)** · {N13} · 2 turns · 6 min · $0.41\n\nIt sums now."
    )
    assert said.endswith(f"<sub>Nothing runs meanwhile. {then}</sub>")
    assert ("The checks so far:" in said) == bool(laps)


def test_a_question_and_an_interruption_keep_the_story() -> None:
    """Whatever the task waits for, what the checks said stays told."""
    view = replace(WORKING, laps=(RED,))
    assert RED_TOLD in comments.status_waiting(view, "alice", None)
    assert RED_TOLD in comments.status_interrupted(view)


# --- what is told of a lap ---


@pytest.mark.parametrize(
    ("conclusion", "message", "said"),
    [
        ("failure", "E501", f"{LINT_LINK} failed: `E501`"),
        ("failure", "failed", f"{LINT_LINK} failed"),
        ("timed_out", "timed out", f"{LINT_LINK} timed out"),
        ("action_required", "", f"{LINT_LINK} waits for somebody’s action"),
        ("startup_failure", "", f"{LINT_LINK} could not start"),
        ("ask_@team", "", f"{LINT_LINK} ended as “ask <code>@team</code>”"),
    ],
)
def test_ways_to_fail_are_told_apart(conclusion: str, message: str, said: str) -> None:
    """Each conclusion has its words, and an error is added only where there is one."""
    lap = replace(RED, failed=(FailureLine("lint", "https://x.y/l", conclusion, message),), attempt=None)
    assert f"- [`3f2a91c`](https://x.y/3f): {said}" in comments.status_failed(
        done(lap), Failure(FailureKind.CHECKS_RED), KEPT
    ).split("\n")


def test_many_failures_are_summed_up() -> None:
    """Three failed checks are named, the others counted."""
    lap = replace(RED, failed=tuple(replace(LINT, name=f"check {n}", message="") for n in range(7)))
    said = comments.status_working(replace(WORKING, laps=(lap,)))
    assert "[`check 2`](https://x.y/l) failed; and 4 more. I am on it." in said
    assert "check 3" not in said


def test_many_laps_are_summed_up() -> None:
    """A long story begins with how much of it is left out, and its end is there."""
    laps = [replace(RED, sha=f"{n:07d}", attempt=n) for n in range(1, 21)]
    said = comments.status_done(done(*laps, GREEN), "x", PULL)
    assert "How the checks went:\n\n- *15 earlier commits*\n- [`0000016`]" in said
    assert said.endswith(f"- {GREEN_TOLD}")
    assert "attempt 20 of 20" in said


@pytest.mark.parametrize(
    ("on_base", "said"),
    [
        ((LINT,), f"{LINT_LINK} fails on the base branch, too: left alone."),
        ((LINT, TEST), f"{LINT_LINK} and {TEST_LINK} fail on the base branch, too: left alone."),
        ((LINT,) * 9, f", {LINT_LINK} and 6 more fail on the base branch, too: left alone."),
    ],
)
def test_what_fails_on_the_base_is_named_and_nothing_calls_it_green(
    on_base: tuple[FailureLine, ...], said: str
) -> None:
    """Checks that are red without us are named once, and then the head does not say that all are green."""
    text = comments.status_done(done(RED, replace(GREEN, on_base=on_base)), "x", PULL)
    assert text.startswith(f"**Done: {N13} fixes this, and it breaks no check** ·")
    assert "- [`8c1d2e0`](https://x.y/8c): 4 checks passed\n" in text
    assert text.endswith(said)
    assert text.count("left alone") == 1
    red = comments.status_working(replace(WORKING, laps=(replace(RED, on_base=on_base),)))
    assert "I am on it. ([`lint`]" in red
    assert red.count("left alone") == 1


# --- the end ---


@pytest.mark.parametrize(
    ("fixes", "head"),
    [(True, f"Done: {N13} fixes this, and its checks are green"), (False, f"Done: see {N13}; its checks are green")],
)
def test_green_checks_are_told_with_the_way_there(fixes: bool, head: str) -> None:
    """The head says that they are green, and the story has each lap in its order."""
    pull = replace(PULL, fixes=fixes)
    assert comments.status_done(done(RED, GREEN), "It sums now.", pull) == lines(
        f"**{head}** · 2 turns · 6 min · $0.41",
        "",
        "It sums now.",
        "",
        "How the checks went:",
        "",
        f"- {RED_TOLD}",
        f"- {GREEN_TOLD}",
    )
    assert comments.status_done(done(GREEN), "It sums now.", pull).endswith(f"It sums now.\n\n{GREEN_TOLD}.")


@pytest.mark.parametrize(
    ("lap", "head", "said"),
    [
        (Lap(SHA, "", LapEnd.NO_CHECKS), f"Done: {N13} fixes this**", "Nothing checks this repository’s commits"),
        (
            Lap(SHA, "", LapEnd.UNFINISHED, running=("e2e", "docs")),
            "fixes this, but its checks have not all ended**",
            "`e2e` and `docs` had not ended on `8c1d2e0`",
        ),
        (Lap(SHA, "", LapEnd.UNFINISHED), "have not all ended**", "Some checks had not ended"),
        (
            Lap(SHA, "", LapEnd.MOVED, by="bob_"),
            "fixes this**",
            "bob\\_ pushed to the branch after me, so I left the rest to you. Write `@ove continue`",
        ),
        (Lap(SHA, "", LapEnd.MOVED), "fixes this**", "Somebody pushed to the branch after me"),
        (
            Lap(SHA, "", LapEnd.MERGED),
            f"Done: {N13} is merged**",
            "It was merged before the checks of `8c1d2e0` had ended",
        ),
        (Lap(SHA, "", LapEnd.SUPERSEDED), "fixes this**", "A later task of this thread"),
        (Lap(SHA, "", LapEnd.UNREADABLE), "fixes this**", "I may not read this repository’s checks"),
    ],
)
def test_every_other_end_is_told_in_a_plain_sentence(lap: Lap, head: str, said: str) -> None:
    """The second line says how the wait ended and what people can do, before the agent's own words."""
    first, second, third, *story = comments.status_done(done(RED, lap), "It sums now.", PULL).split("\n\n")
    assert head in first
    assert said in second
    assert third == "It sums now."
    assert story == ["The checks before that:", f"- {RED_TOLD}"]


def test_checks_that_were_left_red_are_not_hidden() -> None:
    """A task that completes over red checks says so in its first line."""
    said = comments.status_done(done(replace(RED, attempt=None)), "x", PULL)
    assert said.startswith(f"**Done: {N13} fixes this, but its checks are red**")


def test_a_stopped_task_says_who_stopped_it_and_what_is_kept() -> None:
    """Who, where the commits are, and how to go on."""
    assert comments.status_cancelled(DONE, "bob_", KEPT) == lines(
        "**Stopped by bob\\_** · 2 turns · 6 min · $0.41",
        "",
        f"Nothing is lost: 2 commits are on [`ove/12-empty-cart`]({TREE}). Write `@ove continue` to go on.",
    )
    assert comments.status_cancelled(DONE, "bob", NOTHING_KEPT).endswith("\n\nWrite `@ove continue` to go on.")


def test_a_closed_pull_request_ends_it_kindly() -> None:
    """That it was closed, and how to have it after all; the closing is not told twice."""
    said = comments.status_closed(done(RED, Lap(SHA, "", LapEnd.CLOSED)), PULL)
    assert said.startswith(f"**Ended, because {N13} was closed** · 2 turns")
    assert "It was not merged. If you want it after all, reopen it and write `@ove continue`." in said
    assert said.endswith(f"- {RED_TOLD}")
    assert comments.status_closed(DONE, None).startswith("**Ended, because the pull request was closed**")


def test_a_schedules_tasks_name_it_first() -> None:
    """Each form of the status begins with the schedule's number when one asked."""
    view = replace(WORKING, schedule=3)
    heads = [
        (comments.status_working(view), "**Schedule 3: working on it** ·"),
        (
            comments.status_working(replace(view, laps=(RED,))),
            "**Schedule 3: checks are red on [`3f2a91c`](https://x.y/3f)**",
        ),
        (comments.status_checking(view, "x", PULL, SHA, None), "**Schedule 3: waiting for the checks of `8c1d2e0`** ·"),
        (
            comments.status_done(replace(view, laps=(GREEN,)), "x", replace(PULL, fixes=False)),
            f"**Schedule 3: see {N13}; its checks are green** ·",
        ),
        (comments.status_done(view, "x", None), "**Schedule 3: done** ·"),
        (
            comments.status_failed(view, Failure(FailureKind.CRASHED), KEPT),
            "**Schedule 3 could not finish: Claude Code ended",
        ),
        (comments.status_cancelled(view, "bob", KEPT), "**Schedule 3: stopped by bob** ·"),
        (comments.status_closed(view, PULL), f"**Schedule 3: ended, because {N13} was closed** ·"),
    ]
    for said, head in heads:
        assert said.startswith(head)


# --- giving up ---

RED_AT_LAST = replace(RED, attempt=None)
STILL = TEST_FAILED.replace("failed", "still fails")


def gave_up(reason: GiveUpReason, attempts: int, tried: tuple[str, ...] = (), last: Lap = RED_AT_LAST) -> list[str]:
    """The paragraphs of the comment after so many attempts."""
    laps = [*(replace(RED, attempt=n) for n in range(1, attempts + 1)), last]
    return comments.checks_gave_up("alice", laps, tried, PULL, reason, attempts, "ove").split("\n\n")


@pytest.mark.parametrize(
    ("reason", "attempts", "said", "then"),
    [
        (GiveUpReason.ATTEMPTS, 3, f"**I stopped after 3 attempts.** {STILL}.", "with a hint"),
        (GiveUpReason.ATTEMPTS, 1, f"**I stopped after one attempt.** {STILL}.", "with a hint"),
        (
            GiveUpReason.ATTEMPTS,
            0,
            f"**Checks are red, and I am set up to leave them to you.** {TEST_FAILED}.",
            "to have me look into it",
        ),
        (
            GiveUpReason.SAME_AGAIN,
            2,
            f"**I stopped after 2 attempts: the same failure came back.** {STILL}.",
            "with a hint",
        ),
        (
            GiveUpReason.MONEY,
            1,
            f"**I stopped after one attempt: the money that I may spend is used up.** {STILL}.",
            "to go on",
        ),
        (
            GiveUpReason.MONEY,
            0,
            f"**I stopped: the money that I may spend is used up.** {TEST_FAILED}.",
            "to go on",
        ),
    ],
)
def test_giving_up_says_why_what_still_fails_and_how_to_go_on(
    reason: GiveUpReason, attempts: int, said: str, then: str
) -> None:
    """One comment that calls who asked, worded by the reason and by how often it was tried."""
    assert gave_up(reason, attempts) == [
        f"@alice, {said}",
        f"The work is on {N13}. Write `@ove continue` {then}, or take it from there.",
    ]


def test_what_was_tried_is_told_in_one_line_or_in_a_list() -> None:
    """Short attempts stand in one sentence; long ones are a list, whatever Markdown they begin with."""
    short = gave_up(GiveUpReason.ATTEMPTS, 3, ("Quantize at the end.", " ", "quantize per line <", "a context"))
    assert short[1] == "I tried: Quantize at the end; quantize per line &lt;; a context."
    words = "I " + "really " * 30 + "tried"
    long = gave_up(GiveUpReason.ATTEMPTS, 2, (f"## {words}", f"> 1. {words} with @bob"))
    assert long[1:3] == ["I tried:", f"- {words}\n- {words} with <code>@bob</code>"]


def test_what_fails_without_us_is_not_held_against_the_attempts() -> None:
    """The comment names what fails on the base, too, and tells timed-out checks from failed ones."""
    slow = FailureLine("e2e", "", "timed_out", "timed out")
    first = gave_up(GiveUpReason.ATTEMPTS, 1, (), replace(RED, failed=(slow,), on_base=(LINT,)))[0]
    assert first.endswith(
        "** `e2e` still times out. [`lint`](https://x.y/l) fails on the base branch, too: left alone."
    )


def test_the_status_of_a_task_that_gave_up_tells_its_laps() -> None:
    """It says that checks are still red, and keeps the whole story."""
    last = replace(RED, sha="77aa001c", attempt=None)
    said = comments.status_failed(done(RED, last), Failure(FailureKind.CHECKS_RED), KEPT)
    assert said.startswith("**I could not finish: checks are still red** ·")
    assert f"How the checks went:\n\n- {RED_TOLD}\n- [`77aa001`](https://x.y/3f): {TEST_FAILED}\n\n<sub>" in said
