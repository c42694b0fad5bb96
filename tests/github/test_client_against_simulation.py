"""Tests of every call against the simulated GitHub, over real HTTP on loopback: what we send is what it accepts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from ove_gh.demo.github import Annotation, App, SimulatedGitHub, drop_connection, respond, secondarily_limited
from ove_gh.github import errors
from ove_gh.github.client import PERMISSIONS, GitHub, Repository
from ove_gh.github.models import Attachment, CheckAction, CheckState, NewReviewComment, Permission, Reacted
from tests.github.samples import Clock

pytestmark = pytest.mark.anyio

SHOP = "alice/shop"
EVERYTHING = {
    "metadata": "read",
    "issues": "write",
    "pull_requests": "write",
    "contents": "write",
    "checks": "write",
    "statuses": "read",
    "actions": "read",
}
WORKING = CheckState("in_progress", None, "Working", "on it", (CheckAction("Stop", "End this task", "stop"),))
DONE = CheckState("completed", "success", "Done", "All checks passed.")


@dataclass
class Scene:
    """A simulated GitHub with one App on one repository, and our client for it; `sha` is the tip of `ove/1-total`."""

    github: SimulatedGitHub
    client: GitHub
    app: App
    repository: Repository
    sha: str


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """Alice owns the private repository, mallory is nobody there; issue 1 and the branch `ove/1-total` exist."""
    async with SimulatedGitHub.running() as github:
        for login in ("alice", "mallory"):
            github.create_user(login)
        shop = github.create_repository(SHOP, {"cart.py": "total = 0\n"}, private=True)
        app = github.create_app("ove", "Ove", EVERYTHING, ["issues"])
        installation = github.install(app, SHOP)
        github.open_issue(SHOP, "alice", "The total is wrong", "It is 0.")
        sha = github.push_commit(SHOP, "ove/1-total", "alice", {"cart.py": "total = 1\n"}, "Fix the total")
        async with GitHub(
            app_id=str(app.app_id),
            private_key=app.private_key_pem,
            api_url=github.api_url,
            sleep=Clock().sleep,
        ) as client:
            yield Scene(github, client, app, client.repository(installation, shop.id, SHOP), sha)


def test_the_permissions_suffice() -> None:
    """The App of these tests holds exactly what the table of purposes names, so that every call runs on that alone."""
    named = {(name, level) for granted in PERMISSIONS.values() for name, level in granted.items()}
    most = {name: max(level for n, level in named if n == name) for name, _ in named}
    assert most == EVERYTHING


async def test_identity() -> None:
    """The App learns its slug, its bot account and its permissions."""
    async with scene() as s:
        identity = await s.client.identity()
    assert (identity.id, identity.slug, identity.name) == (s.app.app_id, "ove", "Ove")
    assert (identity.bot_login, identity.bot_id) == ("ove[bot]", s.app.bot.id)
    assert identity.permissions == EVERYTHING


async def test_details_and_permissions() -> None:
    """The repository tells what it is, and who may write in it."""
    async with scene() as s:
        details = await s.repository.details()
        alice, mallory = s.github.user("alice"), s.github.user("mallory")
        assert await s.repository.permission("alice", alice.id) is Permission.ADMIN
        assert await s.repository.permission("alice", mallory.id) is Permission.NONE
        assert await s.repository.permission("mallory", mallory.id) is Permission.NONE
        assert await s.repository.permission("nobody", 0) is Permission.NONE
        s.github.grant(SHOP, "mallory", "maintain")
        assert await s.repository.permission("mallory", mallory.id) is Permission.MAINTAIN
    assert (details.full_name, details.private, details.default_branch) == (SHOP, True, "main")


async def test_a_conversation() -> None:
    """An issue is read, commented on, edited and reacted to, and everything stands there as it was meant."""
    async with scene() as s:
        bot_id = (await s.client.identity()).bot_id
        issue = await s.repository.issue(1)
        hello = s.github.comment(SHOP, 1, "alice", "@ove please <!-- m1 -->")
        before = time.time()
        mine = await s.repository.create_comment(1, "On it <!-- m1 -->")
        await s.repository.edit_comment(mine.id, "Done <!-- m1 -->")
        await s.repository.react_to_issue(1, "rocket")
        await s.repository.react_to_comment(hello.id, "eyes")
        await s.repository.react_to_comment(hello.id, "eyes")
        found = await s.repository.find_own_comment(1, "<!-- m1 -->", since=before, bot_id=bot_id)
        listed = await s.repository.comments(1)
        assert found == await s.repository.comment(mine.id)
        assert s.github.reactions(hello) == [("ove[bot]", "eyes")]
        assert s.github.reactions(s.github.issue(SHOP, 1)) == [("ove[bot]", "rocket")]
    assert (issue.title, issue.body, issue.author.login, issue.is_pull) == (
        "The total is wrong",
        "It is 0.",
        "alice",
        False,
    )
    assert [(c.author.login, c.author.is_bot, c.body) for c in listed] == [
        ("alice", False, "@ove please <!-- m1 -->"),
        ("ove[bot]", True, "Done <!-- m1 -->"),
    ]


async def test_who_reacted_to_a_comment() -> None:
    """People's reactions and the App's own are told apart; a comment that is gone is NotFound."""
    async with scene() as s:
        alice, mallory = s.github.user("alice"), s.github.user("mallory")
        mine = await s.repository.create_comment(1, "My plan")
        await s.repository.react_to_comment(mine.id, "rocket")
        comment = next(each for each in s.github.thread(SHOP, 1) if each.id == mine.id)
        s.github.grant(SHOP, "mallory", "read")
        s.github.react(comment, "mallory", "+1")
        s.github.react(comment, "alice", "+1")
        found = await s.repository.reactions_to_comment(mine.id)
        with pytest.raises(errors.NotFound):
            await s.repository.reactions_to_comment(mine.id + 1_000)
        assert found == [
            Reacted("ove[bot]", s.app.bot.id, True, "rocket"),
            Reacted("mallory", mallory.id, False, "+1"),
            Reacted("alice", alice.id, False, "+1"),
        ]


async def test_a_long_thread() -> None:
    """The newest comments of a thread of several pages are read from its end; all of them in order."""
    async with scene() as s:
        for n in range(250):
            s.github.comment(SHOP, 1, "alice", str(n))
        newest = await s.repository.comments(1, newest=60)
        everything = await s.repository.comments(1)
    assert [c.body for c in newest] == [str(n) for n in range(190, 250)]
    assert [c.body for c in everything] == [str(n) for n in range(250)]


async def test_a_pull_request() -> None:
    """A pull request is opened, found by its branch while open and when closed; the right people may review it."""
    async with scene() as s:
        assert await s.repository.find_pull("ove/1-total") is None
        made = await s.repository.create_pull(title="Fix", body="Closes #1", head="ove/1-total", base="main")
        assert await s.repository.find_pull("ove/1-total") == made
        assert (await s.repository.issue(made.number)).is_pull
        assert await s.repository.request_review(made.number, "alice")
        assert not await s.repository.request_review(made.number, "mallory")
        with pytest.raises(errors.Unprocessable) as second:
            await s.repository.create_pull(title="Again", body="", head="ove/1-total", base="main")
        s.github.close_pull(SHOP, made.number, "alice")
        assert await s.repository.find_pull("ove/1-total") is None
        closed = await s.repository.find_pull("ove/1-total", closed=True)
    assert any("already exists" in problem.message for problem in second.value.problems)
    assert closed is not None
    assert (closed.number, closed.state, closed.merged) == (made.number, "closed", False)


async def test_a_merged_pull_request() -> None:
    """A pull request that was merged tells so, with who did it."""
    async with scene() as s:
        made = await s.repository.create_pull(title="Fix", body="", head="ove/1-total", base="main")
        s.github.merge_pull(SHOP, made.number, "alice")
        merged = await s.repository.pull(made.number)
    assert (merged.state, merged.merged, merged.merged_by_login) == ("closed", True, "alice")
    assert (merged.head, merged.head_sha, merged.base) == ("ove/1-total", s.sha, "main")


async def test_a_commit_and_a_file() -> None:
    """A commit names its accounts and message; a file's text is that of the default branch or of the ref."""
    async with scene() as s:
        commit = await s.repository.commit(s.sha)
        with pytest.raises(errors.Unprocessable):
            await s.repository.commit("0" * 40)
        assert await s.repository.file("cart.py") == "total = 0\n"
        assert await s.repository.file("cart.py", ref="ove/1-total") == "total = 1\n"
        assert await s.repository.file("none.py") is None
        assert await s.repository.file("cart.py", ref="no-such-branch") is None
        s.github.push_commit(SHOP, "main", "alice", {"logo": b"\xff\xd8"}, "Add a logo")
        with pytest.raises(errors.UnreadableFile, match="UTF-8"):
            await s.repository.file("logo")
    assert (commit.sha, commit.author_login, commit.message) == (s.sha, "alice", "Fix the total")


async def test_a_red_check() -> None:
    """A failed job of GitHub Actions tells its conclusion, annotations, steps and the end of its log."""
    remark = Annotation("cart.py", 1, 1, "failure", "assert 1 == 2", "AssertionError")
    async with scene() as s:
        unit = s.github.start_check(SHOP, s.sha, "unit", status="in_progress")
        running = await s.repository.check_runs(s.sha)
        assert await s.repository.job_log(unit.id, most_bytes=100) is None
        s.github.finish_check(
            unit,
            "failure",
            title="1 failed",
            summary="See below",
            annotations=[remark] * 3,
            log="début\n" * 9_999 + "end\n",
            steps=[("Set up job", "success"), ("Run tests", "failure")],
        )
        (found,) = await s.repository.check_runs(s.sha)
        remarks = await s.repository.annotations(unit.id, most=2)
        job = await s.repository.job(unit.id)
        log = await s.repository.job_log(unit.id, most_bytes=8)
        s.github.delete_logs(unit)
        assert await s.repository.job_log(unit.id, most_bytes=8) is None
        assert await s.repository.job(unit.id + 1_000) is None
        assert [request.token for request in s.github.requests if "_logs" in request.path] == ["none"]
    assert [(run.status, run.conclusion) for run in running] == [("in_progress", "")]
    assert (found.id, found.app_slug, found.conclusion, found.title) == (
        unit.id,
        "github-actions",
        "failure",
        "1 failed",
    )
    assert (found.head_sha, found.annotations_count, found.suite_id) == (s.sha, 3, unit.suite.id)
    assert [(r.path, r.start_line, r.level, r.title, r.message) for r in remarks] == [
        ("cart.py", 1, "failure", "AssertionError", "assert 1 == 2")
    ] * 2
    assert job is not None
    assert (job.name, job.conclusion) == ("unit", "failure")
    assert [(step.name, step.conclusion) for step in job.steps] == [("Set up job", "success"), ("Run tests", "failure")]
    assert log == "but\nend\n"


async def test_all_checks_of_a_commit() -> None:
    """Only the latest run of a check counts, more than a page of them is read, and the App's own suite is empty."""
    async with scene() as s:
        unit = s.github.start_check(SHOP, s.sha, "unit")
        s.github.finish_check(unit, "failure")
        again = s.github.rerun_check(unit)
        for n in range(105):
            s.github.start_check(SHOP, s.sha, f"check {n}", app="ci")
        for context in ("build", "deploy"):
            s.github.set_status(SHOP, s.sha, context, "pending")
        s.github.set_status(SHOP, s.sha, "build", "error", "Out of memory", "https://ci.example/0")
        runs, suites = await s.repository.check_runs(s.sha), await s.repository.check_suites(s.sha)
        statuses = {status.context: status for status in await s.repository.statuses(s.sha)}
        with pytest.raises(errors.Unprocessable):
            await s.repository.check_runs("0" * 40)
    assert [run.id for run in runs if run.name == "unit"] == [again.id]
    assert (len(runs), len(statuses)) == (106, 2)
    assert {(suite.app_slug, suite.status, suite.latest_check_runs_count) for suite in suites} == {
        ("ove", "queued", 0),
        ("github-actions", "queued", 1),
        ("ci", "queued", 105),
    }
    build = statuses["build"]
    assert (build.state, build.description, build.target_url) == ("error", "Out of memory", "https://ci.example/0")


async def test_the_apps_own_check_run() -> None:
    """The App puts a check run with a button on a commit, finds it by its id of ours, and completes it."""
    async with scene() as s:
        theirs = s.github.start_check(SHOP, s.sha, "unit")
        assert await s.repository.find_own_check_run(s.sha, "task:1", s.app.app_id) is None
        made = await s.repository.create_check_run(name="ove", head_sha=s.sha, external_id="task:1", state=WORKING)
        await s.repository.create_check_run(name="ove", head_sha=s.sha, external_id="task:2", state=WORKING)
        found = await s.repository.find_own_check_run(s.sha, "task:1", s.app.app_id)
        done = await s.repository.update_check_run(made.id, DONE)
        with pytest.raises(errors.Forbidden):
            await s.repository.update_check_run(theirs.id, DONE)
        (latest,) = [run for run in s.github.checks(SHOP, s.sha) if run.name == "ove"]
        assert [button.identifier for button in latest.actions] == ["stop"]
    assert found == made
    assert (made.app_id, made.status, made.conclusion, made.title) == (s.app.app_id, "in_progress", "", "Working")
    assert (done.id, done.status, done.conclusion, done.title) == (made.id, "completed", "success", "Done")


async def test_a_check_run_whose_answer_was_lost() -> None:
    """A check run is not created again after a lost answer; the error says to look, and looking finds it."""
    async with scene() as s:
        s.github.on("POST", r"/repos/.*/check-runs", action=drop_connection(), when="after")
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await s.repository.create_check_run(name="ove", head_sha=s.sha, external_id="task:1", state=WORKING)
        found = await s.repository.find_own_check_run(s.sha, "task:1", s.app.app_id)
        assert [run.id for run in s.github.checks(SHOP, s.sha)] == [found.id if found else None]
    assert caught.value.may_have_happened


async def test_a_review_is_read() -> None:
    """What people say in a review arrives with its lines and its piece of the diff, and the answers in its threads."""
    async with scene() as s:
        pull = s.github.open_pull(SHOP, "alice", "Fix", head="ove/1-total")
        remarks = [
            {"path": "cart.py", "line": 1, "body": "Why 1?"},
            {"path": "cart.py", "line": 1, "body": "Was it 0?", "side": "LEFT"},
        ]
        said = s.github.review(SHOP, pull.number, "alice", "COMMENT", "Almost.", remarks)
        answer = s.github.reply(said.comments[0], "alice", "Because.")
        first = await s.repository.review(pull.number, said.id)
        reviews = await s.repository.reviews(pull.number)
        comments = await s.repository.review_comments(pull.number)
        of_review = await s.repository.review_comments(pull.number, review_id=said.id)
        alone = await s.repository.review_comment(answer.id)
        assert await s.repository.review_comments(pull.number, since=time.time() + 3600) == []
    assert reviews[0] == first
    assert [(r.state, r.body, r.author.login, r.commit_id) for r in reviews] == [
        ("commented", "Almost.", "alice", s.sha),
        ("commented", "", "alice", s.sha),
    ]
    assert [(c.path, c.line, c.side, c.body, c.in_reply_to_id) for c in comments] == [
        ("cart.py", 1, "RIGHT", "Why 1?", None),
        ("cart.py", 1, "LEFT", "Was it 0?", None),
        ("cart.py", 1, "RIGHT", "Because.", said.comments[0].id),
    ]
    assert (comments[:2], comments[2]) == (of_review, alone)
    assert "+total = 1" in comments[0].diff_hunk
    assert comments[0].commit_id == s.sha


async def test_a_review_is_written() -> None:
    """The App comments on the lines of a diff, all or nothing, and finds its review and its answers by their marks."""
    async with scene() as s:
        bot_id = (await s.client.identity()).bot_id
        pull = s.github.open_pull(SHOP, "alice", "Fix", head="ove/1-total")
        outside = [NewReviewComment("cart.py", 1, "ok"), NewReviewComment("cart.py", 9, "not there")]
        with pytest.raises(errors.Unprocessable):
            await s.repository.create_review(pull.number, commit_id=s.sha, body="x", comments=outside)
        assert s.github.reviews(SHOP, pull.number) == []
        made = await s.repository.create_review(
            pull.number, commit_id=s.sha, body="Looks good. <!-- m1 -->", comments=outside[:1]
        )
        assert await s.repository.find_own_review(pull.number, "<!-- m1 -->", bot_id=bot_id) == made
        (comment,) = await s.repository.review_comments(pull.number, review_id=made.id)
        before = time.time()
        reply = await s.repository.reply_to_review_comment(pull.number, comment.id, "Done <!-- m2 -->")
        with pytest.raises(errors.Unprocessable):
            await s.repository.reply_to_review_comment(pull.number, reply.id, "More")
        await s.repository.edit_review_comment(reply.id, "Done in 1a2b <!-- m2 -->")
        await s.repository.react_to_review_comment(comment.id, "eyes")
        found = await s.repository.find_own_review_comment(pull.number, "<!-- m2 -->", since=before, bot_id=bot_id)
        assert found == await s.repository.review_comment(reply.id)
        (first, second) = s.github.reviews(SHOP, pull.number)
        assert (first.state, second.comments[0].body) == ("COMMENTED", "Done in 1a2b <!-- m2 -->")
        assert s.github.reactions(first.comments[0]) == [("ove[bot]", "eyes")]
        s.github.lock(SHOP, pull.number, "alice")
        with pytest.raises(errors.Forbidden):
            await s.repository.reply_to_review_comment(pull.number, comment.id, "Hello?")


async def test_a_review_whose_answer_was_lost() -> None:
    """A review is not written again after a lost answer; the error says to look, and looking finds it."""
    async with scene() as s:
        bot_id = (await s.client.identity()).bot_id
        pull = s.github.open_pull(SHOP, "alice", "Fix", head="ove/1-total")
        s.github.on("POST", r"/repos/.*/reviews", action=drop_connection(), when="after")
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await s.repository.create_review(pull.number, commit_id=s.sha, body="Hm. <!-- m1 -->", comments=[])
        found = await s.repository.find_own_review(pull.number, "<!-- m1 -->", bot_id=bot_id)
        assert [review.id for review in s.github.reviews(SHOP, pull.number)] == [found.id if found else None]
    assert caught.value.may_have_happened


async def test_what_a_pull_request_changes() -> None:
    """Files, diff and comparison tell of the same change, removed and binary files included."""
    async with scene() as s:
        head = s.github.push_commit(SHOP, "ove/1-total", "alice", {"logo": b"\xff\x00", "cart.py": None}, "Redo")
        pull = s.github.open_pull(SHOP, "alice", "Fix", head="ove/1-total")
        files = {file.path: file for file in await s.repository.changed_files(pull.number)}
        assert len(await s.repository.changed_files(pull.number, most=1)) == 1
        diff = await s.repository.diff(pull.number, most_bytes=100_000)
        compared = await s.repository.compare("main", "ove/1-total")
        backwards = await s.repository.compare(head, "main")
        with pytest.raises(errors.NotFound):
            await s.repository.compare("main", "no-such-branch")
        assert diff == s.github.diff(SHOP, "main", head)
        main = s.github.branches(SHOP)["main"]
    assert (files["cart.py"].status, files["cart.py"].deletions, files["logo"].patch) == ("removed", 1, "")
    assert "-total = 0" in files["cart.py"].patch
    assert (compared.merge_base, compared.status, compared.ahead_by, compared.behind_by) == (main, "ahead", 2, 0)
    assert {file.path: file for file in compared.files} == files
    assert (backwards.status, backwards.behind_by, backwards.files) == ("behind", 2, ())


async def test_attached_images() -> None:
    """An image of a private repository is had by the link in the text as shown, not by the one that people wrote."""
    async with scene() as s:
        image = b"\x89PNG\r\n\x1a\n" + b"0" * 1000
        address = s.github.attach(SHOP, "alice", image, "image/png")
        other = s.github.attach(SHOP, "alice", b"%PDF-1.7", "application/pdf")
        hello = s.github.comment(SHOP, 1, "alice", f"![a]({address}) ![b]({other}) ![c](https://evil.example/x.png)")
        links = await s.repository.image_links("comment", hello.id)
        found = [await s.repository.fetch_image(link, most_bytes=10_000) for link in links]
        assert await s.repository.fetch_image(links[0], most_bytes=999) is None
        assert await s.repository.fetch_image(links[0] + "x", most_bytes=10_000) is None
        assert await s.repository.fetch_image(address, most_bytes=10_000) is None
        assert await s.repository.image_links("issue", 1) == []
    assert found == [Attachment("image/png", image), None]


async def test_images_in_a_review() -> None:
    """Images are found in a review and in its comments as well."""
    async with scene() as s:
        image = f"![a]({s.github.attach(SHOP, 'alice', b'GIF89a', 'image/gif')})"
        pull = s.github.open_pull(SHOP, "alice", "Fix", head="ove/1-total")
        remark = {"path": "cart.py", "line": 1, "body": image}
        said = s.github.review(SHOP, pull.number, "alice", "COMMENT", image, [remark])
        links = await s.repository.image_links("review_comment", said.comments[0].id)
        links += await s.repository.review_image_links(pull.number, said.id)
        found = [await s.repository.fetch_image(link, most_bytes=10) for link in links]
    assert found == [Attachment("image/gif", b"GIF89a")] * 2


async def test_labels() -> None:
    """The labels of an issue are read, and taken off once and for all."""
    async with scene() as s:
        for label in ("ove:review", "p0 / now"):
            s.github.add_label(SHOP, 1, "alice", label)
        assert await s.repository.labels(1) == ["ove:review", "p0 / now"]
        await s.repository.remove_label(1, "p0 / now")
        await s.repository.remove_label(1, "p0 / now")
        assert await s.repository.labels(1) == ["ove:review"]


async def test_searching() -> None:
    """Issues, pull requests and code are found by their words, here and nowhere else, whatever the words are."""
    async with scene() as s:
        s.github.create_repository("alice/other", {"other.py": "total = 2\n"})
        s.github.open_issue("alice/other", "alice", "The total elsewhere", "")
        pull = s.github.open_pull(SHOP, "alice", "Fix the total", head="ove/1-total")
        found = await s.repository.search_issues("total")
        first = await s.repository.search_issues('"wrong" total is', most=1)
        code = await s.repository.search_code('"total = 0"')
        for words in ("total repo:alice/other", "total OR repo:alice/other", 'x" repo:alice/other "'):
            assert await s.repository.search_issues(words) == []
            assert await s.repository.search_code(words) == []
    assert [(hit.number, hit.is_pull, hit.title) for hit in found] == [
        (1, False, "The total is wrong"),
        (pull.number, True, "Fix the total"),
    ]
    assert (first, [hit.path for hit in code]) == (found[:1], ["cart.py"])


async def test_git_tokens() -> None:
    """The token for reading fetches and does not push; the one for writing pushes."""
    async with scene() as s, httpx.AsyncClient(trust_env=False) as git:

        async def status(service: str, *, write: bool) -> int:
            login = ("x-access-token", await s.repository.git_token(write=write))
            url = f"{s.github.server_url}/{SHOP}.git/info/refs?service={service}"
            return (await git.get(url, auth=login)).status_code

        assert await status("git-upload-pack", write=False) == 200
        assert await status("git-receive-pack", write=False) == 403
        assert await status("git-receive-pack", write=True) == 200


async def test_revoked_tokens_are_replaced() -> None:
    """After GitHub has ended all tokens, the next comment is written all the same, and once."""
    async with scene() as s:
        await s.repository.create_comment(1, "one")
        s.github.expire_tokens()
        await s.repository.create_comment(1, "two")
        assert [c.body for c in s.github.thread(SHOP, 1)] == ["one", "two"]


async def test_a_connection_cut_after_the_deed() -> None:
    """A comment whose answer was lost is not written again; the error says to look, and looking finds it."""
    async with scene() as s:
        bot_id = (await s.client.identity()).bot_id
        s.github.on("POST", r"/repos/.*/comments", action=drop_connection(), when="after")
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await s.repository.create_comment(1, "Hello <!-- m1 -->")
        assert caught.value.may_have_happened
        found = await s.repository.find_own_comment(1, "<!-- m1 -->", since=time.time(), bot_id=bot_id)
        assert found is not None
        assert [c.id for c in s.github.thread(SHOP, 1)] == [found.id]


async def test_a_limit_before_the_deed() -> None:
    """A secondary limit names its time, and nothing was written."""
    async with scene() as s:
        s.github.on("POST", r"/repos/.*/comments", action=secondarily_limited(30))
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await s.repository.create_comment(1, "Hello")
        assert (caught.value.limited, caught.value.retry_after, caught.value.may_have_happened) == (True, 30.0, False)
        assert s.github.thread(SHOP, 1) == []


async def test_a_faltering_github() -> None:
    """Reading and minting survive an answer of 502 each."""
    async with scene() as s:
        s.github.on("POST", r"/app/installations/.*", action=respond(502))
        s.github.on("GET", r"/repos/alice/shop/issues/1", action=respond(502))
        assert (await s.repository.issue(1)).number == 1


async def test_cold_calls_share_a_token() -> None:
    """Twenty first calls at once ask GitHub for one token."""
    async with scene() as s:
        await asyncio.gather(*(s.repository.issue(1) for _ in range(20)))
        assert sum("access_tokens" in request.path for request in s.github.requests) == 1


async def test_an_uninstalled_app() -> None:
    """Once the App is taken from the repository, the error says that it is not installed."""
    async with scene() as s:
        s.github.uninstall(s.app, SHOP)
        with pytest.raises(errors.NotInstalled):
            await s.repository.issue(1)
