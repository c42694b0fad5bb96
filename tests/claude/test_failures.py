"""Every way in which a turn can fail, on the real CLI, has its reason and a line for people."""

from __future__ import annotations

import pytest

from ove_gh.agent import FailureReason, Limits
from ove_gh.claude.launch import ModelAccess
from ove_gh.demo.model import ScriptedModel, Usage, cut_off, fail, hang, reply, say, use
from ove_gh.demo.model.steps import Step
from tests.claude.scene import KEY, Scene

LOOPING = [use("Bash", command=f"echo {number}") for number in range(10)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        pytest.param(fail(529, times=None), "The model's service answers 529 (overloaded).", id="overloaded"),
        pytest.param(fail(500, times=None), "The model's service answers 500 (server error).", id="broken"),
        pytest.param(
            fail(429, times=None, retry_after=3600), "exceed your organization's rate limit", id="limited for an hour"
        ),
        pytest.param(cut_off(times=None), "The model's service does not answer.", id="cut off again and again"),
        pytest.param(hang(), "The model's service does not answer.", id="silent"),
    ],
)
async def test_the_model_is_out_of_reach(scene: Scene, model: ScriptedModel, trouble: Step, told: str) -> None:
    """A model that fails for longer than there is patience ends the turn as unreachable."""
    model.when("total", [trouble, say("Too late.")])
    scene.access = ModelAccess(KEY, model.base_url, patience=1)
    failed = await scene.fail("total")
    assert failed.reason is FailureReason.MODEL_UNREACHABLE
    assert told in failed.detail
    assert failed.session_id is not None


@pytest.mark.anyio
async def test_nobody_listens(scene: Scene) -> None:
    """A base URL where nobody listens is a model out of reach."""
    scene.access = ModelAccess(KEY, "http://127.0.0.1:9", patience=1)
    assert (await scene.fail("total")).reason is FailureReason.MODEL_UNREACHABLE


@pytest.mark.anyio
async def test_a_short_trouble_is_waited_out(scene: Scene, model: ScriptedModel) -> None:
    """A model that is overloaded and then breaks off once answers in the end, and the wait shows in the progress."""
    model.when("total", [fail(529), cut_off(), say("There.")])
    seen: list[str] = []
    assert (await scene.finish("total", on_progress=lambda p: seen.append(p.activity))).text == "There."
    assert "Waiting for the model (it answers 529)" in seen


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "words", "told"),
    [
        (403, "Your key may not use this model.", "Your key may not use this model."),
        (400, "Your credit balance is too low to access the Anthropic API.", "Credit balance is too low"),
        (400, "prompt is too long: 250000 tokens > 200000 maximum", "Prompt is too long"),
    ],
)
async def test_the_model_refuses(scene: Scene, model: ScriptedModel, status: int, words: str, told: str) -> None:
    """A refusal ends the turn with the words of the model's service, as the CLI passes them on."""
    model.when("total", [fail(status, times=None, message=words)])
    failed = await scene.fail("total")
    assert failed.reason is FailureReason.MODEL_REFUSED
    assert told in failed.detail


@pytest.mark.anyio
async def test_the_key_is_wrong(scene: Scene, model: ScriptedModel) -> None:
    """A wrong key ends the turn at once, although the CLI would try it again many times."""
    scene.access = ModelAccess("another key", model.base_url)
    failed = await scene.fail("total")
    assert failed.reason is FailureReason.MODEL_REFUSED
    assert failed.detail == "The model's service answers 401 (authentication failed)."


@pytest.mark.anyio
async def test_the_model_does_not_exist(scene: Scene) -> None:
    """An unknown model is a refusal that names it."""
    failed = await scene.fail("total", model="no-such-model")
    assert failed.reason is FailureReason.MODEL_REFUSED
    assert "no-such-model" in failed.detail


@pytest.mark.anyio
async def test_too_many_steps(scene: Scene, model: ScriptedModel) -> None:
    """The turn limit ends the turn, and the session can be resumed."""
    model.when("total", [*LOOPING[:2], say("Done after all.")])
    failed = await scene.fail("total", limits=Limits(turns=2, budget_usd=10, seconds=60))
    assert failed.reason is FailureReason.TURN_LIMIT
    assert failed.detail == "It took 2 steps, which is all that one turn may take."
    assert failed.cost_usd > 0
    assert (await scene.finish("go on", session_id=failed.session_id)).text == "Done after all."


@pytest.mark.anyio
async def test_too_much_money(scene: Scene, model: ScriptedModel) -> None:
    """The money limit ends the turn after the reply that broke it."""
    model.when("total", [reply(LOOPING[0], usage=Usage(input_tokens=1_000_000)), say("Never said.")])
    failed = await scene.fail("total", limits=Limits(turns=20, budget_usd=0.5, seconds=60))
    assert failed.reason is FailureReason.BUDGET
    assert failed.detail == "It spent $0.50, which is all that one turn may spend."
    assert failed.cost_usd > 0.5


@pytest.mark.anyio
async def test_too_long(scene: Scene, model: ScriptedModel) -> None:
    """The wall-clock limit ends the turn in the middle of a command, with everything that the command started."""
    model.when("total", [use("Bash", command="sleep 1000 & sleep 1000"), say("Never said.")])
    failed = await scene.fail("total", limits=Limits(turns=20, budget_usd=10, seconds=3))
    assert failed.reason is FailureReason.TIME_LIMIT
    assert failed.detail == "It worked for 3 seconds, which is all that one turn may take."


@pytest.mark.anyio
async def test_a_session_that_nobody_knows(scene: Scene) -> None:
    """A session without a transcript is lost, and no CLI is started for it."""
    failed = await scene.fail("go on", session_id="0b7f6b0e-5f0c-4c9e-8f5e-6a1d1f9c2b3a")
    assert failed.reason is FailureReason.SESSION_LOST
    assert not scene.config_dir.exists()


@pytest.mark.anyio
async def test_a_transcript_that_cannot_be_read(scene: Scene) -> None:
    """A transcript that the CLI cannot make sense of is a lost session."""
    session_id = "0b7f6b0e-5f0c-4c9e-8f5e-6a1d1f9c2b3a"
    await scene.spoil_transcript(session_id)
    assert (await scene.fail("go on", session_id=session_id)).reason is FailureReason.SESSION_LOST
