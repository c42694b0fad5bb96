"""The agent's clone: building it, taking it up again, and handing over its commits.

Every command here may meet a configuration, hooks and filters that the agent or the repository prepared. Therefore each
runs inside the agent's walls, and nothing but an exit code, some text and a bundle comes out.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ove_gh.agent import Identity
from ove_gh.checkout.errors import AgentSideFailed
from ove_gh.checkout.git import Completed, RunInside, environment

INSIDE_SECONDS = 300.0
NO_HOME = Path("/nonexistent")  # a home inside the clone would let its files pass for git's own configuration
_NOT_A_REPOSITORY = 128


@dataclass(frozen=True, slots=True)
class AgentSide:
    """Commands in one clone. `mirror` is the repository whose objects the clone borrows."""

    path: Path
    mirror: Path
    run_inside: RunInside

    async def git(
        self,
        *arguments: str,
        codes: tuple[int, ...] = (0,),
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
    ) -> Completed:
        """Run git in the clone; raises AgentSideFailed for an exit code that is not in `codes`, or after 300 s."""
        return await self.command("git", *arguments, codes=codes, env=env, stdout=stdout)

    async def command(
        self,
        *argv: str,
        codes: tuple[int, ...] = (0,),
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
    ) -> Completed:
        """Run any command in the clone, as `git` does."""
        whole = {**environment(NO_HOME), "GIT_CEILING_DIRECTORIES": str(self.path.parent), **(env or {})}
        try:
            async with asyncio.timeout(INSIDE_SECONDS):
                done = await self.run_inside(argv, cwd=self.path, env=whole, reads=(self.mirror,), stdout=stdout)
        except TimeoutError as late:
            raise AgentSideFailed(" ".join(argv[:2]), f"no end after {INSIDE_SECONDS:.0f} s") from late
        if done.code not in codes:
            raise AgentSideFailed(" ".join(argv[:2]), done.complaint or f"exit code {done.code}")
        return done

    async def holds(self, *arguments: str) -> bool:
        """Whether a git command that answers by its exit code, 0 or 1, says yes."""
        return (await self.git(*arguments, codes=(0, 1))).code == 0


def author_env(author: Identity) -> dict[str, str]:
    """The environment that makes somebody author and committer."""
    return {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_COMMITTER_NAME": author.name,
        "GIT_COMMITTER_EMAIL": author.email,
    }


def co_author_line(person: Identity) -> str:
    """`Name <address>` for a trailer, without what could break out of its line."""
    return f"{_one_line(person.name)} <{_one_line(person.email)}>"


def _one_line(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in "<>").strip()


async def build(side: AgentSide, *, start: str, branch: str) -> None:
    """Make a clone in the empty folder `side.path`, on `branch` at the commit `start`.

    It has the branches as `origin/…` and the tags, but no remote: there is nowhere to fetch from or push to.
    """
    await side.git("init", "--quiet", "--template=", f"--initial-branch={branch}", ".")
    await asyncio.to_thread(_furnish, side)
    for key, value in (("gc.auto", "0"), ("maintenance.auto", "false"), ("commit.gpgSign", "false")):
        await side.git("config", key, value)
    await take_refs(side)
    await side.git("checkout", "--quiet", "--no-track", "-B", branch, start)


def _furnish(side: AgentSide) -> None:
    """Write what git offers no command for. Only ever called on a folder that no agent has seen."""
    git = side.path / ".git"
    (git / "objects" / "info").mkdir(exist_ok=True)
    borrowed = os.path.relpath(side.mirror / "objects", git / "objects")  # relative: the data folder may move
    (git / "objects" / "info" / "alternates").write_text(f"{borrowed}\n")
    (git / "hooks").mkdir(exist_ok=True)
    hook = git / "hooks" / "prepare-commit-msg"
    hook.write_text(_HOOK)
    hook.chmod(0o755)


_HOOK = """#!/bin/sh
# Names the person who asked as co-author, once, in commits that are the agent's own.
co_author=$(git config --get ove.coAuthor) || exit 0
case "$2" in merge | squash) exit 0 ;; esac
for replayed in rebase-merge rebase-apply CHERRY_PICK_HEAD; do
    test -e "$(git rev-parse --git-path "$replayed")" && exit 0
done
test -n "$(git stripspace --strip-comments <"$1")" || exit 0
git interpret-trailers --in-place --no-divider --if-exists addIfDifferent --trailer "Co-authored-by: $co_author" "$1"
exit 0
"""


async def take_refs(side: AgentSide) -> None:
    """Bring `origin/…` and the tags up to what the mirror has; no object is copied."""
    refs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    options = ("--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--refmap=")
    await side.git("fetch", *options, "--", str(side.mirror), *refs)


async def introduce(side: AgentSide, author: Identity, co_author: Identity | None) -> None:
    """Set who commits here, and whom the hook names as co-author."""
    wanted = [("user.name", author.name), ("user.email", author.email)]
    wanted += [("ove.coauthor", co_author_line(co_author))] if co_author is not None else []
    names = "^(user\\.name|user\\.email|ove\\.coauthor)$"
    stands = await side.git("config", "--local", "--null", "--get-regexp", names, codes=(0, 1))
    if sorted(stands.stdout.split(b"\0")) == sorted([b"", *(f"{key}\n{value}".encode() for key, value in wanted)]):
        return
    await side.git("config", "user.name", author.name)
    await side.git("config", "user.email", author.email)
    if co_author is None:
        await side.git("config", "--unset-all", "ove.coAuthor", codes=(0, 5))
    else:
        await side.git("config", "--replace-all", "ove.coAuthor", co_author_line(co_author))


async def usable(side: AgentSide) -> bool:
    """Whether the folder still is a repository with a commit checked out, after stale locks were removed."""
    reading = side.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", codes=(0, 1, _NOT_A_REPOSITORY))
    _, done = await asyncio.gather(clear_locks(side), reading)  # to read takes no lock
    return done.code == 0


async def clear_locks(side: AgentSide) -> None:
    """Remove the lock files of commands that were killed. Nothing else may be at work in the clone."""
    await side.command("sh", "-c", "test ! -d .git || find .git -name '*.lock' -type f -delete", codes=(0, 1))


async def head_of(side: AgentSide) -> str:
    """The commit that is checked out."""
    return (await side.git("rev-parse", "--verify", "--end-of-options", "HEAD^{commit}")).text


async def follow(side: AgentSide, *, branch: str, remote_head: str, pushed: str | None) -> bool:
    """Move a clone without work of its own to where its branch now is on the server.

    True when the clone holds all of the server's branch afterwards; False when both sides have work of their own.
    """
    if await has(side, remote_head):
        return True
    head = await head_of(side)
    own_work = head != pushed and not await side.holds("merge-base", "--is-ancestor", "HEAD", remote_head)
    if own_work or (await side.git("status", "--porcelain", "--untracked-files=no")).stdout:
        return False
    return await side.holds("checkout", "--quiet", "--no-track", "-B", branch, remote_head)


async def return_to_branch(side: AgentSide, branch: str) -> None:
    """Choose what counts: HEAD, wherever the agent left it, when it has commits that nobody else has.

    A detached head or a branch of another name is the agent's way of working: the task's branch then moves to it. But
    an agent that ends on an older commit, a tag or the base branch only looked at it: what the task's branch has is
    what counts. Uncommitted changes come along; where they do not fit, git marks the conflict in the file.
    """
    ours = f"refs/heads/{branch}"
    if (await side.git("symbolic-ref", "--quiet", "HEAD", codes=(0, 1))).text == ours:
        return
    exists = await side.holds("show-ref", "--verify", "--quiet", ours)
    if exists and not await has_news(side, (ours, "--remotes", "--tags")):
        await side.git("checkout", "--quiet", "--merge", branch, "--")
    else:
        await side.git("checkout", "--quiet", "--no-track", "-B", branch)


async def has(side: AgentSide, commit: str) -> bool:
    """Whether HEAD is this commit, or builds on it."""
    return await side.holds("merge-base", "--is-ancestor", commit, "HEAD")


async def has_news(side: AgentSide, known: tuple[str, ...]) -> bool:
    """Whether HEAD has commits that those in `known` (revisions, or options that stand for several) do not."""
    return (await side.git("rev-list", "--count", "HEAD", "--not", *known)).text != "0"


async def bundle(side: AgentSide, known: tuple[str, ...], descriptor: int) -> None:
    """Write HEAD's commits that `known` does not have to an open file, as a bundle."""
    await side.git("bundle", "create", "--quiet", "--version=2", "-", "HEAD", "--not", *known, stdout=descriptor)
