"""How reviews and their comments look in GitHub's JSON.

https://docs.github.com/en/rest/pulls/reviews, https://docs.github.com/en/rest/pulls/comments
"""

from __future__ import annotations

from ove_gh.demo.github.clock import stamp
from ove_gh.demo.github.records import Pull
from ove_gh.demo.github.review_places import place_of
from ove_gh.demo.github.review_records import Review, ReviewComment
from ove_gh.demo.github.shapes import Json, node_id
from ove_gh.demo.github.world import World

_LINES = ("line", "original_line", "start_line", "original_start_line", "side", "start_side", "subject_type")


def review(world: World, given: Review) -> Json:
    """A review as the REST API answers it."""
    page = f"{world.shapes.thread_page(given.pull.issue)}#pullrequestreview-{given.id}"
    url = pull_url(world, given.pull)
    return {
        "id": given.id,
        "node_id": node_id("PRR", given.id),
        "user": world.shapes.user(given.author),
        "body": given.body,
        "state": given.state,
        "html_url": page,
        "pull_request_url": url,
        "author_association": given.repository.association_of(given.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "submitted_at": stamp(given.submitted_at),
        "commit_id": given.commit_id,
    }


def told_review(world: World, given: Review) -> Json:
    """A review as webhooks carry it: the state in small letters, and null for no body."""
    told = {"state": given.state.lower(), "body": given.body or None, "updated_at": stamp(given.updated_at)}
    return review(world, given) | told


def pull_url(world: World, pull: Pull) -> str:
    """A pull request's place in the API."""
    return f"{world.shapes.repository_url(pull.repository)}/pulls/{pull.number}"


def comment_url(world: World, comment: ReviewComment) -> str:
    """A review comment's place in the API."""
    return f"{world.shapes.repository_url(comment.repository)}/pulls/comments/{comment.id}"


def comment(world: World, given: ReviewComment) -> Json:
    """A review comment, as the REST API answers it and webhooks carry it. One that is outdated has null for its line.

    Only a reply has `in_reply_to_id`.
    """
    made, now = given.anchor, place_of(given)
    url, about = comment_url(world, given), pull_url(world, given.pull)
    page = f"{world.shapes.thread_page(given.issue)}#discussion_r{given.id}"
    shape = {
        "url": url,
        "pull_request_review_id": given.review.id,
        "id": given.id,
        "node_id": node_id("PRRC", given.id),
        "diff_hunk": made.diff_hunk,
        "path": made.path,
        "commit_id": now.commit_id,
        "original_commit_id": made.commit_id,
        "user": world.shapes.user(given.author),
        "body": given.body,
        "created_at": stamp(given.created_at),
        "updated_at": stamp(given.updated_at),
        "html_url": page,
        "pull_request_url": about,
        "author_association": given.repository.association_of(given.author),
        "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": about}},
        "reactions": world.shapes.reactions(url, given.reactions),
        "start_line": now.start_line,
        "original_start_line": made.start_line,
        "start_side": made.start_side,
        "line": now.line,
        "original_line": made.line,
        "side": made.side,
        "position": now.position,
        "original_position": made.position,
        "subject_type": "line",
    }
    return shape | ({"in_reply_to_id": given.reply_to.id} if given.reply_to else {})


def comment_in_review(world: World, given: ReviewComment) -> Json:
    """A comment in the list of one review, which knows of positions only: that list is older than line numbers.

    https://docs.github.com/en/rest/pulls/reviews#list-comments-for-a-pull-request-review
    """
    return {name: value for name, value in comment(world, given).items() if name not in _LINES}


def thread(world: World, start: ReviewComment, comments: list[ReviewComment]) -> Json:
    """A thread of a review, as webhooks carry it."""
    return {"node_id": node_id("PRRT", start.id), "comments": [comment(world, one) for one in comments]}
