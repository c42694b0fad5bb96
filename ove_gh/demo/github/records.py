"""What the simulated GitHub remembers: people, Apps, repositories, threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ove_gh.demo.github.bare import BareRepository, Signature

Role = Literal["admin", "maintain", "write", "triage", "read", "none"]
ROLES: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")
"""From nothing to everything. https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization"""

Emoji = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]
REACTIONS: tuple[Emoji, ...] = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")

TOKEN_LIFETIME = 3600.0
"""Seconds that an installation token lives."""


@dataclass(slots=True)
class User:
    """An account: a person, a bot or an organisation. `app_slug` is set for an App's bot."""

    id: int
    login: str
    kind: Literal["User", "Bot", "Organization"]
    created_at: datetime
    name: str | None = None
    app_slug: str | None = None

    @property
    def email(self) -> str:
        """The address that GitHub gives an account which keeps its own to itself."""
        return f"{self.id}+{self.login}@users.noreply.github.com"

    def signature(self, at: datetime) -> Signature:
        """How the account signs a commit."""
        return Signature(self.name or self.login, self.email, at)


@dataclass(slots=True)
class App:
    """A GitHub App: who it is, what it may do, and where its webhooks go (nowhere while `webhook_url` is None)."""

    app_id: int
    slug: str
    name: str
    owner: User
    bot: User
    permissions: dict[str, str]
    events: tuple[str, ...]
    webhook_url: str | None
    webhook_secret: str
    private_key_pem: str
    public_key_pem: str
    client_id: str
    hook_id: int
    created_at: datetime

    def __repr__(self) -> str:
        return f"App({self.slug!r}, app_id={self.app_id})"


@dataclass(slots=True)
class Installation:
    """An App on an account, with the repositories it was given."""

    id: int
    app: App
    account: User
    permissions: dict[str, str]
    events: tuple[str, ...]
    created_at: datetime
    repositories: list[Repository] = field(default_factory=list)

    def allows(self, permission: str, level: str) -> bool:
        """Whether the App holds a permission here at that level or above."""
        return _allows(self.permissions, permission, level)

    def hears(self, event: str) -> bool:
        """Whether the App is sent an event: the ones it subscribes to, and those of checks if it may write them.

        https://docs.github.com/en/webhooks/webhook-events-and-payloads#check_run
        """
        return event in self.events or (event in ("check_run", "check_suite") and self.allows("checks", "write"))

    def __repr__(self) -> str:
        return f"Installation({self.app.slug!r} on {self.account.login!r}, id={self.id})"


@dataclass(slots=True)
class Token:
    """An installation access token, narrowed to some repositories and permissions."""

    secret: str = field(repr=False)
    installation: Installation
    permissions: dict[str, str]
    repositories: tuple[Repository, ...] | None
    expires_at: datetime

    def covers(self, repository: Repository) -> bool:
        """Whether it opens this repository. None in `repositories` means all of the installation's."""
        given = self.installation.repositories if self.repositories is None else self.repositories
        return any(repository is one for one in given) and repository in self.installation.repositories

    def allows(self, permission: str, level: str) -> bool:
        """Whether it holds a permission at that level or above."""
        return _allows(self.permissions, permission, level)


def _allows(permissions: Mapping[str, str], permission: str, level: str) -> bool:
    levels = ("read", "write", "admin")
    held = permissions.get(permission)
    return held is not None and levels.index(held) >= levels.index(level)


@dataclass(slots=True, eq=False)
class Repository:
    """A repository; `roles` and `associations` go by user id, `parent` is what it is a fork of.

    `protected` holds the branches that change by pull requests only, each with the logins that may push all the same.
    """

    id: int
    owner: User
    name: str
    private: bool
    default_branch: str
    git: BareRepository
    created_at: datetime
    pushed_at: datetime
    roles: dict[int, Role] = field(default_factory=dict)
    associations: dict[int, str] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    announced_refs: dict[str, str] = field(default_factory=dict)
    parent: Repository | None = None
    protected: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"

    def role_of(self, user: User) -> Role:
        """What a user may do here; everybody may read a public repository."""
        if user is self.owner:
            return "admin"
        granted = self.roles.get(user.id, "none")
        return "read" if granted == "none" and not self.private else granted

    def allows(self, user: User, role: Role) -> bool:
        """Whether a user holds at least a role."""
        return ROLES.index(self.role_of(user)) >= ROLES.index(role)

    def is_collaborator(self, user: User) -> bool:
        """Whether somebody was given a role, rather than just passing by."""
        return user is self.owner or self.roles.get(user.id, "none") != "none"

    def association_of(self, user: User) -> str:
        """GitHub's author_association, which says less than one hopes: it may be set apart from the role."""
        if user.id in self.associations:
            return self.associations[user.id]
        if user is self.owner:
            return "OWNER"
        return "COLLABORATOR" if self.is_collaborator(user) else "NONE"

    def __repr__(self) -> str:
        return f"Repository({self.full_name!r})"


@dataclass(slots=True)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class Reaction:
    """One person's (or App's) emoji on an issue or a comment."""

    id: int
    user: User
    content: str
    created_at: datetime


@dataclass(slots=True, eq=False)
class Comment:
    """A comment. `history` holds every body it ever had, oldest first; the last is the present one."""

    id: int
    issue: Issue
    author: User
    history: list[str]
    created_at: datetime
    updated_at: datetime
    via: App | None = None
    reactions: list[Reaction] = field(default_factory=list)

    @property
    def body(self) -> str:
        """The text as it stands now."""
        return self.history[-1]

    @property
    def login(self) -> str:
        """The author's login."""
        return self.author.login

    @property
    def repository(self) -> Repository:
        """The repository of the thread."""
        return self.issue.repository

    def __repr__(self) -> str:
        return f"Comment({self.id} by {self.login} on #{self.issue.number}: {self.body[:60]!r})"


@dataclass(slots=True, eq=False)
class Issue:
    """An issue, or the conversation half of a pull request (then `pull` is set)."""

    id: int
    number: int
    repository: Repository
    author: User
    title: str
    body: str | None
    created_at: datetime
    updated_at: datetime
    via: App | None = None
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: User | None = None
    labels: list[Label] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    pull: Pull | None = None
    locked: bool = False

    @property
    def login(self) -> str:
        """The author's login."""
        return self.author.login

    def __repr__(self) -> str:
        return f"Issue(#{self.number} {self.state}: {self.title[:60]!r})"


@dataclass(slots=True, eq=False)
class Pull:
    """The code half of a pull request: branches `head` (of `fork`, if it comes from one) and `base`."""

    id: int
    issue: Issue
    head: str
    base: str
    head_sha: str
    base_sha: str
    draft: bool = False
    maintainer_can_modify: bool = False
    requested_reviewers: list[User] = field(default_factory=list)
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: str | None = None
    fork: Repository | None = None

    @property
    def number(self) -> int:
        """The number, which it shares with its conversation."""
        return self.issue.number

    @property
    def repository(self) -> Repository:
        """The repository that it wants to change."""
        return self.issue.repository

    @property
    def head_repository(self) -> Repository:
        """The repository of the branch `head`."""
        return self.fork or self.repository

    @property
    def title(self) -> str:
        """The conversation's title."""
        return self.issue.title

    @property
    def body(self) -> str | None:
        """The conversation's first text."""
        return self.issue.body

    @property
    def state(self) -> str:
        """open or closed."""
        return self.issue.state

    @property
    def login(self) -> str:
        """The author's login."""
        return self.issue.author.login

    @property
    def merged(self) -> bool:
        """Whether it was merged."""
        return self.merged_at is not None

    def __repr__(self) -> str:
        return f"Pull(#{self.number} {self.state} {self.head} → {self.base}: {self.title[:60]!r})"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does a deed: a person, or an App's bot with the installation that it acts through."""

    user: User
    installation: Installation | None = None

    @property
    def via(self) -> App | None:
        """The App that acts, if one does."""
        return self.installation.app if self.installation else None

    def may(self, repository: Repository, role: Role) -> bool:
        """A person needs the role; an App was judged by its token's permissions before it got here."""
        return self.installation is not None or repository.allows(self.user, role)
