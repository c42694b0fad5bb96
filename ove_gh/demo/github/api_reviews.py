"""The API of reviews: of a pull request as a whole, of lines of its diff, and the threads that follow."""

from __future__ import annotations

from typing import Any

from ove_gh.demo.github import review_shapes
from ove_gh.demo.github.diff_lines import Side
from ove_gh.demo.github.endpoints import Answer, Body, Call, Endpoint, paged, react_to, reactions_of, since_of
from ove_gh.demo.github.media import with_body
from ove_gh.demo.github.records import Pull
from ove_gh.demo.github.refusals import malformed, unprocessable
from ove_gh.demo.github.review_places import not_in_diff
from ove_gh.demo.github.review_records import STATES, InlineComment, Review, ReviewComment, ReviewEvent
from ove_gh.demo.github.reviews import (
    check_thread_start,
    delete_review_comment,
    dismiss_review,
    edit_review_comment,
    reply_to,
    submit_review,
)
from ove_gh.demo.github.shapes import Json
from ove_gh.demo.github.threads import remove_reaction

_READ = "pull_requests=read"
_WRITE = "pull_requests=write"

# Reviews


def list_reviews(call: Call) -> Answer:
    """A pull request's reviews, oldest first."""
    return paged(call, call.world.reviews_of(_pull(call)), lambda one: _review_shape(call, one))


def get_review(call: Call) -> Answer:
    """One review."""
    return Answer(_review_shape(call, _review(call)))


def list_review_comments(call: Call) -> Answer:
    """The comments of one review."""
    shape = review_shapes.comment_in_review
    return paged(call, _review(call).comments, lambda one: with_body(call, call.repository, shape(call.world, one)))


def create_review(call: Call) -> Answer:
    """A review with its comments, all or nothing.

    Stricter than GitHub in one place: a review without `event`, which would wait as a draft, is refused.
    """
    pull, body = _pull(call), call.body()
    event, text = _event(body), body.text("body") or ""
    if event != "APPROVE" and not text.strip():
        words = "You need to leave a comment indicating the requested changes."
        raise not_in_diff(words if event == "REQUEST_CHANGES" else "Body can't be blank")
    comments = [_inline_comment(one) for one in body.listed("comments", dict) or []]
    review = submit_review(
        call.world, call.actor, pull, event, text, comments, commit_id=body.text("commit_id") or None
    )
    return Answer(_review_shape(call, review))


def _event(body: Body) -> ReviewEvent:
    given = body.needed_text("event")
    for event in STATES:
        if event == given:
            return event
    raise malformed(f"{given} is not a member of {list(STATES)}.")


def _inline_comment(item: dict[str, Any]) -> InlineComment:
    given = Body(item)
    side = _side(given, "side") or "RIGHT"
    start_line = given.number("start_line")
    return InlineComment(
        path=given.needed_text("path"),
        line=given.needed_number("line"),
        body=given.needed_text("body"),
        side=side,
        start_line=start_line,
        start_side=_side(given, "start_side") if start_line is not None else None,
    )


def _side(given: Body, name: str) -> Side | None:
    match given.text(name):
        case None:
            return None
        case "LEFT":
            return "LEFT"
        case "RIGHT":
            return "RIGHT"
        case other:
            raise malformed(f"{other} is not a member of ['LEFT', 'RIGHT'].")


def put_dismissal(call: Call) -> Answer:
    """Dismiss a review, with a message."""
    review = _review(call)
    dismiss_review(call.world, call.actor, review, call.body().needed_text("message"))
    return Answer(_review_shape(call, review))


def _pull(call: Call) -> Pull:
    return call.world.pull(call.repository, call.params["number"])


def _review(call: Call) -> Review:
    return call.world.review(_pull(call), call.params["review_id"])


def _review_shape(call: Call, review: Review) -> Json:
    return with_body(call, call.repository, review_shapes.review(call.world, review))


# Comments of reviews


def list_comments(call: Call) -> Answer:
    """A pull request's review comments by id, or sorted by `created` or `updated`; `since` leaves out older ones."""
    since, sort, direction = since_of(call), call.query.get("sort"), call.query.get("direction")
    if sort not in (None, "created", "updated") or direction not in (None, "asc", "desc"):
        raise unprocessable("PullRequestReviewComment", "is not a way to sort", code="invalid", field="sort")
    found = [one for one in call.world.review_comments_of(_pull(call)) if since is None or one.updated_at >= since]
    if sort:  # without it the direction is passed over
        by_update = sort == "updated"
        found.sort(
            key=lambda one: (one.updated_at if by_update else one.created_at, one.id), reverse=direction == "desc"
        )
    return paged(call, found, lambda one: _comment_shape(call, one))


def get_comment(call: Call) -> Answer:
    """One review comment."""
    return Answer(_comment_shape(call, _comment(call)))


def create_reply(call: Call) -> Answer:
    """A reply in the thread of a review comment."""
    comment = _comment(call)
    if comment.pull is not _pull(call):
        raise unprocessable("PullRequestReviewComment", "in_reply_to is invalid", code="invalid", field="in_reply_to")
    check_thread_start(comment)
    reply = reply_to(call.world, call.actor, comment, call.body().needed_text("body"))
    return Answer(_comment_shape(call, reply), 201, {"Location": review_shapes.comment_url(call.world, reply)})


def update_comment(call: Call) -> Answer:
    """A review comment's new body."""
    comment = _comment(call)
    edit_review_comment(call.world, call.actor, comment, call.body().needed_text("body"))
    return Answer(_comment_shape(call, comment))


def remove_comment(call: Call) -> Answer:
    """A review comment less."""
    delete_review_comment(call.world, call.actor, _comment(call))
    return Answer(None, 204)


def list_reactions(call: Call) -> Answer:
    """The reactions to a review comment; `content` chooses one kind."""
    return reactions_of(call, _comment(call).reactions)


def create_reaction(call: Call) -> Answer:
    """React to a review comment: 201, or 200 when that reaction is there already."""
    return react_to(call, _comment(call))


def delete_reaction(call: Call) -> Answer:
    """Take one's own reaction to a review comment back."""
    remove_reaction(call.world, call.actor, _comment(call), call.params["reaction_id"])
    return Answer(None, 204)


def _comment(call: Call) -> ReviewComment:
    return call.world.review_comment(call.repository, call.params["comment_id"])


def _comment_shape(call: Call, comment: ReviewComment) -> Json:
    return with_body(call, call.repository, review_shapes.comment(call.world, comment))


_PULL = "/repos/{owner}/{repo}/pulls/{number:int}"
_REVIEWS = f"{_PULL}/reviews"
_REVIEW = f"{_REVIEWS}/{{review_id:int}}"
_COMMENT = "/repos/{owner}/{repo}/pulls/comments/{comment_id:int}"
_ABOUT = "pulls/reviews#{}"
_LINES = "pulls/comments#{}"
_REACT = "reactions/reactions#{}-for-a-pull-request-review-comment"
ENDPOINTS = tuple(
    Endpoint(method, path, handler, "installation", docs, _READ if method == "GET" else _WRITE)
    for method, path, handler, docs in (
        ("GET", _REVIEWS, list_reviews, _ABOUT.format("list-reviews-for-a-pull-request")),
        ("POST", _REVIEWS, create_review, _ABOUT.format("create-a-review-for-a-pull-request")),
        ("GET", _REVIEW, get_review, _ABOUT.format("get-a-review-for-a-pull-request")),
        (
            "GET",
            f"{_REVIEW}/comments",
            list_review_comments,
            _ABOUT.format("list-comments-for-a-pull-request-review"),
        ),
        ("PUT", f"{_REVIEW}/dismissals", put_dismissal, _ABOUT.format("dismiss-a-review-for-a-pull-request")),
        ("GET", f"{_PULL}/comments", list_comments, _LINES.format("list-review-comments-on-a-pull-request")),
        (
            "POST",
            f"{_PULL}/comments/{{comment_id:int}}/replies",
            create_reply,
            _LINES.format("create-a-reply-for-a-review-comment"),
        ),
        ("GET", _COMMENT, get_comment, _LINES.format("get-a-review-comment-for-a-pull-request")),
        ("PATCH", _COMMENT, update_comment, _LINES.format("update-a-review-comment-for-a-pull-request")),
        ("DELETE", _COMMENT, remove_comment, _LINES.format("delete-a-review-comment-for-a-pull-request")),
        ("GET", f"{_COMMENT}/reactions", list_reactions, _REACT.format("list-reactions")),
        ("POST", f"{_COMMENT}/reactions", create_reaction, _REACT.format("create-reaction")),
        (
            "DELETE",
            f"{_COMMENT}/reactions/{{reaction_id:int}}",
            delete_reaction,
            "reactions/reactions#delete-a-pull-request-comment-reaction",
        ),
    )
)
