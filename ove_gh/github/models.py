"""The few fields of GitHub's answers that we use, as frozen dataclasses, and their tolerant reading.

githubkit's own models are not used for answers: they demand every documented field, and so refuse what Enterprise
Servers, and GitHub's own published examples, really send (all 41 pull requests and all 280 repositories of
@octokit/webhooks-examples). All times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TypeVar

from ove_gh.github.errors import UnexpectedAnswer

T = TypeVar("T")


class Permission(IntEnum):
    """What somebody may do in a repository, from least to most."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def can_write(self) -> bool:
        """Whether this is enough to push, and so to command the agent."""
        return self >= Permission.WRITE


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote something. A deleted account is `ghost` with the id 0 when GitHub names nobody."""

    login: str
    id: int
    is_bot: bool


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """Who the App is: `bot_login` and `bot_id` are the account that its comments and commits carry."""

    id: int
    slug: str
    name: str
    html_url: str
    bot_login: str
    bot_id: int
    permissions: Mapping[str, str]
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RepositoryDetails:
    """A repository as it is now; `full_name` is its present owner and name."""

    id: int
    full_name: str
    default_branch: str
    private: bool
    archived: bool
    clone_url: str
    html_url: str


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue or, when `is_pull` is set, the pull request of that number."""

    number: int
    title: str
    body: str
    author: Author
    is_pull: bool
    state: str
    locked: bool
    html_url: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment under an issue or a pull request."""

    id: int
    author: Author
    body: str
    created_at: float
    updated_at: float
    html_url: str
    author_association: str


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request. `head_repository_id` is None when the repository it came from was deleted."""

    number: int
    title: str
    body: str
    state: str
    merged: bool
    draft: bool
    head: str
    head_sha: str
    head_repository_id: int | None
    base: str
    html_url: str


def read_permission(raw: object, user_id: int) -> Permission:
    """The right of the user with this id; NONE when the answer speaks of another user.

    `permission` is the base right, with maintain told as write and triage as read; `role_name` tells those two apart,
    and is a name of the organisation's own for custom roles.
    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    fields = Fields(raw, "permission")
    user = fields.inner_or_none("user")
    if user is None or user.number("id") != user_id:
        return Permission.NONE
    base = fields.text("permission").upper()
    if base not in Permission.__members__:
        raise UnexpectedAnswer("permission", f"unknown value {base.lower()!r}")
    match base, fields.text_or_empty("role_name"):
        case "WRITE", "maintain":
            return Permission.MAINTAIN
        case "READ", "triage":
            return Permission.TRIAGE
    return Permission[base]


def read_identity(app: object, bot: object) -> AppIdentity:
    """Read the answers of `GET /app` and `GET /users/{slug}[bot]`."""
    fields, user = Fields(app, "app"), Fields(bot, "bot user")
    return AppIdentity(
        id=fields.number("id"),
        slug=fields.text("slug"),
        name=fields.text("name"),
        html_url=fields.text("html_url"),
        bot_login=user.text("login"),
        bot_id=user.number("id"),
        permissions={name: str(level) for name, level in fields.mapping("permissions").items()},
        events=tuple(str(event) for event in fields.sequence("events")),
    )


def read_details(raw: object) -> RepositoryDetails:
    """Read the answer of `GET /repos/{owner}/{repo}`."""
    fields = Fields(raw, "repository")
    return RepositoryDetails(
        id=fields.number("id"),
        full_name=fields.text("full_name"),
        default_branch=fields.text("default_branch"),
        private=fields.flag("private"),
        archived=fields.flag_or_false("archived"),
        clone_url=fields.text("clone_url"),
        html_url=fields.text("html_url"),
    )


def read_issue(raw: object) -> Issue:
    """Read one issue, as `GET /repos/{owner}/{repo}/issues/{number}` answers."""
    fields = Fields(raw, "issue")
    return Issue(
        number=fields.number("number"),
        title=fields.text("title"),
        body=fields.text_or_empty("body"),
        author=_author(fields),
        is_pull=fields.inner_or_none("pull_request") is not None,
        state=fields.text("state"),
        locked=fields.flag_or_false("locked"),
        html_url=fields.text("html_url"),
    )


def read_comment(raw: object) -> Comment:
    """Read one issue comment."""
    fields = Fields(raw, "comment")
    return Comment(
        id=fields.number("id"),
        author=_author(fields),
        body=fields.text_or_empty("body"),
        created_at=fields.time("created_at"),
        updated_at=fields.time("updated_at"),
        html_url=fields.text("html_url"),
        author_association=fields.text_or_empty("author_association"),
    )


def read_pull(raw: object) -> Pull:
    """Read one pull request, from a list or by itself."""
    fields = Fields(raw, "pull request")
    head, base = fields.inner("head"), fields.inner("base")
    repository = head.inner_or_none("repo")
    return Pull(
        number=fields.number("number"),
        title=fields.text("title"),
        body=fields.text_or_empty("body"),
        state=fields.text("state"),
        merged=bool(fields.text_or_empty("merged_at")),
        draft=fields.flag_or_false("draft"),
        head=head.text("ref"),
        head_sha=head.text("sha"),
        head_repository_id=repository.number("id") if repository else None,
        base=base.text("ref"),
        html_url=fields.text("html_url"),
    )


def read_list(raw: object, subject: str) -> list[object]:
    """The items of an answer that must be a list."""
    if not isinstance(raw, list):
        raise UnexpectedAnswer(subject, "not a list")
    return raw


def _author(fields: Fields) -> Author:
    user = fields.inner_or_none("user")
    if user is None:
        return Author("ghost", 0, is_bot=False)
    return Author(user.text("login"), user.number("id"), is_bot=user.text_or_empty("type") == "Bot")


class Fields:
    """A JSON object of an answer; asking for what is not there, or is of another type, raises UnexpectedAnswer.

    The error names the field but never its value: answers may hold tokens.
    """

    def __init__(self, raw: object, subject: str) -> None:
        if not isinstance(raw, dict):
            raise UnexpectedAnswer(subject, "not a JSON object")
        self._raw, self._subject = raw, subject

    def text(self, name: str) -> str:
        """A string."""
        return self._typed(name, str)

    def text_or_empty(self, name: str) -> str:
        """A string; empty when it is missing or null."""
        return "" if self._raw.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        """A whole number."""
        return self._typed(name, int)

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._typed(name, bool)

    def flag_or_false(self, name: str) -> bool:
        """True or false; false when it is missing or null."""
        return False if self._raw.get(name) is None else self.flag(name)

    def time(self, name: str) -> float:
        """An ISO 8601 time as seconds since the epoch."""
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise UnexpectedAnswer(self._subject, f"{name!r} is no time") from None
        if moment.tzinfo is None:
            raise UnexpectedAnswer(self._subject, f"{name!r} has no time zone")
        return moment.timestamp()

    def inner(self, name: str) -> Fields:
        """An object within this one."""
        return Fields(self._raw.get(name), f"{self._subject}.{name}")

    def inner_or_none(self, name: str) -> Fields | None:
        """An object within this one; None when it is missing or null."""
        return None if self._raw.get(name) is None else self.inner(name)

    def mapping(self, name: str) -> Mapping[str, object]:
        """An object whose names are not known beforehand."""
        return self._typed(name, dict)

    def sequence(self, name: str) -> list[object]:
        """A list of anything."""
        return self._typed(name, list)

    def _typed(self, name: str, kind: type[T]) -> T:
        value = self._raw.get(name)
        # bool is an int for Python, not for JSON
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UnexpectedAnswer(self._subject, f"{name!r} is missing or not of type {kind.__name__}")
        return value
