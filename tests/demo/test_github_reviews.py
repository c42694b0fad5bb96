"""Reviews on the simulated GitHub: what is sent, what is refused, threads, and lines that move on."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from githubkit import GitHub
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.demo.github import InlineComment, Kind, Refused, SimulatedGitHub
from ove_gh.demo.github.diff_lines import follow, read_patch
from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio

NOWHERE = "http://127.0.0.1:9/"
PULLS = f"/repos/{SHOP}/pulls"
EVENTS = ("pull_request", "pull_request_review", "pull_request_review_comment", "pull_request_review_thread")
OLD = [f"line {number}" for number in range(1, 41)]
NEW = [*OLD[:4], "new 5", "new 6", *OLD[5:29], "new 31", *OLD[30:]]
"""Line 5 became two lines, and line 30, now the 31st, another: two hunks."""
INLINE = [
    {"path": "cart.py", "line": 5, "body": "Why?"},
    {"path": "cart.py", "line": 6, "start_line": 4, "body": "These too?"},
    {"path": "cart.py", "line": 30, "side": "LEFT", "body": "It was better."},
]


def text(lines: list[str]) -> str:
    """A file of these lines."""
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Desk:
    """acme/shop with alice's pull request #1, bob who reviews it, and the App's #2; an App `ears` hears of it all."""

    scene: Scene
    token: str

    @property
    def github(self) -> SimulatedGitHub:
        """The simulated GitHub."""
        return self.scene.github

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Call the API as the App `ove`."""
        return await self.scene.call(method, path, self.token, **request)

    async def told(self, *names: str) -> list[dict[str, Any]]:
        """The payloads of these events (or of all of reviews) that were sent by now, in order."""
        await self.github.settled()
        sent = [one for one in self.github.deliveries if one.webhook.app.slug == "ears"]
        wanted = names or ("pull_request_review",)
        return [one.payload | {"event": one.webhook.name} for one in sent if one.webhook.name.startswith(wanted)]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Two pull requests that wait for a review."""
    async with setting() as scene:
        github = scene.github
        github.push_commit(SHOP, "main", "alice", {"cart.py": text(OLD)}, "Start")
        github.push_commit(SHOP, "fix", "alice", {"cart.py": text(NEW)}, "Fix")
        github.open_pull(SHOP, "alice", "Fix", head="fix")
        github.push_commit(SHOP, "ove/1", "alice", {"cart.py": text(NEW), "b.py": "1\n"}, "Fix it too")
        token = await scene.token()
        pull = {"title": "Fix", "head": "ove/1", "base": "main"}
        assert (await scene.call("POST", PULLS, token, json=pull)).status_code == 201
        ears = github.create_app("ears", permissions={"pull_requests": "read"}, events=EVENTS, webhook_url=NOWHERE)
        github.install(ears, SHOP)
        yield Desk(scene, token)


# What a review is


@pytest.mark.parametrize("comments_first", [False, True])
async def test_a_review_is_told_by_one_event_and_by_one_more_for_each_comment(desk: Desk, comments_first: bool) -> None:
    """One submitted and three created in either order, all with the review's id, the state in small letters."""
    review = desk.github.review(SHOP, 1, "bob", "REQUEST_CHANGES", "Please.", INLINE, comments_first=comments_first)
    told = await desk.told()
    names = ["pull_request_review.submitted", *["pull_request_review_comment.created"] * 3]
    assert [one["event"] for one in told] == (names[1:] + names[:1] if comments_first else names)
    [submitted] = [one for one in told if one["action"] == "submitted"]
    assert submitted["review"]["state"] == "changes_requested"
    assert (submitted["review"]["id"], submitted["sender"]["login"]) == (review.id, "bob")
    created = [one["comment"] for one in told if one["action"] == "created"]
    assert {one["pull_request_review_id"] for one in created} == {review.id}
    assert [one["id"] for one in created] == [one.id for one in review.comments]
    assert all("in_reply_to_id" not in one and one["subject_type"] == "line" for one in created)
    assert {one["pull_request"]["number"] for one in told} == {1}


async def test_an_inline_comment_carries_its_lines(desk: Desk) -> None:
    """Each has path, lines and sides, the hunk from its header to the line, the position in it, and the commit."""
    desk.github.review(SHOP, 1, "bob", "COMMENT", comments=INLINE)
    one, several, left = (await desk.send("GET", f"{PULLS}/1/comments")).json()
    head = desk.github.pull(SHOP, 1).head_sha
    assert one["diff_hunk"] == "@@ -2,7 +2,8 @@ line 1\n line 2\n line 3\n line 4\n-line 5\n+new 5"
    assert (one["path"], one["line"], one["original_line"], one["side"]) == ("cart.py", 5, 5, "RIGHT")
    assert (one["position"], one["start_line"], one["start_side"]) == (5, None, None)
    assert (one["commit_id"], one["original_commit_id"]) == (head, head)
    assert (several["start_line"], several["start_side"], several["line"]) == (4, "RIGHT", 6)
    assert (left["side"], left["line"], left["diff_hunk"].splitlines()[-1]) == ("LEFT", 30, "-line 30")
    assert left["position"] == 5 + 4 + 5  # below both headers
    assert (await desk.send("GET", f"{PULLS}/comments/{one['id']}")).json() == one
    assert desk.github.review_comments(SHOP, 1)[0].body == "Why?"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"line": 12}, "line must be part of the diff"),
        ({"line": 3, "side": "LEFT"}, "line must be part of the diff"),
        ({"path": "docs/a.md"}, "path is invalid"),
        ({"start_line": 5}, "start line must precede the end line"),
        ({"line": 31, "start_line": 5}, "start line must be part of the same hunk"),
        ({"body": " "}, "Body can't be blank"),
    ],
)
async def test_a_comment_outside_the_diff_spoils_the_whole_review(
    desk: Desk, change: dict[str, Any], words: str
) -> None:
    """With one line that the diff does not show the answer is 422 in a sentence, and nothing was made or told."""
    bad: dict[str, Any] = {"path": "cart.py", "line": 5, "body": "?"} | change
    comments: list[dict[str, Any]] = [{"path": "cart.py", "line": 6, "body": "Fine."}, bad]
    review = {"event": "COMMENT", "body": "Look.", "comments": comments}
    answer = await desk.send("POST", f"{PULLS}/1/reviews", json=review)
    assert (answer.status_code, answer.json()["message"]) == (422, "Unprocessable Entity")
    assert words in answer.json()["errors"][0]
    with pytest.raises(Refused, match=words):
        desk.github.review(SHOP, 1, "bob", "COMMENT", comments=[InlineComment(**one) for one in comments])
    assert (desk.github.reviews(SHOP, 1), desk.github.review_comments(SHOP, 1)) == ([], [])
    assert await desk.told() == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"body": ""}, 422),
        ({"event": "REQUEST_CHANGES", "body": ""}, 422),
        ({"event": "APPROVED"}, 422),
        ({"commit_id": "1" * 40}, 422),
        ({"event": "APPROVE", "body": ""}, 200),
        ({}, 200),
    ],
)
async def test_a_review_by_the_app_needs_a_body_and_a_commit_of_the_pull_request(
    desk: Desk, change: dict[str, Any], status: int
) -> None:
    """COMMENT and REQUEST_CHANGES are not without words, the event is one of three, the commit is one of its own."""
    answer = await desk.send("POST", f"{PULLS}/1/reviews", json={"event": "COMMENT", "body": "Good."} | change)
    assert answer.status_code == status, answer.text
    assert len(desk.github.reviews(SHOP, 1)) == (status == 200)


async def test_nobody_judges_their_own_pull_request(desk: Desk) -> None:
    """Approving or requesting changes on one's own is 422, for people and Apps; commenting is fine."""
    for event, words in (("APPROVE", "approve"), ("REQUEST_CHANGES", "request changes on")):
        own = await desk.send("POST", f"{PULLS}/2/reviews", json={"event": event, "body": "I am good."})
        assert (own.status_code, own.json()["errors"]) == (422, [f"Can not {words} your own pull request"])
    with pytest.raises(Refused, match="Can not approve"):
        desk.github.review(SHOP, 1, "alice", "APPROVE")
    desk.github.review(SHOP, 1, "alice", "COMMENT", "See below.")
    assert (await desk.send("POST", f"{PULLS}/2/reviews", json={"event": "COMMENT", "body": "!"})).status_code == 200


async def test_the_apps_review_reads_as_it_was_written(desk: Desk) -> None:
    """The answer, the list and the single review are the same; its comments are listed without line numbers."""
    review = {"event": "COMMENT", "body": "Three things.", "comments": INLINE}
    made = (await desk.send("POST", f"{PULLS}/1/reviews", json=review)).json()
    assert (made["state"], made["user"]["login"], made["body"]) == ("COMMENTED", "ove[bot]", "Three things.")
    assert made["commit_id"] == desk.github.pull(SHOP, 1).head_sha
    path = f"{PULLS}/1/reviews"
    assert (await desk.send("GET", path)).json() == [made]
    assert (await desk.send("GET", f"{path}/{made['id']}")).json() == made
    comments = (await desk.send("GET", f"{path}/{made['id']}/comments")).json()
    assert [one["body"] for one in comments] == [one["body"] for one in INLINE]
    assert all("line" not in one and one["original_position"] for one in comments)
    assert (await desk.send("GET", f"{PULLS}/2/reviews/{made['id']}")).status_code == 404
    counted = (await desk.send("GET", f"{PULLS}/1")).json()
    assert counted["review_comments"] == 3


async def test_rights_to_reviews_are_those_to_pull_requests(desk: Desk) -> None:
    """Without pull_requests nothing is read, with read nothing is written; strangers see nothing that is private."""
    review = {"event": "COMMENT", "body": "Good."}
    for permissions, expected in (({"issues": "write"}, (403, 403)), ({"pull_requests": "read"}, (200, 403))):
        token = await desk.scene.token(permissions=permissions)
        read = await desk.scene.call("GET", f"{PULLS}/1/reviews", token)
        written = await desk.scene.call("POST", f"{PULLS}/1/reviews", token, json=review)
        assert (read.status_code, written.status_code) == expected
    desk.github.repository(SHOP).private = True
    with pytest.raises(Refused, match="404"):
        desk.github.review(SHOP, 1, "carol", "COMMENT", "Hello.")


# Who is asked


async def test_who_reviewed_is_no_longer_asked_and_can_be_asked_again(desk: Desk) -> None:
    """A review takes its author off the list; asking again puts them back and sends another review_requested."""
    pull, asking = desk.github.pull(SHOP, 1), {"reviewers": ["bob"]}
    for _ in range(2):
        asked = await desk.send("POST", f"{PULLS}/1/requested_reviewers", json=asking)
        assert [one["login"] for one in asked.json()["requested_reviewers"]] == ["bob"]
        desk.github.review(SHOP, 1, "bob", "REQUEST_CHANGES", "Not yet.")
        assert pull.requested_reviewers == []
    told = await desk.told("pull_request.review_requested")
    assert [one["requested_reviewer"]["login"] for one in told] == ["bob", "bob"]
    desk.github.request_review(SHOP, 1, "alice", "bob")
    with pytest.raises(Refused, match="triage"):
        desk.github.request_review(SHOP, 1, "carol", "bob")


# Threads


async def test_a_reply_is_a_review_of_one_comment(desk: Desk) -> None:
    """The App's reply stands in the thread, on its lines, and comes as a commented review and as a comment."""
    start = desk.github.review(SHOP, 2, "bob", "REQUEST_CHANGES", comments=INLINE[:1]).comments[0]
    path = f"{PULLS}/2/comments/{start.id}/replies"
    before = len(await desk.told())
    made = await desk.send("POST", path, json={"body": "Fixed in abc."})
    assert made.status_code == 201, made.text
    reply = made.json()
    assert (reply["in_reply_to_id"], reply["line"], reply["diff_hunk"]) == (start.id, 5, start.anchor.diff_hunk)
    review = desk.github.reviews(SHOP, 2)[-1]
    assert (review.id, review.state, review.login) == (reply["pull_request_review_id"], "COMMENTED", "ove[bot]")
    told = (await desk.told())[before:]
    assert [one["event"] for one in told] == [
        "pull_request_review.submitted",
        "pull_request_review_comment.created",
    ]
    assert (told[0]["review"]["body"], told[1]["comment"]["in_reply_to_id"]) == (None, start.id)
    answer = desk.github.reply(desk.github.review_comments(SHOP, 2)[-1], "bob", "Thanks.")
    assert answer.reply_to is start
    assert (await desk.send("POST", f"{PULLS}/2/comments/{answer.id}/replies", json={"body": "?"})).status_code == 422
    assert (await desk.send("POST", f"{PULLS}/1/comments/{start.id}/replies", json={"body": "?"})).status_code == 422
    assert (await desk.send("POST", f"{PULLS}/2/comments/{start.id}/replies", json={"body": " "})).status_code == 422


async def test_lines_move_with_the_code_and_are_gone_when_it_changes(desk: Desk) -> None:
    """After a push a comment shows its line's new number; one whose line was changed has null instead."""
    moved, changed = desk.github.review(
        SHOP, 1, "bob", "COMMENT", comments=[{"path": "cart.py", "line": n, "body": "?"} for n in (31, 6)]
    ).comments
    newer = desk.github.push_commit(
        SHOP, "fix", "alice", {"cart.py": text(["first", *NEW[:5], "other 6", *NEW[6:]])}, "More"
    )
    shown = {one["id"]: one for one in (await desk.send("GET", f"{PULLS}/1/comments")).json()}
    assert (shown[moved.id]["line"], shown[moved.id]["original_line"], shown[moved.id]["commit_id"]) == (32, 31, newer)
    gone = shown[changed.id]
    assert (gone["line"], gone["position"], gone["original_line"]) == (None, None, 6)
    assert gone["commit_id"] == gone["original_commit_id"] != newer
    assert desk.github.review(SHOP, 1, "bob", "COMMENT", "Again.").commit_id == newer


async def test_reviews_are_edited_dismissed_resolved_and_deleted(desk: Desk) -> None:
    """Each is told by its event, with what it was before; others than the author need write access."""
    github = desk.github
    review = github.review(SHOP, 1, "bob", "REQUEST_CHANGES", "No.", INLINE[:2])
    first, second = review.comments
    own = github.reply(first, "alice", "Because.")
    deeds: list[Callable[[], object]] = [
        lambda: github.edit_review_comment(own, "bob", "He said."),
        lambda: github.delete_review_comment(own, "bob"),
        lambda: github.dismiss(review, "bob"),
        lambda: github.resolve(first, "bob"),
    ]
    for deed in deeds:
        with pytest.raises(Refused, match="needs the role write"):
            deed()
    before = len(await desk.told())
    github.edit_review_comment(first, "bob", "Why so?")
    github.resolve(own, "alice")
    github.resolve(first, "alice")  # it is already
    github.unresolve(first, "alice")
    github.delete_review_comment(second, "bob")
    github.dismiss(review, "alice", "Settled.")
    told = (await desk.told())[before:]
    assert [one["event"].removeprefix("pull_request_review_") for one in told] == [
        "comment.edited",
        "thread.resolved",
        "thread.unresolved",
        "comment.deleted",
        "pull_request_review.dismissed",
    ]
    assert (told[0]["changes"]["body"]["from"], told[0]["comment"]["body"]) == ("Why?", "Why so?")
    assert [one["id"] for one in told[1]["thread"]["comments"]] == [first.id, own.id]
    assert (told[4]["review"]["state"], review.state) == ("dismissed", "DISMISSED")
    assert github.review_comments(SHOP, 1) == [first, own]
    with pytest.raises(Refused, match="Can not dismiss a commented"):
        github.dismiss(own.review, "alice")


async def test_the_app_edits_deletes_and_reacts(desk: Desk) -> None:
    """PATCH and DELETE change a comment, a reaction is made once and taken back; what is gone is 404."""
    comment = desk.github.review(SHOP, 1, "bob", "COMMENT", comments=INLINE[:1]).comments[0]
    path = f"{PULLS}/comments/{comment.id}"
    statuses = [(await desk.send("POST", f"{path}/reactions", json={"content": "eyes"})).status_code for _ in range(2)]
    assert (statuses, desk.github.reactions(comment)) == ([201, 200], [("ove[bot]", "eyes")])
    [reaction] = (await desk.send("GET", f"{path}/reactions")).json()
    shown = (await desk.send("GET", path)).json()["reactions"]
    assert (shown["eyes"], shown["total_count"]) == (1, 1)
    assert (await desk.send("DELETE", f"{path}/reactions/{reaction['id']}")).status_code == 204
    assert (await desk.send("PATCH", path, json={"body": "Hm."})).json()["body"] == "Hm."
    assert comment.history == ["Why?", "Hm."]
    assert (await desk.send("DELETE", path)).status_code == 204
    assert (await desk.send("GET", path)).status_code == 404
    kinds = [one.kind for one in desk.github.history if one.subject is comment]
    assert kinds[0] is Kind.REVIEW_COMMENT_POSTED
    assert kinds[-1] is Kind.REVIEW_COMMENT_DELETED


async def test_comments_come_in_pages_sorted_and_since_a_time(desk: Desk) -> None:
    """By id in pages; the newest first when sorted so; `since` leaves out what was not changed after it."""
    github = desk.github
    for number in range(3):
        github.review(SHOP, 1, "bob", "COMMENT", comments=[{"path": "cart.py", "line": 5, "body": str(number)}])
        github.clock.advance(60)
    since = github.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    github.edit_review_comment(github.review_comments(SHOP, 1)[0], "bob", "edited")

    async def bodies(**query: Any) -> list[str]:
        return [one["body"] for one in (await desk.send("GET", f"{PULLS}/1/comments", params=query)).json()]

    assert await bodies(per_page=2, page=2) == ["2"]
    assert await bodies(direction="desc") == ["edited", "1", "2"]
    assert await bodies(sort="created", direction="desc") == ["2", "1", "edited"]
    assert await bodies(sort="updated") == ["1", "2", "edited"]
    assert await bodies(since=since) == ["edited"]
    assert (await desk.send("GET", f"{PULLS}/1/comments", params={"since": "x"})).status_code == 422
    page = await desk.send("GET", f"{PULLS}/1/reviews", params={"per_page": 2})
    assert (len(page.json()), 'rel="next"' in page.headers["Link"]) == (2, True)


# Pull requests as diffs


async def test_a_pull_request_can_be_read_as_its_diff(desk: Desk) -> None:
    """With the media type for it the answer is git's diff from the merge base; one too long is 406."""
    wanted = {"Accept": "application/vnd.github.diff"}
    diff = await desk.send("GET", f"{PULLS}/1", headers=wanted)
    assert diff.headers["Content-Type"] == "application/vnd.github.diff; charset=utf-8"
    assert diff.text.startswith("diff --git a/cart.py b/cart.py")
    assert "+new 5" in diff.text
    desk.github.push_commit(SHOP, "fix", "alice", {"long.txt": "x\n" * 20_001}, "Long")
    too_long = await desk.send("GET", f"{PULLS}/1", headers=wanted)
    assert (too_long.status_code, too_long.json()["errors"][0]["code"]) == (406, "too_large")


async def test_answers_fit_githubs_schema(desk: Desk) -> None:
    """githubkit, which checks every answer against GitHub's schema, reads reviews, comments, labels and searches."""
    url, owner, name = desk.github.api_url, *SHOP.split("/")
    async with GitHub(desk.token, base_url=url, auto_retry=False, http_cache=False, trust_env=False) as github:
        rest = github.rest("2022-11-28")
        comments = [{"path": "cart.py", "line": 5, "side": "RIGHT", "body": "Why?"}]
        review = (
            await rest.pulls.async_create_review(
                owner, name, 1, data={"event": "COMMENT", "body": "So.", "comments": comments}
            )
        ).parsed_data
        [comment] = (await rest.pulls.async_list_review_comments(owner, name, 1)).parsed_data
        await rest.issues.async_add_labels(owner, name, 1, data={"labels": ["bug"]})
        answers = [
            await rest.pulls.async_list_reviews(owner, name, 1),
            await rest.pulls.async_get_review(owner, name, 1, review.id),
            await rest.pulls.async_list_comments_for_review(owner, name, 1, review.id),
            await rest.pulls.async_get_review_comment(owner, name, comment.id),
            await rest.pulls.async_create_reply_for_review_comment(owner, name, 1, comment.id, body="So."),
            await rest.reactions.async_create_for_pull_request_review_comment(owner, name, comment.id, content="eyes"),
            await rest.pulls.async_update_review_comment(owner, name, comment.id, body="Hm."),
            await rest.issues.async_list_labels_on_issue(owner, name, 1),
            await rest.search.async_code(q=f"new repo:{SHOP}"),
            await rest.search.async_issues_and_pull_requests(q=f"wrong repo:{SHOP} is:issue"),
        ]
        assert all(answer.parsed_data for answer in answers)


LINES = st.lists(st.sampled_from("abcdefgh+- @"), max_size=40)


@given(LINES, LINES)
def test_every_line_of_a_patch_is_where_the_files_have_it(old: list[str], new: list[str]) -> None:
    """The numbers that are read from a patch find the same lines in the two files, and so does following one."""
    patch = "\n".join(list(difflib.unified_diff(old, new, lineterm=""))[2:])
    lines = read_patch(patch)
    for line in lines:
        if line.left is not None:
            assert old[line.left - 1] == line.text[1:]
        if line.right is not None:
            assert new[line.right - 1] == line.text[1:]
    followed = {number: follow(lines, number) for number in range(1, len(old) + 1)}
    kept = [number for number in followed.values() if number is not None]
    assert kept == sorted(set(kept))
    assert all(new[after - 1] == old[before - 1] for before, after in followed.items() if after is not None)
    assert len(old) - len(kept) == sum(line.left is not None and line.right is None for line in lines)
