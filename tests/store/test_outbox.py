"""Tests of what is to be said."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from ove_gh.store import outbox, tables
from ove_gh.store.database import Database
from ove_gh.store.outbox import Entry
from ove_gh.tasks import Target
from tests.store.rows import NOW, all_rows, place

pytestmark = pytest.mark.anyio


async def say(database: Database, key: str, body: str = "Hello", number: int = 3) -> None:
    """A comment is to stand under an issue."""
    async with database.writing() as connection:
        await outbox.comment(connection, place(number), key, body, now=NOW)


async def due(database: Database, busy: Collection[str] = (), now: float = NOW, limit: int = 99) -> list[Entry]:
    """What may be sent now."""
    async with database.reading() as connection:
        return await outbox.due(connection, now=now, busy=busy, limit=limit)


async def keys(database: Database, busy: Collection[str] = (), now: float = NOW) -> list[str]:
    """The keys of what may be sent now."""
    return [entry.key for entry in await due(database, busy, now)]


async def only(database: Database) -> Entry:
    """The one row that may be sent now."""
    [entry] = await due(database)
    return entry


async def mark_sent(database: Database, entry: Entry, remote_id: int | None = 77) -> None:
    """GitHub took it."""
    async with database.writing() as connection:
        await outbox.sent(connection, entry, remote_id=remote_id, remote_url=f"https://github.example/{remote_id}")


async def test_a_comment_is_sent_once(database: Database) -> None:
    """After it was sent it is due no more, and where it stands is known."""
    await say(database, "a")
    await mark_sent(database, await only(database))
    assert await due(database) == []
    async with database.reading() as connection:
        assert await outbox.url_of(connection, "a") == "https://github.example/77"
        assert await outbox.url_of(connection, "b") is None
        assert await outbox.body_of(connection, "a") == "Hello"
        assert await outbox.body_of(connection, "b") is None


async def test_the_same_words_are_not_sent_again(database: Database) -> None:
    """Saying what stands there already changes nothing."""
    await say(database, "a")
    await mark_sent(database, await only(database))
    await say(database, "a")
    assert await due(database) == []


async def test_new_words_are_an_edit(database: Database) -> None:
    """Another body under the same key is due again, and knows the comment to edit."""
    await say(database, "a")
    await mark_sent(database, await only(database))
    await say(database, "a", "Goodbye")
    entry = await only(database)
    assert (entry.content, entry.version, entry.remote_id) == ({"body": "Goodbye"}, 2, 77)


async def test_words_that_change_while_they_are_sent_are_sent_again(database: Database) -> None:
    """The note of an older version does not pass for the newer one."""
    await say(database, "a")
    in_flight = await only(database)
    await say(database, "a", "Goodbye")
    await mark_sent(database, in_flight)
    entry = await only(database)
    assert (entry.content["body"], entry.remote_id) == ("Goodbye", 77)


async def test_several_changes_are_sent_as_one(database: Database) -> None:
    """Only the last words count."""
    for body in ("one", "two", "three"):
        await say(database, "a", body)
    entry = await only(database)
    assert entry.content["body"] == "three"
    await mark_sent(database, entry)
    assert await due(database) == []


async def test_a_comment_that_somebody_changed_is_written_again(database: Database) -> None:
    """After a tick the comment no longer says what it should, though our words are the same."""
    await say(database, "a")
    await mark_sent(database, await only(database))
    async with database.writing() as connection:
        await outbox.touched(connection, "a")
    assert (await only(database)).content["body"] == "Hello"


async def test_a_thread_is_told_in_order(database: Database) -> None:
    """Of each thread only the first unsent row is due, whatever becomes of other threads."""
    for key, number in (("a1", 1), ("b1", 2), ("a2", 1)):
        await say(database, key, number=number)
    assert await keys(database) == ["a1", "b1"]
    assert await keys(database, busy={place(1).lane}) == ["b1"]
    await mark_sent(database, (await due(database))[0])
    assert await keys(database) == ["b1", "a2"]


async def test_a_row_that_is_put_off_holds_up_its_thread_alone(database: Database) -> None:
    """Order is kept over a pause, and other threads do not wait."""
    for key, number in (("a1", 1), ("a2", 1), ("b1", 2)):
        await say(database, key, number=number)
    first = (await due(database))[0]
    async with database.writing() as connection:
        await outbox.put_off(connection, first, until=NOW + 30, problem="GitHub is down")
    assert await keys(database) == ["b1"]
    assert await keys(database, now=NOW + 30) == ["a1", "b1"]
    async with database.reading() as connection:
        assert await outbox.next_due_at(connection, now=NOW) == NOW + 30
        assert await outbox.next_due_at(connection, now=NOW + 30) is None


async def test_tries_are_counted_until_it_is_sent(database: Database) -> None:
    """Each pause can grow; after a success the count begins anew."""
    await say(database, "a")
    for tries in (0, 1, 2):
        entry = await only(database)
        assert entry.tries == tries
        async with database.writing() as connection:
            await outbox.put_off(connection, entry, until=NOW, problem="GitHub is down")
    await mark_sent(database, await only(database))
    [row] = await all_rows(database, tables.outbox)
    assert (row["tries"], row["problem"]) == (0, None)


async def test_what_is_given_up_holds_up_nobody(database: Database) -> None:
    """A row that GitHub will never take is passed over, also after new words; the reason is kept."""
    await say(database, "a1")
    await say(database, "a2")
    async with database.writing() as connection:
        await outbox.given_up(connection, (await due(database))[0], now=NOW, problem="404")
    await say(database, "a1", "Goodbye")
    assert await keys(database) == ["a2"]
    assert (await all_rows(database, tables.outbox))[0]["problem"] == "404"


async def test_a_beginning_is_remembered(database: Database) -> None:
    """A row whose sending was begun says so, and since when: it may stand on GitHub already."""
    await say(database, "a")
    entry = await only(database)
    assert entry.begun_at is None
    async with database.writing() as connection:
        await outbox.begun(connection, entry, now=NOW + 1)
    assert (await only(database)).begun_at == NOW + 1


async def test_a_reaction_is_made_once(database: Database) -> None:
    """The same reaction to the same thing is one row; issues and comments with one number are two things."""
    async with database.writing() as connection:
        for target in (Target("comment", 5, ""), Target("comment", 5, ""), Target("issue", 5, "")):
            await outbox.reaction(connection, place(), target, "eyes", now=NOW)
    rows = await all_rows(database, tables.outbox)
    assert [row["content"] for row in rows] == [
        {"target": "comment", "id": 5, "content": "eyes"},
        {"target": "issue", "id": 5, "content": "eyes"},
    ]


async def test_a_review_is_requested_once(database: Database) -> None:
    """One task asks a person once, however their login is spelled; the next task asks them again."""
    async with database.writing() as connection:
        for task_id, login in ((1, "alice"), (1, "Alice"), (1, "bob"), (2, "bob")):
            await outbox.review_request(connection, place(), task_id, pull=13, login=login, now=NOW)
    rows = await all_rows(database, tables.outbox)
    assert [row["content"]["login"] for row in rows] == ["Alice", "bob", "bob"]
