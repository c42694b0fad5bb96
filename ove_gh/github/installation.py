"""One repository through the App's installation there: what a token is asked for, and the calls that it signs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import httpx
from githubkit import Response

from ove_gh.github import errors, models
from ove_gh.github.auth import InstallationCredential, InstallationTokens, TokenScope
from ove_gh.github.connection import API_VERSION, Connection, Endpoints, describe, read_json
from ove_gh.github.models import Fields, read_list

if TYPE_CHECKING:
    from githubkit_schemas.v2022_11_28.rest import RestNamespace

T = TypeVar("T")
Answer: TypeAlias = Response[Any, Any]

PAGE = 100
"""Items on a page, the most that GitHub gives."""
CLOCK_SKEW = 300.0
"""Seconds by which our clock and GitHub's may differ."""


class Purpose(StrEnum):
    """What a token is asked for."""

    READ = "read"
    """Look at the repository, the thread and people's rights."""
    TALK = "talk"
    """Comment and react, under issues and pull requests."""
    PROPOSE = "propose"
    """Open a pull request, ask for its review, review one. Without contents GitHub cannot see a private branch."""
    CHECKS = "checks"
    """Read what the checks of a commit say: check runs, commit statuses, and the jobs and logs of GitHub Actions."""
    REPORT = "report"
    """Keep a check run of the App's own."""
    FETCH = "fetch"
    """Clone and fetch with git; read a file or a commit."""
    PUSH = "push"
    """Push with git. Without `workflows`, GitHub refuses commits that change the repository's workflows."""


PERMISSIONS: Mapping[Purpose, Mapping[str, str]] = {
    Purpose.READ: {"metadata": "read", "issues": "read", "pull_requests": "read"},
    Purpose.TALK: {"metadata": "read", "issues": "write", "pull_requests": "write"},
    Purpose.PROPOSE: {"metadata": "read", "contents": "read", "pull_requests": "write"},
    Purpose.CHECKS: {"metadata": "read", "checks": "read", "statuses": "read", "actions": "read"},
    Purpose.REPORT: {"metadata": "read", "checks": "write"},
    Purpose.FETCH: {"metadata": "read", "contents": "read"},
    Purpose.PUSH: {"metadata": "read", "contents": "write"},
}
"""Everything the App is ever granted, purpose by purpose; app-manifest.yml asks for no more.
https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps"""

APP_PERMISSIONS: Mapping[str, str] = {
    name: "write" if any(granted.get(name) == "write" for granted in PERMISSIONS.values()) else "read"
    for name in sorted({name for granted in PERMISSIONS.values() for name in granted})
}
"""What the App's registration must be granted: the most of every purpose."""


class InstalledRepository:
    """One repository, and the App's installation there: each purpose has a token of its own."""

    def __init__(
        self,
        connection: Connection,
        tokens: InstallationTokens,
        installation_id: int,
        repository_id: int,
        full_name: str,
    ) -> None:
        self._connection, self._tokens = connection, tokens
        self._installation_id, self._repository_id = installation_id, repository_id
        self._owner, self._name = full_name.split("/")
        self._endpoints: dict[Purpose, Endpoints] = {}

    async def details(self) -> models.RepositoryDetails:
        """The repository as it is now. Raises NotFound, too, when another repository has taken its name."""
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(lambda: rest.repos.async_get(self._owner, self._name))
        details = read(answer, models.read_details)
        if details.id != self._repository_id:
            raise errors.NotFound(
                describe(answer.raw_request), 404, f"{self._owner}/{self._name} is another repository now"
            )
        return details

    def _rest(self, purpose: Purpose) -> RestNamespace:
        if purpose not in self._endpoints:
            credential = InstallationCredential(self._tokens, self._scope(purpose))
            self._endpoints[purpose] = self._connection.endpoints(credential)
        return self._endpoints[purpose].rest(API_VERSION)

    def _scope(self, purpose: Purpose) -> TokenScope:
        return TokenScope.of(self._installation_id, self._repository_id, PERMISSIONS[purpose])

    async def _repeating(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._connection.repeating(call)

    async def _items(
        self,
        ask: Callable[[int], Awaitable[Answer]],
        subject: str,
        *,
        under: str | None = None,
        most: int | None = None,
    ) -> list[object]:
        """The items of all pages, or of as many as `most` items need; `ask` gets the number of a page.

        `under` is the field that holds them, where the page is an object.
        """
        found: list[object] = []
        page: int | None = 1
        while page is not None and (most is None or len(found) < most):
            answer = (await self._repeating(partial(ask, page))).raw_response
            raw = read_json(answer)
            found += read_list(raw, subject) if under is None else Fields(raw, subject).sequence(under)
            page = linked_page(answer, "next")
        return found[:most]


def read(answer: Answer, reader: Callable[[object], T]) -> T:
    """Read an answer's JSON; what cannot be read may still have been done."""
    try:
        return reader(read_json(answer.raw_response))
    except errors.UnexpectedAnswer as error:
        error.may_have_happened = answer.raw_request.method != "GET"
        raise


def linked_page(page: httpx.Response, rel: Literal["next", "last"]) -> int | None:
    """The number of a page that the Link header names; only that, for a token goes to no address that an answer gives.

    https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api#using-link-headers
    """
    link = page.links.get(rel)
    if link is None:
        return None
    named = httpx.URL(link.get("url", "")).params.get("page", "")
    if not named.isdecimal() or (rel == "next" and int(named) <= int(page.request.url.params.get("page", 1))):
        raise errors.UnexpectedAnswer(describe(page.request), f"the Link header's {rel!r} leads nowhere")
    return int(named)
