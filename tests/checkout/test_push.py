"""Pushing: one branch, never by force, never the default one, and an error that says whose turn it is."""

from __future__ import annotations

import pytest

from ove_gh.checkout import Clone, PushRejected, Rejection, RemoteDenied, RemoteUnavailable
from ove_gh.checkout.errors import push_failure, remote_failure
from tests.checkout.conftest import World, commit_file, git

pytestmark = pytest.mark.anyio


async def one_commit(started: World) -> tuple[Clone, str]:
    """A clone with one collected commit."""
    clone = started.clone
    commit_file(clone.path, "cart.py", "fixed = True\n", "Fix total")
    return clone, (await started.collected(clone)).head


def decline(started: World, words: str) -> None:
    """Let the server decline every push with these words, as GitHub's own checks do."""
    hook = started.origin / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{words}\nEND\nexit 1\n")
    hook.chmod(0o755)


async def test_a_push_arrives(started: World) -> None:
    """The collected commit is the branch's head on the server, and nothing else changed there."""
    clone, head = await one_commit(started)
    main = started.on_github("main")

    await started.push(clone, head)

    assert started.on_github(clone.branch) == head
    assert started.on_github("main") == main
    assert len(git("for-each-ref", cwd=started.origin).splitlines()) == 2


async def test_pushing_twice_is_success(started: World) -> None:
    """A push that is repeated, because nobody noted the first one, is no error."""
    clone, head = await one_commit(started)

    await started.push(clone, head)
    await started.push(clone, head)

    assert started.on_github(clone.branch) == head


async def test_pushing_what_somebody_built_on_is_success(started: World) -> None:
    """A repeated push counts as done when somebody has committed on top of it meanwhile."""
    clone, head = await one_commit(started)
    await started.push(clone, head)
    theirs = started.somebody_pushes(clone.branch, "review.txt", "done\n")

    await started.push(clone, head)

    assert started.on_github(clone.branch) == theirs


async def test_a_persons_commits_are_never_overwritten(started: World) -> None:
    """A branch that somebody else pushed to is left as it is, and the error says why."""
    clone, head = await one_commit(started)
    theirs = started.somebody_pushes(clone.branch, "other.txt", "theirs\n")

    with pytest.raises(PushRejected) as rejected:
        await started.push(clone, head)

    assert rejected.value.reason is Rejection.NON_FAST_FORWARD
    assert started.on_github(clone.branch) == theirs


async def test_the_default_branch_is_refused_by_us(started: World) -> None:
    """A push to the default branch is refused before the server hears of it."""
    clone, head = await one_commit(started)
    asked = len(started.server.authorizations)

    with pytest.raises(PushRejected) as rejected:
        await started.push(clone, head, default=clone.branch)

    assert rejected.value.reason is Rejection.DEFAULT_BRANCH
    assert len(started.server.authorizations) == asked


async def test_only_a_full_commit_id_is_pushed(started: World) -> None:
    """Nothing that git could read as a force, a deletion or a name gets into the refspec."""
    clone, _ = await one_commit(started)

    for head in ("", "main", "+" + "a" * 40, "a" * 39, ":refs/heads/main"):
        with pytest.raises(ValueError, match="full id"):
            await started.push(clone, head)


async def test_the_servers_reason_is_read(started: World) -> None:
    """What the server says while it declines becomes a reason, and its words are kept for people."""
    clone, head = await one_commit(started)

    for words, reason in (
        ("error: File a.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB", Rejection.TOO_LARGE),
        ("error: GH013: Repository rule violations found for refs/heads/x.", Rejection.PROTECTED),
        ("error: GH006: Protected branch update failed for refs/heads/x.", Rejection.PROTECTED),
        ("error: GH013: Repository rule violations\n- Push cannot contain secrets", Rejection.SECRETS),
        ("refusing to allow a GitHub App to create or update workflow `x`", Rejection.WORKFLOW_PERMISSION),
        ("no commits on Fridays", Rejection.HOOK_DECLINED),
    ):
        decline(started, words)
        with pytest.raises(PushRejected) as rejected:
            await started.push(clone, head)

        assert rejected.value.reason is reason
        assert words.splitlines()[0] in rejected.value.message
        assert "remote:" not in rejected.value.message


async def test_a_token_without_the_right_is_denied(started: World) -> None:
    """A refused token on push raises RemoteDenied; nothing arrived."""
    clone, head = await one_commit(started)
    started.server.token = "another"

    with pytest.raises(RemoteDenied):
        await started.push(clone, head)


async def test_refusal_and_outage_are_told_apart(started: World) -> None:
    """403 and 404 will not get better by waiting; 503 will."""
    clone, head = await one_commit(started)

    for status, error in ((403, RemoteDenied), (404, RemoteDenied), (503, RemoteUnavailable)):
        started.server.status = status
        with pytest.raises(error):
            await started.push(clone, head)

    started.server.status = None
    await started.push(clone, head)
    assert started.on_github(clone.branch) == head


@pytest.mark.parametrize(
    ("report", "complaint", "expected"),
    [
        ("!\ta:refs/heads/b\t[remote rejected] (protected branch hook declined)\nDone", "", Rejection.PROTECTED),
        ("!\ta:refs/heads/b\t[rejected] (fetch first)\nDone", "", Rejection.NON_FAST_FORWARD),
        ("!\ta:refs/heads/b\t[remote rejected] (unpacker error)\nDone", "", Rejection.OTHER),
        (
            "!\ta:refs/heads/b\t[remote rejected] (refusing to allow a GitHub App to create or update workflow "
            "`.github/workflows/ci.yml` without `workflows` permission)\nDone",
            "",
            Rejection.WORKFLOW_PERMISSION,
        ),
        ("", "error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413", Rejection.TOO_LARGE),
    ],
)
def test_words_of_rejections(report: str, complaint: str, expected: Rejection) -> None:
    """Each form in which servers reject a push is read as the reason that it is."""
    failure = push_failure(report, complaint)

    assert isinstance(failure, PushRejected)
    assert failure.reason is expected


@pytest.mark.parametrize(
    ("complaint", "expected"),
    [
        ("fatal: Authentication failed for 'https://github.com/a/b/'", RemoteDenied),
        ("remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found", RemoteDenied),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", RemoteDenied),
        ("remote: Write access to repository not granted.\nfatal: unable to access 'x'", RemoteDenied),
        ("remote: API rate limit\nfatal: unable to access 'https://x/': returned error: 403", RemoteUnavailable),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", RemoteUnavailable),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 502", RemoteUnavailable),
        ("error: RPC failed; curl 28 Operation too slow", RemoteUnavailable),
        ("fatal: the remote end hung up unexpectedly", RemoteUnavailable),
        ("!\ta:b\t[remote rejected] (Internal Server Error)", RemoteUnavailable),
        ("fatal: not a git repository", type(None)),
    ],
)
def test_words_of_failures(complaint: str, expected: type) -> None:
    """Who is to blame for a failed fetch or push is read from what git says."""
    failure = push_failure(complaint, "") if complaint.startswith("!") else remote_failure(complaint)

    assert type(failure) is expected
