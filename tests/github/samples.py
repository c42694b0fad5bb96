"""GitHub's answers, cut down to what GitHub documents for the fields that we read, and a GitHub client over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx
import respx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ove_gh.github.client import GitHub, Repository

API = "https://github.example/api/v3"
REPO = f"{API}/repos/alice/shop"
TOKENS = f"{API}/app/installations/7/access_tokens"
SECRET = "ghs_1a2b3c.made-up.secret-of-forty-characters-or-more"
NOW = 1_700_000_000.0

Json = dict[str, Any]


@cache
def private_key() -> RSAPrivateKey:
    """The App's key, made once for a run of the tests."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@cache
def pem() -> str:
    """The App's key as text, as operators hand it over."""
    return private_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


class Clock:
    """Seconds since the epoch; a test turns it, and sleeping turns it too."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@asynccontextmanager
async def open_github(clock: Clock | None = None, *, seconds: float = 10.0) -> AsyncIterator[GitHub]:
    """The App at a GitHub that respx plays; naps turn the clock instead of taking time."""
    clock = clock or Clock()
    async with GitHub(
        app_id="12", private_key=pem(), api_url=API, clock=clock, sleep=clock.sleep, timeout=seconds
    ) as github:
        yield github


@asynccontextmanager
async def open_repository(clock: Clock | None = None, *, seconds: float = 10.0) -> AsyncIterator[Repository]:
    """The App's installation 7 in the repository 42, alice/shop."""
    async with open_github(clock, seconds=seconds) as github:
        yield github.repository(7, 42, "alice/shop")


def token(secret: str = SECRET, *, expires_at: str = "2023-11-14T23:13:20Z") -> Json:
    """An installation token; as it is, it ends one hour after NOW."""
    return {"token": secret, "expires_at": expires_at, "permissions": {}, "repository_selection": "selected"}


def grant_tokens() -> respx.Route:
    """GitHub mints whatever is asked for."""
    return respx.post(TOKENS).respond(201, json=token())


def user(login: str = "alice", number: int = 1, kind: str = "User") -> Json:
    """An account."""
    return {"login": login, "id": number, "type": kind}


def comment(number: int = 5, body: str = "Hello", author: Json | None = None) -> Json:
    """A comment that was written at NOW."""
    return {
        "id": number,
        "body": body,
        "user": author or user(),
        "created_at": "2023-11-14T22:13:20Z",
        "updated_at": "2023-11-14T22:13:21Z",
        "html_url": f"https://github.example/alice/shop/issues/3#issuecomment-{number}",
        "author_association": "OWNER",
    }


def issue(number: int = 3, **changes: Any) -> Json:
    """An issue; `changes` are laid over it."""
    return {
        "number": number,
        "title": "The total is wrong",
        "body": None,
        "user": user(),
        "state": "open",
        "locked": False,
        "html_url": f"https://github.example/alice/shop/issues/{number}",
        **changes,
    }


def pull(number: int = 4, **changes: Any) -> Json:
    """A pull request from the branch `ove/3-total` of repository 42."""
    return {
        "number": number,
        "title": "Fix the total",
        "body": "Closes #3",
        "user": user("ove[bot]", 99, "Bot"),
        "state": "open",
        "draft": False,
        "merged_at": None,
        "head": {"ref": "ove/3-total", "sha": "a" * 40, "repo": {"id": 42}},
        "base": {"ref": "main", "sha": "b" * 40, "repo": {"id": 42}},
        "html_url": f"https://github.example/alice/shop/pull/{number}",
        **changes,
    }


def repository(**changes: Any) -> Json:
    """Repository 42."""
    return {
        "id": 42,
        "full_name": "alice/shop",
        "default_branch": "main",
        "private": True,
        "archived": False,
        "clone_url": "https://github.example/alice/shop.git",
        "html_url": "https://github.example/alice/shop",
        **changes,
    }


def permission(level: str, role: str | None = None, *, number: int = 1) -> Json:
    """Alice's right, and the role that it comes from."""
    return {"permission": level, "role_name": role or level, "user": user("alice", number)}


def check_run(number: int = 21, **changes: Any) -> Json:
    """A check run of GitHub Actions that failed one minute after NOW."""
    return {
        "id": number,
        "name": "unit",
        "status": "completed",
        "conclusion": "failure",
        "head_sha": "a" * 40,
        "app": {"id": 15368, "slug": "github-actions"},
        "external_id": "f00d",
        "html_url": f"https://github.example/alice/shop/actions/runs/2/job/{number}",
        "details_url": f"https://github.example/alice/shop/actions/runs/2/job/{number}",
        "output": {"title": "1 failed", "summary": "`test_total` failed", "annotations_count": 2},
        "check_suite": {"id": 31},
        "started_at": "2023-11-14T22:13:20Z",
        "completed_at": "2023-11-14T22:14:20Z",
        **changes,
    }


def check_suite(number: int = 31, **changes: Any) -> Json:
    """The check suite of GitHub Actions."""
    return {
        "id": number,
        "app": {"id": 15368, "slug": "github-actions"},
        "status": "completed",
        "conclusion": "failure",
        "latest_check_runs_count": 1,
        **changes,
    }


def commit_status(context: str = "ci/old", **changes: Any) -> Json:
    """A commit status that failed."""
    return {
        "context": context,
        "state": "failure",
        "description": "Build 7 failed",
        "target_url": "https://ci.example/7",
        **changes,
    }


def annotation(line: int = 3, **changes: Any) -> Json:
    """What the check says about a line of cart.py."""
    return {
        "path": "cart.py",
        "start_line": line,
        "end_line": line,
        "annotation_level": "failure",
        "title": "AssertionError",
        "message": "assert 0 == 1",
        **changes,
    }


def job(number: int = 21, **changes: Any) -> Json:
    """A job whose second step failed."""
    times = {"started_at": "2023-11-14T22:13:20Z", "completed_at": "2023-11-14T22:13:21Z"}
    return {
        "id": number,
        "name": "unit",
        "conclusion": "failure",
        "html_url": f"https://github.example/alice/shop/actions/runs/2/job/{number}",
        "steps": [
            {"number": 1, "name": "Set up job", "status": "completed", "conclusion": "success", **times},
            {"number": 2, "name": "Run tests", "status": "completed", "conclusion": "failure", **times},
        ],
        **changes,
    }


def commit(**changes: Any) -> Json:
    """A commit of Alice's."""
    return {
        "sha": "a" * 40,
        "commit": {"message": "Fix the total\n\nIt was 0."},
        "author": user(),
        "committer": user("web-flow", 2),
        **changes,
    }


def review(number: int = 51, **changes: Any) -> Json:
    """Alice's review of pull request 4, which asks for changes."""
    return {
        "id": number,
        "user": user(),
        "body": "Almost.",
        "state": "CHANGES_REQUESTED",
        "submitted_at": "2023-11-14T22:13:20Z",
        "commit_id": "a" * 40,
        "html_url": f"https://github.example/alice/shop/pull/4#pullrequestreview-{number}",
        **changes,
    }


def review_comment(number: int = 61, **changes: Any) -> Json:
    """Alice's comment on lines 2 and 3 of cart.py, part of her review."""
    return {
        "id": number,
        "pull_request_review_id": 51,
        "user": user(),
        "body": "Why 0?",
        "path": "cart.py",
        "line": 3,
        "start_line": 2,
        "side": "RIGHT",
        "diff_hunk": "@@ -1,2 +1,3 @@",
        "commit_id": "a" * 40,
        "created_at": "2023-11-14T22:13:20Z",
        "html_url": f"https://github.example/alice/shop/pull/4#discussion_r{number}",
        **changes,
    }


def changed_file(path: str = "cart.py", **changes: Any) -> Json:
    """A file with one line changed."""
    return {
        "filename": path,
        "status": "modified",
        "additions": 1,
        "deletions": 1,
        "patch": "@@ -1 +1 @@\n-total = 0\n+total = 1",
        **changes,
    }


def comparison(**changes: Any) -> Json:
    """A branch that is two commits ahead of main."""
    return {
        "merge_base_commit": {"sha": "b" * 40},
        "status": "ahead",
        "ahead_by": 2,
        "behind_by": 0,
        "files": [changed_file()],
        **changes,
    }


def found_issue(number: int = 3, **changes: Any) -> Json:
    """An issue as a search tells it."""
    return issue(number, repository_url=REPO, **changes)


def found_file(path: str = "cart.py", **changes: Any) -> Json:
    """A file as a search tells it."""
    address = f"https://github.example/alice/shop/blob/{'a' * 40}/{path}"
    return {"path": path, "html_url": address, "repository": {"id": 42, "full_name": "alice/shop"}, **changes}


def paged(url: str, pages: list[list[object]], *, under: str | None = None) -> respx.Route:
    """A list on several pages, each of which names the next."""

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        items = pages[page - 1]
        link = {"link": f'<{API}/repositories/42/x?page={page + 1}>; rel="next"'} if page < len(pages) else {}
        return httpx.Response(200, json=items if under is None else {under: items, "total_count": 9}, headers=link)

    return respx.get(url).mock(side_effect=answer)


def sent(route: respx.Route, index: int = -1) -> httpx.Request:
    """A request that was made."""
    request = route.calls[index].request
    assert isinstance(request, httpx.Request)
    return request
