"""What REST endpoints have in common: the table's row, the call, the answer, reading bodies, pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from ove_gh.demo.github.access import Caller
from ove_gh.demo.github.clock import read_stamp
from ove_gh.demo.github.records import Actor, App, Comment, Issue, Reaction, Repository, Token
from ove_gh.demo.github.refusals import Refused, malformed
from ove_gh.demo.github.review_records import ReviewComment
from ove_gh.demo.github.threads import add_reaction
from ove_gh.demo.github.world import World

T = TypeVar("T")

Resource = Literal["core", "search", "code_search"]
"""Each has a rate limit of its own."""

Door = Literal["app", "installation", "anyone"]
"""Who may knock: an App with its JWT, an installation with its token, or anyone who is known or not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers. `content` is JSON, or bytes as they are, or None for an empty body."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One call of an endpoint, after the door has let it in."""

    world: World
    caller: Caller
    path: str
    params: Mapping[str, Any]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw_body: bytes
    found_repository: Repository | None = None

    @property
    def repository(self) -> Repository:
        """The repository that the path names."""
        assert self.found_repository is not None, "the endpoint's path names no repository"
        return self.found_repository

    @property
    def app(self) -> App:
        """The App that calls with its JWT."""
        assert self.caller.app is not None, "the endpoint is not for Apps"
        return self.caller.app

    @property
    def token(self) -> Token:
        """The token that an installation calls with."""
        assert self.caller.token is not None, "the endpoint is not for installations"
        return self.caller.token

    @property
    def actor(self) -> Actor:
        """In whose name the call acts."""
        return self.caller.actor

    def body(self) -> Body:
        """The JSON object that was sent (an empty body is an empty object); raises Refused with 400."""
        try:
            read = json.loads(self.raw_body or b"{}")
        except ValueError:
            raise Refused(400, "Problems parsing JSON") from None
        if not isinstance(read, dict):
            raise Refused(400, "Body should be a JSON object")
        return Body(read)


@dataclass(frozen=True, slots=True)
class Body:
    """A request's JSON object, read field by field; each reader raises Refused with 422 for another type."""

    fields: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """A string, or None when it is missing or null."""
        value = self.fields.get(name)
        if value is None or isinstance(value, str):
            return value
        raise malformed(f"For 'properties/{name}', {json.dumps(value)} is not a string.")

    def needed_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise malformed(f'"{name}" wasn\'t supplied.')
        return value

    def number(self, name: str) -> int | None:
        """A whole number, or None."""
        value = self.fields.get(name)
        if value is None or type(value) is int:
            return value
        raise malformed(f"For 'properties/{name}', {json.dumps(value)} is not an integer.")

    def needed_number(self, name: str) -> int:
        """A whole number that must be there."""
        value = self.number(name)
        if value is None:
            raise malformed(f'"{name}" wasn\'t supplied.')
        return value

    def flag(self, name: str, default: bool) -> bool:
        """A boolean."""
        value = self.fields.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        raise malformed(f"For 'properties/{name}', {json.dumps(value)} is not a boolean.")

    def listed(self, name: str, kind: type[T]) -> list[T] | None:
        """A list with items of one type, or None."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, list) and all(type(item) is kind for item in value):
            return value
        raise malformed(f"For 'properties/{name}', {json.dumps(value)} is not an array of {kind.__name__}.")

    def mapping(self, name: str) -> dict[str, str] | None:
        """An object whose values are strings, or None."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
            return value
        raise malformed(f"For 'properties/{name}', {json.dumps(value)} is not an object of strings.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the API's table.

    `path` is written as Starlette writes paths; one with `{owner}/{repo}` finds the repository first. `needs` is what
    X-Accepted-GitHub-Permissions says, `docs` the page below https://docs.github.com/rest, `resource` the rate limit
    that it counts for.
    """

    method: str
    path: str
    handler: Callable[[Call], Answer]
    door: Door
    docs: str
    needs: str = "metadata=read"
    resource: Resource = "core"


def page_of(call: Call, items: Sequence[T], *, most: int = 100) -> tuple[Sequence[T], dict[str, str]]:
    """The page that the call asks for, with the Link header that leads to the others.

    https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    size = min(max(_number(call.query.get("per_page"), 30), 1), most)
    page = max(_number(call.query.get("page"), 1), 1)
    last = max(-(-len(items) // size), 1)
    links: dict[str, int] = {}
    if page > 1:
        links |= {"prev": page - 1, "first": 1}
    if page < last:
        links |= {"next": page + 1, "last": last}
    base = f"{call.world.shapes.api_url}{call.path}"
    written = (f'<{base}?{urlencode({**call.query, "page": n})}>; rel="{rel}"' for rel, n in links.items())
    return items[(page - 1) * size : page * size], {"Link": ", ".join(written)} if links else {}


def paged(call: Call, items: Sequence[T], shape: Callable[[T], Any]) -> Answer:
    """One page of a list."""
    page, headers = page_of(call, items)
    return Answer([shape(item) for item in page], headers=headers)


def since_of(call: Call) -> datetime | None:
    """The time in `since`, or None; raises Refused with 422 when it is none."""
    text = call.query.get("since")
    try:
        return read_stamp(text) if text else None
    except ValueError:
        raise malformed("For 'since', a time in ISO 8601 format is needed.") from None


def reactions_of(call: Call, reactions: Sequence[Reaction]) -> Answer:
    """A page of reactions; `content` chooses one kind."""
    wanted = call.query.get("content")
    return paged(call, [one for one in reactions if wanted in (None, one.content)], call.world.shapes.reaction)


def react_to(call: Call, target: Issue | Comment | ReviewComment) -> Answer:
    """React: 201, or 200 when that reaction is there already."""
    reaction, is_new = add_reaction(call.world, call.actor, target, call.body().needed_text("content"))
    return Answer(call.world.shapes.reaction(reaction), 201 if is_new else 200)


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
