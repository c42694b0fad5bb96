"""Tests of the table behind the Agent SDK's sessions."""

from __future__ import annotations

import itertools
from typing import cast

import pytest
from claude_agent_sdk import SessionKey, SessionStore, SessionStoreEntry
from claude_agent_sdk.testing import run_session_store_conformance
from sqlalchemy import delete

from ove_gh.store import tables
from ove_gh.store.database import Database
from ove_gh.store.transcripts import transcript_store
from tests.store.rows import NOW

pytestmark = pytest.mark.anyio

KEY: SessionKey = {"project_key": "-clone", "session_id": "s-1"}


def entry(number: int, uuid: str | None = None) -> SessionStoreEntry:
    """One line of a transcript; the SDK's type names only what all lines have in common."""
    line = {"type": "user", "message": {"content": f"line {number}"}} | ({"uuid": uuid} if uuid else {})
    return cast(SessionStoreEntry, line)


async def test_the_sdk_accepts_the_table_as_a_session_store(database: Database) -> None:
    """The table keeps all contracts of the SDK's own conformance suite."""
    seconds = itertools.count(int(NOW))

    async def empty_store() -> SessionStore:
        async with database.writing() as connection:
            await connection.execute(delete(tables.transcripts))
        return transcript_store(database, lambda: float(next(seconds)))

    await run_session_store_conformance(empty_store)


async def test_an_entry_that_is_sent_twice_is_kept_once(database: Database) -> None:
    """The CLI may repeat a batch after a hiccup: what has a uuid stays where it was, within and across batches."""
    store = transcript_store(database, lambda: NOW)
    await store.append(KEY, [entry(1, "a"), entry(2, "b"), entry(1, "a")])
    await store.append(KEY, [entry(2, "b"), entry(3, "c")])
    assert await store.load(KEY) == [entry(1, "a"), entry(2, "b"), entry(3, "c")]


async def test_entries_without_a_name_may_repeat(database: Database) -> None:
    """What has no uuid cannot be told apart, and is all kept."""
    store = transcript_store(database, lambda: NOW)
    await store.append(KEY, [entry(1), entry(1)])
    assert await store.load(KEY) == [entry(1), entry(1)]


async def test_one_uuid_in_two_sessions_is_two_entries(database: Database) -> None:
    """A session that was forked keeps its entries' names: both have them."""
    store = transcript_store(database, lambda: NOW)
    fork: SessionKey = {"project_key": "-clone", "session_id": "s-2"}
    await store.append(KEY, [entry(1, "a")])
    await store.append(fork, [entry(1, "a")])
    assert await store.load(fork) == [entry(1, "a")]
