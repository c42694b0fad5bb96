"""The few fields of GitHub's answers that we use, as frozen dataclasses, and their tolerant reading.

githubkit's own models are not used for answers: they demand every documented field, and so refuse what Enterprise
Servers, and GitHub's own published examples, really send (all 41 pull requests and all 280 repositories of
@octokit/webhooks-examples). All times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Literal, TypeAlias, TypeVar

from ove_gh.github.errors import UnexpectedAnswer, UnreadableFile

T = TypeVar("T")

Reaction: TypeAlias = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]


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
class Reacted:
    """One reaction, and who gave it: an id of 0 when the account was deleted."""

    login: str
    user_id: int
    is_bot: bool
    content: str


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request. `head_repository_id` is None when the repository it came from was deleted.

    `merged_by_login` is known only when the pull request was read by itself, and empty when it is not merged.
    """

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
    merged_by_login: str = ""


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit. A login is empty when GitHub knows no account by the commit's e-mail address."""

    sha: str
    author_login: str
    committer_login: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run. `conclusion` is empty until `status` is "completed"; what the check left out is empty or None.

    https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks#about-check-runs
    """

    id: int
    name: str
    status: str
    conclusion: str
    head_sha: str
    app_id: int | None
    app_slug: str
    external_id: str
    html_url: str
    details_url: str
    title: str
    summary: str
    annotations_count: int
    suite_id: int | None
    started_at: float | None
    completed_at: float | None


@dataclass(frozen=True, slots=True)
class CheckSuite:
    """All check runs of one App on one commit, summed up; there may be none of them."""

    id: int
    app_id: int | None
    app_slug: str
    status: str
    conclusion: str
    latest_check_runs_count: int


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """The newest status of one context; `state` is error, failure, pending or success."""

    context: str
    state: str
    description: str
    target_url: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a check run says about a line; `level` is notice, warning or failure."""

    path: str
    start_line: int
    level: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class JobStep:
    """A step of a job, in the order of `number`."""

    number: int
    name: str
    status: str
    conclusion: str
    started_at: float | None
    completed_at: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job of GitHub Actions."""

    id: int
    name: str
    conclusion: str
    html_url: str
    steps: tuple[JobStep, ...]


@dataclass(frozen=True, slots=True)
class CheckAction:
    """A button of a check run; ValueError for a text that is longer than GitHub takes.

    https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks#check-runs-and-requested-actions
    """

    label: str
    description: str
    identifier: str

    def __post_init__(self) -> None:
        for name, most in (("label", 20), ("description", 40), ("identifier", 20)):
            if not 1 <= len(getattr(self, name)) <= most:
                raise ValueError(f"an action's {name} has 1 to {most} characters")


@dataclass(frozen=True, slots=True)
class CheckState:
    """What the App's own check run shows; ValueError for what GitHub does not take.

    `conclusion` is for what is completed, and only for that. https://docs.github.com/en/rest/checks/runs#create-a-check-run
    """

    status: Literal["queued", "in_progress", "completed"]
    conclusion: str | None
    title: str
    summary: str
    actions: tuple[CheckAction, ...] = ()

    def __post_init__(self) -> None:
        if (self.conclusion is not None) != (self.status == "completed"):
            raise ValueError("a check run has a conclusion just when it is completed")
        if self.conclusion is not None and self.conclusion not in _CONCLUSIONS:
            raise ValueError(f"no conclusion of a check run: {self.conclusion!r}")
        if not self.title or len(self.summary) > LONGEST_SUMMARY:
            raise ValueError(f"a check run has a title, and a summary of at most {LONGEST_SUMMARY} characters")
        if len(self.actions) > MOST_ACTIONS:
            raise ValueError(f"a check run has at most {MOST_ACTIONS} actions")


@dataclass(frozen=True, slots=True)
class Review:
    """A review of a pull request.

    `state` is approved, changes_requested, commented, dismissed or pending, in small letters as in webhooks. Only a
    pending review has no `submitted_at`; `commit_id` is empty when GitHub no longer knows the commit.
    """

    id: int
    author: Author
    state: str
    body: str
    submitted_at: float | None
    commit_id: str
    html_url: str


@dataclass(frozen=True, slots=True)
class ReviewComment:
    """A comment on lines of a pull request's diff.

    `in_reply_to_id` is the first comment of its review thread, None for that one itself; a reply belongs to a review of
    its own. `line` is None when later commits changed what it stood on, and when it is about the file as a whole.
    `side` is RIGHT for the new version of the file, LEFT for the old one.
    """

    id: int
    review_id: int | None
    in_reply_to_id: int | None
    author: Author
    body: str
    path: str
    line: int | None
    start_line: int | None
    side: str
    diff_hunk: str
    commit_id: str
    created_at: float
    html_url: str


@dataclass(frozen=True, slots=True)
class NewReviewComment:
    """A comment for a new review, on `line` or on the lines from `start_line` to it; ValueError for no such lines."""

    path: str
    line: int
    body: str
    side: Literal["LEFT", "RIGHT"] = "RIGHT"
    start_line: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= (self.line if self.start_line is None else self.start_line) <= self.line:
            raise ValueError("lines count from 1, and the first is not behind the last")


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that a pull request or comparison changes. `previous_path` is empty unless the file was renamed.

    `status` is added, removed, modified, renamed, copied, changed or unchanged; `patch` is empty where GitHub shows
    none: binary and large files, and mere renames.
    """

    path: str
    previous_path: str
    status: str
    additions: int
    deletions: int
    patch: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from the merge base of two commits to the second of them.

    `status` is of the second towards the first: ahead, behind, diverged or identical.
    """

    merge_base: str
    status: str
    ahead_by: int
    behind_by: int
    files: tuple[ChangedFile, ...]


@dataclass(frozen=True, slots=True)
class IssueHit:
    """An issue or a pull request that a search found."""

    number: int
    title: str
    state: str
    is_pull: bool
    html_url: str


@dataclass(frozen=True, slots=True)
class CodeHit:
    """A file that a search found."""

    path: str
    html_url: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """An image; `media_type` is image/png, image/jpeg, image/gif or image/webp."""

    media_type: str
    data: bytes = field(repr=False)


LONGEST_SUMMARY = 65_535
MOST_ACTIONS = 3
_CONCLUSIONS = {"action_required", "cancelled", "failure", "neutral", "skipped", "success", "timed_out"}
"""Those that an App can give; only GitHub itself gives `stale` and `startup_failure`."""


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


def read_reacted(raw: object) -> Reacted:
    """Read one reaction of a list."""
    fields = Fields(raw, "reaction")
    by = _author(fields)
    return Reacted(by.login, by.id, by.is_bot, fields.text("content"))


def read_pull(raw: object) -> Pull:
    """Read one pull request, from a list or by itself."""
    fields = Fields(raw, "pull request")
    head, base = fields.inner("head"), fields.inner("base")
    repository, merged_by = head.inner_or_none("repo"), fields.inner_or_none("merged_by")
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
        merged_by_login=merged_by.text("login") if merged_by else "",
    )


def read_commit(raw: object) -> CommitInfo:
    """Read the answer of `GET /repos/{owner}/{repo}/commits/{ref}`."""
    fields = Fields(raw, "commit")
    author, committer = fields.inner_or_none("author"), fields.inner_or_none("committer")
    return CommitInfo(
        sha=fields.text("sha"),
        # where GitHub knows no account it sends null, or an object without any field
        author_login=author.text_or_empty("login") if author else "",
        committer_login=committer.text_or_empty("login") if committer else "",
        message=fields.inner("commit").text("message"),
    )


def read_file_text(raw: object) -> str:
    """Read a file's text from `GET /repos/{owner}/{repo}/contents/{path}`; raises UnreadableFile, too."""
    if isinstance(raw, list):  # a directory, where the server knows no object for it
        raise UnreadableFile("file", "is not a file")
    fields = Fields(raw, "file")
    if fields.text("type") != "file":
        raise UnreadableFile(fields.text("path"), "is not a file")
    if fields.text("encoding") != "base64":
        raise UnreadableFile(fields.text("path"), "has more than 1 MB")
    try:
        return base64.b64decode(fields.text("content")).decode()
    except binascii.Error:
        raise UnexpectedAnswer("file", "'content' is not Base64") from None
    except UnicodeDecodeError:
        raise UnreadableFile(fields.text("path"), "is not UTF-8 text") from None


def read_check_run(raw: object) -> CheckRun:
    """Read one check run, from a list or by itself."""
    fields = Fields(raw, "check run")
    app, output, suite = (fields.inner_or_none(name) for name in ("app", "output", "check_suite"))
    return CheckRun(
        id=fields.number("id"),
        name=fields.text("name"),
        status=fields.text("status"),
        conclusion=fields.text_or_empty("conclusion"),
        head_sha=fields.text("head_sha"),
        app_id=app.number("id") if app else None,
        app_slug=app.text_or_empty("slug") if app else "",
        external_id=fields.text_or_empty("external_id"),
        html_url=fields.text_or_empty("html_url"),
        details_url=fields.text_or_empty("details_url"),
        title=output.text_or_empty("title") if output else "",
        summary=output.text_or_empty("summary") if output else "",
        annotations_count=output.number_or_none("annotations_count") or 0 if output else 0,
        suite_id=suite.number("id") if suite else None,
        started_at=fields.time_or_none("started_at"),
        completed_at=fields.time_or_none("completed_at"),
    )


def read_check_suite(raw: object) -> CheckSuite:
    """Read one check suite of a list."""
    fields = Fields(raw, "check suite")
    app = fields.inner_or_none("app")
    return CheckSuite(
        id=fields.number("id"),
        app_id=app.number("id") if app else None,
        app_slug=app.text_or_empty("slug") if app else "",
        status=fields.text_or_empty("status"),
        conclusion=fields.text_or_empty("conclusion"),
        latest_check_runs_count=fields.number("latest_check_runs_count"),
    )


def read_commit_status(raw: object) -> CommitStatus:
    """Read one status of a combined status."""
    fields = Fields(raw, "commit status")
    return CommitStatus(
        context=fields.text("context"),
        state=fields.text("state"),
        description=fields.text_or_empty("description"),
        target_url=fields.text_or_empty("target_url"),
    )


def read_annotation(raw: object) -> Annotation:
    """Read one annotation of a check run."""
    fields = Fields(raw, "annotation")
    return Annotation(
        path=fields.text("path"),
        start_line=fields.number("start_line"),
        level=fields.text_or_empty("annotation_level"),
        title=fields.text_or_empty("title"),
        message=fields.text_or_empty("message"),
    )


def read_job(raw: object) -> Job:
    """Read one job of GitHub Actions."""
    fields = Fields(raw, "job")
    return Job(
        id=fields.number("id"),
        name=fields.text("name"),
        conclusion=fields.text_or_empty("conclusion"),
        html_url=fields.text_or_empty("html_url"),
        steps=tuple(_read_step(step) for step in fields.sequence_or_empty("steps")),
    )


def read_review(raw: object) -> Review:
    """Read one review, from a list or by itself."""
    fields = Fields(raw, "review")
    return Review(
        id=fields.number("id"),
        author=_author(fields),
        state=fields.text("state").lower(),
        body=fields.text_or_empty("body"),
        submitted_at=fields.time_or_none("submitted_at"),
        commit_id=fields.text_or_empty("commit_id"),
        html_url=fields.text("html_url"),
    )


def read_review_comment(raw: object) -> ReviewComment:
    """Read one review comment, from a pull request's list or by itself (a review's own list names no lines)."""
    fields = Fields(raw, "review comment")
    return ReviewComment(
        id=fields.number("id"),
        review_id=fields.number_or_none("pull_request_review_id"),
        in_reply_to_id=fields.number_or_none("in_reply_to_id"),
        author=_author(fields),
        body=fields.text_or_empty("body"),
        path=fields.text("path"),
        line=fields.number_or_none("line"),
        start_line=fields.number_or_none("start_line"),
        side=fields.text_or_empty("side"),
        diff_hunk=fields.text_or_empty("diff_hunk"),
        commit_id=fields.text_or_empty("commit_id"),
        created_at=fields.time("created_at"),
        html_url=fields.text("html_url"),
    )


def read_changed_file(raw: object) -> ChangedFile:
    """Read one file of a pull request or a comparison."""
    fields = Fields(raw, "changed file")
    return ChangedFile(
        path=fields.text("filename"),
        previous_path=fields.text_or_empty("previous_filename"),
        status=fields.text("status"),
        additions=fields.number("additions"),
        deletions=fields.number("deletions"),
        patch=fields.text_or_empty("patch"),
    )


def read_comparison(raw: object) -> Comparison:
    """Read the answer of `GET /repos/{owner}/{repo}/compare/{base}...{head}`."""
    fields = Fields(raw, "comparison")
    return Comparison(
        merge_base=fields.inner("merge_base_commit").text("sha"),
        status=fields.text("status"),
        ahead_by=fields.number("ahead_by"),
        behind_by=fields.number("behind_by"),
        files=tuple(read_changed_file(file) for file in fields.sequence_or_empty("files")),
    )


def read_issue_hit(raw: object) -> IssueHit:
    """Read one issue or pull request that a search found."""
    fields = Fields(raw, "found issue")
    return IssueHit(
        number=fields.number("number"),
        title=fields.text("title"),
        state=fields.text("state"),
        is_pull=fields.inner_or_none("pull_request") is not None,
        html_url=fields.text("html_url"),
    )


def read_code_hit(raw: object) -> CodeHit:
    """Read one file that a search found."""
    fields = Fields(raw, "found file")
    return CodeHit(path=fields.text("path"), html_url=fields.text("html_url"))


def read_list(raw: object, subject: str) -> list[object]:
    """The items of an answer that must be a list."""
    if not isinstance(raw, list):
        raise UnexpectedAnswer(subject, "not a list")
    return raw


def _read_step(raw: object) -> JobStep:
    fields = Fields(raw, "job step")
    return JobStep(
        number=fields.number("number"),
        name=fields.text("name"),
        status=fields.text_or_empty("status"),
        conclusion=fields.text_or_empty("conclusion"),
        started_at=fields.time_or_none("started_at"),
        completed_at=fields.time_or_none("completed_at"),
    )


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

    def number_or_none(self, name: str) -> int | None:
        """A whole number; None when it is missing or null."""
        return None if self._raw.get(name) is None else self.number(name)

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

    def time_or_none(self, name: str) -> float | None:
        """A time; None when it is missing or null."""
        return None if self._raw.get(name) is None else self.time(name)

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

    def sequence_or_empty(self, name: str) -> list[object]:
        """A list of anything; empty when it is missing or null."""
        return [] if self._raw.get(name) is None else self.sequence(name)

    def _typed(self, name: str, kind: type[T]) -> T:
        value = self._raw.get(name)
        # bool is an int for Python, not for JSON
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UnexpectedAnswer(self._subject, f"{name!r} is missing or not of type {kind.__name__}")
        return value
