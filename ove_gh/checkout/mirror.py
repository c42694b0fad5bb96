"""The service's bare mirror of one repository: the only place that talks to GitHub, and the only one that gets a token.

Its refs are its memory. `refs/heads` and `refs/tags` are GitHub's, as last seen. For each thread,
`refs/ove/threads/<id>/pushed` is the commit that GitHub has of the task's branch (absent until it has one), and
`…/head` the commit that was last collected from the clone, `…/pull` what the clone has of a fork's pull request, whose
newest commit is `refs/ove/pulls/<number>`. Nothing is ever pruned or repacked away here, because the clones borrow its
objects (https://git-scm.com/docs/git-clone#Documentation/git-clone.txt---shared).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ove_gh.checkout.errors import (
    AgentSideFailed,
    GitFailed,
    PushRejected,
    Rejection,
    RemoteUnavailable,
    push_failure,
    remote_failure,
)
from ove_gh.checkout.git import Completed, environment, run

LOCAL_SECONDS = 120.0
NETWORK_SECONDS = 1800.0
_COMMITS_LISTED = 250
_SHA = re.compile(r"[0-9a-f]{40}")
_BUNDLE = re.compile(
    rb"# v2 git bundle\n"
    rb"(?:-[0-9a-f]{40} [^\n]*\n)*"  # what it builds on
    rb"(?P<head>[0-9a-f]{40}) HEAD\n"
    rb"\n(?=PACK)"
)
_LONGEST_HEADER_BYTES = 1024 * 1024
_LARGEST_BUNDLE_BYTES = 2 * 1024**3  # GitHub refuses a push above 2 GiB


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository on the server: its https address, and how to get a token. The token is asked for per command."""

    url: str
    token: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its id, and its message's first line and the rest."""

    sha: str
    subject: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What lies between two commits. `commits` runs from old to new and ends after 250; the numbers count lines."""

    base: str
    head: str
    commits: tuple[Commit, ...]
    files_changed: int
    insertions: int
    deletions: int


@asynccontextmanager
async def exclusively(path: Path, home: Path, network_env: Mapping[str, str]) -> AsyncIterator[Mirror]:
    """Hold the mirror at `path` alone, also against other processes; make it when it is missing, mend what is torn.

    The lock is inherited by the git commands run under it. When the service is killed, a git that lives on keeps the
    mirror locked until it ends, and only then does the next holder clear away what was left half done.
    """
    descriptor = _open_lock(path)
    try:
        while not _locked(descriptor):  # noqa: ASYNC110  what frees it may be another process: no event tells us
            await asyncio.sleep(0.02)
        mirror = Mirror(path, home, network_env, held=(descriptor,))
        await _to_its_end(asyncio.create_task(asyncio.to_thread(_mend, path)))
        if not await asyncio.to_thread(path.exists):
            await _create(mirror)
        yield mirror
    finally:
        os.close(descriptor)


async def _to_its_end(work: asyncio.Task[None]) -> None:
    """Wait for work in a thread even when cancelled: it must not go on after the lock is let go."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise


def _open_lock(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mend(path: Path) -> None:
    """Remove what an interrupted git leaves: lock files, and packs that were still being written."""
    shutil.rmtree(_unfinished(path), ignore_errors=True)
    for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/pack/.tmp-*"):
        for leftover in path.glob(pattern):
            leftover.unlink(missing_ok=True)
    for quarantine in path.glob("objects/tmp_objdir-*"):
        shutil.rmtree(quarantine, ignore_errors=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.making")


async def _create(mirror: Mirror) -> None:
    unfinished = _unfinished(mirror.path)
    await mirror.git("init", "--bare", "--quiet", "--template=", str(unfinished), at=mirror.path.parent)
    await asyncio.to_thread(unfinished.rename, mirror.path)


@dataclass(frozen=True, slots=True)
class Mirror:
    """One mirror. What writes to it is called under `exclusively`, what only reads may be called at any time."""

    path: Path
    home: Path
    network_env: Mapping[str, str]
    held: tuple[int, ...] = ()

    async def fetch(self, remote: Remote, *more: str) -> None:
        """Bring branches, tags and what `more` refspecs name up to date; raises RemoteDenied, RemoteUnavailable."""
        arguments = ("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--refmap=")
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", *more)
        done = await self._talk(remote, *arguments, "--", remote.url, *refs)
        if done.code:
            raise remote_failure(done.complaint) or GitFailed("git fetch", done.code, done.complaint)

    async def push(self, remote: Remote, head: str, branch: str) -> None:
        """Make the server's branch be `head`, never by force. That it already is counts as done.

        Raises PushRejected, RemoteDenied, RemoteUnavailable.
        """
        refspec = f"{_commit_id(head)}:refs/heads/{branch}"
        done = await self._talk(remote, "push", "--porcelain", "--no-verify", "--", remote.url, refspec)
        if done.code:
            failure = push_failure(done.text, done.complaint)
            raise failure or GitFailed("git push", done.code, done.complaint)

    async def is_branch_name(self, name: str) -> bool:
        """Whether git accepts this as a branch's name, and no command could take it for an option."""
        return (
            not name.startswith("-")
            and (await self.git("check-ref-format", f"refs/heads/{name}", codes=(0, 1))).code == 0
        )

    async def commit_at(self, ref: str) -> str | None:
        """The commit that a full ref name or an id stands for; None when there is none."""
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        done = await self.git(*arguments, codes=(0, 1, 128))
        return done.text if done.code == 0 else None

    async def tips(self, *refs: str) -> dict[str, str]:
        """The commits that full names of branches, or of our own refs, stand for; those that are not there are not."""
        done = await self.git("for-each-ref", "--format=%(objectname) %(refname)", *refs)
        found = (line.partition(" ") for line in done.text.splitlines())
        return {ref: sha for sha, _, ref in found if ref in refs}  # a pattern also finds what lies below it

    async def has_branches(self) -> bool:
        """Whether the server has shown any branch."""
        return bool((await self.git("for-each-ref", "--count=1", "refs/heads")).stdout)

    async def builds_on(self, head: str, ancestor: str) -> bool:
        """Whether `ancestor` is `head` or among what led to it."""
        return (await self.git("merge-base", "--is-ancestor", ancestor, head, codes=(0, 1))).code == 0

    async def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, or None when the two share no history."""
        return (await self.git("merge-base", one, other, codes=(0, 1))).text or None

    async def note(self, ref: str, sha: str) -> None:
        """Set a full ref name to a commit."""
        await self.git("update-ref", ref, sha)

    async def forget(self, ref: str) -> None:
        """Delete a full ref name; one that is not there is fine."""
        await self.git("update-ref", "-d", ref)

    async def take_bundle(self, bundle: int) -> str:
        """Take in the objects of a bundle from the agent's side, given as an open file; returns the id of its HEAD.

        Every object is checked, and whatever HEAD needs must be there; raises AgentSideFailed when it is not. No ref is
        touched. `git fetch` would read a bundle as well, but checks the objects in one only from git 2.46 on.
        """
        head = await asyncio.to_thread(_open_bundle, bundle)
        try:
            limit = f"--max-input-size={_LARGEST_BUNDLE_BYTES}"
            await self.git(
                "index-pack", "--stdin", "--fix-thin", "--strict", limit, stdin=bundle, seconds=NETWORK_SECONDS
            )
            await self.git("rev-list", "--objects", "--quiet", f"{head}^{{commit}}", "--not", "--all")
        except GitFailed as failure:
            raise AgentSideFailed("git bundle", failure.detail) from failure
        return head

    async def changes(self, base: str, head: str, without: tuple[str, ...] = ()) -> Changes:
        """What `head` brings over `base` and, for the list of commits, over those in `without` as well."""
        commits = await self._commits(head, (base, *without))
        stat = (await self.git("diff", "--shortstat", "--no-ext-diff", "--no-textconv", base, head, "--")).text
        return Changes(base, head, commits, *(_number_before(word, stat) for word in ("file", "insertion", "deletion")))

    async def paths(self, head: str, base_tip: str, there: tuple[str, ...]) -> tuple[str, ...]:
        """The files that `head` has otherwise than its base branch, as a pull request would show it.

        Left out are those that one of the commits in `there` has changed to the same. A file that was changed and then
        taken back is none of them, and one that a merge of the base branch leaves as it was before is.
        """
        changed = await self._changed(await self.merge_base(head, base_tip) or base_tip, head)
        for tip in dict.fromkeys(there):
            theirs = await self._changed(await self.merge_base(tip, base_tip) or base_tip, tip)
            if both := changed & theirs:
                changed -= both - await self._changed(tip, head)
        return tuple(sorted(changed))

    async def _changed(self, before: str, after: str) -> set[str]:
        """The files in which two commits differ; a renamed file is there with both names."""
        done = await self.git("diff-tree", "-r", "-z", "--no-renames", "--name-only", before, after, "--")
        return {name for name in done.stdout.decode(errors="replace").split("\0") if name}

    async def _commits(self, head: str, without: tuple[str, ...]) -> tuple[Commit, ...]:
        options = ("-z", "--topo-order", f"--max-count={_COMMITS_LISTED}", "--format=%H%n%B")
        done = await self.git("log", *options, head, "--not", *without, "--")
        records = done.stdout.decode(errors="replace").split("\0")
        return tuple(_commit(record) for record in reversed(records) if _SHA.fullmatch(record[:40]))

    async def git(
        self,
        *arguments: str,
        codes: tuple[int, ...] = (0,),
        stdin: int | None = None,
        seconds: float = LOCAL_SECONDS,
        at: Path | None = None,
    ) -> Completed:
        """Run git here, without the network; raises GitFailed for an exit code that is not in `codes`."""
        env, cwd = environment(self.home), at or self.path
        try:
            async with asyncio.timeout(seconds):
                done = await run(("git", *arguments), cwd=cwd, env=env, stdin=stdin, keep_open=self.held)
        except TimeoutError as late:
            raise GitFailed(f"git {arguments[0]}", -1, f"no end after {seconds:.0f} s") from late
        if done.code not in codes:
            raise GitFailed(f"git {arguments[0]}", done.code, done.complaint)
        return done

    async def _talk(self, remote: Remote, *arguments: str) -> Completed:
        """Run git here with the network and a token.

        The token travels in the environment of this one command and reaches the server through a credential helper
        that answers for the server's own address alone. A fixed `http.extraHeader` would be simpler, but after a
        redirect git sends it to the new host as well; a helper is asked again, and has no answer there, while a renamed
        repository on the same server is still found. `proactiveAuth` (git 2.46) spares the anonymous first request.
        """
        server, scheme = _server(remote.url)
        config = (
            (f"credential.{server}.helper", _CREDENTIAL_HELPER),
            (f"http.{server}/.proactiveAuth", "basic"),
            ("http.followRedirects", "initial"),
            ("http.lowSpeedLimit", "1000"),
            ("http.lowSpeedTime", "60"),
        )
        env = {**self.network_env, **environment(self.home, config, protocols=scheme)}
        env["OVE_GIT_TOKEN"] = await remote.token()
        try:
            async with asyncio.timeout(NETWORK_SECONDS):
                return await run(("git", *arguments), cwd=self.path, env=env, keep_open=self.held)
        except TimeoutError as late:
            raise RemoteUnavailable(f"no end after {NETWORK_SECONDS:.0f} s") from late


_CREDENTIAL_HELPER = (
    """!f() { test "$1" = get && printf 'username=x-access-token\\npassword=%s\\n' "$OVE_GIT_TOKEN"; }; f"""
)


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("a remote is an http or https address without a user")
    return f"{parts.scheme}://{parts.netloc}", parts.scheme


def _commit_id(value: str) -> str:
    if not _SHA.fullmatch(value):
        raise ValueError(f"{value!r} is not a commit's full id")
    return value


def refuse_default_branch(branch: str, default_branch: str) -> None:
    """Raise PushRejected when the branch is the default one: what is there, people merge."""
    if branch == default_branch:
        raise PushRejected(Rejection.DEFAULT_BRANCH, f"{branch} is the default branch")


def _open_bundle(bundle: int) -> str:
    """Read a bundle's header and leave the file where its pack begins; gives the commit id of HEAD.

    Only the plain form that we ask for is taken: the second version, with no ref but HEAD. A third version may declare
    that objects are missing on purpose (https://git-scm.com/docs/gitformat-bundle).
    """
    os.lseek(bundle, 0, os.SEEK_SET)
    header = _BUNDLE.match(os.read(bundle, _LONGEST_HEADER_BYTES))
    if header is None:
        raise AgentSideFailed("git bundle", "what came is no bundle of one HEAD")
    os.lseek(bundle, header.end(), os.SEEK_SET)
    return header["head"].decode()


def _commit(record: str) -> Commit:
    sha, _, message = record.partition("\n")
    subject, _, body = message.strip().partition("\n")
    return Commit(sha, subject.strip(), body.strip())


def _number_before(word: str, shortstat: str) -> int:
    found = re.search(rf"(\d+) {word}", shortstat)
    return int(found.group(1)) if found else 0
