"""What a pull request changes, and its reviews: read them, write one, answer in their threads. Never an approval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ove_gh.github import errors, models
from ove_gh.github.connection import describe
from ove_gh.github.installation import CLOCK_SKEW, PAGE, Answer, InstalledRepository, Purpose, read

_DIFF = "application/vnd.github.diff"


class Reviews(InstalledRepository):
    """The part of a Repository that is about reviewing pull requests."""

    async def reviews(self, number: int) -> list[models.Review]:
        """The pull request's reviews, oldest first. Each answer in a review thread is a review of its own.

        https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request
        """
        rest = self._rest(Purpose.READ)

        async def ask(page: int) -> Answer:
            return await rest.pulls.async_list_reviews(self._owner, self._name, number, per_page=PAGE, page=page)

        found = map(models.read_review, await self._items(ask, "reviews"))
        return [review for _, review in sorted({review.id: review for review in found}.items())]

    async def review(self, number: int, review_id: int) -> models.Review:
        """One review; raises NotFound when the pull request has none of that id.

        https://docs.github.com/en/rest/pulls/reviews#get-a-review-for-a-pull-request
        """
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(lambda: rest.pulls.async_get_review(self._owner, self._name, number, review_id))
        return read(answer, models.read_review)

    async def review_comments(
        self, number: int, *, review_id: int | None = None, since: float | None = None
    ) -> list[models.ReviewComment]:
        """The comments on the pull request's lines, oldest first; with `review_id` only those of one review.

        `since`, in seconds since the epoch, leaves out what was last changed before.
        https://docs.github.com/en/rest/pulls/comments#list-review-comments-on-a-pull-request
        """
        rest = self._rest(Purpose.READ)
        filters: dict[str, Any] = {} if since is None else {"since": datetime.fromtimestamp(int(since), UTC)}

        async def ask(page: int) -> Answer:
            return await rest.pulls.async_list_review_comments(
                self._owner, self._name, number, per_page=PAGE, page=page, **filters
            )

        # GitHub's list of one review's comments would tell positions in the diff in place of lines
        found = map(models.read_review_comment, await self._items(ask, "review comments"))
        ordered = [comment for _, comment in sorted({comment.id: comment for comment in found}.items())]
        return ordered if review_id is None else [comment for comment in ordered if comment.review_id == review_id]

    async def review_comment(self, comment_id: int) -> models.ReviewComment:
        """One comment on lines of a pull request; raises NotFound when it was deleted.

        https://docs.github.com/en/rest/pulls/comments#get-a-review-comment-for-a-pull-request
        """
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(lambda: rest.pulls.async_get_review_comment(self._owner, self._name, comment_id))
        return read(answer, models.read_review_comment)

    async def create_review(
        self, number: int, *, commit_id: str, body: str, comments: Sequence[models.NewReviewComment]
    ) -> models.Review:
        """Write a review that only comments, all at once, on the pull request as of the commit `commit_id`.

        Raises Unprocessable when a line is not part of the diff (then nothing is written), when the body is empty, and
        for a commit that is not the pull request's; Forbidden when the conversation is locked. Sent once: when the
        error's `may_have_happened` is set, look with `find_own_review` first.
        https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request
        """
        rest = self._rest(Purpose.PROPOSE)
        answer = await rest.pulls.async_create_review(
            self._owner,
            self._name,
            number,
            commit_id=commit_id,
            body=body,
            event="COMMENT",
            comments=[_placed(comment) for comment in comments],
        )
        return read(answer, models.read_review)

    async def find_own_review(self, number: int, needle: str, *, bot_id: int) -> models.Review | None:
        """The first review of the account `bot_id` whose body ends with `needle`, a hidden marker."""
        reviews = await self.reviews(number)
        return next((r for r in reviews if r.author.id == bot_id and r.body.rstrip().endswith(needle)), None)

    async def reply_to_review_comment(self, number: int, comment_id: int, body: str) -> models.ReviewComment:
        """Answer in a review thread; `comment_id` is that of the thread's first comment.

        Raises NotFound when that one was deleted, Forbidden when the conversation is locked, Unprocessable when it is a
        reply itself and for a body of more than 65,536 characters. Sent once: when the error's `may_have_happened` is
        set, look with `find_own_review_comment` first.
        https://docs.github.com/en/rest/pulls/comments#create-a-reply-for-a-review-comment
        """
        rest = self._rest(Purpose.TALK)
        answer = await rest.pulls.async_create_reply_for_review_comment(
            self._owner, self._name, number, comment_id, body=body
        )
        return read(answer, models.read_review_comment)

    async def edit_review_comment(self, comment_id: int, body: str) -> models.ReviewComment:
        """Give a comment on lines this body, whatever it said before. Raises NotFound when it was deleted.

        https://docs.github.com/en/rest/pulls/comments#update-a-review-comment-for-a-pull-request
        """
        rest = self._rest(Purpose.TALK)
        answer = await self._repeating(
            lambda: rest.pulls.async_update_review_comment(self._owner, self._name, comment_id, body=body)
        )
        return read(answer, models.read_review_comment)

    async def find_own_review_comment(
        self, number: int, needle: str, *, since: float, bot_id: int
    ) -> models.ReviewComment | None:
        """The first comment on lines by the account `bot_id` that ends with `needle` (a hidden marker), after `since`.

        `since` is by our clock, in seconds since the epoch; a difference of five minutes to GitHub's does no harm.
        """
        comments = await self.review_comments(number, since=since - CLOCK_SKEW)
        return next((c for c in comments if c.author.id == bot_id and c.body.rstrip().endswith(needle)), None)

    async def react_to_review_comment(self, comment_id: int, content: models.Reaction) -> None:
        """React to a comment on lines; once more changes nothing. Raises NotFound when it was deleted.

        https://docs.github.com/en/rest/reactions/reactions#create-reaction-for-a-pull-request-review-comment
        """
        rest = self._rest(Purpose.TALK)
        await self._repeating(
            lambda: rest.reactions.async_create_for_pull_request_review_comment(
                self._owner, self._name, comment_id, content=content
            )
        )

    async def changed_files(self, number: int, *, most: int = 300) -> list[models.ChangedFile]:
        """The first files that the pull request changes, at most so many; GitHub tells 3000 of them.

        https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
        """
        rest = self._rest(Purpose.READ)

        async def ask(page: int) -> Answer:
            return await rest.pulls.async_list_files(
                self._owner, self._name, number, per_page=min(most, PAGE), page=page
            )

        found = map(models.read_changed_file, await self._items(ask, "changed files", most=most))
        return list({file.path: file for file in found}.values())

    async def compare(self, base: str, head: str) -> models.Comparison:
        """What `head` has changed since it left `base`, in up to 300 files; both are commits, branches or tags.

        A branch of a fork is `owner:branch`. Raises NotFound when one of them is missing, and when they share nothing.
        https://docs.github.com/en/rest/commits/commits#compare-two-commits
        """
        rest = self._rest(Purpose.FETCH)
        span = f"{quote(base, safe='')}...{quote(head, safe='')}"
        # the commits come page by page, all files on the first page: one commit is the least that can be asked for
        answer = await self._repeating(
            lambda: rest.repos.async_compare_commits(self._owner, self._name, span, per_page=1, page=1)
        )
        return read(answer, models.read_comparison)

    async def diff(self, number: int, *, most_bytes: int) -> str:
        """The pull request's changes as git shows them; one of more than `most_bytes` ends after a whole line.

        What is not UTF-8 becomes the replacement character. Raises TooLarge for one that GitHub does not show; its
        files can still be had with `changed_files`.
        https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request
        """
        rest = self._rest(Purpose.READ)
        answer = await self._repeating(
            lambda: rest.pulls.async_get(self._owner, self._name, number, headers={"Accept": _DIFF})
        )
        whole = answer.raw_response.content
        if whole and not whole.startswith(b"diff --git "):
            raise errors.UnexpectedAnswer(describe(answer.raw_request), "the answer is no diff")
        if len(whole) > most_bytes:
            whole = whole[: whole.rfind(b"\n", 0, most_bytes) + 1]
        return whole.decode("utf-8", "replace")


def _placed(comment: models.NewReviewComment) -> dict[str, Any]:
    """The comment as GitHub takes it; its range of lines has two at least.

    https://docs.github.com/en/rest/pulls/comments#create-a-review-comment-for-a-pull-request
    """
    fields = {"path": comment.path, "line": comment.line, "side": comment.side, "body": comment.body}
    if comment.start_line in (None, comment.line):
        return fields
    return {**fields, "start_line": comment.start_line, "start_side": comment.side}
