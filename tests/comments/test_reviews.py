"""The texts of reviews: summary, remarks with suggestions, and answers in their threads."""

from __future__ import annotations

import pytest

from ove_gh import comments
from tests.comments.examples import lines
from tests.test_typesetting import shown

FOOTER = "<sub>Start a reply with `@ove`, and I answer there. After a push, `@ove review` looks at what is new.</sub>"


def test_a_review_is_its_summary_and_how_to_go_on() -> None:
    """The agent's words, and below them what people can do with the remarks."""
    assert comments.review_summary("Looks right.", "ove", ()) == f"Looks right.\n\n{FOOTER}"
    assert comments.review_summary("", "ove", ()) == f"I have read the changes.\n\n{FOOTER}"


def test_remarks_that_have_no_line_in_the_diff_stand_in_the_summary() -> None:
    """Each is a point of a list with its place, whatever blocks it is made of; none of them calls anybody."""
    left_out = [("a`b.py", 41, "Not needed:\n\n```python\nfor x in y:\n\n    pass"), ("b.md", 3, "    @team <div>")]
    assert comments.review_summary("Fine.", "ove", left_out) == lines(
        "Fine.",
        "",
        "On lines that the diff does not show:",
        "",
        "- ``a`b.py:41``",
        "",
        "  Not needed:",
        "",
        "  ```python",
        "  for x in y:",
        "",
        "      pass",
        "  ```",
        "",
        "- `b.md:3`",
        "",
        "      @team <div>",
        "",
        FOOTER,
    )


def test_many_remarks_without_a_line_are_counted() -> None:
    """As many as fit are told, in their order, and of the rest how many there are."""
    said = comments.review_summary("x" * 90_000, "ove", [(f"{n}.py", n, "y " * 1_000) for n in range(40)])
    told = said.count(".py:")
    assert 10 < told < 40
    assert f"`{told - 1}.py:{told - 1}`" in said
    assert f"- *and {40 - told} more*" in said
    assert len(said) <= comments.LONGEST_TEXT


@pytest.mark.parametrize(
    ("suggestion", "block"),
    [
        ("    return 1", "```suggestion\n    return 1\n```"),
        ("  a  \r\n\r\n", "```suggestion\n  a  \n\n```"),
        ("# ```\n~~~~", "````suggestion\n# ```\n~~~~\n````"),
        ("\n", "```suggestion\n\n```"),
        ("", "```suggestion\n```"),
    ],
)
def test_a_suggestion_is_exactly_what_was_suggested(suggestion: str, block: str) -> None:
    """No back-tick breaks the block and no space is lost; no text at all removes the lines."""
    assert comments.review_remark("`sum` does it.", suggestion) == f"`sum` does it.\n\n{block}"
    assert comments.review_remark("", suggestion) == block


def test_an_endless_suggestion_is_left_out_and_says_so() -> None:
    """Half a suggestion would be a wrong one."""
    said = comments.review_remark("Too much.", "x\n" * 50_000)
    assert said == "Too much.\n\n*What I would write instead is too long for a comment.*"


def test_a_remark_cannot_swallow_its_suggestion() -> None:
    """A remark that leaves a code block open is closed before the suggestion begins."""
    pieces = shown(comments.review_remark("Like this:\n```\nopen", "x = 1"))
    assert ("x = 1\n", ("pre", "code")) in pieces


@pytest.mark.parametrize(
    ("text", "sha", "url", "said"),
    [
        ("It rounds now.", "3f2a91c0d", "https://x.y/3f", "It rounds now.\n\nSee [`3f2a91c`](https://x.y/3f)."),
        ("I left it: @team wants it.", None, None, "I left it: <code>@team</code> wants it."),
        ("", "3f2a91c0d", None, "See `3f2a91c`."),
        ("", None, None, "I have looked at it, and changed nothing."),
    ],
)
def test_an_answer_in_a_review_thread_ends_with_its_commit(
    text: str, sha: str | None, url: str | None, said: str
) -> None:
    """The agent's words, and the commit that did it when there is one."""
    assert comments.review_reply(text, sha, url) == said


def test_a_review_needs_a_pull_request() -> None:
    """On an issue, the answer says where to ask for one."""
    assert comments.review_needs_pull("alice", "ove") == (
        "@alice, there is no pull request here to review. Write `@ove review` on the pull request itself."
    )
