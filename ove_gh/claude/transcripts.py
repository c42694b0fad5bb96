"""Session transcripts: where the table's key comes from, how one is laid out for the CLI, and what it says.

A transcript is the CLI's own JSON lines, kept by a session store of the SDK
(https://docs.claude.com/en/docs/agent-sdk/sessions). Before a session is resumed it is written to the turn's own config
folder, where the CLI looks for it, and the SDK is given a store that only records. Left to itself the SDK would lay the
transcript out in a temporary config folder: that stays behind when the service is killed, and hides the checklist that
the CLI keeps in its config folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from claude_agent_sdk import (
    SessionKey,
    SessionListSubkeysKey,
    SessionStore,
    SessionStoreEntry,
    SessionStoreListEntry,
    project_key_for_directory,
)
from claude_agent_sdk.types import SessionSummaryEntry


class ThreadTranscripts(SessionStore):
    """The transcripts of one thread in `store`, all under the same `key`.

    The SDK derives its project key from the working directory; a thread's clone may stand elsewhere on another machine.
    """

    def __init__(self, store: SessionStore, key: str) -> None:
        self._store = store
        self._key = key

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Record entries."""
        await self._store.append({**key, "project_key": self._key}, entries)

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """A whole transcript, or None."""
        return await self._store.load({**key, "project_key": self._key})

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:  # noqa: ARG002 - the protocol's
        """The thread's sessions."""
        return await self._store.list_sessions(self._key)

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:  # noqa: ARG002
        """The thread's sessions in short."""
        return await self._store.list_session_summaries(self._key)

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """The subagents' transcripts of a session."""
        return await self._store.list_subkeys({**key, "project_key": self._key})

    async def delete(self, key: SessionKey) -> None:
        """Forget a transcript."""
        await self._store.delete({**key, "project_key": self._key})


class _Recorder:
    """Takes what is new and has nothing to load: the CLI finds the transcript in its config folder."""

    def __init__(self, store: SessionStore, on_recorded: Callable[[list[SessionStoreEntry]], None]) -> None:
        self._store = store
        self._on_recorded = on_recorded

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        await self._store.append(key, entries)
        self._on_recorded(entries)

    async def load(self, _key: SessionKey) -> None:
        return None


def recorder(store: SessionStore, on_recorded: Callable[[list[SessionStoreEntry]], None]) -> SessionStore:
    """`store` as one that only records; `on_recorded` is called with what has been recorded, and must not raise."""
    return cast(SessionStore, _Recorder(store, on_recorded))  # the SDK looks for methods, and wants these two alone


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """The AskUserQuestion call in which a session was left."""

    tool_use_id: str


Entries = Sequence[SessionStoreEntry]


async def lay_out(
    store: SessionStore, session_id: str, *, workdir: Path, config_dir: Path
) -> list[SessionStoreEntry] | None:
    """Write a session's transcript to where the CLI resumes it from; its entries, or None if there is no such session.

    What the CLI itself left there is overwritten: the store is what survives, and both must tell the same story.
    """
    project = project_key_for_directory(workdir)
    entries = await store.load({"project_key": project, "session_id": session_id})
    if not entries:
        return None
    path = config_dir / "projects" / project / f"{session_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in _waiting_last(entries)), encoding="utf-8")
    return entries


def _waiting_last(entries: list[SessionStoreEntry]) -> list[SessionStoreEntry]:
    """The entries with the waiting question's at the end, because the CLI resumes the branch that ends in the last one.

    The result of a call beside the question may come after the question was deferred. It then ends a branch of its own,
    on which the CLI finds no question, and the model would be told that its question got no result.
    """
    waiting = waiting_call(entries)
    if waiting is None:
        return entries
    return sorted(entries, key=lambda entry: _defers(_as_mapping(entry), waiting.tool_use_id))


def _defers(entry: dict[str, Any], tool_use_id: str) -> bool:
    attachment = entry.get("attachment") or {}
    return attachment.get("type") == "hook_deferred_tool" and attachment.get("toolUseID") == tool_use_id


def waiting_call(entries: Entries) -> WaitingCall | None:
    """The question that the transcript ends in, if it has neither been answered nor been passed over since."""
    waiting: str | None = None
    for entry in map(_as_mapping, entries):
        if entry.get("isSidechain"):
            continue
        attachment = entry.get("attachment") or {}
        if entry.get("type") == "attachment" and attachment.get("type") == "hook_deferred_tool":
            waiting = str(attachment["toolUseID"])
        elif entry.get("type") == "user" and _ends_waiting(entry, waiting):
            waiting = None
    return WaitingCall(waiting) if waiting else None


def message_ids(entries: Iterable[SessionStoreEntry]) -> Iterator[str]:
    """The ids under which messages were sent that stand in the transcript, in their order.

    The CLI files a message in three ways: on its own, merged into one that came soon after, or within a turn that ran.
    """
    for entry in map(_as_mapping, entries):
        attachment = entry.get("attachment") or {}
        yield from filter(
            None, [*(entry.get("mergedSendUuids") or ()), entry.get("uuid"), attachment.get("source_uuid")]
        )


def tool_exchanges(entries: Entries) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Each tool call of the main conversation that has a result: its name, its input, the CLI's structured result."""
    calls: dict[str, dict[str, Any]] = {}
    for entry in map(_as_mapping, entries):
        if entry.get("isSidechain"):
            continue
        for block in _blocks(entry):
            if block.get("type") == "tool_use":
                calls[block["id"]] = block
            elif block.get("type") == "tool_result" and (call := calls.get(block["tool_use_id"])):
                yield call["name"], call["input"], entry.get("toolUseResult")


def _ends_waiting(entry: dict[str, Any], waiting: str | None) -> bool:
    results = [block["tool_use_id"] for block in _blocks(entry) if block.get("type") == "tool_result"]
    return waiting in results or not results


def _blocks(entry: dict[str, Any]) -> list[dict[str, Any]]:
    content = (entry.get("message") or {}).get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _as_mapping(entry: SessionStoreEntry) -> dict[str, Any]:
    return dict(entry)
