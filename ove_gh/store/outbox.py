"""What is to stand on GitHub: each row is one comment, check run, reaction or request, and what it should say now."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, insert, select, update

from ove_gh.store.tables import outbox
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Place, Target

Kind = Literal["comment", "check", "pull_review", "reaction", "reply", "review", "unlabel"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `begun_at` is set when a first sending was begun whose end was never noted."""

    id: int
    key: str
    place: Place
    kind: Kind
    content: dict[str, Any]
    version: int
    remote_id: int | None
    begun_at: float | None
    tries: int


def status_key(task_id: int) -> str:
    """The key of a task's status comment."""
    return f"task-{task_id}-status"


def question_key(question_id: int) -> str:
    """The key of a question's comment; its marker leads from the comment back to the question."""
    return f"question-{question_id}"


def plan_key(task_id: int) -> str:
    """The key of the comment that shows the plan which a task made."""
    return f"plan-{task_id}"


def check_key(thread_id: int, sha: str) -> str:
    """The key of the App's own check run on a commit, and its external id on GitHub."""
    return f"check-{thread_id}-{sha}"


_CHECK_KEY = re.compile(r"check-(\d+)-[0-9a-f]{7,64}")


def thread_of_check(external_id: str) -> int | None:
    """The thread that a check run of ours belongs to; None for one that we did not make."""
    found = _CHECK_KEY.fullmatch(external_id)
    return int(found[1]) if found else None


async def comment(connection: Transaction, place: Place, key: str, body: str, *, now: float) -> None:
    """A comment named `key` is to stand under `place`, saying `body`. Said again with another body, it is edited."""
    await _put(connection, place, key, "comment", {"body": body}, now)


async def check_run(
    connection: Transaction,
    place: Place,
    key: str,
    *,
    sha: str,
    conclusion: str | None,
    title: str,
    summary: str,
    actions: Sequence[Mapping[str, str]],
    now: float,
) -> None:
    """A check run of the App's own is to stand on a commit; without a conclusion it is in progress.

    `actions` are its buttons: label, description and identifier.
    """
    content = {"sha": sha, "conclusion": conclusion, "title": title, "summary": summary, "actions": list(actions)}
    await _put(connection, place, key, "check", content, now)


async def pull_review(
    connection: Transaction,
    place: Place,
    key: str,
    *,
    sha: str | None,
    summary: str,
    remarks: Sequence[Mapping[str, Any]],
    now: float,
) -> None:
    """A review of the pull request at `place` is to stand there: a summary, and remarks on lines of its diff.

    `sha` is the commit whose lines are meant; None, the newest.
    """
    await _put(connection, place, key, "pull_review", {"summary": summary, "remarks": list(remarks), "sha": sha}, now)


async def reply(connection: Transaction, place: Place, key: str, *, comment_id: int, body: str, now: float) -> None:
    """An answer is to stand in the review thread of a comment, in the pull request at `place`."""
    await _put(connection, place, key, "reply", {"comment_id": comment_id, "body": body}, now)


async def stands(connection: Transaction, key: str) -> bool:
    """Whether a row has this key."""
    return await connection.scalar(select(outbox.c.id).where(outbox.c.key == key)) is not None


async def reaction(connection: Transaction, place: Place, target: Target, content: str, *, now: float) -> None:
    """The App is to react to an issue or comment: `eyes`, `confused`, …; there are no reactions to other targets."""
    if target.kind not in ("issue", "comment", "inline"):
        return
    key = f"{content}-{target.kind}-{place.repository_id}-{target.id}"
    await _put(connection, place, key, "reaction", {"target": target.kind, "id": target.id, "content": content}, now)


async def review_request(
    connection: Transaction, place: Place, task_id: int, *, pull: int, login: str, now: float
) -> None:
    """`login` is to be asked for a review of what a task did to the pull request; each task may ask again."""
    key = f"review-{task_id}-{pull}-{login.lower()}"
    await _put(connection, place, key, "review", {"pull": pull, "login": login}, now)


async def unlabel(connection: Transaction, place: Place, target: Target, label: str, *, now: float) -> None:
    """A label that commanded is to be taken off the issue or pull request; `target` is when it was put there."""
    key = f"unlabel-{place.repository_id}-{place.number}-{target.id}"
    await _put(connection, place, key, "unlabel", {"label": label}, now)


async def _put(
    connection: Transaction, place: Place, key: str, kind: Kind, content: dict[str, Any], now: float
) -> None:
    row = (await connection.execute(select(outbox.c.id, outbox.c.content).where(outbox.c.key == key))).first()
    if row is None:
        values = {
            "key": key,
            "lane": place.lane,
            "installation_id": place.installation_id,
            "repository_id": place.repository_id,
            "full_name": place.full_name,
            "number": place.number,
            "kind": kind,
            "content": content,
            "version": 1,
            "sent_version": 0,
            "tries": 0,
            "due_at": now,
            "created_at": now,
        }
        await connection.execute(insert(outbox).values(values))
    elif row.content != content:
        await connection.execute(
            update(outbox).where(outbox.c.id == row.id).values(content=content, version=outbox.c.version + 1)
        )


async def due(connection: Transaction, *, now: float, busy: Collection[str], limit: int) -> list[Entry]:
    """The first unsent row of each lane that is not busy. A row that is put off holds up its lane, and no other."""
    heads = (
        select(func.min(outbox.c.id))
        .where(outbox.c.version > outbox.c.sent_version, outbox.c.given_up_at.is_(None))
        .group_by(outbox.c.lane)
    )
    rows = await connection.execute(
        select(outbox)
        .where(outbox.c.id.in_(heads), outbox.c.due_at <= now, outbox.c.lane.not_in(busy))
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return [_entry(row) for row in rows]


async def next_due_at(connection: Transaction, *, now: float) -> float | None:
    """When the next row that was put off is due."""
    value: float | None = await connection.scalar(
        select(func.min(outbox.c.due_at)).where(
            outbox.c.version > outbox.c.sent_version, outbox.c.given_up_at.is_(None), outbox.c.due_at > now
        )
    )
    return value


async def url_of(connection: Transaction, key: str) -> str | None:
    """Where a comment stands, once it has been posted."""
    value: str | None = await connection.scalar(select(outbox.c.remote_url).where(outbox.c.key == key))
    return value


async def comment_id_of(connection: Transaction, key: str) -> int | None:
    """The id that GitHub gave a comment, once it has been posted."""
    value: int | None = await connection.scalar(select(outbox.c.remote_id).where(outbox.c.key == key))
    return value


async def body_of(connection: Transaction, key: str) -> str | None:
    """What a comment is to say, without its marker."""
    content: dict[str, Any] | None = await connection.scalar(select(outbox.c.content).where(outbox.c.key == key))
    return content["body"] if content else None


async def touched(connection: Transaction, key: str) -> None:
    """Somebody else changed the comment on GitHub: what it should say is to be written again."""
    await connection.execute(update(outbox).where(outbox.c.key == key).values(version=outbox.c.version + 1))


async def begun(connection: Transaction, entry: Entry, *, now: float) -> None:
    """The row is about to be sent for the first time; from here on it may stand on GitHub already."""
    await connection.execute(update(outbox).where(outbox.c.id == entry.id).values(begun_at=now))


async def sent(
    connection: Transaction, entry: Entry, *, remote_id: int | None = None, remote_url: str | None = None
) -> None:
    """This version of the row stands on GitHub."""
    values: dict[str, Any] = {"sent_version": entry.version, "problem": None, "tries": 0}
    if remote_id is not None:
        values |= {"remote_id": remote_id, "remote_url": remote_url}
    await connection.execute(update(outbox).where(outbox.c.id == entry.id).values(values))


async def put_off(connection: Transaction, entry: Entry, *, until: float, problem: str) -> None:
    """Send the row later: GitHub is out of reach."""
    await connection.execute(
        update(outbox).where(outbox.c.id == entry.id).values(due_at=until, tries=outbox.c.tries + 1, problem=problem)
    )


async def given_up(connection: Transaction, entry: Entry, *, now: float, problem: str) -> None:
    """GitHub will never take this row: the comment or thread is gone, locked, or out of the App's reach."""
    await connection.execute(update(outbox).where(outbox.c.id == entry.id).values(given_up_at=now, problem=problem))


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        key=row.key,
        place=Place(row.installation_id, row.repository_id, row.full_name, row.number),
        kind=row.kind,
        content=row.content,
        version=row.version,
        remote_id=row.remote_id,
        begun_at=row.begun_at,
        tries=row.tries,
    )
