"""What is said of the checks: the story that the status comment tells, and the comment at its bad end."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ove_gh.ci import FailureLine, GiveUpReason, Lap, LapEnd, in_words
from ove_gh.comments.frame import capital, command, comment, listing, paragraphs
from ove_gh.comments.pulls import PullLink
from ove_gh.typesetting import code, inline, link

_MOST_LAPS = 6
_MOST_FAILURES = 3
_MOST_TRIED = 6

_LIST_SIGN = re.compile(r"\A(?:\s|>|[#*+-]+\s|\d+[.)]\s)+")

_STILL = {
    "timed_out": "still times out",
    "action_required": "still waits for somebody’s action",
    "startup_failure": "still cannot start",
}


# --- the story ---


def story(laps: Sequence[Lap], max_attempts: int, heading: str, on_base: str) -> str:
    """The laps in their order, a line each, under the heading; then `on_base`, what is left alone."""
    if len(laps) == 1 and laps[0].end is LapEnd.GREEN:
        return f"{_lap(laps[0], max_attempts)}. {on_base}".rstrip()
    told = [f"- {_lap(lap, max_attempts)}" for lap in laps[-_MOST_LAPS:]]
    earlier = len(laps) - len(told)
    if earlier:
        told.insert(0, f"- *{earlier} earlier {'commit' if earlier == 1 else 'commits'}*")
    return paragraphs(heading if told else "", "\n".join(told), on_base)


def told_alone(lap: Lap) -> str:
    """A single lap, in sentences."""
    return f"{commit(lap.sha, lap.url)}: {_what_came(lap)}. {left_alone((lap,))}".rstrip()


def commit(sha: str, url: str | None) -> str:
    """A commit as people know it: `3f2a91c`, with a link."""
    return link(code(sha[:7]), url)


def attempt_of(attempt: int, max_attempts: int) -> str:
    """`attempt 1 of 3`."""
    return f"attempt {attempt} of {max(attempt, max_attempts)}"


def failed_checks(failed: Sequence[FailureLine]) -> str:
    """What failed and why, as a part of a sentence: “test failed: assert 1 == 2 in a.py:3; lint timed out”."""
    return _each(failed, in_words)


def left_alone(laps: Sequence[Lap]) -> str:
    """The checks that are not ours to mend, as the newest lap that knows has them: a sentence, or empty."""
    told = [lap for lap in laps if lap.end in (LapEnd.GREEN, LapEnd.RED, LapEnd.UNFINISHED)]
    names = [link(code(each.name, 80), each.url) for each in told[-1].on_base] if told else []
    if not names:
        return ""
    return f"{listing(names)} {'fails' if len(names) == 1 else 'fail'} on the base branch, too: left alone."


def _lap(lap: Lap, max_attempts: int) -> str:
    attempt = f" → {attempt_of(lap.attempt, max_attempts)}" if lap.attempt else ""
    return f"{commit(lap.sha, lap.url)}: {_what_came(lap)}{attempt}"


def _what_came(lap: Lap) -> str:
    match lap.end:
        case LapEnd.GREEN:
            return _passed(lap)
        case LapEnd.RED:
            return failed_checks(lap.failed)
        case LapEnd.NO_CHECKS:
            return "nothing checks it"
        case LapEnd.UNFINISHED:
            return f"{_running(lap)} had not ended when I stopped waiting"
        case LapEnd.MOVED:
            return f"{inline(lap.by, 40) or 'somebody'} pushed to the branch after it"
        case LapEnd.SUPERSEDED:
            return "a later task pushed to the branch after it"
        case LapEnd.MERGED:
            return "merged before its checks had ended"
        case LapEnd.CLOSED:
            return "closed before its checks had ended"
        case LapEnd.UNREADABLE:
            return "I may not read its checks"


def _passed(lap: Lap) -> str:
    """Never “all” when some are red on the base, too."""
    match lap.passed:
        case 0:
            return "no check failed" if not lap.on_base else "no check failed because of it"
        case 1:
            return "1 check passed" if lap.on_base else "its one check passed"
        case count:
            return f"{count} checks passed" if lap.on_base else f"all {count} checks passed"


def _running(lap: Lap) -> str:
    return listing([code(name, 80) for name in lap.running]) or "some checks"


def _each(failed: Sequence[FailureLine], said: Callable[[str], str]) -> str:
    if not failed:
        return f"a check {said('failure')}"
    longest = 160 if len(failed) == 1 else 100
    told = [_failure(each, said(each.conclusion), longest) for each in failed[:_MOST_FAILURES]]
    more = len(failed) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _failure(failed: FailureLine, said: str, longest: int) -> str:
    text = f"{link(code(failed.name, 80), failed.url)} {inline(said, 80)}"
    if failed.message.strip() and failed.message != in_words(failed.conclusion):
        text += f": {code(failed.message, longest)}"
    if failed.where.strip():
        text += f" in {code(failed.where, 120)}"
    return text


def _still(conclusion: str) -> str:
    return _STILL.get(conclusion, "still fails")


# --- the end ---


def outcome(lap: Lap, slug: str) -> str:
    """How the last wait ended, and what now, in plain sentences; empty when it ended green or red."""
    its = commit(lap.sha, lap.url)
    go_on = command(slug, "continue")
    match lap.end:
        case LapEnd.NO_CHECKS:
            return f"Nothing checks this repository’s commits, so no check has confirmed {its}."
        case LapEnd.UNFINISHED:
            return (
                f"{capital(_running(lap))} had not ended on {its} when I stopped waiting. "
                f"If one fails after all, write {go_on} and I look into it."
            )
        case LapEnd.MOVED:
            return (
                f"{inline(lap.by, 40) or 'Somebody'} pushed to the branch after me, so I left the rest to you. "
                f"Write {go_on} to bring me back."
            )
        case LapEnd.SUPERSEDED:
            return f"A later task of this thread pushed to the branch after {its}, and follows the checks from there."
        case LapEnd.MERGED:
            return f"It was merged before the checks of {its} had ended, so I stopped waiting for them."
        case LapEnd.CLOSED:
            return f"It was closed before the checks of {its} had ended, so I stopped waiting for them."
        case LapEnd.UNREADABLE:
            return (
                f"I may not read this repository’s checks, so I cannot tell how those of {its} went. "
                "An admin can change that: **Settings → GitHub Apps → Configure**, and accept that I read checks, "
                "commit statuses and actions."
            )
        case LapEnd.GREEN | LapEnd.RED:
            return ""


def checks_gave_up(
    login: str,
    laps: Sequence[Lap],
    tried: Sequence[str],
    pull: PullLink,
    reason: GiveUpReason,
    max_attempts: int,
    slug: str,
) -> str:
    """The one comment when the checks stay red: what still fails, what was tried, and how to go on.

    `tried` tells each attempt in a few words.
    """
    attempts = max((lap.attempt or 0 for lap in laps), default=0)
    red = next((lap for lap in reversed(laps) if lap.end is LapEnd.RED), None)
    fails = capital(_each(red.failed if red else (), _still if attempts else in_words))
    on_base = left_alone(laps)
    return comment(
        f"@{login}, **{_why(reason, attempts, max_attempts)}** {fails}.{f' {on_base}' if on_base else ''}",
        _what_was_tried(tried),
        f"The work is on {link(f'#{pull.number}', pull.url)}. {_how_to_go_on(reason, attempts, slug)}",
    )


def _why(reason: GiveUpReason, attempts: int, max_attempts: int) -> str:
    count = {0: "", 1: " after one attempt"}.get(attempts, f" after {attempts} attempts")
    stopped = f"I stopped{count}"
    match reason:
        case GiveUpReason.ATTEMPTS if attempts == 0 or max_attempts == 0:
            return "Checks are red, and I am set up to leave them to you."
        case GiveUpReason.ATTEMPTS:
            return f"{stopped}."
        case GiveUpReason.SAME_AGAIN:
            return f"{stopped}: the same failure came back."
        case GiveUpReason.MONEY:
            return f"{stopped}: the money that I may spend is used up."


def _how_to_go_on(reason: GiveUpReason, attempts: int, slug: str) -> str:
    go_on = command(slug, "continue")
    if reason is GiveUpReason.MONEY:
        return f"Write {go_on} to go on, or take it from there."
    if not attempts:
        return f"Write {go_on} to have me look into it, or take it from there."
    return f"Write {go_on} with a hint, or take it from there."


def _what_was_tried(tried: Sequence[str]) -> str:
    """In one line when it is short; a list of the last ones when it is not."""
    said = [inline(_LIST_SIGN.sub("", each).rstrip(" .;"), 300) for each in tried]
    told = [words for words in said if words][-_MOST_TRIED:]
    line = "; ".join(told)
    if len(line) <= 200 or len(told) == 1:
        return f"I tried: {line}." if told else ""
    return paragraphs("I tried:", "\n".join(f"- {words}" for words in told))
