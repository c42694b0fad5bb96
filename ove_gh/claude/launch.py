"""How the Claude CLI is started: which environment it gets, and the small launcher that the SDK runs in its stead.

The SDK merges the service's own environment into the CLI's, so the launcher drops everything but the names listed here
and then runs `supervise.py`, which keeps the CLI and all that it starts from outliving the turn. Walls (bubblewrap) fit
between the two: they go in front of the CLI's path in `launcher`.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import claude_agent_sdk

from ove_gh.agent import TurnInput

TURN_OF = "OVE_TURN_OF"
"""Environment variable of everything below a turn: which data directory's service started it."""

TURN = "OVE_TURN"
"""Environment variable of everything below a turn: which turn it was."""

SUPERVISE = Path(__file__).with_name("supervise.py")

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

MAX_RETRIES = 15
"""How often the CLI repeats a request; it accepts no more than that. `ModelAccess.patience` ends it earlier."""

SET_BY_THE_SDK = ("CLAUDE_CODE_ENTRYPOINT", "CLAUDE_AGENT_SDK_VERSION", "CLAUDE_CODE_SDK_READS_SESSION_STATE", "PWD")

QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
}
"""Nothing but the model is called: no telemetry, no update, no title for a session that has no list to stand in."""

NARROWED = {
    # A shell or helper in the background would outlive the turn; without the switch the tools do not offer one.
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_CRON": "1",
    # The CLI's own notes beside the conversation: what it should know stands in the thread and in the repository.
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    # Advice on commits and pull requests (“Generated with …”) that contradicts what the service does with them.
    "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS": "1",
    # CLAUDE.md of an added directory, and nothing else of its `.claude`: see session.py.
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
}


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """How the CLI reaches the model.

    `patience` is for how many seconds the model may stay silent or refuse for the moment (429, 5xx, 529) before the
    turn gives up.
    """

    api_key: str
    base_url: str
    patience: float = 600


def bundled_cli() -> Path:
    """The CLI binary inside the SDK's wheel."""
    return Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"


def environment(
    turn: TurnInput, model_access: ModelAccess, *, service: str, turn_id: str, extra_path: Sequence[str] = ()
) -> dict[str, str]:
    """The whole environment of the CLI, and so of every command of the agent; nothing of the service's own is in it.

    `service` and `turn_id` mark all processes of the turn, `extra_path` is searched before the system's folders.
    """
    return {
        "ANTHROPIC_API_KEY": model_access.api_key,
        "ANTHROPIC_BASE_URL": model_access.base_url,
        "API_TIMEOUT_MS": str(round(model_access.patience * 1000)),
        "CLAUDE_CODE_MAX_RETRIES": str(MAX_RETRIES),
        "CLAUDE_CONFIG_DIR": str(turn.config_dir),
        "HOME": str(home(turn)),
        "TMPDIR": str(scratch(turn)),
        "CLAUDE_CODE_TMPDIR": str(scratch(turn)),
        "PATH": os.pathsep.join((*extra_path, *SYSTEM_PATH)),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "SHELL": "/bin/bash",
        "GIT_AUTHOR_NAME": turn.author.name,
        "GIT_AUTHOR_EMAIL": turn.author.email,
        "GIT_COMMITTER_NAME": turn.author.name,
        "GIT_COMMITTER_EMAIL": turn.author.email,
        "GIT_TERMINAL_PROMPT": "0",
        TURN_OF: service,
        TURN: turn_id,
        **QUIET,
        **NARROWED,
    }


def home(turn: TurnInput) -> Path:
    """The HOME of the agent's commands; it stays from turn to turn."""
    return turn.config_dir / "home"


def scratch(turn: TurnInput) -> Path:
    """The temporary folder of the agent's commands; it stays from turn to turn."""
    return turn.config_dir / "tmp"


@contextmanager
def launcher(names: Mapping[str, str], cli: Path) -> Iterator[Path]:
    """A program that runs `cli` with the environment variables in `names` alone; it is there while the context is open.

    Only the names are written to it: the values come through the environment that the SDK hands over.
    """
    with tempfile.TemporaryDirectory(prefix="ove-launch-") as folder:
        path = Path(folder) / "claude"
        path.write_text(_script([*names, *SET_BY_THE_SDK], [str(cli)]), encoding="utf-8")
        path.chmod(0o700)
        yield path


def _script(names: Sequence[str], command: Sequence[str]) -> str:
    kept = " ".join(f'${{{name}+"{name}=${name}"}}' for name in dict.fromkeys(names))
    supervise = [sys.executable, "-I", "-S", str(SUPERVISE), str(os.getpid())]
    return f'#!/bin/sh\nexec /usr/bin/env -i {kept} {shlex.join([*supervise, *command])} "$@"\n'
