"""Tests of finding the images in a text, and of fetching them from GitHub's own hosts and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
import respx
from hypothesis import example, given
from hypothesis import strategies as st

from ove_gh.github import errors
from ove_gh.github.client import GitHub
from ove_gh.github.images import read_links
from ove_gh.github.models import Attachment
from tests.github import samples
from tests.github.samples import (
    REPO,
    SECRET,
    Clock,
    comment,
    grant_tokens,
    issue,
    open_repository,
    review,
    review_comment,
    sent,
)

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100
LINK = "https://private-user-images.githubusercontent.com/1/2-3.png?jwt=e30.e30"
AS_PNG = {"content-type": "image/png"}


def html(*links: str) -> str:
    """A text with these images, as GitHub renders it."""
    escaped = [link.replace("&", "&amp;") for link in links]
    return "".join(f'<p dir="auto"><a href="{link}"><img alt="Image" src="{link}"></a></p>' for link in escaped)


@respx.mock
async def test_the_images_of_a_text() -> None:
    """The HTML of each kind of text is asked for with our token; its own images are told in order, and each once."""
    grant_tokens()
    public = "https://github.com/user-attachments/assets/5?a=1&b=2"
    badge = "https://camo.githubusercontent.com/0a/68747470"
    body = html(LINK, public, badge, LINK, "https://evil.example/x.png", "/etc/passwd", "http://github.com/x.png")
    routes = [
        respx.get(f"{REPO}/issues/3").respond(json={**issue(), "body_html": body}),
        respx.get(f"{REPO}/issues/comments/5").respond(json={**comment(), "body_html": body}),
        respx.get(f"{REPO}/pulls/comments/61").respond(json={**review_comment(), "body_html": body}),
        respx.get(f"{REPO}/pulls/4/reviews/51").respond(json={**review(), "body_html": body}),
    ]
    async with open_repository() as repository:
        assert await repository.image_links("issue", 3) == [LINK, public]
        assert await repository.image_links("comment", 5) == [LINK, public]
        assert await repository.image_links("review_comment", 61) == [LINK, public]
        assert await repository.review_image_links(4, 51) == [LINK, public]
    for route in routes:
        assert sent(route).headers["accept"] == "application/vnd.github.full+json"
        assert sent(route).headers["authorization"] == f"Bearer {SECRET}"


@respx.mock
async def test_a_text_without_images() -> None:
    """Code that shows an image's HTML holds none, and so does a text without a body."""
    grant_tokens()
    route = respx.get(f"{REPO}/issues/3")
    async with open_repository() as repository:
        for body in (None, "", f"<pre><code>&lt;img src=&quot;{LINK}&quot;&gt;</code></pre>", f"<!-- {html(LINK)} -->"):
            route.respond(json={**issue(), "body_html": body})
            assert await repository.image_links("issue", 3) == []


@given(st.lists(st.sampled_from(["<", ">", "<!", "[", "]]>", "--", "<img src=", '"', "a", "&#", "<?", "/", " "])))
@example(["<![x["])
def test_any_html_is_read(parts: list[str]) -> None:
    """Whatever the HTML looks like, reading it brings links, or says that it is none."""
    with suppress(errors.UnexpectedAnswer):
        assert all(read_links({"body_html": "".join(parts)}))


@respx.mock
async def test_an_image_is_fetched_as_nobody() -> None:
    """The storage is shown the link as it is, and no token."""
    stored = respx.get(LINK).respond(content=PNG, headers=AS_PNG)
    async with open_repository() as repository:
        assert await repository.fetch_image(LINK, most_bytes=len(PNG)) == Attachment("image/png", PNG)
    assert "authorization" not in sent(stored).headers
    assert sent(stored).url.raw_path == b"/1/2-3.png?jwt=e30.e30"


@respx.mock
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x.png",
        "https://github.com.evil.example/x.png",
        "https://evilgithub.com/x.png",
        "https://evilgithubusercontent.com/x.png",
        "https://githubusercontent.com/x.png",
        "https://github.com@evil.example/x.png",
        "https://me:secret@github.com/x.png",
        "https://evil.example/#github.com",
        "https://evil.example\\.githubusercontent.com/x.png",
        "https://camo.githubusercontent.com/0a/68747470",
        "https://CAMO.githubusercontent.com/0a/68747470",
        "https://github.com:8443/x.png",
        "https://github.example:8443/setup",
        "https://sub.github.example/x.png",
        "http://github.com/x.png",
        "http://github.example/x.png",
        "http://127.0.0.1/x.png",
        "https://127.0.0.1/x.png",
        "https://[::1]/x.png",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x.png",
        "https://g\u0131thub.com/x.png",
        "ftp://github.com/x.png",
        "file:///etc/passwd",
        "data:image/png;base64,iVBORw0KGgo=",
        "//github.com/x.png",
        "github.com/x.png",
        "https://",
        "https://github.com:port/x",
        "https://[/x",
        "\ud800",
        "",
    ],
)
async def test_a_strangers_link_calls_nobody(link: str) -> None:
    """A link to anywhere else is no image, and no request is made."""
    elsewhere = respx.route().respond(content=PNG, headers=AS_PNG)
    async with open_repository() as repository:
        assert await repository.fetch_image(link, most_bytes=999) is None
    assert elsewhere.call_count == 0


@respx.mock
@pytest.mark.parametrize(
    "link",
    [
        *("https://evil.example/x.png", "//evil.example/x.png", "http://github.com/x.png", "https://github.com:8443/"),
        *(
            "http://127.0.0.1/x.png",
            "https://169.254.169.254/",
            "https://camo.githubusercontent.com/0a",
            "ftp://github.com/x",
        ),
    ],
)
async def test_github_leads_nobody_astray(link: str) -> None:
    """A redirect to anywhere else is not followed, and what it led to is no image."""
    leading = respx.get(LINK).respond(302, headers={"location": link})
    elsewhere = respx.route().respond(content=PNG, headers=AS_PNG)
    async with open_repository() as repository:
        assert await repository.fetch_image(LINK, most_bytes=999) is None
    assert (leading.call_count, elsewhere.call_count) == (1, 0)


@respx.mock
@pytest.mark.parametrize("link", ["ftp:x", "https://github.com:port/x"])
async def test_a_redirect_that_leads_nowhere(link: str) -> None:
    """A redirect to what is no address is an error of GitHub's, and no crash."""
    respx.get(LINK).respond(302, headers={"location": link})
    async with open_repository() as repository:
        with pytest.raises(errors.GitHubError):
            await repository.fetch_image(LINK, most_bytes=999)


@respx.mock
@pytest.mark.parametrize(
    "link",
    [
        "https://github.com/user-attachments/assets/5",
        "https://user-images.githubusercontent.com/1/2.png",
        "https://GitHub.com:443/x.png",
        "https://github.example/storage/user/1/files/2",
        "https://media.github.example/user/1/files/2",
    ],
)
async def test_githubs_own_hosts(link: str) -> None:
    """GitHub's hosts and those of an Enterprise Server are asked, over TLS."""
    stored = respx.route().respond(content=PNG, headers=AS_PNG)
    async with open_repository() as repository:
        assert await repository.fetch_image(link, most_bytes=999) == Attachment("image/png", PNG)
    assert stored.call_count == 1


@respx.mock
@pytest.mark.parametrize(
    ("link", "asked"),
    [("http://127.0.0.1:8/x", True), ("http://127.0.0.1:9/x", False), ("http://localhost:8/x", False)],
)
async def test_a_github_on_this_machine(link: str, asked: bool) -> None:
    """Where GitHub itself is on loopback without TLS it is asked there, and no other port of this machine is."""
    stored = respx.route().respond(content=PNG, headers=AS_PNG)
    async with GitHub(app_id="1", private_key=samples.pem(), api_url="http://127.0.0.1:8/api/v3", clock=Clock()) as g:
        found = await g.repository(7, 42, "alice/shop").fetch_image(link, most_bytes=999)
    assert (found is not None, stored.call_count) == (asked, asked)


@respx.mock
@pytest.mark.parametrize(
    ("api_url", "server_url", "link"),
    [
        ("https://api.acme.ghe.com", None, "https://acme.ghe.com/x"),
        ("https://api.intern.example/github", "https://git.example:444", "https://git.example:444/x"),
        ("http://ghe.example/api/v3", "http://ghe.example", None),
    ],
)
async def test_where_the_server_is(api_url: str, server_url: str | None, link: str | None) -> None:
    """The server follows from the API's address unless it is told; without TLS it is asked on loopback only."""
    stored = respx.route().respond(content=PNG, headers=AS_PNG)
    async with GitHub(
        app_id="1", private_key=samples.pem(), api_url=api_url, server_url=server_url, clock=Clock()
    ) as github:
        repository = github.repository(7, 42, "alice/shop")
        found = await repository.fetch_image(link or f"{server_url}/x", most_bytes=999)
    assert (found is not None, stored.call_count) == ((link is not None), (link is not None))


@respx.mock
@pytest.mark.parametrize(("hops", "found"), [(0, True), (3, True), (4, False), (99, False)])
async def test_links_that_lead_on(hops: int, found: bool) -> None:
    """Three redirects within GitHub are followed, absolute or not, and a fourth is not."""

    def answer(request: httpx.Request) -> httpx.Response:
        step = int(request.url.path.strip("/"))
        if step == hops:
            return httpx.Response(200, content=PNG, headers=AS_PNG)
        to = f"/{step + 1}" if step % 2 else f"https://raw.githubusercontent.com/{step + 1}"
        return httpx.Response(302, headers={"location": to})

    route = respx.route().mock(side_effect=answer)
    async with open_repository() as repository:
        image = await repository.fetch_image("https://github.com/0", most_bytes=999)
    assert (image is not None, route.call_count) == (found, min(hops, 3) + 1)


@respx.mock
@pytest.mark.parametrize(
    ("content_type", "content", "media_type"),
    [
        ("image/png", PNG, "image/png"),
        ("IMAGE/JPEG; charset=binary", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("image/gif", b"GIF89a", "image/gif"),
        ("image/webp", b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        ("image/png", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("image/png", b"", None),
        ("image/png", b"<svg/>", None),
        ("image/webp", b"RIFF\x24\0\0\0WAVEfmt ", None),
        ("image/svg+xml", b"<svg/>", None),
        ("text/html", PNG, None),
        ("", PNG, None),
    ],
)
async def test_only_images_are_images(content_type: str, content: bytes, media_type: str | None) -> None:
    """GitHub's word and the first bytes must both say that it is an image, and the bytes say which kind."""
    respx.get(LINK).respond(content=content, headers={"content-type": content_type})
    async with open_repository() as repository:
        found = await repository.fetch_image(LINK, most_bytes=999)
    assert found == (None if media_type is None else Attachment(media_type, content))


@respx.mock
async def test_a_large_image_is_left() -> None:
    """Reading stops with the first chunk too much, also when the length was never told or is packed."""
    given: list[int] = []

    async def long() -> AsyncIterator[bytes]:
        for _ in range(50):
            given.append(1)
            yield PNG

    respx.get(LINK).mock(side_effect=lambda _: httpx.Response(200, headers=AS_PNG, content=long()))
    async with open_repository() as repository:
        assert await repository.fetch_image(LINK, most_bytes=3 * len(PNG)) is None
    assert len(given) == 4


@respx.mock
@pytest.mark.parametrize("status", [204, 401, 403, 404, 410])
async def test_an_image_that_is_refused(status: int) -> None:
    """What GitHub does not give is no image, and nothing is asked again."""
    stored = respx.get(LINK).respond(status, content=PNG, headers=AS_PNG)
    async with open_repository() as repository:
        assert await repository.fetch_image(LINK, most_bytes=999) is None
    assert stored.call_count == 1


@respx.mock
async def test_a_faltering_storage_is_asked_again() -> None:
    """While the storage falters it is asked again; in the end that is an error, and no missing image."""
    stored = respx.get(LINK)
    stored.side_effect = [httpx.Response(503), httpx.Response(200, content=PNG, headers=AS_PNG)]
    async with open_repository() as repository:
        assert await repository.fetch_image(LINK, most_bytes=999) is not None
        stored.side_effect = [httpx.ReadTimeout("slow")] * 3
        with pytest.raises(errors.GitHubUnavailable):
            await repository.fetch_image(LINK, most_bytes=999)


def test_an_image_does_not_fill_the_log() -> None:
    """An image shows its type and not its bytes."""
    assert repr(Attachment("image/png", PNG)) == "Attachment(media_type='image/png')"
