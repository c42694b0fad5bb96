"""Webhook payloads, cut down to the documented fields that the service reads, and their signature.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from ove_gh.tasks import Person, Place

Json = dict[str, Any]

PLACE = Place(installation_id=7, repository_id=42, full_name="alice/shop", number=3)


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
        "installation": {"id": PLACE.installation_id},
        "repository": {"id": PLACE.repository_id, "full_name": PLACE.full_name},
        "sender": sender.as_json(),
        "issue": {
            "number": number,
            "title": title,
            "body": body,
            "user": issue_author.as_json(),
            "html_url": f"https://github.example/alice/shop/issues/{number}",
        },
    }


def _comment(body: str, author: Account, comment_id: int, number: int, association: str) -> Json:
    return {
        "id": comment_id,
        "body": body,
        "user": author.as_json(),
        "author_association": association,
        "html_url": f"https://github.example/alice/shop/issues/{number}#issuecomment-{comment_id}",
    }
