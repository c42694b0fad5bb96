"""Forks and renamed branches of the simulated GitHub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ove_gh.demo.github import Pull, Refused
from tests.demo.github_scene import SHOP, Scene, receiving, setting

pytestmark = pytest.mark.anyio

FORK = "carol/shop"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """acme/shop, and carol's fork of it with a commit on `fix`."""
    async with receiving() as receiver, setting(webhook_url=receiver.url) as scene:
        scene.github.fork(SHOP, "carol")
        scene.github.push_commit(FORK, "fix", "carol", {"cart.py": "total = 1\n"}, "Fix")
        yield scene


def payloads(scene: Scene, event: str, action: str) -> list[dict[str, Any]]:
    """What was sent of an event and action."""
    return [one.payload for one in scene.github.deliveries if (one.event, one.action) == (event, action)]


def pull_from_fork(scene: Scene) -> Pull:
    """carol's pull request."""
    return scene.github.open_pull(SHOP, "carol", "Fix the total", head="carol:fix")


async def test_a_pull_request_from_a_fork_shows_where_it_comes_from(scene: Scene) -> None:
    """Its head is in the fork, its base here, and its number, files and list entry are the base repository's."""
    pull = pull_from_fork(scene)
    token = await scene.token()
    shown = (await scene.call("GET", f"/repos/{SHOP}/pulls/{pull.number}", token)).json()
    assert (shown["head"]["label"], shown["head"]["repo"]["full_name"]) == ("carol:fix", FORK)
    assert (shown["head"]["repo"]["fork"], shown["base"]["repo"]["full_name"]) == (True, SHOP)
    assert (shown["changed_files"], shown["mergeable"]) == (1, True)
    for head, found in (("carol:fix", 1), ("acme:fix", 0)):
        listed = await scene.call("GET", f"/repos/{SHOP}/pulls", token, params={"head": head})
        assert len(listed.json()) == found


async def test_the_forks_commits_can_be_had_here(scene: Scene) -> None:
    """refs/pull/N/head follows the fork's branch, and the commit can be read in the base repository."""
    pull = pull_from_fork(scene)
    newer = scene.github.push_commit(FORK, "fix", "carol", {"cart.py": "total = 2\n"}, "Again")
    git = scene.github.repository(SHOP).git
    assert git.git("rev-parse", f"refs/pull/{pull.number}/head").decode().strip() == newer == pull.head_sha
    assert scene.github.read(SHOP, "cart.py", newer) == "total = 2\n"
    await scene.github.settled()
    [told] = payloads(scene, "pull_request", "synchronize")
    assert (told["after"], told["repository"]["full_name"]) == (newer, SHOP)
    assert [one.payload["ref"] for one in scene.github.deliveries if one.event == "push"] == []


async def test_checks_of_a_forks_commit_name_no_pull_request(scene: Scene) -> None:
    """In the base repository they have neither pull requests nor a branch, as GitHub documents."""
    pull = pull_from_fork(scene)
    run = scene.github.start_check(SHOP, pull.head_sha, "test")
    path, token = f"/repos/{SHOP}/commits/{pull.head_sha}/check-runs", await token_for_checks(scene)
    [shown] = (await scene.call("GET", path, token)).json()["check_runs"]
    assert (shown["id"], shown["pull_requests"], run.suite.head_branch) == (run.id, [], None)


async def token_for_checks(scene: Scene) -> str:
    """A token of another App, which may read checks."""
    app = scene.github.create_app("reader", permissions={"checks": "read"})
    reader = Scene(scene.github, app, scene.github.install(app, SHOP), scene.client)
    return await reader.token()


async def test_a_forks_pull_request_is_merged_and_closed_like_any(scene: Scene) -> None:
    """Merging brings the fork's commits; deleting the fork's branch closes what is open."""
    pull = pull_from_fork(scene)
    scene.github.merge_pull(SHOP, pull.number, "alice")
    assert scene.github.read(SHOP, "cart.py") == "total = 1\n"
    assert scene.github.log(SHOP, "main")[0].subject == f"Merge pull request #{pull.number} from carol/fix"
    scene.github.push_commit(FORK, "more", "carol", {"b.py": "b\n"}, "More")
    other = scene.github.open_pull(SHOP, "alice", "More", head="carol:more")
    scene.github.delete_branch(FORK, "more", "carol")
    assert other.state == "closed"


async def test_same_named_branches_are_not_mixed_up(scene: Scene) -> None:
    """A push to our own `fix` does not move the pull request from the fork's `fix`."""
    pull = pull_from_fork(scene)
    before = pull.head_sha
    scene.github.push_commit(SHOP, "fix", "alice", {"own.py": "1\n"}, "Own")
    assert pull.head_sha == before
    own = scene.github.open_pull(SHOP, "alice", "Own", head="fix")
    assert own.head_sha != before


@pytest.mark.parametrize("head", ["bob:fix", "carol:nowhere", "nobody:fix"])
async def test_a_head_that_is_no_fork_is_refused(scene: Scene, head: str) -> None:
    """Only a branch of a fork of this repository can be pulled from."""
    with pytest.raises(Refused, match="422"):
        scene.github.open_pull(SHOP, "carol", "Fix", head=head)


async def test_the_app_has_no_way_into_a_fork(scene: Scene) -> None:
    """An App is installed on the base repository; to it the fork does not exist."""
    assert (await scene.call("GET", f"/repos/{FORK}", await scene.token())).status_code == 404


async def test_renaming_a_base_branch_takes_its_pull_requests_along(scene: Scene) -> None:
    """Open pull requests into a renamed default branch, also those of forks, are edited and stay open."""
    github = scene.github
    github.grant(SHOP, "alice", "admin")
    pull = pull_from_fork(scene)
    github.rename_branch(SHOP, "main", "trunk", "alice")
    assert (pull.state, pull.base, github.repository(SHOP).default_branch) == ("open", "trunk", "trunk")
    assert list(github.branches(SHOP)) == ["trunk"]
    await github.settled()
    [told] = payloads(scene, "pull_request", "edited")
    assert (told["changes"]["base"]["ref"]["from"], told["pull_request"]["base"]["ref"]) == ("main", "trunk")
    pushes = [one.payload for one in github.deliveries if one.event == "push"]
    assert {(one["ref"], one["created"], one["deleted"]) for one in pushes} == {
        ("refs/heads/main", False, True),
        ("refs/heads/trunk", True, False),
    }


async def test_renaming_a_head_branch_closes_its_pull_request(scene: Scene) -> None:
    """The pull request from a renamed branch is closed, as GitHub documents."""
    scene.github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
    pull = scene.github.open_pull(SHOP, "alice", "Fix", head="fix")
    scene.github.rename_branch(SHOP, "fix", "better", "alice")
    assert (pull.state, list(scene.github.branches(SHOP))) == ("closed", ["better", "main"])


@pytest.mark.parametrize(
    "attempt",
    [
        lambda github: github.rename_branch(SHOP, "main", "trunk", "alice"),
        lambda github: github.rename_branch(SHOP, "fix", "main", "alice"),
        lambda github: github.rename_branch(SHOP, "nowhere", "x", "alice"),
        lambda github: github.rename_branch(SHOP, "fix", "better", "bob"),
    ],
    ids=["default branch without admin", "onto another branch", "a branch that is not there", "without write access"],
)
async def test_renames_that_github_refuses(scene: Scene, attempt: Callable[[Any], None]) -> None:
    """Nothing is renamed without the right to, nor onto or from what it cannot be."""
    scene.github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
    before = scene.github.branches(SHOP)
    with pytest.raises(Refused):
        attempt(scene.github)
    assert scene.github.branches(SHOP) == before


async def test_a_second_fork_is_the_first(scene: Scene) -> None:
    """Who forks twice gets the fork that is there; a private repository is forked by nobody who cannot read it."""
    assert scene.github.fork(SHOP, "carol") is scene.github.repository(FORK)
    scene.github.create_repository("acme/secret", private=True)
    with pytest.raises(Refused, match="404"):
        scene.github.fork("acme/secret", "carol")
