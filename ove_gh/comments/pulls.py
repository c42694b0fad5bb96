"""What the work leaves behind: answers, pull requests, and their titles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ove_gh.comments.frame import LONGEST_TEXT, comment, paragraphs
from ove_gh.markdown import read
from ove_gh.typesetting import block, flat, inline, link

LONGEST_TITLE = 72


@dataclass(frozen=True, slots=True)
class PullLink:
    """The pull request that came of a task; `fixes` says that merging it closes the issue."""

    number: int
    url: str
    fixes: bool


def answer(login: str, text: str) -> str:
    """A new comment for an answer that nobody may still be waiting for."""
    said = block(text, LONGEST_TEXT - 200, (login,))
    return (
        comment(f"@{login}, here is what I found.", said) if said else f"@{login}, I am done; there is nothing to add."
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided on the way; `url` is where they were asked."""

    question: str
    answer: str
    by_login: str
    url: str | None


def pull_request_title(title: str, fallback: str) -> str:
    """One line of at most 72 characters without a full stop; `fallback` is used when the agent gave none."""
    for candidate in (title, fallback):
        line = flat(candidate, LONGEST_TITLE).rstrip(". ")
        if line:
            return line
    return "Proposed changes"


def pull_request_body(
    text: str,
    *,
    issue: int,
    fixes: bool,
    decisions: Sequence[Decision],
    asked_by: str,
    asked_url: str,
) -> str:
    """What and why in the agent's words, what was decided with whom, and which issue it belongs to."""
    footer = f"<sub>Written by Claude Code for @{asked_by}, who {link('asked for it', asked_url)}.</sub>"
    after = paragraphs(_decisions(decisions), _belongs_to(text, issue, fixes=fixes), footer)
    said = block(text, LONGEST_TEXT - len(after) - 2, (asked_by,))
    return comment(said, after)


def leftover_message(number: int, title: str) -> str:
    """The commit message for what the agent left uncommitted."""
    words = flat(title, LONGEST_TITLE - len(f"Work in progress on #{number}: ")).rstrip(". ")
    return f"Work in progress on #{number}: {words}" if words else f"Work in progress on #{number}"


def _decisions(decisions: Sequence[Decision]) -> str:
    if not decisions:
        return ""
    lines = [
        f"- {inline(each.question, 200)} **{inline(each.answer, 200)}**, {link('said', each.url)} @{each.by_login}"
        for each in decisions[:20]
    ]
    return paragraphs("Decided on the way:", "\n".join(lines))


def _belongs_to(text: str, issue: int, *, fixes: bool) -> str:
    """The line that ties the pull request to its issue, unless the agent's text has it already.

    https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
    """
    closing = rf"\b(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?):? +#{issue}\b"
    if fixes and not re.search(closing, read(text[:LONGEST_TEXT]).words, re.IGNORECASE):
        return f"Closes #{issue}"
    return "" if fixes else f"For #{issue}"
