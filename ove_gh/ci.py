"""What the checks of a commit say, and what to do about it: values in, a decision out.

A **wait** is one pushed commit whose checks decide about a task. A **lap** is a wait that has come to its end, as it is
told to people. A check is the same one on another commit when its `key` is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ove_gh import joblogs
from ove_gh.joblogs import ErrorLine
from ove_gh.typesetting import flat


class Verdict(StrEnum):
    """Where one check stands."""

    RUNNING = "running"
    PASSED = "passed"
    """Also cancelled, skipped, neutral and stale: none of these says that something is wrong with the commit."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a commit: a check run, or a legacy commit status.

    `key` names it across commits (who reports it, and its name). `conclusion` is GitHub's word ("failure", "timed_out",
    …), empty while it runs. `run_id` is the check run's id, None for a status; `is_job` says that this is the id of a
    GitHub Actions job, too. `summary` is what the check says of itself.
    """

    key: str
    name: str
    verdict: Verdict
    conclusion: str
    url: str
    summary: str = ""
    run_id: int | None = None
    is_job: bool = False


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a check says about a place in the code. `line` counts from 1; `level` is failure, warning or notice."""

    path: str
    line: int
    level: str
    message: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A failed check with what is known of the reason. `step` is the job's step that failed, `log` its last lines."""

    check: Check
    annotations: tuple[Annotation, ...] = ()
    step: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a red commit's checks say, as the agent and the people are told.

    `unread` are failed checks beyond those that were looked into; `on_base` failed on the base commit, too, and are not
    ours; `passed` counts the rest.
    """

    sha: str
    failed: tuple[FailedCheck, ...]
    unread: tuple[Check, ...] = ()
    on_base: tuple[Check, ...] = ()
    passed: int = 0


class LapEnd(StrEnum):
    """How a wait came to its end."""

    GREEN = "green"
    RED = "red"
    NO_CHECKS = "no_checks"
    """Nothing checks this repository's commits."""
    UNFINISHED = "unfinished"
    """Some checks did not come to an end in the time that we wait."""
    MOVED = "moved"
    """Somebody else pushed to the branch."""
    SUPERSEDED = "superseded"
    """A later task of the same thread pushed to the branch: its own wait goes on."""
    MERGED = "merged"
    CLOSED = "closed"
    """The pull request was closed without being merged, or its branch is gone."""
    UNREADABLE = "unreadable"
    """GitHub does not let the App read the checks."""


@dataclass(frozen=True, slots=True)
class FailureLine:
    """One failed check in a few words: `message` is its error in one line, `where` a path and line, or empty."""

    name: str
    url: str
    conclusion: str = "failure"
    message: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Lap:
    """One wait in the story that the status comment tells.

    `attempt` is the number of the attempt that answers a red lap, None when there is none. `by` is who pushed (MOVED).
    `passed` and `on_base` are as in Report; `running` names checks that did not end (UNFINISHED).
    """

    sha: str
    url: str
    end: LapEnd
    failed: tuple[FailureLine, ...] = ()
    on_base: tuple[FailureLine, ...] = ()
    passed: int = 0
    attempt: int | None = None
    running: tuple[str, ...] = ()
    by: str = ""


class GiveUpReason(StrEnum):
    """Why the loop ends red."""

    ATTEMPTS = "attempts"
    """All attempts are used up."""
    SAME_AGAIN = "same_again"
    """The same failure came back, and nobody can be asked, or the question did not help."""
    MONEY = "money"
    """The task's money is used up."""


# --- reading GitHub's words ---

_PASSED = frozenset(("success", "neutral", "skipped", "cancelled", "stale"))
_IN_WORDS = {
    "": "still runs",
    "success": "passed",
    "neutral": "ended neutral",
    "skipped": "was skipped",
    "cancelled": "was cancelled",
    "stale": "went stale",
    "failure": "failed",
    "timed_out": "timed out",
    "action_required": "waits for somebody’s action",
    "startup_failure": "could not start",
    "error": "had an error",
    "pending": "still runs",
}


def verdict_of(status: str, conclusion: str) -> Verdict:
    """Where a check run stands, from its `status` and `conclusion` (empty for null).

    https://docs.github.com/en/rest/checks/runs#get-a-check-run names the words. A conclusion that we do not know counts
    as failed: so does GitHub, which lets only success, neutral and skipped satisfy a required check
    (https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/collaborating-on-repositories-with-code-quality-features/about-status-checks).
    One look too many costs less than to call a commit green that is not.
    """
    if status != "completed":
        return Verdict.RUNNING
    return Verdict.PASSED if conclusion in _PASSED else Verdict.FAILED


def verdict_of_status(state: str) -> Verdict:
    """Where a legacy commit status stands, from its `state`: https://docs.github.com/en/rest/commits/statuses"""
    if state in ("pending", "expected"):
        return Verdict.RUNNING
    return Verdict.PASSED if state == "success" else Verdict.FAILED


def in_words(conclusion: str) -> str:
    """What a check did, to follow its name: "timed out". Takes check runs' conclusions and statuses' states."""
    known = _IN_WORDS.get(conclusion)
    return known if known is not None else f"ended as “{flat(conclusion.replace('_', ' '), 40)}”"


# --- where a commit stands ---


@dataclass(frozen=True, slots=True)
class StillRunning:
    """It is too early to say. `look_again_at` (seconds since 1970) is when time alone decides; None: it never does."""

    look_again_at: float | None


@dataclass(frozen=True, slots=True)
class Green:
    """All checks have ended, and none failed but those that fail on the base commit, too."""

    passed: int
    on_base: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Red:
    """`failed` are ours, `on_base` are not."""

    failed: tuple[Check, ...]
    on_base: tuple[Check, ...] = ()
    passed: int = 0


@dataclass(frozen=True, slots=True)
class NoChecks:
    """Nothing checks this commit."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Nothing of ours failed, but some checks did not end in time; `running` is empty when they never appeared."""

    running: tuple[Check, ...]
    passed: int
    on_base: tuple[Check, ...] = ()


Standing = StillRunning | Green | Red | NoChecks | Unfinished


def stand(
    checks: Sequence[Check],
    *,
    more_to_come: bool,
    base: Sequence[Check],
    pushed_at: float,
    now: float,
    grace: float,
    settle: float,
    patience: float,
) -> Standing:
    """Where a commit stands, from all its checks at this moment.

    `more_to_come` says that GitHub knows of checks that have not begun (a suite is not completed: jobs with `needs:`).
    `base` are the checks of the commit that the branch started from. Times are in seconds; counted from `pushed_at`,
    `grace` is how long a first check may take to appear, `settle` how long another one may, and `patience` how long
    checks may run. When there is something to wait for, all of it is waited for: a report is to be whole, and the push
    that answers it would cancel what still runs.
    """
    if not checks and not more_to_come:
        return NoChecks() if now >= pushed_at + grace else StillRunning(pushed_at + grace)
    red_there = {check.key for check in base if check.verdict is Verdict.FAILED}
    red_here = [check for check in checks if check.verdict is Verdict.FAILED]
    failed = tuple(check for check in red_here if check.key not in red_there)
    on_base = tuple(check for check in red_here if check.key in red_there)
    running = tuple(check for check in checks if check.verdict is Verdict.RUNNING)
    passed = sum(check.verdict is Verdict.PASSED for check in checks)
    is_waiting = bool(running) or more_to_come
    if is_waiting and now < pushed_at + patience:
        return StillRunning(pushed_at + patience)
    if failed:
        return Red(failed, on_base, passed)
    if is_waiting:
        return Unfinished(running, passed, on_base)
    return Green(passed, on_base) if now >= pushed_at + settle else StillRunning(pushed_at + settle)


# --- what is wrong ---

_MOST_MESSAGE = 200
_MOST_LINES = 40
"""So many lines make a fingerprint: the last ones, which do not depend on where a log was cut."""


def failure_line(failed: FailedCheck) -> FailureLine:
    """The error of a failed check in one line for people."""
    check = failed.check
    error = _from_annotations(failed) or joblogs.best_error(failed.log) or _from_summary(check)
    if error is None:
        return FailureLine(check.name, check.url, check.conclusion, in_words(check.conclusion))
    message, where = flat(error.message, _MOST_MESSAGE), flat(error.where, _MOST_MESSAGE)
    return FailureLine(check.name, check.url, check.conclusion, message or in_words(check.conclusion), where)


def failure_annotations(failed: FailedCheck) -> tuple[Annotation, ...]:
    """The annotations that tell what is wrong: not the one that Actions adds to every step that exits with an error."""
    return tuple(
        annotation
        for annotation in failed.annotations
        if annotation.level == "failure" and any(joblogs.meaningful_lines(annotation.message))
    )


def place_of(annotation: Annotation) -> str:
    """Where an annotation points: `path:line`; "" for Actions' own, which stand nowhere in the code."""
    if annotation.path in ("", ".github"):
        return ""
    return f"{annotation.path}:{annotation.line}" if annotation.line > 0 else annotation.path


def fingerprint(failed: FailedCheck) -> str:
    """A text that is the same when the same check fails with the same error on another commit.

    It is made of the check's key, its conclusion and, in sorted order, what it says is wrong: the annotations; or the
    log's error lines, the log's last lines where none looks like an error; or the summary.
    """
    said = [
        f"{annotation.path} {annotation.title} {line}"
        for annotation in failure_annotations(failed)
        for line in joblogs.meaningful_lines(annotation.message)
    ]
    said = said or list(joblogs.error_lines(failed.log)) or list(joblogs.meaningful_lines(failed.log))[-5:]
    said = said or list(joblogs.meaningful_lines(failed.check.summary))
    distinct = dict.fromkeys(joblogs.neutral(line) for line in reversed(said))
    return "\n".join([failed.check.key, failed.check.conclusion, *sorted(list(distinct)[:_MOST_LINES])])


def same_failure(now: Report, before: Report) -> bool:
    """Whether all that is red now was red before with the same error.

    A check that was repaired meanwhile does not make it another failure: what is left has outlived an attempt. A new
    check or a new error does: something has moved. Of checks that were not looked into only the key is known.
    """
    known = {fingerprint(failed) for failed in before.failed}
    keys = {failed.check.key for failed in before.failed} | {check.key for check in before.unread}
    return (
        bool(now.failed)
        and all(fingerprint(failed) in known for failed in now.failed)
        and all(check.key in keys for check in now.unread)
    )


def _from_annotations(failed: FailedCheck) -> ErrorLine | None:
    return next(
        (
            ErrorLine(next(joblogs.meaningful_lines(annotation.message)), place_of(annotation))
            for annotation in failure_annotations(failed)
        ),
        None,
    )


def _from_summary(check: Check) -> ErrorLine | None:
    markdown = joblogs.meaningful_lines(check.summary)
    lines = (line.replace("**", "").strip("#*_ ") for line in markdown if not line.startswith("<"))
    return next((ErrorLine(line) for line in lines), None)


# --- what to do about it ---


@dataclass(frozen=True, slots=True)
class Retry:
    """The agent is to find the cause and fix it; `attempt` counts from 1."""

    attempt: int


@dataclass(frozen=True, slots=True)
class AskPeople:
    """The agent is to put a question to the people."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The task ends red."""

    reason: GiveUpReason


Decision = Retry | AskPeople | GiveUp


def decide(
    report: Report,
    earlier: Sequence[Report],
    *,
    attempts: int,
    max_attempts: int,
    may_ask: bool,
    asked_already: bool,
    money_left: float,
) -> Decision:
    """What follows from a red commit.

    `earlier` are the task's reports before this one, oldest first. `attempts` have been made. `asked_already` says that
    the agent was told to ask after this same failure, and ended without a question and without a push. `money_left` is
    in dollars.
    """
    if money_left <= 0:
        return GiveUp(GiveUpReason.MONEY)
    if attempts >= max_attempts:
        return GiveUp(GiveUpReason.ATTEMPTS)
    if earlier and same_failure(report, earlier[-1]):
        return AskPeople() if may_ask and not asked_already else GiveUp(GiveUpReason.SAME_AGAIN)
    return Retry(attempts + 1)


# --- reports as rows ---


def report_as_json(report: Report) -> dict[str, Any]:
    """A report as plain values, to be recorded."""
    return asdict(report)


def report_from_json(recorded: Mapping[str, Any]) -> Report:
    """What `report_as_json` recorded."""
    values = dict(recorded)
    return Report(
        failed=tuple(_failed_from_json(failed) for failed in values.pop("failed")),
        unread=tuple(_check_from_json(check) for check in values.pop("unread")),
        on_base=tuple(_check_from_json(check) for check in values.pop("on_base")),
        **values,
    )


def _failed_from_json(recorded: Mapping[str, Any]) -> FailedCheck:
    values = dict(recorded)
    check = _check_from_json(values.pop("check"))
    annotations = tuple(Annotation(**annotation) for annotation in values.pop("annotations"))
    return FailedCheck(check=check, annotations=annotations, **values)


def _check_from_json(recorded: Mapping[str, Any]) -> Check:
    values = dict(recorded)
    return Check(verdict=Verdict(values.pop("verdict")), **values)
