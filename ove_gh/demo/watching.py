"""Waiting for what must come, while the service that must bring it is alive; and what stands in the threads by then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TypeVar

from ove_gh.demo.github import Comment, SimulatedGitHub
from ove_gh.demo.narrator import is_failure, is_question, is_status
from ove_gh.demo.reading import read_status
from ove_gh.demo.stage import REPOSITORY, Service, ServiceDied

T = TypeVar("T")


async def while_alive(service: Service, wish: Awaitable[T]) -> T:
    """Wait for a wish, and return what it brings; raises ServiceDied when the service ends first."""
    assert service.process is not None
    waiting, living = asyncio.ensure_future(wish), asyncio.ensure_future(service.process.wait())
    try:
        await asyncio.wait((waiting, living), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ServiceDied("The service ended although nobody stopped it.")
        return waiting.result()
    finally:
        waiting.cancel()
        living.cancel()
        await asyncio.gather(waiting, living, return_exceptions=True)


def by_the_app(github: SimulatedGitHub) -> Iterator[Comment]:
    """All comments that the App has written, thread by thread."""
    for issue in github.repository(REPOSITORY).issues.values():
        yield from (comment for comment in issue.comments if comment.via is not None)


def newest_status(github: SimulatedGitHub) -> Comment | None:
    """The newest task's status comment."""
    return max((c for c in by_the_app(github) if is_status(c.body)), key=lambda c: c.id, default=None)


def newest_question(github: SimulatedGitHub) -> Comment | None:
    """The comment that asked last, answered or not."""
    return max((c for c in by_the_app(github) if is_question(c.body)), key=lambda c: c.id, default=None)


def status_begins(github: SimulatedGitHub, *words: str) -> bool:
    """Whether the newest status comment begins with one of these words."""
    status = newest_status(github)
    return status is not None and read_status(status.body).head.startswith(words)


def has_failed(github: SimulatedGitHub) -> bool:
    """Whether the App has told somewhere that it could not finish."""
    return any(is_failure(comment.body) for comment in by_the_app(github))
