"""Tests of which images of a request reach the model."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ove_gh.agent import MOST_IMAGE_BYTES
from ove_gh.attachments import images_of
from ove_gh.demo.github import SimulatedGitHub
from ove_gh.github.client import APP_PERMISSIONS, GitHub, Repository
from ove_gh.tasks import Person, Status, Target, Task
from tests.store.rows import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

SHOP = "acme/shop"


def png(size: int = 0) -> bytes:
    """A picture of one pixel, with so many bytes of padding behind."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"tEXt", b"k\0" + b"x" * size)
        + chunk(b"IEND", b"")
    )


@dataclass
class Scene:
    """An issue in a repository, and the App's way to it."""

    github: SimulatedGitHub
    repository: Repository
    number: int

    def attach(self, data: bytes) -> str:
        """Somebody attaches a picture; returns the Markdown that shows it."""
        return f"![a picture]({self.github.attach(SHOP, 'alice', data, 'image/png')})"

    def asks(self, body: str) -> Task:
        """Somebody asks for something in a comment."""
        comment = self.github.comment(SHOP, self.number, "alice", body)
        source = Target("comment", comment.id, "")
        return Task(1, 1, self.number, Status.PENDING, body, source, Person(1, "alice"), 0.0, NOW)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A private repository: its attachments are shown to those who may read it."""
    async with SimulatedGitHub.running() as github:
        github.create_user("alice")
        github.create_repository(SHOP, private=True)
        github.grant(SHOP, "alice", "write")
        github.tokens_open_attachments = False
        app = github.create_app("ove", permissions=dict(APP_PERMISSIONS))
        installation = github.install(app, SHOP)
        number = github.open_issue(SHOP, "alice", "It looks wrong", "Nothing to see.").number
        async with GitHub(
            app_id=str(app.app_id),
            private_key=app.private_key_pem,
            api_url=github.api_url,
            server_url=github.server_url,
        ) as client:
            yield Scene(github, client.repository(installation, github.repository(SHOP).id, SHOP), number)


async def test_an_attached_image_is_shown(scene: Scene) -> None:
    """The bytes of the picture come with the request, also from a private repository."""
    task = scene.asks(f"@ove what is this? {scene.attach(png())}")
    (image,), missing = await images_of(scene.repository, task, with_issue=False)
    assert (image.media_type, image.data, missing) == ("image/png", png(), 0)


async def test_large_and_broken_images_are_counted_and_left_out(scene: Scene) -> None:
    """One that is too large, and one that is no picture, cost only themselves."""
    large, broken, good = scene.attach(png(MOST_IMAGE_BYTES)), scene.attach(b"not a picture"), scene.attach(png())
    found, missing = await images_of(scene.repository, scene.asks(f"@ove {large} {broken} {good}"), with_issue=False)
    assert ([image.data for image in found], missing) == ([png()], 2)


async def test_a_strangers_link_makes_no_call_anywhere(scene: Scene) -> None:
    """An image on somebody's own server is not fetched."""
    task = scene.asks("@ove ![look](http://127.0.0.1:1/picture.png)")
    assert await images_of(scene.repository, task, with_issue=True) == ((), 0)


async def test_words_without_an_image_ask_github_nothing(scene: Scene) -> None:
    """A comment that shows nothing costs no request."""
    task = scene.asks("@ove fix it")
    before = len(scene.github.requests)
    assert await images_of(scene.repository, task, with_issue=False) == ((), 0)
    assert len(scene.github.requests) == before
