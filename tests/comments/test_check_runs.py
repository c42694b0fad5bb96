"""The App's own check runs: their titles and summaries, and buttons that GitHub takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ove_gh import comments
from ove_gh.ci import Lap, LapEnd
from ove_gh.comments import CheckText, Failure, FailureKind, OwnCheck
from tests.comments.examples import GREEN, GREEN_TOLD, LINT, RED, TEST_FAILED

URL = "https://x.y/status"


@pytest.mark.parametrize("state", OwnCheck)
def test_every_state_has_a_title_and_a_summary(state: OwnCheck) -> None:
    """GitHub requires both, even where nothing more is known."""
    text = comments.own_check(state)
    assert text.title
    assert text.summary.strip()


@pytest.mark.parametrize("end", LapEnd)
@pytest.mark.parametrize("state", [OwnCheck.DONE, OwnCheck.LEFT])
def test_every_end_of_a_wait_has_a_title(state: OwnCheck, end: LapEnd) -> None:
    """The check run says how the wait ended, and on which commit."""
    text = comments.own_check(state, lap=Lap("8c1d2e0f33", "https://x.y/8c", end), url=URL)
    assert text.title.startswith(("Done", "Ended", "A later task"))
    assert text.summary.startswith("[`8c1d2e0`](https://x.y/8c): ")
    assert text.summary.endswith(f"See [what I did]({URL}).")


def test_the_states_are_told_in_few_words() -> None:
    """Attempts are counted, green is green only when all is, and failures and stops say why and by whom."""
    on_base = replace(GREEN, on_base=(LINT,))
    assert comments.own_check(OwnCheck.WORKING, url=URL) == CheckText(
        "Working on it", f"I am at work on this branch.\n\nSee [how far I am]({URL})."
    )
    assert comments.own_check(OwnCheck.WORKING, attempt=2).title == "Fixing red checks: attempt 2 of 3"
    assert comments.own_check(OwnCheck.WORKING, lap=RED, max_attempts=5) == CheckText(
        "Fixing red checks: attempt 1 of 5", f"[`3f2a91c`](https://x.y/3f): {TEST_FAILED}. I am on it."
    )
    assert comments.own_check(OwnCheck.WORKING, lap=GREEN).title == "Working on it"
    assert comments.own_check(OwnCheck.WAITING_USER, url=URL).summary == (
        f"I need a decision before I go on; [my comment]({URL}) leads to the question."
    )
    assert comments.own_check(OwnCheck.DONE, lap=GREEN) == CheckText("Done: all checks are green", f"{GREEN_TOLD}.")
    assert comments.own_check(OwnCheck.DONE, lap=on_base).title == "Done: it breaks no check"
    assert comments.own_check(OwnCheck.STOPPED, by_login="bob").title == "Stopped by bob"
    assert comments.own_check(OwnCheck.FAILED, lap=RED).title == "I could not finish: checks are still red"
    failure = Failure(FailureKind.BUDGET)
    assert comments.own_check(OwnCheck.FAILED, lap=RED, failure=failure).title == (
        "I could not finish: I used up the money that I may spend"
    )


def test_buttons_keep_githubs_limits() -> None:
    """A label has at most 20 characters, a description 40, an identifier 20."""
    assert [button.identifier for button in (comments.STOP, comments.AGAIN)] == ["stop", "again"]
    for button in (comments.STOP, comments.AGAIN):
        assert 0 < len(button.label) <= 20
        assert 0 < len(button.description) <= 40
        assert len(button.identifier) <= 20


def test_a_bad_settings_file_is_told_line_by_line() -> None:
    """Each problem with its line, what holds meanwhile, and nothing that others wrote calls anybody."""
    text = comments.settings_problems(
        [(3, "`@team` is no setting, @team."), (None, "It is too long.")], ".github/ove.yml"
    )
    assert text.title == "2 mistakes in .github/ove.yml"
    assert "\n\n- Line 3: `@team` is no setting, <code>@team</code>.\n- It is too long.\n\n" in text.summary
    assert text.summary.endswith("until then I go by what held before.")
    assert comments.settings_problems([(1, "x")], ".github/ove.yml").title == "A mistake in .github/ove.yml"
    many = comments.settings_problems([(n, "x") for n in range(1, 31)], ".github/ove.yml")
    assert "- *and 10 more*" in many.summary
    assert comments.settings_problems([], ".github/ove.yml").title == ".github/ove.yml is in order"
