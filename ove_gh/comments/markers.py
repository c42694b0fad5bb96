"""The hidden end of each comment, by which it is found again."""

from __future__ import annotations

import re

from ove_gh.comments.frame import LONGEST_MARKER

_MARKER = re.compile(r"<!-- ove-gh:([\w.:/-]+) -->", re.ASCII)


def marker(key: str) -> str:
    """The hidden end of a comment, by which the outbox finds what it has already posted; ValueError for a bad key."""
    text = f"<!-- ove-gh:{key} -->"
    if not _MARKER.fullmatch(text) or "--" in key or key.endswith("-") or len(text) + 2 > LONGEST_MARKER:
        raise ValueError(f"not a key for a marker: {key!r}")
    return text


def has_marker(body: str, key: str) -> bool:
    """Whether the comment ends as the one with this key; what a comment quotes before its own marker does not count."""
    markers = _MARKER.findall(body)
    return bool(markers) and markers[-1] == key


def strip_markers(body: str) -> str:
    """The comment as it was before the outbox put a marker behind it."""
    return _MARKER.sub("", body.replace("\r\n", "\n")).rstrip()
