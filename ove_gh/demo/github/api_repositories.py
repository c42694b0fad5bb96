"""The API of repositories: what they are, who may do what, branches, files, comparisons."""

from __future__ import annotations

import base64

from ove_gh.demo.github.bare import GitFailed
from ove_gh.demo.github.checks import commit_of
from ove_gh.demo.github.endpoints import Answer, Call, Endpoint, page_of
from ove_gh.demo.github.pulls import find_branch
from ove_gh.demo.github.records import Repository, Role
from ove_gh.demo.github.refusals import not_found
from ove_gh.demo.github.shapes import Json

_LEGACY = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read", "none": "none"}
_FLAGS: dict[str, Role] = {
    "pull": "read",
    "triage": "triage",
    "push": "write",
    "maintain": "maintain",
    "admin": "admin",
}


def get_repository(call: Call) -> Answer:
    """One repository, by its name."""
    return Answer(_repository(call, call.repository))


def get_repository_by_id(call: Call) -> Answer:
    """One repository, by its number."""
    for repository in call.world.repositories.values():
        if repository.id == call.params["repository_id"] and call.token.covers(repository):
            return Answer(_repository(call, repository))
    raise not_found()


def _repository(call: Call, repository: Repository) -> Json:
    may_push = call.token.allows("contents", "write")
    rights = {"admin": False, "maintain": False, "push": may_push, "triage": may_push, "pull": True}
    return call.world.shapes.full_repository(repository) | {"permissions": rights}


def get_permission(call: Call) -> Answer:
    """The role of one person, in the four old words and by its name.

    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    login = call.params["login"]
    user = call.world.users.get(login.lower())
    if user is None or user.kind != "User":
        raise not_found(f"{login} is not a user")
    role = call.repository.role_of(user)
    allowed = {flag: call.repository.allows(user, needed) for flag, needed in _FLAGS.items()}
    shape = call.world.shapes.user(user) | {"permissions": allowed, "role_name": role}
    return Answer({"permission": _LEGACY[role], "role_name": role, "user": shape})


def get_branch(call: Call) -> Answer:
    """One branch, with its last commit."""
    world, repository, name = call.world, call.repository, call.params["branch"]
    commit = repository.git.log(find_branch(repository, name), limit=1)[0]
    return Answer(world.shapes.branch(repository, name, commit, world.author_of(commit)))


def get_commit(call: Call) -> Answer:
    """One commit, by its id or by a branch or tag, with what it changes."""
    world, repository = call.world, call.repository
    sha = commit_of(repository, call.params["ref"])
    commit, changes = repository.git.log(sha, limit=1)[0], repository.git.changes(sha)
    committer = world.account_of(commit.committer)
    added, deleted = sum(one.additions for one in changes), sum(one.deletions for one in changes)
    files, headers = page_of(call, changes, most=300)
    content = world.shapes.commit(repository, commit, world.author_of(commit)) | {
        "committer": world.shapes.user(committer) if committer else None,
        "stats": {"total": added + deleted, "additions": added, "deletions": deleted},
        "files": [world.shapes.file_change(repository, one, sha) for one in files],
    }
    return Answer(content, headers=headers)


def get_ref(call: Call) -> Answer:
    """Where a ref (`heads/…`, `tags/…`) points."""
    ref = f"refs/{call.params['ref']}"
    sha = call.repository.git.refs().get(ref)
    if sha is None:
        raise not_found()
    return Answer(call.world.shapes.ref(call.repository, ref, sha))


def get_content(call: Call) -> Answer:
    """A file with its content in base64 (or raw, if Accept asks for it), or the list of a directory."""
    repository, path = call.repository, call.params["path"].strip("/")
    ref = call.query.get("ref") or repository.default_branch
    commit = repository.git.resolve(ref)
    if commit is None:
        raise not_found(f"No commit found for the ref {ref}")
    if file := repository.git.blob(commit, path):
        return _file(call, path, ref, *file)
    entries = repository.git.tree(commit, path)
    if entries is None:
        raise not_found()
    kinds = {"blob": "file", "tree": "dir", "commit": "submodule"}
    shape = call.world.shapes.content
    return Answer([shape(repository, one.path, ref, one.sha, kinds[one.kind], one.size) for one in entries])


def _file(call: Call, path: str, ref: str, sha: str, content: bytes) -> Answer:
    if "raw" in call.headers.get("accept", ""):
        return Answer(content, headers={"Content-Type": "application/vnd.github.raw+json; charset=utf-8"})
    shape = call.world.shapes.content(call.repository, path, ref, sha, "file", len(content))
    return Answer(shape | {"encoding": "base64", "content": base64.encodebytes(content).decode()})


def compare(call: Call) -> Answer:
    """`base...head`, each a branch, tag or id, perhaps with the owner before a colon."""
    repository, world = call.repository, call.world
    base_name, dots, head_name = call.params["basehead"].partition("...")
    base, head = (_revision(repository, name) for name in (base_name, head_name))
    if not dots or base is None or head is None:
        raise not_found()
    try:
        compared = repository.git.compare(base, head)
    except GitFailed:
        raise not_found(f"No common ancestor between {base_name} and {head_name}.") from None
    url = f"{world.shapes.repository_url(repository)}/compare/{base_name}...{head_name}"
    page = world.shapes.page(repository, f"/compare/{base_name}...{head_name}")
    commits, headers = page_of(call, compared.commits, most=250)
    first, fork = repository.git.log(base, limit=1)[0], repository.git.log(compared.merge_base, limit=1)[0]
    content = {
        "url": url,
        "html_url": page,
        "permalink_url": world.shapes.page(repository, f"/compare/{base[:12]}...{head[:12]}"),
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": world.shapes.commit(repository, first, world.author_of(first)),
        "merge_base_commit": world.shapes.commit(repository, fork, world.author_of(fork)),
        "status": _comparison_status(len(compared.commits), compared.behind_by),
        "ahead_by": len(compared.commits),
        "behind_by": compared.behind_by,
        "total_commits": len(compared.commits),
        "commits": [world.shapes.commit(repository, one, world.author_of(one)) for one in commits],
        "files": [world.shapes.file_change(repository, one, head) for one in compared.files],
    }
    return Answer(content, headers=headers)


def _revision(repository: Repository, name: str) -> str | None:
    return repository.git.resolve(name.rpartition(":")[2]) if name else None


def _comparison_status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    if ahead:
        return "ahead"
    return "behind" if behind else "identical"


_REPO = "/repos/{owner}/{repo}"
_CODE = "contents=read"
ENDPOINTS = (
    Endpoint("GET", _REPO, get_repository, "installation", "repos/repos#get-a-repository"),
    Endpoint(
        "GET", "/repositories/{repository_id:int}", get_repository_by_id, "installation", "repos/repos#get-a-repository"
    ),
    Endpoint(
        "GET",
        f"{_REPO}/collaborators/{{login}}/permission",
        get_permission,
        "installation",
        "collaborators/collaborators#get-repository-permissions-for-a-user",
    ),
    Endpoint(
        "GET", f"{_REPO}/branches/{{branch:path}}", get_branch, "installation", "branches/branches#get-a-branch", _CODE
    ),
    Endpoint("GET", f"{_REPO}/commits/{{ref:path}}", get_commit, "installation", "commits/commits#get-a-commit", _CODE),
    Endpoint("GET", f"{_REPO}/git/ref/{{ref:path}}", get_ref, "installation", "git/refs#get-a-reference", _CODE),
    Endpoint(
        "GET",
        f"{_REPO}/contents/{{path:path}}",
        get_content,
        "installation",
        "repos/contents#get-repository-content",
        _CODE,
    ),
    Endpoint(
        "GET",
        f"{_REPO}/compare/{{basehead:path}}",
        compare,
        "installation",
        "commits/commits#compare-two-commits",
        _CODE,
    ),
)
