"""Questions on the real CLI: the agent asks, the process is gone, people answer, the very session goes on."""

from __future__ import annotations

import pytest

from ove_gh.agent import Asked
from ove_gh.demo.model import ScriptedModel, ask, say, use
from ove_gh.questions import Option, Question
from tests.claude.scene import FILES, ROUNDING, Scene

ANSWER = {"Which rounding should the total use?": "Half up"}


@pytest.mark.anyio
async def test_a_question_is_answered_on_another_machine(scene: Scene, model: ScriptedModel) -> None:
    """The answer reaches the model as AskUserQuestion's own result, in a new process with just the transcript."""
    model.when("fix the total", [[say("Let me see."), ask([ROUNDING])], say("Rounded half up.")])
    asked = await scene.ask("Please fix the total")
    assert asked.questions == (
        Question(
            ROUNDING["question"],
            "Rounding",
            (Option("Half even", "what decimal does"), Option("Half up", "what the shop page shows")),
        ),
    )
    finished = await scene.on_another_machine().finish(answers=ANSWER, session_id=asked.session_id)
    assert (finished.text, finished.session_id) == ("Rounded half up.", asked.session_id)
    (result,) = model.tool_results("AskUserQuestion")
    assert result.tool_use_id == asked.tool_use_id
    assert result.text.startswith(
        'Your questions have been answered: "Which rounding should the total use?"="Half up".'
    )


@pytest.mark.anyio
async def test_a_question_beside_other_calls(scene: Scene, model: ScriptedModel) -> None:
    """Calls beside the question run, and the model gets all results together once the answer is there."""
    model.when("total", [[use("Bash", command="echo beside"), ask([ROUNDING])], say("Done.")])
    asked = await scene.ask("total")
    await scene.finish(answers=ANSWER, session_id=asked.session_id)
    assert [(result.tool, result.text.split(":")[0]) for result in model.requests[-1].tool_results] == [
        ("Bash", "beside"),
        ("AskUserQuestion", "Your questions have been answered"),
    ]


@pytest.mark.anyio
async def test_a_question_beside_a_slower_call(scene: Scene, model: ScriptedModel) -> None:
    """A call that ends after its neighbour, the question, was deferred does not cost the question its answer."""
    slow = use("Bash", command="sleep 0.5; echo beside")
    model.when("total", [use("Bash", command="pwd"), [slow, ask([ROUNDING])], say("Done.")])
    asked = await scene.ask("total")
    await scene.finish(answers=ANSWER, session_id=asked.session_id)
    results = [(result.tool, result.text.split(":")[0]) for result in model.requests[-1].tool_results]
    assert results[1:] == [("Bash", "beside"), ("AskUserQuestion", "Your questions have been answered")]


@pytest.mark.anyio
async def test_several_questions_one_with_several_answers(scene: Scene, model: ScriptedModel) -> None:
    """Several labels of a multiple choice are handed over joined with a comma, and the CLI knows them as labels."""
    model.when("total", [ask([ROUNDING, FILES]), say("Done.")])
    asked = await scene.ask("total")
    assert [question.multiple for question in asked.questions] == [False, True]
    await scene.finish(answers={**ANSWER, "Which files may change?": "cart.py, total.py"}, session_id=asked.session_id)
    (result,) = model.tool_results("AskUserQuestion")
    assert result.text.startswith("Your questions have been answered: ")
    assert '"Which files may change?"="cart.py, total.py"' in result.text


@pytest.mark.anyio
async def test_an_answer_in_free_words(scene: Scene, model: ScriptedModel) -> None:
    """Words that are no label reach the model as they are, with the CLI's advice to read them with care."""
    model.when("total", [ask([ROUNDING]), say("Done.")])
    asked = await scene.ask("total")
    words = "Neither; ask @bob, he wrote the invoices"
    await scene.finish(answers={ROUNDING["question"]: words}, session_id=asked.session_id)
    (result,) = model.tool_results("AskUserQuestion")
    assert result.text.startswith(f'The user answered: "Which rounding should the total use?"="{words}".')


@pytest.mark.anyio
async def test_a_question_after_an_answer(scene: Scene, model: ScriptedModel) -> None:
    """The turn that an answer began can end in the next question, which is answered in its turn."""
    model.when("total", [ask([ROUNDING]), ask([FILES]), say("Done.")])
    first = await scene.ask("total")
    second = await scene.run(answers=ANSWER, session_id=first.session_id)
    assert isinstance(second, Asked)
    assert second.questions[0].text == "Which files may change?"
    await scene.finish(answers={"Which files may change?": "cart.py"}, session_id=first.session_id)
    assert [result.text.partition("=")[2][:10] for result in model.tool_results("AskUserQuestion")] == [
        '"Half up".',
        '"cart.py".',
    ]


@pytest.mark.anyio
async def test_two_questions_at_once(scene: Scene, model: ScriptedModel) -> None:
    """Of two AskUserQuestion calls in one message the first waits, and the second is told to wait."""
    model.when("total", [[ask([ROUNDING]), ask([FILES])], say("Done.")])
    asked = await scene.ask("total")
    assert asked.questions[0].text == ROUNDING["question"]
    await scene.finish(answers=ANSWER, session_id=asked.session_id)
    first, second = model.tool_results("AskUserQuestion")
    assert "Only one AskUserQuestion call can wait at a time" in first.text
    assert "Your questions have been answered" in second.text


@pytest.mark.anyio
async def test_a_question_that_nobody_could_answer(scene: Scene, model: ScriptedModel) -> None:
    """A question without text never reaches people: the model is told, and can do better."""
    model.when("total", [ask([{**ROUNDING, "question": " "}]), say("Then I decide.")])
    assert (await scene.finish("total")).text == "Then I decide."
    (result,) = model.tool_results("AskUserQuestion")
    assert "a question has no text" in result.text


@pytest.mark.anyio
async def test_a_prompt_passes_over_a_waiting_question(scene: Scene, model: ScriptedModel) -> None:
    """A prompt to a session that waits in a question is answered itself, in one reply."""
    model.when("total", [ask([ROUNDING]), say("As you like.")])
    asked = await scene.ask("total")
    assert (await scene.finish("Never mind, leave it", session_id=asked.session_id)).text == "As you like."
    assert model.requests[-1].last_text == "Never mind, leave it"


@pytest.mark.anyio
async def test_answers_that_were_handed_over_before(scene: Scene, model: ScriptedModel) -> None:
    """Answers to a question that waits no more, because the turn was cut off, are said in words and nothing hangs."""
    model.when("total", [ask([ROUNDING]), say("Done."), say("Still done.")])
    asked = await scene.ask("total")
    await scene.finish(answers=ANSWER, session_id=asked.session_id)
    again = await scene.finish(answers=ANSWER, session_id=asked.session_id)
    assert again.text == "Still done."
    assert "Half up" in model.requests[-1].last_text


@pytest.mark.anyio
async def test_nobody_to_ask(scene: Scene, model: ScriptedModel) -> None:
    """Without leave to ask, AskUserQuestion is not offered."""
    model.when("total", [say("Done.")])
    await scene.finish("total", may_ask=False)
    assert "AskUserQuestion" not in model.requests[0].tools
    assert "Bash" in model.requests[0].tools
