"""Who calls: App JWTs, installation tokens, and what a token opens.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import jwt

from ove_gh.demo.github.happenings import Happening, Kind
from ove_gh.demo.github.records import TOKEN_LIFETIME, Actor, App, Installation, Repository, Token
from ove_gh.demo.github.refusals import Refused, bad_credentials, not_accessible
from ove_gh.demo.github.world import World

LONGEST_JWT = 600
"""Seconds from now that a JWT's `exp` may lie ahead."""

_UNREADABLE = "A JSON web token could not be decoded"
_BAD_IAT = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
_BAD_EXP = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time"
    " at which the assertion expires"
)
_FAR_EXP = "'Expiration time' claim ('exp') is too far in the future"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: an App by its JWT (`app`), an installation by its `token`, or nobody in particular."""

    app: App | None = None
    token: Token | None = None

    @property
    def actor(self) -> Actor:
        """The bot in whose name an installation acts; raises Refused when there is no token."""
        if self.token is None:
            raise Refused(401, "Requires authentication")
        installation = self.token.installation
        return Actor(installation.app.bot, installation)


def identify(world: World, authorization: str | None) -> Caller:
    """Read an API request's Authorization header; raises Refused with 401."""
    if authorization is None:
        return Caller()
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() not in ("bearer", "token"):
        raise bad_credentials()
    if credentials.count(".") == 2 and not credentials.startswith("ghs_"):
        return Caller(app=app_of_jwt(world, credentials))
    return Caller(token=live_token(world, credentials))


def identify_git(world: World, authorization: str | None) -> Caller:
    """Read git's Authorization header: Basic, `x-access-token` and an installation token; raises Refused with 401."""
    if authorization is None:
        return Caller()
    scheme, _, credentials = authorization.partition(" ")
    try:
        name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise bad_credentials() from None
    if scheme.lower() != "basic" or name != "x-access-token":
        raise bad_credentials()
    return Caller(token=live_token(world, secret))


def live_token(world: World, secret: str) -> Token:
    """The installation token with that secret, unless it has expired."""
    token = world.tokens.get(secret)
    if token is None or token.expires_at <= world.clock.now():
        raise bad_credentials()
    return token


def app_of_jwt(world: World, encoded: str) -> App:
    """Check an App's JWT: RS256, the App's key, `iat` not in the future, `exp` at most ten minutes ahead."""
    try:
        claims = jwt.decode(encoded, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Refused(401, _UNREADABLE) from None
    issuer = str(claims.get("iss", ""))
    app = next((one for one in world.apps if issuer in (str(one.app_id), one.client_id)), None)
    if app is None:
        raise Refused(404, "Integration not found")
    try:
        jwt.decode(
            encoded, app.public_key_pem, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
    except jwt.InvalidTokenError:
        raise Refused(401, _UNREADABLE) from None
    _check_times(claims, world.clock.wall())
    return app


def _check_times(claims: Mapping[str, object], now: float) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or issued > now:
        raise Refused(401, _BAD_IAT)
    if not isinstance(expires, int | float) or expires <= now:
        raise Refused(401, _BAD_EXP)
    if expires > now + LONGEST_JWT:
        raise Refused(401, _FAR_EXP)


def mint(
    world: World,
    installation: Installation,
    permissions: Mapping[str, str] | None,
    repositories: list[Repository] | None,
) -> Token:
    """Make an installation token, narrowed as asked; raises Refused with 422 for more permission than was installed."""
    held = Token("", installation, installation.permissions, None, world.clock.now())
    for name, level in (permissions or {}).items():
        if level not in ("read", "write", "admin") or not held.allows(name, level):
            raise Refused(422, "The permissions requested are not granted to this installation.")
    granted = {"metadata": "read", **permissions} if permissions else dict(installation.permissions)
    token = Token(
        secret=_secret(installation.app),
        installation=installation,
        permissions=granted,
        repositories=tuple(repositories) if repositories else None,
        expires_at=world.clock.now() + timedelta(seconds=TOKEN_LIFETIME),
    )
    world.tokens[token.secret] = token
    bot = installation.app.bot.login
    world.happenings.tell(
        Happening(Kind.TOKEN_MINTED, world.clock.now(), bot, True, text=_summary(token), subject=token)
    )
    return token


def _secret(app: App) -> str:
    """A token of the newer kind: the App's id, then three parts with dots between, some 520 characters in all.

    https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app
    """
    parts = (secrets.token_urlsafe(60), secrets.token_urlsafe(195), secrets.token_urlsafe(124))
    return f"ghs_{app.app_id}_{'.'.join(parts)}"


def _summary(token: Token) -> str:
    where = ", ".join(one.full_name for one in token.repositories or token.installation.repositories)
    return f"{' '.join(f'{name}:{level}' for name, level in sorted(token.permissions.items()))} for {where}"


Alternatives = tuple[tuple[tuple[str, str], ...], ...]
"""Permission sets of which one is enough; each is (permission, level) pairs that are all needed."""


def read_needs(needs: str) -> Alternatives:
    """Read what X-Accepted-GitHub-Permissions says: `issues=write; pull_requests=write`, commas within a set."""
    return tuple(
        tuple((name, level) for name, _, level in (one.strip().partition("=") for one in choice.split(",")))
        for choice in needs.split(";")
    )


def check_permission(token: Token, needs: str) -> None:
    """Raise Refused with 403 unless the token holds one of the sets."""
    if not any(all(token.allows(*pair) for pair in choice) for choice in read_needs(needs)):
        raise not_accessible()
