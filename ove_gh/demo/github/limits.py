"""The rate limits, counted for each App, each installation, and everybody else together.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ove_gh.demo.github.access import Caller
from ove_gh.demo.github.clock import Clock
from ove_gh.demo.github.endpoints import Answer, Call, Endpoint, Resource
from ove_gh.demo.github.refusals import Refused

_LASTS: dict[Resource, timedelta] = {
    "core": timedelta(hours=1),
    "search": timedelta(minutes=1),
    "code_search": timedelta(minutes=1),
}
"""https://docs.github.com/en/rest/search/search#rate-limit"""


@dataclass(slots=True)
class Window:
    """One caller's hour, or minute."""

    used: int
    ends: datetime


class RateLimits:
    """Counts requests; `limit` (an hour) and `search_limit` and `code_search_limit` (a minute) may be set by tests."""

    def __init__(self, clock: Clock) -> None:
        self.limit = 5000
        self.search_limit = 30
        self.code_search_limit = 10
        self._clock = clock
        self._windows: dict[tuple[str, Resource], Window] = {}

    def count(self, caller: Caller, resource: Resource) -> None:
        """Count one request; raises Refused with 403 when the hour's (or minute's) requests are used up."""
        window = self._window(caller, resource)
        if window.used >= self._limit(resource):
            raise Refused(403, f"API rate limit exceeded for {_name(caller)}.")
        window.used += 1

    def headers(self, caller: Caller, resource: Resource) -> dict[str, str]:
        """The caller's X-RateLimit headers."""
        counted = self._counted(caller, resource)
        return {f"X-RateLimit-{name.title()}": str(number) for name, number in counted.items()} | {
            "X-RateLimit-Resource": resource
        }

    def overview(self, call: Call) -> Answer:
        """`GET /rate_limit`, which costs nothing."""
        core = self._counted(call.caller, "core")
        search, code = self._counted(call.caller, "search"), self._counted(call.caller, "code_search")
        resources = {"core": core, "search": search, "code_search": code, "graphql": core | {"used": 0}}
        return Answer({"resources": resources, "rate": core})

    def endpoint(self) -> Endpoint:
        """The table's row for `overview`."""
        docs = "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user"
        return Endpoint("GET", "/rate_limit", self.overview, "anyone", docs)

    def _counted(self, caller: Caller, resource: Resource) -> dict[str, int]:
        window, limit = self._window(caller, resource), self._limit(resource)
        reset = int(window.ends.timestamp())
        return {"limit": limit, "used": window.used, "remaining": max(limit - window.used, 0), "reset": reset}

    def _limit(self, resource: Resource) -> int:
        return {"core": self.limit, "search": self.search_limit, "code_search": self.code_search_limit}[resource]

    def _window(self, caller: Caller, resource: Resource) -> Window:
        name, now = _name(caller), self._clock.now()
        window = self._windows.get((name, resource))
        if window is None or window.ends <= now:
            window = self._windows[name, resource] = Window(0, now + _LASTS[resource])
        return window


def _name(caller: Caller) -> str:
    if caller.token:
        return f"installation ID {caller.token.installation.id}"
    return f"app ID {caller.app.app_id}" if caller.app else "127.0.0.1"
