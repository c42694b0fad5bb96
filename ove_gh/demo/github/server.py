"""The HTTP server: uvicorn in the caller's event loop, the request log, and the faults around every request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Incoming
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ove_gh.demo.github.api import Api
from ove_gh.demo.github.attachments import answer_attachment, is_attachment
from ove_gh.demo.github.checks import LOGS_PREFIX
from ove_gh.demo.github.faults import ConnectionDropped, Faults, Request
from ove_gh.demo.github.git_http import GitHttp
from ove_gh.demo.github.happenings import Happening, Kind
from ove_gh.demo.github.job_logs import answer_log
from ove_gh.demo.github.world import World

PREFIX = "/api/v3"
"""Where the API stands, as on Enterprise Server; git and pages stand at the root."""


class Front:
    """The ASGI application: API, logs, attachments; the rest is git's. `crashes` are the simulation's own mistakes."""

    def __init__(self, world: World) -> None:
        self.requests: list[Request] = []
        self.crashes: list[Exception] = []
        self.faults = Faults()
        self.api = Api(world)
        self.git = GitHttp(world)
        self.server: uvicorn.Server | None = None
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(scope, receive)
        is_api = incoming.url.path.startswith(f"{PREFIX}/")
        path = scope["path"].removeprefix(PREFIX) if is_api else scope["path"]
        query = scope["query_string"].decode()
        try:
            body = await incoming.body()
        except ClientDisconnect:
            return
        request = Request(self._world.clock.now(), incoming.method, path, query, body)
        self._note(Kind.REQUEST_ARRIVED, request)
        try:
            response = await self._respond(request, incoming, is_api)
        except ConnectionDropped:
            request.fault = f"{request.fault}: connection dropped"
            self._drop(scope)
            await _gone(receive)  # so that uvicorn notices, and sends no 500 of its own
            return
        except Exception as crash:
            self._crashed(crash)
            raise
        request.status = response.status_code
        response.headers["Date"] = formatdate(self._world.clock.wall(), usegmt=True)
        response.headers["Server"] = "GitHub.com"
        self._note(Kind.REQUEST_ANSWERED, request)
        await response(scope, receive, send)

    async def watch(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something in the background; its own mistakes are told to whoever waits for GitHub."""
        try:
            await work()
        except Exception as crash:
            self._crashed(crash)
            raise

    def _crashed(self, crash: Exception) -> None:
        self.crashes.append(crash)
        self._world.happenings.wake()

    def raise_crashes(self) -> None:
        """Raise what went wrong within the simulation itself, if anything did."""
        if self.crashes:
            raise ExceptionGroup("the simulated GitHub made mistakes of its own", self.crashes)

    async def _respond(self, request: Request, incoming: Incoming, is_api: bool) -> Response:
        if early := await self.faults.meet(request, "before"):
            return early
        if is_api:
            response = self.api.answer(request, incoming.headers)
        elif request.path.startswith(LOGS_PREFIX):
            response = answer_log(self._world, request, incoming.headers)
        elif is_attachment(request.path):
            response = answer_attachment(self._world, request, incoming.headers)
        else:
            response = await self.git.answer(request, incoming.headers)
            request.body = b""  # packs are large, and are in the repository now
        return await self.faults.meet(request, "after") or response

    def _note(self, kind: Kind, request: Request) -> None:
        if kind is Kind.REQUEST_ARRIVED:
            self.requests.append(request)
        text = f"{request.method} {request.path}" + (f" {request.status}" if request.status else "")
        now = self._world.clock.now()
        self._world.happenings.tell(Happening(kind, now, request.by, bool(request.by), text=text, subject=request))

    def _drop(self, scope: Scope) -> None:
        assert self.server is not None
        for connection in tuple(self.server.server_state.connections):
            if getattr(connection, "client", None) == tuple(scope["client"]):
                connection.transport.abort()


async def _gone(receive: Receive) -> None:
    """Wait until the connection is known to be cut."""
    while (await receive())["type"] != "http.disconnect":
        pass


def listen(port: int = 0) -> socket.socket:
    """A socket that listens on loopback; port 0 lets the system choose. The caller closes it."""
    listener = socket.create_server(("127.0.0.1", port))
    # asyncio does so only for sockets that name their protocol; without it every answer waits 40 ms for an ACK
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@asynccontextmanager
async def serving(application: ASGIApp, listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    """Serve an ASGI application on a listening socket until the context ends; connections still open then are cut."""
    config = uvicorn.Config(
        application,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,  # longer than clients keep theirs: they must not meet a connection that just closes
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([listener])
    try:
        yield server
    finally:
        await _stop(server)


async def _stop(server: uvicorn.Server) -> None:
    """End at once. uvicorn's own shutdown waits for clients that keep connections open, and polls."""
    for listening in server.servers:
        listening.close()
    for connection in tuple(server.server_state.connections):
        connection.transport.abort()
    tasks = tuple(server.server_state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
