"""Tests of one question to the model whose answer has to fit a schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from claude_agent_sdk import InMemorySessionStore

from ove_gh.agent import Failed, Finished, Identity, Limits
from ove_gh.claude.agent import ClaudeAgent
from ove_gh.claude.launch import ModelAccess
from ove_gh.claude.policy import ANSWER
from ove_gh.demo.model import ScriptedModel, fail, say, use
from ove_gh.schedules import READING_SCHEMA, reading_prompt
from tests.claude.scene import KEY

pytestmark = pytest.mark.anyio
AUTHOR = Identity("ove[bot]", "ove@example.invalid")


def agent(model: ScriptedModel, folder: Path) -> ClaudeAgent:
    """The agent of a service whose data is in `folder`."""
    access = ModelAccess(KEY, model.base_url, patience=1)
    return ClaudeAgent(access, InMemorySessionStore(), home=folder, service=str(folder))


async def test_the_model_answers_in_the_form_that_was_asked_for(model: ScriptedModel, tmp_path: Path) -> None:
    """The answer is data that fits the schema; the model has no other tool in its hand."""
    model.when("whenever the moon", [use(ANSWER, cron="0 9 * * 1", zone=None, problem=None), say("Done.")])
    outcome = await agent(model, tmp_path).answer(
        reading_prompt("whenever the moon is full", "UTC"),
        READING_SCHEMA,
        limits=Limits(4, 1.0, 60),
        model=None,
        author=AUTHOR,
    )
    assert isinstance(outcome, Finished), outcome
    assert outcome.answer == {"cron": "0 9 * * 1", "zone": None, "problem": None}
    assert set(model.requests[0].tools) == {ANSWER}


async def test_a_model_out_of_reach_is_a_failure_and_no_answer(model: ScriptedModel, tmp_path: Path) -> None:
    """When the model's service refuses, the question fails like any turn."""
    model.when("x", [fail(401, times=None), say("never")])
    outcome = await agent(model, tmp_path).answer(
        "x", READING_SCHEMA, limits=Limits(4, 1.0, 60), model=None, author=AUTHOR
    )
    assert isinstance(outcome, Failed)
