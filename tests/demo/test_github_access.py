"""The simulated GitHub lets in whom GitHub lets in, and nobody else."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh GitHub."""
    async with setting() as scene:
        yield scene


async def test_an_app_jwt_opens_the_apps_own_endpoints(scene: Scene) -> None:
    """A well-made JWT names the App, by its id or by its client id."""
    by_id = await scene.as_app("GET", "/app")
    by_client_id = await scene.call("GET", "/app", scene.jwt(iss=scene.app.client_id))
    assert by_id.json()["slug"] == by_client_id.json()["slug"] == "ove"


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"exp": int(time.time()) + 3600}, "'Expiration time' claim ('exp') is too far in the future"),
        ({"exp": int(time.time()) - 5}, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"iat": int(time.time()) + 600}, "'Issued at' claim ('iat') must be an Integer"),
        ({"iat": "yesterday"}, "'Issued at' claim ('iat') must be an Integer"),
    ],
)
async def test_a_jwt_with_wrong_times_is_refused(scene: Scene, claims: dict[str, Any], message: str) -> None:
    """`iat` in the future, `exp` in the past or more than ten minutes ahead: 401 with GitHub's words."""
    answer = await scene.call("GET", "/app", scene.jwt(**claims))
    assert answer.status_code == 401
    assert answer.json()["message"].startswith(message)


async def test_a_jwt_by_another_key_is_refused(scene: Scene) -> None:
    """A JWT that claims to be the App but is signed by another App's key is worth nothing."""
    other = scene.github.create_app("other")
    answer = await scene.call("GET", "/app", scene.jwt(key=other.private_key_pem))
    assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


async def test_a_jwt_of_another_algorithm_is_refused(scene: Scene) -> None:
    """Only RS256 counts, even when the claims are right."""
    forged = jwt.encode({"iss": str(scene.app.app_id), "iat": 0, "exp": time.time() + 60}, "x" * 40, "HS256")
    answer = await scene.call("GET", "/app", forged)
    assert answer.status_code == 401


async def test_a_jwt_of_an_unknown_app_is_refused(scene: Scene) -> None:
    """An issuer that no App has is answered with 404."""
    answer = await scene.call("GET", "/app", scene.jwt(iss="4711"))
    assert (answer.status_code, answer.json()["message"]) == (404, "Integration not found")


async def test_a_skewed_clock_makes_good_jwts_bad(scene: Scene) -> None:
    """When GitHub's clock stands behind the App's, `exp` is too far in the future."""
    scene.github.clock.skew = -300
    answer = await scene.as_app("GET", "/app")
    assert answer.status_code == 401


async def test_tokens_are_long_and_last_an_hour(scene: Scene) -> None:
    """An installation token has the new form and length, and is refused once an hour has passed."""
    token = await scene.token()
    assert re.fullmatch(r"ghs_[A-Za-z0-9._-]{500,540}", token)
    assert token.count(".") == 2
    assert (await scene.call("GET", f"/repos/{SHOP}", token)).status_code == 200
    scene.github.clock.advance(3601)
    answer = await scene.call("GET", f"/repos/{SHOP}", token)
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    assert (await scene.call("GET", f"/repos/{SHOP}", await scene.token())).status_code == 200


async def test_tokens_can_be_ended_at_once(scene: Scene) -> None:
    """`expire_tokens` refuses what was minted before, and leaves the clock alone."""
    token = await scene.token()
    scene.github.expire_tokens()
    assert (await scene.call("GET", f"/repos/{SHOP}", token)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"permissions": {"administration": "read"}},
        {"permissions": {"metadata": "write"}},
        {"permissions": {"issues": "everything"}},
        {"repositories": ["elsewhere"]},
        {"repository_ids": [1]},
        {"repositories": "shop"},
        {"permissions": ["issues"]},
    ],
)
async def test_a_token_never_gets_more_than_was_installed(scene: Scene, body: dict[str, object]) -> None:
    """Permissions, levels and repositories beyond the installation's, and bodies of another shape, are 422."""
    path = f"/app/installations/{scene.installation_id}/access_tokens"
    assert (await scene.as_app("POST", path, json=body)).status_code == 422


async def test_a_token_for_a_foreign_installation_is_refused(scene: Scene) -> None:
    """An App cannot mint for an installation that is not its own."""
    other = scene.github.create_app("other", permissions={"issues": "read"})
    theirs = scene.github.install(other, SHOP)
    answer = await scene.as_app("POST", f"/app/installations/{theirs}/access_tokens")
    assert answer.status_code == 404


async def test_a_narrowed_token_lacks_the_rest(scene: Scene) -> None:
    """A token narrowed to reading issues can do that and no more, and metadata comes with it."""
    scene.github.open_issue(SHOP, "alice", "Wrong total")
    token = await scene.token(permissions={"issues": "read"})
    assert (await scene.call("GET", f"/repos/{SHOP}/issues/1", token)).status_code == 200
    refused = await scene.call("POST", f"/repos/{SHOP}/issues/1/comments", token, json={"body": "hello"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "issues=write; pull_requests=write"
    assert (await scene.call("GET", f"/repos/{SHOP}/collaborators/alice/permission", token)).status_code == 200
    assert (await scene.call("GET", f"/repos/{SHOP}/branches/main", token)).status_code == 403
    assert scene.github.thread(SHOP, 1) == []


async def test_pull_request_permission_does_not_open_plain_issues(scene: Scene) -> None:
    """With pull_requests:write alone an App comments on pull requests, and not on issues."""
    github = scene.github
    github.open_issue(SHOP, "alice", "Wrong total")
    github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
    github.open_pull(SHOP, "alice", "Fix", head="fix")
    token = await scene.token(permissions={"pull_requests": "write"})
    on_issue = await scene.call("POST", f"/repos/{SHOP}/issues/1/comments", token, json={"body": "hello"})
    on_pull = await scene.call("POST", f"/repos/{SHOP}/issues/2/comments", token, json={"body": "hello"})
    assert (on_issue.status_code, on_pull.status_code) == (403, 201)


async def test_other_repositories_do_not_exist_for_a_token(scene: Scene) -> None:
    """A repository outside the token is 404: not installed, or left out when the token was narrowed."""
    github = scene.github
    github.create_repository("acme/other")
    github.create_repository("acme/second")
    github.install(scene.app, "acme/second")
    narrowed = await scene.token(repositories=["shop"])
    everything = await scene.token()
    assert (await scene.call("GET", "/repos/acme/other", everything)).status_code == 404
    assert (await scene.call("GET", "/repos/acme/second", everything)).status_code == 200
    assert (await scene.call("GET", "/repos/acme/second", narrowed)).status_code == 404
    listed = (await scene.call("GET", "/installation/repositories", narrowed)).json()
    assert [one["full_name"] for one in listed["repositories"]] == [SHOP]


async def test_an_uninstalled_app_is_locked_out(scene: Scene) -> None:
    """When the App is taken off its last repository, tokens, minting and the installation are gone."""
    token = await scene.token()
    scene.github.uninstall(scene.app, SHOP)
    assert (await scene.call("GET", f"/repos/{SHOP}", token)).status_code == 401
    assert (await scene.as_app("GET", f"/repos/{SHOP}/installation")).status_code == 404
    path = f"/app/installations/{scene.installation_id}/access_tokens"
    assert (await scene.as_app("POST", path)).status_code == 404


@pytest.mark.parametrize("credentials", ["ghs_made.up.token", "nonsense", "a.b.c"])
async def test_made_up_credentials_are_refused(scene: Scene, credentials: str) -> None:
    """What is neither a JWT of a known App nor a live token is 401, on known and unknown paths alike."""
    for path in (f"/repos/{SHOP}", "/nowhere"):
        assert (await scene.call("GET", path, credentials)).status_code == 401


async def test_each_kind_of_credentials_opens_its_own_endpoints(scene: Scene) -> None:
    """A token is no JWT and a JWT no token, and neither may be missing."""
    token = await scene.token()
    assert (await scene.call("GET", "/app", token)).status_code == 401
    assert (await scene.as_app("GET", f"/repos/{SHOP}")).status_code == 401
    assert (await scene.call("GET", f"/repos/{SHOP}", None)).status_code == 401


async def test_a_request_needs_a_user_agent(scene: Scene) -> None:
    """Without a User-Agent the answer is 403, whatever the credentials."""
    request = scene.client.build_request("GET", f"{scene.github.api_url}/app")
    del request.headers["User-Agent"]
    assert (await scene.client.send(request)).status_code == 403


async def test_only_known_api_versions_are_spoken(scene: Scene) -> None:
    """X-GitHub-Api-Version must be one that Enterprise Server knows: another is 400."""
    good = await scene.as_app("GET", "/app", headers={"X-GitHub-Api-Version": "2022-11-28"})
    newer = await scene.as_app("GET", "/app", headers={"X-GitHub-Api-Version": "2026-03-10"})
    assert (good.status_code, newer.status_code) == (200, 400)
    scene.github.api_versions.add("2026-03-10")
    again = await scene.as_app("GET", "/app", headers={"X-GitHub-Api-Version": "2026-03-10"})
    assert again.status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PUT", "/app"), ("GET", f"/repos/{SHOP}/issues/x")])
async def test_unknown_paths_are_not_found(scene: Scene, method: str, path: str) -> None:
    """What the API does not have is 404 in GitHub's JSON."""
    answer = await scene.as_app(method, path)
    expected = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
    assert (answer.status_code, answer.json()) == (404, expected)


async def test_the_rate_limit_counts_and_ends(scene: Scene) -> None:
    """Every answer says what remains; when nothing does, 403; after an hour it goes on; asking costs nothing."""
    token = await scene.token()
    scene.github.rate_limits.limit = 2
    first = await scene.call("GET", f"/repos/{SHOP}", token)
    assert first.headers["X-RateLimit-Remaining"] == "1"
    await scene.call("GET", f"/repos/{SHOP}", token)
    third = await scene.call("GET", f"/repos/{SHOP}", token)
    assert (third.status_code, third.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert "rate limit exceeded" in third.json()["message"]
    overview = await scene.call("GET", "/rate_limit", token)
    assert overview.json()["resources"]["core"]["remaining"] == 0
    scene.github.clock.advance(3601)
    assert (await scene.call("GET", f"/repos/{SHOP}", await scene.token())).status_code == 200


async def test_the_log_tells_who_called(scene: Scene) -> None:
    """The request log holds method, path, kind of credentials and status."""
    token = await scene.token()
    await scene.call("GET", f"/repos/{SHOP}", token)
    await scene.call("GET", f"/repos/{SHOP}", "ghs_no")
    log = [(one.method, one.path, one.token, one.by, one.status) for one in scene.github.requests]
    mint = f"/app/installations/{scene.installation_id}/access_tokens"
    assert log == [
        ("POST", mint, "app", "ove", 201),
        ("GET", f"/repos/{SHOP}", "installation", "ove", 200),
        ("GET", f"/repos/{SHOP}", "bad", "", 401),
    ]
