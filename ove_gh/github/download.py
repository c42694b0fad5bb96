"""Reads the end of a file that GitHub links to: without our token, and within bounds of memory, length and time."""

from __future__ import annotations

from ipaddress import ip_address

import httpx

from ove_gh.github import errors
from ove_gh.github.connection import Connection, describe, named_wait, unavailable

MOST_READ = 200_000_000
"""Bytes read of one file. The end of a longer one is out of reach."""
MOST_REDIRECTS = 3
"""Links that lead on to links."""
PATIENCE = 6
"""How many of the connection's time-outs reading one file may take in all."""
_LIMITS = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)


async def read_end(connection: Connection, redirect: httpx.Response, *, most_bytes: int) -> bytes | None:
    """The last bytes, at most so many, of what the redirect leads to; None when that is refused or too long.

    Raises GitHubUnavailable, and UnexpectedAnswer for an answer that is no redirect or leads to another place than an
    https address. (From a GitHub on loopback without TLS, a link to loopback without TLS will do.)
    """
    if most_bytes < 1:
        raise ValueError("most_bytes must be at least 1")
    for _ in range(MOST_REDIRECTS):
        link = _link(connection, redirect)
        # A new request, not the redirect's own: that one carries our token where GitHub's own host keeps the files, and
        # the storage elsewhere refuses whoever brings one.
        async with connection.stream(link, patience=PATIENCE) as answer:
            if answer.has_redirect_location:
                redirect = answer
                continue
            check_availability(answer, connection.clock())
            return await _end(answer, most_bytes) if answer.status_code == httpx.codes.OK else None
    raise errors.UnexpectedAnswer(describe(redirect.request), "the link leads on and on")


def check_availability(answer: httpx.Response, now: float) -> None:
    """Raise GitHubUnavailable for an answer that says to come back. `now` is in seconds since the epoch."""
    if answer.status_code >= 500 or answer.status_code in _LIMITS:
        reason = f"the storage answered {answer.status_code}"
        raise unavailable(answer.request, reason, named_wait(answer, now), now, limited=False)


async def _end(answer: httpx.Response, most_bytes: int) -> bytes | None:
    """The last bytes of a file that is still coming in; no more than them and a chunk is held."""
    end, length = bytearray(), 0
    async for chunk in answer.aiter_bytes():
        length += len(chunk)
        if length > MOST_READ:
            return None
        end += chunk
        del end[:-most_bytes]
    return bytes(end)


def _link(connection: Connection, redirect: httpx.Response) -> httpx.URL:
    if not redirect.has_redirect_location:
        raise errors.UnexpectedAnswer(describe(redirect.request), "the answer is no link")
    try:
        link = redirect.request.url.join(redirect.headers["location"])
    except httpx.InvalidURL:
        raise errors.UnexpectedAnswer(describe(redirect.request), "the link is no address") from None
    plain = connection.api_url.scheme == link.scheme == "http" and all(map(on_loopback, (connection.api_url, link)))
    if not link.host or not (link.scheme == "https" or plain):
        raise errors.UnexpectedAnswer(describe(redirect.request), "the link is no https address")
    return link


def on_loopback(url: httpx.URL) -> bool:
    """Whether the address is on this machine."""
    try:
        return ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
