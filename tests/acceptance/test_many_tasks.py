"""Waiting costs nothing, threads run side by side up to the limit, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import pytest

from ove_gh.demo.github import SimulatedGitHub
from ove_gh.demo.model import Hang, ask, hang, say
from ove_gh.demo.processes import claude_processes
from ove_gh.demo.stage import REPOSITORY, Stage
from tests.acceptance.ci_scripts import PlayedCI, try_it
from tests.acceptance.scripts import (
    ROUNDING,
    answers_in,
    asked,
    finished,
    mention,
    open_issue,
    requests_in,
    says,
    status_comments,
    until_nothing_runs,
)

pytestmark = pytest.mark.anyio

LIMIT = 2


@pytest.fixture(scope="module")
def stage_settings() -> Mapping[str, str]:
    """The service runs at most two agents."""
    return {"OVE_MAX_SESSIONS": str(LIMIT)}


async def test_five_waiting_tasks_hold_no_process_and_no_slot(stage: Stage) -> None:
    """Five tasks wait for answers without any Claude process, and three others run meanwhile under a limit of two."""
    waiting = [open_issue(stage, [ask([ROUNDING]), say("Decided.")]) for _ in range(5)]
    for number in waiting:
        mention(stage, number, words="please decide")
    for number in waiting:
        await asked(stage, number)
    await until_nothing_runs(stage)

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


async def test_ten_threads_run_side_by_side_up_to_the_limit(stage: Stage) -> None:
    """Ten issues asked at once: two agents work, never more, the others say that they wait, and all ten finish."""
    held: dict[int, Hang] = {}
    for _ in range(10):
        gate = hang()
        held[open_issue(stage, [gate, say("Explained.")])] = gate
    numbers = list(held)
    for number in numbers:
        mention(stage, number, words="please explain")

    while held:
        at_work = await until_at_work(held, min(LIMIT, len(held)))
        if len(held) == len(numbers):
            others = [number for number in numbers if number not in at_work]
            await stage.github.wait_for(partial(all_wait, others), what="eight threads that wait for a free place")
        await until_agents(stage, at_most=LIMIT)
        assert reached(held) == at_work
        held.pop(at_work[0]).release()
        await finished(stage, at_work[0], "Explained.")
    assert [len(requests_in(stage, number)) for number in numbers] == [1] * 10


async def test_threads_that_wait_for_their_checks_hold_no_slot(stage: Stage) -> None:
    """As many tasks as may work wait for their checks; another runs to its end meanwhile, and then theirs go on."""
    waiting = [open_issue(stage, try_it("Begin")) for _ in range(LIMIT)]
    played = [PlayedCI(stage, number) for number in waiting]
    for number in waiting:
        mention(stage, number, words="please begin")
    runs = [run for ci in played for run in await ci.awaited(1)]

    other = open_issue(stage, [say("Explained.")])
    mention(stage, other, words="please explain")
    await finished(stage, other, "Explained.")
    assert all(run.status == "in_progress" for run in runs)

    for ci, run in zip(played, runs, strict=True):
        ci.succeed(run)
    for number in waiting:
        await finished(stage, number, "its checks are green")


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


async def until_at_work(held: Mapping[int, Hang], count: int) -> list[int]:
    """Wait until the model is held in so many threads, and return all threads where it is."""
    async with asyncio.timeout(60):
        while len(reached(held)) < count:  # noqa: ASYNC110 - whichever comes first, of many
            await asyncio.sleep(0.02)
    return reached(held)


async def until_agents(stage: Stage, *, at_most: int) -> None:
    """Wait until no more Claude processes run than that; one more that is held by the model never goes away."""
    async with asyncio.timeout(5):
        while len(claude_processes(stage.data_dir) or ()) > at_most:  # noqa: ASYNC110 - what it waits for rings no bell
            await asyncio.sleep(0.02)


def reached(held: Mapping[int, Hang]) -> list[int]:
    """The threads whose agent has asked the model and gets no answer yet."""
    return [number for number, gate in held.items() if gate.reached.is_set()]


def all_wait(numbers: Sequence[int], github: SimulatedGitHub) -> bool:
    """Whether each of these threads says that it waits for a free place."""
    statuses = [status_comments(github, number) for number in numbers]
    return all(found and says(found[-1], "**Waiting for a free place**") for found in statuses)
