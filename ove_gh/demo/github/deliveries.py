"""Webhooks: signing, sending in order, the log of deliveries, and ways to disturb them.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx

from ove_gh.demo.github.clock import Clock, stamp
from ove_gh.demo.github.happenings import Happening, Happenings, Kind
from ove_gh.demo.github.records import App, Installation, Repository

EXAMPLE_SECRET = "It's a Secret to Everybody"
"""The webhook secret of GitHub's own examples."""
TIMEOUT = 10.0
"""Seconds that GitHub waits for an answer."""
KEPT = timedelta(days=3)
"""How long GitHub remembers a delivery, and can send it again."""

Fate = Literal["deliver", "fail", "lose"]


def signature(secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One event for one App, before it is sent: the same `guid` and `body` at every attempt."""

    app: App
    event: str
    payload: dict[str, Any]
    guid: str
    body: bytes
    installation: Installation | None
    repository: Repository | None

    @property
    def action(self) -> str | None:
        """What happened, for events that have several actions."""
        action = self.payload.get("action")
        return action if isinstance(action, str) else None

    @property
    def name(self) -> str:
        """The event with its action, as the documentation writes it: `issue_comment.created`."""
        return f"{self.event}.{self.action}" if self.action else self.event

    def headers(self) -> dict[str, str]:
        """Every header that GitHub sends along; without a secret nothing is signed."""
        given = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/0fe5a2c",
            "X-GitHub-Delivery": self.guid,
            "X-GitHub-Event": self.event,
            "X-GitHub-Hook-ID": str(self.app.hook_id),
            "X-GitHub-Hook-Installation-Target-ID": str(self.app.app_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
        }
        secret = self.app.webhook_secret
        if not secret:
            return given
        old = hmac.new(secret.encode(), self.body, hashlib.sha1).hexdigest()
        return given | {"X-Hub-Signature": f"sha1={old}", "X-Hub-Signature-256": signature(secret, self.body)}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver a webhook, and how it went. `duration` is in seconds."""

    id: int
    webhook: Webhook
    delivered_at: datetime
    duration: float
    status: str
    status_code: int
    redelivery: bool
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

    @property
    def guid(self) -> str:
        """X-GitHub-Delivery: the same for every attempt."""
        return self.webhook.guid

    @property
    def event(self) -> str:
        """X-GitHub-Event."""
        return self.webhook.event

    @property
    def action(self) -> str | None:
        """The payload's action, or None."""
        return self.webhook.action

    @property
    def payload(self) -> dict[str, Any]:
        """What was sent, before it became bytes."""
        return self.webhook.payload

    @property
    def succeeded(self) -> bool:
        """Whether the receiver answered 2xx."""
        return 200 <= self.status_code < 300

    def listed(self) -> dict[str, Any]:
        """The item of `GET /app/hook/deliveries`."""
        hook = self.webhook
        return {
            "id": self.id,
            "guid": self.guid,
            "delivered_at": stamp(self.delivered_at),
            "redelivery": self.redelivery,
            "duration": round(self.duration, 2),
            "status": self.status,
            "status_code": self.status_code,
            "event": self.event,
            "action": self.action,
            "installation_id": hook.installation.id if hook.installation else None,
            "repository_id": hook.repository.id if hook.repository else None,
            "throttled_at": None,
        }

    def in_full(self) -> dict[str, Any]:
        """`GET /app/hook/deliveries/{id}`: with what was sent and what came back."""
        request = {"headers": self.webhook.headers(), "payload": self.payload}
        response = {"headers": self.response_headers, "payload": self.response_body}
        return self.listed() | {"url": self.webhook.app.webhook_url, "request": request, "response": response}


@dataclass(slots=True, eq=False)
class Disturbance:
    """What goes wrong with some webhooks: see `SimulatedGitHub.disturb_deliveries`. `met` counts those it touched."""

    event: str | None
    action: str | None
    fate: Fate
    copies: int
    delay: float
    held: bool
    times: int | None
    met: int = 0
    _gate: asyncio.Event = field(default_factory=asyncio.Event)
    _stopped: bool = False

    def fits(self, webhook: Webhook) -> bool:
        """Whether a webhook is one to disturb."""
        return (
            not self._stopped
            and (self.times is None or self.met < self.times)
            and self.event in (None, webhook.event)
            and self.action in (None, webhook.action)
        )

    def stop(self) -> None:
        """Disturb nothing any more; what is held is let go."""
        self._stopped = True
        self.release()

    def release(self) -> None:
        """Let go what is held back, now and from now on."""
        self.held = False
        self._gate.set()

    async def pause(self) -> None:
        """Wait as long as this disturbance makes a webhook wait."""
        await asyncio.sleep(self.delay)
        if self.held:
            await self._gate.wait()

    @property
    def detains(self) -> bool:
        """Whether it makes webhooks wait."""
        return self.held or self.delay > 0


class Deliveries:
    """Sends webhooks, one after the other in the order of the deeds, and remembers how it went."""

    def __init__(self, clock: Clock, happenings: Happenings, ids: Iterator[int]) -> None:
        self.log: list[Delivery] = []
        self.disturbances: list[Disturbance] = []
        self._clock, self._happenings, self._ids = clock, happenings, ids
        self._queue: asyncio.Queue[tuple[Webhook, Disturbance | None, bool]] = asyncio.Queue()
        self._under_way = 0

    def make(
        self,
        app: App,
        event: str,
        payload: dict[str, Any],
        *,
        guid: str | None = None,
        installation: Installation | None = None,
        repository: Repository | None = None,
    ) -> Webhook:
        """Prepare a webhook; a new GUID is drawn unless one is given."""
        body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        return Webhook(app, event, payload, guid or str(uuid.uuid4()), body, installation, repository)

    def send(self, webhook: Webhook, *, redelivery: bool = False) -> None:
        """Put a webhook in the queue; an App without a webhook address gets none. Its fate is decided here and now."""
        if webhook.app.webhook_url is None:
            return
        disturbance = next((one for one in self.disturbances if one.fits(webhook)), None)
        if disturbance:
            disturbance.met += 1
        self._under_way += 1
        self._queue.put_nowait((webhook, disturbance, redelivery))

    @property
    def idle(self) -> bool:
        """Whether everything that was sent has arrived, failed or been lost."""
        return self._under_way == 0

    def of(self, app: App) -> list[Delivery]:
        """An App's deliveries that GitHub still remembers, newest first."""
        oldest = self._clock.now() - KEPT
        return [one for one in reversed(self.log) if one.webhook.app is app and one.delivered_at >= oldest]

    async def work(self, client: httpx.AsyncClient) -> None:
        """Send what is in the queue, for ever; those held back wait aside, so that others overtake them."""
        async with asyncio.TaskGroup() as aside:
            while True:
                webhook, disturbance, redelivery = await self._queue.get()
                passage = self._pass(client, webhook, disturbance, redelivery)
                if disturbance and disturbance.detains:
                    aside.create_task(passage)
                else:
                    await passage

    async def _pass(
        self, client: httpx.AsyncClient, webhook: Webhook, disturbance: Disturbance | None, redelivery: bool
    ) -> None:
        try:
            if disturbance is None:
                await self.attempt(client, webhook, redelivery=redelivery)
                return
            await disturbance.pause()
            if disturbance.fate == "fail":
                self._note(webhook, time.monotonic(), "failed to connect to host", 502, redelivery)
            elif disturbance.fate == "deliver":
                attempts = (self.attempt(client, webhook, redelivery=redelivery) for _ in range(disturbance.copies))
                await asyncio.gather(*attempts)
        finally:
            self._under_way -= 1
            self._happenings.wake()

    async def attempt(self, client: httpx.AsyncClient, webhook: Webhook, *, redelivery: bool = False) -> Delivery:
        """Send one webhook once and wait for the answer, at most ten seconds; no retry."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT):
                url = str(webhook.app.webhook_url)
                answer = await client.post(url, content=webhook.body, headers=webhook.headers())
        except (TimeoutError, httpx.TimeoutException):
            return self._note(webhook, started, "timed out", 504, redelivery)
        except httpx.TransportError:
            return self._note(webhook, started, "failed to connect to host", 502, redelivery)
        status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
        return self._note(webhook, started, status, answer.status_code, redelivery, dict(answer.headers), answer.text)

    def _note(
        self,
        webhook: Webhook,
        started: float,
        status: str,
        status_code: int,
        redelivery: bool,
        headers: dict[str, str] | None = None,
        body: str = "",
    ) -> Delivery:
        now, took = self._clock.now(), time.monotonic() - started
        delivery = Delivery(next(self._ids), webhook, now, took, status, status_code, redelivery, headers or {}, body)
        self.log.append(delivery)
        self._happenings.tell(
            Happening(
                Kind.WEBHOOK_DELIVERED if delivery.succeeded else Kind.WEBHOOK_FAILED,
                now,
                repository=webhook.repository.full_name if webhook.repository else None,
                number=_thread_number(webhook.payload),
                text=f"{webhook.name}: {status_code} {status}",
                subject=delivery,
            )
        )
        return delivery


def _thread_number(payload: dict[str, Any]) -> int | None:
    for thread in ("issue", "pull_request"):
        if isinstance(payload.get(thread), dict):
            number = payload[thread].get("number")
            return number if isinstance(number, int) else None
    return None
