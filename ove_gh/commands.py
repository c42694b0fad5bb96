"""A comment's Markdown → who is meant and what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ove_gh import markdown

_OPENS_LINE = re.compile(r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)]|#{1,6})[ \t]+(?:\[[ xX]\][ \t]+)?)*(?P<stress>\*{0,2})")
_AFTER_ADDRESS = re.compile(r"(?:[,:;.!?]+|(?=\s)|\Z)(?:[ \t]+[-–—](?=[ \t]))?[ \t]*")

_LONGEST_OPENING = 1_000
"""How far from the start of its line (in characters) a mention can stand and still open it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of the App, in Markdown; empty when they wrote its name and nothing else."""

    text: str


@dataclass(frozen=True, slots=True)
class _Mention:
    start: int
    end: int


def read_request(comment: str, slug: str) -> Request | None:
    """The request that a comment makes of the App called `slug`, or None when the App is not addressed in it.

    Only plain words address it: a mention in code, in a block quote, in a link or in HTML does not, nor one that
    is hidden in an HTML comment. The request is the whole comment without what is hidden, and without the mentions
    that merely open a line; code, quotes and words before a later mention stay in it as context.
    """
    if not slug or f"@{slug}".lower() not in comment.lower():
        return None
    document = markdown.read(comment)
    mentions = list(_mentions(document, slug))
    if not mentions:
        return None
    addresses = [span for mention in mentions for span in _address(document, mention)]
    hidden = list(document.runs(markdown.COMMENT))
    return Request(_trimmed(markdown.without(document.source, hidden + addresses)))


def _mentions(document: markdown.Document, slug: str) -> Iterator[_Mention]:
    for match in mention_pattern(slug).finditer(document.words):
        yield _Mention(*match.span())


def mention_pattern(slug: str) -> re.Pattern[str]:
    """Finds `@slug` where GitHub would: not within a longer login, a team's name or an e-mail address.

    The rule is that of GitHub's own filter; a backslash that escapes is not shown, so it ends no name:
    https://github.com/gjtorikian/html-pipeline/blob/v2.14.3/lib/html/pipeline/%40mention_filter.rb
    """
    return re.compile(
        rf"(?<!\w)(?<!\w\\)@{re.escape(slug)}(?:\[bot\])?(?!\w|\\?[_/-]|\\?\.(?:\w|\\_))",
        re.IGNORECASE | re.ASCII,
    )


def _address(document: markdown.Document, mention: _Mention) -> Iterator[tuple[int, int]]:
    """What to take away of a mention that opens its line: the name, what stresses it, and the comma behind."""
    source = document.source
    line_start = source.rfind("\n", 0, mention.start) + 1
    if mention.start - line_start > _LONGEST_OPENING:
        return
    opening = _OPENS_LINE.fullmatch(
        "".join(source[i] for i in range(line_start, mention.start) if document.inks[i] != markdown.COMMENT)
    )
    if opening is None:
        return
    stress = opening["stress"]
    if not source.startswith(stress, mention.end):
        stress = ""
    after = _AFTER_ADDRESS.match(source, mention.end + len(stress))
    if after is not None:
        yield mention.start - len(stress), after.end()


def _trimmed(text: str) -> str:
    """The text without blank lines around it; the first line keeps its indent, which may make it code."""
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", text).rstrip() if text.strip() else ""
