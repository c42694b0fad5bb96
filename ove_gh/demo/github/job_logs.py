"""Where the links to jobs' logs lead: a storage service that knows nothing of the API and its tokens.

https://learn.microsoft.com/en-us/rest/api/storageservices/authorization-for-the-azure-storage-services
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from ove_gh.demo.github.checks import LOGS_PREFIX, linked_log
from ove_gh.demo.github.faults import Request
from ove_gh.demo.github.world import World


def answer_log(world: World, request: Request, headers: Mapping[str, str]) -> Response:
    """A log as plain text. Credentials of any kind are refused: the link's own secret is all that it takes."""
    if request.method != "GET":
        return _error(405, "UnsupportedHttpVerb", "The resource doesn't support the specified HTTP verb.")
    if headers.get("authorization"):
        request.token = "bad"
        return _error(401, "InvalidAuthenticationInfo", "Authentication information is not in the correct format.")
    log = linked_log(world, request.path.removeprefix(LOGS_PREFIX))
    if log is None:
        return _error(404, "ResourceNotFound", "The specified resource does not exist.")
    return Response(log, media_type="text/plain")


def _error(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, media_type="application/xml")
