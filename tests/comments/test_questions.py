"""The questions' texts: what they say, and that they tell the truth about how to answer."""

from __future__ import annotations

import re

import pytest

from ove_gh import comments
from ove_gh.answers import Answered, read_reply
from ove_gh.questions import Questions
from tests.comments.examples import CHECKS, NAME, RETRIES, ROUNDING, lines


def test_one_choice_is_asked_with_boxes_and_a_line_on_how_to_answer() -> None:
    """A question mentions who is asked, numbers its options, and needs no send box when one tick is the answer."""
    assert comments.question_open((ROUNDING,), "alice", "ove", 7) == lines(
        "@alice, I need a decision before I go on.",
        "",
        "**Which rounding should the total use?** (choose one)",
        "- [ ] **1. Half even**: what `decimal` does; totals match the invoices <!-- q1.1 -->",
        "- [ ] **2. Half up**: what the shop page shows today <!-- q1.2 -->",
        "",
        "<sub>Tick a box, or reply `1`, `2`, a name, or your own words. I keep my place until then; after a week I stop"
        " waiting. Anybody else with write access can answer by starting with `@ove`.</sub>",
    )


def test_several_questions_are_numbered_and_sent_with_a_last_box() -> None:
    """Questions have numbers and headers to answer by; options that begin with a number get letters."""
    text = comments.question_open((ROUNDING, CHECKS, RETRIES), "alice", "ove", 7)
    assert "**Q1. Which rounding should the total use?** (Rounding; choose one)" in text
    assert "**Q2. Which checks should run?** (Checks; choose any)" in text
    assert "- [ ] **A. 1** <!-- q3.1 -->\n- [ ] **B. 3 (default)** <!-- q3.2 -->" in text
    assert "- [ ] **Send** <!-- send -->" in text
    assert "such as `Q1: 1` and `Q2: 1, 2`" in text


def test_a_question_without_options_has_no_boxes() -> None:
    """Where one question has no options, boxes could not answer all, so there are none."""
    for questions in ((NAME,), (ROUNDING, NAME)):
        assert "[ ]" not in comments.question_open(questions, "alice", "ove", 7)


def test_a_note_stands_before_the_questions() -> None:
    """A note is one plain line under the greeting."""
    text = comments.question_open((NAME,), "alice", "ove", 7, note="Once\nmore, *please*.")
    assert text.split("\n\n")[1] == "Once more, \\*please\\*."


@pytest.mark.parametrize("asked", [(ROUNDING,), (CHECKS,), (RETRIES,), (ROUNDING, CHECKS), (RETRIES, CHECKS, ROUNDING)])
def test_the_examples_on_how_to_answer_are_true(asked: Questions) -> None:
    """Every reply that the last line gives as an example chooses options, in the first comment and in a later one."""
    for text in (
        comments.question_open(asked, "alice", "ove", 7),
        comments.question_unclear(asked, "alice"),
        comments.question_expired(asked, 7, "ove"),
    ):
        how = text.rpartition("<sub>")[2].partition(" I keep")[0].partition(" Anybody")[0]
        examples = re.findall("`([^`]+)`", how)
        replies = ["\n".join(examples)] if len(asked) > 1 else examples
        assert replies
        for reply in replies:
            read = read_reply(reply, asked[: len(examples)] if len(asked) > 1 else asked)
            assert isinstance(read, Answered)
            labels = {option.label for question in asked for option in question.options}
            assert all(set(answer.split(", ")) <= labels for answer in read.answers.values())


def test_an_answered_question_says_what_was_chosen_by_whom() -> None:
    """Options are set strong; anybody's own words stand in quotation marks, and break nothing."""
    answers = {ROUNDING.text: "Half up", CHECKS.text: "Lint, Tests", NAME.text: "`Cart`,\n**@bob** <b>"}
    assert comments.question_answered((ROUNDING, CHECKS, NAME, RETRIES), answers, "alice") == lines(
        "~~Which rounding should the total use?~~ **Half up**, said @alice.",
        "",
        "~~Which checks should run?~~ **Lint, Tests**, said @alice.",
        "",
        "~~What shall it be called?~~ “`Cart`, \\*\\*<code>@bob</code>\\*\\* &lt;b>”, said @alice.",
        "",
        "~~How many retries?~~ No answer.",
    )


def test_a_question_that_ended_says_so() -> None:
    """An expired question keeps its options, because an answer is still welcome; a withdrawn one does not."""
    expired = comments.question_expired((ROUNDING,), 7, "ove")
    assert expired.startswith("**I stopped waiting after a week.** Answer even now")
    assert "- **2. Half up**: what the shop page shows today" in expired
    assert comments.question_withdrawn((ROUNDING,)) == (
        "~~Which rounding should the total use?~~ Withdrawn: no answer is needed any more."
    )


def test_an_unclear_reply_is_asked_back_kindly() -> None:
    """Who replied is asked once more for just what is missing, without boxes in this second comment."""
    text = comments.question_unclear((ROUNDING,), "alice")
    assert text.startswith("@alice, thank you.")
    assert "- **1. Half even**" in text


def test_a_reminder_says_how_long_there_is() -> None:
    """The reminder links to the question and names the time that is left."""
    assert comments.reminder("alice", "https://x.y/1", 6.0) == (
        "@alice, I still wait for [your decision](https://x.y/1). My work is kept. In 6 days I stop waiting."
    )


def test_an_unanswered_task_can_still_be_taken_up() -> None:
    """The status of a task without an answer says that answering still works."""
    assert "[the question](https://x.y/1)" in comments.status_unanswered("https://x.y/1", "ove")
    assert "Nobody answered the question, so" in comments.status_unanswered(None, "ove")
