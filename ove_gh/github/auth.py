"""How we prove who we are: the App's signed tokens, and the narrow installation tokens that they buy.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/about-authentication-with-a-github-app
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ove_gh.github import errors
from ove_gh.github.connection import API_VERSION, Clock, Connection, read_json
from ove_gh.github.models import Fields

if TYPE_CHECKING:
    from githubkit_schemas.v2022_11_28.types import AppInstallationsInstallationIdAccessTokensPostBodyType

RENEW_BEFORE = 300.0
"""Seconds before its end at which a token is no longer handed out: what begins with it should also end with it."""


class InvalidPrivateKey(ValueError):
    """The App's private key is not an RSA key in PEM form."""


class AppCredential:
    """The App itself: each request is signed with a JSON web token of its own, good for nine minutes.

    Raises InvalidPrivateKey. https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
    """

    def __init__(self, app_id: str, private_key: str, *, clock: Clock) -> None:
        self._app_id, self._key, self._clock = app_id, _load(private_key), clock

    async def sign(self, request: httpx.Request) -> None:
        """Sign with a token made now."""
        request.headers["Authorization"] = f"Bearer {self.token()}"

    def renew(self, request: httpx.Request) -> bool:  # noqa: ARG002 - a Credential
        """Never: the next token would be no better."""
        return False

    def token(self) -> str:
        """A JSON web token for now. It begins a minute ago, because clocks differ; GitHub allows ten minutes in all."""
        now = int(self._clock())
        return jwt.encode({"iss": self._app_id, "iat": now - 60, "exp": now + 540}, self._key, algorithm="RS256")


class Anonymous:
    """Nobody: for what is public."""

    async def sign(self, request: httpx.Request) -> None:
        """Leave the request as it is."""

    def renew(self, request: httpx.Request) -> bool:  # noqa: ARG002 - a Credential
        """Never: there is nothing to renew."""
        return False


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a token is for. `repository_id` None means no repository's contents, for calls that need just any token."""

    installation_id: int
    repository_id: int | None
    permissions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, installation_id: int, repository_id: int | None, permissions: Mapping[str, str]) -> TokenScope:
        """The scope with these permissions, each `read` or `write`."""
        return cls(installation_id, repository_id, frozenset(permissions.items()))

    def request_body(self) -> dict[str, object]:
        """What GitHub is asked to narrow the token to."""
        body: dict[str, object] = {"permissions": dict(sorted(self.permissions))}
        return body if self.repository_id is None else {"repository_ids": [self.repository_id], **body}


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token and its end, in seconds since the epoch."""

    secret: str = field(repr=False)
    expires_at: float


Mint: TypeAlias = Callable[[TokenScope], Awaitable[InstallationToken]]


@dataclass(slots=True)
class _Slot:
    """The token of one scope, and who is getting it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: InstallationToken | None = None
    attempts: int = 0
    failure: errors.GitHubError | None = None


class InstallationTokens:
    """Installation tokens by scope: minted once however many ask, kept until five minutes before their end."""

    def __init__(self, mint: Mint, *, clock: Clock) -> None:
        self._mint, self._clock = mint, clock
        self._slots: dict[TokenScope, _Slot] = {}

    async def get(self, scope: TokenScope) -> str:
        """A token for `scope` that holds for five minutes or more.

        Raises NotInstalled, BadCredentials, GitHubUnavailable, UnexpectedAnswer.
        """
        slot = self._slots.setdefault(scope, _Slot())
        attempts_seen = slot.attempts
        if not self._fresh(slot):
            async with slot.lock:
                await self._fill(scope, slot, attempts_seen)
        assert slot.token is not None
        return slot.token.secret

    def forget(self, scope: TokenScope, secret: str) -> None:
        """GitHub no longer takes this token. One that was minted since then is kept."""
        slot = self._slots.get(scope)
        if slot is not None and slot.token is not None and slot.token.secret == secret:
            slot.token = None

    async def _fill(self, scope: TokenScope, slot: _Slot, attempts_seen: int) -> None:
        """Mint, unless another caller did while this one waited; then its failure is this one's as well."""
        if self._fresh(slot):
            return
        if slot.failure is not None and slot.attempts != attempts_seen:
            raise slot.failure
        try:
            slot.token = await self._mint(scope)
            slot.failure = None
        except errors.GitHubError as error:
            slot.failure = error
            raise
        finally:
            slot.attempts += 1
        self._drop_expired()

    def _fresh(self, slot: _Slot) -> bool:
        return slot.token is not None and slot.token.expires_at - RENEW_BEFORE > self._clock()

    def _drop_expired(self) -> None:
        now = self._clock()
        for scope, slot in list(self._slots.items()):
            if slot.token is not None and slot.token.expires_at < now and not slot.lock.locked():
                del self._slots[scope]


class InstallationCredential:
    """The App as one installation, narrowed to one scope."""

    def __init__(self, tokens: InstallationTokens, scope: TokenScope) -> None:
        self._tokens, self._scope = tokens, scope

    async def sign(self, request: httpx.Request) -> None:
        """Sign with the scope's token, minted now if there is none."""
        request.headers["Authorization"] = f"Bearer {await self._tokens.get(self._scope)}"

    def renew(self, request: httpx.Request) -> bool:
        """Forget the token that was refused; another can be minted."""
        self._tokens.forget(self._scope, request.headers["Authorization"].removeprefix("Bearer "))
        return True


def minting(connection: Connection, app: AppCredential) -> Mint:
    """How tokens are made; repeated while GitHub falters, for a spare token harms nobody.

    https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
    """
    endpoints = connection.endpoints(app)

    async def mint(scope: TokenScope) -> InstallationToken:
        body = cast("AppInstallationsInstallationIdAccessTokensPostBodyType", scope.request_body())
        try:
            answer = await connection.repeating(
                lambda: endpoints.rest(API_VERSION).apps.async_create_installation_access_token(
                    scope.installation_id, data=body
                )
            )
        except (errors.NotFound, errors.Forbidden, errors.Unprocessable) as refusal:
            raise errors.NotInstalled(
                refusal.request, refusal.status, refusal.message, refusal.documentation_url
            ) from refusal
        return _read_token(answer.raw_response)

    return mint


def _read_token(answer: httpx.Response) -> InstallationToken:
    fields = Fields(read_json(answer), "installation token")
    return InstallationToken(fields.text("token"), fields.time("expires_at"))


def _load(private_key: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError):
        # the library's own words may quote the key
        raise InvalidPrivateKey("the private key is not in PEM form, or is protected by a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidPrivateKey("the private key is not an RSA key")
    return key
