"""What people and Apps do in reviews: submit, dismiss, reply in a thread, edit, resolve.

https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/reviewing-changes-in-pull-requests
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ove_gh.demo.github import review_shapes
from ove_gh.demo.github.happenings import Kind
from ove_gh.demo.github.records import Actor, Pull
from ove_gh.demo.github.refusals import not_found, unprocessable
from ove_gh.demo.github.review_places import anchor, not_in_diff
from ove_gh.demo.github.review_records import STATES, Anchor, InlineComment, Review, ReviewComment, ReviewEvent
from ove_gh.demo.github.threads import LONGEST_BODY, check_comment, check_lock, need, need_authorship, need_read
from ove_gh.demo.github.world import World

_OWN = {
    "APPROVE": "Can not approve your own pull request",
    "REQUEST_CHANGES": "Can not request changes on your own pull request",
}
_EMPTY = {
    "APPROVE": "",
    "COMMENT": "Body can't be blank",
    "REQUEST_CHANGES": "You need to leave a comment indicating the requested changes.",
}

# Reviews


def submit_review(
    world: World,
    actor: Actor,
    pull: Pull,
    event: ReviewEvent,
    body: str,
    comments: Sequence[InlineComment],
    *,
    commit_id: str | None = None,
    comments_first: bool = False,
) -> Review:
    """Submit a review with all its comments, or none of it; raises Refused.

    Its author is no longer among those who are asked for a review. `comments_first` turns the order of the webhooks.
    """
    _check_may_review(actor, pull, event)
    if not body.strip() and not comments and _EMPTY[event]:
        raise not_in_diff(_EMPTY[event])
    _check_length(body)
    commit = _reviewed_commit(pull, commit_id)
    for comment in comments:
        _check_inline_body(comment.body)
    anchors = [anchor(pull, commit, comment) for comment in comments]
    review = _new_review(world, actor, pull, event, body, commit)
    for comment, place in zip(comments, anchors, strict=True):
        _new_comment(world, actor, review, comment.body, place)
    _tell_of_review(world, actor, review, comments_first)
    return review


def _check_may_review(actor: Actor, pull: Pull, event: ReviewEvent) -> None:
    need_read(actor, pull.repository)
    check_lock(actor, pull.issue)
    if actor.user is pull.issue.author and event in _OWN:
        raise not_in_diff(_OWN[event])


def _check_length(body: str) -> None:
    if len(body) > LONGEST_BODY:
        raise not_in_diff(f"Body is too long (maximum is {LONGEST_BODY} characters)")


def _check_inline_body(body: str) -> None:
    if not body.strip():
        raise not_in_diff("Body can't be blank")
    _check_length(body)


def _reviewed_commit(pull: Pull, commit_id: str | None) -> str:
    """The pull request's head, or an earlier commit of it."""
    git, head = pull.repository.git, pull.head_sha
    if not commit_id or commit_id == head:
        return head
    commit = git.resolve(commit_id)
    if commit is None or not git.is_ancestor(commit, head) or git.is_ancestor(commit, pull.base_sha):
        raise not_in_diff("Pull request review thread end commit oid is not part of the pull request")
    return commit


def _new_review(world: World, actor: Actor, pull: Pull, event: ReviewEvent, body: str, commit: str) -> Review:
    now = world.clock.now()
    review = Review(next(world.ids.review), pull, actor.user, STATES[event], body, commit, now, now)
    world.reviews[review.id] = review
    pull.issue.updated_at = now
    if actor.user in pull.requested_reviewers:
        pull.requested_reviewers.remove(actor.user)
    return review


def _new_comment(
    world: World, actor: Actor, review: Review, body: str, place: Anchor, reply_to: ReviewComment | None = None
) -> ReviewComment:
    now = world.clock.now()
    comment = ReviewComment(next(world.ids.review_comment), review, actor.user, [body], place, now, now, reply_to)
    review.comments.append(comment)
    world.review_comments[comment.id] = comment
    return comment


def _tell_of_review(world: World, actor: Actor, review: Review, comments_first: bool) -> None:
    """Everything is there before the first webhook tells of it."""
    tellings: list[Callable[[], None]] = [partial(_announce_review, world, actor, review, "submitted")]
    tellings += [partial(_announce_comment, world, actor, comment, "created") for comment in review.comments]
    if comments_first:
        tellings.append(tellings.pop(0))
    for telling in tellings:
        telling()
    pull, said = review.pull, f"{review.state.lower()} {review.body}".rstrip()
    for comment in review.comments:
        world.tell(Kind.REVIEW_COMMENT_POSTED, actor, pull.repository, pull.issue, comment.body, comment)
    world.tell(Kind.REVIEW_SUBMITTED, actor, pull.repository, pull.issue, said, review)


def dismiss_review(world: World, actor: Actor, review: Review, message: str) -> None:
    """Dismiss an approval or a request for changes; the message is not kept. Raises Refused.

    https://docs.github.com/en/rest/pulls/reviews#dismiss-a-review-for-a-pull-request
    """
    need(actor, review.repository, "write")
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise not_in_diff(f"Can not dismiss a {review.state.lower()} pull request review")
    review.state, review.updated_at = "DISMISSED", world.clock.now()
    _announce_review(world, actor, review, "dismissed")
    world.tell(Kind.REVIEW_DISMISSED, actor, review.repository, review.pull.issue, message, review)


def _announce_review(world: World, actor: Actor, review: Review, action: str) -> None:
    shape, pull = review_shapes.told_review(world, review), world.shapes.listed_pull(review.pull)
    world.announce("pull_request_review", action, review.repository, actor.user, review=shape, pull_request=pull)


# Comments of reviews, and their threads


def reply_to(world: World, actor: Actor, comment: ReviewComment, body: str) -> ReviewComment:
    """Reply in a comment's thread, which makes a review of that one comment; raises Refused."""
    _check_may_review(actor, comment.pull, "COMMENT")
    check_comment("PullRequestReviewComment", body)
    start = comment.thread_start
    review = _new_review(world, actor, comment.pull, "COMMENT", "", comment.pull.head_sha)
    reply = _new_comment(world, actor, review, body, start.anchor, start)
    _tell_of_review(world, actor, review, comments_first=False)
    return reply


def check_thread_start(comment: ReviewComment) -> None:
    """Raise Refused for a reply: the API takes no replies to replies.

    https://docs.github.com/en/rest/pulls/comments#create-a-reply-for-a-review-comment
    """
    if comment.reply_to is not None:
        message = "in_reply_to must be a top-level review comment"
        raise unprocessable("PullRequestReviewComment", message, field="in_reply_to")


def edit_review_comment(world: World, actor: Actor, comment: ReviewComment, body: str) -> None:
    """Change a comment: its author may, and whoever may write."""
    need_authorship(actor, comment.repository, comment.author.id)
    check_comment("PullRequestReviewComment", body)
    if body == comment.body:
        return
    before = comment.body
    comment.history.append(body)
    comment.updated_at = world.clock.now()
    _announce_comment(world, actor, comment, "edited", changes={"body": {"from": before}})
    world.tell(Kind.REVIEW_COMMENT_EDITED, actor, comment.repository, comment.issue, body, comment)


def delete_review_comment(world: World, actor: Actor, comment: ReviewComment) -> None:
    """Remove a comment: its author may, and whoever may write. Replies to it stay."""
    need_authorship(actor, comment.repository, comment.author.id)
    if world.review_comments.pop(comment.id, None) is None:
        raise not_found()
    comment.review.comments.remove(comment)
    _announce_comment(world, actor, comment, "deleted")
    world.tell(Kind.REVIEW_COMMENT_DELETED, actor, comment.repository, comment.issue, comment.body, comment)


def _announce_comment(world: World, actor: Actor, comment: ReviewComment, action: str, **more: object) -> None:
    shape, pull = review_shapes.comment(world, comment), world.shapes.listed_pull(comment.pull)
    event = "pull_request_review_comment"
    world.announce(event, action, comment.repository, actor.user, comment=shape, pull_request=pull, **more)


def set_resolved(world: World, actor: Actor, comment: ReviewComment, resolved: bool) -> None:
    """Resolve a comment's thread, or take that back: the pull request's author may, and whoever may write."""
    need_authorship(actor, comment.repository, comment.pull.issue.author.id)
    start = comment.thread_start
    if (start.resolved_by is not None) == resolved:
        return
    start.resolved_by = actor.user if resolved else None
    thread = [one for one in world.review_comments_of(start.pull) if one.thread_start is start]
    action = "resolved" if resolved else "unresolved"
    shape, pull = review_shapes.thread(world, start, thread), world.shapes.listed_pull(start.pull)
    event = "pull_request_review_thread"
    world.announce(event, action, start.repository, actor.user, thread=shape, pull_request=pull)
    kind = Kind.REVIEW_THREAD_RESOLVED if resolved else Kind.REVIEW_THREAD_UNRESOLVED
    world.tell(kind, actor, start.repository, start.issue, start.body, start)
