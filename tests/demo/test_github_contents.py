"""Files and commits of the simulated GitHub, as an App reads them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio

CONTENTS, COMMITS = f"/repos/{SHOP}/contents", f"/repos/{SHOP}/commits"
RAW = {"Accept": "application/vnd.github.raw+json"}


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh GitHub with a branch whose name has a slash."""
    async with setting() as scene:
        scene.github.push_commit(SHOP, "ove/1-fix", "alice", {"cart.py": "total = 1\n", "docs/a.md": None}, "Fix\n\nx")
        yield scene


async def test_a_file_comes_as_base64_and_raw(scene: Scene) -> None:
    """The same file is in JSON by default and as it is with the raw media type, at the ref that is asked for."""
    token = await scene.token(permissions={"contents": "read"})
    listed = (await scene.call("GET", f"{CONTENTS}/cart.py", token)).json()
    assert (base64.b64decode(listed["content"]), listed["encoding"]) == (b"total = 0\n", "base64")
    raw = await scene.call("GET", f"{CONTENTS}/cart.py", token, params={"ref": "ove/1-fix"}, headers=RAW)
    assert raw.content == b"total = 1\n"


@pytest.mark.parametrize(
    ("path", "ref", "message"),
    [("nowhere.py", "main", "Not Found"), ("cart.py", "nowhere", "No commit found for the ref nowhere")],
)
async def test_what_is_missing_is_404(scene: Scene, path: str, ref: str, message: str) -> None:
    """A file or a ref that is not there is 404, raw or not."""
    answer = await scene.call("GET", f"{CONTENTS}/{path}", await scene.token(), params={"ref": ref}, headers=RAW)
    assert (answer.status_code, answer.json()["message"]) == (404, message)


async def test_files_and_commits_need_contents(scene: Scene) -> None:
    """Without contents:read neither a file nor a commit is shown."""
    token = await scene.token(permissions={"issues": "write"})
    for path in (f"{CONTENTS}/cart.py", f"{COMMITS}/main"):
        assert (await scene.call("GET", path, token)).status_code == 403


@pytest.mark.parametrize("ref", ["ove/1-fix", "heads/ove/1-fix", "sha"])
async def test_a_commit_is_found_by_branch_and_id(scene: Scene, ref: str) -> None:
    """A branch with a slash and an id lead to the commit, with author, message and changed files."""
    tip = scene.github.branches(SHOP)["ove/1-fix"]
    answer = await scene.call("GET", f"{COMMITS}/{tip if ref == 'sha' else ref}", await scene.token())
    commit = answer.json()
    assert (commit["sha"], commit["author"]["login"], commit["committer"]["login"]) == (tip, "alice", "alice")
    assert commit["commit"]["message"] == "Fix\n\nx"
    assert datetime.fromisoformat(commit["commit"]["committer"]["date"]).tzinfo is not None
    assert {one["filename"]: one["status"] for one in commit["files"]} == {
        "cart.py": "modified",
        "docs/a.md": "removed",
    }
    assert commit["stats"] == {"total": 3, "additions": 1, "deletions": 2}


async def test_the_first_commit_is_shown_too(scene: Scene) -> None:
    """A commit without parents changes everything that it has."""
    first = scene.github.log(SHOP, "main")[-1].sha
    commit = (await scene.call("GET", f"{COMMITS}/{first}", await scene.token())).json()
    assert (commit["parents"], commit["stats"]["additions"]) == ([], 2)


async def test_an_unknown_commit_is_422(scene: Scene) -> None:
    """GitHub answers 422 for a commit that it does not have, and says which."""
    answer = await scene.call("GET", f"{COMMITS}/{'0' * 40}", await scene.token())
    assert (answer.status_code, answer.json()["message"]) == (422, f"No commit found for SHA: {'0' * 40}")


async def test_a_merge_was_committed_by_nobody_known(scene: Scene) -> None:
    """GitHub's own merge commit has the person as author, and no account of ours as committer."""
    pull = scene.github.open_pull(SHOP, "alice", "Fix", head="ove/1-fix")
    sha = scene.github.merge_pull(SHOP, pull.number, "alice")
    commit = (await scene.call("GET", f"{COMMITS}/{sha}", await scene.token())).json()
    assert (commit["author"]["login"], commit["committer"]) == ("alice", None)
