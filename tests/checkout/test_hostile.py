"""A clone prepared to attack the service: whatever runs, runs inside the walls; what does not hold, stays out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ove_gh.checkout import AgentSideFailed, Checkouts, Completed, UnexpectedHistory, run
from tests.checkout.conftest import BOT, REPOSITORY, World, commit_file, git

pytestmark = pytest.mark.anyio

HOOKS = (
    *(
        "pre-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "pre-merge-commit",
        "post-merge",
        "post-checkout",
    ),
    *("pre-rebase", "post-rewrite", "reference-transaction", "post-index-change", "pre-auto-gc", "pre-push"),
    *("pre-receive", "update", "proc-receive", "post-receive", "post-update", "push-to-checkout"),
)


class Trap:
    """A program that notes where it was started: inside the walls ("yes") or in the service ("service")."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.program = folder / "trap"
        self._notes = folder / "notes"
        self.program.write_text(f'#!/bin/sh\necho "${{OVE_INSIDE:-service}}" >>{self._notes}\ncat\n')
        self.program.chmod(0o755)

    @property
    def sprung(self) -> set[str]:
        return set(self._notes.read_text().split()) if self._notes.exists() else set()


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    """A trap that nothing has sprung yet."""
    return Trap(tmp_path / "trap")


def set_traps(clone: Path, trap: Trap) -> None:
    """Point everything that git knows to run at the trap."""
    program = str(trap.program)
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.editor",
        "core.pager",
        "core.askPass",
        "core.alternateRefsCommand",
        "credential.helper",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "merge.evil.driver",
        "filter.evil.clean",
        "filter.evil.smudge",
        "gpg.program",
        "sequence.editor",
        "uploadpack.packObjectsHook",
        "trailer.x.command",
        "pager.log",
        "pager.diff",
    ):
        git("config", key, program, cwd=clone)
    git("config", "commit.gpgSign", "true", cwd=clone)
    for folder in (clone / ".git" / "hooks", clone / ".husky"):
        folder.mkdir(exist_ok=True)
        for hook in HOOKS:
            shutil.copy(trap.program, folder / hook)
    git("config", "core.hooksPath", ".husky", cwd=clone)
    (clone / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")


async def test_nothing_of_the_clone_runs_in_the_service(started: World, trap: Trap) -> None:
    """Hooks, filters, drivers and every configured program of a clone run inside the walls or not at all."""
    clone = started.clone
    set_traps(clone.path, trap)
    (clone.path / "cart.py").write_text("fixed = True\n")

    collected = await started.collected(clone)
    await started.push(clone, collected.head)
    await started.checkouts.changes(REPOSITORY, base_branch="main", head=collected.head)
    await started.prepare()
    await started.checkouts.remove_clone(1)
    await started.prepare()

    assert trap.sprung == {"yes"}  # the filters did run, where they may


async def test_a_repository_with_traps_runs_nothing_in_the_service(started: World, trap: Trap) -> None:
    """Attributes, hooks and git configuration that a repository carries in its tree are files like any other."""
    folder = started.root / "person"
    git("clone", "--quiet", str(started.origin), str(folder), cwd=started.root)
    (folder / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (folder / ".gitconfig").write_text(f'[filter "evil"]\n\tsmudge = {trap.program}\n\tclean = {trap.program}\n')
    (folder / ".config" / "git").mkdir(parents=True)
    shutil.copy(folder / ".gitconfig", folder / ".config" / "git" / "config")
    (folder / ".husky").mkdir()
    shutil.copy(trap.program, folder / ".husky" / "post-checkout")
    git("add", ".", cwd=folder)
    commit_file(folder, "x", "x", "Set traps")
    git("push", "--quiet", "origin", "HEAD:main", cwd=folder)

    clone = started.clone
    (clone.path / "cart.py").write_text("fixed = True\n")
    await started.push(clone, (await started.collected(clone)).head)

    assert trap.sprung == set()


async def test_symlinks_in_git_lead_the_service_nowhere(started: World, tmp_path: Path) -> None:
    """The service writes nothing through symbolic links that were put into a clone's .git."""
    clone = started.clone
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("hooks", "info", "objects/info"):
        shutil.rmtree(clone.path / ".git" / name, ignore_errors=True)
        (clone.path / ".git" / name).symlink_to(outside)
    (outside / "alternates").write_text(f"{started.root}/mirrors/{REPOSITORY}.git/objects\n")
    (clone.path / "cart.py").write_text("fixed = True\n")

    again = await started.prepare()
    await started.push(again, (await started.collected(again)).head)
    await started.checkouts.remove_clone(1)

    assert [path.name for path in outside.iterdir()] == ["alternates"]


async def test_a_linked_git_folder_is_not_followed_on_removal(started: World, tmp_path: Path) -> None:
    """Removing a clone whose folders are links removes the links."""
    clone = started.clone
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    shutil.rmtree(clone.path / ".git")
    (clone.path / ".git").symlink_to(precious)
    (clone.path / "out").symlink_to(precious)

    await started.prepare()
    await started.checkouts.remove_clone(1)

    assert (precious / "file").read_text() == "x"


async def test_files_linked_from_outside_are_committed_as_links(started: World, tmp_path: Path) -> None:
    """A symbolic link to a file of the service brings its name into the commit, never its content."""
    secret = tmp_path / "secret.pem"
    secret.write_text("PRIVATE KEY")
    clone = started.clone
    (clone.path / "innocent.txt").symlink_to(secret)

    collected = await started.collected(clone)

    assert git("show", f"{collected.head}:innocent.txt", cwd=clone.path) == str(secret)


async def test_alternates_that_lead_elsewhere(started: World, tmp_path: Path) -> None:
    """A clone that borrows from a repository of others brings nothing of it into the mirror."""
    clone = started.clone
    other = tmp_path / "other"
    other.mkdir()
    git("init", "--quiet", "-b", "main", cwd=other)
    foreign = commit_file(other, "secret.txt", "secret", "Secret")
    with (clone.path / ".git" / "objects" / "info" / "alternates").open("a") as file:
        file.write(f"{other}/.git/objects\n")
    git("checkout", "--quiet", "-B", clone.branch, foreign, cwd=clone.path)
    refs = started.mirror_refs()

    with pytest.raises(UnexpectedHistory):
        await started.collect(clone)

    assert started.mirror_refs() == refs


async def test_a_clone_without_its_objects(started: World) -> None:
    """A clone whose borrowed objects are out of reach fails as the agent's side, and is rebuilt at the next turn."""
    clone = started.clone
    (clone.path / ".git" / "objects" / "info" / "alternates").write_text("/nonexistent\n")

    with pytest.raises(AgentSideFailed):
        await started.collect(clone)

    assert (await started.prepare()).head == clone.head


class Liar:
    """An agent's side that runs everything, but hands over a bundle of its own."""

    def __init__(self, bundle: bytes) -> None:
        self._bundle = bundle

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        reads: Sequence[Path] = (),
        stdout: int | None = None,
    ) -> Completed:
        if stdout is not None:
            os.write(stdout, self._bundle)
            return Completed(0)
        return await run(argv, cwd=cwd, env=env, reads=reads)


async def lie(started: World, bundle: bytes) -> None:
    """Collect a turn whose bundle is this one; the mirror must be as it was."""
    clone = started.clone
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    refs = started.mirror_refs()
    checkouts = Checkouts(started.root, run_inside=Liar(bundle))

    with pytest.raises(AgentSideFailed):
        await checkouts.collect(clone, author=BOT, co_author=None, leftover_message="x")

    assert started.mirror_refs() == refs


@pytest.mark.parametrize("bundle", [b"", b"noise\n" * 1000, b"# v2 git bundle\n" + b"0" * 40 + b" HEAD\n\nPACK"])
async def test_something_else_than_a_bundle(started: World, bundle: bytes) -> None:
    """Noise, nothing, and a bundle that ends too early are refused."""
    await lie(started, bundle)


async def test_a_bundle_that_declares_itself_incomplete(started: World, tmp_path: Path) -> None:
    """A bundle of the third version with a filter, which would excuse missing objects, is refused."""
    work = tmp_path / "partial"
    git("clone", "--quiet", str(started.origin), str(work), cwd=tmp_path)
    git("bundle", "create", "--quiet", str(tmp_path / "b"), "HEAD", "^HEAD~1", cwd=work)
    whole = (tmp_path / "b").read_bytes()

    await lie(started, whole.replace(b"# v2 git bundle\n", b"# v3 git bundle\n@filter=blob:none\n"))


async def test_a_bundle_that_lacks_objects(started: World, tmp_path: Path) -> None:
    """A bundle whose head needs a commit that is neither in it nor in the mirror is refused."""
    work = tmp_path / "partial"
    git("clone", "--quiet", str(started.origin), str(work), cwd=tmp_path)
    missing = commit_file(work, "one.py", "1\n", "One")
    commit_file(work, "two.py", "2\n", "Two")
    git("bundle", "create", "--quiet", str(tmp_path / "b"), "HEAD", f"^{missing}", cwd=work)

    await lie(started, (tmp_path / "b").read_bytes())


async def test_a_bundle_whose_head_is_not_in_it(started: World, tmp_path: Path) -> None:
    """A bundle that names a head which nobody has is refused."""
    work = tmp_path / "boaster"
    git("clone", "--quiet", str(started.origin), str(work), cwd=tmp_path)
    head = commit_file(work, "one.py", "1\n", "One")
    git("bundle", "create", "--quiet", str(tmp_path / "b"), "HEAD", "^HEAD~1", cwd=work)

    await lie(started, (tmp_path / "b").read_bytes().replace(head.encode(), b"1" * 40))


async def test_a_bundle_with_a_tree_that_git_forbids(started: World, tmp_path: Path) -> None:
    """Objects that git's own check refuses, as a tree with an entry `.git`, do not get into the mirror's refs."""
    work = tmp_path / "forger"
    git("clone", "--quiet", str(started.origin), str(work), cwd=tmp_path)
    blob = git("hash-object", "-w", "README.md", cwd=work)
    raw = tmp_path / "tree"
    raw.write_bytes(b"100644 .git\0" + bytes.fromhex(blob))
    tree = git("hash-object", "-w", "-t", "tree", "--literally", str(raw), cwd=work)
    person = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    commit = git(*person, "commit-tree", "-p", "HEAD", "-m", "x", tree, cwd=work)
    git("update-ref", "HEAD", commit, cwd=work)
    git("bundle", "create", "--quiet", str(tmp_path / "b"), "HEAD", "^HEAD~1", cwd=work)

    await lie(started, (tmp_path / "b").read_bytes())


async def test_a_bundle_with_other_refs(started: World, tmp_path: Path) -> None:
    """A bundle that brings branches and tags besides HEAD is not what was asked for, and is refused."""
    work = tmp_path / "more"
    git("clone", "--quiet", str(started.origin), str(work), cwd=tmp_path)
    git("tag", "v9", cwd=work)
    git("bundle", "create", "--quiet", str(tmp_path / "b"), "--all", "HEAD", cwd=work)

    await lie(started, (tmp_path / "b").read_bytes())
