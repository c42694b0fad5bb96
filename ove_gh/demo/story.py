"""`ove-gh demo`: sets the stage, lets the story happen, and sees to it that nothing is left running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ove_gh.demo.github import Comment, Kind, Pull, SimulatedGitHub, WaitedInVain
from ove_gh.demo.interactive import converse
from ove_gh.demo.model import Hang, ScriptedModel, hang
from ove_gh.demo.narrator import CHECKING, RED, Deed, Narrator, is_status
from ove_gh.demo.processes import claude_processes
from ove_gh.demo.reading import dollars
from ove_gh.demo.script import ADDITION, FOLLOW_UP, ISSUE_BODY, ISSUE_TITLE, REQUEST, script
from ove_gh.demo.stage import REPOSITORY, SHOP_JOBS, SLUG, ServiceDied, Stage, staged
from ove_gh.demo.terminal import Terminal
from ove_gh.demo.watching import (
    by_the_app,
    has_failed,
    newest_question,
    newest_status,
    status_begins,
    while_alive,
)

BAD_USAGE = 2
STOPPED = 130
"""What a shell says of a program that was stopped by Ctrl-C."""

LIMIT = 120.0
"""Seconds after which something must be wrong, however slow the machine is."""

STATUS_INTERVAL = "0.1s"
"""Seconds between two edits of the status comment: a story of ten seconds would skip most of them otherwise."""

LOG_LINES = 15

NEXT = "Next: put it on your own repository (README.md), or be alice yourself: make demo ARGS=--interactive"

T = TypeVar("T")


class WentWrong(Exception):
    """The story did not go as it should; the message says where it stopped."""


def play(*, interactive: bool, keep: Path | None) -> int:
    """Play the story in this terminal; `keep` is a folder for what would be thrown away at the end.

    Returns the exit status: 0 when all went well, 1 when something failed, 2 for a folder that cannot be used, 130
    when it was stopped.
    """
    terminal = Terminal(sys.stdout, os.environ)
    problem = _cannot_play(keep)
    if problem:
        print(problem, file=sys.stderr)
        return BAD_USAGE
    with _folder(keep) as folder:
        try:
            return asyncio.run(_stoppable(_play(terminal, folder, interactive=interactive, keep=keep is not None)))
        except (KeyboardInterrupt, asyncio.CancelledError):
            terminal.blank()
            terminal.title("Stopped. Nothing is left running.")
            return STOPPED


def _cannot_play(keep: Path | None) -> str:
    if shutil.which("git") is None:
        return "The demo needs git: it pushes and fetches for real. Install it, and start the demo again."
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        return f"{keep} is not an empty folder. Name a new one, or leave --keep out."
    return ""


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="ove-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


async def _stoppable(playing: Awaitable[int]) -> int:
    """Let SIGTERM and a closed terminal end the story as Ctrl-C does: from the inside, with everything put away."""
    me = asyncio.current_task()
    assert me is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    return await playing


async def _play(terminal: Terminal, folder: Path, *, interactive: bool, keep: bool) -> int:
    _introduce(terminal, interactive=interactive)
    service_log = folder / "service.log"
    try:
        began = time.monotonic()
        async with staged(folder, {"OVE_STATUS_INTERVAL": STATUS_INTERVAL}, jobs=SHOP_JOBS) as stage:
            pause = None if interactive else hang()
            stage.model.when(lambda _: True, script(pause))
            _say_ready(terminal, stage, time.monotonic() - began)
            narrator = Narrator(terminal, stage.github, SLUG)
            if pause is None:
                await converse(terminal, stage, narrator)
            else:
                async with asyncio.timeout(LIMIT):
                    await _tell(terminal, stage, narrator, pause)
            _sum_up(terminal, narrator, stage.github)
            if keep:
                await _keep(terminal, stage, folder)
    except (WentWrong, WaitedInVain, ServiceDied, TimeoutError) as error:
        problem = str(error).partition("\n")[0] or f"It took longer than {LIMIT:.0f} s."
        _say_what_went_wrong(terminal, problem, service_log)
        return 1
    except Exception:
        _say_what_went_wrong(terminal, "This is a mistake of the demo's own:", service_log)
        raise
    return 0


# -- the story ---------------------------------------------------------------------------------------------------------


async def _tell(terminal: Terminal, stage: Stage, narrator: Narrator, pause: Hang) -> None:
    github = stage.github
    stage.ci.held = True
    await terminal.breathe()
    number = github.open_issue(REPOSITORY, "alice", ISSUE_TITLE, ISSUE_BODY).number
    await terminal.breathe()
    github.comment(REPOSITORY, number, "alice", f"@{SLUG} {REQUEST}")
    await _count_while_it_works(narrator, stage)
    await _until(stage, _has_asked, "the question")
    await github.settled()
    await terminal.breathe()
    await _survive(terminal, narrator, stage)
    await terminal.breathe()
    github.comment(REPOSITORY, number, "alice", "1")
    await _let_ci_run(terminal, narrator, stage, "whether CI takes seconds or hours")
    await _until(stage, lambda github: status_begins(github, RED), "the word about the red check")
    await _show_report(narrator, stage)
    await _let_ci_run(terminal, narrator, stage)
    pull, status = await _until(stage, _finished, "the end")
    await github.settled()
    await terminal.breathe()
    narrator.show_status(status)
    await terminal.breathe()
    await _follow_up(terminal, narrator, stage, pull, pause)
    _check(stage, pull, number)


async def _count_while_it_works(narrator: Narrator, stage: Stage) -> None:
    """Count the processes while the agent works, so that the count while it waits can be believed."""
    await while_alive(stage.service, stage.model.wait_for(lambda model: len(model.requests) >= 4, LIMIT))
    running = claude_processes(stage.data_dir)
    if running:
        memory = sum(process.memory for process in running) / 1e6
        narrator.line(f"Claude processes: {len(running)}", f"pid {running[0].pid}, {memory:.0f} MB")


async def _survive(terminal: Terminal, narrator: Narrator, stage: Stage) -> None:
    """While the question waits there is no process; then there is not even a service."""
    narrator.scene("It waits, and that costs nothing")
    if await _no_claude(stage):
        narrator.line("Claude processes: 0", "the question and the conversation are rows in SQLite")
    service = stage.service
    assert service.process is not None
    await terminal.breathe()
    pid = service.process.pid
    await service.kill()
    narrator.line(f"kill -9 {pid}: the service is gone", "no warning, no clean-up")
    killed = Deed("the kill", narrator.now)
    await service.restart()
    took = narrator.note("The service is back", killed)
    narrator.line(f"Started again, ready after {took:.1f} s: pid {service.process.pid}", "the question still stands")


async def _let_ci_run(terminal: Terminal, narrator: Narrator, stage: Stage, remark: str = "") -> None:
    """CI gets its runner when the service waits for it, and nothing of the agent runs any more."""
    await _until(stage, _waits_for_checks, "the checks")
    await stage.github.settled()
    if await _no_claude(stage):
        narrator.line("Claude processes: 0", remark)
    await terminal.breathe()
    stage.ci.release()


async def _show_report(narrator: Narrator, stage: Stage) -> None:
    """The model is told what failed in the session that it knows: its first words show that."""

    def report(model: ScriptedModel) -> str:
        return next((one.last_text for one in model.requests if "<check_results" in one.last_text), "")

    await while_alive(stage.service, stage.model.wait_for(report, LIMIT))
    took = narrator.note("The session has the report")
    lines = len(report(stage.model).splitlines())
    narrator.line(
        f"The session has the report, {took:.1f} s later", f"{lines} lines: what failed, where, the log's end"
    )


async def _follow_up(terminal: Terminal, narrator: Narrator, stage: Stage, pull: Pull, pause: Hang) -> None:
    """More is asked on the pull request, and somebody else has a word in it; the model holds still until it has it."""
    github = stage.github
    asked = github.comment(REPOSITORY, pull.number, "bob", f"@{SLUG} {FOLLOW_UP}")
    await _until(stage, lambda github: asked.reactions and status_begins(github, "Working"), "the follow-up's status")
    await while_alive(stage.service, pause.reached.wait())
    narrator.note("The session goes on")
    replies = stage.model.requests[-1].replies
    narrator.line("The session of the issue goes on", f"with all that was said: {replies} replies of the model so far")
    await terminal.breathe()
    added = github.comment(REPOSITORY, pull.number, "alice", f"@{SLUG} {ADDITION}")
    await _until(stage, lambda _: added.reactions, "the eyes on the addition")
    await while_alive(stage.service, _handed_over(stage, ADDITION))
    narrator.line("It is handed to the turn that runs", "no second task, no wait in line")
    pause.release()
    await _let_ci_run(terminal, narrator, stage)
    _, status = await _until(stage, _finished, "the end of the follow-up")
    await github.settled()
    await terminal.breathe()
    narrator.show_status(status)


async def _handed_over(stage: Stage, words: str) -> None:
    """Wait until the CLI has got what somebody said: it writes that into the transcript at once."""
    query = "SELECT 1 FROM transcripts WHERE instr(entry, ?)"
    with contextlib.closing(sqlite3.connect(f"file:{stage.data_dir / 'ove.db'}?mode=ro", uri=True)) as connection:
        while True:
            if connection.execute(query, [words]).fetchone():
                return
            await asyncio.sleep(0.02)


async def _no_claude(stage: Stage) -> bool:
    """Wait until no Claude process is left; False where they cannot be counted."""
    for _ in range(100):
        running = claude_processes(stage.data_dir)
        if not running:
            return running is not None
        await asyncio.sleep(0.02)
    raise WentWrong("A Claude process still runs although there is nothing to do for it.")


def _has_asked(github: SimulatedGitHub) -> bool:
    return newest_question(github) is not None and status_begins(github, "Waiting for an answer")


def _waits_for_checks(github: SimulatedGitHub) -> bool:
    """Whether the status comment and the App's own check say that it waits for the others."""
    pulls = github.pulls(REPOSITORY)
    shown = github.checks(REPOSITORY, pulls[0].head_sha) if pulls else []
    return status_begins(github, CHECKING) and any(check.app.slug == SLUG for check in shown)


def _finished(github: SimulatedGitHub) -> tuple[Pull, Comment] | None:
    """The pull request and the status, once everything has been said and asked, and the App's own check has ended."""
    status, pulls = newest_status(github), github.pulls(REPOSITORY)
    if status is None or not status_begins(github, "Done"):
        return None
    if not pulls:
        raise WentWrong("The task ended without a pull request.")
    checked = all(check.status == "completed" for check in github.checks(REPOSITORY, pulls[0].head_sha))
    return (pulls[0], status) if pulls[0].requested_reviewers and checked else None


async def _until(stage: Stage, predicate: Callable[[SimulatedGitHub], T | None], what: str) -> T:
    """Wait for something on GitHub; a failure that the App reports, or a service that dies, ends the wait."""

    def look(github: SimulatedGitHub) -> T | None:
        if has_failed(github):
            raise WentWrong(f"The App says that it could not finish, while I waited for {what}.")
        return predicate(github)

    found = await while_alive(stage.service, stage.github.wait_for(look, timeout=LIMIT, what=what))
    assert found is not None
    return found


def _check(stage: Stage, pull: Pull, number: int) -> None:
    """The demo is also a proof: what it shows must be what it says."""
    if stage.model.surprises:
        raise WentWrong(f"The model was asked for something that its script does not know: {stage.model.surprises[0]}")
    diff = stage.github.diff(REPOSITORY, pull.base, pull.head)
    if 'return Decimal("0.00")' not in diff:
        raise WentWrong("The pull request does not hold the change that was decided, as CI wants it.")
    if "+For an empty cart the page shows `0.00`" not in diff:
        raise WentWrong("The pull request does not hold what the follow-up asked for.")
    if ">>>" in diff:
        raise WentWrong("What was added while the agent worked did not reach it in time.")
    if len(stage.model.conversations) != 1 or sum(is_status(one.body) for one in by_the_app(stage.github)) != 2:
        raise WentWrong("It was not one session with two tasks.")
    if any(check.conclusion != "success" for check in stage.github.checks(REPOSITORY, pull.head_sha)):
        raise WentWrong("The checks of the pull request are not all green.")
    if f"Closes #{number}" not in (pull.body or ""):
        raise WentWrong("The pull request does not close the issue.")


# -- what is said around it --------------------------------------------------------------------------------------------


def _introduce(terminal: Terminal, *, interactive: bool) -> None:
    terminal.blank()
    terminal.title("ove-gh: from a comment to a green pull request, with a question and a red check in between")
    terminal.blank()
    terminal.facts(
        [
            ("Real", "the service, Claude Code's CLI, git, SQLite, signed webhooks, expiring tokens, CI's tests"),
            ("Simulated", "GitHub itself, and the model, which follows a script; nothing leaves this machine"),
            ("No walls", "in this version the agent's commands run as you, without a sandbox around them"),
        ]
    )
    if interactive:
        terminal.blank()
        terminal.title("You write the comments. The model only knows how to mend the shop's cart, whatever you ask.")


def _say_ready(terminal: Terminal, stage: Stage, took: float) -> None:
    assert stage.service.process is not None
    terminal.blank()
    terminal.line(None, f"The service is up after {took:.1f} s", aside=f"ove-gh serve, pid {stage.service.process.pid}")


def _sum_up(terminal: Terminal, narrator: Narrator, github: SimulatedGitHub) -> None:
    if narrator.moments:
        narrator.scene("What took how long")
        rows = [(step.what, f"{step.at:.1f} s", f"{step.after:.1f} s after {step.deed}") for step in narrator.moments]
        terminal.table(("Step", "at", "which is"), rows)
    written = list(by_the_app(github))
    edits = sum(len(comment.history) - 1 for comment in written)
    minted = sum(h.kind is Kind.TOKEN_MINTED and h.text.endswith(f"for {REPOSITORY}") for h in github.history)
    webhooks = sum(h.kind is Kind.WEBHOOK_DELIVERED for h in github.history)
    cost = sum(dollars(comment.body) for comment in written if is_status(comment.body))
    terminal.facts(
        [
            ("Comments by the App", f"{len(written)}, edited {edits} times in place, which notifies nobody"),
            ("Cost", f"${cost:.2f} by the model's price list; the script itself costs nothing"),
            ("Behind it", f"{webhooks} signed webhooks, {minted} tokens, each for {REPOSITORY} alone"),
        ]
    )
    terminal.blank()
    terminal.title(NEXT)


def _say_what_went_wrong(terminal: Terminal, problem: str, service_log: Path) -> None:
    terminal.blank()
    if service_log.exists():
        lines = service_log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        terminal.log("\n".join(lines), "the service's last log lines")
    terminal.line(None, f"The demo failed. {problem}", style="bad")


async def _keep(terminal: Terminal, stage: Stage, folder: Path) -> None:
    """A clone of the repository, on the branch of the pull request if there is one."""
    pulls = stage.github.pulls(REPOSITORY)
    branch = ["--branch", pulls[-1].head] if pulls and pulls[-1].state == "open" else []
    name = REPOSITORY.partition("/")[2]
    git = await asyncio.create_subprocess_exec(
        *("git", "clone", "--quiet", *branch, f"{stage.github.server_url}/{REPOSITORY}.git", str(folder / name)),
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder / "home"), "GIT_TERMINAL_PROMPT": "0"},
    )
    if await git.wait() != 0:
        raise WentWrong("git could not clone the repository to keep it.")
    terminal.line(None, f"Kept in {folder}: {name} (the repository), data (the service's), service.log")
