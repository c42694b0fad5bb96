"""Faults on purpose: answers that go wrong, connections that break, moments at which a test steps in."""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

When = Literal["before", "after"]


@dataclass(slots=True, eq=False)
class Request:
    """One request to the simulated GitHub, as its log keeps it.

    `path` is without the API's prefix; git's paths stand as they are. `token` says what came as credentials, `by`
    whose they were (an App's slug). `status` is None until the answer is out, and stays None when the connection broke.
    """

    at: datetime
    method: str
    path: str
    query: str
    body: bytes = field(repr=False, default=b"")
    token: Literal["none", "app", "installation", "bad"] = "none"
    by: str = ""
    status: int | None = None
    fault: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """The query, each name with its last value."""
        return {name: values[-1] for name, values in parse_qs(self.query, keep_blank_values=True).items()}


class ConnectionDropped(Exception):
    """The connection is to be cut instead of answered."""


Action = Callable[[Request], Awaitable[Response | None]]
"""What a fault does with a request: an answer of its own, or None to go on as if nothing had happened."""


def respond(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Action:
    """Answer with this status."""

    async def action(_: Request) -> Response:
        body = {"message": message or f"Simulated {status}", "documentation_url": "https://docs.github.com/rest"}
        return JSONResponse(body | {"status": str(status)}, status, headers)

    return action


def rate_limited(reset_in: float = 60) -> Action:
    """The primary limit: 403, nothing remaining, until the reset (seconds from now).

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """

    async def action(request: Request) -> Response | None:
        reset = str(int(time.time() + reset_in))
        counted = {"limit": "5000", "remaining": "0", "used": "5000", "reset": reset, "resource": "core"}
        headers = {f"X-RateLimit-{name.title()}": value for name, value in counted.items()}
        return await respond(403, "API rate limit exceeded for installation ID 1.", headers)(request)

    return action


def secondarily_limited(retry_after: int = 60, status: Literal[403, 429] = 403) -> Action:
    """A secondary limit: 403 or 429, with `retry-after` in seconds."""
    words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return respond(status, words, {"Retry-After": str(retry_after)})


def drop_connection() -> Action:
    """Cut the connection without an answer."""

    async def action(_: Request) -> Response | None:
        raise ConnectionDropped

    return action


def call(callback: Callable[[], object]) -> Action:
    """Call (and await, if it is to be awaited) something of the test's, then go on."""

    async def action(_: Request) -> Response | None:
        result = callback()
        if inspect.isawaitable(result):
            await result
        return None

    return action


class Hang:
    """Keep the request waiting until `release()`; `await hang.reached()` returns when one waits."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._released = asyncio.Event()

    async def __call__(self, _: Request) -> Response | None:
        self._reached.set()
        await self._released.wait()
        return None

    async def reached(self) -> None:
        """Wait until a request waits here."""
        await self._reached.wait()

    def release(self) -> None:
        """Let the request go on, and all that come after it."""
        self._released.set()


@dataclass(slots=True, eq=False)
class Fault:
    """A fault that waits for its request; `met` counts how often it struck."""

    method: str
    path: re.Pattern[str]
    when: When
    action: Action
    times: int | None
    met: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, request: Request, when: When) -> bool:
        """Whether it is to strike this request now."""
        return (
            self.when == when
            and (self.times is None or self.met < self.times)
            and self.method in ("*", request.method)
            and self.path.fullmatch(request.path) is not None
        )

    async def strike(self, request: Request) -> Response | None:
        """Strike."""
        self.met += 1
        self._reached.set()
        request.fault = f"{self.when} the deed"
        return await self.action(request)

    async def reached(self) -> None:
        """Wait until it has struck at least once."""
        await self._reached.wait()

    def stop(self) -> None:
        """Strike no more."""
        self.times = self.met


class Faults:
    """All faults that wait; the first that fits a request strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Let a fault lie in wait."""
        self._faults.append(fault)
        return fault

    async def meet(self, request: Request, when: When) -> Response | None:
        """Let a fitting fault act; None when there is none, or when it lets the request go on."""
        fault = next((one for one in self._faults if one.fits(request, when)), None)
        return await fault.strike(request) if fault else None
