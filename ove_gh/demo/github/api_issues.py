"""The API of issues, comments, labels and reactions."""

from __future__ import annotations

from ove_gh.demo.github.access import check_permission
from ove_gh.demo.github.endpoints import Answer, Call, Endpoint, paged, react_to, reactions_of, since_of
from ove_gh.demo.github.media import with_body
from ove_gh.demo.github.records import Comment, Issue
from ove_gh.demo.github.refusals import malformed, not_found
from ove_gh.demo.github.shapes import Json
from ove_gh.demo.github.threads import (
    add_label,
    delete_comment,
    edit_comment,
    post_comment,
    remove_label,
    remove_reaction,
)

_READ = "issues=read; pull_requests=read"
_WRITE = "issues=write; pull_requests=write"


def get_issue(call: Call) -> Answer:
    """One issue, or the conversation half of a pull request."""
    return Answer(with_body(call, call.repository, call.world.shapes.issue(_issue(call, "read"))))


def _issue(call: Call, level: str) -> Issue:
    """The issue that the path names; raises Refused: pull-request permission does not open plain issues."""
    issue = call.world.issue(call.repository, call.params["number"])
    if issue.pull is None:
        check_permission(call.token, f"issues={level}")
    return issue


def _comment(call: Call, level: str) -> Comment:
    comment = call.world.comment(call.params["comment_id"])
    if comment.repository is not call.repository:
        raise not_found()
    if comment.issue.pull is None:
        check_permission(call.token, f"issues={level}")
    return comment


def _comment_shape(call: Call, comment: Comment) -> Json:
    return with_body(call, call.repository, call.world.shapes.comment(comment))


def list_comments(call: Call) -> Answer:
    """Oldest first; `since` leaves out what was last changed before."""
    since = since_of(call)
    comments = [one for one in _issue(call, "read").comments if since is None or one.updated_at >= since]
    return paged(call, comments, lambda one: _comment_shape(call, one))


def create_comment(call: Call) -> Answer:
    """A new comment."""
    comment = post_comment(call.world, call.actor, _issue(call, "write"), call.body().needed_text("body"))
    shape = _comment_shape(call, comment)
    return Answer(shape, 201, {"Location": shape["url"]})


def get_comment(call: Call) -> Answer:
    """One comment."""
    return Answer(_comment_shape(call, _comment(call, "read")))


def update_comment(call: Call) -> Answer:
    """A comment's new body."""
    comment = _comment(call, "write")
    edit_comment(call.world, call.actor, comment, call.body().needed_text("body"))
    return Answer(_comment_shape(call, comment))


def remove_comment(call: Call) -> Answer:
    """A comment less."""
    delete_comment(call.world, call.actor, _comment(call, "write"))
    return Answer(None, 204)


def list_labels(call: Call) -> Answer:
    """The labels of an issue."""
    return paged(call, _issue(call, "read").labels, lambda one: call.world.shapes.label(call.repository, one))


def add_labels(call: Call) -> Answer:
    """More labels; the answer lists all of the issue's. Those that the repository does not know are made."""
    issue, names = _issue(call, "write"), call.body().listed("labels", str)
    if not names:
        raise malformed('"labels" wasn\'t supplied.')
    for name in names:
        add_label(call.world, call.actor, issue, name)
    return Answer([call.world.shapes.label(call.repository, one) for one in issue.labels])


def take_label(call: Call) -> Answer:
    """A label less; the answer lists those that remain."""
    issue = _issue(call, "write")
    remove_label(call.world, call.actor, issue, call.params["name"])
    return Answer([call.world.shapes.label(call.repository, one) for one in issue.labels])


def list_issue_reactions(call: Call) -> Answer:
    """The reactions to an issue; `content` chooses one kind."""
    return reactions_of(call, _issue(call, "read").reactions)


def list_comment_reactions(call: Call) -> Answer:
    """The reactions to a comment; `content` chooses one kind."""
    return reactions_of(call, _comment(call, "read").reactions)


def create_issue_reaction(call: Call) -> Answer:
    """React to an issue: 201, or 200 when that reaction is there already."""
    return react_to(call, _issue(call, "write"))


def create_comment_reaction(call: Call) -> Answer:
    """React to a comment: 201, or 200 when that reaction is there already."""
    return react_to(call, _comment(call, "write"))


def delete_issue_reaction(call: Call) -> Answer:
    """Take one's own reaction to an issue back."""
    remove_reaction(call.world, call.actor, _issue(call, "write"), call.params["reaction_id"])
    return Answer(None, 204)


def delete_comment_reaction(call: Call) -> Answer:
    """Take one's own reaction to a comment back."""
    remove_reaction(call.world, call.actor, _comment(call, "write"), call.params["reaction_id"])
    return Answer(None, 204)


_ISSUE = "/repos/{owner}/{repo}/issues/{number:int}"
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id:int}"
_DOCS = "issues/comments#{}-an-issue-comment"
_REACT = "reactions/reactions#{}"
_LABELS = "issues/labels#{}"
ENDPOINTS = (
    Endpoint("GET", _ISSUE, get_issue, "installation", "issues/issues#get-an-issue", _READ),
    Endpoint("GET", f"{_ISSUE}/comments", list_comments, "installation", "issues/comments#list-issue-comments", _READ),
    Endpoint("POST", f"{_ISSUE}/comments", create_comment, "installation", _DOCS.format("create"), _WRITE),
    Endpoint("GET", _COMMENT, get_comment, "installation", _DOCS.format("get"), _READ),
    Endpoint("PATCH", _COMMENT, update_comment, "installation", _DOCS.format("update"), _WRITE),
    Endpoint("DELETE", _COMMENT, remove_comment, "installation", _DOCS.format("delete"), _WRITE),
    Endpoint("GET", f"{_ISSUE}/labels", list_labels, "installation", _LABELS.format("list-labels-for-an-issue"), _READ),
    Endpoint("POST", f"{_ISSUE}/labels", add_labels, "installation", _LABELS.format("add-labels-to-an-issue"), _WRITE),
    Endpoint(
        "DELETE",
        f"{_ISSUE}/labels/{{name:path}}",
        take_label,
        "installation",
        _LABELS.format("remove-a-label-from-an-issue"),
        _WRITE,
    ),
    Endpoint(
        "GET",
        f"{_ISSUE}/reactions",
        list_issue_reactions,
        "installation",
        _REACT.format("list-reactions-for-an-issue"),
        _READ,
    ),
    Endpoint(
        "POST",
        f"{_ISSUE}/reactions",
        create_issue_reaction,
        "installation",
        _REACT.format("create-reaction-for-an-issue"),
        _WRITE,
    ),
    Endpoint(
        "DELETE",
        f"{_ISSUE}/reactions/{{reaction_id:int}}",
        delete_issue_reaction,
        "installation",
        _REACT.format("delete-an-issue-reaction"),
        _WRITE,
    ),
    Endpoint(
        "GET",
        f"{_COMMENT}/reactions",
        list_comment_reactions,
        "installation",
        _REACT.format("list-reactions-for-an-issue-comment"),
        _READ,
    ),
    Endpoint(
        "POST",
        f"{_COMMENT}/reactions",
        create_comment_reaction,
        "installation",
        _REACT.format("create-reaction-for-an-issue-comment"),
        _WRITE,
    ),
    Endpoint(
        "DELETE",
        f"{_COMMENT}/reactions/{{reaction_id:int}}",
        delete_comment_reaction,
        "installation",
        _REACT.format("delete-an-issue-comment-reaction"),
        _WRITE,
    ),
)
