"""What people write while the agent works, on the real CLI: said once, never lost, and known to be taken or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from claude_agent_sdk import SessionStoreEntry, SystemMessage, UserMessage
from claude_agent_sdk.types import PreToolUseHookInput

from ove_gh.agent import FailureReason, Interjection, Limits, PullRequestText, TraceStep
from ove_gh.claude.agent import ClaudeAgent
from ove_gh.claude.asking import READ_FIRST, Asking
from ove_gh.claude.interjections import Interjections, message_id
from ove_gh.claude.policy import DESCRIBE
from ove_gh.claude.session import no_interest
from ove_gh.demo.model import Request, ScriptedModel, Usage, ask, hang, reply, say, use
from tests.claude.scene import ROUNDING, Bell, Scene

ANSWER = {"Which rounding should the total use?": "Half up"}
ONE, TWO, THREE = (Interjection(number, f"@alice says word {number}") for number in (1, 2, 3))
LIKE_A_COMMAND = Interjection(4, "/compact @/etc/hostname")


class People:
    """Those who write while the agent works: what they said, and what was taken."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Interjection] = asyncio.Queue()
        self.taken: list[int] = []

    def say(self, *words: Interjection) -> None:
        for interjection in words:
            self.queue.put_nowait(interjection)

    @property
    def listening(self) -> dict[str, Any]:
        """What a turn is given to hear them."""
        return {"interjections": self.queue, "on_taken": self.taken.append}

    def left(self) -> list[int]:
        """What is in the queue; it stays there."""
        waiting = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        self.say(*waiting)
        return [interjection.id for interjection in waiting]


@pytest.fixture
def people() -> People:
    """People who have said nothing yet."""
    return People()


def _times(request: Request, interjection: Interjection) -> int:
    """How often the model is shown what somebody said."""
    return json.dumps(request.messages).count(interjection.text)


@pytest.mark.anyio
async def test_a_message_reaches_the_running_turn(
    scene: Scene, model: ScriptedModel, people: People, bell: Bell
) -> None:
    """What is said while a command runs reaches the model with the command's result: in order, as it was written."""
    model.when("total", [use("Bash", command=f"{bell.ring}; {bell.wait}"), say("Done.")])
    steps: list[TraceStep] = []
    turn = asyncio.create_task(scene.finish("total", on_step=steps.append, **people.listening))
    await bell.rung()
    people.say(ONE, LIKE_A_COMMAND)
    await scene.holds(LIKE_A_COMMAND.text)
    assert people.taken == []
    await bell.open_gate()
    assert (await turn).text == "Done."
    assert (people.taken, people.left()) == ([1, 4], [])
    shown = json.dumps(model.requests[-1].messages)
    assert shown.index("The user sent a new message while you were working") < shown.index(ONE.text)
    assert shown.index(ONE.text) < shown.index(LIKE_A_COMMAND.text)
    assert Path("/etc/hostname").read_text().strip() not in shown
    assert [step.summary for step in steps if step.kind == "note"] == [
        "Read a message: @alice says word 1",
        "Read a message: /compact @/etc/hostname",
    ]


@pytest.mark.anyio
async def test_a_message_too_late_for_the_last_words(scene: Scene, model: ScriptedModel, people: People) -> None:
    """What is said while the model writes its last words gets a reply of its own, and the turn ends with that one.

    The costs of both are the turn's, and so is the description of the pull request.
    """
    gate, dear = hang(), Usage(output_tokens=100_000)
    describe = use(DESCRIBE, title="Round half up", body="Because.", fixes_issue=True)
    model.when("total", [describe, gate, reply(say("Done."), usage=dear), say("And that, too.")])
    turn = asyncio.create_task(scene.finish("total", **people.listening))
    await gate.reached.wait()
    people.say(ONE, TWO, THREE)
    await scene.holds(THREE.text)
    gate.release()
    finished = await turn
    assert finished.text == "And that, too."
    assert finished.cost_usd > 1
    assert finished.pull_request == PullRequestText("Round half up", "Because.", True)
    assert (people.taken, people.left()) == ([1, 2, 3], [])
    assert [_times(model.requests[-1], said) for said in (ONE, TWO, THREE)] == [1, 1, 1]


@pytest.mark.anyio
async def test_a_message_before_a_question(scene: Scene, model: ScriptedModel, people: People) -> None:
    """An agent that asks while a message waits for it reads that first, and can do without the question."""
    gate = hang()
    model.when("total", [gate, ask([ROUNDING]), say("Half up, then.")])
    turn = asyncio.create_task(scene.finish("total", **people.listening))
    await gate.reached.wait()
    people.say(ONE)
    await scene.holds(ONE.text)
    gate.release()
    assert (await turn).text == "Half up, then."
    (refused,) = model.tool_results("AskUserQuestion")
    assert READ_FIRST in refused.text
    assert (people.taken, _times(model.requests[-1], ONE)) == ([1], 1)


@pytest.mark.anyio
async def test_a_message_after_a_question(scene: Scene, model: ScriptedModel, people: People, bell: Bell) -> None:
    """What is said once a question waits stays in the queue, and is said, once, in the turn that the answer begins."""
    slow, gate = use("Bash", command=f"{bell.ring}; {bell.wait}"), hang()
    model.when("total", [[ask([ROUNDING]), slow], gate, say("Half up."), say("And that, too.")])
    turn = asyncio.create_task(scene.ask("total", **people.listening))
    await bell.rung()
    await scene.holds("hook_deferred_tool")
    people.say(LIKE_A_COMMAND)
    await bell.open_gate()
    asked = await turn
    assert (people.taken, people.left()) == ([], [4])
    answered = asyncio.create_task(
        scene.on_another_machine().finish(answers=ANSWER, session_id=asked.session_id, **people.listening)
    )
    await gate.reached.wait()
    await scene.holds(LIKE_A_COMMAND.text)
    gate.release()
    assert (await answered).text == "And that, too."
    assert "Half up" in model.tool_results("AskUserQuestion")[0].text
    assert (people.taken, people.left(), _times(model.requests[-1], LIKE_A_COMMAND)) == ([4], [], 1)


@pytest.mark.anyio
async def test_a_message_when_the_turn_is_stopped(
    scene: Scene, model: ScriptedModel, people: People, bell: Bell
) -> None:
    """What was on its way when a turn is stopped is in the queue again, ahead of what came later."""
    model.when("total", [use("Bash", command=f"{bell.ring}; {bell.wait}")])
    agent = ClaudeAgent(scene.access, scene.store, home=scene.folder, service=scene.service)
    turn = asyncio.create_task(
        agent.run_turn(scene.turn("total"), thread_id=1, on_progress=no_interest, **people.listening)
    )
    await bell.rung()
    people.say(ONE)
    await scene.holds(ONE.text, project="thread-1")
    turn.cancel()
    people.say(TWO)
    await asyncio.wait({turn})
    assert (people.taken, people.left()) == ([], [1, 2])


@pytest.mark.anyio
async def test_a_message_does_not_lift_a_limit(scene: Scene, model: ScriptedModel, people: People) -> None:
    """A turn that has used up its steps ends, although the CLI would go on with what it was sent, which is not lost."""
    gate = hang()
    model.when("total", [gate, use("Bash", command="pwd"), *[say("Done.")] * 3])
    turn = asyncio.create_task(scene.fail("total", limits=Limits(1, 10, 60), **people.listening))
    await gate.reached.wait()
    people.say(ONE)
    await scene.holds(ONE.text)
    gate.release()
    failed = await turn
    assert failed.reason is FailureReason.TURN_LIMIT
    assert people.taken + people.left() == [1], "the CLI may just have taken it up, or not"
    await scene.finish("Go on", session_id=failed.session_id, **people.listening)
    assert (people.taken, people.left(), _times(model.requests[-1], ONE)) == ([1], [], 1)


class Outside:
    """Stands in for the CLI's end of `Interjections`: what it was sent, and the caller's side."""

    def __init__(self, *known: Interjection) -> None:
        self.queue: asyncio.Queue[Interjection] = asyncio.Queue()
        self.taken: list[int] = []
        self.sent: list[str] = []
        entries = [{"type": "user", "uuid": message_id(interjection)} for interjection in known]
        self.interjections = Interjections(self.queue, self.taken.append, cast(list[SessionStoreEntry], entries))

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message["message"]["content"])

    @contextlib.asynccontextmanager
    async def passing_on(self) -> AsyncIterator[None]:
        """While the context is open, messages are passed on; they have been when it closes."""
        saying = asyncio.create_task(self.interjections.pass_on(self.send))
        yield
        for _ in range(10):
            await asyncio.sleep(0)
        saying.cancel()
        await asyncio.wait({saying})

    def left(self) -> list[int]:
        """What is in the queue once the turn is over."""
        self.interjections.give_back()
        return [self.queue.get_nowait().id for _ in range(self.queue.qsize())]


BEGIN = SystemMessage(subtype="init", data={"session_id": "s"})


def _question(tool_use_id: str) -> PreToolUseHookInput:
    call = {"hook_event_name": "PreToolUse", "tool_use_id": tool_use_id, "tool_input": {"questions": [ROUNDING]}}
    return cast(PreToolUseHookInput, call)


@pytest.mark.anyio
async def test_nothing_is_said_before_the_cli_has_begun() -> None:
    """What waits from the start is passed on once the CLI has begun, and is back in the queue if it was not taken."""
    outside = Outside()
    outside.queue.put_nowait(ONE)
    async with outside.passing_on():
        pass
    assert outside.sent == []
    outside.interjections.see(BEGIN)
    async with outside.passing_on():
        outside.queue.put_nowait(TWO)
    assert outside.sent == [ONE.text, TWO.text]
    outside.queue.put_nowait(THREE)
    assert outside.left() == [1, 2, 3]


@pytest.mark.anyio
async def test_what_stands_in_the_transcript_is_taken() -> None:
    """A message is taken, once, when it is recorded in any of the CLI's three ways, and not when it is only echoed."""
    outside = Outside()
    outside.interjections.see(BEGIN)
    async with outside.passing_on():
        for interjection in (ONE, TWO, THREE):
            outside.queue.put_nowait(interjection)
    one, two, three = map(message_id, (ONE, TWO, THREE))
    assert outside.interjections.see(UserMessage(ONE.text, uuid=one)) == [ONE]
    assert outside.taken == []
    for entry in (
        {"type": "attachment", "attachment": {"type": "queued_command", "source_uuid": one}},
        {"type": "user", "uuid": two, "mergedSendUuids": [one]},
    ):
        outside.interjections.recorded([cast(SessionStoreEntry, entry)])
    await asyncio.sleep(0)
    assert outside.taken == [1, 2]
    assert outside.interjections.waiting, "for the echo of the others"
    outside.interjections.see(UserMessage(TWO.text, uuid=two))
    outside.interjections.see(UserMessage(THREE.text, uuid=three))
    now_waiting = outside.interjections.waiting
    assert (now_waiting, outside.left()) == (False, [3])


@pytest.mark.anyio
async def test_what_the_session_knows_is_not_said_again() -> None:
    """A message that an earlier turn had taken, without anybody noticing, counts as taken and is not sent."""
    outside = Outside(ONE)
    outside.interjections.see(BEGIN)
    async with outside.passing_on():
        outside.queue.put_nowait(ONE)
        outside.queue.put_nowait(TWO)
        outside.queue.put_nowait(TWO)
    assert (outside.sent, outside.taken, outside.left()) == ([TWO.text], [1], [2])


@pytest.mark.anyio
async def test_a_question_and_a_message_at_once() -> None:
    """No question is put while a message is on its way to the agent, and no message is sent once a question waits."""
    outside = Outside()
    asking = Asking(None, None, outside.interjections)
    outside.interjections.see(BEGIN)
    async with outside.passing_on():
        outside.queue.put_nowait(ONE)
    refused = cast(dict[str, Any], await asking.before_tool(_question("a"), "a", {"signal": None}))[
        "hookSpecificOutput"
    ]
    assert (refused["permissionDecision"], refused["permissionDecisionReason"]) == ("deny", READ_FIRST)
    outside.interjections.see(UserMessage(ONE.text, uuid=message_id(ONE)))
    asked = cast(dict[str, Any], await asking.before_tool(_question("b"), "b", {"signal": None}))["hookSpecificOutput"]
    assert asked["permissionDecision"] == "defer"
    async with outside.passing_on():
        outside.queue.put_nowait(TWO)
    assert outside.sent == [ONE.text]
    assert outside.left() == [1, 2]
