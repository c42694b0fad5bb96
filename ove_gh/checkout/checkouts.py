"""All checkouts of the service: which mirror and which clone belong together, and the order of steps between them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ove_gh.agent import Identity
from ove_gh.checkout import clone as agent_side
from ove_gh.checkout import leftovers
from ove_gh.checkout.clone import AgentSide
from ove_gh.checkout.errors import BranchMissing, EmptyRepository, PushRejected, Rejection, UnexpectedHistory
from ove_gh.checkout.git import RunInside, run
from ove_gh.checkout.mirror import Changes, Mirror, Remote, exclusively, refuse_default_branch


@dataclass(frozen=True, slots=True)
class Clone:
    """A thread's clone, ready for the agent.

    `base_sha` is where its work leaves the base branch, `head` what it has checked out. `in_step` is False when the
    branch on GitHub has commits that this clone has not, and the clone has work of its own: the agent should merge
    `origin/<branch>` before it goes on. `pull` is the pull request whose commits it starts from.
    """

    path: Path
    repository_id: int
    thread_id: int
    base_branch: str
    branch: str
    base_sha: str
    head: str
    in_step: bool = True
    pull: int | None = None


@dataclass(frozen=True, slots=True)
class Collected(Changes):
    """What a clone has that GitHub has not, safe in the mirror.

    `base` is the commit that GitHub has of the branch or, before the first push, the one where the work leaves the base
    branch. `left_out` lists paths that could not be committed. `undone` names an operation in conflict that was taken
    back: "merge", "rebase", "cherry-pick", "revert" or "am". `paths` are the files that its work changes: what a
    pull request would show, without what others brought to the branch.
    """

    left_out: tuple[str, ...] = ()
    undone: str | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the mirror knows of a thread: the tip of its base branch, and of its own branch here and on GitHub.

    `pull_head` is where the pull request is that it starts from, `pull_taken` what the clone has of that.
    """

    base_tip: str
    remote_head: str | None
    pushed: str | None
    collected: str | None
    pull_head: str | None = None
    pull_taken: str | None = None

    @property
    def there(self) -> tuple[str, ...]:
        """The commits that are no news: with all that led to them, others have them."""
        shas = (self.base_tip, self.remote_head, self.pushed, self.pull_head, self.pull_taken)
        return tuple(sha for sha in shas if sha)


class Checkouts:
    """Everything below one folder: `mirrors/<repository id>.git` and `clones/<thread id>`.

    `run_inside` runs the commands that touch a clone. `network_env` is added to the environment of the two commands
    that talk to GitHub: a proxy, or certificates of one's own.
    """

    def __init__(
        self, root: Path, *, run_inside: RunInside = run, network_env: Mapping[str, str] | None = None
    ) -> None:
        self._root = root.resolve()
        self._run_inside = run_inside
        self._network_env = dict(network_env or {})

    async def prepare(
        self,
        remote: Remote,
        repository_id: int,
        thread_id: int,
        *,
        base_branch: str,
        branch: str,
        author: Identity,
        co_author: Identity | None,
        pull: int | None = None,
    ) -> Clone:
        """Bring the mirror up to date, and the thread's clone into being or up to date. May be called at any time.

        A clone that is there keeps its commits and its uncommitted work; only its view of GitHub (`origin/…`) changes,
        and without work of its own it follows its branch or, while GitHub has none, the pull request `pull`. One that
        is missing is rebuilt from what was collected, from the branch on GitHub, from the head of `pull`, or from the
        base branch, in this order.
        Raises EmptyRepository, BranchMissing, RemoteDenied, RemoteUnavailable, AgentSideFailed.
        """
        async with self._exclusively(repository_id) as mirror:
            theirs = [f"+refs/pull/{pull:d}/head:{_pull_head(pull)}"] if pull is not None else []
            is_name, _ = await asyncio.gather(mirror.is_branch_name(branch), mirror.fetch(remote, *theirs))
            if not is_name:
                raise ValueError(f"{branch!r} cannot be a branch's name")
            known = await _what_is_known(mirror, thread_id, base_branch, branch, pull)
        side = self._agent_side(repository_id, thread_id)
        if await asyncio.to_thread(side.path.is_dir) and await agent_side.usable(side):
            await agent_side.take_refs(side)
        else:
            await self._build(repository_id, thread_id, known, branch)
        await agent_side.introduce(side, author, co_author)
        in_step = await _follow(side, branch, known)
        head, leaves_base = await asyncio.gather(
            agent_side.head_of(side), side.git("merge-base", "HEAD", known.base_tip, codes=(0, 1))
        )
        if in_step and known.remote_head and known.remote_head != known.pushed:
            async with self._exclusively(repository_id) as mirror:
                await mirror.note(_pushed(thread_id), known.remote_head)
        if known.pull_head and known.pull_head != known.pull_taken and await agent_side.has(side, known.pull_head):
            async with self._exclusively(repository_id) as mirror:
                await mirror.note(_pull_taken(thread_id), known.pull_head)
        base_sha = leaves_base.text or known.base_tip
        return Clone(side.path, repository_id, thread_id, base_branch, branch, base_sha, head, in_step, pull)

    async def collect(
        self, clone: Clone, *, author: Identity, co_author: Identity | None, leftover_message: str
    ) -> Collected | None:
        """Commit what the agent left uncommitted, and bring its commits into the mirror; None when nothing is new.

        To be called when the agent's processes have ended, and not while it waits for an answer: what it is in the
        middle of is finished or undone here. Until the commits are pushed, the same call gives the same result.
        Raises AgentSideFailed, and UnexpectedHistory when commits that GitHub has were rewritten.
        """
        mirror, side = self._mirror(clone.repository_id), self._agent_side(clone.repository_id, clone.thread_id)
        known = await _what_is_known(mirror, clone.thread_id, clone.base_branch, clone.branch, clone.pull)
        there = known.there
        await agent_side.clear_locks(side)
        undone = await leftovers.settle(side, author)
        await agent_side.return_to_branch(side, clone.branch)
        left_out = await leftovers.commit(side, author=author, co_author=co_author, message=leftover_message)
        if not await agent_side.has_news(side, there):
            return None
        with self._bundle_file() as bundle:
            await agent_side.bundle(side, there, bundle)
            async with self._exclusively(clone.repository_id) as mirror:
                head = await _take(mirror, clone.thread_id, bundle, known)
        base = known.pushed or await mirror.merge_base(head, known.base_tip) or known.base_tip
        changes = await mirror.changes(base, head, without=there)
        return Collected(
            base,
            head,
            changes.commits,
            changes.files_changed,
            changes.insertions,
            changes.deletions,
            left_out,
            undone,
            await mirror.paths(head, known.base_tip, there),
        )

    async def push(
        self, remote: Remote, repository_id: int, thread_id: int, *, head: str, branch: str, default_branch: str
    ) -> None:
        """Push a collected commit to the thread's branch; a branch that already holds it counts as pushed.

        Raises PushRejected (its reason tells whose turn it is), RemoteDenied, and RemoteUnavailable: try again later.
        """
        refuse_default_branch(branch, default_branch)
        try:
            await self._mirror(repository_id).push(remote, head, branch)
        except PushRejected as rejected:
            behind = rejected.reason is Rejection.NON_FAST_FORWARD
            if not behind or not await self._was_pushed(remote, repository_id, branch, head):
                raise
        else:
            async with self._exclusively(repository_id) as mirror:
                await mirror.note(f"refs/heads/{branch}", head)
        async with self._exclusively(repository_id) as mirror:
            await mirror.note(_pushed(thread_id), head)

    async def changes(self, repository_id: int, *, base_branch: str, head: str) -> Changes:
        """All that `head` brings over the base branch, as a pull request would show it."""
        mirror = self._mirror(repository_id)
        tip = await mirror.commit_at(f"refs/heads/{base_branch}")
        if tip is None:
            raise BranchMissing(base_branch)
        base = await mirror.merge_base(head, tip)
        if base is None:
            raise UnexpectedHistory(tip, head)
        return await mirror.changes(base, head, without=(tip,))

    async def discard(self, clone: Clone) -> None:
        """Nothing that the agent left is to be kept: a clone with changes is removed, and built anew when needed."""
        side = self._agent_side(clone.repository_id, clone.thread_id)
        mirror = self._mirror(clone.repository_id)
        known = await _what_is_known(mirror, clone.thread_id, clone.base_branch, clone.branch, clone.pull)
        status = await side.git("status", "--porcelain", "--untracked-files=normal")
        has_moved = await agent_side.head_of(side) != clone.head
        if status.text or has_moved or await agent_side.has_news(side, known.there):
            await self.remove_clone(clone.thread_id)

    async def start_over(self, repository_id: int, thread_id: int) -> None:
        """The thread's branch is done with: the next `prepare` makes a clone without any of its work."""
        await self.remove_clone(thread_id)
        async with self._exclusively(repository_id) as mirror:
            for ref in (_pushed(thread_id), _collected(thread_id), _pull_taken(thread_id)):
                await mirror.forget(ref)

    async def remove_clone(self, thread_id: int) -> None:
        """Delete a thread's clone. What was collected stays in the mirror, so that `prepare` can rebuild it."""
        await self._delete(self._clone_path(thread_id))
        await self._delete(self._set_aside_path(thread_id))

    async def _build(self, repository_id: int, thread_id: int, known: _Known, branch: str) -> None:
        """Build beside and rename, so that a clone that is there is whole. One that broke is set aside, not deleted."""
        path, mirror = self._clone_path(thread_id), self._mirror(repository_id)
        unfinished = path.with_name(f"{thread_id:d}.making")
        await self._delete(unfinished)
        await asyncio.to_thread(unfinished.mkdir, parents=True)
        start = await _start(mirror, known)
        await agent_side.build(AgentSide(unfinished, mirror.path, self._run_inside), start=start, branch=branch)
        if known.pushed and not known.remote_head:
            async with self._exclusively(repository_id) as mirror:
                await mirror.forget(_pushed(thread_id))  # the branch was deleted on GitHub: the work starts anew
        if await asyncio.to_thread(os.path.lexists, path):
            await self._delete(self._set_aside_path(thread_id))
            await asyncio.to_thread(path.rename, self._set_aside_path(thread_id))
        await asyncio.to_thread(unfinished.rename, path)

    async def _was_pushed(self, remote: Remote, repository_id: int, branch: str, head: str) -> bool:
        """Whether the branch on GitHub builds on `head`: then it was pushed before, and somebody went on from there."""
        async with self._exclusively(repository_id) as mirror:
            await mirror.fetch(remote)
            there = await mirror.commit_at(f"refs/heads/{branch}")
            return there is not None and await mirror.builds_on(there, head)

    @contextmanager
    def _bundle_file(self) -> Iterator[int]:
        """A nameless file of our own, on the data folder's disk; its descriptor is all that the agent's side gets."""
        self._home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._home.parent) as file:
            yield file.fileno()

    async def _delete(self, folder: Path) -> None:
        if not await asyncio.to_thread(os.path.lexists, folder):
            return
        try:
            await asyncio.to_thread(shutil.rmtree, folder)
        except PermissionError:  # folders made read-only, as some package caches are
            await self._run_inside(("chmod", "-R", "u+rwX", "."), cwd=folder, env={"PATH": os.defpath})
            await asyncio.to_thread(shutil.rmtree, folder)

    def _exclusively(self, repository_id: int) -> AbstractAsyncContextManager[Mirror]:
        self._home.mkdir(parents=True, exist_ok=True)
        return exclusively(self._mirror_path(repository_id), self._home, self._network_env)

    def _mirror(self, repository_id: int) -> Mirror:
        return Mirror(self._mirror_path(repository_id), self._home, self._network_env)

    def _agent_side(self, repository_id: int, thread_id: int) -> AgentSide:
        return AgentSide(self._clone_path(thread_id), self._mirror_path(repository_id), self._run_inside)

    @property
    def _home(self) -> Path:
        return self._root / "git" / "home"

    def _mirror_path(self, repository_id: int) -> Path:
        return self._root / "mirrors" / f"{repository_id:d}.git"

    def _clone_path(self, thread_id: int) -> Path:
        return self._root / "clones" / f"{thread_id:d}"

    def _set_aside_path(self, thread_id: int) -> Path:
        return self._root / "clones" / f"{thread_id:d}.broken"


def _pushed(thread_id: int) -> str:
    return f"refs/ove/threads/{thread_id:d}/pushed"


def _pull_head(number: int) -> str:
    return f"refs/ove/pulls/{number:d}"


def _pull_taken(thread_id: int) -> str:
    return f"refs/ove/threads/{thread_id:d}/pull"


def _collected(thread_id: int) -> str:
    return f"refs/ove/threads/{thread_id:d}/head"


async def _what_is_known(mirror: Mirror, thread_id: int, base_branch: str, branch: str, pull: int | None) -> _Known:
    base, ours, theirs = f"refs/heads/{base_branch}", f"refs/heads/{branch}", _pull_head(pull or 0)
    pushed, collected, taken = _pushed(thread_id), _collected(thread_id), _pull_taken(thread_id)
    tips = await mirror.tips(base, ours, pushed, collected, theirs, taken)
    if base not in tips:
        raise BranchMissing(base_branch) if await mirror.has_branches() else EmptyRepository("there are no commits yet")
    return _Known(tips[base], *(tips.get(ref) for ref in (ours, pushed, collected, theirs, taken)))


async def _start(mirror: Mirror, known: _Known) -> str:
    """Where a new clone begins: what was not pushed yet, its branch, the pull request, or the base branch."""
    unpushed = known.collected if known.collected != known.pushed else None
    if known.remote_head is None:
        return unpushed or known.pull_head or known.base_tip
    if unpushed and await mirror.builds_on(unpushed, known.remote_head):
        return unpushed
    return known.remote_head


async def _follow(side: AgentSide, branch: str, known: _Known) -> bool:
    if known.remote_head is None:
        if known.pull_head is not None:
            await agent_side.follow(side, branch=branch, remote_head=known.pull_head, pushed=known.pull_taken)
        return True  # with work of its own it stays where it is: there is no `origin/<branch>` to be merged
    return await agent_side.follow(side, branch=branch, remote_head=known.remote_head, pushed=known.pushed)


async def _take(mirror: Mirror, thread_id: int, bundle: int, known: _Known) -> str:
    """Take in what a bundle brings, look whether it builds on what it has to, and only then call it the head."""
    head = await mirror.take_bundle(bundle)
    if known.pushed:
        related = await mirror.builds_on(head, known.pushed)
    else:
        related = await mirror.merge_base(head, known.base_tip) is not None
    if not related:
        raise UnexpectedHistory(known.pushed or known.base_tip, head)
    await mirror.note(_collected(thread_id), head)
    return head
