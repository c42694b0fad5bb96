"""What is said in reviews: the summary, the remarks on lines, and the answers in their threads."""

from __future__ import annotations

from collections.abc import Sequence

from ove_gh import markdown
from ove_gh.comments.checks import commit
from ove_gh.comments.frame import LONGEST_TEXT, command, comment, paragraphs
from ove_gh.typesetting import block, code, fenced

_LONGEST_REMARK = 3_000
_HALF = LONGEST_TEXT // 2 - 100


def review_summary(text: str, slug: str, left_out: Sequence[tuple[str, int, str]]) -> str:
    """The body of a review. `left_out` are remarks (path, line, body) on lines that the diff does not show."""
    said = block(text, _HALF) or "I have read the changes."
    again = command(slug, "review")
    how = f"Start a reply with {command(slug, '')}, and I answer there. After a push, {again} looks at what is new."
    footer = f"<sub>{how}</sub>"
    return comment(said, _left_out(left_out, LONGEST_TEXT - len(said) - len(footer) - 200), footer)


def review_remark(text: str, suggestion: str | None) -> str:
    """The body of a comment on lines of the diff. `suggestion` replaces these lines; empty, it removes them.

    https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/reviewing-changes-in-pull-requests/incorporating-feedback-in-your-pull-request
    """
    said = block(text, _HALF)
    if suggestion is None:
        return said or "I have a doubt about this."
    change = fenced(markdown.normalised(suggestion), "suggestion")
    if len(change) > _HALF:
        change = "*What I would write instead is too long for a comment.*"
    return paragraphs(said, change)


def review_reply(text: str, sha: str | None, sha_url: str | None) -> str:
    """The answer in a review thread; `sha` is what was pushed for the review, whatever it does about this comment."""
    said = block(text, LONGEST_TEXT - 1_500)
    done = f"See {commit(sha, sha_url)}." if sha else ""
    return paragraphs(said, done) or "I have looked at it, and changed nothing."


def review_needs_pull(login: str, slug: str) -> str:
    """The answer to `review` where there is no pull request."""
    there = f"Write {command(slug, 'review')} on the pull request itself"
    return f"@{login}, there is no pull request here to review. {there}."


def _left_out(remarks: Sequence[tuple[str, int, str]], room: int) -> str:
    """The remarks as a list, as many as fit."""
    if not remarks:
        return ""
    told: list[str] = []
    for path, line, body in remarks:
        remark = _indented(f"{code(f'{path}:{line}', 200)}\n\n{block(body, _LONGEST_REMARK) or '…'}")
        room -= len(remark) + 2
        if room < 0:
            break
        told.append(remark)
    more = len(remarks) - len(told)
    told += [f"- *and {more} more*"] if more else []
    return paragraphs("On lines that the diff does not show:", *told)


def _indented(text: str) -> str:
    """The text as one point of a list. A paragraph of its own begins the body, because `block` sets whole blocks."""
    first, *others = text.split("\n")
    return "\n".join([f"- {first}", *(f"  {line}".rstrip() for line in others)])
