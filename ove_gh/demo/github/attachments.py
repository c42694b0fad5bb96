"""Files that people attach to what they write, and the links of short life that lead to them.

https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/attaching-files
"""

from __future__ import annotations

import mimetypes
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta

import jwt
from starlette.responses import Response

from ove_gh.demo.github.access import Caller, identify
from ove_gh.demo.github.attachment_records import Attachment, AttachmentLink
from ove_gh.demo.github.faults import Request
from ove_gh.demo.github.happenings import Kind
from ove_gh.demo.github.records import Actor, Repository
from ove_gh.demo.github.refusals import Refused, not_found
from ove_gh.demo.github.threads import need_read
from ove_gh.demo.github.world import World

ASSETS_PREFIX = "/user-attachments/assets/"
"""Where the links in people's texts lead."""
SIGNED_PREFIX = "/_private-user-images/"
"""Where the links in `body_html` lead: a host of its own, which knows no tokens."""
STORAGE_PREFIX = "/_user-asset-storage/"
"""Where the assets' redirects lead: another storage, which knows no tokens either."""
LIFETIME = timedelta(minutes=5)
MOST_BYTES = 10_000_000
"""What an image may weigh. https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/attaching-files#about-attaching-files"""


def attach(world: World, actor: Actor, repository: Repository, data: bytes, media_type: str) -> str:
    """Keep a file for somebody who writes in a repository; returns the link that goes into the text."""
    need_read(actor, repository)
    if len(data) > MOST_BYTES:
        raise Refused(422, "The file is too large: images may have 10 MB.")
    attachment = Attachment(next(world.ids.attachment), str(uuid.uuid4()), repository, actor.user, data, media_type)
    world.attachments[attachment.uuid] = attachment
    url = f"{world.shapes.server_url}{ASSETS_PREFIX}{attachment.uuid}"
    world.tell(Kind.FILE_ATTACHED, actor, repository, None, url, attachment)
    return url


def sign(world: World, repository: Repository, address: str) -> str:
    """The link that `body_html` shows for an image: an attachment's works for five minutes without a token."""
    path = address.removeprefix(world.shapes.server_url)
    attachment = world.attachments.get(path.removeprefix(ASSETS_PREFIX)) if path.startswith(ASSETS_PREFIX) else None
    if attachment is None or (attachment.repository.private and attachment.repository is not repository):
        return address
    suffix = mimetypes.guess_extension(attachment.media_type) or ""
    path = f"{SIGNED_PREFIX}{attachment.author.id}/{attachment.id}-{attachment.uuid}{suffix}"
    now = int(world.clock.now().timestamp())
    times = {"nbf": now, "exp": now + int(LIFETIME.total_seconds())}
    claims = {"iss": "github.com", "aud": "raw.githubusercontent.com", "key": "key5", "path": path, **times}
    return f"{world.shapes.server_url}{path}?jwt={jwt.encode(claims, world.attachment_key, 'HS256')}"


def is_attachment(path: str) -> bool:
    """Whether a path is one of those that `answer_attachment` answers."""
    return path.startswith((ASSETS_PREFIX, SIGNED_PREFIX, STORAGE_PREFIX))


def answer_attachment(world: World, request: Request, headers: Mapping[str, str]) -> Response:
    """A redirect from the link that people see, or the file itself for a link that is signed."""
    if request.method != "GET":
        return Response("Not Found", 404)
    try:
        if request.path.startswith(ASSETS_PREFIX):
            return _redirect(world, request, headers)
        if headers.get("authorization"):
            request.token = "bad"
            return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
        attachment = _linked(world, request) if request.path.startswith(STORAGE_PREFIX) else _signed(world, request)
    except Refused as refusal:
        return Response(refusal.message, refusal.status)
    if attachment is None:
        return _error(403, "AccessDenied", "Request has expired")
    return Response(attachment.data, headers={"Content-Type": attachment.media_type})


def _redirect(world: World, request: Request, headers: Mapping[str, str]) -> Response:
    """To who may not see the repository, the file does not exist; a token that is no good is one that is missing."""
    attachment = world.attachments.get(request.path.removeprefix(ASSETS_PREFIX))
    caller = _identify(world, request, headers)
    if attachment is None or not _may_see(world, caller, attachment):
        raise not_found()
    secret = secrets.token_hex(32)
    world.attachment_links[secret] = AttachmentLink(attachment, world.clock.now() + LIFETIME)
    seconds = int(LIFETIME.total_seconds())
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={seconds}&X-Amz-Signature={secret}"
    location = f"{world.shapes.server_url}{STORAGE_PREFIX}{attachment.uuid}?{query}"
    return Response(status_code=302, headers={"Location": location})


def _identify(world: World, request: Request, headers: Mapping[str, str]) -> Caller:
    try:
        caller = identify(world, headers.get("authorization"))
    except Refused:
        request.token = "bad"
        return Caller()
    request.token = "installation" if caller.token else "app" if caller.app else "none"
    request.by = caller.token.installation.app.slug if caller.token else caller.app.slug if caller.app else ""
    return caller


def _may_see(world: World, caller: Caller, attachment: Attachment) -> bool:
    if not attachment.repository.private:
        return True
    return world.tokens_open_attachments and caller.token is not None and caller.token.covers(attachment.repository)


def _linked(world: World, request: Request) -> Attachment | None:
    link = world.attachment_links.get(request.parameters.get("X-Amz-Signature", ""))
    fits = link is not None and request.path == f"{STORAGE_PREFIX}{link.attachment.uuid}"
    return link.attachment if link and fits and link.expires_at > world.clock.now() else None


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _signed(world: World, request: Request) -> Attachment | None:
    try:
        claims = jwt.decode(
            request.parameters.get("jwt", ""),
            world.attachment_key,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_nbf": False, "verify_aud": False},  # GitHub's clock can be turned
        )
    except jwt.InvalidTokenError:
        raise not_found() from None
    found = _UUID.search(request.path)
    if claims["path"] != request.path or found is None:
        raise not_found()
    return world.attachments.get(found[0]) if claims["exp"] > world.clock.now().timestamp() else None


def _error(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, media_type="application/xml")
