"""What the tests of checkouts share: a server with one repository, a service's folder, and an agent that uses git."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ove_gh.agent import Identity
from ove_gh.checkout import Checkouts, Clone, Collected, Completed, Remote, run
from tests.checkout.git_server import TOKEN, GitServer, serving

BOT = Identity("ove[bot]", "41+ove[bot]@users.noreply.github.com")
ALICE = Identity("Alice", "7+alice@users.noreply.github.com")
REPOSITORY = 77


def git(*arguments: str, cwd: Path, check: bool = True, **env: str) -> str:
    """Run git as some person or the agent would, and give what it printed."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(cwd.parent),
        "LC_ALL": "C",
        **env,
    }
    done = subprocess.run(["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"git {arguments}: {done.stderr}")
    return done.stdout.strip()


@dataclass
class Inside:
    """Stands for the agent's walls: marks what runs within them, and remembers it."""

    commands: list[tuple[str, ...]] = field(default_factory=list)

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        reads: Sequence[Path] = (),
        stdout: int | None = None,
    ) -> Completed:
        self.commands.append(tuple(argv))
        return await run(argv, cwd=cwd, env={**env, "OVE_INSIDE": "yes"}, reads=reads, stdout=stdout)


@dataclass
class World:
    """One server, one repository on it (`origin`, its bare folder), and the service's checkouts."""

    server: GitServer
    origin: Path
    root: Path
    inside: Inside
    checkouts: Checkouts

    @property
    def clone(self) -> Clone:
        """The clone of thread 1 in a `started` world, as `prepare` gave it."""
        main = self.on_github("main")
        return Clone(self.root / "clones" / "1", REPOSITORY, 1, "main", "ove/12-empty-cart", main, main)

    def remote(self, url: str | None = None, token: str = TOKEN) -> Remote:
        async def give() -> str:
            return token

        return Remote(url or self.server.url(), give)

    async def prepare(
        self,
        thread: int = 1,
        *,
        branch: str = "ove/12-empty-cart",
        base: str = "main",
        co_author: Identity | None = ALICE,
    ) -> Clone:
        return await self.checkouts.prepare(
            self.remote(), REPOSITORY, thread, base_branch=base, branch=branch, author=BOT, co_author=co_author
        )

    async def collect(self, clone: Clone) -> Collected | None:
        return await self.checkouts.collect(clone, author=BOT, co_author=ALICE, leftover_message="Work in progress")

    async def collected(self, clone: Clone) -> Collected:
        result = await self.collect(clone)
        assert result is not None
        return result

    async def push(self, clone: Clone, head: str, *, default: str = "main") -> None:
        await self.checkouts.push(
            self.remote(), REPOSITORY, clone.thread_id, head=head, branch=clone.branch, default_branch=default
        )

    def mirror_refs(self) -> str:
        return git("for-each-ref", "--format=%(refname) %(objectname)", cwd=self.root / "mirrors" / f"{REPOSITORY}.git")

    def on_github(self, branch: str) -> str:
        return git("rev-parse", "--verify", f"refs/heads/{branch}", cwd=self.origin)

    def somebody_pushes(self, branch: str, path: str, text: str) -> str:
        """A person's commit on a branch of the server, made from what the branch, or main, has there."""
        folder = self.origin.parent / f"person-{len(list(self.origin.parent.iterdir()))}"
        exists = git("rev-parse", "--verify", "-q", f"refs/heads/{branch}", cwd=self.origin, check=False)
        git("clone", "--quiet", "--branch", branch if exists else "main", str(self.origin), str(folder), cwd=self.root)
        git("checkout", "--quiet", "-B", branch, cwd=folder)
        sha = commit_file(folder, path, text, f"Change {path}")
        git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", cwd=folder)
        return sha


def commit_file(folder: Path, path: str, text: str, message: str) -> str:
    """Write a file and commit it with a plain `git commit -m`; gives the commit's id."""
    (folder / path).write_text(text)
    git("add", "--", path, cwd=folder)
    git(
        "-c",
        "user.name=Somebody",
        "-c",
        "user.email=somebody@example.com",
        "commit",
        "--quiet",
        "-m",
        message,
        cwd=folder,
    )
    return git("rev-parse", "HEAD", cwd=folder)


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare repository with two commits on main."""
    work = tmp_path_factory.mktemp("seed") / "work"
    work.mkdir()
    git("init", "--quiet", "--template=", "-b", "main", cwd=work)
    (work / ".gitignore").write_text("*.log\n")
    commit_file(work, "README.md", "# Shop\n", "Begin")
    git("add", ".gitignore", cwd=work)
    commit_file(work, "cart.py", "def total(items):\n    return sum(items) / len(items)\n", "Add a cart")
    bare = work.parent / "shop.git"
    git("clone", "--quiet", "--bare", "--template=", str(work), str(bare), cwd=work)
    git("config", "http.receivepack", "true", cwd=bare)
    return bare


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A running server without repositories."""
    root = tmp_path / "github"
    (root / "acme").mkdir(parents=True)
    with serving(root) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, server: GitServer, seed: Path) -> World:
    """A server with one repository, and an empty service."""
    return new_world(tmp_path, server, seed)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, seed: Path) -> Path:
    """A service's folder in which thread 1 was prepared."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "github" / "acme").mkdir(parents=True)
    with serving(folder / "github") as running:
        world = new_world(folder, running, seed)
        assert asyncio.run(world.prepare()) == world.clone
    return world.root


@pytest.fixture
def started(world: World, prepared: Path) -> World:
    """A world in which thread 1 is prepared already: `world.clone`."""
    shutil.copytree(prepared, world.root, dirs_exist_ok=True, symlinks=True)
    return world


def new_world(folder: Path, server: GitServer, seed: Path) -> World:
    """Put the repository on the server, and an empty service beside it."""
    origin, root, inside = server.root / "acme" / "shop.git", folder / "data", Inside()
    shutil.copytree(seed, origin)
    root.mkdir()
    return World(server, origin, root, inside, Checkouts(root, run_inside=inside))
