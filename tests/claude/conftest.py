"""What the tests of the agent share."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ove_gh.claude.leftovers import end_leftovers
from ove_gh.demo.model import ScriptedModel
from tests.claude.scene import KEY, Bell, Scene


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    """A model that must not be surprised."""
    async with ScriptedModel.running(api_key=KEY) as running:
        yield running
    assert running.surprises == []


@pytest.fixture
def scene(tmp_path: Path, model: ScriptedModel) -> Iterator[Scene]:
    """A clone for the agent; when the test is over, no process of its turns may be left."""
    scene = Scene(tmp_path, model, service=f"test-{uuid.uuid4()}")
    yield scene
    assert end_leftovers(scene.service) == []


@pytest.fixture
def bell(tmp_path: Path) -> Bell:
    """A bell that lies beside the clone."""
    return Bell(tmp_path)
