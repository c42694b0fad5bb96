"""`ove-gh demo --interactive`: the person at the keyboard writes the comments, and sees what comes of them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ove_gh.demo.github import Comment, Refused, WaitedInVain
from ove_gh.demo.narrator import ENDS, Narrator
from ove_gh.demo.reading import Box, boxes, plain
from ove_gh.demo.script import ISSUE_BODY, ISSUE_TITLE, REQUEST
from ove_gh.demo.stage import REPOSITORY, SLUG, Stage
from ove_gh.demo.terminal import Terminal
from ove_gh.demo.watching import by_the_app, newest_question, newest_status, status_begins, while_alive

PEOPLE = ("alice", "bob", "mallory")

PATIENCE = 60.0
"""Seconds to watch one piece of work before the prompt comes back."""

REACTION_WITHIN = 3.0
"""Seconds within which the App shows that it has seen a comment; if it has not, it was not addressed."""

HELP = (
    ("any words", "a comment by alice; @ove calls the App; a \\ at the end of a line goes on in the next one"),
    ("1 or a name", "while a question waits: the answer, by number, by name, or in your own words"),
    ("tick 1", "tick a box in the question instead; tick send, where there is such a box"),
    ("as bob ...", "the same by somebody else: bob may write to the repository, mallory may not"),
    ("kill", "kill -9 the service, and start it again"),
    ("merge", "merge the pull request as alice"),
    ("wait", "watch what goes on, until it is quiet"),
    ("say ...", "a comment that begins like a command"),
    ("quit", "the end; so is Ctrl-D"),
)


# -- what somebody types -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say:
    """A comment."""

    by: str
    words: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A click on a box, named by its number or its words."""

    by: str
    box: str


@dataclass(frozen=True, slots=True)
class Do:
    """One of the words that stand alone: help, kill, merge, quit, wait."""

    what: str


Command = Say | Tick | Do

_ALONE = frozenset({"help", "kill", "merge", "quit", "wait"})
_AS = re.compile(rf"as ({'|'.join(PEOPLE)})\s+(.+)", re.DOTALL)


def read_command(typed: str, suggestion: str = "") -> Command:
    """What was typed, as a command; an empty line stands for the suggestion, and for help where there is none."""
    words = typed.strip() or suggestion or "help"
    if words.lower() in _ALONE:
        return Do(words.lower())
    by = "alice"
    if found := _AS.fullmatch(words):
        by, words = found[1], found[2].strip()
    verb, _, rest = words.partition(" ")
    if verb == "tick" and rest.strip():
        return Tick(by, rest.strip())
    return Say(by, rest.strip() if verb == "say" and rest.strip() else words)


def find_box(choices: Sequence[Box], wanted: str) -> Box | None:
    """The open box that somebody means, by its number or by the beginning of its words."""
    for box in choices:
        words = plain(box.markdown).lower()
        number, _, label = words.partition(". ")
        if not box.ticked and (wanted.lower() == number or (label or words).startswith(wanted.lower())):
            return box
    return None


# -- the conversation --------------------------------------------------------------------------------------------------


async def converse(terminal: Terminal, stage: Stage, narrator: Narrator) -> None:
    """Read and carry out commands until the person has had enough."""
    number = stage.github.open_issue(REPOSITORY, "alice", ISSUE_TITLE, ISSUE_BODY).number
    conversation = _Conversation(terminal, stage, narrator, number)
    conversation.help()
    keyboard = Keyboard(terminal)
    while True:
        suggestion = conversation.suggestion()
        typed = await keyboard.ask("alice> ", f"Enter alone sends: {suggestion}" if suggestion else "")
        command = Do("quit") if typed is None else read_command(typed, suggestion)
        if command == Do("quit"):
            return
        await conversation.carry_out(command)


class _Conversation:
    def __init__(self, terminal: Terminal, stage: Stage, narrator: Narrator, number: int) -> None:
        self._terminal, self._stage, self._narrator, self._number = terminal, stage, narrator, number
        self._github = stage.github

    def suggestion(self) -> str:
        """What an empty line stands for, as long as there is something obvious to say."""
        if newest_status(self._github) is None:
            return f"@{SLUG} {REQUEST}"
        return "1" if self._question_is_open() else ""

    def help(self) -> None:
        """What can be typed."""
        self._terminal.blank()
        self._terminal.facts(HELP, style="bold")

    async def carry_out(self, command: Command) -> None:
        """Do what was asked, and watch what comes of it; what GitHub refuses is told, and nothing else happens."""
        try:
            match command:
                case Say(by, words):
                    comment = self._github.comment(REPOSITORY, self._number, by, words)
                    await self._watch(comment)
                case Tick(by, box):
                    await self._tick(by, box)
                case Do("merge"):
                    await self._merge()
                case Do("kill"):
                    await self._kill()
                case Do("wait"):
                    await self._until_quiet({})
                case _:
                    self.help()
        except Refused as refusal:
            self._narrator.line(f"GitHub refuses: {refusal}", style="bad")

    # -- deeds ---------------------------------------------------------------------------------------------------------

    async def _tick(self, by: str, wanted: str) -> None:
        question = newest_question(self._github)
        box = find_box(boxes(question.body), wanted) if question else None
        if question is None or box is None:
            self._narrator.line(f"There is no open box “{wanted}”.")
            return
        self._github.tick(question.id, by, box.markdown)
        await self._watch(None)

    async def _merge(self) -> None:
        pulls = self._github.pulls(REPOSITORY, "open")
        if not pulls:
            self._narrator.line("There is no open pull request.")
            return
        self._github.merge_pull(REPOSITORY, pulls[-1].number, "alice")
        await self._github.settled()

    async def _kill(self) -> None:
        service = self._stage.service
        assert service.process is not None
        await service.kill()
        self._narrator.line("kill -9: the service is gone", "no warning, no clean-up")
        began = time.monotonic()
        await service.restart()
        self._narrator.line(f"Started again after {time.monotonic() - began:.1f} s")

    # -- what comes of them --------------------------------------------------------------------------------------------

    async def _watch(self, comment: Comment | None) -> None:
        """Follow what a deed leads to, until there is nothing more to come."""
        before = self._versions()

        def noticed(_: object) -> bool:
            return self._versions() != before or (comment is not None and bool(comment.reactions))

        if not await self._comes(noticed, REACTION_WITHIN):
            self._narrator.line(f"The App is not meant, and stays silent. @{SLUG} calls it.")
        elif comment is None or not any(reaction.content == "confused" for reaction in comment.reactions):
            await self._until_quiet(before)

    async def _until_quiet(self, before: dict[int, int]) -> None:
        """Wait until the newest task has ended or asks, and more has been said than `before`."""

        def quiet(_: object) -> bool:
            return self._versions() != before and not self._is_at_work()

        if not await self._comes(quiet, PATIENCE):
            self._narrator.line(f"Still at it after {PATIENCE:.0f} s.", "wait goes on watching")
            return
        await self._github.settled()
        status = newest_status(self._github)
        if status and status_begins(self._github, *ENDS) and len(status.history) != before.get(status.id):
            self._narrator.show_status(status)

    async def _comes(self, predicate: Callable[[object], bool], seconds: float) -> bool:
        try:
            await while_alive(self._stage.service, self._github.wait_for(predicate, timeout=seconds))
        except WaitedInVain:
            return False
        return True

    def _versions(self) -> dict[int, int]:
        """How often each of the App's comments was written so far."""
        return {comment.id: len(comment.history) for comment in by_the_app(self._github)}

    def _is_at_work(self) -> bool:
        if status_begins(self._github, "Waiting for an answer"):
            return not self._question_is_open()
        if status_begins(self._github, "Done"):  # a review is asked for last
            return any(not pull.requested_reviewers for pull in self._github.pulls(REPOSITORY, "open"))
        return newest_status(self._github) is not None and not status_begins(self._github, *ENDS)

    def _question_is_open(self) -> bool:
        question = newest_question(self._github)
        return question is not None and bool(boxes(question.body))


class Keyboard:
    """Lines from standard input that do not hold up the event loop, so that GitHub goes on behind the prompt."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._file = sys.stdin.fileno()
        self._rest = b""

    async def ask(self, prompt: str, hint: str = "") -> str | None:
        """What somebody types; None at the end of the input. A line that ends in a backslash goes on in the next."""
        self._terminal.blank()
        self._terminal.prompt(prompt, hint)
        lines: list[str] = []
        while (line := await self._line()) is not None:
            if not os.isatty(self._file):
                self._terminal.typed(line)
            if not line.endswith("\\"):
                return "\n".join([*lines, line])
            lines.append(line[:-1])
            self._terminal.prompt("...> ")
        self._terminal.blank()
        return "\n".join(lines) if lines else None

    async def _line(self) -> str | None:
        while b"\n" not in self._rest:
            more = await self._chunk()
            if not more:
                line, self._rest = self._rest, b""
                return line.decode(errors="replace") if line else None
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    async def _chunk(self) -> bytes:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._file, ready.set)
        except PermissionError:  # a plain file is always ready, and epoll does not take it
            return os.read(self._file, 4096)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._file)
        return os.read(self._file, 4096)
