"""The API of pull requests."""

from __future__ import annotations

from ove_gh.demo.github.endpoints import Answer, Call, Endpoint, paged
from ove_gh.demo.github.media import form, with_body
from ove_gh.demo.github.pull_numbers import comparison, pull_shape
from ove_gh.demo.github.pulls import (
    close_pull,
    edit_pull,
    open_pull,
    reopen_pull,
    request_reviews,
)
from ove_gh.demo.github.records import Pull
from ove_gh.demo.github.refusals import Refused, invalid

_READ = "pull_requests=read"
_WRITE = "pull_requests=write"
_LONGEST_DIFF = 20_000
"""https://docs.github.com/en/repositories/creating-and-managing-repositories/repository-limits#diff-limits"""


def _pull(call: Call) -> Pull:
    return call.world.pull(call.repository, call.params["number"])


def create_pull(call: Call) -> Answer:
    """A new pull request."""
    body = call.body()
    title = body.text("title")
    if title is None:
        raise invalid("Issue", "title", "missing_field")
    pull = open_pull(
        call.world,
        call.actor,
        call.repository,
        title=title,
        head=body.needed_text("head"),
        base=body.needed_text("base"),
        body=body.text("body"),
        draft=body.flag("draft", False),
        maintainer_can_modify=body.flag("maintainer_can_modify", True),
    )
    shape = pull_shape(call.world, pull)
    return Answer(shape, 201, {"Location": shape["url"]})


def list_pulls(call: Call) -> Answer:
    """Newest first; `head` is `owner:branch`, `state` is open, closed or all."""
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    if state not in ("open", "closed", "all"):
        raise Refused(422, "Validation Failed", ({"resource": "PullRequest", "field": "state", "code": "invalid"},))
    pulls = [issue.pull for issue in reversed(call.repository.issues.values()) if issue.pull]
    found = [
        pull
        for pull in pulls
        # a head without its owner does not narrow the list: GitHub passes over it in silence
        if (not head or ":" not in head or head.lower() == f"{pull.head_repository.owner.login}:{pull.head}".lower())
        and (not base or pull.base == base)
        and state in ("all", pull.state)
    ]
    return paged(call, found, call.world.shapes.listed_pull)


def get_pull(call: Call) -> Answer:
    """One pull request, with its numbers; or its diff, if Accept asks for that."""
    pull = _pull(call)
    if form(call) == "diff":
        return _diff(pull)
    return Answer(with_body(call, call.repository, pull_shape(call.world, pull)))


def _diff(pull: Pull) -> Answer:
    compared = comparison(pull)
    diff = pull.repository.git.diff(compared.merge_base, compared.head)
    if diff.count("\n") > _LONGEST_DIFF:
        message = f"Sorry, the diff exceeded the maximum number of lines ({_LONGEST_DIFF})"
        raise Refused(406, message, ({"resource": "PullRequest", "field": "diff", "code": "too_large"},))
    return Answer(diff.encode(), headers={"Content-Type": "application/vnd.github.diff; charset=utf-8"})


def update_pull(call: Call) -> Answer:
    """A pull request's new title, body, base or state."""
    pull, body = _pull(call), call.body()
    state = body.text("state")
    if state not in (None, "open", "closed"):
        raise invalid("PullRequest", "state")
    edit_pull(call.world, call.actor, pull, title=body.text("title"), body=body.text("body"), base=body.text("base"))
    if state == "closed":
        close_pull(call.world, call.actor, pull)
    elif state == "open" and pull.state == "closed":
        reopen_pull(call.world, call.actor, pull)
    return Answer(pull_shape(call.world, pull))


def create_review_requests(call: Call) -> Answer:
    """Ask people for their review."""
    pull = _pull(call)
    request_reviews(call.world, call.actor, pull, call.body().listed("reviewers", str) or [])
    return Answer(call.world.shapes.listed_pull(pull), 201)


def list_files(call: Call) -> Answer:
    """The files that a pull request changes."""
    pull = _pull(call)
    changes = comparison(pull).files
    return paged(call, changes, lambda one: call.world.shapes.file_change(call.repository, one, pull.head_sha))


def list_commits(call: Call) -> Answer:
    """The commits of a pull request, oldest first."""
    world, repository = call.world, call.repository
    commits = comparison(_pull(call)).commits
    return paged(call, commits, lambda one: world.shapes.commit(repository, one, world.author_of(one)))


_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = "/repos/{owner}/{repo}/pulls/{number:int}"
ENDPOINTS = (
    Endpoint("POST", _PULLS, create_pull, "installation", "pulls/pulls#create-a-pull-request", _WRITE),
    Endpoint("GET", _PULLS, list_pulls, "installation", "pulls/pulls#list-pull-requests", _READ),
    Endpoint("GET", _PULL, get_pull, "installation", "pulls/pulls#get-a-pull-request", _READ),
    Endpoint("PATCH", _PULL, update_pull, "installation", "pulls/pulls#update-a-pull-request", _WRITE),
    Endpoint(
        "POST",
        f"{_PULL}/requested_reviewers",
        create_review_requests,
        "installation",
        "pulls/review-requests#request-reviewers-for-a-pull-request",
        _WRITE,
    ),
    Endpoint("GET", f"{_PULL}/files", list_files, "installation", "pulls/pulls#list-pull-requests-files", _READ),
    Endpoint(
        "GET", f"{_PULL}/commits", list_commits, "installation", "pulls/pulls#list-commits-on-a-pull-request", _READ
    ),
)
