"""What happened on GitHub, as values: a webhook's event name and payload become one small dataclass, or None.

Only what the service acts on is read, and nothing else of a payload is needed: GitHub adds fields and actions at any
time. The payloads are described at https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ove_gh.tasks import Person, Place, Target

SUBSCRIBED_EVENTS = frozenset({"issues", "issue_comment"})
"""The events that the App's registration must subscribe to (app-manifest.yml says the same)."""

Payload: TypeAlias = Mapping[str, Any]


class MalformedPayload(ValueError):
    """A payload of an event that we act on lacks what GitHub documents for it; `path` is the missing part."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the payload has no usable {path!r}")
        self.path = path


@dataclass(frozen=True, slots=True)
class IssueOpened:
    """Somebody opened an issue."""

    place: Place
    author: Person
    by_bot: bool
    title: str
    body: str
    source: Target


@dataclass(frozen=True, slots=True)
class CommentCreated:
    """Somebody wrote a comment under an issue or a pull request."""

    place: Place
    author: Person
    by_bot: bool
    title: str
    body: str
    source: Target


@dataclass(frozen=True, slots=True)
class CommentEdited:
    """Somebody changed a comment: `editor` is who did it, `author` who wrote it. Ticking a box is such an edit."""

    place: Place
    author: Person
    editor: Person
    by_bot: bool
    before: str
    after: str
    source: Target


Event = IssueOpened | CommentCreated | CommentEdited


def read_event(name: str, payload: Payload) -> Event | None:
    """Read one delivery.

    `name` is the X-GitHub-Event header, `payload` the parsed body. Returns None for events and actions that mean
    nothing to the service. Raises MalformedPayload when a documented field is missing.
    """
    match name, payload.get("action"):
        case "issues", "opened":
            return _issue_opened(payload)
        case "issue_comment", "created":
            return _comment_created(payload)
        case "issue_comment", "edited":
            return _comment_edited(payload)
    return None


def lane_of(payload: Payload) -> str | None:
    """The thread that a payload speaks of, as Place.lane names it; None when it speaks of none.

    Deliveries of one lane are handled in the order in which they came.
    """
    repository = payload.get("repository")
    issue = payload.get("issue")
    if not isinstance(repository, Mapping) or not isinstance(issue, Mapping):
        return None
    repository_id, number = repository.get("id"), issue.get("number")
    return f"{repository_id}/{number}" if isinstance(repository_id, int) and isinstance(number, int) else None


def _issue_opened(payload: Payload) -> IssueOpened | None:
    place = _place(payload)
    if place is None:
        return None
    issue = _mapping(payload, "issue")
    return IssueOpened(
        place=place,
        author=_person(issue, "issue.user"),
        by_bot=_is_bot(_mapping(payload, "sender")) or _is_bot(_mapping(issue, "user")),
        title=_string(issue, "title"),
        body=_string(issue, "body"),
        source=Target("issue", place.number, _string(issue, "html_url")),
    )


def _comment_created(payload: Payload) -> CommentCreated | None:
    place = _place(payload)
    if place is None:
        return None
    comment = _mapping(payload, "comment")
    return CommentCreated(
        place=place,
        author=_person(comment, "comment.user"),
        by_bot=_is_bot(_mapping(payload, "sender")) or _is_bot(_mapping(comment, "user")),
        title=_string(_mapping(payload, "issue"), "title"),
        body=_string(comment, "body"),
        source=_comment_target(comment),
    )


def _comment_edited(payload: Payload) -> CommentEdited | None:
    place = _place(payload)
    changes = payload.get("changes")
    if place is None or not isinstance(changes, Mapping) or not isinstance(changes.get("body"), Mapping):
        return None
    comment = _mapping(payload, "comment")
    sender = _mapping(payload, "sender")
    return CommentEdited(
        place=place,
        author=_person(comment, "comment.user"),
        editor=Person(_number(sender, "id"), _string(sender, "login")),
        by_bot=_is_bot(sender),
        before=_string(changes["body"], "from"),
        after=_string(comment, "body"),
        source=_comment_target(comment),
    )


def _place(payload: Payload) -> Place | None:
    """Where it happened; None for a delivery of a plain repository webhook, which no installation stands behind."""
    installation = payload.get("installation")
    if not isinstance(installation, Mapping):
        return None
    repository = _mapping(payload, "repository")
    return Place(
        installation_id=_number(installation, "id"),
        repository_id=_number(repository, "id"),
        full_name=_string(repository, "full_name"),
        number=_number(_mapping(payload, "issue"), "number"),
    )


def _comment_target(comment: Payload) -> Target:
    return Target("comment", _number(comment, "id"), _string(comment, "html_url"))


def _person(written: Payload, path: str) -> Person:
    """Who wrote it. A deleted account's texts belong to GitHub's ghost user, which webhooks send as null."""
    user = written.get("user")
    if user is None:
        return Person(0, "ghost")
    if not isinstance(user, Mapping):
        raise MalformedPayload(path)
    return Person(_number(user, "id"), _string(user, "login"))


def _is_bot(user: Payload) -> bool:
    return user.get("type") == "Bot"


def _mapping(payload: Payload, key: str) -> Payload:
    value = payload.get(key)
    if value is None and key == "user":
        return {}
    if not isinstance(value, Mapping):
        raise MalformedPayload(key)
    return value


def _string(payload: Payload, key: str) -> str:
    """A text field; GitHub sends null for an empty body."""
    value = payload.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedPayload(key)
    return value


def _number(payload: Payload, key: str) -> int:
    value = payload.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedPayload(key)
    return value
