"""The App's own check runs: what their titles, their summaries and their buttons say.

A title is shown as plain text, a summary as Markdown:
https://docs.github.com/en/rest/checks/runs#create-a-check-run
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ove_gh.ci import Lap, LapEnd
from ove_gh.comments.checks import attempt_of, told_alone
from ove_gh.comments.failures import Failure, FailureKind, what_happened
from ove_gh.comments.frame import comment
from ove_gh.typesetting import code, flat, inline, link

_LONGEST_TITLE = 100
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class CheckText:
    """What a check run says: `title` in one plain line, `summary` in Markdown."""

    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a check run, with GitHub's limits: 20 characters, 40, and 20.

    https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks#check-runs-and-requested-actions
    """

    label: str
    description: str
    identifier: str


STOP = Button("Stop", "End this task and keep what is done", "stop")
AGAIN = Button("Try again", "Go on from here with another attempt", "again")


class OwnCheck(StrEnum):
    """Where the task stands that the App's own check run tells of."""

    WORKING = "working"
    WAITING_CHECKS = "waiting_checks"
    """The agent is done with its part; the other checks run."""
    WAITING_USER = "waiting_user"
    """A question waits for its answer."""
    DONE = "done"
    """Done, and the other checks are green, or there are none."""
    LEFT = "left"
    """Ended without waiting for a verdict of the other checks."""
    STOPPED = "stopped"
    FAILED = "failed"
    """It could not be finished: the other checks are still red, or something else came in the way."""
    SUPERSEDED = "superseded"
    """A newer commit is on the branch."""


def own_check(
    state: OwnCheck,
    *,
    lap: Lap | None = None,
    attempt: int | None = None,
    max_attempts: int = 3,
    url: str | None = None,
    by_login: str = "",
    failure: Failure | None = None,
) -> CheckText:
    """What the App's own check run says.

    `lap` is the newest wait for checks that has ended; while WORKING its attempt is the one that is under way, and can
    be given alone. `url` leads to the status comment. `by_login` is who STOPPED it, `failure` why it FAILED.
    """
    attempt = lap.attempt if lap is not None else attempt
    again = f"Press **{AGAIN.label}** to have me go on."
    match state:
        case OwnCheck.WORKING if attempt:
            title = f"Fixing red checks: {attempt_of(attempt, max_attempts)}"
            return _text(title, f"{_told(lap)} I am on it.".lstrip(), _see("how far I am", url))
        case OwnCheck.WORKING:
            return _text("Working on it", "I am at work on this branch.", _see("how far I am", url))
        case OwnCheck.WAITING_CHECKS:
            then = "My part is done. If a check fails, I come back to look into it; nothing runs meanwhile."
            return _text("Waiting for the other checks", then, _see("what I did so far", url))
        case OwnCheck.WAITING_USER:
            asked = f"; {link('my comment', url)} leads to the question" if url else ""
            return _text("Waiting for an answer", f"I need a decision before I go on{asked}.")
        case OwnCheck.DONE | OwnCheck.LEFT:
            return _text(_title_of_end(lap, state), _told(lap), _see("what I did", url))
        case OwnCheck.STOPPED:
            by = flat(by_login, 40)
            return _text(f"Stopped by {by}" if by else "Stopped", again, _see("what is kept", url))
        case OwnCheck.FAILED:
            if failure is None and lap is not None and lap.end is LapEnd.RED:
                failure = Failure(FailureKind.CHECKS_RED)
            title = f"I could not finish: {what_happened(failure)}" if failure else "I could not finish"
            return _text(title, _told(lap), again, _see("what happened", url))
        case OwnCheck.SUPERSEDED:
            return _text("A newer commit took its place", "I go on with the newest commit of the branch.")


def settings_problems(problems: Sequence[tuple[int | None, str]], path: str) -> CheckText:
    """What is wrong with a repository's own settings: each problem with its line, None for the file as a whole."""
    if not problems:
        return _text(f"{path} is in order", f"I could read all of {code(path)}.")
    told = [f"- {f'Line {line}: ' if line else ''}{inline(words, 500)}" for line, words in problems[:_MOST_PROBLEMS]]
    more = len(problems) - len(told)
    return _text(
        f"{'A mistake' if len(problems) == 1 else f'{len(problems)} mistakes'} in {path}",
        f"I cannot follow {code(path)} as it stands:",
        "\n".join([*told, *([f"- *and {more} more*"] if more else [])]),
        "Please correct it with a push to the default branch; until then I go by what held before.",
    )


def _title_of_end(lap: Lap | None, state: OwnCheck) -> str:
    if lap is None:
        return "Done" if state is OwnCheck.DONE else "Done; the checks are left to you"
    if lap.end is LapEnd.GREEN and lap.on_base:
        return "Done: it breaks no check"
    return _ENDS[lap.end]


_ENDS = {
    LapEnd.GREEN: "Done: all checks are green",
    LapEnd.RED: "Done, but checks are red",
    LapEnd.NO_CHECKS: "Done: nothing else checks this commit",
    LapEnd.UNFINISHED: "Done, but some checks have not ended",
    LapEnd.MOVED: "Done: somebody else pushed to the branch",
    LapEnd.SUPERSEDED: "A later task goes on from here",
    LapEnd.MERGED: "Done: merged before the checks had ended",
    LapEnd.CLOSED: "Ended: the pull request was closed",
    LapEnd.UNREADABLE: "Done, but I may not read the other checks",
}


def _told(lap: Lap | None) -> str:
    return told_alone(lap) if lap else ""


def _see(what: str, url: str | None) -> str:
    return f"See {link(what, url)}." if url else ""


def _text(title: str, *summary: str) -> CheckText:
    """Both are required, so where there is nothing to add the title says it twice."""
    return CheckText(flat(title, _LONGEST_TITLE), comment(*summary) or f"{inline(title)}.")
