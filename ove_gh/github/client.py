"""Our few calls to GitHub, as the App and as one of its installations in one repository.

What may happen twice (reading, editing a comment, reacting) is repeated while GitHub falters; what would double (a new
comment, a new pull request) is sent once, and the error's `may_have_happened` says whether to look before trying again.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from ove_gh.github import errors, models
from ove_gh.github.auth import (
    Anonymous,
    AppCredential,
    InstallationCredential,
    InstallationTokens,
    TokenScope,
    minting,
)
from ove_gh.github.checks import Checks
from ove_gh.github.connection import API_VERSION, Clock, Connection, Credential, Sleep, read_json
from ove_gh.github.images import Images
from ove_gh.github.installation import (
    APP_PERMISSIONS,
    CLOCK_SKEW,
    PAGE,
    PERMISSIONS,
    Answer,
    Purpose,
    linked_page,
    read,
)
from ove_gh.github.models import Reaction
from ove_gh.github.reviews import Reviews
from ove_gh.github.search import Search
from ove_gh.tasks import Home, Place

__all__ = ["APP_PERMISSIONS", "PERMISSIONS", "GitHub", "Purpose", "Reaction", "Repository"]

_OBJECT = "application/vnd.github.object+json"
"""Asks for a file or a directory as an object, the content left out of it when it is more than 1 MB."""


class GitHub:
    """The App. Use with `async with`; one HTTP client and one set of tokens are shared by all its repositories.

    `api_url` is GITHUB_API_URL (Enterprise: `https://HOST/api/v3`), `server_url` is GITHUB_SERVER_URL (by default that
    which belongs to such an `api_url`), `clock` gives seconds since the epoch, `timeout` is in seconds. Raises
    InvalidPrivateKey.
    """

    def __init__(
        self,
        *,
        app_id: str,
        private_key: str,
        api_url: str,
        server_url: str | None = None,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        timeout: float = 10.0,
    ) -> None:
        self._connection = Connection(api_url, server_url=server_url, clock=clock, sleep=sleep, timeout=timeout)
        app = AppCredential(app_id, private_key, clock=clock)
        self._app = self._connection.endpoints(app)
        self._tokens = InstallationTokens(minting(self._connection, app), clock=clock)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._connection.__aexit__(*reason)

    def at(self, where: Home | Place) -> Repository:
        """The repository of an issue or pull request, as its installation sees it."""
        return self.repository(where.installation_id, where.repository_id, where.full_name)

    def repository(self, installation_id: int, repository_id: int, full_name: str) -> Repository:
        """One repository as its installation sees it. Nothing is asked of GitHub yet."""
        return Repository(self._connection, self._tokens, installation_id, repository_id, full_name)

    async def identity(self) -> models.AppIdentity:
        """Who the App is, and which bot account it writes as. Raises BadCredentials for a wrong id or key."""
        rest = self._app.rest(API_VERSION)
        try:
            app = await self._connection.repeating(rest.apps.async_get_authenticated)
        except errors.NotFound as unknown:  # what GitHub answers to an App id that it does not know
            raise errors.BadCredentials(unknown.request, unknown.status, unknown.message) from unknown
        slug = models.Fields(read_json(app.raw_response), "app").text("slug")
        # Users are not shown to the App's own JSON web token (401), only to an installation's token, or to everybody.
        public = self._connection.endpoints(await self._any_installation())
        bot = await self._connection.repeating(
            lambda: public.rest(API_VERSION).users.async_get_by_username(quote(f"{slug}[bot]", safe=""))
        )
        return models.read_identity(read_json(app.raw_response), read_json(bot.raw_response))

    async def _any_installation(self) -> Credential:
        """A token of whichever installation there is; without one, only anonymous calls are left (60 an hour)."""
        rest = self._app.rest(API_VERSION)
        answer = await self._connection.repeating(lambda: rest.apps.async_list_installations(per_page=PAGE))
        for raw in models.read_list(read_json(answer.raw_response), "installations"):
            installation = models.Fields(raw, "installation")
            if not installation.text_or_empty("suspended_at"):
                scope = TokenScope.of(installation.number("id"), None, {"metadata": "read"})
                return InstallationCredential(self._tokens, scope)
        return Anonymous()


class Repository(Checks, Reviews, Search, Images):
    """One repository, through the App's installation there.

    Every call may raise GitHubUnavailable, NotInstalled, BadCredentials, Forbidden, NotFound and UnexpectedAnswer; what
    else a call raises stands with it. `full_name` may be an old one: GitHub leads on from renamed repositories.
    """

    async def permission(self, login: str, user_id: int) -> models.Permission:
        """What the user may do here: NONE for strangers, and when the login belongs to another id by now."""
        rest = self._rest(Purpose.READ)
        try:
            answer = await self._repeating(
                lambda: rest.repos.async_get_collaborator_permission_level(
                    self._owner, self._name, quote(login, safe="")
                )
            )
        except errors.NotFound:
            return models.Permission.NONE
        return models.read_permission(read_json(answer.raw_response), user_id)

    async def issue(self, number: int) -> models.Issue:
        """The issue, or the pull request, of that number. Raises Gone when it was deleted."""
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(lambda: rest.issues.async_get(self._owner, self._name, number))
        return read(answer, models.read_issue)

    async def comments(
        self, number: int, *, since: float | None = None, newest: int | None = None
    ) -> list[models.Comment]:
        """The comments under an issue or pull request, oldest first.

        `since`, in seconds since the epoch, leaves out what was last changed before; `newest` keeps that many from the
        end and reads no more pages than they need. Raises Gone.
        """
        if newest is not None and newest < 1:
            raise ValueError("newest must be at least 1")
        first = await self._comment_page(number, 1, since)
        found, last = _read_comments(first), linked_page(first, "last")
        if newest is None or last is None:
            found += await self._pages_after(first, number, since)
        else:
            tail = await self._pages_before(last, number, since, newest)
            found = tail if len(tail) >= newest else found + tail
        # a comment that is deleted meanwhile moves others from page to page
        ordered = [comment for _, comment in sorted({c.id: c for c in found}.items())]
        return ordered if newest is None else ordered[-newest:]

    async def comment(self, comment_id: int) -> models.Comment:
        """One comment; raises NotFound when it was deleted."""
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(lambda: rest.issues.async_get_comment(self._owner, self._name, comment_id))
        return read(answer, models.read_comment)

    async def create_comment(self, number: int, body: str) -> models.Comment:
        """Write a comment. Sent once: when the error's `may_have_happened` is set, look with `find_own_comment` first.

        Raises Forbidden in a locked thread, Gone, and Unprocessable for a body of more than 65,536 characters.
        """
        rest = self._rest(Purpose.TALK)
        answer = await rest.issues.async_create_comment(self._owner, self._name, number, body=body)
        return read(answer, models.read_comment)

    async def edit_comment(self, comment_id: int, body: str) -> models.Comment:
        """Give a comment this body, whatever it said before. Raises NotFound when it was deleted."""
        rest = self._rest(Purpose.TALK)
        answer = await self._repeating(
            lambda: rest.issues.async_update_comment(self._owner, self._name, comment_id, body=body)
        )
        return read(answer, models.read_comment)

    async def find_own_comment(self, number: int, needle: str, *, since: float, bot_id: int) -> models.Comment | None:
        """The first comment of the account `bot_id` that holds `needle` (a hidden marker), written after `since`.

        `since` is by our clock, in seconds since the epoch; a difference of five minutes to GitHub's does no harm.
        """
        comments = await self.comments(number, since=since - CLOCK_SKEW)
        return next((c for c in comments if c.author.id == bot_id and c.body.rstrip().endswith(needle)), None)

    async def react_to_issue(self, number: int, content: Reaction) -> None:
        """React to an issue's or pull request's own text; once more changes nothing."""
        rest = self._rest(Purpose.TALK)
        await self._repeating(
            lambda: rest.reactions.async_create_for_issue(self._owner, self._name, number, content=content)
        )

    async def react_to_comment(self, comment_id: int, content: Reaction) -> None:
        """React to a comment; once more changes nothing. Raises NotFound when it was deleted."""
        rest = self._rest(Purpose.TALK)
        await self._repeating(
            lambda: rest.reactions.async_create_for_issue_comment(self._owner, self._name, comment_id, content=content)
        )

    async def reactions_to_comment(self, comment_id: int) -> list[models.Reacted]:
        """The reactions to a comment, oldest first. Raises NotFound when it was deleted.

        https://docs.github.com/en/rest/reactions/reactions#list-reactions-for-an-issue-comment
        """
        rest = self._rest(Purpose.READ)

        async def ask(page: int) -> Answer:
            return await rest.reactions.async_list_for_issue_comment(
                self._owner, self._name, comment_id, per_page=PAGE, page=page
            )

        return [models.read_reacted(raw) for raw in await self._items(ask, "reactions")]

    async def labels(self, number: int) -> list[str]:
        """The names of the labels on an issue or pull request.

        https://docs.github.com/en/rest/issues/labels#list-labels-for-an-issue
        """
        rest = self._rest(Purpose.READ)

        async def ask(page: int) -> Answer:
            return await rest.issues.async_list_labels_on_issue(
                self._owner, self._name, number, per_page=PAGE, page=page
            )

        return [models.Fields(raw, "label").text("name") for raw in await self._items(ask, "labels")]

    async def remove_label(self, number: int, name: str) -> None:
        """Take a label off an issue or pull request; it need not be there.

        https://docs.github.com/en/rest/issues/labels#remove-a-label-from-an-issue
        """
        rest = self._rest(Purpose.TALK)
        with suppress(errors.NotFound):
            await self._repeating(
                lambda: rest.issues.async_remove_label(self._owner, self._name, number, quote(name, safe=""))
            )

    async def pull(self, number: int) -> models.Pull:
        """The pull request of that number."""
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(lambda: rest.pulls.async_get(self._owner, self._name, number))
        return read(answer, models.read_pull)

    async def find_pull(self, branch: str, *, closed: bool = False) -> models.Pull | None:
        """The open pull request from this very repository's `branch`; with `closed`, else the newest closed one."""
        # The filter wants the present owner, and answers an empty list for a former one.
        owner = (await self.details()).full_name.partition("/")[0]
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(
            lambda: rest.pulls.async_list(
                self._owner,
                self._name,
                head=f"{owner}:{branch}",
                state="all" if closed else "open",
                sort="created",
                direction="desc",
                per_page=PAGE,
            )
        )
        listed = [models.read_pull(raw) for raw in models.read_list(read_json(answer.raw_response), "pull requests")]
        ours = [p for p in listed if p.head_repository_id == self._repository_id and p.head == branch]
        return next((p for p in ours if p.state == "open"), ours[0] if ours else None)

    async def create_pull(self, *, title: str, body: str, head: str, base: str, draft: bool = False) -> models.Pull:
        """Open a pull request from the branch `head` to `base`, both of this repository.

        Sent once: after any error with `may_have_happened`, and after Unprocessable (there is one already, there are no
        commits between the two, a branch is missing), `find_pull` tells what is there.
        """
        rest = self._rest(Purpose.PROPOSE)
        answer = await rest.pulls.async_create(
            self._owner, self._name, title=title, body=body, head=head, base=base, draft=draft
        )
        return read(answer, models.read_pull)

    async def request_review(self, number: int, login: str) -> bool:
        """Ask somebody to review. False when GitHub will not ask that person: the author, or no collaborator.

        Sent once, but safe to repeat: asking again changes nothing.
        """
        rest = self._rest(Purpose.PROPOSE)
        try:
            await rest.pulls.async_request_reviewers(self._owner, self._name, number, reviewers=[login])
        except errors.Unprocessable:
            return False
        return True

    async def git_token(self, *, write: bool) -> str:
        """A token for git over HTTPS in this repository alone, good for five minutes or more.

        https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation#about-authentication-as-a-github-app-installation
        """
        return await self._tokens.get(self._scope(Purpose.PUSH if write else Purpose.FETCH))

    async def commit(self, sha: str) -> models.CommitInfo:
        """Who made a commit, and its message. Raises Unprocessable when there is no such commit.

        https://docs.github.com/en/rest/commits/commits#get-a-commit
        """
        rest = self._rest(Purpose.FETCH)
        # the answer shows the commit's changes, too, page by page: one file is the least of them that can be asked for
        answer = await self._repeating(
            lambda: rest.repos.async_get_commit(self._owner, self._name, quote(sha, safe=""), per_page=1)
        )
        return read(answer, models.read_commit)

    async def file(self, path: str, *, ref: str | None = None) -> str | None:
        """A file's text on the default branch, or at `ref`; None when it is not there.

        Raises UnreadableFile for what is no file, has more than 1 MB, or is no UTF-8 text; ValueError for a path that
        leads out of the repository. https://docs.github.com/en/rest/repos/contents#get-repository-content
        """
        if {"", ".", ".."} & set(path.split("/")):
            raise ValueError(f"not a path in a repository: {path!r}")
        rest = self._rest(Purpose.FETCH)
        at: dict[str, Any] = {} if ref is None else {"ref": ref}
        try:
            answer = await self._repeating(
                lambda: rest.repos.async_get_content(
                    self._owner, self._name, quote(path), headers={"Accept": _OBJECT}, **at
                )
            )
        except errors.NotFound:
            return None
        return read(answer, models.read_file_text)

    async def _comment_page(self, number: int, page: int, since: float | None) -> httpx.Response:
        rest = self._rest(Purpose.READ)
        filters: dict[str, Any] = {} if since is None else {"since": datetime.fromtimestamp(int(since), UTC)}
        answer = await self._repeating(
            lambda: rest.issues.async_list_comments(
                self._owner, self._name, number, per_page=PAGE, page=page, **filters
            )
        )
        return answer.raw_response

    async def _pages_after(self, page: httpx.Response, number: int, since: float | None) -> list[models.Comment]:
        found: list[models.Comment] = []
        while (following := linked_page(page, "next")) is not None:
            page = await self._comment_page(number, following, since)
            found += _read_comments(page)
        return found

    async def _pages_before(self, last: int, number: int, since: float | None, newest: int) -> list[models.Comment]:
        """From the last page back to the second, as far as `newest` comments reach."""
        found: list[models.Comment] = []
        for page in range(last, 1, -1):
            if len(found) >= newest:
                break
            found = _read_comments(await self._comment_page(number, page, since)) + found
        return found


def _read_comments(page: httpx.Response) -> list[models.Comment]:
    return [models.read_comment(raw) for raw in models.read_list(read_json(page), "comments")]
