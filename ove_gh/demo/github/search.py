"""Finds issues, pull requests and code: within the repositories that a token opens, and no others.

https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests
https://docs.github.com/en/search-github/github-code-search/understanding-github-code-search-syntax
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ove_gh.demo.github.records import Issue, Repository, Token
from ove_gh.demo.github.refusals import Refused
from ove_gh.demo.github.search_query import LONGEST, Qualifier, Query, read_query
from ove_gh.demo.github.world import World

_PLACES = ("repo", "user", "org")
_FILE_TESTS: dict[str, Callable[[str, str], bool]] = {
    "path": lambda path, value: fnmatchcase(path, value) if "*" in value else path.startswith(value.strip("/")),
    "filename": lambda path, value: path.rpartition("/")[2] == value,
    "extension": lambda path, value: path.endswith(f".{value.lstrip('.')}"),
}
_ISSUE_TESTS: dict[str, Callable[[Issue, str], bool]] = {
    "author": lambda issue, value: issue.login.lower() == _login(value),
    "commenter": lambda issue, value: any(one.login.lower() == _login(value) for one in issue.comments),
    "label": lambda issue, value: any(one.name.lower() == value for one in issue.labels),
    "state": lambda issue, value: _is(issue, value),
    "type": lambda issue, value: _is(issue, value),
    "is": lambda issue, value: _is(issue, value),
}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a repository's default branch, with the text in which the words were found."""

    repository: Repository
    path: str
    sha: str
    text: str


def read_issue_query(text: str) -> Query:
    """Read a query for issues; raises Refused."""
    return _checked(read_query(text, {*_PLACES, *_ISSUE_TESTS, "in"}))


def read_code_query(text: str) -> Query:
    """Read a query for code, which needs something to look for; raises Refused."""
    query = _checked(read_query(text, {*_PLACES, *_FILE_TESTS, "in"}))
    if not query.words:
        raise invalid_query("ERROR_TYPE_QUERY_PARSING_FATAL unable to parse query!")
    return query


def _checked(query: Query) -> Query:
    if sum(map(len, query.words)) > LONGEST:
        raise invalid_query(f"The search is longer than {LONGEST} characters.")
    return query


def invalid_query(message: str) -> Refused:
    """422 for a query, with a sentence of its own."""
    return Refused(
        422, "Validation Failed", ({"message": message, "resource": "Search", "field": "q", "code": "invalid"},)
    )


def _repositories(world: World, token: Token, query: Query) -> list[Repository]:
    """Those that the query names, or all that the token opens; raises Refused for one that it does not open."""
    opened = [one for one in world.repositories.values() if token.covers(one)]
    named, owners = query.values("repo"), query.values("user") + query.values("org")
    unknown = set(named) - {one.full_name.lower() for one in opened}
    if unknown or set(owners) - {one.owner.login.lower() for one in opened}:
        raise invalid_query(
            "The listed users and repositories cannot be searched either because the resources do not exist or you do"
            " not have permission to view them."
        )
    if not named and not owners:
        return opened
    return [one for one in opened if one.full_name.lower() in named or one.owner.login.lower() in owners]


# Issues


def find_issues(world: World, token: Token, query: Query) -> Iterator[Issue]:
    """The issues and pull requests that fit, by repository and number, as far as the token may read them."""
    for repository in _repositories(world, token, query):
        for issue in repository.issues.values():
            if _readable(token, issue) and all(map(_qualified(issue), query.qualifiers)) and _says(issue, query):
                yield issue


def _readable(token: Token, issue: Issue) -> bool:
    return token.allows("issues", "read") or (issue.pull is not None and token.allows("pull_requests", "read"))


def _qualified(issue: Issue) -> Callable[[Qualifier], bool]:
    def fits(one: Qualifier) -> bool:
        test = _ISSUE_TESTS.get(one.name)
        return test is None or test(issue, one.value) == one.wanted

    return fits


def _login(value: str) -> str:
    """An account's login; `app/ove` is how a search names the bot of an App."""
    return f"{value.removeprefix('app/')}[bot]" if value.startswith("app/") else value


def _is(issue: Issue, value: str) -> bool:
    pull = issue.pull
    facts = {
        "issue": pull is None,
        "pr": pull is not None,
        "pull-request": pull is not None,
        "open": issue.state == "open",
        "closed": issue.state == "closed",
        "merged": pull is not None and pull.merged,
        "unmerged": pull is not None and not pull.merged,
        "draft": pull is not None and pull.draft,
        "locked": issue.locked,
        "unlocked": not issue.locked,
        "public": not issue.repository.private,
        "private": issue.repository.private,
    }
    if value not in facts:
        raise invalid_query(f"The value {value} is not one that can be searched for.")
    return facts[value]


def _says(issue: Issue, query: Query) -> bool:
    """Whether title, body and comments (or what `in:` names of them) hold every word, and none that is unwanted."""
    places = {
        "title": issue.title,
        "body": issue.body or "",
        "comments": "\n".join(comment.body for comment in issue.comments),
    }
    named = {place for value in query.values("in") for place in value.split(",")} & places.keys()
    text = "\n".join(places[place] for place in (named or places)).lower()
    return all(word in text for word in query.words) and not any(word in text for word in query.unwanted)


# Code


def find_code(world: World, token: Token, query: Query) -> Iterator[FoundFile]:
    """The files of default branches that hold every word (in their path, with `in:path`), as far as the token reads."""
    if not token.allows("contents", "read"):
        return
    for repository in _repositories(world, token, query):
        head = repository.git.branch(repository.default_branch)
        if head is not None:
            yield from _files(repository, head, query)


def _files(repository: Repository, head: str, query: Query) -> Iterator[FoundFile]:
    unwanted = {path for word in query.unwanted for path in repository.git.grep(head, [word])}
    for path in _candidates(repository, head, query):
        tests = ((_FILE_TESTS.get(one.name), one) for one in query.qualifiers)
        fits = all(test is None or test(path.lower(), one.value) == one.wanted for test, one in tests)
        blob = repository.git.blob(head, path)
        if fits and path not in unwanted and blob is not None:
            yield FoundFile(repository, path, blob[0], blob[1].decode(errors="replace"))


def _candidates(repository: Repository, head: str, query: Query) -> tuple[str, ...]:
    if "path" not in query.values("in"):
        return repository.git.grep(head, query.words)
    return tuple(path for path in repository.git.paths(head) if all(word in path.lower() for word in query.words))


# What was found where


def text_matches(url: str, kind: str, name: str, text: str, words: tuple[str, ...]) -> list[dict[str, Any]]:
    """The lines of a text that hold a word, each with the places of the words in it, as `text_matches` shows them."""
    found = []
    for line in text.splitlines():
        matches = [_match(line, at, word) for word in words for at in [line.lower().find(word)] if at >= 0]
        if matches:
            found.append(
                {"object_url": url, "object_type": kind, "property": name, "fragment": line, "matches": matches}
            )
    return found


def _match(line: str, at: int, word: str) -> dict[str, Any]:
    return {"text": line[at : at + len(word)], "indices": [at, at + len(word)]}
