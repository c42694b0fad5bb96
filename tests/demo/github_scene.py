"""A small scene on the simulated GitHub, for its own tests: an App, a repository, and a place to send webhooks to."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ove_gh.demo.github import App, SimulatedGitHub
from ove_gh.demo.github.server import listen, serving

SHOP = "acme/shop"
PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write"}
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
EVENTS = ("issues", "issue_comment", "pull_request", "push")


@dataclass(slots=True)
class Received:
    """One webhook as it arrived."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """A webhook endpoint that keeps what it gets, and answers what `answer` says."""

    url: str
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Awaitable[int]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        one = Received(dict(request.headers), await request.body())
        self.received.append(one)
        status = await self.answer(one) if self.answer else 202
        await Response("taken", status)(scope, receive, send)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a Receiver on loopback."""
    with listen() as listener:
        receiver = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/hooks")
        async with serving(receiver, listener):
            yield receiver


@dataclass(slots=True)
class Scene:
    """acme/shop with alice (writes), bob (reads) and carol (nothing); the App `ove` is installed there."""

    github: SimulatedGitHub
    app: App
    installation_id: int
    client: httpx.AsyncClient

    def jwt(self, *, key: str | None = None, **claims: Any) -> str:
        """An App JWT as it should be, but for what is given."""
        now = int(time.time())
        content = {"iss": str(self.app.app_id), "iat": now - 60, "exp": now + 540} | claims
        return jwt.encode(content, _signing_key(key or self.app.private_key_pem), "RS256")

    async def as_app(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Call the API with the App's JWT."""
        return await self.call(method, path, self.jwt(), **request)

    async def token(self, **body: Any) -> str:
        """A fresh installation token."""
        answer = await self.as_app("POST", f"/app/installations/{self.installation_id}/access_tokens", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def call(
        self, method: str, path: str, credentials: str | None, headers: Mapping[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """Call the API with these credentials (None: without any)."""
        given = {"Authorization": f"Bearer {credentials}"} if credentials else {}
        url = self.github.api_url + path
        return await self.client.request(method, url, headers=given | dict(headers or {}), **request)


@cache
def _signing_key(pem: str) -> RSAPrivateKey:
    """Checking a key takes 25 ms, so it is done once."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


@asynccontextmanager
async def setting(private: bool = False, webhook_url: str | None = None) -> AsyncIterator[Scene]:
    """Set the scene."""
    async with (
        SimulatedGitHub.running() as github,
        httpx.AsyncClient(trust_env=False, timeout=20, verify=NO_TLS) as client,
    ):
        for login in ("alice", "bob", "carol"):
            github.create_user(login)
        github.create_repository(SHOP, {"cart.py": "total = 0\n", "docs/a.md": "a\n"}, private=private)
        github.grant(SHOP, "alice", "write")
        github.grant(SHOP, "bob", "read")
        app = github.create_app("ove", permissions=PERMISSIONS, events=EVENTS, webhook_url=webhook_url)
        yield Scene(github, app, github.install(app, SHOP), client)


async def run_git(*arguments: str, cwd: str | None = None, env: Mapping[str, str]) -> tuple[int, str]:
    """Run git as a client; returns its exit code and everything it printed."""
    program = await asyncio.create_subprocess_exec(
        "git", *arguments, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, printed.decode()
