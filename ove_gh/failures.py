"""What people are told when something outside the agent went wrong: an error's fields become a Failure. Pure."""

from __future__ import annotations

from ove_gh.checkout.errors import (
    BranchMissing,
    CheckoutError,
    EmptyRepository,
    PushRejected,
    Rejection,
    RemoteDenied,
    RemoteUnavailable,
    UnexpectedHistory,
)
from ove_gh.comments import Failure, FailureKind
from ove_gh.github.errors import GitHubError, GitHubRefused, GitHubUnavailable

_REJECTIONS = {
    Rejection.PROTECTED: "a rule protects the branch",
    Rejection.SECRETS: "its push protection found what looks like a secret",
    Rejection.WORKFLOW_PERMISSION: "the commits change .github/workflows, and the App may not",
    Rejection.TOO_LARGE: "a file is too large for GitHub",
    Rejection.HOOK_DECLINED: "a hook of the server declined it",
    Rejection.DEFAULT_BRANCH: "the branch is the default branch, which I never push to",
}


def failure_of(error: GitHubError | CheckoutError) -> Failure:
    """The failure that an error means for a task which it ended."""
    match error:
        case PushRejected(reason=Rejection.NON_FAST_FORWARD):
            return Failure(FailureKind.BRANCH_MOVED)
        case PushRejected():
            said = error.message.splitlines()[0] if error.message else ""
            why = _REJECTIONS.get(error.reason)
            return Failure(FailureKind.PUSH_REFUSED, f"{why} ({said})" if why and said else why or said)
        case RemoteDenied():
            return Failure(FailureKind.CHECKOUT_FAILED, "GitHub does not let the App into the repository")
        case RemoteUnavailable() | GitHubUnavailable():
            return Failure(FailureKind.PUBLISH_FAILED, "GitHub could not be reached for a long time")
        case EmptyRepository():
            return Failure(FailureKind.CHECKOUT_FAILED, "the repository has no commits yet")
        case BranchMissing():
            return Failure(FailureKind.CHECKOUT_FAILED, str(error))
        case UnexpectedHistory():
            return Failure(FailureKind.PUSH_REFUSED, "the commits do not build on what was pushed before")
        case CheckoutError():
            return Failure(FailureKind.CHECKOUT_FAILED, "git could not read the clone; the log says more")
        case GitHubRefused():
            return Failure(FailureKind.PUBLISH_FAILED, error.message)
    return Failure(FailureKind.PUBLISH_FAILED, str(error))
