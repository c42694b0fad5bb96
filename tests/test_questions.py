"""Tests of reading an AskUserQuestion call."""

from __future__ import annotations

from typing import Any

import pytest

from ove_gh.questions import MalformedQuestions, Option, Question, read_questions


def test_a_call_is_read_in_the_agents_order() -> None:
    """Questions, headers, options, descriptions and multiple choice arrive as the agent wrote them."""
    call = {
        "questions": [
            {
                "question": "Which rounding?",
                "header": "Rounding",
                "multiSelect": False,
                "options": [
                    {"label": "Half even", "description": "what `decimal` does"},
                    {"label": "Half up", "description": "what the page shows"},
                ],
            },
            {"question": "Which pages?", "header": "Pages", "multiSelect": True, "options": [{"label": "Cart"}]},
        ]
    }
    half = (Option("Half even", "what `decimal` does"), Option("Half up", "what the page shows"))
    assert read_questions(call) == (
        Question("Which rounding?", "Rounding", half),
        Question("Which pages?", "Pages", (Option("Cart"),), multiple=True),
    )


@pytest.mark.parametrize(
    "sparse",
    [
        {"question": "Why?"},
        {"question": "Why?", "header": None, "options": None, "multiSelect": None},
        {"question": "Why?", "options": [{"label": ""}, {"description": "no label"}, "not an option"]},
    ],
)
def test_a_question_without_options_can_be_asked(sparse: dict[str, Any]) -> None:
    """What is missing, null, or no option at all leaves a question that is answered in free words."""
    assert read_questions({"questions": [sparse]}) == (Question("Why?"),)


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"questions": None},
        {"questions": []},
        {"questions": {"question": "Why?"}},
        {"questions": ["Why?"]},
        {"questions": [{"question": "  "}]},
        {"questions": [{"question": "Why?"}, {"header": "How"}]},
    ],
)
def test_a_call_that_nobody_could_answer_is_an_error(call: dict[str, Any]) -> None:
    """A call without a question, or with one that has no text, is refused as a whole."""
    with pytest.raises(MalformedQuestions):
        read_questions(call)
