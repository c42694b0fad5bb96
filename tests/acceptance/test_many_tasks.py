"""Waiting costs nothing, and threads run side by side up to the limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ove_gh.demo.model import ask, say
from ove_gh.demo.stage import REPOSITORY, Stage, staged
from tests.acceptance.scripts import ROUNDING, asked, finished, mention, open_issue

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose service runs at most two agents."""
    async with staged(tmp_path, {"OVE_MAX_SESSIONS": "2"}) as stage:
        yield stage
        assert not stage.model.surprises


async def test_five_waiting_tasks_hold_no_process_and_no_slot(stage: Stage) -> None:
    """Five tasks wait for answers without any Claude process, and four others run meanwhile under a limit of two."""
    stage.model.when("decide", [ask([ROUNDING]), say("Decided.")])
    stage.model.when("explain", [say("Explained.")])
    waiting = [open_issue(stage, title=f"Decide {n}") for n in range(5)]
    for number in waiting:
        mention(stage, number, words="please decide")
    for number in waiting:
        await asked(stage, number)
    await until_no_agent_of(stage)

    others = [open_issue(stage, title=f"Explain {n}") for n in range(4)]
    for number in others:
        mention(stage, number, words="please explain")
    for number in others:
        await finished(stage, number, "Explained.")
    assert len(stage.model.tool_results("AskUserQuestion")) == 0

    for number in waiting:
        stage.github.comment(REPOSITORY, number, "alice", "1")
    for number in waiting:
        await finished(stage, number, "Decided.")


async def test_requests_in_one_thread_run_one_after_another(stage: Stage) -> None:
    """A second request in a thread waits for the first, and neither is lost."""
    stage.model.when("first", [say("First done."), say("Second done.")])
    number = open_issue(stage)
    mention(stage, number, words="do the first thing")
    mention(stage, number, words="do the second thing")
    await finished(stage, number, "Second done.")
    assert [request.replies for request in stage.model.requests] == [0, 1]


async def test_the_same_delivery_fifty_times_at_once_is_one_task(stage: Stage) -> None:
    """Fifty copies of one delivery at the same time, and one more after a restart, start one task."""
    stage.model.when("explain", [say("Explained."), say("Explained again.")])
    number = open_issue(stage)
    stage.github.disturb_deliveries(event="issue_comment", action="created", copies=50, times=1)
    request = mention(stage, number, words="please explain")
    await finished(stage, number, "Explained.")
    await stage.github.settled()
    copies = [d for d in stage.github.deliveries if d.event == "issue_comment" and d.status_code == 202]
    assert len([d for d in copies if d.guid == copies[0].guid]) == 50
    await stage.service.kill()
    await stage.service.restart()
    again = await stage.github.redeliver(copies[0].guid)
    assert again.status_code == 202
    mention(stage, number, words="please explain again")
    await finished(stage, number, "Explained again.")
    assert len(stage.model.requests) == 2
    assert stage.github.reactions(request) == [("ove[bot]", "eyes")]


async def until_no_agent_of(stage: Stage) -> None:
    """Wait until the service has no Claude process; one that ends just now may still be seen."""
    async with asyncio.timeout(10):
        while agents_of(stage):  # noqa: ASYNC110 - what it waits for rings no bell
            await asyncio.sleep(0.02)


def agents_of(stage: Stage) -> list[str]:
    """The command lines of all processes below the service that are a Claude CLI."""
    assert stage.service.process is not None
    parents: dict[int, int] = {}
    lines: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
                line = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            lines[int(folder.name)] = line.replace(b"\0", b" ").decode(errors="replace")
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    below = {stage.service.process.pid}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return [lines[pid] for pid in below if "claude" in lines.get(pid, "")]
