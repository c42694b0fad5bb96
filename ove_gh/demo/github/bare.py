"""Real bare git repositories: what a hosting service does with them, by running git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

ZERO = "0" * 40
"""What stands for “no commit” before a ref's birth and after its end."""

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_LOG_FORMAT = "--format=%x1e%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B%x1f"

_CONFIG = f"""
[core]
\thooksPath = {os.devnull}
[http]
\treceivepack = true
[receive]
\thideRefs = refs/pull
\tautogc = false
[uploadpack]
\tallowReachableSHA1InWant = true
\tallowFilter = true
[gc]
\tauto = 0
"""


class GitFailed(RuntimeError):
    """A git command of the simulated GitHub ended with an error; `code` and `stderr` say how."""

    def __init__(self, arguments: tuple[str, ...], code: int, stderr: str) -> None:
        super().__init__(f"git {' '.join(arguments)} ended with {code}: {stderr.strip()}")
        self.code = code
        self.stderr = stderr


class MergeConflict(RuntimeError):
    """Two commits cannot be merged without a person."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who wrote a commit, and when."""

    name: str
    email: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. `added`, `modified` and `removed` are paths against its first parent."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a diff, as the REST API counts it. `patch` is empty for binary files."""

    path: str
    previous_path: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One line of a directory: `kind` is blob, tree or commit."""

    path: str
    mode: str
    kind: str
    sha: str
    size: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`base...head`: the commits that head has and base has not, oldest first, and what they change."""

    base: str
    head: str
    merge_base: str
    behind_by: int
    commits: tuple[Commit, ...]
    files: tuple[FileChange, ...]


@cache
def git_program() -> str:
    """Where git is; raises FileNotFoundError when it is not installed."""
    found = shutil.which("git")
    if found is None:
        raise FileNotFoundError("git is not installed, or not on PATH")
    return found


def git_environment(home: Path) -> dict[str, str]:
    """An environment made from nothing, so that no setting of the machine or its user reaches the simulated GitHub."""
    return {
        "PATH": os.pathsep.join((str(Path(git_program()).parent), os.defpath)),
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


class BareRepository:
    """A bare repository on disk. Its calls block for some milliseconds each: that makes every deed on GitHub atomic."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._comparisons: dict[tuple[str, str], Comparison] = {}
        self._differences: dict[tuple[str, str], tuple[FileChange, ...]] = {}

    def create(self, default_branch: str) -> None:
        """Make it, empty, with everything off that a host must not run or allow."""
        self.path.mkdir(parents=True)
        self.git("init", "--bare", "--quiet", "--template=", f"--initial-branch={default_branch}")
        with (self.path / "config").open("a") as config:
            config.write(_CONFIG)

    def git(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        """Run git here and return what it printed; raises GitFailed."""
        done = subprocess.run(  # the arguments are ours; refs in them are always spelled out or preceded by `--`
            [git_program(), *arguments],
            cwd=self.path,
            env=git_environment(self.path) | dict(extra or {}),
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise GitFailed(arguments, done.returncode, done.stderr.decode(errors="replace"))
        return done.stdout

    def refs(self) -> dict[str, str]:
        """Branches and tags: full ref name → commit (or tag object)."""
        lines = self.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags").decode()
        return {ref: sha for sha, _, ref in (line.partition(" ") for line in lines.splitlines())}

    def branches(self) -> dict[str, str]:
        """Branch name → commit, in alphabetical order."""
        heads = "refs/heads/"
        return {ref.removeprefix(heads): sha for ref, sha in self.refs().items() if ref.startswith(heads)}

    def branch(self, name: str) -> str | None:
        """The commit at a branch's tip, or None when there is no such branch."""
        return self.branches().get(name)

    def resolve(self, name: str) -> str | None:
        """The commit that a branch, tag or full or shortened id names, or None."""
        refs = self.refs()
        for ref in (name, f"refs/{name}", f"refs/heads/{name}", f"refs/tags/{name}"):
            if ref in refs:
                return self._commit_of(refs[ref])
        is_id = 4 <= len(name) <= 40 and all(letter in "0123456789abcdef" for letter in name)
        return self._commit_of(name) if is_id else None

    def _commit_of(self, object_id: str) -> str | None:
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{object_id}^{{commit}}").decode().strip()
        except GitFailed:
            return None

    def commit(
        self, branch: str, files: Mapping[str, str | bytes | None], message: str, by: Signature, *, start: str = ""
    ) -> str:
        """Commit `files` (path → content, None deletes) to a branch (a new one begins at `start`); returns the id."""
        text = message.encode()
        who = f"{by.name} <{by.email}> {int(by.at.timestamp())} +0000"
        head = f"commit refs/heads/{branch}\nauthor {who}\ncommitter {who}\ndata {len(text)}\n"
        stream = [head.encode(), text, b"\n"]
        if parent := self.branch(branch) or start:
            stream.append(f"from {parent}\n".encode())
        for path, content in files.items():
            stream += _fast_import_file(path, content)
        self.git("fast-import", "--quiet", "--done", stdin=b"".join([*stream, b"done\n"]))
        return self.branches()[branch]

    def set_ref(self, ref: str, sha: str) -> None:
        """Point a ref (spelled out in full) at a commit."""
        self.git("update-ref", ref, sha)

    def delete_ref(self, ref: str) -> None:
        """Remove a ref (spelled out in full)."""
        self.git("update-ref", "-d", ref)

    def fetch(self, other: BareRepository, branch: str) -> str | None:
        """Bring a branch of another repository here, under no name; returns its tip, or None when there is none."""
        tip = other.branch(branch)
        if tip is not None:
            self.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(other.path), f"refs/heads/{branch}")
        return tip

    def copy_branches(self, other: BareRepository) -> None:
        """Bring all branches of another repository here."""
        self.git("fetch", "--quiet", "--no-write-fetch-head", str(other.path), "refs/heads/*:refs/heads/*")

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, or None for unrelated histories."""
        try:
            return self.git("merge-base", one, other).decode().split("\n")[0]
        except GitFailed as failure:
            if failure.code == 1:
                return None
            raise

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`."""
        return self.merge_base(older, newer) == older

    def merged_tree(self, base: str, head: str) -> str:
        """The tree of a merge that touches nothing; raises MergeConflict."""
        try:
            return self.git("merge-tree", "--write-tree", base, head).decode().split("\n")[0]
        except GitFailed as failure:
            if failure.code == 1:
                raise MergeConflict(f"{head} does not merge into {base}") from failure
            raise

    def merge(self, branch: str, head: str, message: str, author: Signature, committer: Signature) -> str:
        """Merge `head` into a branch with a merge commit; returns its id; raises MergeConflict."""
        base = self.branches()[branch]
        tree = self.merged_tree(base, head)
        written = self.git(
            "commit-tree",
            tree,
            "-p",
            base,
            "-p",
            head,
            "-F",
            "-",
            stdin=message.encode(),
            extra=_identity(author, committer),
        )
        sha = written.decode().strip()
        self.set_ref(f"refs/heads/{branch}", sha)
        return sha

    def log(self, *revisions: str, limit: int = 250) -> tuple[Commit, ...]:
        """Commits, newest first; `revisions` are ids, or `^id` to leave out what that one contains."""
        printed = self.git(
            "log",
            f"--max-count={limit}",
            _LOG_FORMAT,
            "--name-status",
            "--no-renames",
            "--diff-merges=first-parent",
            "-z",
            *revisions,
            "--",
        )
        return tuple(_read_commit(record) for record in printed.decode(errors="replace").split("\x1e")[1:])

    def commits_between(self, base: str, head: str, limit: int = 250) -> tuple[Commit, ...]:
        """What head has and base has not, oldest first; everything up to head when base is ZERO."""
        excluded = () if base == ZERO else (f"^{base}",)
        ids = self.git("rev-list", "--reverse", "--topo-order", head, *excluded, "--").decode().split()[:limit]
        if not ids:
            return ()
        printed = self.git(
            "log",
            "--no-walk=unsorted",
            _LOG_FORMAT,
            "--name-status",
            "--no-renames",
            "--diff-merges=first-parent",
            "-z",
            *ids,
            "--",
        )
        return tuple(_read_commit(record) for record in printed.decode(errors="replace").split("\x1e")[1:])

    def compare(self, base: str, head: str) -> Comparison:
        """`base...head` for two ids, kept since ids never change meaning; raises GitFailed for unrelated histories."""
        if (base, head) not in self._comparisons:
            self._comparisons[base, head] = self._compare(base, head)
        return self._comparisons[base, head]

    def _compare(self, base: str, head: str) -> Comparison:
        merge_base = self.merge_base(base, head)
        if merge_base is None:
            raise GitFailed(("merge-base", base, head), 1, "no common ancestor")
        behind = int(self.git("rev-list", "--count", f"{head}..{base}", "--"))
        return Comparison(
            base, head, merge_base, behind, self.commits_between(base, head), self._files(merge_base, head)
        )

    def _files(self, old: str, new: str) -> tuple[FileChange, ...]:
        counted = self.git("diff", "--raw", "--numstat", "--abbrev=40", "-M", "-z", old, new, "--").decode(
            errors="replace"
        )
        patches = self.git("diff", "--patch", "-M", old, new, "--").decode(errors="replace")
        hunks = [_hunks(part) for part in f"\n{patches}".split("\ndiff --git ")[1:]]
        return tuple(
            FileChange(*change, patch=patch) for change, patch in zip(_read_counts(counted), hunks, strict=True)
        )

    def differences(self, old: str, new: str) -> tuple[FileChange, ...]:
        """What differs between two commits, whichever came first; kept, since ids never change meaning."""
        if (old, new) not in self._differences:
            self._differences[old, new] = self._files(old, new)
        return self._differences[old, new]

    def changes(self, commit: str) -> tuple[FileChange, ...]:
        """What one commit changes against its first parent."""
        parents = self.log(commit, limit=1)[0].parents
        return self._files(parents[0] if parents else _EMPTY_TREE, commit)

    def diff(self, base: str, head: str) -> str:
        """The patch from the merge base to head, as a pull request shows it."""
        old = self.merge_base(base, head) or _EMPTY_TREE
        return self.git("diff", old, head, "--").decode(errors="replace")

    def grep(self, commit: str, words: Sequence[str]) -> tuple[str, ...]:
        """The paths of the text files at a commit that hold every one of these words, in whichever case."""
        patterns = [part for word in words for part in ("-e", word)]
        try:
            printed = self.git("grep", "-Ilzwi", "--fixed-strings", "--all-match", *patterns, commit, "--")
        except GitFailed as failure:
            if failure.code == 1:
                return ()
            raise
        return tuple(name.partition(":")[2] for name in printed.decode(errors="replace").split("\0") if name)

    def paths(self, commit: str) -> tuple[str, ...]:
        """The paths of all files at a commit."""
        printed = self.git("ls-tree", "-r", "-z", "--name-only", commit).decode(errors="replace")
        return tuple(name for name in printed.split("\0") if name)

    def tree(self, commit: str, path: str) -> tuple[TreeEntry, ...] | None:
        """The entries of a directory (`""` is the root), or None when it is not one."""
        try:
            printed = self.git("ls-tree", "-l", "-z", f"{commit}:{path.strip('/')}").decode(errors="replace")
        except GitFailed:
            return None
        prefix = f"{path.strip('/')}/" if path.strip("/") else ""
        return tuple(_read_entry(line, prefix) for line in printed.split("\0") if line)

    def blob(self, commit: str, path: str) -> tuple[str, bytes] | None:
        """A file's blob id and content, or None when there is no such file."""
        try:
            sha = self.git("rev-parse", "--verify", "--quiet", f"{commit}:{path.strip('/')}").decode().strip()
            return sha, self.git("cat-file", "blob", sha)
        except GitFailed:
            return None


def _fast_import_file(path: str, content: str | bytes | None) -> list[bytes]:
    quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if content is None:
        return [f"D {quoted}\n".encode()]
    data = content.encode() if isinstance(content, str) else content
    return [f"M 100644 inline {quoted}\ndata {len(data)}\n".encode(), data, b"\n"]


def _identity(author: Signature, committer: Signature) -> dict[str, str]:
    return {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": f"{int(author.at.timestamp())} +0000",
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": f"{int(committer.at.timestamp())} +0000",
    }


def _read_commit(record: str) -> Commit:
    sha, tree, parents, a_name, a_mail, a_at, c_name, c_mail, c_at, message, paths = record.split("\x1f")
    changed: dict[str, list[str]] = {"A": [], "M": [], "D": []}
    fields = [field for field in paths.strip("\n\0").split("\0") if field]
    for status, path in zip(fields[::2], fields[1::2], strict=True):
        changed.setdefault(status.strip()[:1], []).append(path)
    return Commit(
        sha=sha,
        tree=tree,
        parents=tuple(parents.split()),
        author=Signature(a_name, a_mail, datetime.fromisoformat(a_at)),
        committer=Signature(c_name, c_mail, datetime.fromisoformat(c_at)),
        message=message.rstrip("\n"),
        added=tuple(changed["A"]),
        modified=tuple(changed["M"] + changed.get("T", [])),
        removed=tuple(changed["D"]),
    )


_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


def _read_counts(printed: str) -> list[tuple[str, str | None, str, str, int, int]]:
    """Join the two lists that `git diff --raw --numstat -z` prints one after the other."""
    fields = iter(printed.split("\0"))
    raw: list[tuple[str, str | None, str, str]] = []
    counts: list[tuple[int, int]] = []
    for field in fields:
        if field.startswith(":"):
            _, _, old_sha, new_sha, letter = field.split(" ")
            previous = next(fields) if letter[0] in "RC" else None
            path = next(fields)
            raw.append((path, previous, _STATUS[letter[0]], old_sha if letter[0] == "D" else new_sha))
        elif field:
            added, deleted, path = field.split("\t", 2)
            if not path:
                next(fields), next(fields)  # a rename's old and new name follow
            counts.append((_count(added), _count(deleted)))
    return [(*entry, *numbers) for entry, numbers in zip(raw, counts, strict=True)]


def _count(text: str) -> int:
    return 0 if text == "-" else int(text)


def _hunks(patch_of_file: str) -> str:
    _, found, hunks = patch_of_file.partition("\n@@ ")
    return f"@@ {hunks}".rstrip("\n") if found else ""


def _read_entry(line: str, prefix: str) -> TreeEntry:
    facts, _, name = line.partition("\t")
    mode, kind, sha, size = facts.split()
    return TreeEntry(prefix + name, mode, kind, sha, _count(size))
