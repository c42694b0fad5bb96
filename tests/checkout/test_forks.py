"""Pull requests from forks: their commits are what a thread starts from, and never its own work."""

from __future__ import annotations

import pytest

from ove_gh.checkout import Clone
from tests.checkout.conftest import ALICE, BOT, REPOSITORY, World, commit_file, git

pytestmark = pytest.mark.anyio

PULL = 12
BRANCH = "ove/12-faster-cart"


async def prepare(world: World) -> Clone:
    """The clone of the thread that is the pull request."""
    return await world.checkouts.prepare(
        world.remote(), REPOSITORY, 1, base_branch="main", branch=BRANCH, author=BOT, co_author=ALICE, pull=PULL
    )


def carol_pushes(world: World, path: str, text: str, *, anew: bool = False) -> str:
    """A commit in carol's fork, of which the server shows her pull request's newest; `anew` replaces what she had."""
    folder, head = world.origin.parent / "carols-fork", f"refs/pull/{PULL}/head"
    if not folder.exists():
        git("clone", "--quiet", str(world.origin), str(folder), cwd=world.origin.parent)
    if anew:
        git("reset", "--quiet", "--hard", "origin/main", cwd=folder)
    sha = commit_file(folder, path, text, f"Carol changes {path}")
    git("push", "--quiet", "--force", "origin", f"HEAD:{head}", cwd=folder)
    return sha


async def test_the_clone_has_the_forks_commits(world: World) -> None:
    """A first clone stands on a branch of our own at the pull request's head, and leaves the base where carol did."""
    theirs = carol_pushes(world, "fast.py", "fast = True\n")

    clone = await prepare(world)

    assert (clone.head, clone.base_sha) == (theirs, world.on_github("main"))
    assert git("symbolic-ref", "--short", "HEAD", cwd=clone.path) == BRANCH
    assert (clone.path / "fast.py").read_text() == "fast = True\n"


@pytest.mark.parametrize("anew", [False, True])
async def test_the_forks_commits_are_no_news(world: World, anew: bool) -> None:
    """An agent that did nothing leaves nothing to push, also when carol pushed meanwhile, by force even."""
    carol_pushes(world, "fast.py", "fast = True\n")
    clone = await prepare(world)
    assert await world.collect(clone) is None

    theirs = carol_pushes(world, "fast.py", "fast = 2\n", anew=anew)
    assert await world.collect(clone) is None
    again = await prepare(world)

    assert again.head == theirs
    assert await world.collect(again) is None


async def test_only_the_agents_commits_are_collected(world: World) -> None:
    """The agent's commit alone is told, and pushing it brings carol's along, to a branch of the base repository."""
    theirs = carol_pushes(world, "fast.py", "fast = True\n")
    clone = await prepare(world)
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")

    work = await world.collected(clone)
    await world.push(clone, work.head)

    assert [commit.subject for commit in work.commits] == ["Fix total"]
    assert world.on_github(BRANCH) == work.head
    log = git("log", "--format=%s", BRANCH, cwd=world.origin).splitlines()
    assert log == ["Fix total", "Carol changes fast.py", "Add a cart", "Begin"]
    assert git("rev-parse", f"refs/pull/{PULL}/head", cwd=world.origin) == theirs


@pytest.mark.parametrize("pushed", [False, True])
async def test_a_later_prepare_goes_on_with_the_agents_work(world: World, pushed: bool) -> None:
    """Work on the branch stays where it is when carol pushes more, in the clone and in one that is made anew."""
    carol_pushes(world, "fast.py", "fast = True\n")
    clone = await prepare(world)
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    work = await world.collected(clone)
    if pushed:
        await world.push(clone, work.head)
    carol_pushes(world, "more.py", "more = True\n")

    again = await prepare(world)
    await world.checkouts.remove_clone(1)
    anew = await prepare(world)

    assert (again.head, again.in_step) == (work.head, True)
    assert (anew.head, anew.in_step) == (work.head, True)
    news = await world.collect(anew)
    assert (news.head if news else work.head) == work.head


async def test_starting_over_takes_the_pull_request_as_it_is(world: World) -> None:
    """After a fresh start nothing of the earlier work is there, and the newest commit of the pull request is."""
    carol_pushes(world, "fast.py", "fast = True\n")
    clone = await prepare(world)
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    await world.collected(clone)
    theirs = carol_pushes(world, "fast.py", "fast = 2\n", anew=True)

    await world.checkouts.start_over(REPOSITORY, 1)

    assert (await prepare(world)).head == theirs


@pytest.mark.parametrize("is_taken_up", [False, True])
async def test_what_a_review_leaves_is_discarded(world: World, is_taken_up: bool) -> None:
    """What somebody who only looked has committed is gone, also when the service was restarted in between."""
    theirs = carol_pushes(world, "fast.py", "fast = True\n")
    clone = await prepare(world)
    commit_file(clone.path, "cart.py", "tried = True\n", "Try it")
    if is_taken_up:
        clone = await prepare(world)

    await world.checkouts.discard(clone)

    assert (await prepare(world)).head == theirs


async def test_a_clone_without_traces_is_kept(world: World) -> None:
    """Discarding builds nothing anew where there is nothing to discard."""
    carol_pushes(world, "fast.py", "fast = True\n")
    clone = await prepare(world)

    await world.checkouts.discard(clone)

    assert clone.path.is_dir()
