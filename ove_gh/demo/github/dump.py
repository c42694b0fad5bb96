"""The state of the simulated GitHub as text, for tests that waited in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import indent

from ove_gh.demo.github.faults import Request
from ove_gh.demo.github.records import Issue, Pull, Reaction, Repository
from ove_gh.demo.github.world import World

_LATEST = 25


def describe(world: World, requests: Sequence[Request]) -> str:
    """Branches, checks, threads with their comments and reviews, and the latest requests and deliveries."""
    lines = [line for repository in world.repositories.values() for line in _repository(world, repository)]
    lines.append("latest requests:")
    lines += [
        f"  {one.method} {one.path} {one.status or 'unanswered'} ({one.token} {one.by}) {one.fault}".rstrip()
        for one in requests[-_LATEST:]
    ]
    lines.append("latest deliveries:")
    lines += [
        f"  {one.webhook.name} {one.status_code} {one.status} {one.response_body[:120]}".rstrip()
        for one in world.deliveries.log[-_LATEST:]
    ]
    return "\n".join(lines)


def _repository(world: World, repository: Repository) -> Iterator[str]:
    branches = ", ".join(f"{name} {sha[:7]}" for name, sha in repository.git.branches().items())
    yield f"{repository.full_name}: {branches}"
    for suite in (one for one in world.check_suites if one.repository is repository):
        runs = ", ".join(f"{run.name} {run.conclusion or run.status}" for run in suite.latest) or "no runs"
        yield f"  checks of {suite.app.slug} on {suite.head_sha[:7]}, {suite.conclusion or suite.status}: {runs}"
    for one in (one for one in world.statuses if one.repository is repository):
        yield f"  status of {one.sha[:7]}: {one.context} {one.state} {one.description or ''}".rstrip()
    for issue in repository.issues.values():
        yield from _thread(issue)
        if issue.pull:
            yield from _reviews(world, issue.pull)


def _thread(issue: Issue) -> Iterator[str]:
    pull = issue.pull
    kind = f"pull request {pull.head} → {pull.base}" if pull else "issue"
    yield f"  #{issue.number} {kind}, {issue.state}, by {issue.login}{_emoji(issue.reactions)}: {issue.title}"
    if issue.body:
        yield indent(issue.body, "    | ")
    for comment in issue.comments:
        edits = f", edited {len(comment.history) - 1} times" if len(comment.history) > 1 else ""
        yield f"    {comment.id} {comment.login}{edits}{_emoji(comment.reactions)}:"
        yield indent(comment.body, "      | ")


def _reviews(world: World, pull: Pull) -> Iterator[str]:
    for review in world.reviews_of(pull):
        yield f"    review {review.id} {review.login} {review.state} on {review.commit_id[:7]}: {review.body}".rstrip()
        for comment in review.comments:
            where = f"{comment.anchor.path}:{comment.anchor.line}"
            thread = f" in the thread of {comment.reply_to.id}" if comment.reply_to else ""
            yield f"      {comment.id} on {where}{thread}{_emoji(comment.reactions)}:"
            yield indent(comment.body, "        | ")


def _emoji(reactions: Iterable[Reaction]) -> str:
    given = ", ".join(f"{one.user.login} {one.content}" for one in reactions)
    return f" [{given}]" if given else ""
