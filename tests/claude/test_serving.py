"""The tools that the service answers, on the real CLI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from ove_gh.agent import Progress, ServiceTool, ToolAnswer, TraceStep
from ove_gh.claude.describing import Description
from ove_gh.claude.serving import LONGEST_ANSWER, server
from ove_gh.demo.model import ScriptedModel, say, use
from tests.claude.scene import Scene

LONG = "\N{GRINNING FACE}" * LONGEST_ANSWER


async def _answer(arguments: Mapping[str, Any]) -> ToolAnswer:
    match arguments["number"]:
        case 12:
            return ToolAnswer("Totals are wrong")
        case 13:
            return ToolAnswer("There is no #13", is_error=True)
        case 14:
            return ToolAnswer(LONG)
    raise RuntimeError("a secret of the service")


READ_THREAD = ServiceTool(
    name="read_thread",
    description="Read an issue or a pull request with its comments.",
    schema={
        "type": "object",
        "properties": {"number": {"type": "integer", "description": "The issue's or pull request's number"}},
        "required": ["number"],
        "additionalProperties": False,
    },
    answer=_answer,
    activity=lambda arguments: f"Reading #{arguments['number']}",
)
NAME = "mcp__ove__read_thread"


@pytest.mark.anyio
async def test_the_service_answers(scene: Scene, model: ScriptedModel) -> None:
    """A call is answered by the service, said to people, and recorded; a long answer is cut, and says so.

    Arguments that do not fit are refused with what is wrong; an exception is a short error and a line in the log, and
    the turn goes on.
    """
    calls: list[dict[str, Any]] = [*({"number": number} for number in (12, 13, 14, 15, "twelve")), {}]
    model.when("total", [*(use(NAME, call) for call in calls), say("Done.")])
    seen: list[Progress] = []
    steps: list[TraceStep] = []
    with capture_logs() as logged:
        finished = await scene.finish("total", tools=(READ_THREAD,), on_progress=seen.append, on_step=steps.append)
    assert finished.text == "Done."
    good, bad, long, broken, *misfits = model.tool_results(NAME)
    assert (good.text, good.is_error) == ("Totals are wrong", False)
    assert (bad.text, bad.is_error) == ("There is no #13", True)
    assert long.text.startswith("\N{GRINNING FACE}" * (LONGEST_ANSWER // 2) + "\n\n[Cut here, after 24,000 of 48,000 ")
    assert (broken.text, broken.is_error) == (
        "read_thread did not work just now. Try once more, or go on without it.",
        True,
    )
    assert [line["tool"] for line in logged if line["event"] == "tool_failed"] == ["read_thread"]
    assert [(misfit.text, misfit.is_error) for misfit in misfits] == [
        ("Input validation error: 'twelve' is not of type 'integer'", True),
        ("Input validation error: 'number' is a required property", True),
    ]
    assert "Reading #12" in [progress.activity for progress in seen]
    assert [step.summary for step in steps if step.kind == "tool"][:2] == ["Reading #12", "Reading #13 (failed)"]
    assert model.strays == []


def test_two_tools_of_one_name() -> None:
    """A tool cannot take the place of another one without a word."""
    with pytest.raises(ValueError, match="name of its own"):
        server(Description(), [replace(READ_THREAD, name="describe_pull_request")])
