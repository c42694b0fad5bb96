"""What people and Apps do with code: push, open pull requests, ask for reviews, merge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ove_gh.demo.github.bare import ZERO, MergeConflict, Signature
from ove_gh.demo.github.check_records import Push
from ove_gh.demo.github.checks import request_suites
from ove_gh.demo.github.happenings import Kind
from ove_gh.demo.github.protection import check_push
from ove_gh.demo.github.pull_numbers import pull_shape
from ove_gh.demo.github.records import Actor, Pull, Repository, User
from ove_gh.demo.github.refusals import Refused, invalid, not_found, unprocessable
from ove_gh.demo.github.shapes import Json
from ove_gh.demo.github.threads import check_body, check_title, close_issue, mark_closed, need, new_thread
from ove_gh.demo.github.world import World

_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)", re.IGNORECASE)
"""https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue"""

_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class RefMove:
    """A ref that went from one commit to another; ZERO stands for its birth or its end."""

    ref: str
    before: str
    after: str


# Pushes


def push_commit(
    world: World,
    actor: Actor,
    repository: Repository,
    branch: str,
    files: Mapping[str, str | bytes | None],
    message: str,
) -> str:
    """Commit and push as a person would; a new branch starts at the default branch. Returns the commit's id."""
    need(actor, repository, "write")
    check_push(actor, repository, branch)
    start = repository.git.branches()[repository.default_branch]
    sha = repository.git.commit(branch, files, message, actor.user.signature(world.clock.now()), start=start)
    refs_changed(world, actor, repository)
    return sha


def delete_branch(world: World, actor: Actor, repository: Repository, branch: str) -> None:
    """Delete a branch, as the button on a merged pull request does."""
    need(actor, repository, "write")
    if branch in (repository.default_branch, *repository.protected) or repository.git.branch(branch) is None:
        raise Refused(422, "Reference does not exist or cannot be deleted")
    repository.git.delete_ref(_HEADS + branch)
    refs_changed(world, actor, repository)


def rename_branch(world: World, actor: Actor, repository: Repository, old: str, new: str) -> None:
    """Rename a branch: open pull requests into it follow, open ones from it are closed.

    https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-branches-in-your-repository/renaming-a-branch
    """
    need(actor, repository, "admin" if old == repository.default_branch else "write")
    sha = find_branch(repository, old)
    if repository.git.branch(new) is not None:
        raise unprocessable("Branch", f"Branch {new} already exists", field="new_name")
    git, was_default = repository.git, old == repository.default_branch
    git.set_ref(_HEADS + new, sha)
    if was_default:
        git.git("symbolic-ref", "HEAD", _HEADS + new)
        repository.default_branch = new
        changes = {"default_branch": {"from": old}}
        world.announce("repository", "edited", repository, actor.user, changes=changes)
    for pull in open_pulls(repository):
        if pull.base == old:
            _set_base(world, actor, pull, new)
    git.delete_ref(_HEADS + old)
    world.tell(Kind.BRANCH_RENAMED, actor, repository, None, f"{old} → {new}", repository)
    refs_changed(world, actor, repository)


def refs_changed(world: World, actor: Actor, repository: Repository) -> None:
    """Tell everybody about the refs that differ from what was last told."""
    old, new = repository.announced_refs, repository.git.refs()
    repository.announced_refs = new
    for ref in sorted(old.keys() | new.keys()):
        move = RefMove(ref, old.get(ref, ZERO), new.get(ref, ZERO))
        if move.before != move.after:
            _ref_moved(world, actor, repository, move)


def _ref_moved(world: World, actor: Actor, repository: Repository, move: RefMove) -> None:
    repository.pushed_at = world.clock.now()
    payload = _push_payload(world, actor, repository, move)
    world.announce("push", None, repository, actor.user, **payload)
    short = move.ref.removeprefix(_HEADS)
    subjects = [commit["message"].partition("\n")[0] for commit in payload["commits"]]
    told = "deleted" if payload["deleted"] else f"{move.after[:7]} {'; '.join(subjects)}"
    world.tell(Kind.REF_PUSHED, actor, repository, None, f"{short}: {told}".rstrip(), move)
    for pull in [one for where in world.repositories.values() for one in open_pulls(where)]:
        if pull.head_repository is repository and move.ref == _HEADS + pull.head:
            _head_moved(world, actor, pull, move)
        elif pull.repository is repository and move.ref == _HEADS + pull.base and move.after != ZERO:
            pull.base_sha = move.after
    if move.ref.startswith(_HEADS) and move.after != ZERO:
        _branch_pushed(world, actor, repository, move)


def _branch_pushed(world: World, actor: Actor, repository: Repository, move: RefMove) -> None:
    """Let checks begin, before the pusher has its answer."""
    branch = move.ref.removeprefix(_HEADS)
    world.pushes[repository.id, move.after] = Push(branch, move.before, actor.user)
    request_suites(world, repository, move.after)
    for listener in tuple(world.push_listeners.get(repository.id, ())):
        listener(branch, move.after)


def _push_payload(world: World, actor: Actor, repository: Repository, move: RefMove) -> Json:
    git, created, deleted = repository.git, move.before == ZERO, move.after == ZERO
    since = _fork_point(repository, move) if created else move.before
    pushed = () if deleted else git.commits_between(since, move.after)
    head = None if deleted else world.shapes.pushed_commit(repository, git.log(move.after, limit=1)[0])
    owner = repository.owner
    times = {"created_at": int(repository.created_at.timestamp()), "pushed_at": int(repository.pushed_at.timestamp())}
    shape = world.shapes.repository(repository) | times
    shape["owner"] = shape["owner"] | {"name": owner.login, "email": None}
    shape |= {"stargazers": 0, "master_branch": repository.default_branch}
    compare = f"{move.before[:12]}...{move.after[:12]}"
    return {
        "ref": move.ref,
        "before": move.before,
        "after": move.after,
        "repository": shape,
        "pusher": {"name": actor.user.login, "email": actor.user.email},
        "created": created,
        "deleted": deleted,
        "forced": not created and not deleted and not git.is_ancestor(move.before, move.after),
        "base_ref": None,
        "compare": world.shapes.page(repository, f"/compare/{compare}"),
        "commits": [world.shapes.pushed_commit(repository, one) for one in pushed],
        "head_commit": head,
    }


def _fork_point(repository: Repository, move: RefMove) -> str:
    default = repository.git.branch(repository.default_branch)
    return repository.git.merge_base(default, move.after) or ZERO if default else ZERO


def _head_moved(world: World, actor: Actor, pull: Pull, move: RefMove) -> None:
    if move.after == ZERO:
        _close(world, actor, pull)
        return
    _follow_head(pull)
    pull.issue.updated_at = world.clock.now()
    _announce(world, actor, pull, "synchronize", before=move.before, after=move.after)
    world.tell(Kind.PULL_SYNCHRONIZED, actor, pull.repository, pull.issue, move.after[:7], pull)


def _follow_head(pull: Pull) -> None:
    """Let a pull request, and the ref that it has in its repository, point at the tip of its branch."""
    tip = _tip(pull.repository, pull.head_repository, pull.head)
    assert tip is not None, "the branch is there"
    pull.head_sha = tip
    pull.repository.git.set_ref(f"refs/pull/{pull.number}/head", tip)


def _tip(repository: Repository, head_repository: Repository, branch: str) -> str | None:
    """The commit at a branch's tip; that of a fork's branch is brought to the repository."""
    if head_repository is repository:
        return repository.git.branch(branch)
    return repository.git.fetch(head_repository.git, branch)


# Pull requests


def open_pulls(repository: Repository) -> list[Pull]:
    """The repository's open pull requests, oldest first."""
    return [issue.pull for issue in repository.issues.values() if issue.pull and issue.state == "open"]


def open_pull(
    world: World,
    actor: Actor,
    repository: Repository,
    *,
    title: str,
    head: str,
    base: str,
    body: str | None = None,
    draft: bool = False,
    maintainer_can_modify: bool = True,
) -> Pull:
    """Open a pull request between two branches; `head` is `owner:branch` for one of a fork. Raises Refused."""
    if not actor.may(repository, "read"):
        raise not_found()
    owner, _, branch = head.rpartition(":")
    source = _fork_of(world, repository, owner) if owner else repository
    if source is None:
        raise invalid("PullRequest", "head")
    head_sha, base_sha = _tip(repository, source, branch), repository.git.branch(base)
    if head_sha is None:
        raise invalid("PullRequest", "head")
    if base_sha is None:
        raise invalid("PullRequest", "base")
    check_title(title)
    check_body("PullRequest", body)
    ends = (source, branch, base)
    if any((one.head_repository, one.head, one.base) == ends for one in open_pulls(repository)):
        raise unprocessable("PullRequest", f"A pull request already exists for {source.owner.login}:{branch}.")
    if not _commits_between(repository, base_sha, head_sha):
        raise unprocessable("PullRequest", f"No commits between {base} and {branch}")
    issue = new_thread(world, actor, repository, title, body)
    pull = Pull(next(world.ids.pull), issue, branch, base, head_sha, base_sha, draft, maintainer_can_modify)
    pull.fork = source if source is not repository else None
    issue.pull = pull
    _follow_head(pull)
    _announce(world, actor, pull, "opened")
    world.tell(Kind.PULL_OPENED, actor, repository, issue, title, pull)
    return pull


def _fork_of(world: World, repository: Repository, owner: str) -> Repository | None:
    """The repository of that owner among a repository and its forks."""
    known = (one for one in world.repositories.values() if repository in (one, one.parent))
    return next((one for one in known if one.owner.login.lower() == owner.lower()), None)


def _commits_between(repository: Repository, base: str, head: str) -> bool:
    if repository.git.merge_base(base, head) is None:
        message = "The head and base branches have no history in common"
        raise unprocessable("PullRequest", message)
    return bool(repository.git.commits_between(base, head, limit=1))


def edit_pull(world: World, actor: Actor, pull: Pull, *, title: str | None, body: str | None, base: str | None) -> None:
    """Change a pull request's title, body or base; None leaves it."""
    issue = pull.issue
    changes: Json = {}
    if title is not None and title != issue.title:
        check_title(title)
        changes["title"], issue.title = {"from": issue.title}, title
    if body is not None and body != issue.body:
        check_body("PullRequest", body)
        changes["body"], issue.body = {"from": issue.body or ""}, body
    if base is not None and base != pull.base:
        base_sha = pull.repository.git.branch(base)
        if base_sha is None:
            raise invalid("PullRequest", "base")
        changes |= _change_base(pull, base, base_sha)
    if changes:
        _edited(world, actor, pull, changes)


def _set_base(world: World, actor: Actor, pull: Pull, base: str) -> None:
    _edited(world, actor, pull, _change_base(pull, base, find_branch(pull.repository, base)))


def _change_base(pull: Pull, base: str, base_sha: str) -> Json:
    changes = {"base": {"ref": {"from": pull.base}, "sha": {"from": pull.base_sha}}}
    pull.base, pull.base_sha = base, base_sha
    return changes


def _edited(world: World, actor: Actor, pull: Pull, changes: Json) -> None:
    pull.issue.updated_at = world.clock.now()
    _announce(world, actor, pull, "edited", changes=changes)
    world.tell(Kind.PULL_EDITED, actor, pull.repository, pull.issue, pull.title, pull)


def close_pull(world: World, actor: Actor, pull: Pull) -> None:
    """Close a pull request without merging it."""
    if actor.user is not pull.issue.author:
        need(actor, pull.repository, "triage")
    if pull.state == "open":
        _close(world, actor, pull)


def _close(world: World, actor: Actor, pull: Pull) -> None:
    mark_closed(world, actor, pull.issue)
    _announce(world, actor, pull, "closed")
    world.tell(Kind.PULL_CLOSED, actor, pull.repository, pull.issue, pull.title, pull)


def reopen_pull(world: World, actor: Actor, pull: Pull) -> None:
    """Open a closed pull request again, as long as its branch is there; raises Refused."""
    if pull.merged or pull.head_repository.git.branch(pull.head) is None:
        raise unprocessable("PullRequest", "state cannot be changed.", field="state")
    issue = pull.issue
    issue.state, issue.closed_at, issue.closed_by, issue.updated_at = "open", None, None, world.clock.now()
    _follow_head(pull)
    _announce(world, actor, pull, "reopened")
    world.tell(Kind.ISSUE_REOPENED, actor, pull.repository, issue, issue.title, pull)


def request_reviews(world: World, actor: Actor, pull: Pull, logins: Iterable[str]) -> None:
    """Ask people to review; raises Refused for the author and for people who are no collaborators.

    https://docs.github.com/en/rest/pulls/review-requests#request-reviewers-for-a-pull-request
    """
    need(actor, pull.repository, "triage")
    reviewers = [_reviewer(world, pull, login) for login in logins]
    for reviewer in reviewers:
        if reviewer in pull.requested_reviewers:
            continue
        pull.requested_reviewers.append(reviewer)
        pull.issue.updated_at = world.clock.now()
        _announce(world, actor, pull, "review_requested", requested_reviewer=world.shapes.user(reviewer))
        world.tell(Kind.REVIEW_REQUESTED, actor, pull.repository, pull.issue, reviewer.login, pull)


def _reviewer(world: World, pull: Pull, login: str) -> User:
    user = world.users.get(login.lower())
    if user is pull.issue.author:
        raise Refused(422, "Review cannot be requested from pull request author.")
    if user is None or user.kind != "User" or not pull.repository.is_collaborator(user):
        raise Refused(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a"
            f" collaborator of the {pull.repository.full_name} repository.",
        )
    return user


def merge_pull(world: World, actor: Actor, pull: Pull) -> str:
    """Merge with a merge commit, and close the issues that the pull request says it closes. Returns the commit's id."""
    need(actor, pull.repository, "write")
    if pull.state != "open":
        raise Refused(405, "Pull Request is not mergeable")
    repository, now = pull.repository, world.clock.now()
    message = f"Merge pull request #{pull.number} from {pull.head_repository.owner.login}/{pull.head}\n\n{pull.title}"
    try:
        sha = repository.git.merge(
            pull.base, pull.head_sha, message, actor.user.signature(now), Signature("GitHub", "noreply@github.com", now)
        )
    except MergeConflict:
        raise Refused(405, "Merge conflict") from None
    mark_closed(world, actor, pull.issue)
    pull.merged_at, pull.merged_by, pull.merge_commit_sha = now, actor.user, sha
    _announce(world, actor, pull, "closed")
    world.tell(Kind.PULL_MERGED, actor, repository, pull.issue, pull.title, pull)
    refs_changed(world, actor, repository)
    if pull.base == repository.default_branch:
        _close_what_it_fixes(world, actor, pull)
    return sha


def _close_what_it_fixes(world: World, actor: Actor, pull: Pull) -> None:
    for number in _CLOSES.findall(pull.body or ""):
        issue = pull.repository.issues.get(int(number))
        if issue and issue.pull is None:
            close_issue(world, actor, issue)


def _announce(world: World, actor: Actor, pull: Pull, action: str, **more: object) -> None:
    shape = pull_shape(world, pull)
    world.announce("pull_request", action, pull.repository, actor.user, number=pull.number, pull_request=shape, **more)


def find_branch(repository: Repository, name: str) -> str:
    """The commit at a branch's tip; raises Refused with 404."""
    sha = repository.git.branch(name)
    if sha is None:
        raise not_found("Branch not found")
    return sha
