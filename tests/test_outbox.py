"""Tests of saying things on GitHub: once, in order, and later when it is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
import pytest
import respx

from ove_gh.comments import STOP, marker, review_remark
from ove_gh.github.models import AppIdentity
from ove_gh.loop import Bell
from ove_gh.outbox import Sender
from ove_gh.store import outbox, tables
from ove_gh.store.database import Database
from ove_gh.store.outbox import check_key, thread_of_check
from ove_gh.store.remarks import Remark
from ove_gh.tasks import Target
from tests.github.samples import API, REPO, TOKENS, Clock, check_run, open_github, pull, review_comment, token
from tests.github.samples import review as pull_review
from tests.payloads import ALICE, APP, APP_ID, GITHUB_ACTIONS, HEAD, Account, Json
from tests.store.rows import NOW, all_rows, place

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]


CHECK = check_key(1, HEAD)


@dataclass
class Threads:
    """GitHub's comments: what stands in each thread, and what was asked of GitHub, in order."""

    comments: dict[int, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    created: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    out_of_reach: set[int] = field(default_factory=set)
    """Issues under which no comment can be created for now."""

    def write(self, number: int, body: str, author: Account = APP) -> Json:
        """A comment comes to stand under an issue."""
        comment_id = 1_000 + len(self.comments)
        self.comments[comment_id] = {
            "id": comment_id,
            "body": body,
            "user": author.as_json(),
            "created_at": "2023-11-14T22:13:20Z",
            "updated_at": "2023-11-14T22:13:20Z",
            "html_url": f"https://github.example/alice/shop/issues/{number}#issuecomment-{comment_id}",
            "author_association": "NONE",
        }
        return self.comments[comment_id]

    def create(self, request: httpx.Request, number: str) -> httpx.Response:
        self.asked.append(f"create in {number}")
        if int(number) in self.out_of_reach:
            return httpx.Response(500)
        comment = self.write(int(number), json.loads(request.content)["body"])
        self.created.put_nowait(comment["body"])
        return httpx.Response(201, json=comment)

    def create_and_drop(self, request: httpx.Request, number: str) -> httpx.Response:
        """The comment stands there, but its answer never arrives."""
        self.create(request, number)
        raise httpx.ReadError("connection reset", request=request)

    def edit(self, request: httpx.Request, comment: str) -> httpx.Response:
        self.asked.append(f"edit {comment}")
        if int(comment) not in self.comments:
            return httpx.Response(404, json={"message": "Not Found"})
        self.comments[int(comment)]["body"] = json.loads(request.content)["body"]
        return httpx.Response(200, json=self.comments[int(comment)])

    def page(self, _request: httpx.Request, number: str) -> httpx.Response:
        self.asked.append(f"list {number}")
        here = [c for c in self.comments.values() if f"/issues/{number}#" in c["html_url"]]
        return httpx.Response(200, json=here)

    @property
    def bodies(self) -> list[str]:
        """What all comments say."""
        return [comment["body"] for comment in self.comments.values()]


@dataclass
class CheckRuns:
    """GitHub's check runs: what is shown on the commits, and what was asked of GitHub, in order."""

    runs: dict[int, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, external_id: str, *, app_id: int = APP_ID, sha: str = HEAD, **shown: Any) -> Json:
        """A check run comes to stand on a commit."""
        number = 2_000 + len(self.runs)
        url = f"https://github.example/alice/shop/runs/{number}"
        app = {"id": app_id, "slug": "ove"}
        more = {"external_id": external_id, "head_sha": sha, "html_url": url, "app": app, "conclusion": None}
        self.runs[number] = check_run(number, **{**more, **shown})
        return self.runs[number]

    def create(self, request: httpx.Request) -> httpx.Response:
        self.asked.append("create")
        fields = json.loads(request.content)
        return httpx.Response(201, json=self.put(fields.pop("external_id"), sha=fields.pop("head_sha"), **fields))

    def create_and_drop(self, request: httpx.Request) -> httpx.Response:
        """The check run stands there, but its answer never arrives."""
        self.create(request)
        raise httpx.ReadError("connection reset", request=request)

    def update(self, request: httpx.Request, run: str) -> httpx.Response:
        self.asked.append(f"update {run}")
        if int(run) not in self.runs:
            return httpx.Response(404, json={"message": "Not Found"})
        self.runs[int(run)] |= json.loads(request.content)
        return httpx.Response(200, json=self.runs[int(run)])

    def page(self, _request: httpx.Request, sha: str) -> httpx.Response:
        self.asked.append("list")
        here = [run for run in self.runs.values() if run["head_sha"] == sha]
        return httpx.Response(200, json={"total_count": len(here), "check_runs": here})

    @property
    def shown(self) -> list[tuple[str, str, str | None, str]]:
        """Each check run's name, status, conclusion and title."""
        return [
            (run["name"], run["status"], run.get("conclusion"), run["output"]["title"]) for run in self.runs.values()
        ]


NUMBERED = rf"{REPO}/issues/(?P<number>\d+)/comments"


@dataclass
class Post:
    """A sender, its outbox, and the GitHub in front of it."""

    database: Database
    sender: Sender
    bell: Bell
    clock: Clock
    github: respx.MockRouter
    threads: Threads
    checks: CheckRuns

    async def say(self, key: str, body: str = "Hello", number: int = 3) -> None:
        """A comment is to stand under an issue."""
        async with self.database.writing() as connection:
            await outbox.comment(connection, place(number), key, body, now=self.clock())

    async def show(self, title: str = "Working on it", conclusion: str | None = None, key: str = CHECK) -> None:
        """A check run is to stand on the commit HEAD, with a button while it is in progress."""
        buttons = [] if conclusion else [asdict(STOP)]
        async with self.database.writing() as connection:
            await outbox.check_run(
                connection,
                place(),
                key,
                sha=HEAD,
                conclusion=conclusion,
                title=title,
                summary="I am at work.",
                actions=buttons,
                now=self.clock(),
            )

    async def send_what_is_due(self) -> list[str]:
        """One look into the outbox; returns the keys that were tried."""
        async with self.database.reading() as connection:
            due = await outbox.due(connection, now=self.clock(), busy=(), limit=99)
        for entry in due:
            await self.sender.send(entry)
        return [entry.key for entry in due]

    async def row(self, key: str) -> dict[str, Any]:
        """A row as it is now."""
        return next(row for row in await all_rows(self.database, tables.outbox) if row["key"] == key)

    def answer_creations(self) -> respx.Route:
        """Where comments are created."""
        return self.github.post(url__regex=f"{NUMBERED}$")


@pytest.fixture
def github() -> Iterator[tuple[respx.MockRouter, Threads, CheckRuns]]:
    """GitHub with empty threads, and commits that nothing checks."""
    threads, checks = Threads(), CheckRuns()
    with respx.mock(assert_all_called=False) as router:
        router.post(TOKENS).respond(201, json=token())
        router.get(url__regex=rf"{NUMBERED}\?.*").mock(side_effect=threads.page)
        router.patch(url__regex=rf"{REPO}/issues/comments/(?P<comment>\d+)$").mock(side_effect=threads.edit)
        router.post(url__regex=f"{NUMBERED}$").mock(side_effect=threads.create)
        router.get(url__regex=rf"{REPO}/commits/(?P<sha>\w+)/check-runs\?.*").mock(side_effect=checks.page)
        router.patch(url__regex=rf"{REPO}/check-runs/(?P<run>\d+)$").mock(side_effect=checks.update)
        router.post(f"{REPO}/check-runs").mock(side_effect=checks.create)
        yield router, threads, checks


@pytest.fixture
async def post(database: Database, github: tuple[respx.MockRouter, Threads, CheckRuns]) -> AsyncIterator[Post]:
    """A sender with nothing to say."""
    clock, bell = Clock(NOW), Bell()
    async with open_github(clock) as client:
        identity = AppIdentity(APP_ID, "ove", "ove", "https://github.example/apps/ove", APP.login, APP.id, {}, ())
        sender = Sender(database, client, identity=identity, bell=bell, clock=clock)
        yield Post(database, sender, bell, clock, *github)


def stands(key: str, body: str = "Hello") -> str:
    """A comment as it is on GitHub: the words, and the hidden marker."""
    return f"{body}\n\n{marker(key)}"


async def test_a_comment_is_created_with_its_marker(post: Post) -> None:
    """The words stand under the issue with the marker behind them; where is noted, and they are not sent again."""
    await post.say("task-1-status")
    await post.send_what_is_due()
    assert post.threads.bodies == [stands("task-1-status")]
    row = await post.row("task-1-status")
    assert (row["remote_id"], row["remote_url"]) == (
        1_000,
        "https://github.example/alice/shop/issues/3#issuecomment-1000",
    )
    assert await post.send_what_is_due() == []


async def test_new_words_edit_the_comment(post: Post) -> None:
    """The same key with another body changes the comment that stands there; none is added."""
    await post.say("task-1-status")
    await post.send_what_is_due()
    await post.say("task-1-status", "Goodbye")
    await post.send_what_is_due()
    assert post.threads.bodies == [stands("task-1-status", "Goodbye")]
    assert post.threads.asked == ["create in 3", "edit 1000"]


async def test_a_comment_whose_answer_was_lost_is_found_again(post: Post) -> None:
    """The connection broke after GitHub had taken the comment: the marker finds it, and no second one is made."""
    post.answer_creations().mock(side_effect=post.threads.create_and_drop)
    await post.say("question-1")
    await post.send_what_is_due()
    row = await post.row("question-1")
    assert (row["sent_version"], row["remote_id"], row["tries"]) == (0, None, 1)
    post.clock.now = row["due_at"]
    await post.send_what_is_due()
    assert post.threads.bodies == [stands("question-1")]
    assert (await post.row("question-1"))["remote_id"] == 1_000
    assert post.threads.asked == ["create in 3", "list 3"]


async def test_a_found_comment_says_the_newest_words(post: Post) -> None:
    """When the words changed while the answer was lost, the comment that is found is edited."""
    post.answer_creations().mock(side_effect=post.threads.create_and_drop)
    await post.say("task-1-status")
    await post.send_what_is_due()
    await post.say("task-1-status", "Goodbye")
    post.clock.now += 600
    await post.send_what_is_due()
    assert post.threads.bodies == [stands("task-1-status", "Goodbye")]


async def test_a_comment_is_found_after_a_crash(post: Post) -> None:
    """The service died between the deed and its note: the row was begun, the comment stands, and is only noted."""
    await post.say("question-1")
    async with post.database.writing() as connection:
        [entry] = await outbox.due(connection, now=NOW, busy=(), limit=9)
        await outbox.begun(connection, entry, now=NOW)
    post.threads.write(3, stands("question-1"))
    await post.send_what_is_due()
    assert post.threads.asked == ["list 3"]
    assert (await post.row("question-1"))["remote_id"] == 1_000


async def test_a_comment_that_never_arrived_is_made(post: Post) -> None:
    """The service died before GitHub heard of the comment: it looks, finds nothing of its own, and writes it."""
    await post.say("question-1")
    async with post.database.writing() as connection:
        [entry] = await outbox.due(connection, now=NOW, busy=(), limit=9)
        await outbox.begun(connection, entry, now=NOW)
    post.threads.write(3, stands("question-1"), author=ALICE)
    post.threads.write(3, stands("question-12"))
    await post.send_what_is_due()
    assert post.threads.asked == ["list 3", "create in 3"]
    assert len(post.threads.comments) == 3


async def test_while_github_is_away_it_is_tried_again(post: Post) -> None:
    """Each failed try waits longer; when GitHub is back the words are said once."""
    route = post.answer_creations().respond(502)
    await post.say("question-1")
    pauses = []
    for _ in range(4):
        await post.send_what_is_due()
        due_at = (await post.row("question-1"))["due_at"]
        pauses.append(due_at - post.clock())
        post.clock.now = due_at
    assert pauses == [2.0, 4.0, 8.0, 16.0]
    route.mock(side_effect=post.threads.create)
    await post.send_what_is_due()
    assert post.threads.bodies == [stands("question-1")]


async def test_githubs_own_pause_is_kept(post: Post) -> None:
    """After a rate limit nothing is sent before the time that GitHub names."""
    post.answer_creations().respond(403, headers={"retry-after": "77"}, json={"message": "secondary rate limit"})
    await post.say("question-1")
    await post.send_what_is_due()
    assert (await post.row("question-1"))["due_at"] == post.clock() + 77


async def test_a_wrong_key_loses_nothing(post: Post) -> None:
    """401 is mended by the operator: the words wait for that."""
    post.answer_creations().respond(401, json={"message": "Bad credentials"})
    await post.say("question-1")
    await post.send_what_is_due()
    row = await post.row("question-1")
    assert (row["given_up_at"], row["tries"]) == (None, 1)


async def test_an_edit_of_a_comment_that_is_gone_is_given_up(post: Post) -> None:
    """Somebody deleted the comment: that is noted, and what comes after it is said."""
    await post.say("task-1-status")
    await post.send_what_is_due()
    post.threads.comments.clear()
    await post.say("task-1-status", "Goodbye")
    await post.say("question-1")
    assert await post.send_what_is_due() == ["task-1-status"]
    row = await post.row("task-1-status")
    assert (row["given_up_at"], "404" in row["problem"]) == (post.clock(), True)
    await post.send_what_is_due()
    assert post.threads.bodies == [stands("question-1")]


@pytest.mark.parametrize("status", [403, 404, 410, 422])
async def test_what_github_will_never_take_is_given_up(post: Post, status: int) -> None:
    """A thread that is locked, gone or out of reach holds up nothing, and the reason is kept."""
    post.answer_creations().respond(status, json={"message": "No"})
    await post.say("question-1")
    await post.send_what_is_due()
    row = await post.row("question-1")
    assert (row["given_up_at"], "No" in row["problem"]) == (post.clock(), True)
    assert await post.send_what_is_due() == []


async def test_a_thread_is_told_in_order(post: Post) -> None:
    """While the first comment of a thread cannot be sent, the second waits; another thread is told meanwhile."""
    post.threads.out_of_reach.add(3)
    for key, number in (("question-1", 3), ("question-2", 3), ("question-3", 4)):
        await post.say(key, number=number)
    assert await post.send_what_is_due() == ["question-1", "question-3"]
    assert await post.send_what_is_due() == []
    assert post.threads.bodies == [stands("question-3")]
    post.threads.out_of_reach.clear()
    post.clock.now += 600
    while await post.send_what_is_due():
        pass
    assert post.threads.bodies == [stands("question-3"), stands("question-1"), stands("question-2")]


async def test_reactions_are_made(post: Post) -> None:
    """👀 on a comment and 😕 on an issue, each where it belongs."""
    on_comment = post.github.post(f"{REPO}/issues/comments/5/reactions").respond(201, json={"id": 1})
    on_issue = post.github.post(f"{REPO}/issues/3/reactions").respond(201, json={"id": 2})
    async with post.database.writing() as connection:
        await outbox.reaction(connection, place(), Target("comment", 5, ""), "eyes", now=NOW)
        await outbox.reaction(connection, place(), Target("issue", 3, ""), "confused", now=NOW)
    while await post.send_what_is_due():
        pass
    assert [json.loads(route.calls[0].request.content) for route in (on_comment, on_issue)] == [
        {"content": "eyes"},
        {"content": "confused"},
    ]
    assert on_comment.call_count == on_issue.call_count == 1


@pytest.mark.parametrize("status", [201, 422])
async def test_a_review_is_requested_once(post: Post, status: int) -> None:
    """Whether GitHub asks the person or will not, the request is made once."""
    route = post.github.post(f"{REPO}/pulls/13/requested_reviewers").respond(status, json={"message": "No"})
    async with post.database.writing() as connection:
        await outbox.review_request(connection, place(), 1, pull=13, login="alice", now=NOW)
    await post.send_what_is_due()
    assert json.loads(route.calls[0].request.content) == {"reviewers": ["alice"]}
    assert await post.send_what_is_due() == []


# -- reviews, and answers in their threads -----------------------------------------------------------------------------

REVIEWS, LINES = f"{REPO}/pulls/13/reviews", f"{REPO}/pulls/13/comments"
REVIEW = "review-of-task-1"
FIX = Remark("cart.py", 3, 2, "This divides by zero.", "return 0\n")
DOUBT = Remark("cart.py", 9, None, "Why?", None)


async def review(post: Post, *remarks: Remark, sha: str | None = HEAD) -> None:
    """A review is to stand on pull request 13."""
    async with post.database.writing() as connection:
        await outbox.pull_review(
            connection,
            place(13),
            REVIEW,
            sha=sha,
            summary="Almost.",
            remarks=[asdict(remark) for remark in remarks],
            now=post.clock(),
        )


async def reply(post: Post, body: str = "Done") -> None:
    """An answer is to stand in the review thread of comment 61."""
    async with post.database.writing() as connection:
        await outbox.reply(connection, place(13), "reply-61", comment_id=61, body=body, now=post.clock())


def holds_reviews(post: Post, *, head: str = HEAD) -> respx.Route:
    """GitHub takes reviews of pull request 13, whose newest commit this is; returns where they are created."""
    post.github.get(f"{REPO}/pulls/13").respond(json=pull(13, head={"ref": "x", "sha": head, "repo": {"id": 42}}))
    return post.github.post(REVIEWS).respond(json=pull_review(51))


def sent_bodies(route: respx.Route) -> list[Json]:
    """What was sent there, in order."""
    return [json.loads(call.request.content) for call in route.calls]


async def test_a_review_comments_on_lines_and_approves_nothing(post: Post) -> None:
    """One review on the commit that was read: the summary with its marker, each remark on its lines, suggestions."""
    route = holds_reviews(post, head="c" * 40)
    await review(post, FIX, DOUBT)
    assert await post.send_what_is_due() == [REVIEW]
    [body] = sent_bodies(route)
    assert (body["event"], body["commit_id"]) == ("COMMENT", HEAD)
    assert body["body"].startswith("Almost.")
    assert body["body"].endswith(marker(REVIEW))
    assert body["comments"] == [
        {
            "path": "cart.py",
            "line": 3,
            "side": "RIGHT",
            "start_line": 2,
            "start_side": "RIGHT",
            "body": review_remark(FIX.text, FIX.suggestion),
        },
        {"path": "cart.py", "line": 9, "side": "RIGHT", "body": "Why?"},
    ]
    assert (await post.row(REVIEW))["remote_id"] == 51
    assert await post.send_what_is_due() == []


async def test_a_review_of_no_commit_in_particular_is_of_the_newest(post: Post) -> None:
    """Where it is not known which commit was read, the pull request's head is meant."""
    route = holds_reviews(post, head="c" * 40)
    await review(post, sha=None)
    await post.send_what_is_due()
    assert sent_bodies(route)[0]["commit_id"] == "c" * 40


async def test_a_line_that_github_does_not_take_loses_no_remark(post: Post) -> None:
    """Somebody pushed meanwhile: the remarks stand in the summary of a review of the newest commit instead."""
    route = holds_reviews(post, head="c" * 40)
    route.side_effect = [httpx.Response(422, json={"message": "Line"}), httpx.Response(200, json=pull_review(51))]
    await review(post, FIX, DOUBT)
    await post.send_what_is_due()
    first, second = sent_bodies(route)
    assert (len(first["comments"]), second.get("comments", [])) == (2, [])
    assert second["commit_id"] == "c" * 40
    for said in ("`cart.py:3`", "This divides by zero.", "`cart.py:9`", "Why?", marker(REVIEW)):
        assert said in second["body"]
    assert (await post.row(REVIEW))["sent_version"] == 1


async def test_a_review_that_github_never_takes_is_given_up(post: Post) -> None:
    """Without remarks, of the newest commit, there is nothing else to try."""
    route = holds_reviews(post)
    route.respond(422, json={"message": "No"})
    await review(post)
    await post.send_what_is_due()
    assert route.call_count == 1
    assert (await post.row(REVIEW))["given_up_at"] == NOW


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_review_whose_answer_was_lost_is_written_once(post: Post, arrived: bool) -> None:
    """Before a second one is written the pull request is searched for the first: the App's own, by its marker."""
    route = holds_reviews(post)
    route.side_effect = httpx.ReadError("connection reset")
    await review(post, FIX)
    await post.send_what_is_due()
    told = sent_bodies(route)[0]["body"]
    copied = pull_review(50, body=told)
    own = pull_review(51, body=told, user=APP.as_json())
    post.github.get(REVIEWS).respond(json=[copied, own] if arrived else [copied])
    route.side_effect = None
    route.respond(json=pull_review(52))
    post.clock.now += 600
    await post.send_what_is_due()
    assert (await post.row(REVIEW))["remote_id"] == (51 if arrived else 52)
    assert route.call_count == (1 if arrived else 2)


async def test_an_answer_goes_into_its_thread_and_is_edited_there(post: Post) -> None:
    """It stands under the comment that it answers; new words change it in place."""
    route = post.github.post(f"{LINES}/61/replies").respond(201, json=review_comment(62))
    edited = post.github.patch(f"{LINES.replace('/13', '')}/62").respond(json=review_comment(62))
    await reply(post)
    assert await post.send_what_is_due() == ["reply-61"]
    assert sent_bodies(route) == [{"body": stands("reply-61", "Done")}]
    assert await post.send_what_is_due() == []
    await reply(post, "Done in abc")
    await post.send_what_is_due()
    assert sent_bodies(edited) == [{"body": stands("reply-61", "Done in abc")}]
    assert route.call_count == 1


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_answer_whose_answer_was_lost_is_given_once(post: Post, arrived: bool) -> None:
    """The review comments are searched for it first; a quote of it by somebody else is not it."""
    route = post.github.post(f"{LINES}/61/replies").mock(side_effect=httpx.ReadError("connection reset"))
    await reply(post)
    await post.send_what_is_due()
    quoted = review_comment(63, body=stands("reply-61", "Done"))
    own = review_comment(64, body=stands("reply-61", "Done"), user=APP.as_json())
    post.github.get(LINES).respond(json=[quoted, own] if arrived else [quoted])
    route.side_effect = None
    route.respond(201, json=review_comment(65))
    post.clock.now += 600
    await post.send_what_is_due()
    assert (await post.row("reply-61"))["remote_id"] == (64 if arrived else 65)
    assert route.call_count == (1 if arrived else 2)


async def test_an_answer_to_a_comment_that_is_gone_is_given_up(post: Post) -> None:
    """Somebody deleted what was to be answered: what comes behind it is said."""
    post.github.post(f"{LINES}/61/replies").respond(404, json={"message": "Not Found"})
    await reply(post)
    await post.say("question-1", number=13)
    while await post.send_what_is_due():
        pass
    assert (await post.row("reply-61"))["given_up_at"] == NOW
    assert post.threads.bodies == [stands("question-1")]


async def test_labels_that_commanded_are_taken_off(post: Post) -> None:
    """Once, also when somebody was quicker; the same label put there later is taken off again."""
    route = post.github.delete(f"{REPO}/issues/3/labels/ove%3Areview")
    route.side_effect = [httpx.Response(200, json=[]), httpx.Response(404, json={"message": "Label does not exist"})]
    for at in (1, 1, 2):
        async with post.database.writing() as connection:
            await outbox.unlabel(connection, place(), Target("label", at, ""), "ove:review", now=NOW)
    while await post.send_what_is_due():
        pass
    assert route.call_count == 2


async def test_a_reaction_goes_to_a_comment_on_lines(post: Post) -> None:
    """It has an address of its own; a review's own words take none, and nothing is tried."""
    route = post.github.post(f"{REPO}/pulls/comments/61/reactions").respond(201, json={"id": 1})
    async with post.database.writing() as connection:
        await outbox.reaction(connection, place(13), Target("inline", 61, ""), "eyes", now=NOW)
        await outbox.reaction(connection, place(13), Target("review", 51, ""), "eyes", now=NOW)
    await post.send_what_is_due()
    assert await post.send_what_is_due() == []
    assert sent_bodies(route) == [{"content": "eyes"}]


# -- check runs --------------------------------------------------------------------------------------------------------


async def test_a_check_run_is_created_with_the_apps_name_and_our_note(post: Post) -> None:
    """It is called as the App is, is in progress with its button, and its note leads back to the thread."""
    await post.show()
    await post.send_what_is_due()
    [run] = post.checks.runs.values()
    assert (run["name"], run["head_sha"], run["external_id"]) == ("ove", HEAD, CHECK)
    assert thread_of_check(run["external_id"]) == 1
    assert (run["status"], run["output"]) == (
        "in_progress",
        {"title": "Working on it", "summary": "I am at work."},
    )
    assert [action["identifier"] for action in run["actions"]] == ["stop"]
    row = await post.row(CHECK)
    assert (row["remote_id"], row["remote_url"]) == (2_000, "https://github.example/alice/shop/runs/2000")
    assert await post.send_what_is_due() == []


async def test_a_check_run_is_updated_in_place(post: Post) -> None:
    """What it says next is said by the same check run; its conclusion ends it, and takes its button away."""
    await post.show()
    await post.send_what_is_due()
    await post.show("Waiting for the other checks")
    await post.send_what_is_due()
    await post.show("Done", "success")
    await post.send_what_is_due()
    assert post.checks.asked == ["create", "update 2000", "update 2000"]
    assert post.checks.shown == [("ove", "completed", "success", "Done")]
    assert post.checks.runs[2_000]["actions"] == []


async def test_a_check_run_that_ended_goes_on(post: Post) -> None:
    """Another attempt on the same commit opens its check run again."""
    await post.show("I could not finish", "failure")
    await post.send_what_is_due()
    await post.show("Working on it")
    await post.send_what_is_due()
    assert post.checks.asked == ["create", "update 2000"]
    assert post.checks.runs[2_000]["status"] == "in_progress"


async def test_a_check_run_whose_answer_was_lost_is_found_again(post: Post) -> None:
    """The connection broke after GitHub had taken it: it is found by its note, says the newest, and stays one."""
    post.github.post(f"{REPO}/check-runs").mock(side_effect=post.checks.create_and_drop)
    await post.show()
    await post.send_what_is_due()
    row = await post.row(CHECK)
    assert (row["remote_id"], row["tries"]) == (None, 1)
    await post.show("Done", "success")
    post.clock.now = row["due_at"]
    await post.send_what_is_due()
    assert post.checks.asked == ["create", "list", "update 2000"]
    assert post.checks.shown == [("ove", "completed", "success", "Done")]
    assert (await post.row(CHECK))["remote_id"] == 2_000


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_check_run_is_made_once_over_a_crash(post: Post, arrived: bool) -> None:
    """The service died between the deed and its note: what stands is taken up, and what never came is made.

    Another App's check run, and one that is about another thread, are not taken for it.
    """
    await post.show()
    async with post.database.writing() as connection:
        [entry] = await outbox.due(connection, now=NOW, busy=(), limit=9)
        await outbox.begun(connection, entry, now=NOW)
    post.checks.put(CHECK, app_id=GITHUB_ACTIONS)
    post.checks.put(check_key(11, HEAD))
    if arrived:
        post.checks.put(CHECK, name="ove")
    await post.send_what_is_due()
    assert post.checks.asked == ["list", "update 2002" if arrived else "create"]
    assert len(post.checks.runs) == 3
    assert (await post.row(CHECK))["remote_id"] == 2_002


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_a_check_run_that_github_refuses_is_given_up(post: Post, status: int) -> None:
    """Without the permission, or for a commit that is gone: it holds up nothing that the thread is to be told."""
    post.github.post(f"{REPO}/check-runs").respond(status, json={"message": "No"})
    await post.show()
    await post.say("task-1-status")
    await post.send_what_is_due()
    row = await post.row(CHECK)
    assert (row["given_up_at"], "No" in row["problem"]) == (post.clock(), True)
    await post.send_what_is_due()
    assert post.threads.bodies == [stands("task-1-status")]


async def test_a_check_run_waits_while_github_is_away(post: Post) -> None:
    """It is tried again later, after a look for the one that may stand there."""
    route = post.github.post(f"{REPO}/check-runs").respond(502)
    await post.show()
    await post.send_what_is_due()
    route.mock(side_effect=post.checks.create)
    post.clock.now += 600
    await post.send_what_is_due()
    assert post.checks.asked == ["list", "create"]
    assert post.checks.shown == [("ove", "in_progress", None, "Working on it")]


async def test_the_app_speaks_as_the_installation_of_the_thread(post: Post) -> None:
    """The token that is asked for is the one of the row's own installation."""
    minted = post.github.post(f"{API}/app/installations/7/access_tokens").respond(201, json=token())
    await post.say("question-1")
    await post.send_what_is_due()
    assert minted.call_count == 1


async def test_the_loop_says_what_the_bell_announces(post: Post) -> None:
    """The running sender takes up what an earlier run left, and what is rung for afterwards, in order."""
    await post.say("question-1")
    loop = asyncio.create_task(post.sender.run())
    async with asyncio.timeout(10):
        assert await post.threads.created.get() == stands("question-1")
        await post.say("question-2")
        await post.say("question-3")
        post.bell.ring()
        assert await post.threads.created.get() == stands("question-2")
        assert await post.threads.created.get() == stands("question-3")
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
