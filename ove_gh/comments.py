"""Every text that people read on GitHub, as pure functions: short, plain, kind.

What the agent or other people wrote goes through `ove_gh.typesetting`, so that it can neither break the frame around it
nor call anybody. No text is longer than a comment can be, with room for the hidden marker that the outbox puts behind.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ove_gh.agent import FailureReason, Step
from ove_gh.answers import SEND_BOX, box_name, can_tick, needs_send_box, option_keys
from ove_gh.markdown import read
from ove_gh.questions import Answers, Option, Question, Questions
from ove_gh.typesetting import block, code, days, duration, flat, folded, inline, link, money, split

GITHUB_LIMIT = 65_536
"""How many characters a comment and a pull request's body can have."""
LONGEST_MARKER = 256
LONGEST_TEXT = GITHUB_LIMIT - LONGEST_MARKER
LONGEST_TITLE = 72

_SHOWN_AT_ONCE = 1_000
"""About how many characters of an agent's text stand open in the status comment; the rest is folded."""
_MOST_STEPS = 15


# --- the hidden marker ---

_MARKER = re.compile(r"<!-- ove-gh:([\w.:/-]+) -->", re.ASCII)


def marker(key: str) -> str:
    """The hidden end of a comment, by which the outbox finds what it has already posted; ValueError for a bad key."""
    text = f"<!-- ove-gh:{key} -->"
    if not _MARKER.fullmatch(text) or "--" in key or key.endswith("-") or len(text) + 2 > LONGEST_MARKER:
        raise ValueError(f"not a key for a marker: {key!r}")
    return text


def has_marker(body: str, key: str) -> bool:
    """Whether the comment ends as the one with this key; what a comment quotes before its own marker does not count."""
    markers = _MARKER.findall(body)
    return bool(markers) and markers[-1] == key


def strip_markers(body: str) -> str:
    """The comment as it was before the outbox put a marker behind it."""
    return _MARKER.sub("", body.replace("\r\n", "\n")).rstrip()


# --- the status comment ---


@dataclass(frozen=True, slots=True)
class StatusView:
    """What the status comment tells. `turn` counts from 1; `activity` is one line, or empty."""

    slug: str
    turn: int
    elapsed_seconds: float
    cost_usd: float
    branch: str | None = None
    branch_url: str | None = None
    activity: str = ""
    checklist: Sequence[Step] = ()


@dataclass(frozen=True, slots=True)
class PullLink:
    """The pull request that came of a task; `fixes` says that merging it closes the issue."""

    number: int
    url: str
    fixes: bool


def status_queued(ahead: int) -> str:
    """The status while the task waits; `ahead` is how many tasks of its thread come first (0: all places are taken)."""
    if ahead <= 0:
        return "**Waiting for a free place** · I begin as soon as another task ends."
    first = "one task of this thread comes" if ahead == 1 else f"{ahead} tasks of this thread come"
    return f"**Waiting in line** · {first} first."


def status_working(view: StatusView) -> str:
    """The status while the agent works."""
    doing = f"<sub>{inline(view.activity)}</sub>" if view.activity.strip() else ""
    return _comment(f"**Working on it** · {_facts(view, doing_it=True)}", _checklist(view.checklist), doing)


def status_waiting(view: StatusView, asked_login: str, question_url: str | None) -> str:
    """The status while a question waits for its answer."""
    question = link("my question", question_url)
    return _comment(
        f"**Waiting for an answer** · {_facts(view, doing_it=True)}",
        _checklist(view.checklist),
        f"<sub>I asked {inline(asked_login)}: see {question}{'' if question_url else ' below'}.</sub>",
    )


def status_interrupted(view: StatusView) -> str:
    """The status when the service stopped in the middle of a turn that the next start takes up again."""
    return _comment(
        f"**Interrupted; I go on by myself** · {_facts(view, doing_it=True)}",
        _checklist(view.checklist),
        "<sub>The service that I run in is being restarted. Nothing is lost, and there is nothing to do.</sub>",
    )


def status_done(
    view: StatusView,
    text: str,
    pull: PullLink | None,
    left_out: Collection[str] = (),
    *,
    answered_below: bool = False,
) -> str:
    """The status comment's last form when the agent is done.

    `text` is the agent's last message. `left_out` are paths that could not be committed. `answered_below` says that the
    message stands in a comment of its own, so that it is not said twice.
    """
    head = "Done"
    if pull is not None:
        number = link(f"#{pull.number}", pull.url)
        head = f"Done: {number} fixes this" if pull.fixes else f"Done: see {number}"
    elif answered_below:
        head = "Done: my answer is below"
    return _comment(
        f"**{head}** · {_facts(view, doing_it=False)}",
        "" if answered_below else _partly_folded(text),
        _left_out(left_out),
    )


def status_failed(view: StatusView, failure: Failure, kept: Kept) -> str:
    """The status comment's last form when the agent could not finish; a comment of its own says more."""
    what = _FAILURES[failure.kind].what
    return _comment(
        f"**I could not finish: {what}** · {_facts(view, doing_it=False)}",
        _kept(kept),
        "<sub>The comment below says how to go on.</sub>",
    )


def status_unanswered(question_url: str | None, slug: str) -> str:
    """The status comment's last form when nobody answered in time."""
    question = link("the question", question_url)
    return _comment(
        "**Ended without an answer**",
        f"Nobody answered {question}, so I stopped waiting. What I know is kept: answer it even now, and I go on. "
        f"Or write {_command(slug, '')} with something else.",
    )


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


def _partly_folded(text: str) -> str:
    opening, rest = split(text.strip("\n").rstrip(), _SHOWN_AT_ONCE)
    shown = block(opening, LONGEST_TEXT // 4) if opening.strip() else ""
    if not rest.strip():
        return shown
    summary = "The rest" if shown else "What I did"
    return _paragraphs(shown, folded(summary, block(rest, LONGEST_TEXT - len(shown) - 4_000)))


def _left_out(paths: Collection[str]) -> str:
    if not paths:
        return ""
    return f"Not included, because git would not take {'it' if len(paths) == 1 else 'them'}: {_paths(paths)}."


def _paths(paths: Collection[str]) -> str:
    shown = [code(path, 120) for path in list(paths)[:10]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


# --- the questions ---


def question_open(questions: Questions, login: str, slug: str, keep_days: float, note: str | None = None) -> str:
    """The comment that asks. `keep_days` is how long the answer is waited for; `note` stands before the questions."""
    opening = f"@{login}, I need {'a decision' if len(questions) == 1 else 'some decisions'} before I go on."
    before = [opening, inline(note) if note else ""]
    footer = f"<sub>{_how_to_answer(questions)} {_how_long(keep_days)} {_who_else(slug)}</sub>"
    after = [_send_box(questions), footer]
    for longest in (2_000, 500, 100):
        text = _paragraphs(*before, *_questions(questions, longest, ticking=can_tick(questions)), *after)
        if len(text) <= LONGEST_TEXT:
            return text
    return _comment(*before, *_questions(questions, 20, ticking=can_tick(questions)), *after)


def question_unclear(missing: Questions, login: str) -> str:
    """What is asked again of somebody whose reply left these questions open, numbered as the next reply is read."""
    one = len(missing) == 1
    return _comment(
        f"@{login}, thank you. I could not tell your choice{'' if one else 's'} here, and would rather ask than guess:",
        *_questions(missing, 500, ticking=False),
        f"<sub>{_how_to_reply(missing)}</sub>",
    )


def question_answered(questions: Questions, answers: Answers, by_login: str) -> str:
    """The question's comment once it is answered."""
    return _comment(*(f"{_struck(question)} {_answered(question, answers, by_login)}" for question in questions))


def question_expired(questions: Questions, waited_days: float, slug: str) -> str:
    """The question's comment when nobody answered in time; an answer is still welcome, so the options stay."""
    return _comment(
        f"**I stopped waiting after {days(waited_days)}.** Answer even now, and I go on where I was.",
        *_questions(questions, 500, ticking=False),
        f"<sub>{_how_to_reply_late(questions, slug)}</sub>",
    )


def question_withdrawn(questions: Questions) -> str:
    """The question's comment when the answer is not needed any more."""
    return _comment(*(f"{_struck(question)} Withdrawn: no answer is needed any more." for question in questions))


def reminder(login: str, question_url: str, days_left: float) -> str:
    """The one reminder of a question that waits."""
    return (
        f"@{login}, I still wait for {link('your decision', question_url)}. My work is kept. "
        f"In {days(days_left)} I stop waiting."
    )


def _questions(questions: Questions, longest: int, *, ticking: bool) -> list[str]:
    return [_question(questions, position, longest, ticking=ticking) for position in range(len(questions))]


def _question(questions: Questions, position: int, longest: int, *, ticking: bool) -> str:
    question = questions[position]
    number = f"Q{position + 1}. " if len(questions) > 1 else ""
    remarks = [inline(question.header, min(longest, 60))] if len(questions) > 1 and question.header.strip() else []
    if question.options:
        remarks.append("choose any" if question.multiple else "choose one")
    remark = f" ({'; '.join(remarks)})" if remarks else ""
    lines = [f"**{number}{inline(question.text, longest) or '…'}**{remark}"]
    for n, (key, option) in enumerate(zip(option_keys(question), question.options, strict=True)):
        lines.append(_option(key, option, longest, box_name(position, n) if ticking else None))
    return "\n".join(lines)


def _option(key: str, option: Option, longest: int, box: str | None) -> str:
    name = f"**{key}. {inline(option.label, longest) or '…'}**"
    words = f"{name}: {inline(option.description, longest)}" if option.description.strip() else name
    return f"- [ ] {words} <!-- {box} -->" if box else f"- {words}"


def _send_box(questions: Questions) -> str:
    if not can_tick(questions) or not needs_send_box(questions):
        return ""
    return f"When you have chosen:\n- [ ] **Send** <!-- {SEND_BOX} -->"


def _how_to_answer(questions: Questions) -> str:
    reply = _how_to_reply(questions)
    if not can_tick(questions):
        return reply
    tick = "Tick what you choose and then **Send**" if needs_send_box(questions) else "Tick a box"
    return f"{tick}, or {reply[0].lower()}{reply[1:]}"


def _how_to_reply(questions: Questions) -> str:
    if len(questions) > 1:
        named = " and ".join(code(f"Q{n}: {_example(question)}") for n, question in enumerate(questions[:2], 1))
        return f"Reply with one line for each question, such as {named}; a name or your own words will do as well."
    keys = option_keys(questions[0])
    if not keys:
        return "Reply in your own words."
    if len(keys) == 1:
        return f"Reply {code(keys[0])}, the name, or your own words."
    if questions[0].multiple:
        return f"Reply {code(keys[0])}, {code(', '.join(keys[:2]))}, names, or your own words."
    return f"Reply {code(keys[0])}, {code(keys[1])}, a name, or your own words."


def _how_to_reply_late(questions: Questions, slug: str) -> str:
    """By now a reply in plain words could be about anything, so those need a mention, like everybody else's answer."""
    mention = _command(slug, "")
    if not all(question.options for question in questions):
        return f"Answer in your own words, starting with {mention}. Anybody with write access can."
    if len(questions) > 1:
        reply = f"one line for each question, such as {code(f'Q1: {_example(questions[0])}')}"
    else:
        keys = option_keys(questions[0])
        reply = f"{code(keys[0])}, {code(keys[1])} or a name" if len(keys) > 1 else f"{code(keys[0])} or the name"
    return f"Reply {reply}. Anybody else with write access starts with {mention}, and so do your own words."


def _example(question: Question) -> str:
    """An answer that this question would take."""
    keys = option_keys(question)
    if not keys:
        return "your words"
    return ", ".join(keys[:2]) if question.multiple else keys[0]


def _how_long(keep_days: float) -> str:
    return f"I keep my place until then; after {days(keep_days)} I stop waiting."


def _who_else(slug: str) -> str:
    return f"Anybody else with write access can answer by starting with {_command(slug, '')}."


def _struck(question: Question) -> str:
    return f"~~{inline(question.text, 300) or '…'}~~"


def _answered(question: Question, answers: Answers, by_login: str) -> str:
    answer = answers.get(question.text)
    if answer is None:
        return "No answer."
    shown = inline(answer, 500)
    chosen = f"**{shown}**" if _is_choice(question, answer) else f"“{shown}”"
    return f"{chosen}, said @{by_login}."


def _is_choice(question: Question, answer: str) -> bool:
    """Whether an answer is options and nothing else, as `ove_gh.answers` puts them."""
    rest = answer
    for option in question.options:
        if rest == option.label:
            return True
        rest = rest.removeprefix(f"{option.label}, ")
    return False


# --- failures ---


class FailureKind(StrEnum):
    """Why a task could not be finished: the agent's reasons, and the service's own."""

    MODEL_UNREACHABLE = FailureReason.MODEL_UNREACHABLE.value
    MODEL_REFUSED = FailureReason.MODEL_REFUSED.value
    TURN_LIMIT = FailureReason.TURN_LIMIT.value
    BUDGET = FailureReason.BUDGET.value
    TIME_LIMIT = FailureReason.TIME_LIMIT.value
    CRASHED = FailureReason.CRASHED.value
    SESSION_LOST = FailureReason.SESSION_LOST.value
    CHECKOUT_FAILED = "checkout_failed"
    """The repository could not be fetched, or no clone could be made of it."""
    PUSH_REFUSED = "push_refused"
    """GitHub did not take the push."""
    BRANCH_MOVED = "branch_moved"
    """Somebody else pushed to the branch meanwhile."""
    PUBLISH_FAILED = "publish_failed"
    """GitHub did not take the result: the pull request, a comment."""
    CRASHED_TOO_OFTEN = "crashed_too_often"
    """The service ended in the middle of this turn, again and again."""
    INTERNAL = "internal"
    """A mistake of the service's own."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why, and one line of detail for people: never a stack trace, empty when there is no more to say."""

    kind: FailureKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on GitHub of a task that failed: `commits` that are new on `branch`, which stands at `url`."""

    commits: int
    branch: str | None
    url: str | None


NOTHING_KEPT = Kept(0, None, None)


@dataclass(frozen=True, slots=True)
class _FailureWords:
    what: str
    then: str


_GO_ON = "Write {go_on} to go on."

_FAILURES = {
    FailureKind.MODEL_UNREACHABLE: _FailureWords(
        "the model could not be reached", "Write {go_on} to go on; it usually works again after a while."
    ),
    FailureKind.MODEL_REFUSED: _FailureWords(
        "the model’s service refused the request",
        "Whoever runs me can check the key, the credit and the model’s name. Then write {go_on} to go on.",
    ),
    FailureKind.TURN_LIMIT: _FailureWords(
        "I used up all the steps that one turn may have",
        "Write {go_on} to give me as many again, or {slug} with a smaller piece of it.",
    ),
    FailureKind.BUDGET: _FailureWords(
        "I used up the money that one task may cost",
        "Write {go_on} to spend as much again, or {slug} with a smaller piece of it.",
    ),
    FailureKind.TIME_LIMIT: _FailureWords(
        "I used up the time that one turn may take",
        "Write {go_on} to give me as long again, or {slug} with a smaller piece of it.",
    ),
    FailureKind.CRASHED: _FailureWords("Claude Code ended in the middle of the work", _GO_ON),
    FailureKind.SESSION_LOST: _FailureWords(
        "I can no longer read what we said so far",
        "Write {slug} with what is still to do: I start afresh from this thread and the branch.",
    ),
    FailureKind.CHECKOUT_FAILED: _FailureWords(
        "I could not get the repository’s code",
        "Check that the App may read this repository and that it has a default branch. "
        "Then write {go_on} to try again.",
    ),
    FailureKind.PUSH_REFUSED: _FailureWords(
        "GitHub did not take my push",
        "My commits are safe where I run. Check that the App may write here and that no rule guards the branch. "
        "Then write {go_on} to push again.",
    ),
    FailureKind.BRANCH_MOVED: _FailureWords(
        "somebody else has pushed to my branch meanwhile",
        "Nothing of theirs was touched, and my commits are safe where I run. "
        "Write {go_on} to let me merge theirs and push again.",
    ),
    FailureKind.PUBLISH_FAILED: _FailureWords(
        "GitHub did not take my result",
        "Check that the App may write contents, issues and pull requests here. Then write {go_on} to try again.",
    ),
    FailureKind.CRASHED_TOO_OFTEN: _FailureWords(
        "I was cut off again and again in the middle of it",
        "Whoever runs me finds the reason in the log. Write {go_on} to try once more.",
    ),
    FailureKind.INTERNAL: _FailureWords(
        "I ran into a mistake of my own",
        "Whoever runs me finds it in the log. Write {go_on} to try once more.",
    ),
}


def agent_failure(reason: FailureReason, detail: str) -> Failure:
    """A failure of the agent's turn."""
    return Failure(FailureKind(reason.value), detail)


def failure(login: str, problem: Failure, kept: Kept, slug: str) -> str:
    """The comment that tells of a failure: what happened, what is kept, how to go on."""
    words = _FAILURES[problem.kind]
    then = words.then.format(go_on=_command(slug, "continue"), slug=_command(slug, ""))
    return _comment(
        f"@{login}, **I could not finish: {words.what}.** {_sentence(problem.detail)}".rstrip(),
        " ".join(filter(None, (_kept(kept), then))),
    )


def _kept(kept: Kept) -> str:
    if kept.branch is None:
        return ""
    branch = link(code(kept.branch), kept.url)
    if kept.commits <= 0:
        return f"What I did so far is on {branch}."
    return f"Nothing is lost: {'1 commit is' if kept.commits == 1 else f'{kept.commits} commits are'} on {branch}."


def _sentence(detail: str) -> str:
    text = inline(detail, 400)
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}" + ("" if text[-1] in ".!?…" else ".")


def _command(slug: str, words: str) -> str:
    return code(f"@{slug} {words}".strip())


# --- answers and pull requests ---


def answer(login: str, text: str) -> str:
    """A new comment for an answer that nobody may still be waiting for."""
    said = block(text, LONGEST_TEXT - 200, (login,))
    return (
        _comment(f"@{login}, here is what I found.", said) if said else f"@{login}, I am done; there is nothing to add."
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided on the way; `url` is where they were asked."""

    question: str
    answer: str
    by_login: str
    url: str | None


def pull_request_title(title: str, fallback: str) -> str:
    """One line of at most 72 characters without a full stop; `fallback` is used when the agent gave none."""
    for candidate in (title, fallback):
        line = flat(candidate, LONGEST_TITLE).rstrip(". ")
        if line:
            return line
    return "Proposed changes"


def pull_request_body(
    text: str,
    *,
    issue: int,
    fixes: bool,
    decisions: Sequence[Decision],
    asked_by: str,
    asked_url: str,
) -> str:
    """What and why in the agent's words, what was decided with whom, and which issue it belongs to."""
    footer = f"<sub>Written by Claude Code for @{asked_by}, who {link('asked for it', asked_url)}.</sub>"
    after = _paragraphs(_decisions(decisions), _belongs_to(text, issue, fixes=fixes), footer)
    said = block(text, LONGEST_TEXT - len(after) - 2, (asked_by,))
    return _comment(said, after)


def leftover_message(number: int, title: str) -> str:
    """The commit message for what the agent left uncommitted."""
    words = flat(title, LONGEST_TITLE - len(f"Work in progress on #{number}: ")).rstrip(". ")
    return f"Work in progress on #{number}: {words}" if words else f"Work in progress on #{number}"


def _decisions(decisions: Sequence[Decision]) -> str:
    if not decisions:
        return ""
    lines = [
        f"- {inline(each.question, 200)} **{inline(each.answer, 200)}**, {link('said', each.url)} @{each.by_login}"
        for each in decisions[:20]
    ]
    return _paragraphs("Decided on the way:", "\n".join(lines))


def _belongs_to(text: str, issue: int, *, fixes: bool) -> str:
    """The line that ties the pull request to its issue, unless the agent's text has it already.

    https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
    """
    closing = rf"\b(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?):? +#{issue}\b"
    if fixes and not re.search(closing, read(text[:LONGEST_TEXT]).words, re.IGNORECASE):
        return f"Closes #{issue}"
    return "" if fixes else f"For #{issue}"


# --- putting together ---


def _comment(*paragraphs: str) -> str:
    """The paragraphs as one text that fits; only lists can be too long here, and they are cut between two lines."""
    text = _paragraphs(*paragraphs)
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 100].rpartition(chr(10))[0]}\n\n*Cut here: it is too long for a comment.*"


def _paragraphs(*paragraphs: str) -> str:
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph.strip())
