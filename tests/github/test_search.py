"""Tests of searching: what is asked for, and that no words lead out of the repository."""

from __future__ import annotations

import re

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.github import errors
from ove_gh.github.models import CodeHit
from ove_gh.github.search import LONGEST_WORDS, quoted
from tests.github import samples
from tests.github.samples import API, REPO, found_file, found_issue, grant_tokens, open_repository, sent

pytestmark = pytest.mark.anyio

ISSUES, CODE = f"{API}/search/issues", f"{API}/search/code"


@pytest.mark.parametrize(
    ("words", "literals"),
    [
        ("wrong total", '"wrong" "total"'),
        ('the "wrong  total" again', '"the" "wrong total" "again"'),
        ("x repo:other/secret org:acme user:bob", '"x" "repo:other/secret" "org:acme" "user:bob"'),
        ('" repo:other/secret "x', '"repo:other/secret" "x"'),
        ('x"repo:other/secret', '"x" "repo:other/secret"'),
        ("x) OR (repo:other/secret", '"x)" "OR" "(repo:other/secret"'),
        ('a\\" OR repo:b/c', '"a" "OR" "repo:b/c"'),
        ("-- :: ( )", ""),
        (" \n\t", ""),
    ],
)
def test_words_are_only_words(words: str, literals: str) -> None:
    """Qualifiers, operators, brackets and stray quotes become literals; what holds no letter or digit is left out."""
    assert quoted(words) == literals


@given(st.text(alphabet=st.sampled_from('ab1:" \\()-\n\té\u2028\u201c'), max_size=400) | st.text())
def test_nothing_stands_outside_of_quotes(words: str) -> None:
    """Whatever the words are, the query is a row of closed quotes without escapes, no longer than GitHub takes."""
    literals = quoted(words)
    assert re.fullmatch(r'("[^"\\\n]+"( (?="))?)*', literals)
    assert len(literals) <= LONGEST_WORDS


def test_words_that_are_too_many() -> None:
    """A question that is too long is shortened to the words that fit."""
    assert quoted("x" * 300 + " total " + "y" * 240 + " cart") == f'"total" "{"y" * 240}"'


@respx.mock
async def test_issues_and_pull_requests_are_searched() -> None:
    """Both kinds are asked for by themselves, under the repository's present name, and come by turns."""
    grant_tokens()
    respx.get(REPO).respond(json=samples.repository(full_name="Acme/Store"))
    here = f"{API}/repos/acme/store"

    def answer(request: httpx.Request) -> httpx.Response:
        if "is:issue" in request.url.params["q"]:
            items = [found_issue(number) for number in (3, 5, 6)]
        else:
            items = [found_issue(4, pull_request={"url": "x"}, state="closed")]
        return httpx.Response(200, json={"items": [{**item, "repository_url": here} for item in items]})

    route = respx.get(ISSUES).mock(side_effect=answer)
    async with open_repository() as repository:
        found = await repository.search_issues("total user:bob", most=3)
    assert [(hit.number, hit.is_pull, hit.state) for hit in found] == [
        (3, False, "open"),
        (4, True, "closed"),
        (5, False, "open"),
    ]
    assert [dict(call.request.url.params) for call in route.calls] == [
        {"q": f'repo:Acme/Store is:{kind} "total" "user:bob"', "per_page": "3", "page": "1"}
        for kind in ("issue", "pull-request")
    ]


@respx.mock
async def test_code_is_searched() -> None:
    """Files are found by their words, with the right to read contents, and a page of them is enough when it is."""
    grant_tokens()
    respx.get(REPO).respond(json=samples.repository())
    body = {"total_count": 200, "items": [found_file("a.py"), found_file("b.py")]}
    route = respx.get(CODE).respond(json=body, headers={"link": f'<{CODE}?page=2>; rel="next"'})
    async with open_repository() as repository:
        found = await repository.search_code("def total", most=2)
    assert found[1] == CodeHit("b.py", f"https://github.example/alice/shop/blob/{'a' * 40}/b.py")
    assert (len(found), route.call_count) == (2, 1)
    assert sent(route).url.params["q"] == 'repo:alice/shop "def" "total"'


@respx.mock
async def test_hits_in_other_repositories_are_none() -> None:
    """Should a search find something elsewhere all the same, nobody sees it."""
    grant_tokens()
    respx.get(REPO).respond(json=samples.repository())
    elsewhere = [f"{API}/repos/alice/shopping", f"{API}/repos/malice/shop", f"{API}/repos/alice/shop/x"]
    respx.get(ISSUES).respond(json={"items": [{**found_issue(), "repository_url": url} for url in elsewhere]})
    respx.get(CODE).respond(json={"items": [found_file(repository={"id": 43})]})
    async with open_repository() as repository:
        assert await repository.search_issues("total") == []
        assert await repository.search_code("total") == []


@respx.mock
async def test_no_words_find_nothing() -> None:
    """Without any word GitHub is not asked at all."""
    async with open_repository() as repository:
        assert await repository.search_issues(' "" ') == []
        assert await repository.search_code("...") == []


@respx.mock
async def test_an_odd_hit_is_a_clear_error() -> None:
    """What is no hit is an UnexpectedAnswer."""
    grant_tokens()
    respx.get(REPO).respond(json=samples.repository())
    issues, code = respx.get(ISSUES), respx.get(CODE)
    async with open_repository() as repository:
        for item in (5, {}, {"repository_url": REPO, "repository": {"id": 42}}):
            issues.respond(json={"items": [item]})
            code.respond(json={"items": [item]})
            with pytest.raises(errors.UnexpectedAnswer):
                await repository.search_issues("total")
            with pytest.raises(errors.UnexpectedAnswer):
                await repository.search_code("total")
