"""Files that people attach on the simulated GitHub: where their links lead, and for whom."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest

from ove_gh.demo.github import Refused
from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n and more"
FULL = {"Accept": "application/vnd.github.full+json"}
SOURCE = re.compile(r'<img src="([^"]+)"')


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """acme/shop, private, with alice's issue."""
    async with setting(private=True) as scene:
        scene.github.open_issue(SHOP, "alice", "Wrong total")
        yield scene


async def get(scene: Scene, url: str, token: str = "") -> httpx.Response:
    """Fetch a link as it is, following nothing."""
    return await scene.client.get(url, headers={"Authorization": f"Bearer {token}"} if token else {})


async def test_an_attachment_leads_on_to_a_link_of_short_life(scene: Scene) -> None:
    """With a token the link is a redirect to the file, which takes no token, and is 403 five minutes later."""
    url, token = scene.github.attach(SHOP, "alice", PNG, "image/png"), await scene.token()
    assert re.fullmatch(re.escape(scene.github.server_url) + r"/user-attachments/assets/[0-9a-f-]{36}", url)
    redirect = await get(scene, url, token)
    assert redirect.status_code == 302
    link = redirect.headers["Location"]
    file = await get(scene, link)
    assert (file.content, file.headers["Content-Type"]) == (PNG, "image/png")
    assert (await get(scene, link, token)).status_code == 400
    assert (await get(scene, link[:-1] + "x")).status_code == 403
    scene.github.clock.advance(301)
    assert (await get(scene, link)).status_code == 403


async def test_private_attachments_are_for_those_who_see_the_repository(scene: Scene) -> None:
    """Without a token, with a bad one or one for another repository it is 404; on a public one none is needed."""
    github, token = scene.github, await scene.token()
    url = github.attach(SHOP, "alice", PNG, "image/png")
    github.create_repository("acme/other")
    github.install(scene.app, "acme/other")
    foreign = await scene.token(repositories=["other"])
    for credentials in ("", "ghs_wrong", foreign):
        assert (await get(scene, url, credentials)).status_code == 404
    assert (await get(scene, url[:-12] + "0" * 12, token)).status_code == 404
    github.tokens_open_attachments = False
    assert (await get(scene, url, token)).status_code == 404
    assert (await get(scene, github.attach("acme/other", "carol", PNG, "image/png"))).status_code == 302
    with pytest.raises(Refused, match="404"):
        github.attach(SHOP, "carol", PNG, "image/png")


@pytest.mark.parametrize("written", ["Look:\n\n![the page]({})", '<img width="9" alt="x" src="{}" />'])
async def test_the_html_of_a_text_has_signed_links(scene: Scene, written: str) -> None:
    """In body_html of issues, comments and review comments an image works for five minutes without a token."""
    github, token = scene.github, await scene.token()
    url = github.attach(SHOP, "alice", PNG, "image/png")
    github.edit_issue(SHOP, 1, "alice", body=written.format(url))
    comment = github.comment(SHOP, 1, "alice", written.format(url))
    github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
    github.open_pull(SHOP, "alice", "Fix", head="fix")
    inline = [{"path": "cart.py", "line": 1, "body": written.format(url)}]
    [remark] = github.review(SHOP, 2, "bob", "COMMENT", comments=inline).comments
    paths = ("issues/1", f"issues/comments/{comment.id}", f"pulls/comments/{remark.id}")
    for path in paths:
        shown = (await scene.call("GET", f"/repos/{SHOP}/{path}", token, FULL)).json()
        assert shown["body"] == written.format(url)
        found = re.search(r'src="([^"]+)"', shown["body_html"])
        assert found
        signed = unescape(found[1])
        assert "?jwt=" in signed
        assert url.rpartition("/")[2] in signed
        assert (await get(scene, signed)).content == PNG
        assert (await get(scene, signed + "x")).status_code == 404
        github.clock.advance(301)
        assert (await get(scene, signed)).status_code == 403


async def test_the_html_of_a_text_is_its_markdown(scene: Scene) -> None:
    """Paragraphs and code are rendered, comments are gone, links in code and images elsewhere stay as they are."""
    github = scene.github
    url = github.attach(SHOP, "alice", PNG, "image/png")
    text = f"Hello **you**\n\n`![x]({url})`\n\n<!-- ![x]({url}) -->\n\n![y](https://example.com/y.png)"
    comment = github.comment(SHOP, 1, "alice", text)
    path, token = f"/repos/{SHOP}/issues/comments/{comment.id}", await scene.token()
    shown = (await scene.call("GET", path, token, FULL)).json()
    assert '<p dir="auto">Hello <strong>you</strong></p>' in shown["body_html"]
    assert "jwt=" not in shown["body_html"]
    assert SOURCE.findall(shown["body_html"]) == ["https://example.com/y.png"]
    assert shown["body_text"].startswith("Hello you")
    html_only = (await scene.call("GET", path, token, {"Accept": "application/vnd.github.html+json"})).json()
    assert ("body" in html_only, "body_html" in html_only, "body_text" in html_only) == (False, True, False)
    assert "body_html" not in (await scene.call("GET", path, token)).json()
