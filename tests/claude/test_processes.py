"""What a turn starts ends with it: killed, cancelled, or when the service itself dies."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from ove_gh.agent import FailureReason
from ove_gh.claude.launch import TURN_OF
from ove_gh.claude.leftovers import end_leftovers
from ove_gh.demo.model import ScriptedModel, hang, say, use
from tests.claude.scene import KEY, Bell, Scene

DAEMONS = """
setsid sleep 1000 > /dev/null 2>&1 < /dev/null & echo $! >> pids
env -i /bin/sh -c 'setsid sleep 1001 & echo $!' >> pids
(nohup sleep 1002 > /dev/null 2>&1 & echo $! >> pids)
"""
"""Three ways to outlive a shell: in a session of its own, without the environment's marks, without a parent."""

SERVICE = """
import asyncio, json, sys
from pathlib import Path
from claude_agent_sdk import InMemorySessionStore
from ove_gh.agent import Identity, Limits, TurnInput
from ove_gh.claude.launch import ModelAccess
from ove_gh.claude.session import run_turn

given = json.loads(sys.argv[1])
turn = TurnInput(
    workdir=Path(given["workdir"]), config_dir=Path(given["config_dir"]), author=Identity("ove", "ove@example.invalid"),
    co_author=None, limits=Limits(20, 10, 60), prompt="total",
)
access = ModelAccess(given["key"], given["base_url"])
asyncio.run(run_turn(turn, model_access=access, transcripts=InMemorySessionStore(), on_progress=lambda _: None,
                     service=given["service"]))
"""


def _gone(pid: int) -> bool:
    """Whether the process has ended, or ends soon."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.anyio
async def test_the_cli_is_killed_in_a_command(scene: Scene, model: ScriptedModel, bell: Bell) -> None:
    """A killed CLI is a crash that takes its commands along, and the session goes on from its transcript."""
    model.when("total", [use("Bash", command=f"{bell.ring}; sleep 1000"), say("It was cut off; done now.")])
    turn = asyncio.create_task(scene.fail("total"))
    shell, cli = await bell.rung()
    await scene.recorded("Bash")
    os.kill(cli, signal.SIGKILL)
    failed = await turn
    assert failed.reason is FailureReason.CRASHED
    assert failed.detail == "Claude Code stopped in the middle of its work."
    assert _gone(shell)
    finished = await scene.on_another_machine().finish("You were cut off. Go on.", session_id=failed.session_id)
    assert finished.text == "It was cut off; done now."
    (result,) = model.tool_results("Bash")
    assert "Tool call interrupted" in result.text


@pytest.mark.anyio
async def test_cancelling_ends_everything(scene: Scene, model: ScriptedModel, bell: Bell) -> None:
    """When the service stops, the CLI, its command and every daemon that it made are gone, and the session goes on."""
    model.when("total", [use("Bash", command=f"{DAEMONS}\n{bell.ring}; sleep 1000"), say("Done now.")])
    seen: list[str | None] = []
    turn = asyncio.create_task(scene.run("total", on_progress=lambda progress: seen.append(progress.session_id)))
    started = await bell.rung()
    await scene.recorded("Bash")
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    daemons = [int(pid) for pid in (scene.workdir / "pids").read_text().split()]
    assert len(daemons) == 3
    assert [pid for pid in (*started, *daemons) if not _gone(pid)] == []
    assert (await scene.finish("Go on.", session_id=seen[-1])).text == "Done now."


@pytest.mark.anyio
async def test_cancelling_before_the_cli_has_started(scene: Scene, model: ScriptedModel) -> None:
    """A turn that is cancelled while its process is only just starting ends as well, and asks the model nothing."""
    starting = asyncio.Event()
    turn = asyncio.create_task(scene.run("total", on_progress=lambda _: starting.set()))
    await starting.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert model.requests == []


@pytest.mark.anyio
async def test_daemons_do_not_outlive_a_turn_that_finishes(scene: Scene, model: ScriptedModel) -> None:
    """What a command leaves running ends with the turn."""
    model.when("total", [use("Bash", command=DAEMONS), say("Done.")])
    await scene.finish("total")
    daemons = [int(pid) for pid in (scene.workdir / "pids").read_text().split()]
    assert len(daemons) == 3
    assert [pid for pid in daemons if not _gone(pid)] == []


@pytest.mark.anyio
async def test_a_shell_in_the_background_is_not_offered(scene: Scene, model: ScriptedModel) -> None:
    """The CLI's own background shells are off: the agent is told so, and nothing is left to wait for."""
    model.when("total", [use("Bash", command="sleep 1000", run_in_background=True), say("Done.")])
    assert (await scene.finish("total")).text == "Done."
    (result,) = model.tool_results("Bash")
    assert "run_in_background" in result.text
    assert result.is_error


@pytest.mark.anyio
async def test_the_service_is_killed(scene: Scene, model: ScriptedModel, bell: Bell) -> None:
    """SIGKILL of the service ends the CLI and everything below it, although nobody could clean up."""
    model.when("total", [use("Bash", command=f"{DAEMONS}\n{bell.ring}; sleep 1000")])
    given = {
        "workdir": str(scene.workdir),
        "config_dir": str(scene.config_dir),
        "key": KEY,
        "base_url": model.base_url,
        "service": scene.service,
    }
    env = {**os.environ, "TMPDIR": str(scene.folder)}
    with subprocess.Popen([sys.executable, "-c", SERVICE, json.dumps(given)], env=env) as service:
        started = await bell.rung()
        started.append(_parent(started[1]))
        service.kill()
    daemons = [int(pid) for pid in (scene.workdir / "pids").read_text().split()]
    assert [pid for pid in (*started, *daemons) if not _gone(pid)] == []


@pytest.mark.anyio
async def test_a_thread_of_the_service_that_ends_ends_nothing(scene: Scene, model: ScriptedModel) -> None:
    """The CLI hangs on the event loop's thread: a worker thread that comes and goes leaves it alone."""
    gate = hang()
    model.when("total", [gate, say("Still here.")])
    turn = asyncio.create_task(scene.finish("total"))
    await gate.reached.wait()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    gate.release()
    assert (await turn).text == "Still here."


def test_leftovers_of_an_earlier_run_are_found_by_their_mark() -> None:
    """A process that carries this data directory's mark is ended; one of another data directory is left alone."""
    ours, theirs = str(uuid.uuid4()), str(uuid.uuid4())
    processes = [
        subprocess.Popen(["/bin/sleep", "1000"], env={TURN_OF: service}, start_new_session=True)
        for service in (ours, theirs)
    ]
    try:
        assert end_leftovers(ours) == [processes[0].pid]
        assert end_leftovers(ours) == []
        assert processes[1].poll() is None
    finally:
        for process in processes:
            process.kill()
            process.wait()
