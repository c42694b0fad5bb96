"""What people write while a turn runs: handed to the CLI message by message, and known to be taken or not.

The CLI puts what it is sent into a queue of its own, and takes from it between two requests to the model: into the turn
that runs or, after its result, as a further turn. What it takes it echoes (`--replay-user-messages`) and writes to the
transcript, both under the id that the message was sent with. The echo tells where in the conversation a message stands.
The transcript is what a session is resumed from: a message counts as taken once it stands there, and then only.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from claude_agent_sdk import Message, ResultMessage, SessionStoreEntry, SystemMessage, UserMessage

from ove_gh.agent import Interjection
from ove_gh.claude.transcripts import Entries, message_ids

NAMESPACE = uuid.UUID("8a1d1a64-2a0d-4a57-9d0c-0f3b1f1f6c53")
"""An interjection has the same message id in every turn, so that one which the session knows is not sent again."""


class Interjections:
    """Those of one turn. `queue` is None for a turn that takes none; `entries` is the transcript that it resumes."""

    def __init__(
        self, queue: asyncio.Queue[Interjection] | None, on_taken: Callable[[int], None], entries: Entries = ()
    ) -> None:
        self._queue = queue
        self._on_taken = on_taken
        self._known = set(message_ids(entries)) if queue is not None else set()
        self._sent: dict[str, Interjection] = {}
        self._unheard: set[str] = set()
        self._kept: list[Interjection] = []
        self._begun = asyncio.Event()
        self._held = False

    @property
    def flags(self) -> dict[str, str | None]:
        """What the CLI must be told, as further arguments."""
        return {} if self._queue is None else {"replay-user-messages": None}

    @property
    def waiting(self) -> bool:
        """Whether the CLI has been sent something that it has not taken up yet, and will."""
        return bool(self._unheard)

    def hold(self) -> None:
        """Send nothing more in this turn."""
        self._held = True

    async def pass_on(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Send what comes, until cancelled.

        Nothing is sent before the CLI has begun: it would merge it with the prompt.
        """
        if self._queue is None:
            return
        await self._begun.wait()
        while True:
            interjection = await self._queue.get()
            key = message_id(interjection)
            if key in self._known:
                self._tell(interjection)
            elif self._held:
                self._kept.append(interjection)
            elif key not in self._sent:
                self._sent[key] = interjection
                self._unheard.add(key)
                await send(user_message(interjection.text, key))

    def see(self, message: Message) -> list[Interjection]:
        """Take one message of the CLI into account; returns what it has just taken up."""
        heard: set[str] = set()
        if isinstance(message, SystemMessage) and message.subtype == "init":
            self._begun.set()
        elif isinstance(message, UserMessage):
            heard = self._unheard & {message.uuid or ""}
        elif isinstance(message, ResultMessage):
            heard = self._unheard & set(message.user_message_uuids or ())
        self._unheard -= heard
        return [interjection for key, interjection in self._sent.items() if key in heard]

    def recorded(self, entries: Iterable[SessionStoreEntry]) -> None:
        """Take note of what has been added to the transcript."""
        for key in message_ids(entries):
            if key in self._sent and key not in self._known:
                self._known.add(key)
                self._tell(self._sent[key])

    def give_back(self) -> None:
        """Put what was not taken back to the head of the queue, in its order."""
        if self._queue is None:
            return
        rest = [interjection for key, interjection in self._sent.items() if key not in self._known] + self._kept
        while not self._queue.empty():
            rest.append(self._queue.get_nowait())
        for interjection in rest:
            self._queue.put_nowait(interjection)

    def _tell(self, taken: Interjection) -> None:
        # Not within the store's append: the SDK would take an exception for a failed write, and write again.
        asyncio.get_running_loop().call_soon(self._on_taken, taken.id)


def message_id(interjection: Interjection) -> str:
    """The id under which an interjection stands in a transcript."""
    return str(uuid.uuid5(NAMESPACE, str(interjection.id)))


def user_message(content: str | list[dict[str, Any]], key: str | None = None) -> dict[str, Any]:
    """A user message as the CLI reads it; `key` is its id."""
    message = {"type": "user", "message": {"role": "user", "content": content}, "parent_tool_use_id": None}
    return message if key is None else {**message, "uuid": key}
