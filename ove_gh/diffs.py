"""Reads the patch of one file: which lines of its new version a comment can stand on."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HUNK = re.compile(r"@@ -[0-9]{1,9}(?:,[0-9]{1,9})? \+([0-9]{1,9})(?:,[0-9]{1,9})? @@")


def lines_of(patch: str) -> frozenset[int]:
    """The numbers, from 1, of the new version's lines that a file's patch shows: those that come, and those that stay.

    `patch` is what GitHub tells of one file, hunks without the lines above them; of anything else nothing is read.
    GitHub takes comments on these lines alone: https://docs.github.com/en/rest/pulls/comments#create-a-review-comment-for-a-pull-request
    """
    found: set[int] = set()
    number: int | None = None
    # only "\n" ends a line of a patch: the file's own lines may hold any other separator
    for line in patch.split("\n"):
        if hunk := _HUNK.match(line):
            number = int(hunk[1])
        elif number is not None and line.startswith(("+", " ")):
            found.add(number)
            number += 1
    return frozenset(found)


def ranges(lines: Iterable[int]) -> str:
    """Numbers in few words, in order: "3–9, 14". Empty for none."""
    spans: list[tuple[int, int]] = []
    for line in sorted(set(lines)):
        if spans and spans[-1][1] == line - 1:
            spans[-1] = (spans[-1][0], line)
        else:
            spans.append((line, line))
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in spans)
