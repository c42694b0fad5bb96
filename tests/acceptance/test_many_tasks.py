"""Waiting costs nothing, threads run side by side up to the limit, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from ove_gh.demo.model import ask, say
from ove_gh.demo.stage import REPOSITORY, Stage
from tests.acceptance.scripts import ROUNDING, answers_in, asked, finished, mention, open_issue, requests_in

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def stage_settings() -> Mapping[str, str]:
    """The service runs at most two agents."""
    return {"OVE_MAX_SESSIONS": "2"}


async def test_five_waiting_tasks_hold_no_process_and_no_slot(stage: Stage) -> None:
    """Five tasks wait for answers without any Claude process, and three others run meanwhile under a limit of two."""
    waiting = [open_issue(stage, [ask([ROUNDING]), say("Decided.")]) for _ in range(5)]
    for number in waiting:
        mention(stage, number, words="please decide")
    for number in waiting:
        await asked(stage, number)
    await until_no_agent_of(stage)

    others = [open_issue(stage, [say("Explained.")]) for _ in range(3)]
    for number in others:
        mention(stage, number, words="please explain")
    for number in others:
        await finished(stage, number, "Explained.")
    assert not any(answers_in(stage, number) for number in waiting)

    for number in waiting:
        stage.github.comment(REPOSITORY, number, "alice", "1")
    for number in waiting:
        await finished(stage, number, "Decided.")


async def test_requests_in_one_thread_run_one_after_another(stage: Stage) -> None:
    """A second request in a thread waits for the first, and neither is lost."""
    number = open_issue(stage, [say("First done."), say("Second done.")])
    mention(stage, number, words="do the first thing")
    mention(stage, number, words="do the second thing")
    await finished(stage, number, "Second done.")
    assert [request.replies for request in requests_in(stage, number)] == [0, 1]


async def test_a_second_service_on_the_same_data_refuses_to_start(stage: Stage) -> None:
    """Two services on one data directory would do everything twice: the second says so and exits 2."""
    process = await asyncio.create_subprocess_exec(
        *("python", "-m", "ove_gh", "serve"),
        env={**stage.service.environment, "PORT": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    assert process.returncode == 2
    assert b"Another ove-gh serves" in complaint


async def test_the_same_delivery_fifty_times_at_once_is_one_task(own_stage: Stage) -> None:
    """Fifty copies of one delivery at the same time, and one more after a restart, start one task."""
    stage = own_stage
    number = open_issue(stage, [say("Explained."), say("Explained again.")])
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
