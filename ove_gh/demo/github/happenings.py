"""What happens on the simulated GitHub, told to whoever listens, and waiting for it without polling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Everything that can happen."""

    ISSUE_OPENED = "issue_opened"
    ISSUE_EDITED = "issue_edited"
    ISSUE_CLOSED = "issue_closed"
    ISSUE_REOPENED = "issue_reopened"
    LABEL_ADDED = "label_added"
    LABEL_REMOVED = "label_removed"
    CONVERSATION_LOCKED = "conversation_locked"
    CONVERSATION_UNLOCKED = "conversation_unlocked"
    COMMENT_POSTED = "comment_posted"
    COMMENT_EDITED = "comment_edited"
    COMMENT_DELETED = "comment_deleted"
    REACTION_ADDED = "reaction_added"
    REACTION_REMOVED = "reaction_removed"
    REF_PUSHED = "ref_pushed"
    BRANCH_RENAMED = "branch_renamed"
    REPOSITORY_FORKED = "repository_forked"
    PULL_OPENED = "pull_opened"
    PULL_EDITED = "pull_edited"
    PULL_SYNCHRONIZED = "pull_synchronized"
    PULL_CLOSED = "pull_closed"
    PULL_MERGED = "pull_merged"
    REVIEW_REQUESTED = "review_requested"
    REVIEW_SUBMITTED = "review_submitted"
    REVIEW_DISMISSED = "review_dismissed"
    REVIEW_COMMENT_POSTED = "review_comment_posted"
    REVIEW_COMMENT_EDITED = "review_comment_edited"
    REVIEW_COMMENT_DELETED = "review_comment_deleted"
    REVIEW_THREAD_RESOLVED = "review_thread_resolved"
    REVIEW_THREAD_UNRESOLVED = "review_thread_unresolved"
    FILE_ATTACHED = "file_attached"
    CHECK_STARTED = "check_started"
    CHECK_CHANGED = "check_changed"
    CHECK_FINISHED = "check_finished"
    BUTTON_PRESSED = "button_pressed"
    STATUS_SET = "status_set"
    APP_INSTALLED = "app_installed"
    APP_UNINSTALLED = "app_uninstalled"
    TOKEN_MINTED = "token_minted"
    REQUEST_ARRIVED = "request_arrived"
    REQUEST_ANSWERED = "request_answered"
    WEBHOOK_DELIVERED = "webhook_delivered"
    WEBHOOK_FAILED = "webhook_failed"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    `by` is the login of who did it ("" when GitHub itself did), `by_app` whether that was an App. `repository` is
    "owner/name", `number` the thread's; `text` is for people; `subject` is the record it is about (Comment, Pull, …).
    """

    kind: Kind
    at: datetime
    by: str = ""
    by_app: bool = False
    repository: str | None = None
    number: int | None = None
    text: str = ""
    subject: Any = None


Listener = Callable[[Happening], None]


class Happenings:
    """The stream of happenings. `history` keeps all of them."""

    def __init__(self) -> None:
        self.history: list[Happening] = []
        self._listeners: list[Listener] = []
        self._changed = asyncio.Event()

    def tell(self, happening: Happening) -> None:
        """Note a happening, wake everyone who waits, and call the listeners in turn."""
        self.history.append(happening)
        self.wake()
        for listener in tuple(self._listeners):
            listener(happening)

    def wake(self) -> None:
        """Let those who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until anything happens."""
        await self._changed.wait()

    def listen(self, listener: Listener) -> None:
        """Call `listener` at everything that happens from now on."""
        self._listeners.append(listener)

    @contextmanager
    def queue(self) -> Iterator[asyncio.Queue[Happening]]:
        """A queue that receives every happening from now on, until the context ends."""
        queue: asyncio.Queue[Happening] = asyncio.Queue()
        self._listeners.append(queue.put_nowait)
        try:
            yield queue
        finally:
            self._listeners.remove(queue.put_nowait)
