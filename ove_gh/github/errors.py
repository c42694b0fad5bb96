"""What can go wrong between us and GitHub, as a small tree by blame. Callers read fields, never prose.

GitHubError
├── GitHubUnavailable      GitHub's fault, or the network's: try again later
├── GitHubRefused          an answer that stays the same until somebody changes something
│   ├── BadCredentials     401: the App's key, id or clock is wrong
│   ├── Forbidden          403: a permission is missing, or the thread is locked
│   ├── NotFound           404: it is not there, or we may not see it
│   ├── TooLarge           406: more than GitHub shows at once
│   ├── Gone               410: deleted, or issues are switched off
│   ├── Unprocessable      422: GitHub understood and will not do it; `problems` says why
│   └── NotInstalled       no token for this repository: uninstalled, suspended, or not granted
└── UnexpectedAnswer       an answer that does not have the documented shape
    └── UnreadableFile     a file of the repository that is too large, or no text
"""

from __future__ import annotations

from dataclasses import dataclass


class GitHubError(Exception):
    """A call to GitHub did not bring what was asked for.

    `may_have_happened` is False when the deed was certainly not done. When it is True, look before you repeat it.
    """

    may_have_happened: bool = False


class GitHubUnavailable(GitHubError):
    """GitHub could not be reached, did not answer in time, answered 5xx, or asked us to slow down.

    `retry_after` is in seconds and `retry_at` in seconds since the epoch; both are None when GitHub named no time.
    `limited` tells a rate limit from an outage. `reason` is one plain line.
    """

    def __init__(
        self,
        request: str,
        reason: str,
        *,
        may_have_happened: bool,
        retry_after: float | None = None,
        retry_at: float | None = None,
        limited: bool = False,
    ) -> None:
        super().__init__(f"{request}: {reason}")
        self.request = request
        self.reason = reason
        self.may_have_happened = may_have_happened
        self.retry_after = retry_after
        self.retry_at = retry_at
        self.limited = limited


class GitHubRefused(GitHubError):
    """GitHub answered with a refusal; nothing was done. `message` is GitHub's, `documentation_url` its help page."""

    def __init__(self, request: str, status: int, message: str, documentation_url: str | None = None) -> None:
        super().__init__(f"{request}: {status} {message}")
        self.request = request
        self.status = status
        self.message = message
        self.documentation_url = documentation_url


class BadCredentials(GitHubRefused):
    """401, also with a fresh token; or 404 for the App itself, whose id GitHub does not know."""


class Forbidden(GitHubRefused):
    """403 that is no rate limit."""


class NotFound(GitHubRefused):
    """404. GitHub answers so as well for what the App may not see."""


class TooLarge(GitHubRefused):
    """406: the diff has more than the 20,000 lines or 300 files that GitHub shows at once.
    https://docs.github.com/en/repositories/creating-and-managing-repositories/repository-limits#diff-limits
    """


class Gone(GitHubRefused):
    """410: the issue was deleted, or the repository's issues are switched off."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of a 422's `errors`; what GitHub left out is empty. `code` is explained at
    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed
    """

    resource: str = ""
    field: str = ""
    code: str = ""
    message: str = ""


class Unprocessable(GitHubRefused):
    """422, with GitHub's reasons in `problems`."""

    def __init__(
        self,
        request: str,
        status: int,
        message: str,
        documentation_url: str | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        reasons = "; ".join(p.message or f"{p.field} {p.code}".strip() for p in problems)
        super().__init__(request, status, f"{message} ({reasons})" if reasons else message, documentation_url)
        self.problems = problems


class NotInstalled(GitHubRefused):
    """GitHub gives no token for this repository: the App was removed or suspended, the repository was taken from the
    installation, or a permission that the call needs was not granted."""


class UnexpectedAnswer(GitHubError):
    """GitHub, or something that answers in its place, sent what its documentation does not describe."""

    def __init__(self, subject: str, problem: str, *, may_have_happened: bool = False) -> None:
        super().__init__(f"{subject}: {problem}")
        self.subject = subject
        self.problem = problem
        self.may_have_happened = may_have_happened


class UnreadableFile(UnexpectedAnswer):
    """There is something at a path of the repository, but no text that we could read; `problem` says what is wrong."""
