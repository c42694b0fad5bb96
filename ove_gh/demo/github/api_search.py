"""The API of search.

https://docs.github.com/en/rest/search/search
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ove_gh.demo.github.endpoints import Answer, Call, Endpoint, page_of
from ove_gh.demo.github.media import form, with_body
from ove_gh.demo.github.records import Issue
from ove_gh.demo.github.refusals import malformed
from ove_gh.demo.github.search import FoundFile, find_code, find_issues, read_code_query, read_issue_query, text_matches
from ove_gh.demo.github.shapes import Json

T = TypeVar("T")

MOST_FOUND = 1000
"""Results that can be had of one search, however many there are."""
_SORTED_BY: dict[str, Callable[[Issue], Any]] = {
    "created": lambda issue: issue.created_at,
    "updated": lambda issue: issue.updated_at,
    "comments": lambda issue: len(issue.comments),
}


def search_issues(call: Call) -> Answer:
    """Issues and pull requests: newest first, unless `sort` and `order` say otherwise."""
    query = read_issue_query(_needed_q(call))
    key = _SORTED_BY.get(call.query.get("sort", ""), _SORTED_BY["created"])
    found = sorted(find_issues(call.world, call.token, query), key=lambda one: (key(one), one.id))
    if call.query.get("order", "desc") != "asc":
        found.reverse()

    def shape(issue: Issue) -> Json:
        shown = with_body(call, issue.repository, call.world.shapes.issue(issue)) | {"score": 1.0}
        if form(call) == "text-match":
            texts = {"title": issue.title, "body": issue.body or ""}
            shown["text_matches"] = [
                one for name in texts for one in text_matches(shown["url"], "Issue", name, texts[name], query.words)
            ]
        return shown

    return _results(call, found, shape, search_type="lexical")


def search_code(call: Call) -> Answer:
    """Files of default branches."""
    query = read_code_query(_needed_q(call))

    def shape(file: FoundFile) -> Json:
        repository, world = file.repository, call.world
        head = repository.git.branches()[repository.default_branch]
        content = world.shapes.content(repository, file.path, head, file.sha, "file", len(file.text))
        shown = {name: content[name] for name in ("name", "path", "sha", "url", "git_url", "html_url")}
        shown |= {"repository": world.shapes.minimal_repository(repository), "score": 1.0}
        if form(call) == "text-match":
            shown["text_matches"] = text_matches(shown["url"], "FileContent", "content", file.text, query.words)
        return shown

    return _results(call, list(find_code(call.world, call.token, query)), shape)


def _needed_q(call: Call) -> str:
    text = call.query.get("q", "").strip()
    if not text:
        raise malformed('"q" wasn\'t supplied.')
    return text


def _results(call: Call, found: Sequence[T], shape: Callable[[T], Json], **more: str) -> Answer:
    page, headers = page_of(call, found[:MOST_FOUND])
    content = {"total_count": len(found), "incomplete_results": False, "items": [shape(one) for one in page]} | more
    return Answer(content, headers=headers)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/search/issues",
        search_issues,
        "installation",
        "search/search#search-issues-and-pull-requests",
        resource="search",
    ),
    Endpoint("GET", "/search/code", search_code, "installation", "search/search#search-code", resource="code_search"),
)
