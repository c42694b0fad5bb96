"""The demo as a user starts it: a process in an environment from nothing, its output, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.anyio

STEPS = [
    "Real ",
    "Simulated ",
    "No walls ",
    "The service is up",
    "alice opens an issue in acme/shop",
    "The average of an empty cart fails",
    "alice mentions the App",
    "👀 by ove[bot]",
    "ove[bot] writes: Working on it",
    "☐ Write a test that fails",
    "□□□",
    "Waiting for an answer",
    "@alice, I need a decision",
    "☐ 1. Zero",
    "Claude processes: 0",
    "kill -9",
    "Started again",
    "alice replies",
    "■■",
    "Pushed ove/1-",
    "The commit is by ove[bot]  co-authored by alice",
    "The check “test” of ",
    "Closes #1",
    "+            return Decimal(0)",
    "Waiting for the checks of ",
    "ove[bot]'s own check: “Waiting for the other checks”  with a button: Stop",
    "Claude processes: 0",
    "is red  in the step “Test the page”",
    "test_page.py:11: AssertionError: the page shows '0', without cents",
    "Checks are red on ",
    "attempt 1 of 3",
    "The session has the report",
    "Pushed ove/1-",
    '+            return Decimal("0.00")',
    "Waiting for the checks of ",
    "Claude processes: 0",
    "is green",
    "Done: #2 fixes this, and its checks are green",
    "alice is asked to review #2",
    "The status comment in its last form",
    "Done: #2 fixes this, and its checks are green",
    "test failed: AssertionError",
    "its one check passed",
    "bob asks for more",
    "bob on #2",
    "👀 by ove[bot]",
    "The session of the issue goes on  with all that was said: 17 replies",
    "alice adds to it, while the agent works",
    "👀 by ove[bot]",
    "It is handed to the turn that runs",
    "The service pushes to the same branch",
    "Pushed ove/1-",
    "The commit is by ove[bot]  co-authored by bob",
    "+For an empty cart the page shows `0.00` as the average.",
    "Waiting for the checks of ",
    "is green",
    "The status comment in its last form",
    "its checks are green",
    "The README now says in one sentence",
    "What took how long",
    "Comments by the App  3, ",
    "Next: ",
]


@asynccontextmanager
async def demo(tmp_path: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`ove-gh demo` in a session of its own; its environment says where programs and scratch space are, no more."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ove_gh", "demo", *options),
        env={"PATH": os.defpath, "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def read_until(process: asyncio.subprocess.Process, words: str) -> str:
    """What the demo says, up to and with the line that holds these words."""
    assert process.stdout is not None
    said = ""
    async for line in process.stdout:
        said += line.decode()
        if words in line.decode():
            return said
    raise AssertionError(f"the demo never said {words!r}, but:\n{said}")


def processes_in(folder: Path) -> list[str]:
    """The command lines of all processes that know of a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if str(folder).encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return found


async def test_the_demo_tells_the_whole_story_and_cleans_up(tmp_path: Path) -> None:
    """From an empty environment the demo exits 0, tells the steps in order, and leaves neither file nor process."""
    async with demo(tmp_path) as process:
        out, err = await process.communicate()
    said = out.decode()
    assert process.returncode == 0, said + err.decode()
    assert err == b""
    position = 0
    for step in STEPS:
        assert step in said[position:], f"no {step!r} after:\n{said[:position]}"
        position = said.index(step, position)
    assert "\x1b" not in said
    assert list(tmp_path.iterdir()) == []
    assert processes_in(tmp_path) == []


async def test_somebody_at_the_keyboard_plays_alice(tmp_path: Path) -> None:
    """Typed words become comments and ticks, the answer and CI decide what the model does, --keep keeps the work."""
    typed = [
        "hello everybody",
        "@ove can you \\",
        "sing?",
        "as mallory @ove 1",
        "kill",
        "tick an error",
        "@ove and now?",
        "merge",
        "quit",
    ]
    async with demo(tmp_path, "--interactive", "--keep", "kept") as process:
        out, err = await process.communicate("\n".join(typed).encode())
    said = out.decode()
    assert process.returncode == 0, said + err.decode()
    assert "The App is not meant" in said
    assert "😕 by ove[bot]" in said
    assert "☑ 2. An error" in said
    assert '+            raise ValueError("an empty cart has no average")' in said
    assert "cart.py:19: ValueError: an empty cart has no average" in said
    assert "+    except ValueError:" in said
    assert "Done: #2 fixes this, and its checks are green" in said
    assert "You wrote: “and now?”" in said
    assert "alice merges #2 into main" in said
    assert "#1 is closed" in said
    assert "raise ValueError" in (tmp_path / "kept" / "shop" / "cart.py").read_text()
    assert processes_in(tmp_path) == []


async def test_a_service_that_dies_is_a_clear_failure(tmp_path: Path) -> None:
    """When the service dies under the story, the demo exits 1 and shows why and the service's last log lines."""
    async with demo(tmp_path) as process:
        said = await read_until(process, "ove-gh serve, pid")
        [pid] = re.findall(r"ove-gh serve, pid (\d+)", said)
        os.kill(int(pid), signal.SIGKILL)
        out, err = await process.communicate()
    assert process.returncode == 1, out.decode() + err.decode()
    assert "the service's last log lines" in out.decode()
    assert "The demo failed. The service ended although nobody stopped it." in out.decode()
    assert err == b""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
async def test_stopping_the_demo_leaves_nothing_running(tmp_path: Path, sent: signal.Signals) -> None:
    """Ctrl-C (to all in the terminal) or SIGTERM while the agent works: exit 130, no process, no file."""
    async with demo(tmp_path) as process:
        await read_until(process, "Claude processes: 1")
        if sent is signal.SIGINT:
            os.killpg(process.pid, sent)
        else:
            process.send_signal(sent)
        out, err = await process.communicate()
    assert process.returncode == 130, out.decode() + err.decode()
    assert out.decode().endswith("Stopped. Nothing is left running.\n")
    assert err == b""
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    """--keep with a folder that holds something exits 2 with what to do, and touches nothing."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("chapter 1")
    async with demo(tmp_path, "--keep", "mine") as process:
        _, err = await process.communicate()
    assert process.returncode == 2
    assert "mine is not an empty folder. Name a new one" in err.decode()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
