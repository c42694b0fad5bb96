"""Tests of reviews, of the comments on a pull request's lines, and of what a pull request changes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import respx

from ove_gh.github import errors, models
from ove_gh.github.models import Author, ChangedFile, NewReviewComment
from tests.github import samples
from tests.github.samples import (
    NOW,
    REPO,
    changed_file,
    grant_tokens,
    open_repository,
    paged,
    review,
    review_comment,
    sent,
)

pytestmark = pytest.mark.anyio

PULL = f"{REPO}/pulls/4"
BOT = samples.user("ove[bot]", 99, "Bot")
MARKER = "<!-- m1 -->"


def test_a_review_is_read() -> None:
    """A review tells who says what about which commit, its state in the letters that webhooks use."""
    assert models.read_review(review()) == models.Review(
        id=51,
        author=Author("alice", 1, is_bot=False),
        state="changes_requested",
        body="Almost.",
        submitted_at=NOW,
        commit_id="a" * 40,
        html_url="https://github.example/alice/shop/pull/4#pullrequestreview-51",
    )


def test_what_a_review_leaves_out_is_empty() -> None:
    """A review that is not sent off has no time; its commit, its author and its body may be gone, too."""
    found = models.read_review(review(state="PENDING", submitted_at=None, commit_id=None, user=None, body=None))
    assert (found.state, found.submitted_at, found.commit_id, found.author.login, found.body) == (
        ("pending", None, "", "ghost", "")
    )


def test_a_comment_on_lines_is_read() -> None:
    """A comment tells its review, its place in the diff, and the piece of diff that it stands on."""
    assert models.read_review_comment(review_comment()) == models.ReviewComment(
        id=61,
        review_id=51,
        in_reply_to_id=None,
        author=Author("alice", 1, is_bot=False),
        body="Why 0?",
        path="cart.py",
        line=3,
        start_line=2,
        side="RIGHT",
        diff_hunk="@@ -1,2 +1,3 @@",
        commit_id="a" * 40,
        created_at=NOW,
        html_url="https://github.example/alice/shop/pull/4#discussion_r61",
    )


def test_a_reply_and_an_outdated_comment() -> None:
    """A reply names the first comment of its thread; where later commits changed the lines, there is no line."""
    raw = review_comment(in_reply_to_id=60, line=None, start_line=None, side=None, pull_request_review_id=None)
    found = models.read_review_comment(raw)
    assert (found.in_reply_to_id, found.line, found.start_line, found.side, found.review_id) == (
        *(60, None, None, ""),
        None,
    )


@respx.mock
async def test_reviews_are_read_from_all_pages() -> None:
    """Reviews come oldest first and each once; a single one can be asked for, and reading them asks for no more."""
    minted = grant_tokens()
    paged(f"{PULL}/reviews", [[review(51), review(52)], [review(52, state="DISMISSED"), review(50)]])
    respx.get(f"{PULL}/reviews/51").respond(json=review())
    respx.get(f"{PULL}/reviews/59").respond(404, json={"message": "Not Found"})
    async with open_repository() as repository:
        found = await repository.reviews(4)
        assert (await repository.review(4, 51)).id == 51
        with pytest.raises(errors.NotFound):
            await repository.review(4, 59)
    assert [(r.id, r.state) for r in found] == [
        (50, "changes_requested"),
        (51, "changes_requested"),
        (52, "dismissed"),
    ]
    granted = json.loads(sent(minted).content)["permissions"]
    assert granted == {"metadata": "read", "issues": "read", "pull_requests": "read"}


@respx.mock
async def test_the_comments_of_one_review() -> None:
    """A review's comments come from the pull request's list, for only that one tells lines; `since` narrows it."""
    grant_tokens()
    pages: list[list[object]] = [
        [review_comment(63, pull_request_review_id=52), review_comment(62)],
        [review_comment(62), review_comment(61)],
    ]
    route = paged(f"{PULL}/comments", pages)
    async with open_repository() as repository:
        everything = await repository.review_comments(4)
        first = await repository.review_comments(4, review_id=51, since=NOW)
    assert [c.id for c in everything] == [61, 62, 63]
    assert [(c.id, c.line) for c in first] == [(61, 3), (62, 3)]
    assert [call.request.url.params.get("since") for call in route.calls] == [None, None, *["2023-11-14T22:13:20Z"] * 2]


@respx.mock
async def test_a_single_comment_on_lines() -> None:
    """A comment is read by its id alone; when it was deleted there is none."""
    grant_tokens()
    respx.get(f"{REPO}/pulls/comments/61").respond(json=review_comment())
    respx.get(f"{REPO}/pulls/comments/62").respond(404, json={"message": "Not Found"})
    async with open_repository() as repository:
        assert (await repository.review_comment(61)).path == "cart.py"
        with pytest.raises(errors.NotFound):
            await repository.review_comment(62)


@respx.mock
async def test_a_review_is_written_once_and_only_comments() -> None:
    """A review is sent whole, as a comment on a commit, and after a 502 not again."""
    minted = grant_tokens()
    route = respx.post(f"{PULL}/reviews")
    route.side_effect = [httpx.Response(200, json=review(state="COMMENTED")), httpx.Response(502)]
    comments = [
        NewReviewComment("cart.py", 3, "one line"),
        NewReviewComment("cart.py", 5, "three lines", start_line=3),
        NewReviewComment("cart.py", 3, "also one", start_line=3),
        NewReviewComment("old.py", 1, "it was better", side="LEFT"),
    ]
    async with open_repository() as repository:
        made = await repository.create_review(4, commit_id="a" * 40, body="Hm.", comments=comments)
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.create_review(4, commit_id="a" * 40, body="Hm.", comments=comments)
    assert (made.state, route.call_count, caught.value.may_have_happened) == ("commented", 2, True)
    assert json.loads(sent(route).content) == {
        "commit_id": "a" * 40,
        "body": "Hm.",
        "event": "COMMENT",
        "comments": [
            {"path": "cart.py", "line": 3, "side": "RIGHT", "body": "one line"},
            {"path": "cart.py", "line": 5, "side": "RIGHT", "body": "three lines"}
            | {"start_line": 3, "start_side": "RIGHT"},
            {"path": "cart.py", "line": 3, "side": "RIGHT", "body": "also one"},
            {"path": "old.py", "line": 1, "side": "LEFT", "body": "it was better"},
        ],
    }
    granted = json.loads(sent(minted).content)["permissions"]
    assert granted == {"metadata": "read", "contents": "read", "pull_requests": "write"}


@respx.mock
async def test_a_line_outside_the_diff() -> None:
    """A line that is not in the diff is told with GitHub's reason, and nothing was written."""
    grant_tokens()
    refusal = {"message": "Unprocessable Entity", "errors": ["Line could not be resolved"]}
    respx.post(f"{PULL}/reviews").respond(422, json=refusal)
    async with open_repository() as repository:
        with pytest.raises(errors.Unprocessable) as caught:
            await repository.create_review(4, commit_id="a" * 40, body="", comments=[NewReviewComment("x", 99, "?")])
    assert [problem.message for problem in caught.value.problems] == ["Line could not be resolved"]
    assert not caught.value.may_have_happened


@pytest.mark.parametrize("lines", [(0, None), (3, 4), (3, 0), (-1, -2)])
def test_lines_that_are_none_cannot_be_commented_on(lines: tuple[int, int | None]) -> None:
    """Lines count from 1 and a range runs downwards; anything else is refused before it is sent."""
    NewReviewComment("cart.py", 1, "?", start_line=1)
    with pytest.raises(ValueError, match="lines"):
        NewReviewComment("cart.py", lines[0], "?", start_line=lines[1])


@respx.mock
async def test_the_own_review_is_found() -> None:
    """Of the account's own reviews, the one with the marker at its end is found, and nobody else's copy."""
    grant_tokens()
    bodies = [
        review(51, body=MARKER),
        review(52, body=f"> {MARKER}\n\nhm", user=BOT),
        review(53, body=f"Hm. {MARKER}\n", user=BOT),
    ]
    respx.get(f"{PULL}/reviews").respond(json=bodies)
    async with open_repository() as repository:
        found = await repository.find_own_review(4, MARKER, bot_id=99)
        assert await repository.find_own_review(4, "<!-- m9 -->", bot_id=99) is None
    assert found is not None
    assert found.id == 53


@respx.mock
async def test_an_answer_in_a_review_thread() -> None:
    """An answer goes to the thread's first comment, once; edits and reactions are repeated while GitHub falters."""
    grant_tokens()
    replies = respx.post(f"{PULL}/comments/61/replies")
    replies.side_effect = [httpx.Response(201, json=review_comment(62, in_reply_to_id=61)), httpx.Response(502)]
    edits = respx.patch(f"{REPO}/pulls/comments/62")
    edits.side_effect = [httpx.Response(502), httpx.Response(200, json=review_comment(62, body="Done"))]
    reactions = respx.post(f"{REPO}/pulls/comments/61/reactions")
    reactions.side_effect = [httpx.Response(502), httpx.Response(200, json={})]
    async with open_repository() as repository:
        made = await repository.reply_to_review_comment(4, 61, "On it")
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.reply_to_review_comment(4, 61, "On it")
        assert (await repository.edit_review_comment(62, "Done")).body == "Done"
        await repository.react_to_review_comment(61, "eyes")
    assert (made.id, made.in_reply_to_id, caught.value.may_have_happened) == (62, 61, True)
    assert [json.loads(call.request.content) for call in replies.calls] == [{"body": "On it"}] * 2
    assert [json.loads(call.request.content) for call in edits.calls] == [{"body": "Done"}] * 2
    assert [json.loads(call.request.content) for call in reactions.calls] == [{"content": "eyes"}] * 2


@respx.mock
async def test_the_own_answer_is_found() -> None:
    """The account's own answer is found by its marker, also with a clock that is a little wrong."""
    grant_tokens()
    bodies = [review_comment(61, body=MARKER), review_comment(62, body=f"Done {MARKER}", user=BOT)]
    route = respx.get(f"{PULL}/comments").respond(json=bodies)
    async with open_repository() as repository:
        found = await repository.find_own_review_comment(4, MARKER, since=NOW, bot_id=99)
        assert await repository.find_own_review_comment(4, "<!-- m9 -->", since=NOW, bot_id=99) is None
    assert found is not None
    assert found.id == 62
    assert sent(route).url.params["since"] == "2023-11-14T22:08:20Z"


@respx.mock
@pytest.mark.parametrize(("most", "paths", "asked"), [(2, ["a", "b"], 1), (3, ["a", "b", "c"], 2), (300, [*"abcd"], 2)])
async def test_no_more_changed_files_are_read_than_wanted(most: int, paths: list[str], asked: int) -> None:
    """The first changed files come in order, and the second page is asked for only when the first is not enough."""
    grant_tokens()
    pages: list[list[object]] = [[changed_file("a"), changed_file("b")], [changed_file("c"), changed_file("d")]]
    route = paged(f"{PULL}/files", pages)
    async with open_repository() as repository:
        found = await repository.changed_files(4, most=most)
    assert [file.path for file in found] == paths
    assert (route.call_count, sent(route).url.params["per_page"]) == (asked, str(min(most, 100)))


def test_a_changed_file_is_read() -> None:
    """A renamed file tells its former path; a binary one has no patch."""
    raw = changed_file("logo.png", status="renamed", previous_filename="old.png", additions=0, deletions=0)
    del raw["patch"]
    assert models.read_changed_file(raw) == ChangedFile("logo.png", "old.png", "renamed", 0, 0, "")
    assert models.read_changed_file(changed_file()).patch.endswith("+total = 1")


@respx.mock
async def test_commits_are_compared() -> None:
    """A comparison tells where two branches parted and what changed since; odd names stay within the path."""
    minted = grant_tokens()
    route = respx.get(url__startswith=f"{REPO}/compare/").respond(json=samples.comparison())
    async with open_repository() as repository:
        found = await repository.compare("main", "mallory:fix/a?b")
    assert found == models.Comparison("b" * 40, "ahead", 2, 0, (models.read_changed_file(changed_file()),))
    assert sent(route).url.raw_path.startswith(b"/api/v3/repos/alice/shop/compare/main...mallory%3Afix%2Fa%3Fb?")
    assert dict(sent(route).url.params) == {"per_page": "1", "page": "1"}
    assert json.loads(sent(minted).content)["permissions"] == {"metadata": "read", "contents": "read"}


@respx.mock
async def test_commits_that_share_nothing() -> None:
    """Without a common ancestor, or without one of the two, there is no comparison."""
    grant_tokens()
    respx.get(f"{REPO}/compare/a...b").respond(404, json={"message": "No common ancestor between a and b."})
    async with open_repository() as repository:
        with pytest.raises(errors.NotFound):
            await repository.compare("a", "b")


DIFF = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-à\n+é\n"


@respx.mock
@pytest.mark.parametrize(
    ("most_bytes", "text"),
    [(1000, DIFF), (len(DIFF.encode()), DIFF), (len(DIFF.encode()) - 2, DIFF[:-3]), (19, DIFF[:19]), (18, ""), (0, "")],
)
async def test_a_diff_is_cut_at_the_end_of_a_line(most_bytes: int, text: str) -> None:
    """The diff is asked for as such, and of a longer one the whole lines that fit are kept."""
    grant_tokens()
    route = respx.get(PULL).respond(content=DIFF.encode())
    async with open_repository() as repository:
        assert await repository.diff(4, most_bytes=most_bytes) == text
    assert sent(route).headers["accept"] == "application/vnd.github.diff"


@respx.mock
async def test_diffs_that_are_none() -> None:
    """A pull request without changes has an empty diff; what is not UTF-8 is replaced; a page is no diff."""
    grant_tokens()
    route = respx.get(PULL)
    async with open_repository() as repository:
        route.respond(content=b"")
        assert await repository.diff(4, most_bytes=99) == ""
        route.respond(content=b"diff --git \xff\n")
        assert await repository.diff(4, most_bytes=99) == "diff --git \ufffd\n"
        route.respond(json=samples.pull())
        with pytest.raises(errors.UnexpectedAnswer, match="no diff"):
            await repository.diff(4, most_bytes=99)


@respx.mock
async def test_a_diff_that_github_does_not_show() -> None:
    """A diff of more lines than GitHub makes is an error of its own, so that the files can be asked for instead."""
    grant_tokens()
    refusal = {"message": "Sorry, the diff exceeded the maximum number of lines (20000)"}
    respx.get(PULL).respond(406, json=refusal)
    async with open_repository() as repository:
        with pytest.raises(errors.TooLarge):
            await repository.diff(4, most_bytes=99)


@respx.mock
@pytest.mark.parametrize(
    "item",
    [None, 5, {}, review(state=None), review(submitted_at="yesterday"), review(id="51"), review(user={"login": "a"})],
)
async def test_one_odd_review_in_a_list_is_a_clear_error(item: Any) -> None:
    """An item that is no review is an UnexpectedAnswer, not a review that is passed over."""
    grant_tokens()
    respx.get(f"{PULL}/reviews").respond(json=[review(), item])
    async with open_repository() as repository:
        with pytest.raises(errors.UnexpectedAnswer):
            await repository.reviews(4)
