"""The state of the simulated GitHub, who is who in it, and telling Apps and listeners what happens."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ove_gh.demo.github.attachment_records import Attachment, AttachmentLink
from ove_gh.demo.github.bare import Commit, Signature
from ove_gh.demo.github.check_records import CheckRun, CheckSuite, CommitStatus, LogLink, Push
from ove_gh.demo.github.clock import Clock
from ove_gh.demo.github.deliveries import Deliveries
from ove_gh.demo.github.happenings import Happening, Happenings, Kind
from ove_gh.demo.github.records import Actor, App, Comment, Installation, Issue, Pull, Repository, Token, User
from ove_gh.demo.github.refusals import not_found
from ove_gh.demo.github.review_records import Review, ReviewComment
from ove_gh.demo.github.shapes import Json, Shapes

PushListener = Callable[[str, str], object]
"""Is called with a branch and the commit that was pushed to it."""

_NOREPLY = re.compile(r"(\d+)\+.+@users\.noreply\.")


class Ids:
    """Counters for everything that GitHub numbers; they start where mixing two of them up is noticed."""

    def __init__(self) -> None:
        self.user: Iterator[int] = itertools.count(58_320_101)
        self.repository: Iterator[int] = itertools.count(612_960_201)
        self.issue: Iterator[int] = itertools.count(2_900_000_301)
        self.pull: Iterator[int] = itertools.count(2_100_000_401)
        self.comment: Iterator[int] = itertools.count(3_100_000_501)
        self.reaction: Iterator[int] = itertools.count(270_000_601)
        self.label: Iterator[int] = itertools.count(7_400_000_701)
        self.app: Iterator[int] = itertools.count(910_801)
        self.installation: Iterator[int] = itertools.count(51_000_901)
        self.hook: Iterator[int] = itertools.count(480_001_001)
        self.delivery: Iterator[int] = itertools.count(120_000_001_101)
        self.check_suite: Iterator[int] = itertools.count(44_500_001_301)
        self.check_run: Iterator[int] = itertools.count(49_300_001_401)
        self.workflow_run: Iterator[int] = itertools.count(17_400_001_501)
        self.status: Iterator[int] = itertools.count(38_600_001_601)
        self.attachment: Iterator[int] = itertools.count(428_001_901)
        self.review: Iterator[int] = itertools.count(2_700_001_701)
        self.review_comment: Iterator[int] = itertools.count(2_300_001_801)


class World:
    """Everything that is, and the two ways in which it makes itself known: webhooks and happenings."""

    def __init__(self, folder: Path, server_url: str, api_url: str) -> None:
        self.folder = folder
        self.clock = Clock()
        self.ids = Ids()
        self.shapes = Shapes(server_url, api_url)
        self.happenings = Happenings()
        self.deliveries = Deliveries(self.clock, self.happenings, self.ids.delivery)
        self.users: dict[str, User] = {}
        self.apps: list[App] = []
        self.installations: dict[int, Installation] = {}
        self.repositories: dict[str, Repository] = {}
        self.comments: dict[int, Comment] = {}
        self.reviews: dict[int, Review] = {}
        self.review_comments: dict[int, ReviewComment] = {}
        self.tokens: dict[str, Token] = {}
        self.check_suites: list[CheckSuite] = []
        self.check_runs: dict[int, CheckRun] = {}
        self.statuses: list[CommitStatus] = []
        self.log_links: dict[str, LogLink] = {}
        self.attachments: dict[str, Attachment] = {}  # by their UUID
        self.attachment_links: dict[str, AttachmentLink] = {}
        self.attachment_key = secrets.token_hex(32)
        self.tokens_open_attachments = True
        self.check_apps: dict[str, App] = {}  # they report checks, and never call the API
        self.pushes: dict[tuple[int, str], Push] = {}  # by repository and commit
        self.push_listeners: dict[int, list[PushListener]] = {}  # by repository

    # Who and what there is; each raises Refused with 404

    def user(self, login: str) -> User:
        """The account with that login."""
        try:
            return self.users[login.lower()]
        except KeyError:
            raise not_found() from None

    def repository(self, full_name: str) -> Repository:
        """The repository with that `owner/name`."""
        try:
            return self.repositories[full_name.lower()]
        except KeyError:
            raise not_found() from None

    def issue(self, repository: Repository, number: int) -> Issue:
        """The issue (or pull request's conversation) with that number."""
        try:
            return repository.issues[number]
        except KeyError:
            raise not_found() from None

    def pull(self, repository: Repository, number: int) -> Pull:
        """The pull request with that number."""
        pull = self.issue(repository, number).pull
        if pull is None:
            raise not_found()
        return pull

    def comment(self, comment_id: int) -> Comment:
        """The comment with that id."""
        try:
            return self.comments[comment_id]
        except KeyError:
            raise not_found() from None

    def review(self, pull: Pull, review_id: int) -> Review:
        """The review with that id, of that pull request."""
        review = self.reviews.get(review_id)
        if review is None or review.pull is not pull:
            raise not_found()
        return review

    def reviews_of(self, pull: Pull) -> list[Review]:
        """A pull request's reviews, oldest first."""
        return [review for review in self.reviews.values() if review.pull is pull]

    def review_comment(self, repository: Repository, comment_id: int) -> ReviewComment:
        """The review comment with that id, in that repository."""
        comment = self.review_comments.get(comment_id)
        if comment is None or comment.repository is not repository:
            raise not_found()
        return comment

    def review_comments_of(self, pull: Pull) -> list[ReviewComment]:
        """A pull request's review comments, oldest first."""
        return [comment for comment in self.review_comments.values() if comment.pull is pull]

    def installation_on(self, app: App, repository: Repository) -> Installation | None:
        """The App's installation that covers a repository."""
        for installation in self.installations.values():
            if installation.app is app and repository in installation.repositories:
                return installation
        return None

    def account_of(self, signature: Signature) -> User | None:
        """The account that a commit's e-mail address belongs to, if it is one of GitHub's own addresses."""
        found = _NOREPLY.match(signature.email)
        number = int(found[1]) if found else None
        return next((user for user in self.users.values() if user.id == number), None)

    def author_of(self, commit: Commit) -> User | None:
        """The account that wrote a commit, if its address says so."""
        return self.account_of(commit.author)

    # What happens is told

    def tell(
        self, kind: Kind, actor: Actor, repository: Repository, issue: Issue | None, text: str, subject: object
    ) -> None:
        """Tell listeners of a deed."""
        self.happenings.tell(
            Happening(
                kind,
                self.clock.now(),
                by=actor.user.login,
                by_app=actor.installation is not None,
                repository=repository.full_name,
                number=issue.number if issue else None,
                text=text,
                subject=subject,
            )
        )

    def announce(self, event: str, action: str | None, where: Repository, sender: User, /, **parts: Any) -> None:
        """Send a repository's event to every App that is installed there and subscribes to it."""
        installed = (one for one in self.installations.values() if where in one.repositories)
        self._tell_apps([one for one in installed if one.hears(event)], event, action, where, sender, parts)

    def announce_to_own(
        self, app: App, event: str, action: str, where: Repository, sender: User, parts: Mapping[str, Any]
    ) -> None:
        """Send an event about an App's own checks to that App alone, as long as it may write them."""
        own = self.installation_on(app, where)
        if own and own.allows("checks", "write"):
            self._tell_apps([own], event, action, where, sender, parts)

    def _tell_apps(
        self,
        listening: Iterable[Installation],
        event: str,
        action: str | None,
        where: Repository,
        sender: User,
        parts: Mapping[str, Any],
    ) -> None:
        if not listening:
            return
        payload: Json = {"action": action} if action else {}
        payload |= parts
        payload.setdefault("repository", self.shapes.repository(where))
        if where.owner.kind == "Organization":
            payload["organization"] = self.shapes.organization(where.owner)
        payload["sender"] = self.shapes.user(sender)
        for installation in listening:
            self._send(installation, event, payload, where)

    def _send(self, installation: Installation, event: str, payload: Json, repository: Repository) -> None:
        short = {"id": installation.id, "node_id": self.shapes.installation_node_id(installation)}
        full = payload | {"installation": short}
        self.deliveries.send(
            self.deliveries.make(installation.app, event, full, installation=installation, repository=repository)
        )

    def announce_to(self, app: App, event: str, payload: Json, installation: Installation | None) -> None:
        """Send one App what concerns it alone: ping, installation, installation_repositories."""
        self.deliveries.send(self.deliveries.make(app, event, payload, installation=installation))
