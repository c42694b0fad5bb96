"""Claude's transcripts as rows: the Agent SDK's session store, so that a session resumes on any machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from claude_agent_sdk import SessionKey, SessionListSubkeysKey, SessionStore, SessionStoreEntry, SessionStoreListEntry
from sqlalchemy import ColumnElement, and_, delete, func, insert, select

from ove_gh.store.database import Database
from ove_gh.store.tables import transcripts
from ove_gh.store.transaction import Transaction


def transcript_store(database: Database, clock: Callable[[], float]) -> SessionStore:
    """The `transcripts` table as the SDK's session store. `clock` gives seconds since the epoch."""
    # The SDK looks for the methods a store has; the protocol's class would make every optional one look present.
    return cast(SessionStore, TranscriptTable(database, clock))


class TranscriptTable:
    """Implements https://docs.claude.com/en/docs/agent-sdk/sessions on the `transcripts` table."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Add entries in order; one whose uuid is there already is left as it is."""
        async with self._database.writing() as connection:
            known = await _known_uuids(connection, key, entries)
            rows = []
            for entry in entries:
                uuid = entry.get("uuid")
                if uuid is not None and uuid in known:
                    continue
                known.add(uuid)
                rows.append({**_columns(key), "uuid": uuid, "entry": entry, "written_at": self._clock()})
            if rows:
                await connection.execute(insert(transcripts), rows)

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """All entries of a session (or of one of its subagents) in order; None when there are none."""
        async with self._database.reading() as connection:
            rows = await connection.scalars(select(transcripts.c.entry).where(_is(key)).order_by(transcripts.c.id))
            return cast(list[SessionStoreEntry], list(rows)) or None

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """The sessions of a project with the time of their last entry, in milliseconds since the epoch."""
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(transcripts.c.session_id, func.max(transcripts.c.written_at).label("mtime"))
                .where(transcripts.c.project_key == project_key, transcripts.c.subpath == "")
                .group_by(transcripts.c.session_id)
            )
            return [{"session_id": row.session_id, "mtime": int(row.mtime * 1000)} for row in rows]

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """The subagent transcripts of a session."""
        async with self._database.reading() as connection:
            rows = await connection.scalars(
                select(transcripts.c.subpath)
                .where(_in_session(key["project_key"], key["session_id"]), transcripts.c.subpath != "")
                .distinct()
            )
            return list(rows)

    async def delete(self, key: SessionKey) -> None:
        """Remove a session with its subagents, or one subagent's transcript."""
        where = _is(key) if key.get("subpath") else _in_session(key["project_key"], key["session_id"])
        async with self._database.writing() as connection:
            await connection.execute(delete(transcripts).where(where))


async def _known_uuids(connection: Transaction, key: SessionKey, entries: list[SessionStoreEntry]) -> set[str | None]:
    uuids = [entry["uuid"] for entry in entries if entry.get("uuid")]
    if not uuids:
        return set()
    rows = await connection.scalars(select(transcripts.c.uuid).where(_is(key), transcripts.c.uuid.in_(uuids)))
    return set(rows)


def _columns(key: SessionKey) -> dict[str, Any]:
    return {
        "project_key": key["project_key"],
        "session_id": key["session_id"],
        "subpath": key.get("subpath") or "",
    }


def _is(key: SessionKey) -> ColumnElement[bool]:
    return and_(
        _in_session(key["project_key"], key["session_id"]),
        transcripts.c.subpath == (key.get("subpath") or ""),
    )


def _in_session(project_key: str, session_id: str) -> ColumnElement[bool]:
    return and_(transcripts.c.project_key == project_key, transcripts.c.session_id == session_id)
