"""Faults on purpose, waiting, and the stream of happenings of the simulated GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from ove_gh.demo.github import (
    Hang,
    Happening,
    Kind,
    SimulatedGitHub,
    WaitedInVain,
    call,
    drop_connection,
    rate_limited,
    respond,
    secondarily_limited,
)
from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio

COMMENTS = f"/repos/{SHOP}/issues/1/comments"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh GitHub with one issue."""
    async with setting() as scene:
        scene.github.open_issue(SHOP, "alice", "Wrong total")
        yield scene


async def test_a_fault_before_the_deed_prevents_it(scene: Scene) -> None:
    """A 500 before the deed leaves no comment; it strikes once, and the next attempt succeeds."""
    token = await scene.token()
    fault = scene.github.on("POST", COMMENTS, action=respond(500))
    first = await scene.call("POST", COMMENTS, token, json={"body": "hello"})
    assert (first.status_code, scene.github.thread(SHOP, 1), fault.met) == (500, [], 1)
    second = await scene.call("POST", COMMENTS, token, json={"body": "hello"})
    assert (second.status_code, fault.met) == (201, 1)


async def test_a_fault_after_the_deed_leaves_it_done(scene: Scene) -> None:
    """A 502 after the deed: the comment stands, and the caller does not know."""
    token = await scene.token()
    scene.github.on("POST", COMMENTS, action=respond(502), when="after")
    answer = await scene.call("POST", COMMENTS, token, json={"body": "hello"})
    assert (answer.status_code, len(scene.github.thread(SHOP, 1))) == (502, 1)


async def test_a_fault_strikes_only_what_it_names(scene: Scene) -> None:
    """Method and whole path must fit; `times=None` strikes until it is stopped."""
    token = await scene.token()
    fault = scene.github.on("GET", r"/repos/acme/shop/issues/\d+", action=respond(503), times=None)
    issue = f"/repos/{SHOP}/issues/1"
    assert (await scene.call("GET", COMMENTS, token)).status_code == 200
    assert [(await scene.call("GET", issue, token)).status_code for _ in range(2)] == [503, 503]
    fault.stop()
    assert (await scene.call("GET", issue, token)).status_code == 200


async def test_limits_look_like_githubs(scene: Scene) -> None:
    """The primary limit says when it resets, the secondary one how long to wait."""
    token = await scene.token()
    scene.github.on("GET", COMMENTS, action=rate_limited(reset_in=30))
    primary = await scene.call("GET", COMMENTS, token)
    assert (primary.status_code, primary.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert int(primary.headers["X-RateLimit-Reset"]) > 0
    for status in (403, 429):
        scene.github.on("GET", COMMENTS, action=secondarily_limited(7, status))
        secondary = await scene.call("GET", COMMENTS, token)
        assert (secondary.status_code, secondary.headers["Retry-After"]) == (status, "7")
        assert "secondary rate limit" in secondary.json()["message"]


@pytest.mark.parametrize(("when", "comments"), [("before", 0), ("after", 1)])
async def test_a_connection_can_be_cut(scene: Scene, when: str, comments: int) -> None:
    """The caller sees a broken connection instead of an answer; whether the deed is done depends on the moment."""
    token = await scene.token()
    scene.github.on("POST", COMMENTS, action=drop_connection(), when=when)  # type: ignore[arg-type]
    with pytest.raises(httpx.TransportError):
        await scene.call("POST", COMMENTS, token, json={"body": "hello"})
    assert len(scene.github.thread(SHOP, 1)) == comments
    assert scene.github.requests[-1].status is None
    assert (await scene.call("GET", COMMENTS, token)).status_code == 200


async def test_a_request_can_hang(scene: Scene) -> None:
    """A request hangs until it is released, with others answered meanwhile."""
    token, hang = await scene.token(), Hang()
    scene.github.on("POST", COMMENTS, action=hang, when="after")
    waiting = asyncio.create_task(scene.call("POST", COMMENTS, token, json={"body": "hello"}))
    await hang.reached()
    assert len((await scene.call("GET", COMMENTS, token)).json()) == 1
    assert not waiting.done()
    hang.release()
    assert (await waiting).status_code == 201


async def test_a_test_can_step_in(scene: Scene) -> None:
    """A callback, plain or async, is called between the deed and its answer."""
    token, seen = await scene.token(), list[object]()

    async def look() -> None:
        seen.append([one.body for one in scene.github.thread(SHOP, 1)])

    fault = scene.github.on("POST", COMMENTS, action=call(look), when="after")
    scene.github.on("POST", COMMENTS, action=call(lambda: seen.append("plain")), when="before")
    await scene.call("POST", COMMENTS, token, json={"body": "hello"})
    await fault.reached()
    assert seen == ["plain", ["hello"]]


async def test_the_end_cuts_what_still_hangs() -> None:
    """Leaving the context ends a request that hangs, rather than waiting for it."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        async with SimulatedGitHub.running() as github:
            hang = Hang()
            github.on("GET", "/app", action=hang)
            waiting = asyncio.create_task(client.get(f"{github.api_url}/app"))
            await hang.reached()
        with pytest.raises(httpx.TransportError):
            await waiting


async def test_a_caller_that_dies_is_no_mistake(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """A request that breaks off in its body is dropped without a word, and without a deed."""
    host, _, port = scene.github.server_url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST /api/v3{COMMENTS} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await scene.as_app("GET", "/app")).status_code == 200
    assert (scene.github.thread(SHOP, 1), caplog.records) == ([], [])


async def test_waiting_ends_with_what_was_found(scene: Scene) -> None:
    """wait_for returns the predicate's value as soon as a deed makes it true."""
    wish = asyncio.create_task(scene.github.wait_for(lambda github: github.thread(SHOP, 1), timeout=20))
    await asyncio.sleep(0)
    assert not wish.done()
    comment = scene.github.comment(SHOP, 1, "bob", "hello")
    assert await wish == [comment]


async def test_waiting_in_vain_shows_the_thread(scene: Scene) -> None:
    """After the time-out the message holds the threads, who reacted, the requests and what was wished for."""
    token = await scene.token()
    comment = scene.github.comment(SHOP, 1, "bob", "first\nsecond")
    scene.github.edit_comment(comment.id, "bob", "changed\nsecond")
    scene.github.react(comment, "alice", "eyes")
    await scene.call("GET", COMMENTS, token)
    with pytest.raises(WaitedInVain) as caught:
        await scene.github.wait_for(lambda github: github.pulls(SHOP), timeout=0.01, what="a pull request")
    text = str(caught.value)
    for part in ("in vain for a pull request", "#1 issue, open", "bob, edited 1 times [alice eyes]", "| changed"):
        assert part in text
    assert f"GET {COMMENTS} 200 (installation ove)" in text


async def test_listeners_hear_everything(scene: Scene) -> None:
    """Happenings come at once to callbacks and in order to those who iterate, with who did what and where."""
    github, heard, streamed = scene.github, list[Happening](), list[Happening]()

    async def follow() -> None:
        async for happening in github.happenings():
            streamed.append(happening)
            if happening.kind is Kind.PULL_OPENED:
                return

    github.on_event(heard.append)
    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    token = await scene.token()
    answer = await scene.call("POST", COMMENTS, token, json={"body": "hello"})
    await scene.call("POST", f"/repos/{SHOP}/issues/1/reactions", token, json={"content": "eyes"})
    github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
    github.open_pull(SHOP, "alice", "Fix", head="fix")
    await asyncio.wait_for(following, 20)
    assert streamed == heard
    deeds = [one for one in heard if one.kind not in (Kind.REQUEST_ARRIVED, Kind.REQUEST_ANSWERED)]
    assert [(one.kind, one.by, one.by_app, one.number, one.text) for one in deeds[1:]] == [
        (Kind.COMMENT_POSTED, "ove[bot]", True, 1, "hello"),
        (Kind.REACTION_ADDED, "ove[bot]", True, 1, "eyes"),
        (Kind.REF_PUSHED, "alice", False, None, f"fix: {github.branches(SHOP)['fix'][:7]} Fix"),
        (Kind.PULL_OPENED, "alice", False, 2, "Fix"),
    ]
    assert deeds[0].kind is Kind.TOKEN_MINTED
    assert deeds[1].subject.id == answer.json()["id"]


async def test_a_mistake_of_the_simulation_is_not_passed_over() -> None:
    """When an endpoint breaks, whoever waits learns of it at once, and so does the end of the context."""

    async def break_it() -> None:
        async with setting() as scene:
            bare = scene.github.repository(SHOP).git.path
            bare.rename(bare.with_suffix(".gone"))
            waiting = asyncio.create_task(scene.github.wait_for(lambda _: False, timeout=20))
            answer = await scene.call("GET", f"/repos/{SHOP}/branches/main", await scene.token())
            assert answer.status_code == 500
            with pytest.raises(ExceptionGroup, match="mistakes of its own"):
                await waiting

    with pytest.raises(ExceptionGroup, match="mistakes of its own") as caught:
        await break_it()
    assert isinstance(caught.value.exceptions[0], FileNotFoundError)
