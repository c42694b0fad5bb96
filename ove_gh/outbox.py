"""Say it once: bring what stands in the outbox to GitHub, in order within a thread, and never twice.

A crash between the deed and its note is why each comment carries a hidden marker: before a comment is created a second
time, the thread is searched for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import structlog

from ove_gh import comments
from ove_gh.comments import marker
from ove_gh.github.client import GitHub, Repository
from ove_gh.github.errors import BadCredentials, GitHubError, GitHubRefused, GitHubUnavailable, Unprocessable
from ove_gh.github.models import AppIdentity, CheckAction, CheckRun, CheckState, Comment, NewReviewComment
from ove_gh.loop import Bell, backoff, work_through
from ove_gh.store import outbox
from ove_gh.store.database import Database
from ove_gh.store.outbox import Entry
from ove_gh.store.remarks import Remark
from ove_gh.typesetting import fenced

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
        repository = self._github.at(entry.place)
        try:
            match entry.kind:
                case "comment":
                    await self._send_comment(repository, entry)
                case "check":
                    await self._send_check_run(repository, entry)
                case "pull_review":
                    await self._send_pull_review(repository, entry)
                case "reply":
                    await self._send_reply(repository, entry)
                case "reaction":
                    await self._send_reaction(repository, entry)
                case "review":
                    await self._send_review_request(repository, entry)
                case "unlabel":
                    await self._send_unlabel(repository, entry)
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
        await self._note_sent(entry, posted.id, posted.html_url)

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
        await self._note_sent(entry, run.id, run.html_url)

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

    async def _send_pull_review(self, repository: Repository, entry: Entry) -> None:
        number, bot_id = entry.place.number, self._identity.bot_id
        if not await self._is_first_try(entry):
            earlier = await repository.find_own_review(number, marker(entry.key), bot_id=bot_id)
            if earlier is not None:
                await self._note_sent(entry, earlier.id, earlier.html_url)
                return
        remarks = [Remark(**remark) for remark in entry.content["remarks"]]
        head = (await repository.pull(number)).head_sha
        try:
            posted = await repository.create_review(
                number,
                commit_id=entry.content["sha"] or head,
                body=self._review_body(entry, ()),
                comments=[
                    NewReviewComment(
                        each.path,
                        each.line,
                        comments.review_remark(each.text, each.suggestion),
                        start_line=each.start_line,
                    )
                    for each in remarks
                ],
            )
        except Unprocessable:
            # The commit is not part of the pull request any more, or a line not of its diff: the summary says it all.
            if not remarks and entry.content["sha"] in (None, head):
                raise
            body = self._review_body(entry, remarks)
            posted = await repository.create_review(number, commit_id=head, body=body, comments=[])
        await self._note_sent(entry, posted.id, posted.html_url)

    def _review_body(self, entry: Entry, left_out: Sequence[Remark]) -> str:
        told = [(each.path, each.line, _with_suggestion(each)) for each in left_out]
        summary = comments.review_summary(entry.content["summary"], self._identity.slug, told)
        return f"{summary}\n\n{marker(entry.key)}"

    async def _send_reply(self, repository: Repository, entry: Entry) -> None:
        number, body = entry.place.number, f"{entry.content['body']}\n\n{marker(entry.key)}"
        if entry.remote_id is not None:
            posted = await repository.edit_review_comment(entry.remote_id, body)
            await self._note_sent(entry, posted.id, posted.html_url)
            return
        if not await self._is_first_try(entry):
            assert entry.begun_at is not None
            earlier = await repository.find_own_review_comment(
                number, marker(entry.key), since=entry.begun_at, bot_id=self._identity.bot_id
            )
            if earlier is not None:
                await self._note_sent(entry, earlier.id, earlier.html_url)
                return
        posted = await repository.reply_to_review_comment(number, entry.content["comment_id"], body)
        await self._note_sent(entry, posted.id, posted.html_url)

    async def _is_first_try(self, entry: Entry) -> bool:
        """Whether nothing of this row can stand on GitHub yet; from here on it may."""
        if entry.begun_at is not None:
            return False
        async with self._database.writing() as connection:
            await outbox.begun(connection, entry, now=self._clock())
        return True

    async def _note_sent(self, entry: Entry, remote_id: int, remote_url: str) -> None:
        async with self._database.writing() as connection:
            await outbox.sent(connection, entry, remote_id=remote_id, remote_url=remote_url)

    async def _send_reaction(self, repository: Repository, entry: Entry) -> None:
        react = {
            "issue": repository.react_to_issue,
            "comment": repository.react_to_comment,
            "inline": repository.react_to_review_comment,
        }[entry.content["target"]]
        await react(entry.content["id"], entry.content["content"])
        async with self._database.writing() as connection:
            await outbox.sent(connection, entry)

    async def _send_review_request(self, repository: Repository, entry: Entry) -> None:
        if not await repository.request_review(entry.content["pull"], entry.content["login"]):
            log.info("GitHub asks this person for no review", pull=entry.content["pull"], login=entry.content["login"])
        async with self._database.writing() as connection:
            await outbox.sent(connection, entry)

    async def _send_unlabel(self, repository: Repository, entry: Entry) -> None:
        await repository.remove_label(entry.place.number, entry.content["label"])
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


def _with_suggestion(remark: Remark) -> str:
    """A remark's words with what it suggests, for a place where GitHub offers no button for it."""
    return f"{remark.text}\n\n{fenced(remark.suggestion, '')}" if remark.suggestion else remark.text
