"""The service is killed at the worst moments; each thread must end as on an undisturbed day."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path

import pytest

from ove_gh.demo.github import Request, drop_connection
from ove_gh.demo.model import ScriptedModel, hang, say, use
from ove_gh.demo.stage import REPOSITORY, Service, Stage
from tests.acceptance.scripts import (
    ASK_AND_FIX,
    JUST_FIX,
    asked,
    bot_comments,
    failed,
    finished,
    mention,
    only_pull,
    open_issue,
    processes_running,
    question_comment,
    says,
    status_comments,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def stage(own_stage: Stage) -> Stage:
    """A stage of the test's own, because each of them stops the service."""
    return own_stage


class Killing:
    """A fault that kills the service when a request arrives, and lets the request take effect or not."""

    def __init__(self, service: Service, *, deed_is_done: bool) -> None:
        self._service, self._deed_is_done = service, deed_is_done
        self.killed = asyncio.Event()

    async def __call__(self, request: Request) -> None:
        await self._service.kill()
        self.killed.set()
        if not self._deed_is_done:
            await drop_connection()(request)


async def kill_at(stage: Stage, method: str, path: str, *, after: bool = False) -> Killing:
    """Kill the service at the next such request: before the deed, which then is not done, or right after it."""
    killing = Killing(stage.service, deed_is_done=after)
    stage.github.on(method, path, when="after" if after else "before", action=killing)
    return killing


def assert_undisturbed(stage: Stage, number: int, *, questions: int = 1) -> None:
    """The thread is that of a day on which nothing happened: one status, the question, one pull request."""
    comments = bot_comments(stage.github, number)
    assert len(comments) == 1 + questions, [comment.body for comment in comments]
    pull = only_pull(stage, number)
    assert "return Decimal(0)" in stage.github.diff(REPOSITORY, "main", pull.head)
    assert len([c for c in stage.github.log(REPOSITORY, pull.head) if "empty cart" in c.message]) == 1


async def test_killed_while_a_question_waits(stage: Stage) -> None:
    """SIGKILL while people think: after the restart the reply goes on in the same session."""
    stage.model.when("empty cart", ASK_AND_FIX)
    number = open_issue(stage)
    mention(stage, number)
    await asked(stage, number)
    await stage.service.kill()
    await stage.service.restart()
    stage.github.comment(REPOSITORY, number, "alice", "1")
    await finished(stage, number)
    assert_undisturbed(stage, number)
    assert len(stage.model.conversations) == 1


async def test_killed_between_the_replys_202_and_its_handling(stage: Stage) -> None:
    """A reply that was acknowledged but not handled is handled after the restart: GitHub never sends it again."""
    stage.model.when("empty cart", ASK_AND_FIX)
    number = open_issue(stage)
    mention(stage, number)
    await asked(stage, number)
    killing = await kill_at(stage, "GET", r"/repos/acme/shop/collaborators/alice/permission")
    stage.github.comment(REPOSITORY, number, "alice", "1")
    await killing.killed.wait()
    await stage.github.settled()
    assert stage.github.deliveries[-1].status_code == 202
    await stage.service.restart()
    await finished(stage, number)
    assert_undisturbed(stage, number)


async def test_killed_in_the_middle_of_a_bash_call(stage: Stage, tmp_path: Path) -> None:
    """SIGKILL while the agent's shell runs: the shell dies too, and the turn is resumed and finished."""
    flag = tmp_path / "running"
    waiting = hang()
    stage.model.when(
        "empty cart",
        [use("Bash", command=once(flag, "exec sleep 1007")), waiting, *JUST_FIX],
    )
    number = open_issue(stage)
    mention(stage, number)
    await until_exists(flag)
    await stage.github.wait_for(
        lambda github: says(status_comments(github, number)[0], "Running"),
        what="the command in the status comment: by then the session is noted",
    )
    await stage.service.kill()
    await stage.service.restart()
    await waiting.reached.wait()
    assert not processes_running("sleep 1007")
    assert any("restarted" in request.last_text for request in stage.model.requests)
    waiting.release()
    await finished(stage, number)
    assert_undisturbed(stage, number, questions=0)
    assert len(stage.model.conversations) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before the pull request", "pull request opened, not noted"])
async def test_killed_between_push_and_pull_request(stage: Stage, after: bool) -> None:
    """SIGKILL between push and pull request, or before its answer arrived: the restart ends with one pull request."""
    stage.model.when("empty cart", JUST_FIX)
    killing = await kill_at(stage, "POST", r"/repos/acme/shop/pulls", after=after)
    number = open_issue(stage)
    mention(stage, number)
    await killing.killed.wait()
    await stage.service.restart()
    await finished(stage, number)
    assert_undisturbed(stage, number, questions=0)
    assert len(stage.model.requests) == 3


async def test_killed_between_posting_a_comment_and_noting_it(stage: Stage) -> None:
    """SIGKILL when the question stands on GitHub but is not noted: it is not posted twice, and can be answered."""
    stage.model.when("empty cart", ASK_AND_FIX)
    number = open_issue(stage)

    async def kill_at_question(request: Request) -> None:
        if b"ove-gh:question" in request.body:
            await stage.service.kill()
            killed.set()

    killed = asyncio.Event()
    stage.github.on("POST", r".*/comments", when="after", action=kill_at_question, times=None)
    mention(stage, number)
    await killed.wait()
    await stage.service.restart()
    question = question_comment(stage.github, number)
    assert question is not None
    stage.github.tick(question.id, "alice", "Zero")
    await finished(stage, number)
    await stage.github.wait_for(lambda _: says(question, "~~"))
    assert_undisturbed(stage, number)


async def test_a_turn_that_never_survives_ends_in_a_clear_failure(stage: Stage) -> None:
    """A turn that is cut off by a crash three times is given up, with a comment that says how to go on."""
    stage.model.when("empty cart", [waiting := hang(), say("never said")])
    number = open_issue(stage)
    mention(stage, number)
    for starts in (1, 2, 3):
        await stage.model.wait_for(partial(asked_times, starts))
        await stage.service.kill()
        await stage.service.restart()
    told = await failed(stage, number)
    assert says(told, "@alice", "@ove continue")
    waiting.release()


async def test_sigterm_ends_within_ten_seconds_and_the_turn_resumes(stage: Stage, tmp_path: Path) -> None:
    """SIGTERM stops a running turn and its shell within ten seconds; the next start resumes and finishes it."""
    flag = tmp_path / "running"
    waiting = hang()
    stage.model.when("empty cart", [use("Bash", command=once(flag, "exec sleep 1001")), waiting, *JUST_FIX])
    number = open_issue(stage)
    mention(stage, number)
    await until_exists(flag)
    assert await stage.service.stop() == 0
    assert not processes_running("sleep 1001")
    await stage.service.restart()
    await waiting.reached.wait()
    waiting.release()
    await finished(stage, number)
    assert_undisturbed(stage, number, questions=0)


async def test_a_question_is_answered_on_a_new_machine(stage: Stage, tmp_path: Path) -> None:
    """The data directory is moved elsewhere, without the clones: the answer still resumes the very session."""
    stage.model.when("empty cart", ASK_AND_FIX)
    number = open_issue(stage)
    mention(stage, number)
    await asked(stage, number)
    await stage.service.stop()
    moved = tmp_path / "new machine"
    shutil.move(stage.data_dir, moved)
    shutil.rmtree(moved / "clones")
    await stage.service.restart(OVE_DATA_DIR=str(moved), HOME=str(tmp_path))
    stage.github.comment(REPOSITORY, number, "alice", "1")
    await finished(stage, number)
    assert_undisturbed(stage, number)
    assert len(stage.model.conversations) == 1


def asked_times(count: int, model: ScriptedModel) -> bool:
    """Whether the model was asked so often."""
    return len(model.requests) >= count


def once(flag: Path, command: str) -> str:
    """A shell command that raises a flag and then runs another one, the first time.

    The model's very last words before a kill may not be in the transcript yet; it then says them again.
    """
    return f"test -e {flag} || {{ touch {flag}; {command}; }}"


async def until_exists(path: Path) -> None:
    """Wait until a file appears that the agent's shell makes."""
    async with asyncio.timeout(30):
        while not path.exists():  # noqa: ASYNC110 - what it waits for rings no bell
            await asyncio.sleep(0.02)
