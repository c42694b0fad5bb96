"""The commands: `ove-gh serve` and `ove-gh demo`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ove_gh import __version__

BAD_SETTINGS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 stopped by an error, 2 settings or usage to be corrected."""
    options = _parser().parse_args(arguments)
    command: str = options.command
    if command == "demo":
        return _demo(interactive=options.interactive, keep=options.keep)
    return _serve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ove-gh",
        description="A GitHub App that lets people drive Claude Code from issue and pull-request comments.",
    )
    parser.add_argument("--version", action="version", version=f"ove-gh {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "serve",
        help="run the service; settings come from the environment and .env",
        description="Run the service. Settings come from the environment and from .env in the current folder.",
    )
    demo = commands.add_parser(
        "demo",
        help="play the whole story offline: the real service and agent, a simulated GitHub and model",
        description="Play the whole story offline: the real service and the real agent, a simulated GitHub and model.",
    )
    demo.add_argument("--interactive", action="store_true", help="write the comments and the answers yourself")
    demo.add_argument("--keep", metavar="FOLDER", type=Path, help="keep the repository and the data directory here")
    return parser


def _serve() -> int:
    from ove_gh.logs import set_up_logging
    from ove_gh.settings import SettingsError, read_settings

    try:
        settings = read_settings(os.environ, Path(".env"))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return BAD_SETTINGS
    set_up_logging(json_lines=settings.log_format == "json", level=settings.log_level)

    # All that is imported now stays as long as the process. Kept out of every garbage collection, while it loads and
    # at the exit too, it costs a second of processor time less at each start and stop.
    gc.disable()
    from ove_gh.app import CannotStart, serve

    gc.freeze()
    gc.enable()
    try:
        asyncio.run(serve(settings))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return BAD_SETTINGS
    return 0


def _demo(*, interactive: bool, keep: Path | None) -> int:
    from ove_gh.demo.story import play

    return play(interactive=interactive, keep=keep)
