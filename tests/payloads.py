"""Webhook payloads, cut down to the documented fields that the service reads, and their signature.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from ove_gh.tasks import Home, Person, Place

Json = dict[str, Any]

HOME = Home(installation_id=7, repository_id=42, full_name="alice/shop")
PLACE = Place(HOME.installation_id, HOME.repository_id, HOME.full_name, number=3)

APP_ID = 1234
"""The App's own id."""
GITHUB_ACTIONS = 15368
"""The id of the app whose check runs are the jobs of GitHub Actions."""

BASE = "b" * 40
HEAD = "a" * 40
NO_COMMIT = "0" * 40
"""What stands for the commit of a branch that is not there."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account on GitHub."""

    id: int
    login: str
    type: str = "User"

    @property
    def person(self) -> Person:
        """The account as the service knows it."""
        return Person(self.id, self.login)

    def as_json(self) -> Json:
        """The account as GitHub sends it."""
        return {"id": self.id, "login": self.login, "type": self.type}


ALICE = Account(1, "alice")
BOB = Account(2, "bob")
STRANGER = Account(3, "mallory")
APP = Account(99, "ove[bot]", "Bot")
OTHER_BOT = Account(98, "dependabot[bot]", "Bot")


def issue_opened(
    body: str | None, *, author: Account = ALICE, title: str = "The total is wrong", number: int = 3
) -> Json:
    """`author` opened an issue."""
    return {"action": "opened", **_where(number, author, title=title, issue_author=author, body=body)}


def comment_created(
    body: str,
    *,
    author: Account = ALICE,
    sender: Account | None = None,
    comment_id: int = 5,
    number: int = 3,
    association: str = "OWNER",
) -> Json:
    """`author` wrote a comment."""
    return {
        "action": "created",
        **_where(number, sender or author),
        "comment": _comment(body, author, comment_id, number, association),
    }


def comment_edited(
    before: str, after: str, *, editor: Account = ALICE, author: Account = APP, comment_id: int = 6, number: int = 3
) -> Json:
    """`editor` changed a comment that `author` had written."""
    return {
        "action": "edited",
        **_where(number, editor),
        "changes": {"body": {"from": before}},
        "comment": _comment(after, author, comment_id, number, "NONE"),
    }


def check_run_changed(
    action: str = "completed",
    *,
    sha: str = HEAD,
    status: str = "completed",
    conclusion: str | None = "success",
    name: str = "test",
    app_id: int = GITHUB_ACTIONS,
    external_id: str = "",
    sender: Account = BOB,
) -> Json:
    """A check run was made, or ended, or is to run again."""
    return {
        "action": action,
        "check_run": {
            "id": 11,
            "name": name,
            "head_sha": sha,
            "external_id": external_id,
            "html_url": "https://github.example/alice/shop/runs/11",
            "status": status,
            "conclusion": conclusion,
            "app": {"id": app_id},
            "pull_requests": [],
        },
        **_from_repository(sender),
    }


def button_pressed(
    button: str, *, by: Account = ALICE, external_id: str = "", app_id: int = APP_ID, sha: str = HEAD
) -> Json:
    """`by` pressed a button of a check run of the App's own."""
    changed = check_run_changed(
        "requested_action", sha=sha, name="ove", app_id=app_id, external_id=external_id, sender=by
    )
    return {**changed, "requested_action": {"identifier": button}}


def check_suite_changed(action: str = "completed", *, sha: str = HEAD) -> Json:
    """All check runs that one app made for a commit ended."""
    return {"action": action, "check_suite": {"id": 12, "head_sha": sha}, **_from_repository(BOB)}


def workflow_run_changed(action: str = "completed", *, sha: str = HEAD) -> Json:
    """A workflow of GitHub Actions ended."""
    return {"action": action, "workflow_run": {"id": 13, "head_sha": sha}, **_from_repository(BOB)}


def status_changed(state: str = "success", *, sha: str = HEAD) -> Json:
    """Somebody reported a commit status."""
    return {"sha": sha, "state": state, "context": "build", **_from_repository(BOB)}


def branch_pushed(
    branch: str = "main",
    *,
    by: Account = BOB,
    before: str = BASE,
    after: str = HEAD,
    commits: list[Json] | None = None,
    forced: bool = False,
    default_branch: str = "main",
) -> Json:
    """`by` pushed to a branch, made it (`before` is NO_COMMIT) or deleted it (`after` is)."""
    payload = _from_repository(by)
    payload["repository"]["default_branch"] = default_branch
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "created": before == NO_COMMIT,
        "deleted": after == NO_COMMIT,
        "forced": forced,
        "commits": [pushed_commit(modified=["cart.py"])] if commits is None else commits,
        "pusher": {"name": by.login},
        **payload,
    }


def pushed_commit(
    *, added: list[str] | None = None, modified: list[str] | None = None, removed: list[str] | None = None
) -> Json:
    """One of the commits of a push."""
    return {"id": HEAD, "added": added or [], "modified": modified or [], "removed": removed or []}


def pull_changed(
    action: str,
    *,
    number: int = 4,
    sha: str = HEAD,
    state: str = "open",
    merged: bool | None = False,
    changes: Json | None = None,
    by: Account = BOB,
) -> Json:
    """`by` did something with a pull request."""
    return {
        "action": action,
        "number": number,
        "pull_request": {"number": number, "state": state, "merged": merged, "head": {"sha": sha}},
        **({"changes": changes} if changes is not None else {}),
        **_from_repository(by),
    }


def review_submitted(
    body: str | None = None,
    *,
    author: Account = ALICE,
    state: str = "changes_requested",
    review_id: int = 31,
    number: int = 4,
    pull_author: Account | None = APP,
    sender: Account | None = None,
) -> Json:
    """`author` has reviewed a pull request, by default one of the App's own."""
    return {
        "action": "submitted",
        "review": {
            "id": review_id,
            "user": author.as_json(),
            "body": body,
            "state": state,
            "html_url": f"https://github.example/alice/shop/pull/{number}#pullrequestreview-{review_id}",
        },
        "pull_request": _pull(number, pull_author),
        **_from_repository(sender or author),
    }


def review_comment_created(
    body: str,
    *,
    author: Account = ALICE,
    review_id: int = 31,
    comment_id: int = 41,
    number: int = 4,
    pull_author: Account | None = APP,
    sender: Account | None = None,
) -> Json:
    """`author` wrote a comment on lines of a pull request, as a part of a review."""
    return {
        "action": "created",
        "comment": {
            "id": comment_id,
            "pull_request_review_id": review_id,
            "user": author.as_json(),
            "body": body,
            "html_url": f"https://github.example/alice/shop/pull/{number}#discussion_r{comment_id}",
        },
        "pull_request": _pull(number, pull_author),
        **_from_repository(sender or author),
    }


def issue_labeled(label: str, *, by: Account = ALICE, number: int = 3) -> Json:
    """`by` put a label on an issue."""
    return {"action": "labeled", "label": {"name": label}, **_where(number, by)}


def pull_labeled(label: str, *, by: Account = ALICE, number: int = 4) -> Json:
    """`by` put a label on a pull request."""
    about = {"label": {"name": label}, "pull_request": _pull(number, APP)}
    return {"action": "labeled", **about, **_from_repository(by)}


def signature(secret: str, body: bytes) -> str:
    """The X-Hub-Signature-256 header with which GitHub sends a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _where(
    number: int,
    sender: Account,
    *,
    title: str = "The total is wrong",
    issue_author: Account = ALICE,
    body: str | None = "It is",
) -> Json:
    return {
        **_from_repository(sender),
        "issue": {
            "number": number,
            "title": title,
            "body": body,
            "user": issue_author.as_json(),
            "html_url": f"https://github.example/alice/shop/issues/{number}",
        },
    }


def _pull(number: int, author: Account | None) -> Json:
    return {
        "number": number,
        "title": "Round the total",
        "user": author.as_json() if author is not None else None,
        "html_url": f"https://github.example/alice/shop/pull/{number}",
    }


def _from_repository(sender: Account) -> Json:
    return {
        "installation": {"id": HOME.installation_id},
        "repository": {"id": HOME.repository_id, "full_name": HOME.full_name},
        "sender": sender.as_json(),
    }


def _comment(body: str, author: Account, comment_id: int, number: int, association: str) -> Json:
    return {
        "id": comment_id,
        "body": body,
        "user": author.as_json(),
        "author_association": association,
        "html_url": f"https://github.example/alice/shop/issues/{number}#issuecomment-{comment_id}",
    }
