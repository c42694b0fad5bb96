"""Answers and pull requests: what they say, and whom they call."""

from __future__ import annotations

import re

import pytest

from ove_gh import comments
from ove_gh.comments import (
    Decision,
)
from tests.comments.examples import ROUNDING, lines


def test_an_answer_calls_only_who_asked() -> None:
    """A late answer mentions the person who asked; others are named without a call."""
    assert comments.answer("alice", "Ask @bob, @Alice.") == (
        "@alice, here is what I found.\n\nAsk <code>@bob</code>, @Alice."
    )


@pytest.mark.parametrize(
    ("title", "fallback", "said"),
    [
        ("Return 0 for an empty cart.", "x", "Return 0 for an empty cart"),
        (" Two\nlines ", "x", "Two lines"),
        ("", "The total is wrong", "The total is wrong"),
        ("...", "", "Proposed changes"),
        ("word " * 30, "x", "word " * 13 + "word…"),
    ],
)
def test_a_pull_requests_title_is_one_short_line(title: str, fallback: str, said: str) -> None:
    """One line of at most 72 characters, without a full stop, never empty."""
    assert comments.pull_request_title(title, fallback) == said
    assert len(said) <= 72


def body(text: str, *, fixes: bool, decisions: tuple[Decision, ...] = ()) -> str:
    """The body of a pull request for issue 12."""
    return comments.pull_request_body(
        text, issue=12, fixes=fixes, decisions=decisions, asked_by="alice", asked_url="https://x.y/c"
    )


def test_a_pull_requests_body_says_why_who_decided_and_what_it_closes() -> None:
    """The agent's words, the decisions with their authors, the issue, and who asked."""
    decision = Decision(ROUNDING.text, "Half up", "bob", "https://x.y/q")
    assert body("`total()` returned NaN.", fixes=True, decisions=(decision,)) == lines(
        "`total()` returned NaN.",
        "",
        "Decided on the way:",
        "",
        "- Which rounding should the total use? **Half up**, [said](https://x.y/q) @bob",
        "",
        "Closes #12",
        "",
        "<sub>Written by Claude Code for @alice, who [asked for it](https://x.y/c).</sub>",
    )


@pytest.mark.parametrize(
    ("text", "fixes", "said"),
    [
        ("x", False, ["For #12"]),
        ("Fixes #12.", True, []),
        ("`Fixes #12`", True, ["Closes #12"]),
        ("Fixes #123", True, ["Closes #12"]),
    ],
)
def test_the_issue_is_named_once(text: str, fixes: bool, said: list[str]) -> None:
    """The body closes the issue only when it is fixed, and does not repeat what the agent wrote already."""
    assert [line for line in body(text, fixes=fixes).split("\n") if re.match("(Closes|For) #", line)] == said


def test_leftover_work_has_a_commit_message() -> None:
    """What the agent left uncommitted is committed under the issue's number and title, in one short line."""
    assert comments.leftover_message(12, "The total is wrong.") == "Work in progress on #12: The total is wrong"
    assert comments.leftover_message(12, " \n") == "Work in progress on #12"
    assert len(comments.leftover_message(12, "word " * 99)) <= 72
