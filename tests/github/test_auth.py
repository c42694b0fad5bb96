"""Tests of the App's signed tokens and of the installation tokens they buy."""

from __future__ import annotations

import asyncio
import json
import traceback

import httpx
import jwt
import pytest
import respx

from ove_gh.github import errors
from ove_gh.github.auth import AppCredential, InstallationToken, InstallationTokens, InvalidPrivateKey, TokenScope
from tests.github.samples import (
    API,
    NOW,
    REPO,
    SECRET,
    TOKENS,
    Clock,
    comment,
    grant_tokens,
    issue,
    open_github,
    open_repository,
    pem,
    private_key,
    sent,
    token,
)

SCOPE = TokenScope.of(7, 42, {"issues": "read"})
ISSUE = f"{REPO}/issues/3"


def claims(authorization: str) -> dict[str, object]:
    """What a JSON web token says, its signature checked."""
    kind, _, encoded = authorization.partition(" ")
    assert kind == "Bearer"
    decoded: dict[str, object] = jwt.decode(
        encoded,
        private_key().public_key(),
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    return decoded


def test_the_apps_token_holds_for_ten_minutes_at_most() -> None:
    """The JSON web token is RS256, issued by the App's id, begins a minute ago and lasts no more than ten minutes."""
    encoded = AppCredential("12", pem(), clock=Clock()).token()
    assert claims(f"Bearer {encoded}") == {"iss": "12", "iat": NOW - 60, "exp": NOW + 540}


@pytest.mark.parametrize("key", ["", "not a key", pem().replace("M", "!", 9)])
def test_a_broken_key_is_told_without_being_shown(key: str) -> None:
    """A private key that cannot be read is refused at once, and its text appears nowhere."""
    with pytest.raises(InvalidPrivateKey) as caught:
        AppCredential("12", key, clock=Clock())
    shown = "".join(traceback.format_exception(caught.value))
    assert not key or key.splitlines()[-1] not in shown


@pytest.mark.anyio
@respx.mock
async def test_a_token_is_narrowed_to_one_repository_and_its_purpose() -> None:
    """What is minted can do just what the call needs, in just this repository."""
    minted = grant_tokens()
    async with open_repository() as repository:
        assert await repository.git_token(write=True) == SECRET
        assert await repository.git_token(write=False) == SECRET
    bodies = [json.loads(call.request.content) for call in minted.calls]
    assert bodies == [
        {"repository_ids": [42], "permissions": {"contents": "write", "metadata": "read"}},
        {"repository_ids": [42], "permissions": {"contents": "read", "metadata": "read"}},
    ]
    assert claims(sent(minted).headers["authorization"])["iss"] == "12"


@pytest.mark.anyio
@respx.mock
async def test_twenty_cold_calls_mint_one_token() -> None:
    """However many calls begin at once, one token is minted for all of them."""
    released = asyncio.Event()

    async def slowly(_: httpx.Request) -> httpx.Response:
        await released.wait()
        return httpx.Response(201, json=token())

    minted = respx.post(TOKENS).mock(side_effect=slowly)
    route = respx.get(ISSUE).respond(json=issue())
    async with open_repository() as repository:
        calls = [asyncio.create_task(repository.issue(3)) for _ in range(20)]
        await asyncio.sleep(0)
        released.set()
        await asyncio.gather(*calls)
    assert (minted.call_count, route.call_count) == (1, 20)


@pytest.mark.anyio
async def test_a_failed_mint_fails_all_who_waited_for_it() -> None:
    """When GitHub is down, twenty waiting calls fail together after one attempt; the next call tries afresh."""
    attempts: list[TokenScope] = []
    released = asyncio.Event()

    async def mint(scope: TokenScope) -> InstallationToken:
        attempts.append(scope)
        await released.wait()
        if len(attempts) == 1:
            raise errors.GitHubUnavailable("POST", "down", may_have_happened=False)
        return InstallationToken(SECRET, NOW + 3600)

    tokens = InstallationTokens(mint, clock=Clock())
    waiting = [asyncio.create_task(tokens.get(SCOPE)) for _ in range(20)]
    await asyncio.sleep(0)
    released.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {errors.GitHubUnavailable}
    assert len(attempts) == 1
    assert await tokens.get(SCOPE) == SECRET


@pytest.mark.anyio
async def test_a_cancelled_mint_passes_its_turn_on() -> None:
    """When the call that mints is cancelled, the next one that waits mints instead."""
    attempts: list[TokenScope] = []
    begun = asyncio.Event()

    async def mint(scope: TokenScope) -> InstallationToken:
        attempts.append(scope)
        begun.set()
        if len(attempts) == 1:
            await asyncio.Event().wait()
        return InstallationToken(SECRET, NOW + 3600)

    tokens = InstallationTokens(mint, clock=Clock())
    first = asyncio.create_task(tokens.get(SCOPE))
    await begun.wait()
    second = asyncio.create_task(tokens.get(SCOPE))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == SECRET
    assert len(attempts) == 2


@pytest.mark.anyio
@respx.mock
async def test_a_token_is_renewed_five_minutes_before_its_end() -> None:
    """A token is used for 55 minutes; what begins later gets a new one."""
    minted = respx.post(TOKENS).mock(
        side_effect=[
            httpx.Response(201, json=token("ghs_first")),
            httpx.Response(201, json=token("ghs_second", expires_at="2023-11-15T01:00:00Z")),
        ]
    )
    clock = Clock()
    async with open_repository(clock) as repository:
        assert await repository.git_token(write=False) == "ghs_first"
        clock.now = NOW + 3299
        assert await repository.git_token(write=False) == "ghs_first"
        clock.now = NOW + 3300
        assert await repository.git_token(write=False) == "ghs_second"
    assert minted.call_count == 2


@pytest.mark.anyio
@respx.mock
async def test_a_401_brings_a_fresh_token_once() -> None:
    """A token that GitHub no longer takes is replaced and the request sent again, a POST too: a 401 did nothing."""
    secrets = iter(["ghs_revoked", "ghs_fresh"])
    minted = respx.post(TOKENS).mock(side_effect=lambda _: httpx.Response(201, json=token(next(secrets))))
    route = respx.post(f"{ISSUE}/comments").mock(
        side_effect=[httpx.Response(401, json={"message": "Bad credentials"}), httpx.Response(201, json=comment())]
    )
    async with open_repository() as repository:
        await repository.create_comment(3, "Hello")
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer ghs_revoked", "Bearer ghs_fresh"]
    assert minted.call_count == 2


@pytest.mark.anyio
@respx.mock
async def test_a_second_401_is_the_answer() -> None:
    """When the fresh token is refused as well, the caller is told, after two requests and no more."""
    grant_tokens()
    route = respx.get(ISSUE).respond(401, json={"message": "Bad credentials"})
    async with open_repository() as repository:
        with pytest.raises(errors.BadCredentials):
            await repository.issue(3)
    assert route.call_count == 2


@pytest.mark.anyio
async def test_forgetting_an_old_token_keeps_the_new_one() -> None:
    """A late 401 for a token that was replaced meanwhile does not cost another mint."""
    secrets = iter(["ghs_old", "ghs_new"])

    async def mint(_: TokenScope) -> InstallationToken:
        return InstallationToken(next(secrets), NOW + 3600)

    tokens = InstallationTokens(mint, clock=Clock())
    old = await tokens.get(SCOPE)
    tokens.forget(SCOPE, old)
    assert await tokens.get(SCOPE) == "ghs_new"
    tokens.forget(SCOPE, old)
    assert await tokens.get(SCOPE) == "ghs_new"


@pytest.mark.anyio
@respx.mock
async def test_minting_is_repeated() -> None:
    """A mint survives a 5xx and a dropped connection: a spare token harms nobody."""
    minted = respx.post(TOKENS).mock(
        side_effect=[httpx.Response(503), httpx.ReadError("dropped"), httpx.Response(201, json=token())]
    )
    clock = Clock()
    async with open_repository(clock) as repository:
        assert await repository.git_token(write=False) == SECRET
    assert (minted.call_count, len(clock.naps)) == (3, 2)


@pytest.mark.anyio
@respx.mock
@pytest.mark.parametrize(("status", "why"), [(404, "Not Found"), (403, "suspended"), (422, "not granted")])
async def test_no_token_means_not_installed(status: int, why: str) -> None:
    """An uninstalled or suspended App, or a repository out of its reach, is told apart from a missing issue."""
    respx.post(TOKENS).respond(status, json={"message": why})
    async with open_repository() as repository:
        with pytest.raises(errors.NotInstalled) as caught:
            await repository.issue(3)
    assert (caught.value.status, caught.value.message) == (status, why)
    assert not isinstance(caught.value, errors.NotFound)


@pytest.mark.anyio
@respx.mock
@pytest.mark.parametrize("answer", [{}, {"token": SECRET}, {"token": SECRET, "expires_at": "later"}, []])
async def test_a_malformed_token_answer_is_told_without_the_token(answer: object) -> None:
    """A mint's answer of another shape is an error of ours, whose text and local variables hide the token."""
    respx.post(TOKENS).respond(201, json=answer)
    async with open_repository() as repository:
        with pytest.raises(errors.UnexpectedAnswer) as caught:
            await repository.git_token(write=True)
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(InstallationToken(SECRET, NOW))


@pytest.mark.anyio
@respx.mock
@pytest.mark.parametrize("status", [401, 404])
async def test_a_wrong_app_id_or_key_is_bad_credentials(status: int) -> None:
    """When GitHub does not know the App or its signature, the error is BadCredentials after one request."""
    route = respx.get(f"{API}/app").respond(status, json={"message": "Integration not found"})
    async with open_github() as github:
        with pytest.raises(errors.BadCredentials):
            await github.identity()
    assert route.call_count == 1
