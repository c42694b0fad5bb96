"""Acceptance tests run the service as a process, with the real Claude CLI and real git, on the demo's stage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from ove_gh.demo.stage import Stage, staged


@pytest.fixture(scope="module")
def stage_settings() -> Mapping[str, str]:
    """More of the environment variables of the module's service; a module that needs some has a fixture of its own."""
    return {}


@pytest.fixture(scope="module")
async def shared_stage(
    tmp_path_factory: pytest.TempPathFactory, stage_settings: Mapping[str, str]
) -> AsyncIterator[Stage]:
    """A GitHub, model and running service for a whole module: to set them up costs more than most tests do."""
    async with staged(tmp_path_factory.mktemp("stage"), stage_settings) as stage:
        yield stage


@pytest.fixture
def stage(shared_stage: Stage) -> Iterator[Stage]:
    """The module's stage, for a test that keeps to threads of its own. It must not surprise the model meanwhile."""
    assert is_up(shared_stage), "an earlier test has cost the service its life"
    earlier = len(shared_stage.model.surprises)
    yield shared_stage
    assert not shared_stage.model.surprises[earlier:]
    assert is_up(shared_stage), shared_stage.service.tail()


@pytest.fixture
async def own_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A fresh stage, for a test that stops the service. The model must not have been surprised at the end."""
    async with staged(tmp_path) as stage:
        yield stage
        assert not stage.model.surprises, stage.model.surprises


def is_up(stage: Stage) -> bool:
    """Whether the service still runs."""
    return stage.service.process is not None and stage.service.process.returncode is None
