"""What is said of schedules: the comment that each one has, and the answers to what people write about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ove_gh.comments.frame import command, comment, sentence
from ove_gh.typesetting import block, code, inline, link, moment

_LONGEST_REQUEST = 1_500
_MOST_TIMES = 3
_MOST_LISTED = 50
_EXAMPLES = ("every weekday at 9", "every Monday at 14:30", "0 9 * * 1-5")

RunOutcome = Literal["running", "done", "nothing", "failed", "stopped", "skipped"]


class ScheduleState(StrEnum):
    """Where a schedule stands."""

    READING = "reading"
    """The model is asked what its time means."""
    ACTIVE = "active"
    SUSPENDED_RIGHT = "suspended_right"
    """Its owner may no longer write to the repository."""
    PAUSED_CLOSED = "paused_closed"
    """Its issue is closed."""
    REMOVED = "removed"
    REFUSED = "refused"
    """Its time could not be read, or is no usable one."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run: when it began (seconds since 1970), what came of it, where that is, and a few words more."""

    at: float
    outcome: RunOutcome
    url: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """What a schedule's comment tells.

    `words` says the rule in words; while READING, and when REFUSED, they are what somebody wrote, and `cron` is empty.
    `zone` is an IANA name, `next_times` are seconds since 1970. `owner_url` leads to where it was asked for, `url` to
    the schedule's own comment. `file` is the path of the repository's settings when it stands in them.
    """

    number: int
    cron: str
    words: str
    zone: str
    next_times: Sequence[float]
    request: str
    owner_login: str
    owner_url: str | None = None
    last_run: LastRun | None = None
    state: ScheduleState = ScheduleState.ACTIVE
    url: str | None = None
    file: str = ""


# --- the schedule's own comment ---


def schedule(view: ScheduleView, slug: str, now: float) -> str:
    """The schedule's comment, edited in place whenever it changes and after each run."""
    head = f"**Schedule {view.number}: {inline(view.words, 200)}**"
    rule = f"{code(view.cron)} · {inline(view.zone, 60)}"
    owner = inline(view.owner_login, 40)
    request = _quoted(view.request)
    last = _last_run(view, now)
    match view.state:
        case ScheduleState.READING:
            return comment(
                f"**Schedule {view.number}** · I am working out what “{inline(view.words, 200)}” means",
                request,
                "<sub>In a moment this comment shows the times. Nothing runs before that.</sub>",
            )
        case ScheduleState.ACTIVE:
            return comment(
                f"{head} · {rule}",
                request,
                _next(view, now),
                last,
                f"<sub>For {link(owner, view.owner_url)}. I run without asking, and a run that "
                f"finds nothing to do shows only here. {_how_to_remove(view, slug)}</sub>",
            )
        case ScheduleState.SUSPENDED_RIGHT:
            return comment(
                f"{head} · {rule} · **suspended**",
                request,
                f"{owner} can no longer write to this repository, so it does not run. Somebody who can "
                f"sets it up anew with {command(slug, 'schedule …')}; so can {owner}, once the right is given back.",
                last,
                f"<sub>{_how_to_remove(view, slug)}</sub>",
            )
        case ScheduleState.PAUSED_CLOSED:
            return comment(
                f"{head} · {rule} · **paused**",
                request,
                "It does not run while this issue is closed, and goes on when somebody reopens it.",
                last,
                f"<sub>{_how_to_remove(view, slug)}</sub>",
            )
        case ScheduleState.REMOVED:
            return comment(f"~~Schedule {view.number}: {inline(view.words, 200)}~~ · removed", request, last)
        case ScheduleState.REFUSED:
            return comment(
                f"**Schedule {view.number} is not set up:** I cannot use “{inline(view.words, 200)}” as its time.",
                request,
                _what_to_write(slug),
            )


def schedule_refused(login: str, when: str, reason: str, slug: str) -> str:
    """The answer when no schedule came of somebody's words: `when` is their time, `reason` a sentence, or empty."""
    of = f" for “{inline(when, 200)}”" if when.strip() else ""
    return comment(f"@{login}, I have not set up a schedule{of}. {sentence(reason)}".rstrip(), _what_to_write(slug))


def schedule_suspended(owner_login: str, number: int, slug: str) -> str:
    """The one comment when a schedule's owner may no longer write to the repository."""
    return (
        f"@{owner_login}, **I have suspended schedule {number}**: you can no longer write to this repository, and I "
        f"work only for people who can. Somebody with write access can set it up anew with "
        f"{command(slug, 'schedule …')}, and so can you when you have it again."
    )


def _next(view: ScheduleView, now: float) -> str:
    times = " · ".join(moment(each, view.zone, now) for each in view.next_times[:_MOST_TIMES])
    return f"Next: {times}" if times else ""


def _last_run(view: ScheduleView, now: float) -> str:
    run = view.last_run
    if run is None:
        return ""
    at = moment(run.at, view.zone, now)
    more = f" {sentence(run.note)}".rstrip()
    if run.outcome == "running":
        return f"{link('Running now', run.url)}, since {at}.{more}"
    return f"Last run: {at} · {link(_OUTCOMES[run.outcome], run.url)}.{more}"


_OUTCOMES: dict[RunOutcome, str] = {
    "running": "running",
    "done": "done",
    "nothing": "nothing to do",
    "failed": "could not finish",
    "stopped": "stopped",
    "skipped": "skipped",
}


def _quoted(request: str) -> str:
    text = block(request, _LONGEST_REQUEST)
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n")) if text.strip() else ""


def _how_to_remove(view: ScheduleView, slug: str) -> str:
    if view.file:
        return f"It stands in {code(view.file)}: change it or remove it there."
    owner = inline(view.owner_login, 40)
    return f"To remove it, {owner} or an admin writes {command(slug, f'unschedule {view.number}')}."


def _what_to_write(slug: str) -> str:
    examples = "\n".join(f"- {command(slug, f'schedule {when}: what to do')}" for when in _EXAMPLES)
    return f"What I can read, for example:\n{examples}"


# --- answers ---


def schedule_list(views: Sequence[ScheduleView], slug: str, full_name: str, now: float) -> str:
    """All schedules of a repository, a line each."""
    name = inline(full_name, 150)
    if not views:
        set_up = command(slug, f"schedule {_EXAMPLES[0]}: what to do")
        return f"There are no schedules in {name}. {set_up} sets one up."
    lines = [_listed(view, now) for view in views[:_MOST_LISTED]]
    more = len(views) - len(lines)
    return comment(
        f"**{'The schedule' if len(views) == 1 else f'The {len(views)} schedules'} of {name}**",
        "\n".join([*lines, *([f"- *and {more} more*"] if more else [])]),
        f"<sub>Its owner or an admin removes one with {command(slug, f'unschedule {views[0].number}')}.</sub>",
    )


def _listed(view: ScheduleView, now: float) -> str:
    if view.state is ScheduleState.ACTIVE:
        state = f"next {moment(view.next_times[0], view.zone, now)}" if view.next_times else ""
    else:
        state = _STATES[view.state]
    facts = filter(None, (state, inline(view.owner_login, 40), code(view.file) if view.file else ""))
    rule = f"{inline(view.words, 100)} ({inline(view.zone, 60)})"
    request = inline(view.request, 100)
    return (
        f"- {link(f'**{view.number}**', view.url)} · {rule}: {f'“{request}”' if request else '…'} · {' · '.join(facts)}"
    )


_STATES = {
    ScheduleState.READING: "its time is being read",
    ScheduleState.SUSPENDED_RIGHT: "suspended",
    ScheduleState.PAUSED_CLOSED: "paused while its issue is closed",
    ScheduleState.REMOVED: "removed",
    ScheduleState.REFUSED: "not set up: its time cannot be used",
}


def schedule_removed(number: int, by_login: str) -> str:
    """The answer when a schedule is removed."""
    return f"@{by_login}, schedule {number} is removed and does not run any more."


def schedule_not_yours(login: str, number: int, owner_login: str) -> str:
    """The answer to somebody who may not remove a schedule."""
    owner = inline(owner_login, 40)
    return f"@{login}, schedule {number} belongs to {owner}: only {owner} or an admin of this repository can remove it."


def schedule_in_file(login: str, number: int, path: str) -> str:
    """The answer to somebody who would remove a schedule that the repository's settings hold."""
    return f"@{login}, schedule {number} stands in {code(path)}: change it or remove it there."


def schedule_unknown(login: str, number: int, slug: str) -> str:
    """The answer when there is no schedule of this number."""
    return f"@{login}, this repository has no schedule {number}. {command(slug, 'schedules')} lists the ones there are."
