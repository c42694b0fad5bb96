"""What can go wrong with a checkout, by blame: GitHub's end, the repository's owner, the agent's side, ours."""

from __future__ import annotations

import re
from enum import StrEnum


class CheckoutError(Exception):
    """Anything that kept a checkout from being prepared, collected or pushed."""


class RemoteUnavailable(CheckoutError):
    """The server did not answer, answered 429 or 5xx, or broke off: the same call may succeed later."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


class RemoteDenied(CheckoutError):
    """The server refused the token, or shows it no such repository. `status` is 401, 403, 404 … where it was told."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


class EmptyRepository(CheckoutError):
    """The repository has no commits yet, so there is nothing to build on and no base for a pull request."""


class BranchMissing(CheckoutError):
    """The base branch is not on the server (any more): it was renamed or deleted."""

    def __init__(self, branch: str) -> None:
        super().__init__(f"there is no branch {branch}")
        self.branch = branch


class Rejection(StrEnum):
    """Why a push was not accepted."""

    NON_FAST_FORWARD = "non_fast_forward"
    """The branch holds commits that ours does not build on: somebody else pushed, or history was rewritten."""
    PROTECTED = "protected"
    """A branch protection or a ruleset forbids it."""
    SECRETS = "secrets"
    """GitHub's push protection found what looks like a secret."""
    WORKFLOW_PERMISSION = "workflow_permission"
    """The commits touch .github/workflows, and the App may not."""
    TOO_LARGE = "too_large"
    """A file, or the whole push, is above the server's limit."""
    HOOK_DECLINED = "hook_declined"
    DEFAULT_BRANCH = "default_branch"
    """We ourselves never push to the default branch; nothing was sent."""
    OTHER = "other"


class PushRejected(CheckoutError):
    """The push was refused for good. `message` holds the server's own words, plain text of several lines."""

    def __init__(self, reason: Rejection, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class UnexpectedHistory(CheckoutError):
    """The clone's head does not build on what it has to: pushed commits were rewritten, or the history is unrelated."""

    def __init__(self, expected: str, head: str) -> None:
        super().__init__(f"{head} does not build on {expected}")
        self.expected = expected
        self.head = head


class AgentSideFailed(CheckoutError):
    """A command in the agent's clone failed, or what it handed over does not hold. The mirror is as it was."""

    def __init__(self, command: str, detail: str) -> None:
        super().__init__(f"{command}: {detail}")
        self.command = command
        self.detail = detail


class GitFailed(CheckoutError):
    """A git command in our own mirror failed, for none of the reasons above."""

    def __init__(self, command: str, code: int, detail: str) -> None:
        super().__init__(f"{command} ended with {code}: {detail}")
        self.command = command
        self.code = code
        self.detail = detail


_STATUS = re.compile(r"(?:returned error: |HTTP(?:/[\d.]+)? )(\d{3})")
_DENIED = re.compile(
    r"Authentication failed for|could not read (?:Username|Password) for|[Rr]epository (?:'.*' )?not found"
    r"|Write access to repository not granted|archived so it is read-only"
)
_UNAVAILABLE = re.compile(
    r"unable to access '|hung up|early EOF|RPC failed|timed out|rate limit|Internal Server Error|unexpected disconnect"
)


def remote_failure(complaint: str) -> RemoteDenied | RemoteUnavailable | None:
    """Read what git said (LC_ALL=C) about a server it talked to; None when the server is not to blame."""
    found = _STATUS.search(complaint)
    status = int(found.group(1)) if found else None
    if "rate limit" in complaint or (status is not None and (status == 429 or status >= 500)):
        return RemoteUnavailable(complaint, status)
    if _DENIED.search(complaint) or status in {401, 403, 404, 410, 451}:
        return RemoteDenied(complaint, status)
    if _UNAVAILABLE.search(complaint):
        return RemoteUnavailable(complaint, status)
    return None


_REJECTED = re.compile(r"^!\t[^\t]*\t\[(?:remote )?rejected\] \((?P<why>.*)\)$", re.MULTILINE)
_REASONS = (
    (re.compile(r"non-fast-forward|fetch first"), Rejection.NON_FAST_FORWARD),
    (re.compile(r"refusing to allow .* workflow"), Rejection.WORKFLOW_PERMISSION),
    (re.compile(r"GH001|file size limit|[Ll]arge files detected|HTTP 413|maximum allowed size"), Rejection.TOO_LARGE),
    (re.compile(r"GH009|cannot contain secrets|[Ss]ecrets detected"), Rejection.SECRETS),
    (re.compile(r"protected branch|GH006|GH013|rule violations"), Rejection.PROTECTED),
    (re.compile(r"hook declined"), Rejection.HOOK_DECLINED),
)
_MESSAGE_LIMIT = 2000


def push_failure(report: str, complaint: str) -> CheckoutError | None:
    """Read the report (stdout) and the complaint (stderr) of `git push --porcelain`; None: the server is not to blame.

    The words in brackets are described at https://git-scm.com/docs/git-push#_output, GitHub's own at
    https://docs.github.com/repositories/working-with-files/managing-large-files/about-large-files-on-github and
    https://docs.github.com/code-security/secret-scanning/working-with-secret-scanning-and-push-protection
    """
    rejected = _REJECTED.search(report)
    if rejected is None and "HTTP 413" not in complaint:
        return remote_failure(complaint)
    why = rejected.group("why") if rejected else "HTTP 413"
    if "Internal Server Error" in why:
        return RemoteUnavailable(why)
    words = _said_by_server(complaint)
    reason = next((reason for pattern, reason in _REASONS if pattern.search(f"{why}\n{words}")), Rejection.OTHER)
    return PushRejected(reason, "\n".join(part for part in (words, why) if part)[:_MESSAGE_LIMIT])


def _said_by_server(complaint: str) -> str:
    lines = [line.removeprefix("remote:").strip() for line in complaint.splitlines() if line.startswith("remote:")]
    return "\n".join("".join(c for c in line if c.isprintable()) for line in lines if line)
