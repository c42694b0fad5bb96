"""Say it once: bring what stands in the outbox to GitHub, in order within a thread, and never twice.

A crash between the deed and its note is why each comment carries a hidden marker: before a comment is created a second
time, the thread is searched for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from ove_gh.comments import marker
from ove_gh.github.client import GitHub, Repository
from ove_gh.github.errors import BadCredentials, GitHubError, GitHubRefused, GitHubUnavailable
from ove_gh.github.models import AppIdentity, CheckAction, CheckRun, CheckState, Comment
from ove_gh.loop import Bell, backoff, work_through
from ove_gh.store import outbox
from ove_gh.store.database import Database
from ove_gh.store.outbox import Entry

LANES_AT_ONCE = 8

log = structlog.get_logger("ove_gh.outbox")


class Sender:
    """Sends outbox rows as the App: its slug is the name of its check runs, its bot's id that of its comments."""

    def __init__(
        self, database: Database, github: GitHub, *, identity: AppIdentity, bell: Bell, clock: Callable[[], float]
    ) -> None:
        self._database, self._github, self._identity = database, github, identity
        self._bell, self._clock = bell, clock

    async def run(self) -> None:
        """Send whatever is due, until cancelled."""
        await work_through(
            take=self._take,
            handle=self.send,
            next_due_at=self._next_due_at,
            bell=self._bell,
            clock=self._clock,
            limit=LANES_AT_ONCE,
        )

    async def send(self, entry: Entry) -> None:
        """Send one row, and note what became of it."""
        repository = self._github.repository(
            entry.place.installation_id, entry.place.repository_id, entry.place.full_name
        )
        try:
            match entry.kind:
                case "comment":
                    await self._send_comment(repository, entry)
                case "check":
                    await self._send_check_run(repository, entry)
                case "reaction":
                    await self._send_reaction(repository, entry)
                case "review":
                    await self._send_review_request(repository, entry)
        except GitHubUnavailable as error:
            await self._put_off(entry, error.retry_after, str(error))
        except GitHubError as error:
            if isinstance(error, GitHubRefused) and not isinstance(error, BadCredentials):
                await self._give_up(entry, str(error))
            else:
                await self._put_off(entry, None, str(error))

    async def _send_comment(self, repository: Repository, entry: Entry) -> None:
        body = f"{entry.content['body']}\n\n{marker(entry.key)}"
        if entry.remote_id is not None:
            posted = await repository.edit_comment(entry.remote_id, body)
        else:
            posted = await self._create_comment_once(repository, entry, body)
        async with self._database.writing() as connection:
            await outbox.sent(connection, entry, remote_id=posted.id, remote_url=posted.html_url)

    async def _create_comment_once(self, repository: Repository, entry: Entry, body: str) -> Comment:
        number = entry.place.number
        if entry.begun_at is not None:
            earlier = await repository.find_own_comment(
                number, marker(entry.key), since=entry.begun_at, bot_id=self._identity.bot_id
            )
            if earlier is not None:
                return earlier if earlier.body == body else await repository.edit_comment(earlier.id, body)
        else:
            async with self._database.writing() as connection:
                await outbox.begun(connection, entry, now=self._clock())
        return await repository.create_comment(number, body)

    async def _send_check_run(self, repository: Repository, entry: Entry) -> None:
        content = entry.content
        state = CheckState(
            "in_progress" if content["conclusion"] is None else "completed",
            content["conclusion"],
            content["title"],
            content["summary"],
            tuple(CheckAction(**action) for action in content["actions"]),
        )
        if entry.remote_id is not None:
            run = await repository.update_check_run(entry.remote_id, state)
        else:
            run = await self._create_check_run_once(repository, entry, state)
        async with self._database.writing() as connection:
            await outbox.sent(connection, entry, remote_id=run.id, remote_url=run.html_url)

    async def _create_check_run_once(self, repository: Repository, entry: Entry, state: CheckState) -> CheckRun:
        sha = entry.content["sha"]
        if entry.begun_at is not None:
            earlier = await repository.find_own_check_run(sha, entry.key, self._identity.id)
            if earlier is not None:
                return await repository.update_check_run(earlier.id, state)
        else:
            async with self._database.writing() as connection:
                await outbox.begun(connection, entry, now=self._clock())
        return await repository.create_check_run(
            name=self._identity.slug, head_sha=sha, external_id=entry.key, state=state
        )

    async def _send_reaction(self, repository: Repository, entry: Entry) -> None:
        react = repository.react_to_issue if entry.content["target"] == "issue" else repository.react_to_comment
        await react(entry.content["id"], entry.content["content"])
        async with self._database.writing() as connection:
            await outbox.sent(connection, entry)

    async def _send_review_request(self, repository: Repository, entry: Entry) -> None:
        if not await repository.request_review(entry.content["pull"], entry.content["login"]):
            log.info("GitHub asks this person for no review", pull=entry.content["pull"], login=entry.content["login"])
        async with self._database.writing() as connection:
            await outbox.sent(connection, entry)

    async def _put_off(self, entry: Entry, retry_after: float | None, problem: str) -> None:
        wait = retry_after if retry_after is not None else backoff(entry.tries)
        log.warning("not said yet", key=entry.key, again_in_seconds=round(wait), problem=problem)
        async with self._database.writing() as connection:
            await outbox.put_off(connection, entry, until=self._clock() + wait, problem=problem)

    async def _give_up(self, entry: Entry, problem: str) -> None:
        log.error("GitHub will not take it", key=entry.key, place=entry.place.lane, problem=problem)
        async with self._database.writing() as connection:
            await outbox.given_up(connection, entry, now=self._clock(), problem=problem)

    async def _take(self, busy: Collection[str], limit: int) -> list[tuple[str, Entry]]:
        async with self._database.reading() as connection:
            found = await outbox.due(connection, now=self._clock(), busy=busy, limit=limit)
        return [(entry.place.lane, entry) for entry in found]

    async def _next_due_at(self) -> float | None:
        async with self._database.reading() as connection:
            return await outbox.next_due_at(connection, now=self._clock())
