"""The door: verify a delivery, record it, answer. Nothing is done about it here.

The rules are GitHub's: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries and
https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ove_gh.events import MalformedPayload, lane_of, read_event
from ove_gh.store import inbox
from ove_gh.store.database import Database, DatabaseFailed

MAX_BODY_BYTES = 25 * 1024 * 1024
"""GitHub sends no larger payload."""

log = structlog.get_logger("ove_gh.webhook")


class Refusal(Exception):
    """A delivery that is not taken: the HTTP status and one line that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def web_app(
    database: Database, *, path: str, secret: str, clock: Callable[[], float], on_recorded: Callable[[], None]
) -> Starlette:
    """The HTTP side of the service: the webhook's path and `/healthz`, and nothing else.

    `secret` is the App's webhook secret; `on_recorded` is called after a delivery was committed to the inbox.
    """

    async def receive(request: Request) -> Response:
        try:
            return await _receive(request)
        except Refusal as refusal:
            log.warning("delivery refused", status=refusal.status, reason=refusal.reason, **_about(request))
            return PlainTextResponse(refusal.reason + "\n", status_code=refusal.status)

    async def _receive(request: Request) -> Response:
        body = await read_body(request)
        if not signature_matches(secret, body, request.headers.get("X-Hub-Signature-256")):
            raise Refusal(
                401, "The signature does not match: WEBHOOK_SECRET here and the App's secret on GitHub differ."
            )
        name, guid = request.headers.get("X-GitHub-Event"), request.headers.get("X-GitHub-Delivery")
        if not name or not guid:
            raise Refusal(400, "The headers X-GitHub-Event and X-GitHub-Delivery are missing.")
        payload = read_json(body)
        if name == "ping":
            return PlainTextResponse("pong\n")
        if not _means_something(name, payload):
            return PlainTextResponse("accepted: nothing to do for this event\n", status_code=202)
        return await _record(name, guid, lane_of(payload), body)

    async def _record(name: str, guid: str, lane: str | None, body: bytes) -> Response:
        try:
            async with database.writing() as connection:
                is_new = await inbox.record(
                    connection, guid=guid[:64], event=name[:64], lane=lane, body=body, now=clock()
                )
        except DatabaseFailed as error:
            log.error("delivery not recorded", delivery=guid, event_name=name, error=str(error))
            return PlainTextResponse(
                "The delivery could not be recorded; redeliver it later.\n",
                status_code=503,
                headers={"Retry-After": "60"},
            )
        if is_new:
            on_recorded()
        return PlainTextResponse("accepted\n" if is_new else "accepted before\n", status_code=202)

    async def healthz(_request: Request) -> Response:
        try:
            async with database.reading() as connection:
                await inbox.next_due_at(connection, now=clock())
        except DatabaseFailed as error:
            log.error("not ready", error=str(error))
            return PlainTextResponse("The database cannot be read.\n", status_code=503)
        return PlainTextResponse("ok\n")

    return Starlette(routes=[Route(path, receive, methods=["POST"]), Route("/healthz", healthz)])


async def read_body(request: Request) -> bytes:
    """The whole body; raises Refusal as soon as it is longer than GitHub's longest."""
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and (len(declared) > 12 or int(declared) > MAX_BODY_BYTES):
        raise Refusal(413, "The payload is larger than 25 MB.")
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise Refusal(413, "The payload is larger than 25 MB.")
            chunks.append(chunk)
    except ClientDisconnect:
        raise Refusal(400, "The sender hung up before the end.") from None
    return b"".join(chunks)


def signature_matches(secret: str, body: bytes, header: str | None) -> bool:
    """Whether `header` (X-Hub-Signature-256) signs the body with the secret; compared in constant time."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), (header or "").encode("utf-8", "surrogateescape"))


def read_json(body: bytes) -> dict[str, Any]:
    """The payload; raises Refusal when it is no JSON object."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is not JSON: set the webhook's content type to application/json.") from None
    if not isinstance(payload, dict):
        raise Refusal(400, "The body is not a JSON object.")
    return payload


def _means_something(name: str, payload: dict[str, Any]) -> bool:
    """Whether to record it. A malformed payload is recorded too: the intake says what is wrong with it."""
    try:
        return read_event(name, payload) is not None
    except MalformedPayload:
        return True


def _about(request: Request) -> dict[str, str | None]:
    return {
        "delivery": request.headers.get("X-GitHub-Delivery"),
        "event_name": request.headers.get("X-GitHub-Event"),
        "sender": request.client.host if request.client else None,
    }
