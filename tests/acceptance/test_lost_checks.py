"""What GitHub told of checks was lost, or nobody was there to hear it; the sweep finds out all the same."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ove_gh.demo.processes import claude_processes
from ove_gh.demo.stage import REPOSITORY, Stage
from tests.acceptance.ci_scripts import PlayedCI, told_in, try_it, turns_in, until_looked
from tests.acceptance.scripts import bot_comments, conversations_in, finished, mention, open_issue, until_nothing_runs

pytestmark = pytest.mark.anyio

OFTEN = {"OVE_CI_SILENCE": "0.3s", "OVE_SWEEP_INTERVAL": "0.3s"}
"""A service that soon reads the checks of which it hears nothing."""


@pytest.fixture(scope="module")
def stage_settings() -> Mapping[str, str]:
    """The sweep comes often."""
    return OFTEN


async def test_all_webhooks_of_a_finished_ci_run_are_lost(stage: Stage) -> None:
    """Nothing is heard of checks that have ended: the sweep reads them, and the task completes."""
    events = ("check_run", "check_suite", "workflow_run", "status")
    lost = [stage.github.disturb_deliveries(event=event, fate="lose") for event in events]
    number = open_issue(stage, try_it("Begin"))
    ci = PlayedCI(stage, number)
    mention(stage, number)
    [run] = await ci.awaited(1)
    stage.github.set_status(REPOSITORY, run.head_sha, "ci/jenkins", "pending")
    await until_looked(stage)
    ci.succeed(run)
    stage.github.set_status(REPOSITORY, run.head_sha, "ci/jenkins", "success")
    await finished(stage, number, "its checks are green", "all 2 checks passed")
    assert all(one.met for one in lost)
    assert not [delivery for delivery in stage.github.deliveries if delivery.event in events]


async def test_killed_while_waiting_and_the_checks_fail_meanwhile(own_stage: Stage) -> None:
    """SIGKILL while CI runs, and nobody hears that it fails: after the start the agent comes back all the same."""
    stage = own_stage
    number = open_issue(stage, try_it("Begin", "Mend it"))
    ci = PlayedCI(stage, number)
    mention(stage, number)
    [red] = await ci.awaited(1)
    await until_looked(stage)
    await until_nothing_runs(stage)
    await stage.service.kill()
    assert claude_processes(stage.data_dir) == []
    before = len(stage.github.deliveries)
    ci.fail(red)
    await stage.github.settled()
    assert {delivery.status_code for delivery in stage.github.deliveries[before:]} == {502}
    await stage.service.restart(**OFTEN)
    [green] = await ci.awaited(2)
    assert "the notes are too short" in told_in(stage, number)[-1]
    ci.succeed(green)
    status = await finished(stage, number, "its checks are green", "attempt 1 of 3")
    assert bot_comments(stage.github, number) == [status]
    assert len(turns_in(stage, number)) == 2
    assert len(conversations_in(stage, number)) == 1
