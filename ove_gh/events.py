"""What happened on GitHub, as values: a webhook's event name and payload become one small dataclass, or None.

Only what the service acts on is read, and nothing else of a payload is needed: GitHub adds fields and actions at any
time. The payloads are described at https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ove_gh.tasks import Home, Person, Place, Target

SUBSCRIBED_EVENTS = frozenset(
    {
        "issues",
        "issue_comment",
        "check_run",
        "check_suite",
        "workflow_run",
        "status",
        "push",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
    }
)
"""The events that the App's registration must subscribe to (app-manifest.yml says the same)."""

MOST_COMMITS = 2048
MOST_FILES = 3000
"""How many commits a push lists, and how many files each of them, at most: a longer list may be cut.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#push"""

LONGEST_LANE = 80
"""Characters of a lane's name."""

_HEADS = "refs/heads/"

RERUN = "rerun"
"""Stands for GitHub's own “Re-run”, which resets the check run to queued until its App reports again."""

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
    is_pull: bool = False


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


@dataclass(frozen=True, slots=True)
class ReviewSubmitted:
    """Somebody has reviewed a pull request: `body` is the review's own words, its comments come as events of theirs.

    `state` is approved, changes_requested or commented; `pull_author_id` is whose pull request it is, 0 for nobody's.
    """

    place: Place
    author: Person
    by_bot: bool
    title: str
    body: str
    state: str
    review_id: int
    url: str
    pull_author_id: int


@dataclass(frozen=True, slots=True)
class ReviewCommentCreated:
    """Somebody wrote a comment on lines of a pull request's diff, as a part of the review `review_id`.

    An answer in a review thread is a review of its own.
    """

    place: Place
    author: Person
    by_bot: bool
    title: str
    body: str
    review_id: int
    comment_id: int
    url: str
    pull_author_id: int


@dataclass(frozen=True, slots=True)
class Labeled:
    """`by` put a label on an issue or a pull request."""

    place: Place
    label: str
    by: Person
    by_bot: bool
    title: str
    url: str
    is_pull: bool


@dataclass(frozen=True, slots=True)
class ChecksChanged:
    """The checks of the commit `sha` may read otherwise now: a hint to read them, whoever reported which of them."""

    home: Home
    sha: str


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """Somebody pressed a button of a check run, or GitHub's own “Re-run” beside it.

    `action` is the button's identifier, or RERUN; `app_id` is whose check run it is, `external_id` what that App noted
    in it, and `url` leads a person there. https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks
    """

    home: Home
    external_id: str
    app_id: int
    action: str
    by: Person
    by_bot: bool
    url: str


@dataclass(frozen=True, slots=True)
class BranchPushed:
    """A branch came into being (`before` is empty), moved from one commit to another, or went away (`after` is empty).

    `by` has the id 0 when GitHub does not say who pushed. `files` are the paths that the pushed commits add, change or
    remove; None when the payload may not name all of them, so that anything may have changed.
    """

    home: Home
    branch: str
    before: str
    after: str
    by: Person
    by_bot: bool
    is_default: bool
    files: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class PullChanged:
    """A pull request was closed or reopened, or has another head commit or another base branch than before."""

    home: Home
    number: int
    head_sha: str
    closed: bool
    merged: bool


Event = (
    IssueOpened
    | CommentCreated
    | CommentEdited
    | ReviewSubmitted
    | ReviewCommentCreated
    | Labeled
    | ChecksChanged
    | ButtonPressed
    | BranchPushed
    | PullChanged
)


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
        case "pull_request_review", "submitted":
            return _review_submitted(payload)
        case "pull_request_review_comment", "created":
            return _review_comment_created(payload)
        case "issues", "labeled":
            return _labeled(payload, "issue")
        case "pull_request", "labeled":
            return _labeled(payload, "pull_request")
        case "check_run" | "check_suite" | "workflow_run", "completed":
            return _checks_changed(payload, name)
        case "check_run", "created" if _is_completed(payload):
            return _checks_changed(payload, name)
        case "status", _:
            return _status_changed(payload)
        case "check_run", "requested_action" | "rerequested":
            return _button_pressed(payload)
        case "push", _:
            return _branch_pushed(payload)
        case "pull_request", "closed" | "reopened" | "synchronize":
            return _pull_changed(payload)
        case "pull_request", "edited" if _changes_base(payload):
            return _pull_changed(payload)
    return None


def lane_of(payload: Payload) -> str | None:
    """What a payload must keep its turn in: the thread, as Place.lane names it, or the branch that was pushed.

    Deliveries of one lane are handled in the order in which they came, so what the last of them finds is what holds in
    the end. None for the rest: each is a hint by itself, in any order.
    """
    match payload:
        case {"repository": {"id": int(repository_id)}, "issue": {"number": int(number)}}:
            return f"{repository_id}/{number}"
        case {"repository": {"id": int(repository_id)}, "pull_request": {"number": int(number)}}:
            return f"{repository_id}/{number}"
        case {"repository": {"id": int(repository_id)}, "ref": str(ref)} if ref.startswith(_HEADS):
            # two branches whose long names begin alike may share a lane: they merely wait for each other
            return f"{repository_id}/{ref}"[:LONGEST_LANE]
    return None


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
        is_pull=_mapping(payload, "issue").get("pull_request") is not None,
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
        editor=_account(sender),
        by_bot=_is_bot(sender),
        before=_string(changes["body"], "from"),
        after=_string(comment, "body"),
        source=_comment_target(comment),
    )


def _review_submitted(payload: Payload) -> ReviewSubmitted | None:
    place = _place(payload, "pull_request")
    if place is None:
        return None
    review, pull = _mapping(payload, "review"), _mapping(payload, "pull_request")
    return ReviewSubmitted(
        place=place,
        author=_person(review, "review.user"),
        by_bot=_is_bot(_mapping(payload, "sender")) or _is_bot(_mapping(review, "user")),
        title=_string(pull, "title"),
        body=_string(review, "body"),
        state=_name(review, "state"),
        review_id=_number(review, "id"),
        url=_string(review, "html_url"),
        pull_author_id=_person(pull, "pull_request.user").id,
    )


def _review_comment_created(payload: Payload) -> ReviewCommentCreated | None:
    place = _place(payload, "pull_request")
    if place is None:
        return None
    comment, pull = _mapping(payload, "comment"), _mapping(payload, "pull_request")
    return ReviewCommentCreated(
        place=place,
        author=_person(comment, "comment.user"),
        by_bot=_is_bot(_mapping(payload, "sender")) or _is_bot(_mapping(comment, "user")),
        title=_string(pull, "title"),
        body=_string(comment, "body"),
        review_id=_number(comment, "pull_request_review_id"),
        comment_id=_number(comment, "id"),
        url=_string(comment, "html_url"),
        pull_author_id=_person(pull, "pull_request.user").id,
    )


def _labeled(payload: Payload, key: str) -> Labeled | None:
    place = _place(payload, key)
    if place is None or payload.get("label") is None:  # GitHub's schema does not promise the label
        return None
    labeled, sender = _mapping(payload, key), _mapping(payload, "sender")
    return Labeled(
        place=place,
        label=_name(_mapping(payload, "label"), "name"),
        by=_account(sender),
        by_bot=_is_bot(sender),
        title=_string(labeled, "title"),
        url=_string(labeled, "html_url"),
        is_pull=key == "pull_request",
    )


def _is_completed(payload: Payload) -> bool:
    """Whether a check run was made with its conclusion: nothing more will be heard of it.

    https://docs.github.com/en/rest/checks/runs#create-a-check-run
    """
    match payload:
        case {"check_run": {"status": "completed"}}:
            return True
    return False


def _checks_changed(payload: Payload, key: str) -> ChecksChanged | None:
    home = _home(payload)
    return ChecksChanged(home, _name(_mapping(payload, key), "head_sha")) if home is not None else None


def _status_changed(payload: Payload) -> ChecksChanged | None:
    home = _home(payload)
    return ChecksChanged(home, _name(payload, "sha")) if home is not None else None


def _button_pressed(payload: Payload) -> ButtonPressed | None:
    home = _home(payload)
    if home is None:
        return None
    check_run = _mapping(payload, "check_run")
    sender = _mapping(payload, "sender")
    return ButtonPressed(
        home=home,
        external_id=_string(check_run, "external_id"),
        app_id=_number(_mapping(check_run, "app"), "id"),
        action=RERUN
        if payload["action"] == "rerequested"
        else _name(_mapping(payload, "requested_action"), "identifier"),
        by=_account(sender),
        by_bot=_is_bot(sender),
        url=_string(check_run, "html_url"),
    )


def _branch_pushed(payload: Payload) -> BranchPushed | None:
    home = _home(payload)
    if home is None:
        return None
    ref = _name(payload, "ref")
    if not ref.startswith(_HEADS):
        return None
    branch = ref.removeprefix(_HEADS)
    # GitHub's schema does not promise a push's sender, only its pusher
    sender = _mapping(payload, "sender") if payload.get("sender") is not None else None
    return BranchPushed(
        home=home,
        branch=branch,
        before=_tip(payload, "before"),
        after=_tip(payload, "after"),
        by=_account(sender) if sender is not None else Person(0, _name(_mapping(payload, "pusher"), "name")),
        by_bot=sender is not None and _is_bot(sender),
        is_default=branch == _name(_mapping(payload, "repository"), "default_branch"),
        files=_pushed_files(payload),
    )


def _tip(payload: Payload, key: str) -> str:
    """A commit that a branch pointed to; zeros stand for none."""
    sha = _name(payload, key)
    return "" if set(sha) == {"0"} else sha


def _pushed_files(payload: Payload) -> frozenset[str] | None:
    """The paths that a push touches, or None when the payload may not name all of them.

    A forced push also takes away commits that are not listed; the commits of a new branch are compared with another
    branch; an empty list says nothing, and one as long as GitHub's longest may have been cut.
    """
    commits = payload.get("commits")
    if not isinstance(commits, list):
        raise MalformedPayload("commits")
    if payload.get("forced") is not False or payload.get("created") is not False:
        return None
    if not 0 < len(commits) < MOST_COMMITS:
        return None
    lists = [_committed_files(commit) for commit in commits]
    whole = [files for files in lists if files is not None]
    return frozenset[str]().union(*whole) if len(whole) == len(lists) else None


def _committed_files(commit: object) -> list[str] | None:
    """The paths that one commit of a push touches; None when some may be missing."""
    if not isinstance(commit, Mapping):
        raise MalformedPayload("commits")
    files: list[str] = []
    for key in ("added", "modified", "removed"):
        paths = commit.get(key)
        if paths is None:
            return None
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise MalformedPayload(f"commits.{key}")
        files += paths
    return files if len(files) < MOST_FILES else None


def _changes_base(payload: Payload) -> bool:
    match payload:
        case {"changes": {"base": Mapping()}}:
            return True
    return False


def _pull_changed(payload: Payload) -> PullChanged | None:
    home = _home(payload)
    if home is None:
        return None
    pull = _mapping(payload, "pull_request")
    return PullChanged(
        home=home,
        number=_number(pull, "number"),
        head_sha=_name(_mapping(pull, "head"), "sha"),
        closed=_name(pull, "state") == "closed",
        merged=_flag(pull, "merged"),
    )


def _home(payload: Payload) -> Home | None:
    """Where it happened; None for a delivery of a plain repository webhook, which no installation stands behind."""
    installation = payload.get("installation")
    if not isinstance(installation, Mapping):
        return None
    repository = _mapping(payload, "repository")
    return Home(
        installation_id=_number(installation, "id"),
        repository_id=_number(repository, "id"),
        full_name=_string(repository, "full_name"),
    )


def _place(payload: Payload, key: str = "issue") -> Place | None:
    """The thread in which it happened; None where `_home` is None."""
    home = _home(payload)
    if home is None:
        return None
    number = _number(_mapping(payload, key), "number")
    return home.at(number)


def _comment_target(comment: Payload) -> Target:
    return Target("comment", _number(comment, "id"), _string(comment, "html_url"))


def _person(written: Payload, path: str) -> Person:
    """Who wrote it. A deleted account's texts belong to GitHub's ghost user, which webhooks send as null."""
    user = written.get("user")
    if user is None:
        return Person(0, "ghost")
    if not isinstance(user, Mapping):
        raise MalformedPayload(path)
    return _account(user)


def _account(user: Payload) -> Person:
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


def _name(payload: Payload, key: str) -> str:
    """A text field that is never empty."""
    value = _string(payload, key)
    if not value:
        raise MalformedPayload(key)
    return value


def _flag(payload: Payload, key: str) -> bool:
    """A field that is true or false; GitHub sends null for what it has not found out yet."""
    value = payload.get(key)
    if value is not None and not isinstance(value, bool):
        raise MalformedPayload(key)
    return value is True


def _number(payload: Payload, key: str) -> int:
    value = payload.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedPayload(key)
    return value
