"""What a turn leaves undone in the clone: operations that stand half-way, and changes that were not committed."""

from __future__ import annotations

import os

from ove_gh.agent import Identity
from ove_gh.checkout.clone import AgentSide, author_env, co_author_line
from ove_gh.checkout.errors import AgentSideFailed

LARGEST_FILE_BYTES = 95 * 1024 * 1024
"""GitHub refuses files above 100 MiB: https://docs.github.com/repositories/working-with-files/managing-large-files"""
_MOST_LEFT_OUT = 500
_ANY_CODE = tuple(range(256))

_LIST_UNFINISHED = """
cd "$(git rev-parse --git-dir)" || exit 1
ls -d rebase-apply/applying rebase-apply rebase-merge MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD BISECT_LOG 2>/dev/null
exit 0
"""
_COMMANDS = {
    "rebase-apply/applying": "am",
    "rebase-apply": "rebase",
    "rebase-merge": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


async def settle(side: AgentSide, author: Identity) -> str | None:
    """End what stands half-way: finish it where nothing is in conflict, undo it otherwise.

    Gives the name of the operation that was undone ("merge", "rebase", …), or None. A merge, cherry-pick or revert
    without conflicts is left to be finished by the commit that follows.
    """
    found = await _unfinished(side)
    if "BISECT_LOG" in found:
        await side.git("bisect", "reset", codes=_ANY_CODE)
    operation = next((_COMMANDS[name] for name in _COMMANDS if name in found), None)
    if operation is None:
        return None
    in_conflict = bool((await side.git("ls-files", "--unmerged")).stdout)
    if not in_conflict and operation in {"merge", "cherry-pick", "revert"}:
        return None
    if not in_conflict:
        finished = await side.git(operation, "--continue", codes=_ANY_CODE, env=author_env(author))
        if finished.code == 0:
            return None
    await side.git(operation, "--abort", codes=_ANY_CODE)
    return operation


async def commit(side: AgentSide, *, author: Identity, co_author: Identity | None, message: str) -> tuple[str, ...]:
    """Commit what is uncommitted and not ignored; gives the paths that were left out.

    Left out are files above 95 MiB, which GitHub would refuse together with everything else, and repositories inside
    the repository, which would become empty links.
    """
    skip = (*await _nested_repositories(side), *await _too_large(side))
    await _stage(side, skip)
    unfinished = await _unfinished(side)
    if "MERGE_HEAD" in unfinished or not await side.holds("diff", "--cached", "--quiet", "--no-ext-diff"):
        words = ["--no-edit"] if unfinished else ["--cleanup=whitespace", "-m", message]
        if co_author and not unfinished:
            words.append(f"--trailer=Co-authored-by: {co_author_line(co_author)}")
        await side.git("commit", "--quiet", "--no-verify", *words, env=author_env(author))
    for sequence in ("cherry-pick", "revert"):
        await side.git(sequence, "--quit", codes=_ANY_CODE)
    return tuple(os.fsencode(path).decode(errors="replace") for path in skip)


async def _unfinished(side: AgentSide) -> list[str]:
    return (await side.command("sh", "-c", _LIST_UNFINISHED)).text.split()


async def _stage(side: AgentSide, skip: tuple[str, ...]) -> None:
    if len(skip) > _MOST_LEFT_OUT:
        raise AgentSideFailed("git add", f"{len(skip)} files are too large or repositories of their own")
    excluded = [f":(exclude,top,literal){path}" for path in skip]
    await side.git("add", "--all", "--ignore-errors", "--", ".", *excluded, codes=(0, 1))
    if skip:
        await side.git("--literal-pathspecs", "reset", "--quiet", "--", *skip)


async def _nested_repositories(side: AgentSide) -> tuple[str, ...]:
    """git lists an untracked folder that is a repository of its own by its name alone, with a slash at the end."""
    untracked = (await side.git("ls-files", "-z", "--others", "--exclude-standard")).paths
    return tuple(path for path in untracked if path.endswith("/"))


async def _too_large(side: AgentSide) -> tuple[str, ...]:
    above = ("-type", "f", "-size", f"+{LARGEST_FILE_BYTES}c")
    found = await side.command("find", ".", "-name", ".git", "-prune", "-o", *above, "-print0", codes=(0, 1))
    large = [path.removeprefix("./") for path in found.paths][: _MOST_LEFT_OUT + 1]
    if not large:
        return ()
    literal = "--literal-pathspecs"
    unstaged = await side.git(literal, "ls-files", "-z", "--others", "--modified", "--exclude-standard", "--", *large)
    staged = await side.git(literal, "diff", "--cached", "--name-only", "-z", "--no-ext-diff", "--", *large)
    return tuple(sorted({*unstaged.paths, *staged.paths}))
