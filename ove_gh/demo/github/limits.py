"""The hourly rate limit, counted for each App, each installation, and everybody else together.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ove_gh.demo.github.access import Caller
from ove_gh.demo.github.clock import Clock
from ove_gh.demo.github.endpoints import Answer, Call, Endpoint
from ove_gh.demo.github.refusals import Refused

_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Window:
    """One caller's hour."""

    used: int
    ends: datetime


class RateLimits:
    """Counts requests; `limit` may be lowered by tests."""

    def __init__(self, clock: Clock) -> None:
        self.limit = 5000
        self._clock = clock
        self._windows: dict[str, Window] = {}

    def count(self, caller: Caller) -> None:
        """Count one request; raises Refused with 403 when the hour's requests are used up."""
        window = self._window(caller)
        if window.used >= self.limit:
            raise Refused(403, f"API rate limit exceeded for {_name(caller)}.")
        window.used += 1

    def headers(self, caller: Caller) -> dict[str, str]:
        """The caller's X-RateLimit headers."""
        window = self._window(caller)
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - window.used),
            "X-RateLimit-Reset": str(int(window.ends.timestamp())),
            "X-RateLimit-Resource": "core",
            "X-RateLimit-Used": str(window.used),
        }

    def overview(self, call: Call) -> Answer:
        """`GET /rate_limit`, which costs nothing."""
        window = self._window(call.caller)
        reset = int(window.ends.timestamp())
        core = {"limit": self.limit, "used": window.used, "remaining": self.limit - window.used, "reset": reset}
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": reset}
        return Answer({"resources": {"core": core, "search": search, "graphql": core | {"used": 0}}, "rate": core})

    def endpoint(self) -> Endpoint:
        """The table's row for `overview`."""
        docs = "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user"
        return Endpoint("GET", "/rate_limit", self.overview, "anyone", docs)

    def _window(self, caller: Caller) -> Window:
        name, now = _name(caller), self._clock.now()
        window = self._windows.get(name)
        if window is None or window.ends <= now:
            window = self._windows[name] = Window(0, now + _HOUR)
        return window


def _name(caller: Caller) -> str:
    if caller.token:
        return f"installation ID {caller.token.installation.id}"
    return f"app ID {caller.app.app_id}" if caller.app else "127.0.0.1"
