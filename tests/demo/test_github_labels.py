"""Labels, locked conversations and protected branches of the simulated GitHub."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ove_gh.demo.github import Refused
from tests.demo.github_scene import SHOP, Scene, run_git, setting

pytestmark = pytest.mark.anyio

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A GitHub with the issue #1 and the pull request #2 of alice's; its webhooks go nowhere, and are noted."""
    async with setting(webhook_url=NOWHERE) as scene:
        github = scene.github
        github.open_issue(SHOP, "alice", "Wrong total")
        github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
        github.open_pull(SHOP, "alice", "Fix", head="fix")
        yield scene


@pytest.mark.parametrize(("number", "event"), [(1, "issues"), (2, "pull_request")])
async def test_a_label_is_put_on_and_taken_off_by_event(scene: Scene, number: int, event: str) -> None:
    """A person labels, the App takes the label off: two events with the label, and who did it as the sender."""
    scene.github.add_label(SHOP, number, "alice", "ove:review")
    path, token = f"/repos/{SHOP}/issues/{number}/labels", await scene.token()
    assert [one["name"] for one in (await scene.call("GET", path, token)).json()] == ["ove:review"]
    taken = await scene.call("DELETE", f"{path}/ove%3Areview", token)
    assert (taken.status_code, taken.json()) == (200, [])
    again = await scene.call("DELETE", f"{path}/ove%3Areview", token)
    assert (again.status_code, again.json()["message"]) == (404, "Label does not exist")
    await scene.github.settled()
    told = [one.payload for one in scene.github.deliveries if one.event == event and "label" in one.payload]
    seen = [(one["action"], one["label"]["name"], one["sender"]["login"]) for one in told]
    assert seen == [("labeled", "ove:review", "alice"), ("unlabeled", "ove:review", "ove[bot]")]


async def test_the_app_adds_labels(scene: Scene) -> None:
    """POST adds to those that are there, makes what is new, and lists all; no label at all is 422."""
    scene.github.add_label(SHOP, 1, "alice", "bug")
    path, token = f"/repos/{SHOP}/issues/1/labels", await scene.token()
    added = await scene.call("POST", path, token, json={"labels": ["Bug", "later"]})
    assert [one["name"] for one in added.json()] == ["bug", "later"]
    assert (await scene.call("POST", path, token, json={"labels": []})).status_code == 422


async def test_labels_need_the_right_to_triage(scene: Scene) -> None:
    """Who only reads takes no label off, and a token for pull requests does not open the labels of a plain issue."""
    scene.github.add_label(SHOP, 1, "alice", "bug")
    with pytest.raises(Refused, match="triage"):
        scene.github.remove_label(SHOP, 1, "bob", "bug")
    token = await scene.token(permissions={"pull_requests": "write"})
    assert (await scene.call("DELETE", f"/repos/{SHOP}/issues/1/labels/bug", token)).status_code == 403
    given = await scene.call("POST", f"/repos/{SHOP}/issues/2/labels", token, json={"labels": ["bug"]})
    assert given.status_code == 200


async def test_in_a_locked_conversation_only_writers_speak(scene: Scene) -> None:
    """Comments, reviews and replies of the App are 403 and those of readers refused, until it is open again."""
    github, token = scene.github, await scene.token()
    comment = github.review(SHOP, 2, "bob", "COMMENT", comments=[{"path": "cart.py", "line": 1, "body": "?"}]).comments[
        0
    ]
    github.lock(SHOP, 2, "alice")
    assert (await scene.call("GET", f"/repos/{SHOP}/issues/2", token)).json()["locked"]
    words = {"body": "Hello.", "event": "COMMENT"}
    paths = ("issues/2/comments", "pulls/2/reviews", f"pulls/2/comments/{comment.id}/replies")
    refused = [await scene.call("POST", f"/repos/{SHOP}/{path}", token, json=words) for path in paths]
    assert [one.status_code for one in refused] == [403, 403, 403]
    assert {one.json()["message"] for one in refused} == {"Unable to create comment because issue is locked."}
    with pytest.raises(Refused, match="locked"):
        github.comment(SHOP, 2, "bob", "Hello.")
    github.comment(SHOP, 2, "alice", "Quiet.")
    github.unlock(SHOP, 2, "alice")
    opened = [(await scene.call("POST", f"/repos/{SHOP}/{path}", token, json=words)).status_code for path in paths]
    assert opened == [201, 200, 201]


# Protected branches


async def push(scene: Scene, folder: Path, *refs: str) -> tuple[int, str]:
    """Clone with a fresh token, commit, and push to these branches; returns the exit code and what git printed."""
    path = os.pathsep.join((str(Path(shutil.which("git") or "git").parent), os.defpath))
    env = {"HOME": str(folder), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "PATH": path}
    who = ("-c", "user.name=ove", "-c", "user.email=ove@example.com")
    host = scene.github.server_url.removeprefix("http://")
    url = f"http://x-access-token:{await scene.token()}@{host}/{SHOP}.git"
    assert (await run_git("clone", "--quiet", url, "work", cwd=str(folder), env=env))[0] == 0
    work = str(folder / "work")
    assert (await run_git(*who, "commit", "-q", "--allow-empty", "-m", "Mine", cwd=work, env=env))[0] == 0
    return await run_git("push", "origin", *(f"HEAD:{ref}" for ref in refs), cwd=work, env=env)


async def test_a_protected_branch_is_not_pushed_to(scene: Scene, tmp_path: Path) -> None:
    """git prints GitHub's GH006 and leaves the branch as it was; another branch of the same push goes through."""
    github = scene.github
    github.protect_branch(SHOP, "main")
    before = github.branches(SHOP)["main"]
    code, printed = await push(scene, tmp_path, "main", "main-2")
    assert code != 0
    assert "remote: error: GH006: Protected branch update failed for refs/heads/main." in printed
    assert "remote: - Changes must be made through a pull request." in printed
    assert "! [remote rejected] HEAD -> main (protected branch hook declined)" in printed
    assert (github.branches(SHOP)["main"], "main-2" in github.branches(SHOP)) == (before, True)
    shown = await scene.call("GET", f"/repos/{SHOP}/branches/main", await scene.token())
    assert shown.json()["protected"]
    with pytest.raises(Refused, match="GH006"):
        github.push_commit(SHOP, "main", "alice", {"cart.py": "mine\n"}, "Mine")
    github.merge_pull(SHOP, 2, "alice")
    assert github.read(SHOP, "cart.py") == "total = 1\n"


async def test_who_is_allowed_pushes_to_a_protected_branch(scene: Scene, tmp_path: Path) -> None:
    """The App can be one of those who may push all the same; an admin may anyway."""
    github = scene.github
    github.protect_branch(SHOP, "main", allowed=["ove[bot]"])
    code, printed = await push(scene, tmp_path, "main")
    assert code == 0, printed
    github.grant(SHOP, "carol", "admin")
    github.push_commit(SHOP, "main", "carol", {"cart.py": "hers\n"}, "Hers")
    assert github.read(SHOP, "cart.py") == "hers\n"
