"""The short answers to commands: what they say, and that what they tell people to write is read as they say."""

from __future__ import annotations

import re

import pytest

from ove_gh import comments
from ove_gh.commands import SetBudget, meanings, read_command, read_request
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


def test_a_budget_is_told_with_the_most_that_is_possible() -> None:
    """What a task may cost now stands first; then how much it could be."""
    assert comments.budget_set(5, 10, "ove") == lines(
        "A task in this thread may now cost up to **$5.00**.",
        "",
        "<sub>`@ove budget` shows how much it is. Up to $10.00 is possible.</sub>",
    )
    assert "possible" not in comments.budget_set(10, 10, "ove")
    assert comments.budget_is(None, 10, "ove").startswith("A task in this thread may cost up to **$10.00**, as usual.")
    assert comments.budget_too_high(50, 10) == (
        "$50.00 is more than a task may cost here. Nothing has changed; up to **$10.00** is possible."
    )


@pytest.mark.parametrize("dollars", [None, 1, 5])
@pytest.mark.parametrize("most", [0.01, 0.5, 5, 10, 12.5, 100_000])
def test_the_example_of_a_budget_is_one_that_can_be_set(dollars: float | None, most: float) -> None:
    """What people are told to write is read as an amount that is possible, and that is another than now."""
    (example,) = re.findall("such as `(@ove budget .*?)`", comments.budget_is(dollars, most, "ove"))
    request = read_request(example, "ove")
    assert request is not None
    command = read_command(request)
    assert isinstance(command, SetBudget)
    assert command.dollars is not None
    assert 0 < command.dollars <= most
    assert command.dollars != dollars
