"""The hidden end of a comment: it comes off again, and only a comment's own counts."""

from __future__ import annotations

import pytest

from ove_gh.comments import (
    has_marker,
    marker,
    strip_markers,
)


def test_a_marker_is_hidden_and_comes_off_again() -> None:
    """Without its marker a comment has its own text again, whatever line ends it went through."""
    posted = f"hello\n\n{marker('task-7-status')}"
    assert marker("task-7-status") == "<!-- ove-gh:task-7-status -->"
    assert strip_markers(posted) == strip_markers(posted.replace("\n", "\r\n")) == "hello"


def test_only_a_comments_own_marker_counts() -> None:
    """A comment that quotes another comment, marker and all, is still found by its own marker only."""
    posted = f"> hi {marker('question-1')}\n\nhello\n\n{marker('question-2')}"
    assert has_marker(posted, "question-2")
    assert not has_marker(posted, "question-1")
    assert not has_marker("hello", "question-1")


@pytest.mark.parametrize("key", ["", "a b", "a--b", "a-", "a>b", "-->", "x" * 300])
def test_a_key_that_would_break_the_marker_is_refused(key: str) -> None:
    """Keys are such that the marker stays one HTML comment of a bounded length."""
    with pytest.raises(ValueError, match="not a key"):
        marker(key)
