"""Pull requests, branches and files on the simulated GitHub."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ove_gh.demo.github import Refused
from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio

PULLS = f"/repos/{SHOP}/pulls"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh GitHub with an issue, and a branch that fixes it."""
    async with setting() as scene:
        github = scene.github
        github.open_issue(SHOP, "alice", "Wrong total")
        github.push_commit(SHOP, "ove/1-fix", "alice", {"cart.py": "total = 1\n", "new.py": "1\n2\n"}, "Fix the total")
        yield scene


async def open_pull(scene: Scene, **fields: Any) -> Any:
    """Let the App open the pull request, with some fields changed."""
    content = {"title": "Fix", "head": "ove/1-fix", "base": "main", "body": "Closes #1"} | fields
    return await scene.call("POST", PULLS, await scene.token(), json=content)


async def test_the_app_opens_a_pull_request(scene: Scene) -> None:
    """The answer counts commits, lines and files, knows that it merges, and the next number is taken."""
    answer = await open_pull(scene)
    assert answer.status_code == 201, answer.text
    shape = answer.json()
    counts = {name: shape[name] for name in ("number", "commits", "additions", "deletions", "changed_files")}
    assert counts == {"number": 2, "commits": 1, "additions": 3, "deletions": 1, "changed_files": 2}
    assert (shape["mergeable"], shape["user"]["login"], shape["head"]["ref"]) == (True, "ove[bot]", "ove/1-fix")
    assert scene.github.branches(SHOP)["ove/1-fix"] == shape["head"]["sha"]
    assert shape["html_url"] == f"{scene.github.server_url}/acme/shop/pull/2"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"head": "nowhere"}, {"resource": "PullRequest", "field": "head", "code": "invalid"}),
        ({"head": "carol:ove/1-fix"}, {"resource": "PullRequest", "field": "head", "code": "invalid"}),
        ({"base": "nowhere"}, {"resource": "PullRequest", "field": "base", "code": "invalid"}),
        ({"title": None}, {"resource": "Issue", "field": "title", "code": "missing_field"}),
        ({"title": " "}, {"resource": "Issue", "field": "title", "code": "missing_field"}),
        (
            {"head": "main"},
            {"resource": "PullRequest", "code": "custom", "message": "No commits between main and main"},
        ),
    ],
)
async def test_a_pull_request_that_makes_no_sense_is_refused(
    scene: Scene, fields: dict[str, Any], error: dict[str, str]
) -> None:
    """Unknown branches, no title, nothing to merge: 422 that says which, and no pull request."""
    answer = await open_pull(scene, **fields)
    assert (answer.status_code, answer.json()["errors"]) == (422, [error])
    assert scene.github.pulls(SHOP) == []


async def test_one_branch_has_one_open_pull_request(scene: Scene) -> None:
    """A second pull request for the same head and base is 422 while the first is open, and fine once it is closed."""
    assert (await open_pull(scene)).status_code == 201
    second = await open_pull(scene, title="Fix again")
    assert second.status_code == 422
    assert second.json()["errors"][0]["message"] == "A pull request already exists for acme:ove/1-fix."
    scene.github.close_pull(SHOP, 2, "alice")
    assert (await open_pull(scene)).status_code == 201


async def test_pull_requests_are_found_by_head_base_and_state(scene: Scene) -> None:
    """The list is narrowed by `owner:branch`, base and state; open ones are the default."""
    await open_pull(scene)
    token = await scene.token()

    async def numbers(query: str) -> list[int]:
        return [one["number"] for one in (await scene.call("GET", f"{PULLS}?{query}", token)).json()]

    assert await numbers("head=acme:ove/1-fix") == [2]
    assert await numbers("head=acme:main") == []
    assert await numbers("base=other") == []
    scene.github.close_pull(SHOP, 2, "alice")
    assert await numbers("head=acme:ove/1-fix") == []
    assert await numbers("state=all&base=main") == [2]
    assert (await scene.call("GET", f"{PULLS}?state=merged", token)).status_code == 422


async def test_a_pull_request_is_edited(scene: Scene) -> None:
    """PATCH changes title and body, closes and opens again; an unknown base or state is 422."""
    await open_pull(scene)
    token = await scene.token()
    edited = await scene.call("PATCH", f"{PULLS}/2", token, json={"title": "Better", "body": "Why", "state": "closed"})
    assert [edited.json()[name] for name in ("title", "body", "state")] == ["Better", "Why", "closed"]
    reopened = await scene.call("PATCH", f"{PULLS}/2", token, json={"state": "open"})
    assert reopened.json()["state"] == "open"
    assert (await scene.call("PATCH", f"{PULLS}/2", token, json={"base": "nowhere"})).status_code == 422
    assert (await scene.call("PATCH", f"{PULLS}/2", token, json={"state": "merged"})).status_code == 422


async def test_an_issue_is_no_pull_request(scene: Scene) -> None:
    """A pull request can be read as an issue, an issue not as a pull request."""
    await open_pull(scene)
    token = await scene.token()
    assert (await scene.call("GET", f"{PULLS}/1", token)).status_code == 404
    as_issue = (await scene.call("GET", f"/repos/{SHOP}/issues/2", token)).json()
    assert as_issue["pull_request"]["url"] == f"{scene.github.api_url}{PULLS}/2"


async def test_reviews_are_asked_of_collaborators(scene: Scene) -> None:
    """A collaborator is asked once; the author, strangers and unknown people are 422."""
    await open_pull(scene)
    token, path = await scene.token(), f"{PULLS}/2/requested_reviewers"
    asked = await scene.call("POST", path, token, json={"reviewers": ["alice"]})
    assert (asked.status_code, [one["login"] for one in asked.json()["requested_reviewers"]]) == (201, ["alice"])
    for login in ("ove[bot]", "carol", "nobody"):
        assert (await scene.call("POST", path, token, json={"reviewers": [login]})).status_code == 422
    of_alice = scene.github.push_commit(SHOP, "other", "alice", {"a.py": "1\n"}, "Other")
    assert of_alice == scene.github.branches(SHOP)["other"]
    scene.github.open_pull(SHOP, "alice", "Other", head="other")
    own = await scene.call("POST", f"{PULLS}/3/requested_reviewers", token, json={"reviewers": ["alice"]})
    assert own.json()["message"] == "Review cannot be requested from pull request author."


async def test_files_and_commits_of_a_pull_request(scene: Scene) -> None:
    """Files come with their status, counts and patch, renames and deletions included; commits with their authors."""
    files = {"docs/a.md": None, "docs/b.md": "a\n", "cart.py": "total = 2\n"}
    scene.github.push_commit(SHOP, "ove/1-fix", "alice", files, "More")
    await open_pull(scene)
    token = await scene.token()
    changed = (await scene.call("GET", f"{PULLS}/2/files", token)).json()
    assert [(one["filename"], one["status"], one["additions"], one["deletions"]) for one in changed] == [
        ("cart.py", "modified", 1, 1),
        ("docs/b.md", "renamed", 0, 0),
        ("new.py", "added", 2, 0),
    ]
    assert changed[0]["patch"] == "@@ -1 +1 @@\n-total = 0\n+total = 2"
    assert changed[1]["previous_filename"] == "docs/a.md"
    commits = (await scene.call("GET", f"{PULLS}/2/commits", token)).json()
    assert [one["commit"]["message"] for one in commits] == ["Fix the total", "More"]
    assert {one["author"]["login"] for one in commits} == {"alice"}


async def test_branches_with_slashes_are_found(scene: Scene) -> None:
    """Branch and ref endpoints take names with slashes, encoded or not; what is not there is 404."""
    token, tip = await scene.token(), scene.github.branches(SHOP)["ove/1-fix"]
    for name in ("ove/1-fix", "ove%2F1-fix"):
        assert (await scene.call("GET", f"/repos/{SHOP}/branches/{name}", token)).json()["commit"]["sha"] == tip
        ref = (await scene.call("GET", f"/repos/{SHOP}/git/ref/heads/{name}", token)).json()
        assert (ref["ref"], ref["object"]["sha"]) == ("refs/heads/ove/1-fix", tip)
    missing = await scene.call("GET", f"/repos/{SHOP}/branches/ove", token)
    assert (missing.status_code, missing.json()["message"]) == (404, "Branch not found")
    assert (await scene.call("GET", f"/repos/{SHOP}/git/ref/heads/ove", token)).status_code == 404


async def test_contents_are_read_at_a_ref(scene: Scene) -> None:
    """A file comes in base64 from the ref that is asked for, or raw; a folder is a list; the rest is 404."""
    token, path = await scene.token(), f"/repos/{SHOP}/contents"
    at_branch = await scene.call("GET", f"{path}/cart.py?ref=ove/1-fix", token)
    assert base64.b64decode(at_branch.json()["content"]) == b"total = 1\n"
    raw = await scene.call("GET", f"{path}/cart.py", token, headers={"Accept": "application/vnd.github.raw+json"})
    assert raw.text == "total = 0\n"
    folder = await scene.call("GET", f"{path}/docs", token)
    assert [(one["path"], one["type"]) for one in folder.json()] == [("docs/a.md", "file")]
    root = await scene.call("GET", f"{path}/", token)
    assert [(one["path"], one["type"]) for one in root.json()] == [("cart.py", "file"), ("docs", "dir")]
    for missing in ("nothing.py", "cart.py?ref=nowhere"):
        assert (await scene.call("GET", f"{path}/{missing}", token)).status_code == 404


async def test_comparisons_tell_ahead_from_behind(scene: Scene) -> None:
    """base...head counts both directions from the merge base; unknown ends are 404."""
    scene.github.push_commit(SHOP, "main", "alice", {"other.py": "1\n"}, "Meanwhile")
    token = await scene.token()
    compared = (await scene.call("GET", f"/repos/{SHOP}/compare/main...ove/1-fix", token)).json()
    assert (compared["status"], compared["ahead_by"], compared["behind_by"]) == ("diverged", 1, 1)
    assert [one["filename"] for one in compared["files"]] == ["cart.py", "new.py"]
    same = (await scene.call("GET", f"/repos/{SHOP}/compare/main...acme:main", token)).json()
    assert (same["status"], same["commits"]) == ("identical", [])
    assert (await scene.call("GET", f"/repos/{SHOP}/compare/main...nowhere", token)).status_code == 404


async def test_a_merge_lands_on_the_base_and_closes_the_issue(scene: Scene) -> None:
    """Merging makes a merge commit by the person, closes the pull request and what it says it closes."""
    await open_pull(scene)
    sha = scene.github.merge_pull(SHOP, 2, "alice")
    merge = scene.github.log(SHOP, "main")[0]
    assert (merge.sha, len(merge.parents), merge.author.name) == (sha, 2, "alice")
    assert scene.github.read(SHOP, "cart.py") == "total = 1\n"
    assert scene.github.pull(SHOP, 2).merged
    assert scene.github.issue(SHOP, 1).state == "closed"
    shape = (await scene.call("GET", f"{PULLS}/2", await scene.token())).json()
    assert (shape["merged"], shape["merged_by"]["login"], shape["changed_files"]) == (True, "alice", 2)


async def test_a_conflict_cannot_be_merged(scene: Scene) -> None:
    """A pull request that conflicts with the moved base says so, and merging it is refused and changes nothing."""
    await open_pull(scene)
    scene.github.push_commit(SHOP, "main", "alice", {"cart.py": "total = 9\n"}, "Meanwhile")
    shape = (await scene.call("GET", f"{PULLS}/2", await scene.token())).json()
    assert (shape["mergeable"], shape["mergeable_state"]) == (False, "dirty")
    assert shape["base"]["sha"] == scene.github.branches(SHOP)["main"]
    with pytest.raises(Refused, match="Merge conflict"):
        scene.github.merge_pull(SHOP, 2, "alice")
    assert scene.github.read(SHOP, "cart.py") == "total = 9\n"
    assert scene.github.pull(SHOP, 2).state == "open"


async def test_a_deleted_branch_closes_its_pull_request(scene: Scene) -> None:
    """Without its branch a pull request is closed and cannot be opened again."""
    await open_pull(scene)
    scene.github.delete_branch(SHOP, "ove/1-fix", "alice")
    assert scene.github.pull(SHOP, 2).state == "closed"
    answer = await scene.call("PATCH", f"{PULLS}/2", await scene.token(), json={"state": "open"})
    assert answer.status_code == 422


async def test_people_read_the_code(scene: Scene) -> None:
    """diff, log and read show what a branch holds, without the API."""
    assert "+total = 1" in scene.github.diff(SHOP, "main", "ove/1-fix")
    assert [one.subject for one in scene.github.log(SHOP, "ove/1-fix")] == ["Fix the total", "Initial commit"]
    assert scene.github.read(SHOP, "new.py", "ove/1-fix") == "1\n2\n"
    with pytest.raises(Refused, match="404"):
        scene.github.read(SHOP, "new.py")
