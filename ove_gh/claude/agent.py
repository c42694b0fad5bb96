"""The agent as the service holds it: one model access, and a place and a transcript for each thread."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from claude_agent_sdk import InMemorySessionStore, SessionStore

from ove_gh.agent import Identity, Interjection, Limits, Outcome, Progress, TraceStep, TurnInput
from ove_gh.claude.launch import ModelAccess
from ove_gh.claude.session import no_interest, run_turn
from ove_gh.claude.transcripts import ThreadTranscripts


class ClaudeAgent:
    """Runs turns with Claude Code.

    `home` holds a folder for each thread, with the CLI's configuration and the agent's own HOME. `service` marks the
    processes as this data directory's; `extra_path` comes before the system's folders in the agent's PATH.
    """

    def __init__(
        self,
        model_access: ModelAccess,
        transcripts: SessionStore,
        *,
        home: Path,
        service: str,
        extra_path: Sequence[str] = (),
    ) -> None:
        self._model_access, self._transcripts = model_access, transcripts
        self._home, self._service, self._extra_path = home, service, tuple(extra_path)

    def config_dir(self, thread_id: int) -> Path:
        """Where the CLI keeps what it keeps for a thread."""
        return self._home / str(thread_id)

    async def answer(
        self, prompt: str, schema: Mapping[str, Any], *, limits: Limits, model: str | None, author: Identity
    ) -> Outcome:
        """Put one question to the model, without tools and outside of any thread; Finished has an answer that fits."""
        with tempfile.TemporaryDirectory(prefix="ove-answer-", ignore_cleanup_errors=True) as folder:
            turn = TurnInput(
                workdir=Path(folder) / "empty",
                config_dir=Path(folder) / "config",
                author=author,
                co_author=None,
                limits=limits,
                model=model,
                prompt=prompt,
                may_ask=False,
                answer_schema=schema,
            )
            turn.workdir.mkdir()
            return await run_turn(
                turn,
                model_access=self._model_access,
                transcripts=InMemorySessionStore(),
                on_progress=no_interest,
                service=self._service,
                extra_path=self._extra_path,
            )

    async def run_turn(
        self,
        turn: TurnInput,
        *,
        thread_id: int,
        on_progress: Callable[[Progress], None],
        interjections: asyncio.Queue[Interjection] | None = None,
        on_taken: Callable[[int], None] = no_interest,
        on_step: Callable[[TraceStep], None] = no_interest,
    ) -> Outcome:
        """Run one turn of a thread to its end; see `ove_gh.claude.session.run_turn`."""
        return await run_turn(
            turn,
            model_access=self._model_access,
            transcripts=ThreadTranscripts(self._transcripts, f"thread-{thread_id}"),
            on_progress=on_progress,
            service=self._service,
            extra_path=self._extra_path,
            interjections=interjections,
            on_taken=on_taken,
            on_step=on_step,
        )
