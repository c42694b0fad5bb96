"""Tests of reading patches: on which lines a comment can stand."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.diffs import lines_of, ranges

PATCH = """\
@@ -2,4 +2,5 @@ def total(items):
 two
-three
+drei
+@@ -90,1 +90,1 @@
 four
 five
@@ -40 +41,2 @@
-forty
+vierzig
+\u2028 one line
\\ No newline at end of file"""

LINES = st.lists(st.sampled_from(["a", "b", "", "-c", "+d", "@@ -1 +1 @@", "x\u2028y\x0c"]), max_size=30)


def test_lines_that_come_and_lines_that_stay() -> None:
    """Every hunk counts from its header; lines that go, and what the lines themselves hold, count for nothing."""
    assert lines_of(PATCH) == {2, 3, 4, 5, 6, 41, 42}


@pytest.mark.parametrize("patch", ["", "@@ -1,2 +0,0 @@\n-a\n-b", "Binary files differ", "+++ b/cart.py\n--- a\n"])
def test_patches_without_lines(patch: str) -> None:
    """A file that is removed, or that GitHub shows no patch of, has no line to comment on."""
    assert lines_of(patch) == frozenset()


@given(LINES, LINES, st.integers(0, 4))
def test_the_lines_are_those_of_the_new_version(old: list[str], new: list[str], context: int) -> None:
    """For any two versions these are just the lines that a diff shows as new or unchanged."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    shown = {
        line + 1
        for group in matcher.get_grouped_opcodes(context)
        for tag, _, _, start, end in group
        if tag != "delete"
        for line in range(start, end)
    }
    patch = "\n".join(list(difflib.unified_diff(old, new, lineterm="", n=context))[2:])
    assert lines_of(patch) == shown


@given(st.text() | st.text(alphabet=st.sampled_from("@ -+,0129\n\r\\a")))
def test_no_text_makes_it_raise(patch: str) -> None:
    """Whatever the text is, there are at most as many lines as it has itself."""
    assert len(lines_of(patch)) <= patch.count("\n")


@pytest.mark.parametrize(
    ("lines", "words"), [([], ""), ([14, 3, 4, 5, 4], "3–5, 14"), ([1, 2], "1–2"), ([7], "7"), ([1, 3, 5], "1, 3, 5")]
)
def test_ranges(lines: list[int], words: str) -> None:
    """Numbers that follow each other are told as one range."""
    assert ranges(lines) == words


@given(st.sets(st.integers(0, 200)))
def test_ranges_tell_every_number(lines: set[int]) -> None:
    """From the words, just these numbers can be read again."""
    spans = [tuple(map(int, span.split("–"))) for span in ranges(lines).split(", ") if span]
    assert {number for span in spans for number in range(span[0], span[-1] + 1)} == lines
