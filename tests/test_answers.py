"""How a reply or a tick becomes an answer."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ove_gh.answers import (
    Answered,
    Incomplete,
    NotAnAnswer,
    Reply,
    box_name,
    can_tick,
    needs_send_box,
    option_keys,
    read_reply,
    read_ticks,
)
from ove_gh.comments import question_open
from ove_gh.questions import Option, Question, Questions

ROUNDING = Question(
    "Which rounding should the total use?",
    "Rounding",
    (
        Option("Half even", "what decimal does; totals match"),
        Option("Half up", "what the shop page shows today"),
        Option("Truncate (Recommended)"),
    ),
)
CHECKS = Question(
    "Which checks should run?",
    "Checks",
    (Option("Lint"), Option("Types"), Option("Tests, unit"), Option("Tests, e2e")),
    multiple=True,
)
CURRENCY = Question("Which currency?", "Currency", (Option("EUR"), Option("SEK"), Option("All of them")))
RETRIES = Question("How many retries?", "Retries", (Option("1"), Option("3 (default)"), Option("5 times")))
SURE = Question("Are you sure?", "", (Option("No, keep it"), Option("Yes")))
NAME = Question("What shall it be called?", "Name")


def answer_to(question: Question, reply: str) -> str | None:
    """The answer that the reply gives to one question, None when it leaves the question open."""
    match read_reply(reply, (question,), "ove"):
        case Answered(answers):
            return answers[question.text]
        case Incomplete(answers, missing):
            assert (answers, missing) == ({}, (0,))
            return None
    raise AssertionError("not an answer")


@pytest.mark.parametrize(
    "reply",
    [
        "2",
        "#2",
        "2.",
        "2)",
        "(2)",
        "`2`",
        "**2**",
        "- 2",
        "option 2",
        "b",
        "B",
        "b)",
        " 2 \n",
        "@ove 2",
        "@ove: b",
        "2 @ove",
        "Half up",
        "half up.",
        "**Half up**",
        "`half up`",
        "“Half up”",
        "HALF   UP",
        "2. Half up",
        "- [x] **2. Half up**",
        "2. Half up: what the shop page shows today",
        "Rounding: half up",
        "Q1: 2",
        "2 please",
        "Half up, thanks!",
        "> Which rounding should the total use?\n\n2",
        "> Which one?\n2",
        "2\r\n\r\n> quoted\r\n",
        "<!-- 1 -->2",
        "2\n\nOn Mon, 1 Jan 2029 at 10:00, ove[bot] <n@github.com> wrote:\n\n> Which rounding?\n> 1",
        "2\n\nOn Mon, 1 Jan 2029 at 10:00, ove[bot]\n<n@github.com> wrote:\n> 1",
    ],
)
def test_a_choice_can_be_written_in_many_ways(reply: str) -> None:
    """The number, the letter, the label, and what people put around them, all mean the option's label."""
    assert answer_to(ROUNDING, reply) == "Half up"


@pytest.mark.parametrize(
    ("question", "reply", "label"),
    [
        (ROUNDING, "trunc", "Truncate (Recommended)"),
        (ROUNDING, "Truncate", "Truncate (Recommended)"),
        (RETRIES, "3", "3 (default)"),
        (RETRIES, "1", "1"),
        (RETRIES, "5", "5 times"),
        (RETRIES, "b", "3 (default)"),
        (SURE, "y", "Yes"),
        (SURE, "no", "No, keep it"),
    ],
)
def test_the_beginning_of_just_one_label_is_enough(question: Question, reply: str, label: str) -> None:
    """A beginning that fits one label only means it; where labels begin with numbers, numbers are labels."""
    assert answer_to(question, reply) == label


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        (ROUNDING, "7"),
        (ROUNDING, "0"),
        (ROUNDING, "9" * 900),
        (ROUNDING, "e"),
        (ROUNDING, "1, 2"),
        (ROUNDING, "half"),
        (ROUNDING, "1. half up"),
        (ROUNDING, "Half up, half even"),
        (CHECKS, "1, 9"),
        (CHECKS, "tests"),
    ],
)
def test_a_choice_that_cannot_be_is_asked_again(question: Question, reply: str) -> None:
    """What is surely meant as a choice and is none, or contradicts itself, is not passed on as somebody's words."""
    assert read_reply(reply, (question,)) == Incomplete({}, (0,))


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("2 because the invoices use it", "Half up: because the invoices use it"),
        ("2, since it is simple", "Half up: since it is simple"),
        ("b) it is simple", "Half up: it is simple"),
        ("Half up, but log it", "Half up: but log it"),
        ("**Half up**: as in the shop", "Half up: as in the shop"),
        ("2. Half up, but log it", "Half up: but log it"),
        ("2\n\nThe invoices use it.\n\nAll of them.", "Half up:\n\nThe invoices use it.\n\nAll of them."),
    ],
)
def test_a_reason_stays_with_the_choice(reply: str, answer: str) -> None:
    """An option with a reason is the label and the reason as it was written."""
    assert answer_to(ROUNDING, reply) == answer


@pytest.mark.parametrize(
    "reply",
    [
        "use banker's rounding, please",
        "2 weeks should do",
        "2.5 digits",
        "a new approach",
        "1 or 2",
        "not 2",
        "1 and 2 because both are needed",
        "3 retries, 2 of them slow",
        "ha",
        "```python\nround(total)\n```",
        "On reflection, use this:\n\n1. quantize\n2. sum",
    ],
)
def test_anything_else_is_the_answer_in_their_own_words(reply: str) -> None:
    """Words that name no option go to the agent as they were written."""
    assert answer_to(ROUNDING, reply) == reply


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("1, 3", "Lint, Tests, unit"),
        ("3 and 1", "Lint, Tests, unit"),
        ("1 3", "Lint, Tests, unit"),
        ("1\n3", "Lint, Tests, unit"),
        ("a, c", "Lint, Tests, unit"),
        ("lint & 2", "Lint, Types"),
        ("Lint, Tests, e2e and Types", "Lint, Types, Tests, e2e"),
        ("- lint\n- types", "Lint, Types"),
        ("2", "Types"),
        ("1, 1", "Lint"),
        ("1, 2 because they are quick", "Lint, Types: because they are quick"),
    ],
)
def test_several_options_are_joined_in_their_own_order(reply: str, answer: str) -> None:
    """Where several may be chosen, the answer is their labels in the options' order, whatever the reply's order."""
    assert answer_to(CHECKS, reply) == answer


@pytest.mark.parametrize("reply", ["", " \n", "> 2", "> a\n> 2\n", "<!-- 2 -->", "@ove", "@ove\n\n> 2"])
def test_an_empty_reply_is_no_answer(reply: str) -> None:
    """Quotes, hidden text and the App's name alone answer nothing."""
    assert read_reply(reply, (ROUNDING,), "ove") == NotAnAnswer()


def test_a_question_without_options_takes_any_words() -> None:
    """Numbers and letters are words where there is nothing to choose from."""
    assert answer_to(NAME, "7") == "7"


@pytest.mark.parametrize(
    "reply",
    [
        "2\na",
        "b\n1",
        "Half up\n\nEUR",
        "1: 2\n2: a",
        "1. half up\n2. eur",
        "2) a\n1) b",
        "Q2: a\nQ1: b",
        "Question 1: b\nQ2 a",
        "Rounding: half up\nCurrency: EUR",
        "**Currency:** eur\n**Rounding:** 2",
        "2, 1",
        "2 1",
        "b a",
        "1b 2a",
        "1: b, 2: a",
        "1=2, 2=1",
        "Half up; eur",
        "half up, EUR",
        "- 2\n- 1",
        "2\n1\n\nThanks!",
        "@ove 2\na",
        "> Q1\n\n2\n\n> Q2\n\n1",
        "Which rounding should the total use?\nhalf up\nWhich currency?\nEUR",
    ],
)
def test_several_questions_are_answered_in_one_reply(reply: str) -> None:
    """One line each in order, lines that name their question, or one line of keys: all answer both questions."""
    assert read_reply(reply, (ROUNDING, CURRENCY), "ove") == Answered({ROUNDING.text: "Half up", CURRENCY.text: "EUR"})


@pytest.mark.parametrize(
    ("reply", "reply_read"),
    [
        ("2", Incomplete({ROUNDING.text: "Half up"}, (1,))),
        ("Currency: sek", Incomplete({CURRENCY.text: "SEK"}, (0,))),
        ("1: 9\n2: 1", Incomplete({CURRENCY.text: "EUR"}, (0,))),
        ("1b", Incomplete({ROUNDING.text: "Half up"}, (1,))),
        ("2\n9", Incomplete({ROUNDING.text: "Half up"}, (1,))),
        ("Q2: 8", Incomplete({}, (0, 1))),
    ],
)
def test_what_is_missing_is_named(reply: str, reply_read: Reply) -> None:
    """Too few lines, or one that cannot be read, leave exactly their questions open."""
    assert read_reply(reply, (ROUNDING, CURRENCY)) == reply_read


def test_words_between_the_answers_are_not_lost() -> None:
    """Lines that name no question stay with the answer before them, code blocks and all."""
    reply = "Q1: b\nbecause the shop does\nQ2: something else:\n```\nXTS\n\nXXX\n```"
    assert read_reply(reply, (ROUNDING, CURRENCY)) == Answered(
        {ROUNDING.text: "Half up: because the shop does", CURRENCY.text: "something else:\n```\nXTS\n\nXXX\n```"}
    )


def test_prose_about_all_questions_answers_each() -> None:
    """A text that is no list of answers goes to the agent whole, as the answer to every question."""
    prose = "I thought about it.\nRound as the shop does.\nAnd only euros."
    assert read_reply(prose, (ROUNDING, CURRENCY)) == Answered({ROUNDING.text: prose, CURRENCY.text: prose})


def test_a_paragraph_for_each_question_answers_in_order() -> None:
    """As many paragraphs as questions are their answers."""
    assert read_reply("As the shop does,\nI think.\n\nEuros for now.", (ROUNDING, CURRENCY)) == Answered(
        {ROUNDING.text: "As the shop does,\nI think.", CURRENCY.text: "Euros for now."}
    )


def test_the_last_open_question_may_still_be_called_by_its_old_number() -> None:
    """When one of several questions is left, `Q2:` names it, although it is the only one now."""
    assert answer_to(CURRENCY, "Q2: eur") == "EUR"


@pytest.mark.parametrize("reply", ["1; 1, 2", "1\n1, 2", "Q2: 2, 1\nQ1: 1"])
def test_a_multiple_choice_among_several_questions(reply: str) -> None:
    """Commas part the options of a multiple choice, semicolons and lines part the questions."""
    assert read_reply(reply, (ROUNDING, CHECKS)) == Answered({ROUNDING.text: "Half even", CHECKS.text: "Lint, Types"})


# --- ticks ---


def asked(*questions: Question) -> str:
    """The comment with these questions."""
    return question_open(questions, "alice", "ove", 7)


def tick(body: str, *names: str, mark: str = "x") -> str:
    """The comment after somebody ticked these boxes."""
    lines = body.split("\n")
    for name in names:
        [position] = [n for n, line in enumerate(lines) if line.endswith(f"<!-- {name} -->")]
        assert "[ ]" in lines[position]
        lines[position] = lines[position].replace("[ ]", f"[{mark}]", 1)
    return "\n".join(lines)


def test_one_tick_answers_one_single_choice() -> None:
    """The tick itself is the answer, also with a capital X, CRLF line ends and other text changed meanwhile."""
    before = asked(ROUNDING)
    after = tick(before, "q1.2", mark="X").replace("\n", "\r\n").replace("I need", "we need")
    assert read_ticks(before, after, (ROUNDING,)) == Answered({ROUNDING.text: "Half up"})


def test_two_new_ticks_for_one_choice_are_unclear() -> None:
    """Two boxes ticked at once leave a single choice open."""
    before = asked(ROUNDING)
    assert read_ticks(before, tick(before, "q1.1", "q1.2"), (ROUNDING,)) == Incomplete({}, (0,))


def test_only_a_new_tick_counts_for_a_single_choice() -> None:
    """A box that was ticked before neither answers nor makes the new tick unclear."""
    before = tick(asked(ROUNDING), "q1.1")
    assert read_ticks(before, tick(before, "q1.3"), (ROUNDING,)) == Answered({ROUNDING.text: "Truncate (Recommended)"})
    assert read_ticks(before, asked(ROUNDING), (ROUNDING,)) == NotAnAnswer()


def test_several_ticks_wait_for_the_send_box() -> None:
    """A multiple choice is answered when the last box is ticked, not before."""
    before = asked(CHECKS)
    chosen = tick(before, "q1.3", "q1.1")
    assert read_ticks(before, chosen, (CHECKS,)) == NotAnAnswer()
    assert read_ticks(chosen, tick(chosen, "send"), (CHECKS,)) == Answered({CHECKS.text: "Lint, Tests, unit"})


def test_sending_too_early_names_what_is_missing() -> None:
    """A question without a tick, or a single choice with two, is missing; it can be mended with the send box ticked."""
    before = asked(ROUNDING, CHECKS)
    sent = tick(before, "q1.1", "q1.2", "q2.1", "send")
    assert read_ticks(before, sent, (ROUNDING, CHECKS)) == Incomplete({CHECKS.text: "Lint"}, (0,))
    mended = sent.replace("[x] **1. Half even", "[ ] **1. Half even")
    assert read_ticks(sent, mended, (ROUNDING, CHECKS)) == Answered({ROUNDING.text: "Half up", CHECKS.text: "Lint"})


def test_an_edit_without_a_tick_is_no_answer() -> None:
    """Changing the words around the boxes answers nothing."""
    before = tick(asked(CHECKS), "q1.1", "send")
    assert read_ticks(before, f"{before}\nPS: hello", (CHECKS,)) == NotAnAnswer()


# --- properties ---

WORD = st.text(string.ascii_lowercase, min_size=3, max_size=8)
LABEL = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
ANY_LINE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30).map(str.strip).filter(bool)


def questions_with(labels: st.SearchStrategy[str], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Questions]:
    """One to four questions with two to six options each."""
    question = st.builds(
        Question,
        texts,
        st.just(""),
        st.lists(labels, min_size=2, max_size=6, unique_by=str.casefold).map(lambda all_: tuple(map(Option, all_))),
        st.booleans(),
    )
    return st.lists(question, min_size=1, max_size=4, unique_by=lambda each: each.text).map(tuple)


PLAIN = questions_with(LABEL, LABEL.map(lambda words: f"Which {words}?"))
WILD = questions_with(ANY_LINE, ANY_LINE)


@st.composite
def choices(draw: st.DrawFn, source: st.SearchStrategy[Questions]) -> tuple[Questions, list[list[int]]]:
    """Questions, and for each a choice that it allows: positions of options."""
    questions = draw(source)
    chosen = [
        sorted(draw(st.sets(st.integers(0, len(q.options) - 1), min_size=1, max_size=None if q.multiple else 1)))
        for q in questions
    ]
    return questions, chosen


def expected(questions: Questions, chosen: list[list[int]]) -> Answered:
    """The answer that these choices are."""
    return Answered(
        {q.text: ", ".join(q.options[n].label for n in picked) for q, picked in zip(questions, chosen, strict=True)}
    )


@given(choices(PLAIN), st.sampled_from(["number", "letter", "label", "key"]), st.sampled_from(["", "Q{}: ", "{}. "]))
def test_every_choice_reads_back_from_its_numbers_letters_and_labels(
    case: tuple[Questions, list[list[int]]], form: str, name: str
) -> None:
    """Whatever is chosen, written as numbers, letters or labels, in order or with the question's number, is read so."""
    questions, chosen = case
    lines = []
    for position, (question, picked) in enumerate(zip(questions, chosen, strict=True), 1):
        written = {
            "number": [str(n + 1) for n in picked],
            "letter": [string.ascii_lowercase[n] for n in picked],
            "label": [question.options[n].label for n in picked],
            "key": [option_keys(question)[n] for n in picked],
        }[form]
        lines.append((name.format(position) if len(questions) > 1 else "") + ", ".join(written))
    assert read_reply("\n".join(lines), questions, "ove") == expected(questions, chosen)


@given(choices(WILD))
def test_every_set_of_ticks_reads_back(case: tuple[Questions, list[list[int]]]) -> None:
    """Whatever the questions say, ticking boxes in the rendered comment answers just what was ticked."""
    questions, chosen = case
    assert can_tick(questions)
    before = question_open(questions, "alice", "ove", 7)
    names = [box_name(position, option) for position, picked in enumerate(chosen) for option in picked]
    after = tick(before, *names, *(["send"] if needs_send_box(questions) else []))
    assert read_ticks(before, after, questions) == expected(questions, chosen)


@given(PLAIN, st.text(string.ascii_letters + " .,!?\n", max_size=60))
def test_free_words_are_kept_to_the_letter(questions: Questions, words: str) -> None:
    """An answer in one's own words is what was written, trimmed."""
    said = f"I would rather {words}".strip()
    assert read_reply(said, questions[:1]) == Answered({questions[0].text: said})


@given(WILD, st.data())
def test_a_label_as_it_stands_is_never_taken_for_another(questions: Questions, data: st.DataObject) -> None:
    """A reply that is one label exactly never chooses another option, whatever labels look like."""
    question = Question(questions[0].text, "", questions[0].options)
    option = data.draw(st.sampled_from(question.options))
    assume(not set(option.label) & set("<>`@&\\") and option.label == " ".join(option.label.split()))
    reply = read_reply(option.label, (question,))
    if isinstance(reply, Answered):
        assert reply.answers == {question.text: option.label}


REPLIES = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                "1",
                "2",
                "b",
                "Q1",
                ": ",
                ". ",
                ", ",
                "\n",
                "\n\n",
                "> ",
                "```",
                "- ",
                "[x] ",
                "@ove",
                "<!--",
                "-->",
                "and ",
                "because ",
                "On 2029 a@b:",
                "(",
                ")",
                "#",
                "**",
                "send",
                "<!-- send -->",
                "<!-- q1.1 -->",
                "\r",
                "\0",
                "½",
                "²",
            ]
        ),
        max_size=25,
    ).map("".join),
)


@given(REPLIES, st.one_of(PLAIN, WILD, st.just(()), st.just((NAME,)), st.just((ROUNDING, RETRIES, NAME))))
def test_no_reply_makes_the_reader_fail(reply: str, questions: Questions) -> None:
    """Any reply to any questions is read; what is missing and what is answered together are all questions."""
    read = read_reply(reply, questions, "ove")
    match read:
        case Answered(answers):
            assert set(answers) == {each.text for each in questions}
        case Incomplete(answers, missing):
            assert missing
            assert set(answers) == {each.text for n, each in enumerate(questions) if n not in missing}


@given(REPLIES, REPLIES, st.one_of(PLAIN, WILD, st.just(())))
def test_no_edit_makes_the_tick_reader_fail(before: str, after: str, questions: Questions) -> None:
    """Any edit of any comment is read, and without a change of a box it answers nothing."""
    assert read_ticks(before, before, questions) == NotAnAnswer()
    read_ticks(before, after, questions)
