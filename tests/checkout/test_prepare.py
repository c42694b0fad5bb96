"""Preparing a clone: cheap, without a token, kept when it is there, rebuilt when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ove_gh.checkout import BranchMissing, EmptyRepository, RemoteDenied, RemoteUnavailable
from tests.checkout.conftest import ALICE, REPOSITORY, World, commit_file, git
from tests.checkout.git_server import TOKEN, serving

pytestmark = pytest.mark.anyio


async def test_a_clone_stands_on_the_tasks_branch_at_the_base(world: World) -> None:
    """A first clone has the default branch's files, on a new branch, and can read origin/main."""
    clone = await world.prepare()

    assert (clone.path / "cart.py").exists()
    assert git("symbolic-ref", "--short", "HEAD", cwd=clone.path) == "ove/12-empty-cart"
    assert clone.head == clone.base_sha == world.on_github("main")
    assert git("rev-parse", "origin/main", cwd=clone.path) == clone.head


async def test_clones_share_the_mirrors_objects(world: World) -> None:
    """A second clone of a repository copies not a single object."""
    await world.prepare(1)
    second = await world.prepare(2, branch="ove/13-other")

    own = git("count-objects", "-v", cwd=second.path).splitlines()
    assert "count: 0" in own
    assert "in-pack: 0" in own


async def test_the_data_folder_may_move(world: World, tmp_path: Path) -> None:
    """A clone finds the mirror's objects again after the whole data folder was moved."""
    clone = await world.prepare()
    moved = world.root.rename(tmp_path / "elsewhere")

    assert git("log", "--format=%s", cwd=moved / "clones" / "1").splitlines() == ["Add a cart", "Begin"]
    assert clone.head


async def test_the_clone_knows_no_remote(world: World) -> None:
    """The agent's clone has no remote to push to, and its configuration names neither server nor token."""
    clone = await world.prepare()

    assert git("remote", cwd=clone.path) == ""
    assert world.server.address not in (clone.path / ".git" / "config").read_text()


async def test_the_token_is_in_no_file(world: World) -> None:
    """After a fetch and a push, no file below the data folder holds the token."""
    clone = await world.prepare()
    commit_file(clone.path, "cart.py", "def total(items): return sum(items)\n", "Fix total")
    await world.push(clone, (await world.collected(clone)).head)

    files = [path for path in world.root.rglob("*") if path.is_file()]
    assert any(path.name == "cart.py" for path in files)
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


async def test_a_renamed_repository_is_found_with_the_token(world: World) -> None:
    """A redirect on the same server is followed, and the token goes along."""
    world.server.renamed["acme/store.git"] = world.server.url()
    remote = world.remote(world.server.url("acme/store.git"))

    clone = await world.checkouts.prepare(
        remote, REPOSITORY, 1, base_branch="main", branch="ove/1", author=ALICE, co_author=None
    )

    assert clone.head == world.on_github("main")


@pytest.mark.parametrize("public", [True, False])
async def test_a_redirect_elsewhere_does_not_carry_the_token(world: World, public: bool) -> None:
    """A server that we are redirected to never sees an Authorization header, whether it asks for one or not."""
    with serving(world.server.root) as stranger:
        stranger.public = public
        world.server.renamed["acme/shop.git"] = stranger.url()

        if public:
            await world.prepare()
        else:
            with pytest.raises(RemoteDenied):
                await world.prepare()

        assert stranger.authorizations
        assert set(stranger.authorizations) == {None}


async def test_a_resumed_turn_finds_its_uncommitted_work(world: World) -> None:
    """Preparing again keeps commits, changes and new files as they are, and shows what is new on the base branch."""
    clone = await world.prepare()
    mine = commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    (clone.path / "README.md").write_text("half a sent")
    (clone.path / "new.py").write_text("draft = 1\n")
    news = world.somebody_pushes("main", "news.txt", "news\n")

    again = await world.prepare()

    assert again.head == mine
    assert again.base_sha == clone.base_sha
    assert (clone.path / "README.md").read_text() == "half a sent"
    assert (clone.path / "new.py").read_text() == "draft = 1\n"
    assert git("rev-parse", "origin/main", cwd=clone.path) == news


async def test_an_existing_branch_is_taken_up(world: World) -> None:
    """A thread whose branch is on GitHub already (a pull request's) starts from that branch's head."""
    theirs = world.somebody_pushes("feature", "feature.py", "x = 1\n")

    clone = await world.prepare(branch="feature")

    assert clone.head == theirs
    assert clone.base_sha == world.on_github("main")


async def test_a_pruned_clone_is_rebuilt_from_github(world: World) -> None:
    """When the clone is gone, the next turn stands where the last push left the branch."""
    clone = await world.prepare()
    pushed = commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    await world.push(clone, (await world.collected(clone)).head)
    await world.checkouts.remove_clone(1)
    assert not clone.path.exists()

    again = await world.prepare()

    assert again.head == pushed
    assert again.base_sha == clone.base_sha


async def test_a_pruned_clone_is_rebuilt_from_what_was_collected(world: World) -> None:
    """Commits that were collected but never pushed are there again in a rebuilt clone."""
    clone = await world.prepare()
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    collected = await world.collected(clone)
    await world.checkouts.remove_clone(1)

    again = await world.prepare()

    assert again.head == collected.head
    assert (again.path / "cart.py").read_text() == "fixed = True\n"


async def test_an_untouched_clone_follows_its_branch(world: World) -> None:
    """Somebody's push to the task's branch arrives in a clone that has no work of its own."""
    clone = await world.prepare()
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    await world.push(clone, (await world.collected(clone)).head)
    theirs = world.somebody_pushes(clone.branch, "review.txt", "done\n")

    again = await world.prepare()

    assert again.in_step
    assert again.head == theirs
    assert (again.path / "review.txt").exists()
    assert await world.collect(again) is None


async def test_a_clone_with_work_of_its_own_is_told_that_it_lags(world: World) -> None:
    """When both sides went on, the clone is kept and says that it is out of step; after a merge it can be pushed."""
    clone = await world.prepare()
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    await world.push(clone, (await world.collected(clone)).head)
    theirs = world.somebody_pushes(clone.branch, "review.txt", "done\n")
    mine = commit_file(clone.path, "more.py", "more = True\n", "Do more")

    lagging = await world.prepare()
    assert not lagging.in_step
    assert lagging.head == mine

    git("merge", "--quiet", "--no-edit", f"origin/{clone.branch}", cwd=clone.path)
    collected = await world.collected(lagging)
    await world.push(lagging, collected.head)
    assert {commit.sha for commit in collected.commits} == {mine, collected.head}
    assert git("merge-base", "--is-ancestor", theirs, clone.branch, cwd=world.origin) == ""


async def test_a_deleted_branch_starts_anew_from_the_base(world: World) -> None:
    """When the pushed branch was deleted on GitHub and the clone pruned, the work begins at the base branch again."""
    clone = await world.prepare()
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    await world.push(clone, (await world.collected(clone)).head)
    git("update-ref", "-d", f"refs/heads/{clone.branch}", cwd=world.origin)
    await world.checkouts.remove_clone(1)

    again = await world.prepare()

    assert again.head == world.on_github("main")
    commit_file(again.path, "other.py", "x = 1\n", "Another way")
    await world.push(again, (await world.collected(again)).head)


async def test_a_renamed_base_branch(world: World) -> None:
    """A base branch that is gone is named in the error; under its new name the same clone goes on."""
    clone = await world.prepare()
    git("branch", "-m", "main", "trunk", cwd=world.origin)

    with pytest.raises(BranchMissing) as missing:
        await world.prepare()
    assert missing.value.branch == "main"

    again = await world.prepare(base="trunk")
    assert again.head == clone.head
    assert git("branch", "-r", "--format=%(refname:short)", cwd=clone.path).split() == ["origin/trunk"]


async def test_an_empty_repository(world: World) -> None:
    """A repository without commits is told apart from a missing branch."""
    git("update-ref", "-d", "refs/heads/main", cwd=world.origin)

    with pytest.raises(EmptyRepository):
        await world.prepare()


async def test_a_wrong_token_is_denied(world: World) -> None:
    """A token that the server refuses raises RemoteDenied, at once and without a prompt."""
    world.server.token = "another"

    with pytest.raises(RemoteDenied):
        await world.prepare()


async def test_a_missing_repository_is_denied(world: World) -> None:
    """404 is an answer about rights, not an outage."""
    world.origin.rename(world.origin.with_name("gone.git"))

    with pytest.raises(RemoteDenied):
        await world.prepare()


async def test_an_outage_is_temporary(world: World) -> None:
    """Overload and server errors raise RemoteUnavailable with the status; afterwards the same call succeeds."""
    for status in (429, 500, 502, 503):
        world.server.status = status
        with pytest.raises(RemoteUnavailable) as unavailable:
            await world.prepare()
        assert unavailable.value.status == status

    world.server.status = None
    assert (await world.prepare()).head == world.on_github("main")


async def test_nobody_listens(world: World) -> None:
    """A refused connection raises RemoteUnavailable."""
    with serving(world.server.root) as closed:
        address = closed.url()

    with pytest.raises(RemoteUnavailable):
        await world.checkouts.prepare(
            world.remote(address), REPOSITORY, 1, base_branch="main", branch="x", author=ALICE, co_author=None
        )


async def test_only_web_addresses_are_remotes(world: World) -> None:
    """An address that runs programs, reads files or carries a password is refused before git sees it."""
    for url in ("ext::sh -c id", str(world.origin), "https://user:word@127.0.0.1/x.git", "--upload-pack=id"):
        with pytest.raises(ValueError, match="address"):
            await world.checkouts.prepare(
                world.remote(url), REPOSITORY, 1, base_branch="main", branch="x", author=ALICE, co_author=None
            )


async def test_a_branch_name_is_no_option(world: World) -> None:
    """Names that git refuses, or that a command could read as an option, are refused."""
    for name in ("-f", "a..b", "a b", "x.lock", "", "@{-1}", "a:b"):
        with pytest.raises(ValueError, match="branch"):
            await world.prepare(branch=name)


async def test_submodules_and_lfs_pointers_are_left_alone(world: World) -> None:
    """Submodules are not fetched, pointers stay pointers, and neither shows up as a change."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"
    folder = world.root / "person"
    git("clone", "--quiet", str(world.origin), str(folder), cwd=world.root)
    (folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (folder / ".gitmodules").write_text('[submodule "lib"]\n\tpath = lib\n\turl = https://127.0.0.1:1/lib.git\n')
    git("update-index", "--add", "--cacheinfo", f"160000,{world.on_github('main')},lib", cwd=folder)
    git("add", ".gitattributes", ".gitmodules", cwd=folder)
    commit_file(folder, "data.bin", pointer, "Add a submodule and a large file")
    git("push", "--quiet", "origin", "HEAD:main", cwd=folder)

    clone = await world.prepare()

    assert (clone.path / "data.bin").read_text() == pointer
    assert list((clone.path / "lib").iterdir()) == []
    assert await world.collect(clone) is None


async def test_a_clone_that_broke_is_set_aside(world: World) -> None:
    """A clone whose repository is destroyed is replaced by a good one, and its files are still to be found."""
    clone = await world.prepare()
    (clone.path / "draft.txt").write_text("draft")
    (clone.path / ".git" / "HEAD").write_text("nonsense")

    again = await world.prepare()

    assert again.head == world.on_github("main")
    assert not (again.path / "draft.txt").exists()
    assert (clone.path.parent / "1.broken" / "draft.txt").read_text() == "draft"
    await world.checkouts.remove_clone(1)
    assert list(clone.path.parent.iterdir()) == []


async def test_threads_of_one_repository_prepare_at_once(world: World) -> None:
    """Several threads may prepare at the same time, from no mirror at all."""
    clones = await asyncio.gather(*(world.prepare(n, branch=f"ove/{n}") for n in range(1, 5)))

    assert {clone.head for clone in clones} == {world.on_github("main")}


async def test_a_thread_starts_over_without_its_old_work(started: World) -> None:
    """Nothing of a branch that is done with comes along: pushed, collected or lying about, it is not on the next."""
    commit_file(started.clone.path, "pushed.py", "1\n", "Pushed")
    await started.push(started.clone, (await started.collected(started.clone)).head)
    commit_file(started.clone.path, "collected.py", "2\n", "Collected")
    await started.collected(started.clone)
    (started.clone.path / "draft.py").write_text("3\n")
    merged = started.somebody_pushes("main", "merged.py", "4\n")

    await started.checkouts.start_over(REPOSITORY, 1)
    again = await started.prepare(branch="ove/12-empty-cart-2")

    assert again.head == again.base_sha == merged
    assert sorted(path.name for path in again.path.glob("*.py")) == ["cart.py", "merged.py"]
    assert await started.collect(again) is None


async def test_starting_over_leaves_other_threads_alone(started: World) -> None:
    """A thread beside it keeps its clone and what was collected of it; starting over twice is no error."""
    other = await started.prepare(2, branch="ove/13-other")
    commit_file(other.path, "other.py", "1\n", "Other")
    head = (await started.collected(other)).head

    for _ in range(2):
        await started.checkouts.start_over(REPOSITORY, 1)

    assert not started.clone.path.exists()
    assert (await started.prepare(2, branch="ove/13-other")).head == head
    assert head in started.mirror_refs()


def write(folder: Path) -> None:
    """A file that git does not know."""
    (folder / "notes.md").write_text("later\n")


def change(folder: Path) -> None:
    """A file of the repository is changed."""
    (folder / "cart.py").write_text("total = 0\n")


def stage(folder: Path) -> None:
    """A file is deleted for the next commit."""
    git("rm", "--quiet", "README.md", cwd=folder)


def commit(folder: Path) -> None:
    """A commit on the branch."""
    commit_file(folder, "notes.md", "later\n", "Notes")


def go_back(folder: Path) -> None:
    """The branch is set to the commit before."""
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=folder)


@pytest.mark.parametrize("leave", [write, change, stage, commit, go_back])
async def test_what_a_looking_task_leaves_is_gone(started: World, leave: Callable[[Path], None]) -> None:
    """Whatever the agent did in its clone although it was to change nothing: the next task begins without it."""
    leave(started.clone.path)
    await started.checkouts.discard(started.clone)
    again = await started.prepare()
    assert again == started.clone
    assert git("status", "--porcelain", cwd=again.path) == ""
    assert sorted(path.name for path in again.path.iterdir()) == [".git", ".gitignore", "README.md", "cart.py"]
    assert await started.collect(again) is None


async def test_what_it_left_before_a_restart_is_gone_too(started: World) -> None:
    """A commit that a cut off turn had made is none of this turn's changes, and still nobody's work."""
    commit(started.clone.path)
    resumed = await started.prepare()
    assert resumed.head != started.clone.head
    await started.checkouts.discard(resumed)
    assert await started.prepare() == started.clone


async def test_a_clone_that_was_only_looked_at_stays(started: World) -> None:
    """It is not built anew for the next task; what git ignores, such as installed packages, may stay with it."""
    before = started.clone.path.stat().st_ino
    (started.clone.path / "build.log").write_text("ok\n")
    await started.checkouts.discard(started.clone)
    assert (await started.prepare()) == started.clone
    assert started.clone.path.stat().st_ino == before


async def test_discarding_keeps_what_was_collected(started: World) -> None:
    """Earlier work of the thread, pushed or not, is on the rebuilt clone: only what the looking task left goes."""
    commit_file(started.clone.path, "pushed.py", "1\n", "Pushed")
    await started.push(started.clone, (await started.collected(started.clone)).head)
    commit_file(started.clone.path, "collected.py", "2\n", "Collected")
    head = (await started.collected(started.clone)).head
    looking = await started.prepare()
    assert looking.head == head
    change(looking.path)
    await started.checkouts.discard(looking)
    again = await started.prepare()
    assert again.head == head
    assert git("status", "--porcelain", cwd=again.path) == ""
