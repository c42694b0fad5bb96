"""What is said when a task could not be finished: what happened, what is kept, how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ove_gh.agent import FailureReason
from ove_gh.comments.frame import command, comment, sentence
from ove_gh.typesetting import code, link


class FailureKind(StrEnum):
    """Why a task could not be finished: the agent's reasons, and the service's own."""

    MODEL_UNREACHABLE = FailureReason.MODEL_UNREACHABLE.value
    MODEL_REFUSED = FailureReason.MODEL_REFUSED.value
    TURN_LIMIT = FailureReason.TURN_LIMIT.value
    BUDGET = FailureReason.BUDGET.value
    TIME_LIMIT = FailureReason.TIME_LIMIT.value
    CRASHED = FailureReason.CRASHED.value
    SESSION_LOST = FailureReason.SESSION_LOST.value
    CHECKOUT_FAILED = "checkout_failed"
    """The repository could not be fetched, or no clone could be made of it."""
    PUSH_REFUSED = "push_refused"
    """GitHub did not take the push."""
    PROTECTED = "protected"
    """The commits change files that the repository told it not to touch."""
    BRANCH_MOVED = "branch_moved"
    """Somebody else pushed to the branch meanwhile."""
    PUBLISH_FAILED = "publish_failed"
    """GitHub did not take the result: the pull request, a comment."""
    CHECKS_RED = "checks_red"
    """The checks of what was pushed still fail, and the attempts are over."""
    CRASHED_TOO_OFTEN = "crashed_too_often"
    """The service ended in the middle of this turn, again and again."""
    INTERNAL = "internal"
    """A mistake of the service's own."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why, and one line of detail for people: never a stack trace, empty when there is no more to say."""

    kind: FailureKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on GitHub of a task that failed: `commits` that are new on `branch`, which stands at `url`."""

    commits: int
    branch: str | None
    url: str | None


NOTHING_KEPT = Kept(0, None, None)


@dataclass(frozen=True, slots=True)
class _FailureWords:
    what: str
    then: str


_GO_ON = "Write {go_on} to go on."

_FAILURES = {
    FailureKind.MODEL_UNREACHABLE: _FailureWords(
        "the model could not be reached", "Write {go_on} to go on; it usually works again after a while."
    ),
    FailureKind.MODEL_REFUSED: _FailureWords(
        "the model’s service refused the request",
        "Whoever runs me can check the key, the credit and the model’s name. Then write {go_on} to go on.",
    ),
    FailureKind.TURN_LIMIT: _FailureWords(
        "I used up all the steps that one turn may have",
        "Write {go_on} to give me as many again, or {slug} with a smaller piece of it.",
    ),
    FailureKind.BUDGET: _FailureWords(
        "I used up the money that I may spend",
        "Write {go_on} to go on, or {slug} with a smaller piece of it.",
    ),
    FailureKind.TIME_LIMIT: _FailureWords(
        "I used up the time that one turn may take",
        "Write {go_on} to give me as long again, or {slug} with a smaller piece of it.",
    ),
    FailureKind.CRASHED: _FailureWords("Claude Code ended in the middle of the work", _GO_ON),
    FailureKind.SESSION_LOST: _FailureWords(
        "I can no longer read what we said so far",
        "Write {slug} with what is still to do: I start afresh from this thread and the branch.",
    ),
    FailureKind.CHECKOUT_FAILED: _FailureWords(
        "I could not get the repository’s code",
        "Check that the App may read this repository and that it has a default branch. "
        "Then write {go_on} to try again.",
    ),
    FailureKind.PUSH_REFUSED: _FailureWords(
        "GitHub did not take my push",
        "My commits are safe where I run. Check that the App may write here and that no rule guards the branch. "
        "Then write {go_on} to push again.",
    ),
    FailureKind.PROTECTED: _FailureWords(
        "my commits change files that I must not touch here",
        "Nothing of it was pushed, and my commits are safe where I run. Write {go_on} to have me leave those files "
        "alone; `.github/ove.yml` says which they are.",
    ),
    FailureKind.BRANCH_MOVED: _FailureWords(
        "somebody else has pushed to my branch meanwhile",
        "Nothing of theirs was touched, and my commits are safe where I run. "
        "Write {go_on} to let me merge theirs and push again.",
    ),
    FailureKind.PUBLISH_FAILED: _FailureWords(
        "GitHub did not take my result",
        "Check that the App may write contents, issues and pull requests here. Then write {go_on} to try again.",
    ),
    FailureKind.CHECKS_RED: _FailureWords("checks are still red", "Write {go_on} with a hint, or take it from there."),
    FailureKind.CRASHED_TOO_OFTEN: _FailureWords(
        "I was cut off again and again in the middle of it",
        "Whoever runs me finds the reason in the log. Write {go_on} to try once more.",
    ),
    FailureKind.INTERNAL: _FailureWords(
        "I ran into a mistake of my own",
        "Whoever runs me finds it in the log. Write {go_on} to try once more.",
    ),
}


def agent_failure(reason: FailureReason, detail: str) -> Failure:
    """A failure of the agent's turn."""
    return Failure(FailureKind(reason.value), detail)


def protected_paths(paths: Sequence[str]) -> Failure:
    """The failure of a task whose commits change what they must not."""
    shown = ", ".join(paths[:5])
    more = f", and {len(paths) - 5} more" if len(paths) > 5 else ""
    return Failure(FailureKind.PROTECTED, f"they change {shown}{more}")


def failure(login: str, problem: Failure, kept: Kept, slug: str) -> str:
    """The comment that tells of a failure: what happened, what is kept, how to go on."""
    words = _FAILURES[problem.kind]
    then = words.then.format(go_on=command(slug, "continue"), slug=command(slug, ""))
    return comment(
        f"@{login}, **I could not finish: {words.what}.** {sentence(problem.detail)}".rstrip(),
        " ".join(filter(None, (what_is_kept(kept), then))),
    )


def what_happened(problem: Failure) -> str:
    """The reason in a few words, as they stand behind “I could not finish:”."""
    return _FAILURES[problem.kind].what


def what_is_kept(kept: Kept) -> str:
    """What is kept of the work, as a sentence; empty when nothing is."""
    if kept.branch is None:
        return ""
    branch = link(code(kept.branch), kept.url)
    if kept.commits <= 0:
        return f"What I did so far is on {branch}."
    return f"Nothing is lost: {'1 commit is' if kept.commits == 1 else f'{kept.commits} commits are'} on {branch}."
