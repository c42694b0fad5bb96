"""Images that people attached to a thread: where they are, and their bytes, from GitHub's own hosts and no others."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Literal

import httpx

from ove_gh.github import errors, models
from ove_gh.github.connection import Connection
from ove_gh.github.download import PATIENCE, check_availability, on_loopback
from ove_gh.github.installation import Answer, InstalledRepository, Purpose, read

MOST_REDIRECTS = 3

_FULL = {"Accept": "application/vnd.github.full+json"}
"""Asks for a text as HTML, too: there GitHub links to attached images so that for some minutes nobody need sign in.
What stands in the Markdown opens only in a signed-in browser when the repository is private.
https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types"""
_MEDIA_TYPES = {"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"}
_HOST = re.compile(r"[a-z0-9.-]+")
_CAMO = "camo.githubusercontent.com"
"""GitHub's proxy for images from anywhere: asking it makes it ask there.
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-anonymized-urls"""


class Images(InstalledRepository):
    """The part of a Repository that is about images in its threads."""

    async def image_links(self, kind: Literal["issue", "comment", "review_comment"], number: int) -> list[str]:
        """Links to the images on GitHub's own hosts in a text, in order, each once; fetch them within minutes.

        `number` is an issue's or pull request's number, or the id of a comment or of a comment on lines. Raises
        NotFound, and Gone for a deleted issue. https://docs.github.com/en/rest/issues/comments#get-an-issue-comment
        """
        rest = self._rest(Purpose.READ)

        async def ask() -> Answer:
            match kind:
                case "issue":
                    return await rest.issues.async_get(self._owner, self._name, number, headers=_FULL)
                case "comment":
                    return await rest.issues.async_get_comment(self._owner, self._name, number, headers=_FULL)
                case "review_comment":
                    return await rest.pulls.async_get_review_comment(self._owner, self._name, number, headers=_FULL)

        return self._links(await self._repeating(ask))

    async def review_image_links(self, number: int, review_id: int) -> list[str]:
        """Links to the images in a review's own text, as `image_links` tells them.

        https://docs.github.com/en/rest/pulls/reviews#get-a-review-for-a-pull-request
        """
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(
            lambda: rest.pulls.async_get_review(self._owner, self._name, number, review_id, headers=_FULL)
        )
        return self._links(answer)

    async def fetch_image(self, link: str, *, most_bytes: int) -> models.Attachment | None:
        """An image of at most `most_bytes`, asked for as nobody.

        None for one that is larger, refused, of another type than its bytes may be (PNG, JPEG, GIF, WebP), or not on
        GitHub's own hosts: then nobody is asked for it, wherever the link leads. Raises GitHubUnavailable, and
        UnexpectedAnswer for a redirect that leads nowhere.
        """
        return await self._repeating(lambda: read_image(self._connection, link, most_bytes=most_bytes))

    def _links(self, answer: Answer) -> list[str]:
        return [link for link in read(answer, read_links) if githubs_own(self._connection, link) is not None]


async def read_image(connection: Connection, link: str, *, most_bytes: int) -> models.Attachment | None:
    """The image that the link leads to, also over three redirects; None and errors as `fetch_image` has them."""
    at = githubs_own(connection, link)
    for _ in range(1 + MOST_REDIRECTS):
        if at is None:
            return None
        async with connection.stream(at, patience=PATIENCE) as answer:
            if answer.has_redirect_location:
                at = githubs_own(connection, answer.headers["location"], seen_from=at)
                continue
            check_availability(answer, connection.clock())
            return await _image(answer, most_bytes) if answer.status_code == httpx.codes.OK else None
    return None


def githubs_own(connection: Connection, link: str, *, seen_from: httpx.URL | None = None) -> httpx.URL | None:
    """The link as an address when it leads to a host that keeps what people attach on GitHub, else None.

    These are github.com, *.githubusercontent.com (not the proxy there), the server itself, and where an Enterprise
    Server keeps its media. It is https, or http to a server on this machine.
    https://docs.github.com/en/enterprise-server@latest/admin/configuring-settings/hardening-security-for-your-enterprise/enabling-subdomain-isolation
    """
    try:
        at = httpx.URL(link) if seen_from is None else seen_from.join(link)
    except (httpx.InvalidURL, ValueError):
        return None
    host, server = _host(at), connection.server_url
    if not _HOST.fullmatch(host) or at.userinfo:
        return None
    if at.scheme == "http":
        is_server = (server.scheme, _host(server), server.port) == ("http", host, at.port)
        return at if is_server and on_loopback(at) else None
    on_server = host in (_host(server), f"media.{_host(server)}") and at.port == server.port
    on_cloud = (host == "github.com" or host.endswith(".githubusercontent.com")) and at.port is None and host != _CAMO
    return at if at.scheme == "https" and (on_server or on_cloud) else None


def _host(url: httpx.URL) -> str:
    """The host as it is asked for: `url.host` would show an international name in its own script."""
    return url.raw_host.decode("ascii")


async def _image(answer: httpx.Response, most_bytes: int) -> models.Attachment | None:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        return None
    data = bytearray()
    async for chunk in answer.aiter_raw():  # a compressed answer, which we did not ask for, is no image as it is
        data += chunk
        if len(data) > most_bytes:
            return None
    found = _kind_of(bytes(data[:12]))
    return None if found is None else models.Attachment(found, bytes(data))


def _kind_of(start: bytes) -> str | None:
    """The media type by the first twelve bytes. https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern"""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if start[:4] == b"RIFF" and start[8:12] == b"WEBP" else None


def read_links(raw: object) -> list[str]:
    """Where the images in a text's HTML come from, each once; raises UnexpectedAnswer."""
    sources = _Sources()
    try:
        sources.feed(models.Fields(raw, "text").text_or_empty("body_html"))
        sources.close()
    except AssertionError:  # how Python's reader meets `<![x[`, which GitHub never writes
        raise errors.UnexpectedAnswer("text", "'body_html' is not HTML") from None
    return list(dict.fromkeys(sources.found))


class _Sources(HTMLParser):
    """Collects where the images of a page come from."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found += [value for name, value in attrs if name == "src" and value]
