"""Collecting: what the agent committed and what it left lying about arrives in the mirror, whole and attributed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ove_gh.agent import Identity
from ove_gh.checkout import UnexpectedHistory
from tests.checkout.conftest import ALICE, BOT, REPOSITORY, World, commit_file, git

pytestmark = pytest.mark.anyio

TRAILER = f"Co-authored-by: {ALICE.name} <{ALICE.email}>"


def message(folder: Path, revision: str = "HEAD") -> str:
    """A commit's whole message."""
    return git("log", "-1", "--format=%B", revision, cwd=folder)


async def test_nothing_new_is_none(started: World) -> None:
    """A turn that changed nothing, or only what is ignored, gives no result and no commit."""
    clone = started.clone
    (clone.path / "debug.log").write_text("ignored")

    assert await started.collect(clone) is None
    assert git("rev-parse", "HEAD", cwd=clone.path) == clone.head


async def test_commits_and_their_numbers(started: World) -> None:
    """The result names the commits from old to new, with what they change together."""
    clone = started.clone
    first = commit_file(clone.path, "cart.py", "def total(items):\n    return sum(items)\n", "Fix total\n\nIt divided.")
    second = commit_file(clone.path, "test_cart.py", "def test(): ...\n", "Test it")

    collected = await started.collected(clone)

    assert (collected.base, collected.head) == (clone.base_sha, second)
    assert [(commit.sha, commit.subject) for commit in collected.commits] == [(first, "Fix total"), (second, "Test it")]
    assert collected.commits[0].body == f"It divided.\n\n{TRAILER}"
    assert (collected.files_changed, collected.insertions, collected.deletions) == (2, 2, 1)
    assert collected.left_out == ()


async def test_leftovers_are_committed_by_the_bot(started: World) -> None:
    """Uncommitted changes, new and deleted files become one commit by the bot, with the requester as co-author."""
    clone = started.clone
    (clone.path / "cart.py").write_text("fixed = True\n")
    (clone.path / "new.py").write_text("x = 1\n")
    (clone.path / "README.md").unlink()
    (clone.path / "debug.log").write_text("ignored")

    collected = await started.collected(clone)

    assert message(clone.path) == f"Work in progress\n\n{TRAILER}"
    people = git("log", "-1", "--format=%an <%ae>|%cn <%ce>", cwd=clone.path)
    assert people == "|".join([f"{BOT.name} <{BOT.email}>"] * 2)
    changed = git("diff", "--name-status", f"{collected.base}..{collected.head}", cwd=clone.path).split()
    assert changed == ["D", "README.md", "M", "cart.py", "A", "new.py"]


async def test_collecting_twice_gives_the_same(started: World) -> None:
    """Until it is pushed, a collected turn is collected again with the same result, so that a crash loses nothing."""
    clone = started.clone
    (clone.path / "new.py").write_text("x = 1\n")

    first = await started.collected(clone)
    again = await started.collected(await started.prepare())

    assert again == first


async def test_after_a_push_only_what_is_new_counts(started: World) -> None:
    """The second turn's result holds the second turn's commits; compared with the base branch, there are both."""
    clone = started.clone
    one = commit_file(clone.path, "one.py", "1\n", "One")
    await started.push(clone, (await started.collected(clone)).head)
    assert await started.collect(clone) is None

    two = commit_file(clone.path, "two.py", "2\n", "Two")
    collected = await started.collected(await started.prepare())

    assert [commit.sha for commit in collected.commits] == [two]
    assert (collected.base, collected.files_changed) == (one, 1)
    whole = await started.checkouts.changes(REPOSITORY, base_branch="main", head=two)
    assert [commit.sha for commit in whole.commits] == [one, two]
    assert whole.files_changed == 2


async def test_merged_commits_of_others_are_not_listed(started: World) -> None:
    """When the agent merges the base branch, the list holds its own commits and not everybody's."""
    clone = started.clone
    mine = commit_file(clone.path, "one.py", "1\n", "One")
    started.somebody_pushes("main", "news.txt", "news\n")
    clone = await started.prepare()
    git("merge", "--quiet", "--no-edit", "origin/main", cwd=clone.path)

    collected = await started.collected(clone)

    assert [commit.sha for commit in collected.commits] == [mine, collected.head]
    whole = await started.checkouts.changes(REPOSITORY, base_branch="main", head=collected.head)
    assert whole.files_changed == 1


async def test_a_detached_head_counts(started: World) -> None:
    """Commits on a detached head are collected, and the task's branch moves to them."""
    clone = started.clone
    git("checkout", "--quiet", "--detach", cwd=clone.path)
    sha = commit_file(clone.path, "one.py", "1\n", "One")

    assert (await started.collected(clone)).head == sha
    assert git("symbolic-ref", "--short", "HEAD", cwd=clone.path) == clone.branch


async def test_a_branch_of_the_agents_own_counts(started: World) -> None:
    """Commits on a branch that the agent made are collected, uncommitted work with them."""
    clone = started.clone
    git("checkout", "--quiet", "-b", "idea", cwd=clone.path)
    sha = commit_file(clone.path, "one.py", "1\n", "One")
    (clone.path / "two.py").write_text("2\n")

    collected = await started.collected(clone)

    assert [commit.subject for commit in collected.commits] == ["One", "Work in progress"]
    assert collected.commits[0].sha == sha
    assert git("symbolic-ref", "--short", "HEAD", cwd=clone.path) == clone.branch


@pytest.mark.parametrize("place", ["HEAD~1", "origin/main"])
async def test_looking_elsewhere_takes_nothing_back(started: World, place: str) -> None:
    """An agent that ends on an older or another known commit has not given up what its branch has."""
    clone = started.clone
    sha = commit_file(clone.path, "one.py", "1\n", "One")
    started.somebody_pushes("main", "news.txt", "news\n")
    clone = await started.prepare()
    git("checkout", "--quiet", "--detach", place, cwd=clone.path)

    assert (await started.collected(clone)).head == sha


async def test_a_bisect_is_ended(started: World) -> None:
    """A bisection that was left running does not decide what is collected."""
    clone = started.clone
    sha = commit_file(clone.path, "one.py", "1\n", "One")
    git("bisect", "start", "HEAD", "HEAD~2", cwd=clone.path)
    assert git("rev-parse", "HEAD", cwd=clone.path) != sha

    assert (await started.collected(clone)).head == sha


async def _conflicting(started: World) -> tuple[Path, str]:
    """A clone with a commit that conflicts with origin/main."""
    started.somebody_pushes("main", "cart.py", "theirs = 1\n")
    clone = await started.prepare()
    return clone.path, commit_file(clone.path, "cart.py", "ours = 1\n", "Ours")


async def test_a_merge_in_conflict_is_undone(started: World) -> None:
    """Conflict markers are never committed: the merge is taken back, and the result says so."""
    path, sha = await _conflicting(started)
    git("merge", "origin/main", cwd=path, check=False)
    assert "<<<<" in (path / "cart.py").read_text()

    collected = await started.collected(await started.prepare())

    assert (collected.head, collected.undone) == (sha, "merge")
    assert (path / "cart.py").read_text() == "ours = 1\n"


async def test_a_resolved_merge_is_finished(started: World) -> None:
    """A merge whose conflicts are resolved and staged is committed as the merge that it is."""
    path, sha = await _conflicting(started)
    git("merge", "origin/main", cwd=path, check=False)
    (path / "cart.py").write_text("both = 1\n")
    git("add", "cart.py", cwd=path)

    collected = await started.collected(await started.prepare())

    assert collected.undone is None
    parents = git("log", "-1", "--format=%P", collected.head, cwd=path).split()
    assert parents == [sha, started.on_github("main")]


async def test_a_rebase_in_conflict_is_undone(started: World) -> None:
    """A rebase that stopped at a conflict is taken back to where the branch was."""
    path, sha = await _conflicting(started)
    git("-c", "user.name=x", "-c", "user.email=x", "rebase", "origin/main", cwd=path, check=False)

    collected = await started.collected(await started.prepare())

    assert (collected.head, collected.undone) == (sha, "rebase")
    assert git("symbolic-ref", "--short", "HEAD", cwd=path) == "ove/12-empty-cart"


async def test_a_resolved_rebase_is_finished(started: World) -> None:
    """A rebase whose conflict is resolved goes through to its end."""
    path, _ = await _conflicting(started)
    git("rebase", "origin/main", cwd=path, check=False)
    (path / "cart.py").write_text("both = 1\n")
    git("add", "cart.py", cwd=path)

    collected = await started.collected(await started.prepare())

    assert collected.undone is None
    assert collected.base == started.on_github("main")
    assert git("show", f"{collected.head}:cart.py", cwd=path) == "both = 1"


async def test_huge_files_are_left_out(started: World) -> None:
    """A file that GitHub would refuse is named and left out, staged or not; everything else is committed."""
    clone = started.clone
    for name in ("big file.bin", "staged.bin", "debug.log"):
        with (clone.path / name).open("wb") as file:
            file.truncate(96 * 1024 * 1024)
    blob = git("hash-object", "-w", "README.md", cwd=clone.path)
    git("update-index", "--add", "--cacheinfo", f"100644,{blob},staged.bin", cwd=clone.path)
    (clone.path / "small.txt").write_text("small")

    collected = await started.collected(clone)

    assert collected.left_out == ("big file.bin", "staged.bin")
    assert git("diff", "--name-only", collected.base, collected.head, cwd=clone.path) == "small.txt"


async def test_repositories_inside_are_left_out(started: World) -> None:
    """A repository that the agent cloned into its folder does not become an empty link."""
    clone = started.clone
    git("clone", "--quiet", str(started.origin), str(clone.path / "vendor"), cwd=clone.path)
    (clone.path / "small.txt").write_text("small")

    collected = await started.collected(clone)

    assert collected.left_out == ("vendor/",)
    assert git("ls-tree", "--name-only", collected.head, "vendor", cwd=clone.path) == ""


async def test_odd_names_are_committed(started: World) -> None:
    """Names with spaces, pathspec magic, line breaks and bytes that are no UTF-8 do no harm."""
    clone = started.clone
    for name in (b":(exclude)x", b"two\nlines", b"-m", b"\xff\xfe", b"*"):
        (clone.path / os.fsdecode(name)).write_text("x")

    assert (await started.collected(clone)).files_changed == 5


async def test_rewritten_history_is_refused(started: World) -> None:
    """Amending what GitHub already has raises UnexpectedHistory, and the mirror keeps what it had."""
    clone = started.clone
    pushed = commit_file(clone.path, "one.py", "1\n", "One")
    await started.push(clone, (await started.collected(clone)).head)
    refs = started.mirror_refs()
    git("commit", "--quiet", "--amend", "-m", "Another one", cwd=clone.path)

    with pytest.raises(UnexpectedHistory) as unexpected:
        await started.collect(clone)

    assert unexpected.value.expected == pushed
    assert unexpected.value.head == git("rev-parse", "HEAD", cwd=clone.path)
    assert started.mirror_refs() == refs


async def test_an_unrelated_history_is_refused(started: World) -> None:
    """A root commit of the agent's own has no place on a task's branch."""
    clone = started.clone
    git("checkout", "--quiet", "--orphan", "fresh", cwd=clone.path)
    git("commit", "--quiet", "-m", "Start over", cwd=clone.path)

    with pytest.raises(UnexpectedHistory):
        await started.collect(clone)


async def test_the_agents_own_commits_name_the_co_author(started: World) -> None:
    """A plain `git commit -m` in the clone is by the bot and names the requester once, also after an amend."""
    clone = started.clone
    (clone.path / "one.py").write_text("1\n")
    git("add", ".", cwd=clone.path)
    git("commit", "--quiet", "-m", "One\n\nWith a reason.", cwd=clone.path)
    assert message(clone.path) == f"One\n\nWith a reason.\n\n{TRAILER}"

    git("commit", "--quiet", "--amend", "--no-edit", cwd=clone.path)

    assert message(clone.path).count("Co-authored-by") == 1
    assert git("log", "-1", "--format=%an <%ae>", cwd=clone.path) == f"{BOT.name} <{BOT.email}>"


async def test_a_trailer_of_the_agents_own_is_kept(started: World) -> None:
    """A message that ends with another co-author gets ours in the same block; one that has ours stays as it is."""
    clone = started.clone
    other = "Co-authored-by: Claude <noreply@anthropic.com>"
    for text, whole in ((f"One\n\n{other}", f"One\n\n{other}\n{TRAILER}"), (f"Two\n\n{TRAILER}", f"Two\n\n{TRAILER}")):
        git("commit", "--quiet", "--allow-empty", "-m", text, cwd=clone.path)
        assert message(clone.path) == whole


async def test_other_peoples_commits_are_not_claimed(started: World) -> None:
    """Merging, cherry-picking and rebasing somebody's commits adds no co-author to them."""
    clone = started.clone
    theirs = started.somebody_pushes("feature", "feature.py", "x = 1\n")
    clone = await started.prepare()
    commit_file(clone.path, "one.py", "1\n", "One")

    git("cherry-pick", theirs, cwd=clone.path)
    assert message(clone.path) == "Change feature.py"
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=clone.path)
    git("merge", "--quiet", "--no-edit", "origin/feature", cwd=clone.path)
    assert TRAILER not in message(clone.path)
    git("reset", "--quiet", "--hard", theirs, cwd=clone.path)
    started.somebody_pushes("main", "news.txt", "news\n")
    clone = await started.prepare()
    git("rebase", "--quiet", "--force-rebase", "origin/main", cwd=clone.path)
    assert message(clone.path) == "Change feature.py"


async def test_an_empty_message_stays_empty(started: World) -> None:
    """The trailer does not turn a commit without a message, which git refuses, into one with nothing but a trailer."""
    clone = started.clone

    git("commit", "--allow-empty", cwd=clone.path, check=False, GIT_EDITOR="true")

    assert git("rev-parse", "HEAD", cwd=clone.path) == clone.head


async def test_the_co_author_is_who_asked_last(started: World) -> None:
    """Preparing for another requester changes the trailer, nobody leaves it out, and a strange name cannot break it."""
    for person, trailer in (
        (Identity("Bob", "bob@example.com"), "\n\nCo-authored-by: Bob <bob@example.com>"),
        (None, ""),
        (Identity("-x <e>\nSigned-off-by: me", "a@b\n>"), "\n\nCo-authored-by: -x eSigned-off-by: me <a@b>"),
    ):
        clone = await started.prepare(co_author=person)
        git("commit", "--quiet", "--allow-empty", "-m", "One", cwd=clone.path)
        assert message(clone.path) == f"One{trailer}"
