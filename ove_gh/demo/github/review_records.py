"""What the simulated GitHub remembers of reviews: the review, its comments on lines, and their threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ove_gh.demo.github.diff_lines import Side
from ove_gh.demo.github.records import Issue, Pull, Reaction, Repository, User

ReviewEvent = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]
ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
STATES: dict[ReviewEvent, ReviewState] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}
"""What a review is after it was submitted in one of the three ways."""


@dataclass(frozen=True, slots=True)
class InlineComment:
    """What somebody wants to say about a line of the diff, or about those from `start_line` to `line`."""

    path: str
    line: int
    body: str
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where in the diff a comment was made: at which commit, and on which lines of it."""

    commit_id: str
    path: str
    line: int
    side: Side
    start_line: int | None
    start_side: Side | None
    position: int
    diff_hunk: str


@dataclass(slots=True, eq=False)
class Review:
    """A submitted review with its comments, oldest first. `commit_id` is the head that it was made on."""

    id: int
    pull: Pull
    author: User
    state: ReviewState
    body: str
    commit_id: str
    submitted_at: datetime
    updated_at: datetime
    comments: list[ReviewComment] = field(default_factory=list)

    @property
    def login(self) -> str:
        """The author's login."""
        return self.author.login

    @property
    def repository(self) -> Repository:
        """The repository of the pull request."""
        return self.pull.repository

    def __repr__(self) -> str:
        return f"Review({self.id} by {self.login} on #{self.pull.number}: {self.state} {self.body[:60]!r})"


@dataclass(slots=True, eq=False)
class ReviewComment:
    """A comment on lines of a diff. `history` holds every body it ever had, oldest first.

    `reply_to` is the first comment of the thread, or None for that one; `resolved_by` is kept by the first one only.
    """

    id: int
    review: Review
    author: User
    history: list[str]
    anchor: Anchor
    created_at: datetime
    updated_at: datetime
    reply_to: ReviewComment | None = None
    resolved_by: User | None = None
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
    def pull(self) -> Pull:
        """The pull request."""
        return self.review.pull

    @property
    def issue(self) -> Issue:
        """The pull request's conversation."""
        return self.pull.issue

    @property
    def repository(self) -> Repository:
        """The repository of the pull request."""
        return self.pull.repository

    @property
    def thread_start(self) -> ReviewComment:
        """The first comment of its thread: itself, unless it is a reply."""
        return self.reply_to or self

    def __repr__(self) -> str:
        where = f"{self.anchor.path}:{self.anchor.line}"
        return f"ReviewComment({self.id} by {self.login} on {where}: {self.body[:60]!r})"
