"""Tests of how requests are sent, what is repeated, and what each failure becomes."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import httpx
import pytest
import respx

from ove_gh.github import errors
from ove_gh.github.connection import LONGEST_WAIT, failure, named_wait
from tests.github.samples import NOW, REPO, SECRET, Clock, comment, grant_tokens, issue, open_repository, sent

ISSUE = f"{REPO}/issues/3"
COMMENTS = f"{ISSUE}/comments"
GONE_FOR_NOW = [httpx.Response(502), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("closed")]


def refusal(status: int, body: object = None, **headers: str) -> errors.GitHubError:
    """What a POST's answer of this status becomes."""
    request = httpx.Request("POST", COMMENTS)
    return failure(request, httpx.Response(status, json=body, headers=_dashed(headers), request=request), NOW)


def spent(remaining: str, seconds: int) -> dict[str, str]:
    """Headers that say how many requests remain until so many seconds after NOW."""
    return {"x_ratelimit_remaining": remaining, "x_ratelimit_reset": str(int(NOW) + seconds)}


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.BadCredentials),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (410, errors.Gone),
        (422, errors.Unprocessable),
        (400, errors.GitHubRefused),
        (409, errors.GitHubRefused),
    ],
)
def test_each_refusal_has_its_own_error(status: int, kind: type[errors.GitHubRefused]) -> None:
    """A 4xx answer becomes the error of its status, carries GitHub's words, and certainly did nothing."""
    error = refusal(status, {"message": "No.", "documentation_url": "https://docs.example/x"})
    assert type(error) is kind
    assert (error.status, error.message, error.documentation_url) == (status, "No.", "https://docs.example/x")
    assert not error.may_have_happened


def test_validation_problems_are_fields() -> None:
    """A 422 keeps each of GitHub's reasons apart, also the ones that are plain strings."""
    error = refusal(
        422,
        {
            "message": "Validation Failed",
            "errors": [{"resource": "PullRequest", "field": "head", "code": "invalid"}, "too long"],
        },
    )
    assert isinstance(error, errors.Unprocessable)
    assert error.problems == (errors.Problem("PullRequest", "head", "invalid"), errors.Problem(message="too long"))
    assert str(error).endswith("422 Validation Failed (head invalid; too long)")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_after_a_post_may_have_happened(status: int) -> None:
    """A 5xx tells nothing about whether the comment was written."""
    error = refusal(status)
    assert isinstance(error, errors.GitHubUnavailable)
    assert (error.may_have_happened, error.retry_after, error.limited) == (True, None, False)


@pytest.mark.parametrize(
    ("status", "body", "headers", "wait"),
    [
        (429, {"message": "slow down"}, {"retry_after": "30"}, 30.0),
        (403, {"message": "You have exceeded a secondary rate limit."}, {"retry_after": "7"}, 7.0),
        (403, {"message": "You have exceeded a secondary rate limit."}, {}, 60.0),
        (403, {"message": "You have triggered an abuse detection mechanism."}, {}, 60.0),
        (403, {"message": "API rate limit exceeded"}, spent("0", 90), 90.0),
        (429, {}, spent("0", -10), 0.0),
        (429, {}, spent("12", 90), 60.0),
    ],
)
def test_rate_limits_are_read_as_github_documents(
    status: int, body: dict[str, Any], headers: dict[str, str], wait: float
) -> None:
    """A limit says when to come back: retry-after, else the reset when nothing remains, else a minute."""
    error = refusal(status, body, **headers)
    assert isinstance(error, errors.GitHubUnavailable)
    assert (error.limited, error.may_have_happened) == (True, False)
    assert (error.retry_after, error.retry_at) == (wait, NOW + wait)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": "Tue, 14 Nov 2023 22:13:45 GMT"}, 5.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], wait: float | None) -> None:
    """retry-after may be seconds or a date, and a date is measured by GitHub's own clock when it tells it."""
    assert named_wait(httpx.Response(503, headers=headers), NOW) == wait


def test_a_proxys_html_page_is_an_error_like_any_other() -> None:
    """An error page that is not JSON still becomes the error of its status."""
    request = httpx.Request("GET", ISSUE)
    error = failure(request, httpx.Response(404, html="<h1>lost</h1>", request=request), NOW)
    assert isinstance(error, errors.NotFound)
    assert error.message == "Not Found"


@pytest.mark.anyio
@respx.mock
@pytest.mark.parametrize("failed", GONE_FOR_NOW)
async def test_reading_is_repeated(failed: httpx.Response | Exception) -> None:
    """A GET survives two failures in a row."""
    grant_tokens()
    route = respx.get(ISSUE).mock(side_effect=[failed, failed, httpx.Response(200, json=issue())])
    clock = Clock()
    async with open_repository(clock) as repository:
        assert (await repository.issue(3)).number == 3
    assert (route.call_count, len(clock.naps)) == (3, 2)


@pytest.mark.anyio
@respx.mock
async def test_reading_gives_up_in_the_end() -> None:
    """Repetition is bounded: after the third failure the caller is told, and knows that nothing was done."""
    grant_tokens()
    route = respx.get(ISSUE).respond(500)
    async with open_repository() as repository:
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.issue(3)
    assert route.call_count == 3
    assert not caught.value.may_have_happened


@pytest.mark.anyio
@respx.mock
@pytest.mark.parametrize("failed", GONE_FOR_NOW)
async def test_a_new_comment_is_never_sent_twice(failed: httpx.Response | Exception) -> None:
    """A POST that may have been done is not repeated, and says that one has to look."""
    grant_tokens()
    route = respx.post(COMMENTS).mock(side_effect=[failed, httpx.Response(201, json=comment())])
    async with open_repository() as repository:
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.create_comment(3, "Hello")
    assert route.call_count == 1
    assert caught.value.may_have_happened


@pytest.mark.anyio
@respx.mock
@pytest.mark.parametrize("failed", [httpx.ConnectError("no route"), httpx.ConnectTimeout("slow")])
async def test_a_post_that_never_left_did_not_happen(failed: Exception) -> None:
    """Without a connection nothing was done, so that the caller may simply try again later."""
    grant_tokens()
    respx.post(COMMENTS).mock(side_effect=failed)
    async with open_repository() as repository:
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.create_comment(3, "Hello")
    assert not caught.value.may_have_happened


@pytest.mark.anyio
@respx.mock
async def test_a_short_wait_is_waited_out() -> None:
    """A limit of a few seconds is slept through, for no less than GitHub asks."""
    grant_tokens()
    limited = httpx.Response(429, headers={"retry-after": "4"})
    respx.get(ISSUE).mock(side_effect=[limited, httpx.Response(200, json=issue())])
    clock = Clock()
    async with open_repository(clock) as repository:
        await repository.issue(3)
    assert clock.naps == [4.0]


@pytest.mark.anyio
@respx.mock
async def test_a_long_wait_is_the_callers() -> None:
    """A limit of minutes is not slept through: the error says until when, and no request is spent."""
    grant_tokens()
    route = respx.get(ISSUE).respond(403, headers={"retry-after": str(int(LONGEST_WAIT) + 1)})
    clock = Clock()
    async with open_repository(clock) as repository:
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.issue(3)
    assert (route.call_count, clock.naps) == (1, [])
    assert caught.value.retry_at == NOW + LONGEST_WAIT + 1


@pytest.mark.anyio
@respx.mock
async def test_the_time_out_reaches_the_wire() -> None:
    """The configured time-out is the one that each step of a request is given."""
    grant_tokens()
    route = respx.get(ISSUE).respond(json=issue())
    async with open_repository(seconds=2.5) as repository:
        await repository.issue(3)
    assert set(sent(route).extensions["timeout"].values()) == {2.5}


@pytest.mark.anyio
@respx.mock
async def test_an_answer_that_never_ends_is_given_up() -> None:
    """Also an answer that keeps coming without an end holds nobody: the whole request has its time, too."""

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    grant_tokens()
    respx.post(COMMENTS).mock(side_effect=never)
    async with open_repository(seconds=0.1) as repository:
        with pytest.raises(errors.GitHubUnavailable, match="in time") as caught:
            await repository.create_comment(3, "Hello")
    assert caught.value.may_have_happened


@pytest.mark.anyio
@respx.mock
async def test_a_moved_repository_keeps_a_post_a_post() -> None:
    """After a rename GitHub answers 307, and the comment is posted to the new place with its body."""
    grant_tokens()
    moved = f"{REPO.rsplit('/repos', 1)[0]}/repositories/42/issues/3/comments"
    respx.post(COMMENTS).respond(307, headers={"location": moved})
    route = respx.post(moved).respond(201, json=comment())
    async with open_repository() as repository:
        await repository.create_comment(3, "Hello")
    assert sent(route).content == b'{"body":"Hello"}'
    assert sent(route).headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.anyio
@respx.mock
async def test_a_redirect_that_would_turn_a_post_into_a_get_is_refused() -> None:
    """A 301 for a POST is an error: following it would read comments instead of writing one."""
    grant_tokens()
    respx.post(COMMENTS).respond(301, headers={"location": f"{REPO}/elsewhere"})
    async with open_repository() as repository:
        with pytest.raises(errors.GitHubRefused) as caught:
            await repository.create_comment(3, "Hello")
    assert caught.value.status == 301


@pytest.mark.anyio
@respx.mock
async def test_a_redirect_to_another_host_gets_no_token() -> None:
    """What GitHub stores elsewhere is read without our token."""
    grant_tokens()
    respx.get(ISSUE).respond(302, headers={"location": "https://storage.example/3"})
    route = respx.get("https://storage.example/3").respond(json=issue())
    async with open_repository() as repository:
        await repository.issue(3)
    assert "authorization" not in sent(route).headers


@pytest.mark.anyio
@respx.mock
async def test_every_request_names_the_api_version() -> None:
    """All requests ask for the API of 2022-11-28, which Enterprise Servers accept too."""
    minted = grant_tokens()
    route = respx.get(ISSUE).respond(json=issue())
    async with open_repository() as repository:
        await repository.issue(3)
    assert {sent(r).headers["x-github-api-version"] for r in (minted, route)} == {"2022-11-28"}
    assert sent(route).headers["accept"] == "application/vnd.github+json"


@pytest.mark.anyio
@respx.mock
@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(404), httpx.ReadTimeout("slow")])
async def test_no_failure_shows_the_token(answer: httpx.Response | Exception) -> None:
    """Neither an error's text, nor its traceback with all local variables, holds a token."""
    grant_tokens()
    respx.get(ISSUE).mock(side_effect=lambda _: _raise_or_return(answer))
    async with open_repository() as repository:
        with pytest.raises(errors.GitHubError) as caught:
            await repository.issue(3)
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert "issue" in shown
        assert SECRET not in shown + repr(caught.value) + repr(repository)


def _raise_or_return(answer: httpx.Response | Exception) -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.mark.anyio
async def test_a_client_that_was_not_opened_says_so() -> None:
    """Outside `async with` no hidden second HTTP client is made."""
    async with open_repository() as repository:
        pass
    with pytest.raises(RuntimeError, match="async with"):
        await repository.issue(3)
