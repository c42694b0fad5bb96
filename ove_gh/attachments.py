"""Bring the images that people attached to a request to the model."""

from __future__ import annotations

import re

import structlog

from ove_gh.agent import MOST_IMAGE_BYTES, MOST_IMAGES, Image
from ove_gh.github.client import Repository
from ove_gh.github.errors import GitHubError, GitHubRefused
from ove_gh.tasks import Task

_MAY_HOLD_ONE = re.compile(r"!\[|<img|user-attachments|user-images", re.IGNORECASE)
"""Without one of these a comment shows no image, and GitHub need not be asked."""

log = structlog.get_logger("ove_gh.attachments")


async def images_of(repository: Repository, task: Task, *, with_issue: bool) -> tuple[tuple[Image, ...], int]:
    """The images in a request, and in the issue's own text `with_issue`; and how many could not be shown.

    Only GitHub's own hosts are asked. Large and broken images are left out, and no trouble with one ends a turn.
    """
    links = await _links(repository, task, with_issue=with_issue)
    found: list[Image] = []
    for link in links[:MOST_IMAGES]:
        image = await _image(repository, link)
        if image is not None:
            found.append(image)
    return tuple(found), len(links) - len(found)


async def _links(repository: Repository, task: Task, *, with_issue: bool) -> list[str]:
    links: list[str] = []
    try:
        if with_issue or task.source.kind == "issue":
            links += await repository.image_links("issue", task.number)
        match task.source.kind:
            case "comment" if _MAY_HOLD_ONE.search(task.request):
                links += await repository.image_links("comment", task.source.id)
            case "review":
                links += await repository.review_image_links(task.number, task.source.id)
            case "inline":
                links += await repository.image_links("review_comment", task.source.id)
    except GitHubRefused as error:
        log.warning("images cannot be looked for", problem=str(error))
    return list(dict.fromkeys(links))


async def _image(repository: Repository, link: str) -> Image | None:
    try:
        attachment = await repository.fetch_image(link, most_bytes=MOST_IMAGE_BYTES)
        return Image(attachment.media_type, attachment.data) if attachment is not None else None
    except (GitHubError, ValueError) as error:
        log.warning("an image cannot be read", problem=str(error))
        return None
