"""Which files the agent's own work changes: what the repository's protected paths are held against."""

from __future__ import annotations

from pathlib import Path

import pytest

from ove_gh.checkout import Clone
from tests.checkout.conftest import ALICE, BOT, REPOSITORY, World, commit_file, git

pytestmark = pytest.mark.anyio

WORKFLOW = ".github/workflows/test.yml"
PULL = 12


def commit_all(folder: Path, *options: str) -> None:
    """Commit everything as it lies there."""
    git("add", "--all", cwd=folder)
    git("-c", "user.name=Agent", "-c", "user.email=agent@example.com", "commit", "-qm", "Work", *options, cwd=folder)


def write(folder: Path, path: str, text: str) -> None:
    """A file, with the folders above it."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def merge_main(folder: Path, *options: str) -> None:
    """Merge what main is now on the server, as the agent does."""
    identity = ("-c", "user.name=Agent", "-c", "user.email=agent@example.com")
    git(*identity, "merge", "--quiet", "--no-ff", *options, "-m", "Merge main", "origin/main", cwd=folder)


def main_gets(world: World, path: str, text: str) -> None:
    """A person's commit on main."""
    folder = world.origin.parent / "somebodys"
    if not folder.exists():
        git("clone", "--quiet", str(world.origin), str(folder), cwd=world.root)
    write(folder, path, text)
    commit_all(folder)
    git("push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=folder)


async def paths(world: World, clone: Clone | None = None) -> list[str]:
    """The files that the collected work changes."""
    return sorted((await world.collected(clone or world.clone)).paths)


async def test_what_was_written_changed_and_left_uncommitted_counts(started: World) -> None:
    """A committed change, a new file and one that the agent did not commit are all its work."""
    folder = started.clone.path
    commit_file(folder, "cart.py", "total = 0\n", "Change")
    write(folder, WORKFLOW, "on: push\n")
    assert await paths(started) == [WORKFLOW, "cart.py"]


async def test_a_renamed_file_is_told_by_both_names(started: World) -> None:
    """A protected file that is moved away is changed, and so is a place that it is moved to."""
    git("mv", "cart.py", "basket.py", cwd=started.clone.path)
    commit_all(started.clone.path)
    assert await paths(started) == ["basket.py", "cart.py"]


async def test_a_deleted_file_and_a_changed_mode_count(started: World) -> None:
    """A file that is gone is a change, and one that can be run now is, too."""
    folder = started.clone.path
    git("rm", "--quiet", "README.md", cwd=folder)
    (folder / "cart.py").chmod(0o755)
    commit_all(folder)
    assert await paths(started) == ["README.md", "cart.py"]


NAMES = [".github/workflows/on push.yml", ".github/workflows/prüfen é.yml", '.github/workflows/a"b\n\tc.yml', " "]


@pytest.mark.parametrize("name", NAMES, ids=["spaces", "not ASCII", "quotes and lines", "a space alone"])
async def test_names_are_as_they_are(started: World, name: str) -> None:
    """No name is quoted, cut or skipped, whatever git makes of it elsewhere."""
    write(started.clone.path, name, "on: push\n")
    commit_all(started.clone.path)
    assert await paths(started) == [name]


async def test_what_main_brought_is_not_its_work(started: World) -> None:
    """A merge of main in which workflows changed: only what the agent did itself is its own."""
    main_gets(started, WORKFLOW, "on: push\n")
    clone = await started.prepare()
    commit_file(clone.path, "cart.py", "total = 0\n", "Change")
    merge_main(clone.path)
    assert await paths(started, clone) == ["cart.py"]


async def test_what_a_merge_does_on_its_own_is_its_work(started: World) -> None:
    """A workflow that is written into a merge commit is no commit of anybody else's."""
    main_gets(started, WORKFLOW, "on: push\n")
    clone = await started.prepare()
    commit_file(clone.path, "cart.py", "total = 0\n", "Change")
    merge_main(clone.path)
    write(clone.path, WORKFLOW, "on: [push, schedule]\n")
    commit_all(clone.path, "--amend")
    assert await paths(started, clone) == [WORKFLOW, "cart.py"]


@pytest.mark.parametrize("pushed", [False, True])
async def test_a_merge_that_keeps_the_old_file_is_its_work(started: World, pushed: bool) -> None:
    """Whoever merges main and leaves out its newer workflow has taken that workflow back."""
    commit_file(started.clone.path, "cart.py", "total = 0\n", "Change")
    if pushed:
        await started.push(started.clone, (await started.collected(started.clone)).head)
    main_gets(started, WORKFLOW, "on: push\n")
    clone = await started.prepare()
    merge_main(clone.path, "--strategy=ours")
    assert WORKFLOW in await paths(started, clone)


async def test_a_file_that_was_taken_back_is_unchanged(started: World) -> None:
    """Who changed a file, and then brought it back in a further commit, proposes no change of it any more."""
    before = (started.clone.path / "cart.py").read_text()
    commit_file(started.clone.path, "cart.py", "total = 0\n", "Change")
    commit_file(started.clone.path, "notes.md", "later\n", "Notes")
    assert await paths(started) == ["cart.py", "notes.md"]
    commit_file(started.clone.path, "cart.py", before, "Take it back")
    assert await paths(started) == ["notes.md"]


@pytest.mark.parametrize("from_fork", [False, True])
async def test_what_others_brought_to_the_branch_is_theirs(world: World, from_fork: bool) -> None:
    """A workflow that a person pushed to the branch, or that a fork's pull request has, is not the agent's change."""
    branch, pull = "ove/12-empty-cart", PULL if from_fork else None
    theirs = world.somebody_pushes("theirs" if from_fork else branch, "workflow.yml", "on: push\n")
    if from_fork:
        git("update-ref", f"refs/pull/{PULL}/head", theirs, cwd=world.origin)
    clone = await world.checkouts.prepare(
        world.remote(), REPOSITORY, 1, base_branch="main", branch=branch, author=BOT, co_author=ALICE, pull=pull
    )
    assert clone.head == theirs
    commit_file(clone.path, "cart.py", "total = 0\n", "Change")
    assert await paths(world, clone) == ["cart.py"]
    commit_file(clone.path, "workflow.yml", "on: schedule\n", "Change theirs")
    assert await paths(world, clone) == ["cart.py", "workflow.yml"]
