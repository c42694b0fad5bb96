"""Tests of each call: what it asks of GitHub, and how it reads the answer."""

from __future__ import annotations

import json
from base64 import encodebytes
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import respx

from ove_gh.github import errors
from ove_gh.github.client import PERMISSIONS, Purpose, Repository
from ove_gh.github.models import Author, CheckState, CommitInfo, Permission, Reacted, read_permission
from tests.github import samples
from tests.github.samples import API, NOW, REPO, comment, grant_tokens, issue, open_github, open_repository, pull, sent

pytestmark = pytest.mark.anyio

COMMENTS = f"{REPO}/issues/3/comments"
RIGHT = f"{REPO}/collaborators/alice/permission"
RUNNING = CheckState("in_progress", None, "Working", "")


@respx.mock
async def test_identity_asks_for_the_bot_with_an_installations_token() -> None:
    """The bot's account is read with the token of an installation that is not suspended: no App token opens it."""
    app = {"id": 12, "slug": "ove", "name": "Ove", "html_url": "https://github.example/apps/ove"}
    respx.get(f"{API}/app").respond(json={**app, "permissions": {"issues": "write"}, "events": ["issues"]})
    respx.get(f"{API}/app/installations").respond(
        json=[{"id": 6, "suspended_at": "2023-01-01T00:00:00Z"}, {"id": 7, "suspended_at": None}]
    )
    minted = grant_tokens()
    bot = respx.get(f"{API}/users/ove%5Bbot%5D").respond(json=samples.user("ove[bot]", 99, "Bot"))
    async with open_github() as github:
        identity = await github.identity()
    assert (identity.slug, identity.bot_login, identity.bot_id) == ("ove", "ove[bot]", 99)
    assert (identity.permissions, identity.events) == ({"issues": "write"}, ("issues",))
    assert json.loads(sent(minted).content) == {"permissions": {"metadata": "read"}}
    assert sent(bot).headers["authorization"] == f"Bearer {samples.SECRET}"


@respx.mock
async def test_identity_of_an_app_that_is_installed_nowhere() -> None:
    """Before its first installation the App still learns who it is, by an anonymous request."""
    app = {"id": 12, "slug": "ove", "name": "Ove", "html_url": "https://x", "permissions": {}, "events": []}
    respx.get(f"{API}/app").respond(json=app)
    respx.get(f"{API}/app/installations").respond(json=[])
    bot = respx.get(f"{API}/users/ove%5Bbot%5D").respond(json=samples.user("ove[bot]", 99, "Bot"))
    async with open_github() as github:
        assert (await github.identity()).bot_id == 99
    assert "authorization" not in sent(bot).headers


@respx.mock
async def test_details_follow_a_rename() -> None:
    """A renamed repository is found under its old name, and its details tell the new one."""
    grant_tokens()
    respx.get(REPO).respond(301, headers={"location": f"{API}/repositories/42"})
    respx.get(f"{API}/repositories/42").respond(json=samples.repository(full_name="acme/store", archived=True))
    async with open_repository() as repository:
        details = await repository.details()
    assert (details.full_name, details.archived, details.default_branch) == ("acme/store", True, "main")


@respx.mock
async def test_a_name_that_was_taken_again_is_not_our_repository() -> None:
    """Another repository under our repository's former name is treated as none."""
    grant_tokens()
    respx.get(REPO).respond(json=samples.repository(id=43))
    async with open_repository() as repository:
        with pytest.raises(errors.NotFound):
            await repository.details()


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (samples.permission("admin"), Permission.ADMIN),
        (samples.permission("write", "maintain"), Permission.MAINTAIN),
        (samples.permission("write"), Permission.WRITE),
        (samples.permission("write", "release-captain"), Permission.WRITE),
        (samples.permission("read", "triage"), Permission.TRIAGE),
        (samples.permission("read"), Permission.READ),
        (samples.permission("read", "admin"), Permission.READ),
        (samples.permission("none"), Permission.NONE),
        (samples.permission("admin", number=2), Permission.NONE),
        ({"permission": "admin", "role_name": "admin", "user": None}, Permission.NONE),
    ],
)
def test_permission_is_read_by_id(answer: dict[str, Any], right: Permission) -> None:
    """The base right counts, refined by GitHub's own role names, and only for the user with the expected id."""
    assert read_permission(answer, 1) is right


@respx.mock
async def test_permission_is_asked_of_the_repository() -> None:
    """Somebody's right is what GitHub's collaborator permission says, and only under that user's id."""
    grant_tokens()
    respx.get(RIGHT).respond(json=samples.permission("write"))
    async with open_repository() as repository:
        assert await repository.permission("alice", 1) is Permission.WRITE
        assert await repository.permission("alice", 2) is Permission.NONE


def test_who_can_write() -> None:
    """Rights are ordered, and writing begins at write."""
    assert [right.name for right in sorted(Permission) if right.can_write] == ["WRITE", "MAINTAIN", "ADMIN"]


@respx.mock
async def test_a_stranger_has_no_permission() -> None:
    """GitHub's 404 for somebody it does not know here means no right."""
    grant_tokens()
    respx.get(RIGHT).respond(404, json={"message": "Not Found"})
    async with open_repository() as repository:
        assert await repository.permission("alice", 1) is Permission.NONE


@respx.mock
@pytest.mark.parametrize(
    ("status", "kind"), [(500, errors.GitHubUnavailable), (403, errors.Forbidden), (401, errors.BadCredentials)]
)
async def test_a_permission_that_cannot_be_asked_is_an_error(status: int, kind: type[errors.GitHubError]) -> None:
    """An unanswered question about somebody's right is neither yes nor no."""
    grant_tokens()
    respx.get(RIGHT).respond(status, json={"message": "No"})
    async with open_repository() as repository:
        with pytest.raises(kind):
            await repository.permission("alice", 1)


@respx.mock
async def test_an_unknown_permission_is_an_error() -> None:
    """A right that GitHub does not document is not guessed at."""
    grant_tokens()
    respx.get(RIGHT).respond(json=samples.permission("owner"))
    async with open_repository() as repository:
        with pytest.raises(errors.UnexpectedAnswer, match="owner"):
            await repository.permission("alice", 1)


@respx.mock
async def test_a_login_cannot_change_the_path() -> None:
    """Odd characters in a login stay within their part of the path."""
    grant_tokens()
    route = respx.get(url__startswith=f"{REPO}/collaborators/").respond(404)
    async with open_repository() as repository:
        await repository.permission("a/../b?c[bot]", 1)
    assert sent(route).url.raw_path.endswith(b"/collaborators/a%2F..%2Fb%3Fc%5Bbot%5D/permission")


@respx.mock
async def test_an_issue_and_a_pull_request_are_told_apart() -> None:
    """A pull request is read as the issue that it also is; a missing body and a deleted author are no trouble."""
    grant_tokens()
    respx.get(f"{REPO}/issues/3").respond(json=issue(user=None))
    respx.get(f"{REPO}/issues/4").respond(json=issue(4, pull_request={"url": "https://x"}, body="Fix", locked=True))
    async with open_repository() as repository:
        plain, request = await repository.issue(3), await repository.issue(4)
    assert (plain.is_pull, plain.body, plain.author) == (False, "", Author("ghost", 0, is_bot=False))
    assert (request.is_pull, request.body, request.locked) == (True, "Fix", True)


@respx.mock
async def test_a_comment_is_read() -> None:
    """A comment's author, bot or not, and its times arrive as values."""
    grant_tokens()
    respx.get(f"{REPO}/issues/comments/5").respond(json=comment(author=samples.user("ove[bot]", 99, "Bot")))
    async with open_repository() as repository:
        found = await repository.comment(5)
    assert (found.id, found.author, found.created_at) == (5, Author("ove[bot]", 99, is_bot=True), NOW)
    assert found.updated_at == NOW + 1


def pages(count: int, *, named_last: bool = True) -> respx.Route:
    """A thread of `count` pages with two comments each: 10, 11; 20, 21; …"""

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        links = [f'<{API}/repositories/42/issues/3/comments?per_page=100&page={page + 1}>; rel="next"'] * (page < count)
        links += [f'<{API}/repositories/42/issues/3/comments?page={count}>; rel="last"'] * (page < count and named_last)
        body = [comment(page * 10), comment(page * 10 + 1)]
        return httpx.Response(200, json=body, headers={"link": ", ".join(links)} if links else {})

    return respx.get(COMMENTS).mock(side_effect=answer)


@respx.mock
@pytest.mark.parametrize(
    ("newest", "named_last", "ids", "asked"),
    [
        (None, True, [10, 11, 20, 21, 30, 31, 40, 41], ["1", "2", "3", "4"]),
        (3, True, [31, 40, 41], ["1", "4", "3"]),
        (2, True, [40, 41], ["1", "4"]),
        (7, True, [11, 20, 21, 30, 31, 40, 41], ["1", "4", "3", "2"]),
        (99, True, [10, 11, 20, 21, 30, 31, 40, 41], ["1", "4", "3", "2"]),
        (3, False, [31, 40, 41], ["1", "2", "3", "4"]),
    ],
)
async def test_comments_are_read_page_by_page(
    newest: int | None, named_last: bool, ids: list[int], asked: list[str]
) -> None:
    """Pages are followed as the Link header names them; for the newest, from the end and no further than needed."""
    grant_tokens()
    route = pages(4, named_last=named_last)
    async with open_repository() as repository:
        found = await repository.comments(3, newest=newest)
    assert [c.id for c in found] == ids
    assert [call.request.url.params["page"] for call in route.calls] == asked


@respx.mock
async def test_a_short_thread_takes_one_request() -> None:
    """A thread of one page is read at once, also when only the newest are wanted."""
    grant_tokens()
    route = pages(1)
    async with open_repository() as repository:
        assert [c.id for c in await repository.comments(3, newest=1)] == [11]
    assert route.call_count == 1


@respx.mock
async def test_a_link_that_leads_back_is_an_error() -> None:
    """A Link header that goes in circles does not keep us reading for ever."""
    grant_tokens()
    respx.get(COMMENTS).respond(json=[], headers={"link": f'<{COMMENTS}?page=1>; rel="next"'})
    async with open_repository() as repository:
        with pytest.raises(errors.UnexpectedAnswer):
            await repository.comments(3)


@respx.mock
async def test_own_comment_is_found_by_account_and_marker() -> None:
    """Somebody else's copy of the marker is not ours, and a clock that is a little wrong does not hide the comment."""
    grant_tokens()
    bot = samples.user("ove[bot]", 99, "Bot")
    bodies = [
        comment(1, "<!-- m1 -->"),
        comment(2, "hello", bot),
        comment(3, "x <!-- m1 -->", bot),
        comment(4, "m2", bot),
    ]
    route = respx.get(COMMENTS).respond(json=bodies)
    async with open_repository() as repository:
        found = await repository.find_own_comment(3, "<!-- m1 -->", since=NOW, bot_id=99)
        assert await repository.find_own_comment(3, "<!-- m9 -->", since=NOW, bot_id=99) is None
    assert found is not None
    assert found.id == 3
    assert sent(route).url.params["since"] == "2023-11-14T22:08:20Z"


@respx.mock
async def test_comments_are_written_and_edited() -> None:
    """Writing posts the body; editing patches the same comment, again after a failure."""
    grant_tokens()
    created = respx.post(COMMENTS).respond(201, json=comment())
    edited = respx.patch(f"{REPO}/issues/comments/5").mock(
        side_effect=[httpx.Response(502), httpx.Response(200, json=comment(body="Done"))]
    )
    async with open_repository() as repository:
        assert (await repository.create_comment(3, "Hello")).id == 5
        assert (await repository.edit_comment(5, "Done")).body == "Done"
    assert json.loads(sent(created).content) == {"body": "Hello"}
    assert [json.loads(call.request.content) for call in edited.calls] == [{"body": "Done"}] * 2


@respx.mock
async def test_reactions_go_to_issues_and_comments() -> None:
    """A reaction is put on the issue or on the comment, again after a failure."""
    grant_tokens()
    on_issue = respx.post(f"{REPO}/issues/3/reactions").mock(
        side_effect=[httpx.Response(500), httpx.Response(201, json={})]
    )
    on_comment = respx.post(f"{REPO}/issues/comments/5/reactions").respond(200, json={})
    async with open_repository() as repository:
        await repository.react_to_issue(3, "eyes")
        await repository.react_to_comment(5, "confused")
    assert on_issue.call_count == 2
    assert json.loads(sent(on_comment).content) == {"content": "confused"}


@respx.mock
async def test_reactions_to_a_comment_are_read() -> None:
    """From all pages, with who gave them by id; a bot is known as one, and a deleted account as nobody."""
    grant_tokens()
    pages: list[list[object]] = [
        [{"id": 1, "user": samples.user(), "content": "+1"}, {"id": 2, "user": None, "content": "+1"}],
        [{"id": 3, "user": samples.user("ove[bot]", 99, "Bot"), "content": "eyes"}],
    ]
    route = samples.paged(f"{REPO}/issues/comments/5/reactions", pages)
    async with open_repository() as repository:
        found = await repository.reactions_to_comment(5)
    assert found == [
        Reacted("alice", 1, False, "+1"),
        Reacted("ghost", 0, False, "+1"),
        Reacted("ove[bot]", 99, True, "eyes"),
    ]
    assert route.call_count == 2


@respx.mock
async def test_labels() -> None:
    """Labels are read from all pages; one is taken off by its name, and need not be there."""
    grant_tokens()
    samples.paged(f"{REPO}/issues/3/labels", [[{"name": "ove:review"}], [{"name": "p0", "color": "f00"}]])
    gone = respx.delete(url__startswith=f"{REPO}/issues/3/labels/")
    gone.side_effect = [httpx.Response(502), httpx.Response(200, json=[]), httpx.Response(404, json={"message": "No"})]
    async with open_repository() as repository:
        assert await repository.labels(3) == ["ove:review", "p0"]
        await repository.remove_label(3, "ove:a/b?")
        await repository.remove_label(3, "ove:a/b?")
    assert gone.call_count == 3
    assert sent(gone).url.raw_path.endswith(b"/issues/3/labels/ove%3Aa%2Fb%3F")


@respx.mock
async def test_the_pull_request_of_a_branch_is_found() -> None:
    """Only an open pull request from this very repository's branch counts, asked for under its present owner."""
    grant_tokens()
    respx.get(REPO).respond(json=samples.repository(full_name="acme/shop"))
    fork = pull(8, head={"ref": "ove/3-total", "sha": "c" * 40, "repo": {"id": 77}})
    orphan = pull(9, head={"ref": "ove/3-total", "sha": "c" * 40, "repo": None})
    route = respx.get(f"{REPO}/pulls").respond(json=[fork, orphan, pull(4)])
    async with open_repository() as repository:
        found = await repository.find_pull("ove/3-total")
    assert found is not None
    assert (found.number, found.head_repository_id, found.base) == (4, 42, "main")
    assert dict(sent(route).url.params)["head"] == "acme:ove/3-total"
    assert sent(route).url.params["state"] == "open"


@respx.mock
async def test_a_closed_pull_request_is_found_when_asked_for() -> None:
    """With `closed`, an open one still comes first, then the newest closed one; without it a closed one is none."""
    grant_tokens()
    respx.get(REPO).respond(json=samples.repository())
    merged = pull(6, state="closed", merged_at="2023-11-14T22:13:20Z")
    route = respx.get(f"{REPO}/pulls")
    route.side_effect = [
        httpx.Response(200, json=[merged, pull(5, state="closed")]),
        httpx.Response(200, json=[merged, pull(5)]),
        httpx.Response(200, json=[]),
    ]
    async with open_repository() as repository:
        newest = await repository.find_pull("ove/3-total", closed=True)
        still_open = await repository.find_pull("ove/3-total", closed=True)
        assert await repository.find_pull("ove/3-total") is None
    assert newest is not None
    assert still_open is not None
    assert (newest.number, newest.merged, still_open.number) == (6, True, 5)


@respx.mock
async def test_a_pull_request_is_opened() -> None:
    """Opening sends title, body and both branches."""
    grant_tokens()
    route = respx.post(f"{REPO}/pulls").respond(201, json=pull())
    async with open_repository() as repository:
        made = await repository.create_pull(title="Fix", body="Why", head="ove/3-total", base="main")
    assert made.number == 4
    assert json.loads(sent(route).content) == {
        "title": "Fix",
        "body": "Why",
        "head": "ove/3-total",
        "base": "main",
        "draft": False,
    }


@respx.mock
async def test_a_pull_request_is_never_opened_twice() -> None:
    """A 5xx while opening is handed to the caller, who can look whether it is there."""
    grant_tokens()
    route = respx.post(f"{REPO}/pulls").respond(502)
    async with open_repository() as repository:
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.create_pull(title="Fix", body="", head="ove/3-total", base="main")
    assert (route.call_count, caught.value.may_have_happened) == (1, True)


@respx.mock
async def test_a_review_is_asked_for() -> None:
    """Asking says whether GitHub took it: it does not for the author or for people from outside."""
    grant_tokens()
    route = respx.post(f"{REPO}/pulls/4/requested_reviewers")
    route.side_effect = [httpx.Response(201, json=pull()), httpx.Response(422, json={"message": "not a collaborator"})]
    async with open_repository() as repository:
        assert await repository.request_review(4, "alice")
        assert not await repository.request_review(4, "mallory")
    assert json.loads(sent(route, 0).content) == {"reviewers": ["alice"]}


@respx.mock
async def test_who_merged_is_told_by_the_pull_request_itself() -> None:
    """A merged pull request that is read by itself names who merged it; an open one names nobody."""
    grant_tokens()
    merged = pull(state="closed", merged_at="2023-11-14T22:13:20Z", merged_by=samples.user())
    respx.get(f"{REPO}/pulls/4").mock(side_effect=[httpx.Response(200, json=raw) for raw in (merged, pull())])
    async with open_repository() as repository:
        closed, still_open = await repository.pull(4), await repository.pull(4)
    assert (closed.state, closed.merged, closed.merged_by_login) == ("closed", True, "alice")
    assert (still_open.state, still_open.merged, still_open.merged_by_login) == ("open", False, "")


@respx.mock
@pytest.mark.parametrize("nobody", [None, {}])
async def test_a_commit_is_read(nobody: object) -> None:
    """A commit tells its message and the accounts behind it, empty where GitHub knows none."""
    grant_tokens()
    route = respx.get(f"{REPO}/commits/{'a' * 40}").respond(json=samples.commit(committer=nobody))
    async with open_repository() as repository:
        found = await repository.commit("a" * 40)
    assert found == CommitInfo("a" * 40, "alice", "", "Fix the total\n\nIt was 0.")
    assert sent(route).url.params["per_page"] == "1"


def file(**changes: Any) -> dict[str, Any]:
    """The file .github/ove.yml, of one line."""
    line = "language: française\n".encode()
    body = {"type": "file", "path": ".github/ove.yml", "encoding": "base64", "content": encodebytes(line).decode()}
    return {**body, **changes}


@respx.mock
async def test_a_file_is_read() -> None:
    """A file's text is that of the default branch, or of the ref that was named; None when it is not there."""
    grant_tokens()
    route = respx.get(f"{REPO}/contents/.github/ove.yml").respond(json=file())
    respx.get(f"{REPO}/contents/none").respond(404, json={"message": "Not Found"})
    async with open_repository() as repository:
        assert await repository.file(".github/ove.yml") == "language: française\n"
        assert await repository.file(".github/ove.yml", ref="ove/3 total") == "language: française\n"
        assert await repository.file("none") is None
    assert [call.request.url.params.get("ref") for call in route.calls] == [None, "ove/3 total"]


@respx.mock
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (file(encoding="none", content=""), "1 MB"),
        (file(content="/w=="), "UTF-8"),
        ({"type": "dir", "path": ".github", "entries": []}, "not a file"),
        ([{"type": "file", "path": ".github/ove.yml/x"}], "not a file"),
        ({"type": "symlink", "path": ".github/ove.yml", "target": "/etc/passwd"}, "not a file"),
    ],
)
async def test_what_is_no_text_says_so(answer: object, problem: str) -> None:
    """A directory, a link out of the repository, a large file and a binary one are told from a file that is missing."""
    grant_tokens()
    respx.get(f"{REPO}/contents/.github/ove.yml").respond(json=answer)
    async with open_repository() as repository:
        with pytest.raises(errors.UnreadableFile, match=problem):
            await repository.file(".github/ove.yml")


@respx.mock
async def test_a_path_stays_within_the_repository() -> None:
    """A path with dots cannot reach another part of the API, and odd characters stay within it."""
    grant_tokens()
    route = respx.get(url__startswith=f"{REPO}/contents/").respond(404)
    async with open_repository() as repository:
        for path in ("../issues/3", "a/../../issues", "/etc", "", "a/./b"):
            with pytest.raises(ValueError, match="not a path"):
                await repository.file(path)
        assert route.call_count == 0
        await repository.file("a b/c?d#e")
    assert sent(route).url.raw_path.endswith(b"/contents/a%20b/c%3Fd%23e")


Call = Callable[[Repository], Awaitable[object]]


@respx.mock
@pytest.mark.parametrize(
    ("call", "deed"),
    [
        (lambda r: r.issue(3), False),
        (lambda r: r.comment(5), False),
        (lambda r: r.details(), False),
        (lambda r: r.commit("a" * 40), False),
        (lambda r: r.file("cart.py"), False),
        (lambda r: r.job(21), False),
        (lambda r: r.check_runs("a" * 40), False),
        (lambda r: r.check_suites("a" * 40), False),
        (lambda r: r.statuses("a" * 40), False),
        (lambda r: r.review(4, 51), False),
        (lambda r: r.review_comment(61), False),
        (lambda r: r.compare("main", "fix"), False),
        (lambda r: r.search_code("total"), False),
        (lambda r: r.update_check_run(21, RUNNING), True),
        (lambda r: r.create_check_run(name="ove", head_sha="a" * 40, external_id="1", state=RUNNING), True),
        (lambda r: r.create_comment(3, "x"), True),
        (lambda r: r.create_pull(title="x", body="", head="a", base="b"), True),
        (lambda r: r.create_review(4, commit_id="a" * 40, body="x", comments=[]), True),
        (lambda r: r.reply_to_review_comment(4, 61, "x"), True),
        (lambda r: r.edit_review_comment(61, "x"), True),
    ],
    ids=[
        *("issue", "comment", "details", "commit", "file", "job", "check_runs", "check_suites", "statuses"),
        *("review", "review_comment", "compare", "search_code"),
        *("update_check_run", "create_check_run", "create_comment", "create_pull"),
        *("create_review", "reply_to_review_comment", "edit_review_comment"),
    ],
)
async def test_an_answer_of_another_shape_is_a_clear_error(call: Call, deed: bool) -> None:
    """Whatever a proxy or a future GitHub sends, it is an UnexpectedAnswer, which knows whether something was done."""
    grant_tokens()
    route = respx.route(path__startswith="/api/v3/repos/")
    async with open_repository() as repository:
        for answer in (b"", b"<html>", b"[]", b'"text"', b'{"id": "5"}', b"null", b"\xff"):
            route.respond(200, content=answer)
            with pytest.raises(errors.UnexpectedAnswer) as caught:
                await call(repository)
            assert caught.value.may_have_happened is deed


@respx.mock
async def test_a_list_of_other_things_is_a_clear_error() -> None:
    """One item that is no comment is an UnexpectedAnswer, not a crash further on."""
    grant_tokens()
    route = respx.get(COMMENTS)
    async with open_repository() as repository:
        for item in (None, 5, {}, {"id": True}, {**comment(), "created_at": "2023-11-14T22:13:20"}):
            route.respond(json=[comment(), item])
            with pytest.raises(errors.UnexpectedAnswer):
                await repository.comments(3)


def test_no_purpose_may_do_more_than_it_says() -> None:
    """Only pushing may change the repository's contents; nothing may touch workflows, jobs, statuses or settings."""
    writers = {(name, p) for p, granted in PERMISSIONS.items() for name, level in granted.items() if level == "write"}
    assert writers == {
        ("issues", Purpose.TALK),
        ("pull_requests", Purpose.TALK),
        ("pull_requests", Purpose.PROPOSE),
        ("checks", Purpose.REPORT),
        ("contents", Purpose.PUSH),
    }
