"""A place for the agent to work in: a clone, a config folder, a transcript store, and the model behind the real CLI."""

from __future__ import annotations

import asyncio
import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from claude_agent_sdk import InMemorySessionStore, SessionKey, SessionStore, project_key_for_directory

from ove_gh.agent import (
    Asked,
    Failed,
    Finished,
    Identity,
    Interjection,
    Limits,
    Outcome,
    Progress,
    TraceStep,
    TurnInput,
)
from ove_gh.claude.launch import ModelAccess
from ove_gh.claude.session import no_interest, run_turn
from ove_gh.claude.transcripts import ThreadTranscripts
from ove_gh.demo.model import ScriptedModel

KEY = "key-for-the-test"
ROUNDING: dict[str, Any] = {
    "question": "Which rounding should the total use?",
    "header": "Rounding",
    "options": [
        {"label": "Half even", "description": "what decimal does"},
        {"label": "Half up", "description": "what the shop page shows"},
    ],
    "multiSelect": False,
}
FILES: dict[str, Any] = {
    "question": "Which files may change?",
    "header": "Files",
    "options": [{"label": name, "description": ""} for name in ("cart.py", "shop.py", "total.py")],
    "multiSelect": True,
}


class Bell:
    """Lets an agent's command tell the test that it has come somewhere, with its process id, and wait there."""

    def __init__(self, folder: Path) -> None:
        self._bell, self._gate = folder / "bell", folder / "gate"
        os.mkfifo(self._bell)
        os.mkfifo(self._gate)

    @property
    def ring(self) -> str:
        """A shell command that rings, once."""
        return f"echo $$ $PPID > {self._bell}"

    @property
    def wait(self) -> str:
        """A shell command that waits for the test to open the gate."""
        return f"cat {self._gate}"

    async def rung(self) -> list[int]:
        """Wait for it; the process ids of the shell and of the CLI."""
        return [int(pid) for pid in (await asyncio.to_thread(self._bell.read_text)).split()]

    async def open_gate(self) -> None:
        """Let the command that waits go on."""
        await asyncio.to_thread(self._gate.write_text, "")


@dataclass
class Scene:
    """One thread's clone and session on one machine."""

    folder: Path
    model: ScriptedModel
    service: str
    store: SessionStore = field(default_factory=InMemorySessionStore)
    access: ModelAccess = field(init=False)
    config_dir: Path = field(init=False)

    def __post_init__(self) -> None:
        self.access = ModelAccess(KEY, self.model.base_url)
        self.config_dir = self.folder / "config"
        self.workdir.mkdir(parents=True)

    @property
    def workdir(self) -> Path:
        return self.folder / "clone"

    def on_another_machine(self) -> Scene:
        """The same thread where nothing but the clone and the transcripts has survived."""
        other = copy.copy(self)
        other.config_dir = self.folder / "another-config"
        return other

    def keyed(self, key: str) -> Scene:
        """The same scene with all transcripts under one key of the thread's own."""
        other = copy.copy(self)
        other.store = ThreadTranscripts(self.store, key)
        return other

    def turn(self, prompt: str | None = None, *, limits: Limits | None = None, **more: Any) -> TurnInput:
        """A turn in this scene."""
        return TurnInput(
            workdir=self.workdir,
            config_dir=self.config_dir,
            author=Identity("ove[bot]", "ove@example.invalid"),
            co_author=None,
            limits=limits or Limits(turns=20, budget_usd=10, seconds=60),
            prompt=prompt,
            **more,
        )

    async def run(
        self,
        prompt: str | None = None,
        *,
        on_progress: Callable[[Progress], None] = no_interest,
        interjections: asyncio.Queue[Interjection] | None = None,
        on_taken: Callable[[int], None] = no_interest,
        on_step: Callable[[TraceStep], None] = no_interest,
        **more: Any,
    ) -> Outcome:
        """Run a turn in this scene."""
        return await run_turn(
            self.turn(prompt, **more),
            model_access=self.access,
            transcripts=self.store,
            on_progress=on_progress,
            service=self.service,
            interjections=interjections,
            on_taken=on_taken,
            on_step=on_step,
        )

    async def finish(self, prompt: str | None = None, **more: Any) -> Finished:
        """Run a turn that must finish."""
        outcome = await self.run(prompt, **more)
        assert isinstance(outcome, Finished), outcome
        return outcome

    async def ask(self, prompt: str | None = None, **more: Any) -> Asked:
        """Run a turn that must end in a question."""
        outcome = await self.run(prompt, **more)
        assert isinstance(outcome, Asked), outcome
        return outcome

    async def fail(self, prompt: str | None = None, **more: Any) -> Failed:
        """Run a turn that must fail."""
        outcome = await self.run(prompt, **more)
        assert isinstance(outcome, Failed), outcome
        return outcome

    async def recorded(self, tool: str) -> None:
        """Wait until the transcript holds a call of this tool; the CLI hands it over some 100 ms after it was made."""
        await self.holds(f'"name": "{tool}"')

    async def holds(self, words: str, *, project: str | None = None) -> None:
        """Wait until a transcript, as JSON, holds these words. `project` is its key, if not the clone's."""
        store = self.store
        assert isinstance(store, InMemorySessionStore)
        project = project or project_key_for_directory(self.workdir)
        async with asyncio.timeout(20):
            while True:
                for listed in await store.list_sessions(project):
                    key = SessionKey(project_key=project, session_id=listed["session_id"])
                    if words in json.dumps(await store.load(key)):
                        return
                await asyncio.sleep(0.01)

    async def spoil_transcript(self, session_id: str) -> None:
        """Put something into the store that is no transcript."""
        key = {"project_key": project_key_for_directory(self.workdir), "session_id": session_id}
        await self.store.append(cast(SessionKey, key), [{"type": "nonsense"}])
