"""Tests of the door: what it answers, and what it keeps."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ove_gh.store import tables
from ove_gh.store.database import Database, open_database
from ove_gh.webhook import MAX_BODY_BYTES, signature_matches, web_app
from tests.payloads import PLACE, Json, comment_created, issue_opened, signature
from tests.store.rows import NOW, all_rows

pytestmark = pytest.mark.anyio

PATH = "/api/github/webhooks"
SECRET = "It's a Secret to Everybody"


@dataclass
class Door:
    """The door of a service, and GitHub in front of it."""

    database: Database
    http: httpx.AsyncClient
    rings: list[None] = field(default_factory=list)

    async def deliver(
        self,
        body: bytes | Json,
        *,
        event: str = "issue_comment",
        guid: str = "guid-1",
        secret: str = SECRET,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One POST, signed with `secret`; an empty header value leaves that header out."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        wanted = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": signature(secret, content),
            **(headers or {}),
        }
        sent = [(name.encode(), value.encode("latin-1")) for name, value in wanted.items() if value]
        return await self.http.post(PATH, content=content, headers=sent)

    async def inbox(self) -> list[dict[str, Any]]:
        """What was recorded."""
        return await all_rows(self.database, tables.inbox)


@asynccontextmanager
async def open_door(database: Database) -> AsyncIterator[Door]:
    """A door in front of a database."""
    rings: list[None] = []
    app = web_app(database, path=PATH, secret=SECRET, clock=lambda: NOW, on_recorded=lambda: rings.append(None))
    transport = httpx.ASGITransport(app)  # a 500 is raised here as the exception that it is
    async with httpx.AsyncClient(transport=transport, base_url="http://ove.example") as http:
        yield Door(database, http, rings)


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    """A door in front of an empty database."""
    async with open_door(database) as opened:
        yield opened


# -- what is taken -----------------------------------------------------------------------------------------------------


async def test_a_delivery_is_recorded_and_accepted(door: Door) -> None:
    """202 comes after the very bytes are on disk, with their event and thread; the bell rings once."""
    body = json.dumps(comment_created("@ove fix it"), indent=1).encode()
    answer = await door.deliver(body)
    assert (answer.status_code, answer.text) == (202, "accepted\n")
    [row] = await door.inbox()
    assert (row["guid"], row["event"], row["lane"]) == ("guid-1", "issue_comment", PLACE.lane)
    assert (row["body"], row["received_at"], row["handled_at"]) == (body, NOW, None)
    assert len(door.rings) == 1


async def test_a_redelivery_is_accepted_and_recorded_once(door: Door) -> None:
    """GitHub, or a person, may deliver again: the answer is good, and nothing is to be done twice."""
    await door.deliver(comment_created("@ove fix it"))
    assert (await door.deliver(comment_created("@ove fix it"))).status_code == 202
    assert len(await door.inbox()) == 1
    assert len(door.rings) == 1


async def test_fifty_at_once_are_one(door: Door) -> None:
    """The same delivery fifty times at the same moment: fifty times 202, one row, one ring."""
    answers = await asyncio.gather(*(door.deliver(comment_created("@ove fix it")) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len(await door.inbox()) == 1
    assert len(door.rings) == 1


async def test_a_ping_is_answered(door: Door) -> None:
    """GitHub's first hello gets 200, and is not kept."""
    answer = await door.deliver({"zen": "Keep it logically awesome."}, event="ping")
    assert (answer.status_code, answer.text) == (200, "pong\n")
    assert await door.inbox() == []


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("star", {"action": "created"}),
        ("issue_comment", {**comment_created("@ove"), "action": "deleted"}),
        ("issues", {**issue_opened("@ove"), "action": "an_action_of_next_year"}),
        ("issues", {"no": "action"}),
        ("an_event_of_next_year", {}),
    ],
)
async def test_what_means_nothing_is_accepted_and_not_kept(door: Door, event: str, payload: Json) -> None:
    """Unknown events and actions get 202, so that GitHub does not call them failed, and leave nothing behind."""
    assert (await door.deliver(payload, event=event)).status_code == 202
    assert await door.inbox() == []
    assert door.rings == []


async def test_a_payload_of_another_shape_is_kept(door: Door) -> None:
    """A known event that lacks what GitHub documents is recorded: somebody must look at it."""
    assert (await door.deliver({"action": "created", "installation": {"id": 7}})).status_code == 202
    assert len(await door.inbox()) == 1


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_the_official_signature_is_taken() -> None:
    """GitHub's own example of secret, body and signature fits; one other bit in any of the three does not.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    """
    signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature_matches("It's a Secret to Everybody", b"Hello, World!", signed)
    assert not signature_matches("It's a Secret to Everybody!", b"Hello, World!", signed)
    assert not signature_matches("It's a Secret to Everybody", b"Hello, World?", signed)
    assert not signature_matches("It's a Secret to Everybody", b"Hello, World!", signed[:-1] + "6")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        "sha1=" + "0" * 40,
        "sha256=" + "0" * 64,
        signature("another secret", b"{}"),
        signature(SECRET, b"{}").upper(),
        signature(SECRET, b"{}").removeprefix("sha256="),
        "sha256=\xe4\xf6\xfc",
    ],
)
async def test_a_bad_signature_is_refused_and_nothing_is_kept(door: Door, header: str) -> None:
    """Without the right signature the answer is 401, whatever else is in the request, and no body is stored."""
    for event in ("issue_comment", "ping", "star"):
        answer = await door.deliver(b"{}", event=event, headers={"X-Hub-Signature-256": header})
        assert answer.status_code == 401
        assert "WEBHOOK_SECRET" in answer.text
    assert await door.inbox() == []
    assert door.rings == []


@pytest.mark.parametrize("missing", ["X-GitHub-Event", "X-GitHub-Delivery"])
async def test_a_request_without_githubs_headers_is_refused(door: Door, missing: str) -> None:
    """What is signed, but not sent as GitHub does, gets 400."""
    assert (await door.deliver(comment_created("@ove"), headers={missing: ""})).status_code == 400
    assert await door.inbox() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"payload=%7B%7D", b"\xff\xfe", b"[1]", b'"text"', b"null", b"[" * 100_000, b"1" * 5_000],
    ids=lambda body: repr(body[:12]),
)
async def test_a_body_that_is_no_json_object_is_refused(door: Door, body: bytes) -> None:
    """Broken JSON, a form, or JSON that is no object gets 400, and is not kept."""
    assert (await door.deliver(body)).status_code == 400
    assert await door.inbox() == []


async def test_a_body_that_is_declared_too_long_is_refused_unread(door: Door) -> None:
    """26 MB by Content-Length get 413 before a byte of the body is read."""
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"x")
        yield b"x"

    answer = await door.http.post(PATH, content=body(), headers={"Content-Length": str(26 * 1024 * 1024)})
    assert answer.status_code == 413
    assert read == []


async def test_a_body_that_turns_out_too_long_is_refused(door: Door) -> None:
    """26 MB that arrive in pieces, without a declared length, get 413 as soon as they are too many."""
    sent: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        piece = b"x" * 1024 * 1024
        for number in range(1, 40):
            sent.append(number)
            yield piece

    answer = await door.http.post(PATH, content=body())
    assert answer.status_code == 413
    assert sent == list(range(1, MAX_BODY_BYTES // 1024**2 + 2))
    assert await door.inbox() == []


async def test_a_body_of_githubs_longest_is_taken(door: Door) -> None:
    """25 MB, the most that GitHub sends, are not too much."""
    payload = {"action": "closed", "padding": ""}
    payload["padding"] = "x" * (MAX_BODY_BYTES - len(json.dumps(payload)))
    assert (await door.deliver(payload, event="issues")).status_code == 202


async def test_there_is_nothing_else_behind_the_door(door: Door) -> None:
    """Other paths are 404 and other methods 405."""
    assert (await door.http.get("/")).status_code == 404
    assert (await door.http.get(PATH)).status_code == 405


# -- when it cannot be recorded ----------------------------------------------------------------------------------------


async def test_a_delivery_that_cannot_be_written_is_not_accepted(tmp_path: Path, migrated_file: Path) -> None:
    """On a database that is read-only the answer is 503, so that GitHub lists the delivery as failed."""
    path = tmp_path / "ove.db"
    shutil.copyfile(migrated_file, path)
    database = await open_database(f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true")
    try:
        async with open_door(database) as door:
            answer = await door.deliver(comment_created("@ove"))
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert door.rings == []
    finally:
        await database.close()


async def test_a_database_that_lost_its_tables_is_not_accepted(door: Door, tmp_path: Path) -> None:
    """A file that was damaged while the service ran gives 503 at the webhook and at the health check."""
    assert (await door.http.get("/healthz")).status_code == 200
    with sqlite3.connect(tmp_path / "ove.db") as connection:
        connection.execute("DROP TABLE inbox")
    connection.close()
    assert (await door.deliver(comment_created("@ove"))).status_code == 503
    assert (await door.http.get("/healthz")).status_code == 503


async def test_it_is_accepted_again_when_it_can_be_written(tmp_path: Path, database: Database) -> None:
    """After a 503 the same delivery is recorded at the next try: nothing remembers the failure."""
    with sqlite3.connect(tmp_path / "ove.db") as connection:
        connection.execute("ALTER TABLE inbox RENAME TO elsewhere")
    async with open_door(database) as door:
        assert (await door.deliver(comment_created("@ove"))).status_code == 503
        with sqlite3.connect(tmp_path / "ove.db") as again:
            again.execute("ALTER TABLE elsewhere RENAME TO inbox")
        assert (await door.deliver(comment_created("@ove"))).status_code == 202
        assert len(await door.inbox()) == 1
    connection.close()
    again.close()


# -- whatever comes ----------------------------------------------------------------------------------------------------

GOOD = json.dumps(comment_created("@ove fix it")).encode()
ANSWERS = {200, 202, 400, 401, 413}
NUMBERS = itertools.count()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real body with a piece cut out, and something else put there."""
    start = draw(st.integers(0, len(GOOD)))
    end = draw(st.integers(start, len(GOOD)))
    return GOOD[:start] + draw(st.binary(max_size=20)) + GOOD[end:]


values: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.text() | st.just({}) | st.just([])


@st.composite
def misshapen(draw: st.DrawFn) -> bytes:
    """A real payload with another value in one or two places."""
    payload = json.loads(GOOD)
    for _ in range(draw(st.integers(1, 2))):
        inner: Any = payload
        while True:
            key = draw(st.sampled_from(sorted(inner)))
            if not isinstance(inner[key], dict) or not inner[key] or draw(st.booleans()):
                break
            inner = inner[key]
        inner[key] = draw(values)
    return json.dumps(payload).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    body=mutated() | misshapen() | st.binary(max_size=50),
    signed=st.booleans(),
    event=st.sampled_from(["issue_comment", "issues", "ping", "x"]),
)
async def test_no_body_breaks_the_door(door: Door, body: bytes, *, signed: bool, event: str) -> None:
    """Whatever is sent, signed or not, the answer is one of the documented ones, and never a 500."""
    answer = await door.deliver(body, event=event, guid=f"{next(NUMBERS)}", secret=SECRET if signed else "guessed")
    assert answer.status_code in ANSWERS
    assert signed or answer.status_code == 401


async def test_half_a_character_breaks_nothing(door: Door) -> None:
    """JSON can hold half of a surrogate pair, which is no text: such a delivery is answered, too."""
    payload = comment_created("@ove")
    payload["repository"]["id"] = "\ud800"
    assert (await door.deliver(payload)).status_code in ANSWERS


async def test_a_length_of_five_thousand_digits_breaks_nothing(door: Door) -> None:
    """A Content-Length that is longer than any number gets 413, not an error."""
    answer = await door.http.post(PATH, content=b"", headers={"Content-Length": "9" * 5_000})
    assert answer.status_code == 413
