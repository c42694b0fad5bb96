"""Git over smart HTTP: real `git http-backend`, behind the checks of a host.

https://git-scm.com/docs/git-http-backend
https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping

from starlette.responses import Response

from ove_gh.demo.github.access import Caller, identify_git
from ove_gh.demo.github.bare import git_environment, git_program
from ove_gh.demo.github.faults import Request
from ove_gh.demo.github.protection import git_settings
from ove_gh.demo.github.pulls import refs_changed
from ove_gh.demo.github.records import Repository
from ove_gh.demo.github.refusals import Refused
from ove_gh.demo.github.world import World

_PATH = re.compile(
    r"/(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/(?P<service>info/refs|git-upload-pack|git-receive-pack)", re.ASCII
)


class GitFailedOverHttp(RuntimeError):
    """`git http-backend` answered with nothing that can be read."""


class GitHttp:
    """Clone, fetch and push."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pushing: dict[int, asyncio.Lock] = {}

    async def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Answer one request of git's; a push is told to everybody before it is answered."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            return Response("Not Found", 404)
        pushes = "git-receive-pack" in (found["service"], request.parameters.get("service"))
        try:
            caller = self._identify(request, headers)
            repository = self._repository(found["name"], caller, pushes)
        except Refused as refusal:
            return Response(refusal.message, refusal.status, refusal.headers, "text/plain")
        if found["service"] != "git-receive-pack":
            return await self._run(request, headers, repository, found["service"])
        async with self._pushing.setdefault(repository.id, asyncio.Lock()):
            protection = git_settings(self._world.folder, caller.actor, repository)
            response = await self._run(request, headers, repository, found["service"], protection)
            refs_changed(self._world, caller.actor, repository)
        return response

    def _identify(self, request: Request, headers: Mapping[str, str]) -> Caller:
        request.token = "bad"
        try:
            caller = identify_git(self._world, headers.get("authorization"))
        except Refused:
            raise _unauthorized("Invalid username or token.") from None
        request.token = "installation" if caller.token else "none"
        request.by = caller.token.installation.app.slug if caller.token else ""
        return caller

    def _repository(self, name: str, caller: Caller, pushes: bool) -> Repository:
        repository = self._world.repositories.get(name.lower())
        if caller.token is None:
            if repository is None or repository.private or pushes:
                raise _unauthorized("Authentication is needed.")
            return repository
        if repository is None or not caller.token.covers(repository):
            raise Refused(404, "Repository not found.")
        if not caller.token.allows("contents", "write" if pushes else "read"):
            raise Refused(403, f"{'Write' if pushes else 'Read'} access to repository not granted.")
        return repository

    async def _run(
        self,
        request: Request,
        headers: Mapping[str, str],
        repository: Repository,
        service: str,
        settings: Mapping[str, str] | None = None,
    ) -> Response:
        given = {
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query,
            "PATH_TRANSLATED": str(repository.git.path / service),
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": request.by,
            "REMOTE_ADDR": "127.0.0.1",
        }
        given |= settings or {}
        environment = git_environment(repository.git.path) | {name: value for name, value in given.items() if value}
        return _read_cgi(*await _http_backend(environment, request.body))


async def _http_backend(environment: Mapping[str, str], body: bytes) -> tuple[bytes, bytes]:
    program = await asyncio.create_subprocess_exec(
        git_program(),
        "http-backend",
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        return await program.communicate(body)
    finally:
        if program.returncode is None:  # the server stops: git and its children must not write to a folder that goes
            os.killpg(program.pid, signal.SIGKILL)
            await program.wait()


def _unauthorized(message: str) -> Refused:
    return Refused(401, message, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})


def _read_cgi(printed: bytes, complaints: bytes) -> Response:
    head, found, body = printed.partition(b"\r\n\r\n")
    if not found:
        raise GitFailedOverHttp(complaints.decode(errors="replace") or "git http-backend printed nothing")
    lines = (line.partition(": ") for line in head.decode().split("\r\n"))
    headers = {name: value for name, _, value in lines}
    status = int(headers.pop("Status", "200 OK").split()[0])
    return Response(body, status, headers)
