"""The status comment: what a task is doing, and what came of it. One comment a task, edited in place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ove_gh.agent import Step
from ove_gh.ci import Lap, LapEnd
from ove_gh.comments.checks import attempt_of, commit, failed_checks, left_alone, outcome, story
from ove_gh.comments.failures import Failure, Kept, what_happened, what_is_kept
from ove_gh.comments.frame import LONGEST_TEXT, capital, command, comment, paragraphs
from ove_gh.comments.pulls import PullLink
from ove_gh.tasks import Kind
from ove_gh.typesetting import block, code, duration, folded, inline, link, money, split

_SHOWN_AT_ONCE = 1_000
"""About how many characters of an agent's text stand open in the status comment; the rest is folded."""
_MOST_STEPS = 15


@dataclass(frozen=True, slots=True)
class StatusView:
    """What the status comment tells. `turn` counts from 1; `activity` is one line, or empty.

    `laps` are the waits for checks that have ended, oldest first. `schedule` is the number of the schedule that asked.
    `started_again` says that the earlier conversation is lost, `from_fork` that the thread is a pull request from a
    fork, where the App cannot push.
    """

    slug: str
    turn: int
    elapsed_seconds: float
    cost_usd: float
    branch: str | None = None
    branch_url: str | None = None
    activity: str = ""
    checklist: Sequence[Step] = ()
    laps: Sequence[Lap] = ()
    max_attempts: int = 3
    schedule: int | None = None
    started_again: bool = False
    from_fork: bool = False


def session_lost_note() -> str:
    """What the status comment says when the session could not be resumed."""
    return "I could not take up our earlier conversation, so I started again from this thread and the branch."


def fork_note(pull: PullLink | None, review_url: str | None = None) -> str:
    """Where the changes are for a pull request from a fork: on a `pull` of the App's own, or in its review."""
    changes = f"on {link(f'#{pull.number}', pull.url)}" if pull else f"in {link('suggestions', review_url)}"
    return f"I cannot push to the fork that this comes from, so my changes are {changes}."


def status_queued(ahead: int) -> str:
    """The status while the task waits; `ahead` is how many tasks of its thread come first (0: all places are taken)."""
    if ahead <= 0:
        return "**Waiting for a free place** · I begin as soon as another task ends."
    first = "one task of this thread comes" if ahead == 1 else f"{ahead} tasks of this thread come"
    return f"**Waiting in line** · {first} first."


def status_working(view: StatusView) -> str:
    """The status while the agent works; when red checks brought it back, it tells of them first."""
    newest = view.laps[-1] if view.laps else None
    if newest is None or newest.end is not LapEnd.RED or newest.attempt is None:
        head, red, checks = _head(view, "Working on it"), "", _checks(view, _SO_FAR)
    else:
        attempt = attempt_of(newest.attempt, view.max_attempts)
        head = f"{_head(view, f'Checks are red on {commit(newest.sha, newest.url)}')} · {attempt}"
        on_base = left_alone(view.laps)
        red = f"{capital(failed_checks(newest.failed))}. I am on it.{f' ({on_base})' if on_base else ''}"
        checks = story(view.laps[:-1], view.max_attempts, _BEFORE, "")
    head = f"{head} · {_facts(view, doing_it=True)}"
    return comment(head, _again(view), red, _checklist(view.checklist), checks, f"<sub>{_doing(view)}</sub>")


def status_waiting(view: StatusView, asked_login: str, question_url: str | None) -> str:
    """The status while a question waits for its answer."""
    question = link("my question", question_url)
    return comment(
        f"{_head(view, 'Waiting for an answer')} · {_facts(view, doing_it=True)}",
        _again(view),
        _checklist(view.checklist),
        _checks(view, _SO_FAR),
        f"<sub>I asked {inline(asked_login)}: see {question}{'' if question_url else ' below'}. "
        f"Write {command(view.slug, 'stop')} if no answer is needed any more.</sub>",
    )


def status_interrupted(view: StatusView) -> str:
    """The status when the service stopped in the middle of a turn that the next start takes up again."""
    return comment(
        f"{_head(view, 'Interrupted; I go on by myself')} · {_facts(view, doing_it=True)}",
        _again(view),
        _checklist(view.checklist),
        _checks(view, _SO_FAR),
        "<sub>The service that I run in is being restarted. Nothing is lost, and there is nothing to do.</sub>",
    )


def status_checking(
    view: StatusView,
    text: str,
    pull: PullLink,
    sha: str,
    sha_url: str | None,
    left_out: Collection[str] = (),
) -> str:
    """The status while the checks of the pushed commit run; `text` and `left_out` are as in `status_done`."""
    head = _head(view, f"Waiting for the checks of {commit(sha, sha_url)}")
    checks = _checks(view, _SO_FAR)
    return comment(
        f"{head} · {link(f'#{pull.number}', pull.url)} · {_facts(view, doing_it=False)}",
        _from_fork(view, pull),
        _partly_folded(text, _room_beside(checks)),
        _again(view),
        checks,
        _left_out(left_out),
        f"<sub>{_when_red(view)}</sub>",
    )


def status_done(
    view: StatusView,
    text: str,
    pull: PullLink | None,
    left_out: Collection[str] = (),
    *,
    answered_below: bool = False,
    kind: Kind = Kind.WORK,
) -> str:
    """The status comment's last form when the agent is done.

    `text` is the agent's last message. `left_out` are paths that could not be committed. `answered_below` says that the
    message stands in a comment of its own, or in a review, so that it is not said twice; `kind` is what it is then.
    """
    newest = view.laps[-1] if view.laps else None
    ended = outcome(newest, view.slug) if newest else ""
    told, heading = (view.laps[:-1], _BEFORE) if ended else (view.laps, _ALL)
    checks = story(told, view.max_attempts, heading, left_alone(view.laps))
    elsewhere = _ELSEWHERE.get(kind, "my answer is below") if answered_below else ""
    return comment(
        f"{_done(view, pull, elsewhere)} · {_facts(view, doing_it=False)}",
        _from_fork(view, pull),
        ended,
        "" if answered_below else _partly_folded(text, _room_beside(checks)),
        _again(view),
        checks,
        _left_out(left_out),
    )


def status_failed(view: StatusView, failure: Failure, kept: Kept) -> str:
    """The status comment's last form when the agent could not finish; a comment of its own says more."""
    head = "I could not finish" if view.schedule is None else f"Schedule {view.schedule} could not finish"
    return comment(
        f"**{head}: {what_happened(failure)}** · {_facts(view, doing_it=False)}",
        what_is_kept(kept),
        _again(view),
        _checks(view, _ALL),
        "<sub>The comment below says how to go on.</sub>",
    )


def status_cancelled(view: StatusView, by_login: str, kept: Kept) -> str:
    """The status comment's last form when somebody stopped the task."""
    go_on = f"Write {command(view.slug, 'continue')} to go on."
    return comment(
        f"{_head(view, f'Stopped by {inline(by_login, 40)}')} · {_facts(view, doing_it=False)}",
        " ".join(filter(None, (what_is_kept(kept), go_on))),
        _again(view),
        _checks(view, _ALL),
    )


def status_closed(view: StatusView, pull: PullLink | None) -> str:
    """The status comment's last form when the pull request was closed without being merged."""
    number = link(f"#{pull.number}", pull.url) if pull else "the pull request"
    before = replace(view, laps=[lap for lap in view.laps if lap.end is not LapEnd.CLOSED])
    return comment(
        f"{_head(view, f'Ended, because {number} was closed')} · {_facts(view, doing_it=False)}",
        f"It was not merged. If you want it after all, reopen it and write {command(view.slug, 'continue')}.",
        _again(view),
        _checks(before, _ALL),
    )


def status_unanswered(question_url: str | None, slug: str) -> str:
    """The status comment's last form when nobody answered in time."""
    question = link("the question", question_url)
    return comment(
        "**Ended without an answer**",
        f"Nobody answered {question}, so I stopped waiting. What I know is kept: answer it even now, and I go on. "
        f"Or write {command(slug, '')} with something else.",
    )


_SO_FAR = "The checks so far:"
_BEFORE = "The checks before that:"
_ALL = "How the checks went:"


def _head(view: StatusView, words: str) -> str:
    """The first words, which name the schedule when one asked."""
    if view.schedule is None:
        return f"**{words}**"
    return f"**Schedule {view.schedule}: {words[:1].lower()}{words[1:]}**"


def _again(view: StatusView) -> str:
    return session_lost_note() if view.started_again else ""


def _from_fork(view: StatusView, pull: PullLink | None) -> str:
    return fork_note(pull) if view.from_fork and pull else ""


def _doing(view: StatusView) -> str:
    """What is being done now, and how to have a word in it."""
    stop = f"write {command(view.slug, 'stop')} to stop · comments here reach me while I work"
    activity = inline(view.activity)
    return f"{activity} · {stop}" if activity else capital(stop)


def _checks(view: StatusView, heading: str) -> str:
    return story(view.laps, view.max_attempts, heading, left_alone(view.laps))


_ELSEWHERE = {Kind.PLAN: "my plan is below", Kind.REVIEW: "see my review"}


def _done(view: StatusView, pull: PullLink | None, elsewhere: str) -> str:
    """The head at the end; `elsewhere` says where the answer is, if it is not in this comment."""
    newest = view.laps[-1] if view.laps else None
    if pull is not None:
        number = link(f"#{pull.number}", pull.url)
        if newest is not None and newest.end is LapEnd.MERGED:
            words = f"{number} is merged"
        else:
            words = _with_checks(f"{number} fixes this" if pull.fixes else f"see {number}", newest, fixes=pull.fixes)
    elif elsewhere:
        words = elsewhere
    else:
        return _head(view, "Done")
    return f"**Done: {words}**" if view.schedule is None else _head(view, words)


def _with_checks(words: str, newest: Lap | None, *, fixes: bool) -> str:
    """The words with what the checks say of them, if anything."""
    match newest.end if newest else None:
        case LapEnd.GREEN:
            but, checks = "and", "it breaks no check" if newest and newest.on_base else "its checks are green"
        case LapEnd.UNFINISHED:
            but, checks = "but", "its checks have not all ended"
        case LapEnd.RED:
            but, checks = "but", "its checks are red"
        case _:
            return words
    return f"{words}, {but} {checks}" if fixes else f"{words}; {checks}"


def _when_red(view: StatusView) -> str:
    """What happens next; there is no next attempt behind the last one."""
    made = max((lap.attempt or 0 for lap in view.laps), default=0)
    if made < view.max_attempts:
        back = f"I come back by myself to fix it; write {command(view.slug, 'stop')} if I should not."
        return f"Nothing runs meanwhile. If a check fails, {back}"
    return f"Nothing runs meanwhile. If a check {'still ' if made else ''}fails, I stop there and tell you."


def _facts(view: StatusView, *, doing_it: bool) -> str:
    """`turn 1 · 1 min 40 s · $0.12 · branch …` while at it, `2 turns · 6 min · $0.41` at the end."""
    count = f"turn {view.turn}" if doing_it else "1 turn" if view.turn == 1 else f"{view.turn} turns"
    facts = [count, duration(view.elapsed_seconds)]
    if view.cost_usd > 0:
        facts.append(money(view.cost_usd))
    if view.branch and doing_it:
        facts.append(f"branch {link(code(view.branch), view.branch_url)}")
    return " · ".join(facts)


def _checklist(steps: Sequence[Step]) -> str:
    """The agent's own list; of a long one the part around what it is doing now."""
    first = 0
    if len(steps) > _MOST_STEPS:
        current = next((n for n, step in enumerate(steps) if step.state != "completed"), len(steps))
        first = max(0, min(current - 3, len(steps) - _MOST_STEPS))
    shown = steps[first : first + _MOST_STEPS]
    after = len(steps) - first - len(shown)
    lines = [f"- [x] *the first {first} {'step' if first == 1 else 'steps'}*"] if first else []
    lines += [_step(step) for step in shown]
    lines += [f"- [ ] *and {after} more*"] if after else []
    return "\n".join(lines)


def _step(step: Step) -> str:
    box = "x" if step.state == "completed" else " "
    text = inline(step.text, 200) or "…"
    return f"- [{box}] **{text}**" if step.state == "in_progress" else f"- [{box}] {text}"


def _room_beside(checks: str) -> int:
    return LONGEST_TEXT - len(checks) - 4_000


def _partly_folded(text: str, room: int) -> str:
    opening, rest = split(text.strip("\n").rstrip(), _SHOWN_AT_ONCE)
    shown = block(opening, min(LONGEST_TEXT // 4, room // 2)) if opening.strip() else ""
    if not rest.strip():
        return shown
    summary = "The rest" if shown else "What I did"
    return paragraphs(shown, folded(summary, block(rest, room - len(shown))))


def _left_out(paths: Collection[str]) -> str:
    if not paths:
        return ""
    return f"Not included, because git would not take {'it' if len(paths) == 1 else 'them'}: {_paths(paths)}."


def _paths(paths: Collection[str]) -> str:
    shown = [code(path, 120) for path in list(paths)[:10]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
