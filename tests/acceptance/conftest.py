"""Acceptance tests run the service as a process, with the real Claude CLI and real git, on the demo's stage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ove_gh.demo.stage import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A fresh GitHub, model and running service. The model must not have been surprised at the end."""
    async with staged(tmp_path) as stage:
        yield stage
        assert not stage.model.surprises, stage.model.surprises
