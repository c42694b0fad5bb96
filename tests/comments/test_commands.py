"""The short answers to commands: what they say, and that what they tell people to write is read as they say."""

from __future__ import annotations

import re

import pytest

from ove_gh import comments
from ove_gh.commands import SetBudget, meanings, read_command, read_request
from ove_gh.comments import NOTHING_KEPT, Failure, FailureKind
from tests.comments.examples import lines

ROWS = (("review [FOCUS]", "Review this pull request."), ("stop", "Stop at once. The work so far stays."))
LISTED = ("- `review [FOCUS]`: review this pull request.", "- `stop`: stop at once. The work so far stays.")


def test_help_lists_the_commands_a_line_each() -> None:
    """Plain language comes first; then each command as it is written, with what it does; then how to read the list."""
    said = comments.help(ROWS, "ove").split("\n\n")
    assert said[0] == "Write `@ove` and what you want, in your own words, or one of these:"
    assert said[1] == lines(*LISTED)
    assert said[2].startswith("<sub>Capitals stand for your own words;")


def test_help_has_every_command() -> None:
    """Of the commands that are read, none is missing."""
    rows = [(meaning.usage, meaning.does) for meaning in meanings()]
    said = comments.help(rows, "ove").splitlines()
    assert all(any(line.startswith(f"- `{meaning.usage}`: ") for line in said) for meaning in meanings())


@pytest.mark.parametrize(
    ("unknown", "nearest", "said"),
    [
        ("sttaus", "status", "I do not know `sttaus`. Did you mean `@ove status`?"),
        ("`@team", None, "I do not know `` `@team ``. Write `@ove` and what you want, in your own words, or one of"),
    ],
)
def test_an_unknown_command_is_answered_with_what_was_meant(unknown: str, nearest: str | None, said: str) -> None:
    """The word that was written, the nearest command or the way to do without, and a list that opens with a click."""
    told = comments.help(ROWS, "ove", unknown, nearest)
    assert told.startswith(said)
    assert told.endswith(f"<details><summary>What I know</summary>\n\n{lines(*LISTED)}\n\n</details>")


@pytest.mark.parametrize(
    ("said", "opening"),
    [
        (comments.nothing_to_stop("alice"), "@alice, there is nothing to stop"),
        (comments.nothing_to_retry("alice", "ove"), "@alice, I have done nothing here yet. Write `@ove`"),
        (comments.still_at_it("https://x.y/s"), "I am still at it: [this is how far I am](https://x.y/s)."),
        (comments.still_at_it(None), "I am still at it."),
        (comments.model_set("opus"), "From my next turn on I work with `opus` in this thread."),
        (comments.model_set(None), "From my next turn on I work with the usual model in this thread again."),
        (
            comments.model_is("opus", "ove"),
            "I work with `opus` in this thread.\n\n<sub>To change it, write `@ove model` and a model’s name; "
            "`@ove model default` goes back to the usual one.</sub>",
        ),
        (comments.model_is(None, "ove"), "I work with the usual model in this thread.\n"),
        (comments.model_refused("x`y"), "I cannot work with a model called ``x`y``. Nothing has changed."),
        (
            comments.model_refused("x", ("opus", "haiku")),
            "I cannot work with a model called `x`. Nothing has changed. I can work with `opus` and `haiku`.",
        ),
    ],
)
def test_an_answer_to_a_command_is_a_sentence_or_two(said: str, opening: str) -> None:
    """Each says how it is, and where there is something to do, what."""
    assert said.startswith(opening)


def test_a_budget_is_told_with_what_is_spent() -> None:
    """What the thread may cost, and what it has cost so far: also when that is more."""
    assert comments.budget_set(5, 1.2, "ove") == lines(
        "This thread may now cost up to **$5.00** in all; $1.20 of it is spent so far.",
        "",
        "<sub>`@ove budget` shows how much it is.</sub>",
    )
    assert "used up: it has cost $7.00 so far" in comments.budget_set(5, 7, "ove")
    assert comments.budget_is(None, 1.2, 10, "ove").startswith(
        "This thread has cost $1.20 so far. Each task may cost up to **$10.00**, as usual."
    )
    assert comments.budget_is(5, 1.2, 10, "ove").startswith(
        "This thread has cost $1.20 so far, and may cost up to **$5.00** in all."
    )


def test_who_meets_a_budget_that_is_used_up_is_told_how_to_raise_it() -> None:
    """The failure names the thread's budget, and the command that raises it above what is spent."""
    problem = Failure(FailureKind.BUDGET, comments.budget_used_up(5, 5.1, "ove"))
    assert comments.failure("bob", problem, NOTHING_KEPT, "ove").startswith(
        "@bob, **I could not finish: I used up the money that I may spend.** The budget of \\$5.00 for this thread is"
        " used up; “<code>@ove</code> budget 10.20” raises it.\n\nWrite `@ove continue` to go on"
    )
    assert "“@ove budget 10”" in comments.budget_used_up(5, 5, "ove")


@pytest.mark.parametrize("dollars", [None, 0.01, 1, 5, 100_000])
@pytest.mark.parametrize("spent", [0, 0.001, 0.5, 12.34, 100_000])
def test_the_example_of_a_budget_is_one_that_can_be_set(dollars: float | None, spent: float) -> None:
    """What people are told to write is read as an amount that is another than now, and more than is spent."""
    (example,) = re.findall("such as `(@ove budget .*?)`", comments.budget_is(dollars, spent, 10, "ove"))
    request = read_request(example, "ove")
    assert request is not None
    command = read_command(request)
    assert isinstance(command, SetBudget)
    assert command.dollars is not None
    assert command.dollars > spent
    assert command.dollars != dollars
