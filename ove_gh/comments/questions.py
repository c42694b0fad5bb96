"""What is asked of people, and what became of it."""

from __future__ import annotations

from ove_gh.answers import SEND_BOX, box_name, can_tick, needs_send_box, option_keys
from ove_gh.comments.frame import LONGEST_TEXT, command, comment, paragraphs
from ove_gh.questions import Answers, Option, Question, Questions
from ove_gh.typesetting import code, days, inline, link


def question_open(questions: Questions, login: str, slug: str, keep_days: float, note: str | None = None) -> str:
    """The comment that asks. `keep_days` is how long the answer is waited for; `note` stands before the questions."""
    opening = f"@{login}, I need {'a decision' if len(questions) == 1 else 'some decisions'} before I go on."
    before = [opening, inline(note) if note else ""]
    footer = f"<sub>{_how_to_answer(questions)} {_how_long(keep_days)} {_who_else(slug)}</sub>"
    after = [_send_box(questions), footer]
    for longest in (2_000, 500, 100):
        text = paragraphs(*before, *_questions(questions, longest, ticking=can_tick(questions)), *after)
        if len(text) <= LONGEST_TEXT:
            return text
    return comment(*before, *_questions(questions, 20, ticking=can_tick(questions)), *after)


def question_unclear(missing: Questions, login: str) -> str:
    """What is asked again of somebody whose reply left these questions open, numbered as the next reply is read."""
    one = len(missing) == 1
    return comment(
        f"@{login}, thank you. I could not tell your choice{'' if one else 's'} here, and would rather ask than guess:",
        *_questions(missing, 500, ticking=False),
        f"<sub>{_how_to_reply(missing)}</sub>",
    )


def question_answered(questions: Questions, answers: Answers, by_login: str) -> str:
    """The question's comment once it is answered."""
    return comment(*(f"{_struck(question)} {_answered(question, answers, by_login)}" for question in questions))


def question_expired(questions: Questions, waited_days: float, slug: str) -> str:
    """The question's comment when nobody answered in time; an answer is still welcome, so the options stay."""
    return comment(
        f"**I stopped waiting after {days(waited_days)}.** Answer even now, and I go on where I was.",
        *_questions(questions, 500, ticking=False),
        f"<sub>{_how_to_reply_late(questions, slug)}</sub>",
    )


def question_withdrawn(questions: Questions) -> str:
    """The question's comment when the answer is not needed any more."""
    return comment(*(f"{_struck(question)} Withdrawn: no answer is needed any more." for question in questions))


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
    mention = command(slug, "")
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
    return f"Anybody else with write access can answer by starting with {command(slug, '')}."


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
