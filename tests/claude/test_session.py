"""What the agent gets and what it gives, on the real CLI."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import pytest

from ove_gh.agent import Image, Progress, PullRequestText, Step, TraceStep
from ove_gh.claude.policy import DESCRIBE, EDITING, NOTHING_TO_DO
from ove_gh.demo.model import ScriptedModel, ask, fail, say, use
from tests.claude.scene import KEY, ROUNDING, Scene

GIVEN = {
    "ANTHROPIC_API_KEY": KEY,
    "GIT_AUTHOR_NAME": "ove[bot]",
    "GIT_AUTHOR_EMAIL": "ove@example.invalid",
    "GIT_COMMITTER_NAME": "ove[bot]",
    "GIT_COMMITTER_EMAIL": "ove@example.invalid",
    "LANG": "C.UTF-8",
}


@pytest.mark.anyio
async def test_the_agents_shell_sees_nothing_of_the_service(
    scene: Scene, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of the agent's commands, and of every process above them, holds only what the turn gave."""
    monkeypatch.setenv("WEBHOOK_SECRET", "a-secret-of-the-service")
    look = "tr '\\0' '\\n' < /proc/{pid}/environ"
    parents = "p=$$; while [ $p != " + str(os.getpid()) + " ]; do " + look.format(pid="$p") + "; "
    command = f"env; {parents} p=$(awk '{{print $4}}' /proc/$p/stat); done"
    model.when("total", [use("Bash", command=command), say("Done.")])
    await scene.finish("total")
    (result,) = model.tool_results("Bash")
    seen = dict(line.partition("=")[::2] for line in result.text.splitlines() if "=" in line)
    assert seen["OVE_TURN_OF"] == scene.service
    assert {name: seen.get(name) for name in GIVEN} == GIVEN
    assert seen["HOME"].startswith(str(scene.folder))
    assert "a-secret-of-the-service" not in result.text
    same = {name for name in set(os.environ) & set(seen) if os.environ[name] == seen[name]}
    assert same <= {"LANG", "SHELL", "SHLVL", "PATH", "TERM", "_"}


@pytest.mark.anyio
@pytest.mark.parametrize("words", ["@/etc/hostname please", "/compact", "/init now", "!ls", "# remember this"])
async def test_a_prompt_is_just_words(scene: Scene, model: ScriptedModel, words: str) -> None:
    """Nothing in a prompt is a command to the CLI: the model gets it as it was written, and no file beside it."""
    model.when(lambda _: True, [say("Read.")])
    assert (await scene.finish(words)).text == "Read."
    assert model.requests[0].last_text == words
    assert Path("/etc/hostname").read_text().strip() not in json.dumps(model.requests[0].messages)


@pytest.mark.anyio
async def test_of_the_repository_only_its_memory_is_loaded(scene: Scene, model: ScriptedModel) -> None:
    """CLAUDE.md and what it imports reach the model; hooks, plugins, environment, servers and skills do not."""
    _write(scene.workdir / "CLAUDE.md", "Tabs, always. @docs/style.md\n")
    _write(scene.workdir / "docs/style.md", "Short names, too.\n")
    ran = scene.folder / "ran"
    hook = [{"hooks": [{"type": "command", "command": f"echo hook >> {ran}"}]}]
    events = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")
    plugin = scene.workdir / "market/plugin"
    _write(plugin / ".claude-plugin/plugin.json", json.dumps({"name": "theirs", "version": "1.0.0"}))
    _write(plugin / "hooks/hooks.json", json.dumps({"hooks": dict.fromkeys(events, hook)}))
    market = {"name": "market", "owner": {"name": "them"}, "plugins": [{"name": "theirs", "source": "./plugin"}]}
    _write(scene.workdir / "market/.claude-plugin/marketplace.json", json.dumps(market))
    place = {"source": {"source": "directory", "path": str(scene.workdir / "market")}}
    settings = {
        "extraKnownMarketplaces": {"market": place},
        "enabledPlugins": {"theirs@market": True},
        "hooks": dict.fromkeys(events, hook),
        "env": {"FROM_REPOSITORY": "yes"},
        "enableAllProjectMcpServers": True,
    }
    _write(scene.workdir / ".claude/settings.json", json.dumps(settings))
    _write(scene.workdir / ".claude/settings.local.json", json.dumps(settings))
    _write(
        scene.workdir / ".mcp.json", json.dumps({"mcpServers": {"theirs": {"command": "touch", "args": [str(ran)]}}})
    )
    _write(scene.workdir / ".claude/skills/theirs/SKILL.md", "---\nname: theirs\ndescription: theirs\n---\nDo it.\n")
    model.when("total", [use("Bash", command="echo env=$FROM_REPOSITORY."), say("Done.")])
    await scene.finish("total", system_prompt="You work for the shop.")
    request = model.requests[-1]
    shown = json.dumps(request.messages)
    assert "Tabs, always." in shown
    assert "Short names, too." in shown
    assert "You work for the shop." in request.system
    assert model.tool_results("Bash")[0].text == "env=."
    assert not ran.exists()
    assert "theirs" not in shown + "".join(request.tools)


@pytest.mark.anyio
async def test_the_tools_on_offer(scene: Scene, model: ScriptedModel) -> None:
    """The agent is offered the tools of the policy, all and no other, and no request goes out beside its own."""
    model.when("total", [say("Done.")])
    await scene.finish("total")
    assert sorted(model.requests[0].tools) == sorted(
        [
            *("Bash", "Read", "Edit", "Write", "NotebookEdit", "Grep", "Glob", "Agent", "AskUserQuestion"),
            *("TaskCreate", "TaskUpdate", "TaskList", "TaskGet", DESCRIBE),
        ]
    )
    assert model.side_requests == []
    assert model.strays == []


@pytest.mark.anyio
async def test_a_turn_that_changes_nothing(scene: Scene, model: ScriptedModel) -> None:
    """A read-only turn has every tool but those that edit files, and its shell still runs the tests."""
    model.when("total", [use("Bash", command="echo tests pass"), say("Done.")])
    await scene.finish("total", read_only=True)
    offered = set(model.requests[0].tools)
    assert offered >= {"Bash", "Read", "Grep", "Glob", "Agent", "AskUserQuestion", "TaskCreate"}
    assert not offered & set(EDITING)
    assert model.tool_results("Bash")[0].text == "tests pass"


@pytest.mark.anyio
async def test_a_scheduled_run_may_have_nothing_to_do(scene: Scene, model: ScriptedModel) -> None:
    """Where nobody waits, the agent is offered a tool to say so, and no question; what it says is in the outcome."""
    reason = "All dependencies\nare up to date."
    model.when("look", [use(NOTHING_TO_DO, reason=reason), say("Nothing to do.")])
    finished = await scene.finish("look", scheduled=True, may_ask=False)
    assert (finished.nothing_to_do, finished.pull_request) == ("All dependencies are up to date.", None)
    assert NOTHING_TO_DO in model.requests[0].tools
    assert "AskUserQuestion" not in model.requests[0].tools


@pytest.mark.anyio
async def test_the_pull_request_in_the_agents_words(scene: Scene, model: ScriptedModel) -> None:
    """The last description of the turn counts; one without a title is refused with the reason."""
    model.when(
        "total",
        [
            use(DESCRIBE, title="First thought", body="…", fixes_issue=False),
            use(DESCRIBE, title="Round totals half up", body="Because.", fixes_issue=True),
            use(DESCRIBE, title=" ", body="…", fixes_issue=True),
            say("Done."),
        ],
    )
    assert (await scene.finish("total")).pull_request == PullRequestText("Round totals half up", "Because.", True)
    assert "one line" in model.tool_results(DESCRIBE)[2].text


@pytest.mark.anyio
async def test_the_agent_works_without_waiting_for_leave(scene: Scene, model: ScriptedModel) -> None:
    """Writing, editing, searching, deleting and a helper of its own all run: nothing waits for a terminal."""
    model.when(
        lambda request: request.first_text == "total",
        [
            use("Write", file_path=str(scene.workdir / "cart.py"), content="total = 1\n"),
            use("Edit", file_path=str(scene.workdir / "cart.py"), old_string="1", new_string="2"),
            use("Grep", pattern="total", path=str(scene.workdir)),
            use(
                "Bash",
                command="git init -q . && git add . && git commit -qm Total && rm -rf old && git log --format=%an",
            ),
            use("Agent", description="Look at it", prompt="Look at the sum", subagent_type="general-purpose"),
            say("Done."),
        ],
    )
    model.when("Look at the sum", [use("Bash", command="cat cart.py"), say("It is 2.")])
    await scene.finish("total")
    assert (scene.workdir / "cart.py").read_text() == "total = 2\n"
    assert "ove[bot]" in [result.text for result in model.tool_results("Bash")]
    assert "It is 2." in model.tool_results("Agent")[0].text


@pytest.mark.anyio
async def test_progress_as_it_happens(scene: Scene, model: ScriptedModel) -> None:
    """Session, activity, checklist and cost are told while the turn runs, with short paths and without the key."""
    (scene.workdir / "cart.py").write_text("total = 1\n")
    model.when(
        "total",
        [
            [
                use("TaskCreate", subject="Read cart.py", description="-"),
                use("TaskCreate", subject="Fix it", description="-"),
            ],
            use("TaskUpdate", taskId="1", status="in_progress"),
            use("Read", file_path=str(scene.workdir / "cart.py")),
            use("TaskUpdate", taskId="1", status="completed"),
            use("Bash", command=f"echo `true` {KEY}\necho more"),
            say("Done."),
        ],
    )
    seen: list[Progress] = []
    finished = await scene.finish("total", on_progress=seen.append)
    activities = list(dict.fromkeys(progress.activity for progress in seen))
    assert activities == ["Starting", "Thinking", "Reading `cart.py`", "Running `echo 'true' … …`"]
    assert (Step("Read cart.py", "in_progress"), Step("Fix it", "pending")) in [p.checklist for p in seen]
    assert seen[-1].checklist == (Step("Read cart.py", "completed"), Step("Fix it", "pending"))
    assert seen[-1].session_id == finished.session_id
    assert seen[-1].cost_usd == finished.cost_usd
    assert 0 < seen[-2].cost_usd < 2 * finished.cost_usd


@pytest.mark.anyio
async def test_images_come_with_the_prompt(scene: Scene, model: ScriptedModel) -> None:
    """The model is shown the images of a prompt before its words, and a resumed session shows them still.

    One that cannot be read does not cost the turn anything: the CLI puts a word in its place.
    """
    red, blue = _png(b"\xff\0\0"), _png(b"\0\0\xff")
    model.when("red", [say("One."), say("Two.")])
    broken = Image("image/png", red[:20])
    first = await scene.finish("Is it red?", images=(Image("image/png", red), broken))
    second = await scene.on_another_machine().finish(
        "@/etc/hostname And now?", images=(Image("image/png", blue),), session_id=first.session_id
    )
    assert (first.text, second.text) == ("One.", "Two.")
    assert [request.images for request in model.requests] == [
        (("image/png", red),),
        (("image/png", red), ("image/png", blue)),
    ]
    asked = model.requests[1].last_text
    assert asked.startswith("@/etc/hostname And now?")
    shown = [block["type"] for block in model.requests[0].messages[0]["content"]]
    assert shown.index("image") < shown.index("text")
    assert "could not be processed" in json.dumps(model.requests[0].messages)


@pytest.mark.anyio
async def test_the_record_as_it_happens(scene: Scene, model: ScriptedModel) -> None:
    """Each call, text, question and trouble is a step, in one line and in detail, without the key."""
    (scene.workdir / "cart.py").write_text("total = 1\n")
    model.when(
        "total",
        [
            fail(529),
            [say(f"Let me see.\nThe key is {KEY}."), use("Bash", command=f"echo {KEY}; exit 3")],
            use("Read", file_path=str(scene.workdir / "cart.py")),
            use("Edit", file_path=str(scene.workdir / "cart.py"), old_string="1", new_string="2"),
            ask([ROUNDING]),
        ],
    )
    steps: list[TraceStep] = []
    await scene.ask("total", on_step=steps.append)
    assert [(step.kind, step.summary) for step in steps] == [
        ("error", "The model's service answers 529 (try 1 of 15)"),
        ("text", "Let me see. The key is …."),
        ("tool", "Ran `echo …; exit 3` (exit 3)"),
        ("tool", "Read `cart.py`"),
        ("tool", "Edited `cart.py`"),
        ("question", "Asked: Which rounding should the total use?"),
    ]
    assert steps[2].detail == "$ echo …; exit 3\n\nExit code 3\n…"
    assert "total = 1" in steps[3].detail
    assert "- Half up: what the shop page shows" in steps[5].detail
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert KEY not in repr(steps)


@pytest.mark.anyio
async def test_the_checklist_lives_on_after_a_question(scene: Scene, model: ScriptedModel) -> None:
    """A resumed session still has its checklist, for people and for the CLI's own tools."""
    model.when(
        "total",
        [
            use("TaskCreate", subject="Ask", description="-"),
            ask([ROUNDING]),
            use("TaskUpdate", taskId="1", status="completed"),
            say("Done."),
        ],
    )
    asked = await scene.ask("total")
    seen: list[Progress] = []
    await scene.finish(answers={ROUNDING["question"]: "Half up"}, session_id=asked.session_id, on_progress=seen.append)
    assert seen[0].checklist == (Step("Ask", "pending"),)
    assert seen[-1].checklist == (Step("Ask", "completed"),)


@pytest.mark.anyio
async def test_nothing_is_left_in_temporary_folders(
    scene: Scene, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed turn lays nothing out in the service's temporary folder that a SIGKILL would leave behind."""
    folder = scene.folder / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    model.when("total", [say("One."), lambda _: say(" ".join(sorted(path.name[:11] for path in folder.iterdir())))])
    first = await scene.finish("total")
    assert (await scene.finish("Again", session_id=first.session_id)).text == "ove-launch-"
    assert list(folder.iterdir()) == []


@pytest.mark.anyio
async def test_the_clone_stands_elsewhere(scene: Scene, model: ScriptedModel) -> None:
    """Under one key for the thread, a session resumes although the clone has another path now."""
    model.when("total", [ask([ROUNDING]), say("Done.")])
    asked = await scene.keyed("thread-7").ask("total")
    moved = scene.keyed("thread-7").on_another_machine()
    shutil.move(scene.workdir, scene.folder / "elsewhere" / "clone")
    moved.folder = scene.folder / "elsewhere"
    assert (await moved.finish(answers={ROUNDING["question"]: "Half up"}, session_id=asked.session_id)).text == "Done."
    assert "Half up" in model.tool_results("AskUserQuestion")[0].text


@pytest.mark.anyio
async def test_two_turns_at_once(scene: Scene, model: ScriptedModel, tmp_path: Path) -> None:
    """Two turns side by side do not touch each other."""
    other = Scene(tmp_path / "other", model, scene.service)
    model.when("first", [use("Bash", command="pwd"), say("One.")])
    model.when("second", [use("Bash", command="pwd"), say("Two.")])
    one, two = await asyncio.gather(scene.finish("first"), other.finish("second"))
    assert (one.text, two.text) == ("One.", "Two.")
    assert sorted(result.text for result in model.tool_results("Bash")) == sorted(
        [str(scene.workdir), str(other.workdir)]
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _png(pixel: bytes) -> bytes:
    """A picture of one pixel, given as red, green and blue. https://www.w3.org/TR/png-3/"""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" + pixel)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
