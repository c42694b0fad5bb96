"""Reads the patch of one file: which lines it shows, and how the two sides of it correspond."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["LEFT", "RIGHT"]
"""Which side of a diff a line is on: LEFT for lines that go, RIGHT for lines that come or stay."""

_HEADER = re.compile(r"@@ -(?P<left>\d+)(?:,\d+)? \+(?P<right>\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a patch. `position` counts from the first hunk header on, further headers included.

    `left` and `right` are its numbers in the old and in the new file; a line that is in only one of them has one.
    """

    position: int
    hunk: int
    text: str
    left: int | None = None
    right: int | None = None


def read_patch(patch: str) -> tuple[DiffLine, ...]:
    """The lines of a file's patch, headers included, as the REST API shows it (without the `diff --git` lines)."""
    lines: list[DiffLine] = []
    hunk = left = right = 0
    for position, text in enumerate(patch.split("\n") if patch else ()):
        header = _HEADER.match(text)
        if header:
            hunk, left, right = hunk + 1, int(header["left"]), int(header["right"])
            lines.append(DiffLine(position, hunk, text))
            continue
        goes, comes = text.startswith(("-", " ")), text.startswith(("+", " "))
        lines.append(DiffLine(position, hunk, text, left if goes else None, right if comes else None))
        left, right = left + goes, right + comes
    return tuple(lines)


def line_at(lines: Sequence[DiffLine], number: int, side: Side) -> DiffLine | None:
    """The line of that number that can be commented on: on the left those that go, on the right those that are there.

    https://docs.github.com/en/rest/pulls/comments#create-a-review-comment-for-a-pull-request
    """
    if side == "LEFT":
        return next((one for one in lines if one.left == number and one.right is None), None)
    return next((one for one in lines if one.right == number), None)


def hunk_up_to(lines: Sequence[DiffLine], last: DiffLine) -> str:
    """A hunk from its header to a line: what GitHub calls the diff_hunk of a comment."""
    return "\n".join(one.text for one in lines if one.hunk == last.hunk and one.position <= last.position)


def follow(lines: Sequence[DiffLine], number: int) -> int | None:
    """Where a line of the old file is in the new one; None when it was changed or removed."""
    offset = 0
    for one in lines:
        if one.left == number:
            return one.right
        if one.left is not None and one.left > number:
            break
        if one.text.startswith("@@"):
            continue
        offset += (one.right is not None) - (one.left is not None)
    return number + offset
