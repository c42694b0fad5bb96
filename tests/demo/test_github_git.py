"""Real git against the simulated GitHub: clone, fetch, push, and what is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ove_gh.demo.github import Kind, respond
from tests.demo.github_scene import SHOP, Scene, run_git, setting

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Client:
    """git on somebody's machine: its own HOME, and commits in the name of the App's bot."""

    scene: Scene
    folder: Path

    async def git(self, *arguments: str, folder: Path | None = None) -> tuple[int, str]:
        """Run git; returns its exit code and what it printed."""
        name, mail = self.scene.app.bot.login, self.scene.app.bot.email
        given = {"HOME": str(self.folder), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
        who = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": mail,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": mail,
        }
        path = {"PATH": os.pathsep.join((str(Path(shutil.which("git") or "git").parent), os.defpath))}
        return await run_git(*arguments, cwd=str(folder or self.folder), env=given | who | path)

    async def clone(self, url: str) -> Path:
        """Clone, and leave a commit on the branch `ove/1-fix` that is not pushed."""
        code, printed = await self.git("clone", "--quiet", url, "work")
        assert code == 0, printed
        work = self.folder / "work"
        (work / "cart.py").write_text("total = 1\n")
        for command in (("checkout", "-q", "-b", "ove/1-fix"), ("commit", "-q", "-a", "-m", "Fix the total")):
            code, printed = await self.git(*command, folder=work)
            assert code == 0, printed
        return work

    def url(self, token: str = "", user: str = "x-access-token", name: str = SHOP) -> str:
        """The address to clone from, with the token in it (or without, when it is empty)."""
        host = self.scene.github.server_url.removeprefix("http://")
        return f"http://{f'{user}:{token}@' if token else ''}{host}/{name}.git"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """git, and a GitHub whose acme/shop is private."""
    async with setting(private=True) as scene:
        yield Client(scene, tmp_path)


async def test_a_token_clones_and_pushes(client: Client) -> None:
    """With contents:write a clone, a commit and a push arrive in the repository, and everybody is told."""
    github = client.scene.github
    work = await client.clone(client.url(await client.scene.token()))
    code, printed = await client.git("push", "--quiet", "origin", "ove/1-fix", folder=work)
    assert code == 0, printed
    assert github.read(SHOP, "cart.py", "ove/1-fix") == "total = 1\n"
    commit = github.log(SHOP, "ove/1-fix")[0]
    assert (commit.author.name, commit.author.email) == ("ove[bot]", client.scene.app.bot.email)
    [push] = [one for one in github.history if one.kind is Kind.REF_PUSHED]
    assert (push.by, push.by_app, push.repository) == ("ove[bot]", True, SHOP)
    assert "Fix the total" in push.text


async def test_a_push_moves_the_pull_request(client: Client) -> None:
    """Pushing to a pull request's branch moves its head, and refs/pull/N/head can be fetched."""
    github = client.scene.github
    work = await client.clone(client.url(await client.scene.token()))
    await client.git("push", "--quiet", "origin", "ove/1-fix", folder=work)
    pull = github.open_pull(SHOP, "alice", "Fix", head="ove/1-fix")
    await client.git("commit", "--quiet", "--allow-empty", "-m", "Again", folder=work)
    await client.git("push", "--quiet", "origin", "ove/1-fix", folder=work)
    assert pull.head_sha == github.branches(SHOP)["ove/1-fix"] == github.log(SHOP, "ove/1-fix")[0].sha
    code, printed = await client.git("ls-remote", "origin", "refs/pull/1/head", folder=work)
    assert (code, printed.split()[0]) == (0, pull.head_sha)


async def test_a_reading_token_does_not_push(client: Client) -> None:
    """contents:read clones; a push with it is 403 and changes nothing."""
    reading = await client.scene.token(permissions={"contents": "read"})
    work = await client.clone(client.url(reading))
    code, printed = await client.git("push", "origin", "ove/1-fix", folder=work)
    assert code != 0
    assert "403" in printed
    assert list(client.scene.github.branches(SHOP)) == ["main"]


@pytest.mark.parametrize(
    ("permissions", "name", "user", "expected"),
    [
        ({"issues": "write"}, SHOP, "x-access-token", "403"),
        ({"contents": "read"}, "acme/elsewhere", "x-access-token", "not found"),
        ({"contents": "read"}, "acme/nowhere", "x-access-token", "not found"),
        ({"contents": "read"}, SHOP, "alice", "Authentication failed"),
    ],
)
async def test_a_clone_needs_the_right_token(
    client: Client, permissions: dict[str, str], name: str, user: str, expected: str
) -> None:
    """Without contents it is 403, for foreign and unknown repositories 404, under another user name 401."""
    client.scene.github.create_repository("acme/elsewhere", private=True)
    token = await client.scene.token(permissions=permissions)
    code, printed = await client.git("clone", client.url(token, user, name), "work")
    assert code != 0
    assert expected in printed


async def test_a_dead_or_missing_token_is_no_token(client: Client) -> None:
    """An expired token is 401, and so is none at all for a private repository."""
    token = await client.scene.token()
    client.scene.github.clock.advance(3600)
    code, printed = await client.git("clone", client.url(token), "work")
    assert code != 0
    assert "Authentication failed" in printed
    code, printed = await client.git("clone", client.url(), "work")
    assert code != 0
    statuses = {one.status for one in client.scene.github.requests if one.path.startswith(f"/{SHOP}")}
    assert statuses == {401}


async def test_the_public_is_read_by_all_and_written_by_none(tmp_path: Path) -> None:
    """A public repository is cloned without credentials, and not pushed to."""
    async with setting() as scene:
        client = Client(scene, tmp_path)
        work = await client.clone(client.url())
        code, printed = await client.git("push", "origin", "ove/1-fix", folder=work)
        assert code != 0
        assert "could not read Username" in printed
        assert list(scene.github.branches(SHOP)) == ["main"]


async def test_hidden_refs_and_the_default_branch_are_kept(client: Client) -> None:
    """Neither can refs/pull be pushed to, nor the default branch be deleted."""
    work = await client.clone(client.url(await client.scene.token()))
    hidden, _ = await client.git("push", "origin", "ove/1-fix:refs/pull/9/head", folder=work)
    deleted, _ = await client.git("push", "origin", ":main", folder=work)
    assert hidden != 0
    assert deleted != 0
    assert list(client.scene.github.branches(SHOP)) == ["main"]


async def test_no_hook_of_a_repository_runs(client: Client) -> None:
    """A hook that lies in the bare repository is not run by a push."""
    bare = client.scene.github.repository(SHOP).git.path
    (bare / "hooks").mkdir()
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    work = await client.clone(client.url(await client.scene.token()))
    code, printed = await client.git("push", "--quiet", "origin", "ove/1-fix", folder=work)
    assert code == 0, printed


async def test_faults_strike_git_too(client: Client) -> None:
    """A 500 before the deed leaves the branch away; one after it leaves the branch there and git in doubt."""
    github = client.scene.github
    work = await client.clone(client.url(await client.scene.token()))
    github.on("POST", f"/{SHOP}.git/git-receive-pack", action=respond(500))
    code, _ = await client.git("push", "origin", "ove/1-fix", folder=work)
    assert (code != 0, "ove/1-fix" in github.branches(SHOP)) == (True, False)
    github.on("POST", f"/{SHOP}.git/git-receive-pack", action=respond(502), when="after")
    code, _ = await client.git("push", "origin", "ove/1-fix", folder=work)
    assert (code != 0, "ove/1-fix" in github.branches(SHOP)) == (True, True)
    github.on("GET", f"/{SHOP}.git/info/refs", action=respond(503))
    code, printed = await client.git("fetch", "origin", folder=work)
    assert (code != 0, "503" in printed) == (True, True)
