"""Search on the simulated GitHub: issues, code, and who may find what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ove_gh.demo.github.search_query import Qualifier, Query, read_query
from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio

OTHER = "acme/other"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Two issues and a pull request in acme/shop, and an issue in acme/other, where the App is not installed."""
    async with setting() as scene:
        github = scene.github
        files = {"src/cart.py": "def total(items):\n    return sum(items)\n", "src/b.txt": "the Total of all\n"}
        github.push_commit(SHOP, "main", "alice", files, "Start")
        github.push_commit(SHOP, "fix", "alice", {"src/cart.py": "def grand_sum(items): ...\n"}, "Fix")
        github.open_issue(SHOP, "alice", "Wrong total", "The empty cart fails.")
        github.open_issue(SHOP, "bob", "Slow page", "It takes ages.")
        github.open_pull(SHOP, "alice", "Fix the total", head="fix", body="Closes #1")
        github.comment(SHOP, 2, "carol", "Is it the total that is slow?")
        github.close_issue(SHOP, 2, "alice")
        github.add_label(SHOP, 1, "alice", "good first issue")
        github.create_repository(OTHER, {"cart.py": "total\n"})
        github.open_issue(OTHER, "alice", "Another total")
        yield scene


async def find(scene: Scene, kind: str, q: str, **query: Any) -> list[Any]:
    """What a search in acme/shop finds."""
    params = {"q": f"repo:{SHOP} {q}", **query}
    answer = await scene.call("GET", f"/search/{kind}", await scene.token(), params=params)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["total_count"], found["incomplete_results"]) == (len(found["items"]), False)
    return list(found["items"])


@pytest.mark.parametrize(
    ("q", "numbers"),
    [
        ("", [3, 2, 1]),
        ("total", [3, 2, 1]),
        ("total in:title", [3, 1]),
        ('"empty cart" is:issue', [1]),
        ("total is:pr is:open", [3]),
        ("total is:issue", [2, 1]),
        ("is:closed", [2]),
        ("-is:closed NOT fix", [1]),
        ("author:bob", [2]),
        ('label:"good first issue"', [1]),
        ("total nothing", []),
    ],
)
async def test_issues_are_found_by_words_and_qualifiers(scene: Scene, q: str, numbers: list[int]) -> None:
    """Every word must be in the title, the text or a comment, and every qualifier must hold; the newest comes first."""
    assert [one["number"] for one in await find(scene, "issues", q)] == numbers


async def test_issues_come_sorted_and_with_their_matches(scene: Scene) -> None:
    """`sort` and `order` turn the list; with the media type for it each item shows the lines that hold the words."""
    by_comments = await find(scene, "issues", "total", sort="comments", order="asc")
    assert [one["number"] for one in by_comments] == [1, 3, 2]
    wanted = {"Accept": "application/vnd.github.text-match+json"}
    params = {"q": f"repo:{SHOP} cart is:issue"}
    answer = await scene.call("GET", "/search/issues", await scene.token(), wanted, params=params)
    [item] = answer.json()["items"]
    assert item["text_matches"][0]["fragment"] == "The empty cart fails."
    assert item["text_matches"][0]["matches"] == [{"text": "cart", "indices": [10, 14]}]


@pytest.mark.parametrize(
    ("q", "paths"),
    [
        ("total", ["cart.py", "src/b.txt", "src/cart.py"]),
        ("total extension:py", ["cart.py", "src/cart.py"]),
        ("total path:src/*.py", ["src/cart.py"]),
        ("total path:docs", []),
        ("total -filename:b.txt", ["cart.py", "src/cart.py"]),
        ("total items", ["src/cart.py"]),
        ("grand_sum", []),
        ("cart in:path", ["src/cart.py", "cart.py"]),
        ("tota", []),
    ],
)
async def test_code_is_found_on_the_default_branch(scene: Scene, q: str, paths: list[str]) -> None:
    """Whole words in whichever case, all of them in one file; what only another branch holds is not found."""
    found = await find(scene, "code", q)
    assert sorted(one["path"] for one in found) == sorted(paths)
    assert {one["repository"]["full_name"] for one in found} <= {SHOP}


async def test_what_a_token_does_not_open_is_not_found(scene: Scene) -> None:
    """A foreign repository is 422 when it is named and left out when not; issues and code need their permissions."""
    token = await scene.token()
    for kind in ("issues", "code"):
        named = await scene.call("GET", f"/search/{kind}", token, params={"q": f"total repo:{OTHER}"})
        assert named.status_code == 422
        assert "do not have permission to view them" in named.json()["errors"][0]["message"]
    everywhere = (await scene.call("GET", "/search/issues", token, params={"q": "total"})).json()
    assert {one["repository_url"] for one in everywhere["items"]} == {f"{scene.github.api_url}/repos/{SHOP}"}
    pulls_only = await scene.token(permissions={"pull_requests": "read"})
    found = (await scene.call("GET", "/search/issues", pulls_only, params={"q": "total"})).json()
    assert [one["number"] for one in found["items"]] == [3]
    assert (await scene.call("GET", "/search/code", pulls_only, params={"q": "total"})).json()["items"] == []


@pytest.mark.parametrize(("kind", "q"), [("issues", ""), ("code", f"repo:{SHOP}"), ("issues", "is:purple x")])
async def test_a_search_for_nothing_is_refused(scene: Scene, kind: str, q: str) -> None:
    """No query, no word to look for in code, and a value that does not exist are 422."""
    assert (await scene.call("GET", f"/search/{kind}", await scene.token(), params={"q": q})).status_code == 422


async def test_searches_have_limits_of_their_own(scene: Scene) -> None:
    """After ten searches for code in a minute comes 403; other requests go on, and so does the next minute."""
    token = await scene.token()
    code = [await scene.call("GET", "/search/code", token, params={"q": "total"}) for _ in range(11)]
    assert [one.status_code for one in code] == [*[200] * 10, 403]
    answer = code[-1]
    assert (answer.headers["X-RateLimit-Remaining"], answer.headers["X-RateLimit-Resource"]) == ("0", "code_search")
    assert (await scene.call("GET", "/search/issues", token, params={"q": "total"})).status_code == 200
    scene.github.clock.advance(61)
    assert (await scene.call("GET", "/search/code", token, params={"q": "total"})).status_code == 200


def test_a_query_is_read_part_by_part() -> None:
    """Words, phrases, known qualifiers with and without quotes, and minus signs come apart; the rest are words."""
    query = read_query('Wrong "empty cart" -label:"won\'t fix" is:PR c++:x NOT slow -old', {"label", "is"})
    qualifiers = (Qualifier("label", "won't fix", wanted=False), Qualifier("is", "pr"))
    assert query == Query(("wrong", "empty cart", "c++:x"), ("slow", "old"), qualifiers)


@given(st.text(alphabet=st.sampled_from('ab:"- \tN OT') | st.characters()))
@example('-"')
@example('is:"')
def test_any_text_can_be_searched_for(text: str) -> None:
    """No query makes its reader raise, and nothing it reads is empty but the value of a qualifier."""
    query = read_query(text, {"a", "is"})
    assert all(query.words)
    assert all(query.unwanted)
