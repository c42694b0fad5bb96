"""Interruptions: cancelled, killed, torn in the middle. The next call puts things right."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from ove_gh.checkout import Checkouts, Completed, run
from tests.checkout.conftest import BOT, REPOSITORY, World, commit_file, git
from tests.checkout.git_server import TOKEN

pytestmark = pytest.mark.anyio


def processes_at(root: Path) -> dict[int, Path]:
    """The live processes that work below a folder: id → their entry in /proc."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            folder = (entry / "cwd").readlink()
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if folder.is_relative_to(root):
            found[int(entry.name)] = entry
    return found


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until the kernel has cleared away what was killed."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  the kernel sets no event
            await asyncio.sleep(0.01)


async def arrival(event: threading.Event) -> None:
    """Wait until the server has a request that it holds back."""
    assert await asyncio.to_thread(event.wait, 30)


async def test_the_token_is_in_no_command_line(world: World) -> None:
    """While a fetch is under way, the token is in the environment of its processes and in no command line."""
    world.server.open_gate.clear()
    fetching = asyncio.create_task(world.prepare())
    await arrival(world.server.arrived)

    working = processes_at(world.root)
    environments = [(entry / "environ").read_bytes() for entry in working.values()]
    command_lines = [(entry / "cmdline").read_bytes() for entry in working.values()]

    assert any(TOKEN.encode() in environment for environment in environments)
    assert any(b"remote-http" in line for line in command_lines)
    assert not [line for line in command_lines if TOKEN.encode() in line]
    world.server.open_gate.set()
    await fetching


async def test_cancelling_ends_every_process(world: World) -> None:
    """A cancelled fetch leaves no git behind and holds no lock: the next one goes through."""
    world.server.open_gate.clear()
    fetching = asyncio.create_task(world.prepare())
    await arrival(world.server.arrived)
    assert processes_at(world.root)

    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching

    await eventually(lambda: not processes_at(world.root))
    world.server.open_gate.set()
    assert (await world.prepare()).head == world.on_github("main")


async def test_what_a_command_leaves_running_is_ended(tmp_path: Path) -> None:
    """A command that leaves a child in the background, holding its output, neither delays us nor outlives its end."""
    done = await run(["sh", "-c", "sleep 1000 & echo $!"], cwd=tmp_path, env={"PATH": os.defpath})

    assert done.code == 0
    await eventually(lambda: not processes_at(tmp_path))


async def test_a_command_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    """Cancelling ends also a command that ignores SIGTERM."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    stubborn = "trap '' TERM; echo >ready; while :; do sleep 1000; done"
    running = asyncio.create_task(run(["sh", "-c", stubborn], cwd=tmp_path, env={"PATH": os.defpath}))
    await asyncio.to_thread(ready.read_text)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await eventually(lambda: not processes_at(tmp_path))


async def test_cancelling_at_any_moment_of_the_start_ends_the_group(tmp_path: Path) -> None:
    """A call that is cancelled while its process is being started leaves neither the process nor its children."""
    for steps in range(8):
        command = ["sh", "-c", "sleep 1000 & sleep 1000"]
        running = asyncio.create_task(run(command, cwd=tmp_path, env={"PATH": os.defpath}))
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    await eventually(lambda: not processes_at(tmp_path))


SERVICE = """
import asyncio, sys
from pathlib import Path
from ove_gh.agent import Identity
from ove_gh.checkout import Checkouts, Remote

async def token():
    return sys.argv[3]

async def main():
    someone = Identity("x", "x@example.com")
    remote, names = Remote(sys.argv[2], token), {"base_branch": "main", "branch": "ove/12-empty-cart"}
    await Checkouts(Path(sys.argv[1])).prepare(remote, 77, 1, **names, author=someone, co_author=None)

asyncio.run(main())
"""


async def test_a_kill_during_the_first_fetch_is_repaired(world: World) -> None:
    """After `kill -9` of the service in the middle of a fetch, the next service waits for the orphan and goes on."""
    world.server.open_gate.clear()
    command = [sys.executable, "-c", SERVICE, str(world.root), world.server.url(), TOKEN]
    service = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parents[2], env={"PATH": os.defpath})
    await arrival(world.server.arrived)
    service.kill()
    await service.wait()
    assert processes_at(world.root)  # git lives on, and so does its lock on the mirror
    mirror = world.root / "mirrors" / f"{REPOSITORY}.git"
    with mirror.with_suffix(".lock").open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (mirror / "packed-refs.lock").touch()
    (mirror / "objects" / "pack" / "tmp_pack_torn").write_bytes(b"PACK")

    preparing = asyncio.create_task(world.prepare())
    world.server.open_gate.set()
    clone = await preparing

    assert clone.head == world.on_github("main")
    assert not (mirror / "packed-refs.lock").exists()
    assert not (mirror / "objects" / "pack" / "tmp_pack_torn").exists()


class Crash(Exception):
    pass


class Crashing:
    """An agent's side that breaks off at a command."""

    def __init__(self, at: str) -> None:
        self._at = at

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        reads: Sequence[Path] = (),
        stdout: int | None = None,
    ) -> Completed:
        if self._at in argv:
            raise Crash
        return await run(argv, cwd=cwd, env=env, reads=reads, stdout=stdout)


@pytest.mark.parametrize("moment", ["init", "config", "fetch", "checkout", "merge-base"])
async def test_a_half_made_clone_is_never_taken_for_a_whole_one(world: World, moment: str) -> None:
    """Wherever the making of a clone broke off, the next call gives a whole one and leaves no debris."""
    crashing = Checkouts(world.root, run_inside=Crashing(moment))
    with pytest.raises(Crash):
        await crashing.prepare(
            world.remote(), REPOSITORY, 1, base_branch="main", branch="ove/12-empty-cart", author=BOT, co_author=None
        )

    clone = await world.prepare()

    assert git("status", "--porcelain", cwd=clone.path) == ""
    assert (clone.path / "cart.py").exists()
    assert [path.name for path in clone.path.parent.iterdir()] == ["1"]


@pytest.mark.parametrize("moment", ["commit", "bundle"])
async def test_collecting_that_broke_off_is_repeated(started: World, moment: str) -> None:
    """Wherever collecting broke off, the next call collects everything, and no bundle is left lying about."""
    clone = started.clone
    commit_file(clone.path, "one.py", "1\n", "One")
    (clone.path / "two.py").write_text("2\n")
    crashing = Checkouts(started.root, run_inside=Crashing(moment))
    with pytest.raises(Crash):
        await crashing.collect(clone, author=BOT, co_author=None, leftover_message="Work in progress")

    collected = await started.collected(clone)

    assert [commit.subject for commit in collected.commits] == ["One", "Work in progress"]
    assert not list(started.root.rglob("*.bundle"))


async def test_stale_locks_in_the_clone_are_removed(started: World) -> None:
    """Locks that a killed agent's git left do not keep its work from being collected."""
    clone = started.clone
    (clone.path / "two.py").write_text("2\n")
    for name in ("index.lock", "HEAD.lock", "refs/heads/ove/12-empty-cart.lock", "config.lock"):
        (clone.path / ".git" / name).touch()

    assert (await started.collected(await started.prepare())).files_changed == 1


async def test_read_only_folders_are_removed_too(started: World) -> None:
    """A clone with folders that were made read-only, as some package caches are, is removed."""
    clone = started.clone
    cache = clone.path / "cache" / "deep"
    cache.mkdir(parents=True)
    (cache / "file").touch()
    cache.chmod(0o500)
    cache.parent.chmod(0o500)

    await started.checkouts.remove_clone(1)

    assert not clone.path.exists()
