"""Tests of reading the end of a job's log through the link that GitHub gives for it."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest
import respx

from ove_gh.github import errors
from ove_gh.github.client import GitHub
from ove_gh.github.download import MOST_READ
from tests.github import samples
from tests.github.samples import API, REPO, SECRET, Clock, grant_tokens, open_repository, sent

pytestmark = pytest.mark.anyio

LOG = f"{REPO}/actions/jobs/21/logs"
LINK = "https://storage.example/logs/21.txt?sig=s%2Fg"


def linked(to: str = LINK) -> respx.Route:
    """GitHub answers with this link."""
    grant_tokens()
    return respx.get(LOG).respond(302, headers={"location": to})


@respx.mock
async def test_the_end_of_a_log_is_read_without_our_token() -> None:
    """GitHub is asked with our token, the storage as nobody with the link as it is; the log's mark is no text."""
    asked = linked()
    stored = respx.get(LINK).respond(content=b"\xef\xbb\xbfone\ntwo\n")
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=100) == "one\ntwo\n"
        assert await repository.job_log(21, most_bytes=5) == "\ntwo\n"
    assert sent(asked).headers["authorization"] == f"Bearer {SECRET}"
    assert "authorization" not in sent(stored).headers
    assert sent(stored).url.raw_path == b"/logs/21.txt?sig=s%2Fg"


@respx.mock
async def test_githubs_own_storage_gets_no_token_either() -> None:
    """An Enterprise Server keeps logs on its own host: there, too, the link is all that is shown."""
    linked(f"{API}/storage/21")
    stored = respx.get(f"{API}/storage/21").respond(content=b"log")
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=100) == "log"
    assert "authorization" not in sent(stored).headers


@respx.mock
async def test_the_log_of_a_renamed_repository() -> None:
    """After a rename the new address is asked with our token, and its link without."""
    grant_tokens()
    moved = f"{API}/repositories/42/actions/jobs/21/logs"
    respx.get(LOG).respond(301, headers={"location": moved})
    again = respx.get(moved).respond(302, headers={"location": LINK})
    stored = respx.get(LINK).respond(content=b"log")
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=100) == "log"
    assert sent(again).headers["authorization"] == f"Bearer {SECRET}"
    assert "authorization" not in sent(stored).headers


@respx.mock
@pytest.mark.parametrize("status", [404, 410])
async def test_a_log_that_is_gone(status: int) -> None:
    """Before a job is done there is no log, and later it is deleted: both are None."""
    grant_tokens()
    respx.get(LOG).respond(status, json={"message": "Gone"})
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=100) is None


@respx.mock
@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410])
async def test_a_link_that_is_refused(status: int) -> None:
    """When the storage does not give the log, there is none, and nothing is asked again."""
    linked()
    stored = respx.get(LINK).respond(status, content=b"<Error>AuthenticationFailed</Error>")
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=100) is None
    assert stored.call_count == 1


@respx.mock
@pytest.mark.parametrize(
    "failed",
    [httpx.Response(503), httpx.Response(429, headers={"retry-after": "2"}), httpx.ReadTimeout("slow")],
)
async def test_a_faltering_storage_is_asked_again_with_a_new_link(failed: httpx.Response | Exception) -> None:
    """A link lives one minute, so each attempt gets one of its own; in the end the error says what happened."""
    asked = linked()
    stored = respx.get(LINK).mock(side_effect=[failed, httpx.Response(200, content=b"log"), failed, failed, failed])
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=100) == "log"
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.job_log(21, most_bytes=100)
    assert (asked.call_count, stored.call_count, caught.value.may_have_happened) == (5, 5, False)


@respx.mock
@pytest.mark.parametrize(
    "to", ["http://storage.example/21", "http://127.0.0.1/21", "ftp://storage.example/21", "/logs/21"]
)
async def test_a_link_leads_to_https_only(to: str) -> None:
    """From a GitHub on the internet a link without TLS, or into this machine, is an error and is not followed."""
    linked(to)
    elsewhere = respx.route(host="storage.example").respond(content=b"log")
    here = respx.route(host="127.0.0.1").respond(content=b"log")
    respx.get("https://github.example/logs/21").respond(302, headers={"location": "http://storage.example/21"})
    async with open_repository() as repository:
        with pytest.raises(errors.UnexpectedAnswer, match="https"):
            await repository.job_log(21, most_bytes=100)
    assert (elsewhere.call_count, here.call_count) == (0, 0)


@respx.mock
@pytest.mark.parametrize(("to", "allowed"), [("http://localhost:9/21", True), ("http://storage.example/21", False)])
async def test_a_github_on_loopback_may_link_to_loopback(to: str, allowed: bool) -> None:
    """Where the API itself is on loopback without TLS, so may its storage be, and no other."""
    api = "http://127.0.0.1:8/api/v3"
    respx.post(f"{api}/app/installations/7/access_tokens").respond(201, json=samples.token())
    respx.get(f"{api}/repos/alice/shop/actions/jobs/21/logs").respond(302, headers={"location": to})
    stored = respx.get(to).respond(content=b"log")
    async with GitHub(app_id="12", private_key=samples.pem(), api_url=api, clock=Clock()) as github:
        repository = github.repository(7, 42, "alice/shop")
        if allowed:
            assert await repository.job_log(21, most_bytes=100) == "log"
        else:
            with pytest.raises(errors.UnexpectedAnswer):
                await repository.job_log(21, most_bytes=100)
    assert stored.call_count == allowed


@respx.mock
async def test_links_that_go_in_circles() -> None:
    """A storage that leads on to itself is given up."""
    linked()
    stored = respx.get(LINK).respond(307, headers={"location": LINK})
    async with open_repository() as repository:
        with pytest.raises(errors.UnexpectedAnswer, match="on and on"):
            await repository.job_log(21, most_bytes=100)
    assert stored.call_count == 3


@respx.mock
async def test_an_answer_without_a_link_is_a_clear_error() -> None:
    """A proxy's page in place of the link is not taken for the log."""
    grant_tokens()
    respx.get(LOG).respond(200, html="<h1>Sign in</h1>")
    async with open_repository() as repository:
        with pytest.raises(errors.UnexpectedAnswer, match="no link"):
            await repository.job_log(21, most_bytes=100)


class Body(httpx.AsyncByteStream):
    """A log that comes in megabytes; `megabytes` None means without an end."""

    def __init__(self, megabytes: int | None) -> None:
        self.megabytes, self.given, self.closed = megabytes, 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.given != self.megabytes:
            self.given += 1
            yield b"%09d\n" % self.given * 100_000

    async def aclose(self) -> None:
        self.closed = True


@respx.mock
async def test_a_large_log_is_never_held_as_a_whole() -> None:
    """Of 40 MB only the end that was asked for, and a chunk, is in memory at any time."""
    linked()
    respx.get(LINK).mock(return_value=httpx.Response(200, stream=Body(40)))
    async with open_repository() as repository:
        tracemalloc.start()
        try:
            end = await repository.job_log(21, most_bytes=20)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert end == "000000040\n" * 2
    assert peak < 5_000_000


@respx.mock
async def test_a_log_without_an_end_is_left() -> None:
    """After the most that is read of a log, reading stops, and there is none: its end is not known."""
    linked()
    body = Body(None)
    respx.get(LINK).mock(return_value=httpx.Response(200, stream=body))
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=100) is None
    assert (body.given, body.closed) == (MOST_READ // 1_000_000 + 1, True)


@respx.mock
async def test_a_log_that_only_drips_is_given_up() -> None:
    """A storage that stops in the middle holds nobody for ever."""

    async def stuck() -> AsyncIterator[bytes]:
        yield b"one\n"
        await asyncio.Event().wait()

    linked()
    respx.get(LINK).mock(side_effect=lambda _: httpx.Response(200, content=stuck()))
    async with open_repository(seconds=0.01) as repository:
        with pytest.raises(errors.GitHubUnavailable, match="in time"):
            await repository.job_log(21, most_bytes=100)


@respx.mock
@pytest.mark.parametrize(
    ("content", "text"),
    [(b"", ""), (b"end", "end"), ("é end".encode(), "\ufffd end"), (b"\xff\xfe\x00a", "\ufffd\ufffd\0a")],
)
async def test_whatever_the_bytes_are(content: bytes, text: str) -> None:
    """A character that is cut in two, and what is no UTF-8 at all, is replaced and stops nobody."""
    linked()
    respx.get(LINK).respond(content=content)
    async with open_repository() as repository:
        assert await repository.job_log(21, most_bytes=5) == text


async def test_nothing_of_a_log_is_a_mistake() -> None:
    """Asking for no bytes at all is the caller's error, for the end of nothing would be everything."""
    async with open_repository() as repository:
        with respx.mock:
            linked()
            with pytest.raises(ValueError, match="at least 1"):
                await repository.job_log(21, most_bytes=0)
