"""One HTTP client to GitHub: sends githubkit's requests, repeats what is safe to repeat, and names what went wrong.

githubkit gives the endpoints (paths, parameters, the API version). Its own sending is not used: it repeats POSTs after
a 5xx, and it keeps its client in a context variable, so that every task started elsewhere would build a new one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import githubkit
import httpx
from githubkit.compat import to_jsonable_python
from githubkit.config import Config, get_config

from ove_gh.github import errors

T = TypeVar("T")
Clock: TypeAlias = Callable[[], float]
"""Seconds since the epoch."""
Sleep: TypeAlias = Callable[[float], Awaitable[None]]

API_VERSION: Final = "2022-11-28"
"""The one that GitHub Enterprise Server accepts too. https://docs.github.com/en/rest/about-the-rest-api/api-versions"""

PAUSES = (0.5, 2.0)
"""Seconds before each repetition of a safe request, jittered by half."""
LONGEST_WAIT = 5.0
"""A wait longer than this is handed to the caller, who can do something else meanwhile."""
UNNAMED_LIMIT_WAIT = 60.0
"""“Otherwise, wait for at least one minute before retrying.”
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit"""

_NEVER_ARRIVED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_REFUSALS: dict[int, type[errors.GitHubRefused]] = {
    401: errors.BadCredentials,
    403: errors.Forbidden,
    404: errors.NotFound,
    406: errors.TooLarge,
    410: errors.Gone,
}


class Credential(Protocol):
    """Who a request speaks for."""

    async def sign(self, request: httpx.Request) -> None:
        """Put the Authorization header on the request; raises GitHubError when there is none to be had."""

    def renew(self, request: httpx.Request) -> bool:
        """GitHub answered 401 to what `sign` put there. Returns whether signing again can bring something else."""


class Connection:
    """The HTTP client, and what all requests share. Use with `async with`.

    `api_url` is GITHUB_API_URL, `server_url` is GITHUB_SERVER_URL or else follows from it. `timeout` in seconds holds
    for each step of a request (connecting, sending, each wait for more of the answer); the whole may take three times
    as long.
    """

    def __init__(
        self, api_url: str, *, clock: Clock, sleep: Sleep, timeout: float, server_url: str | None = None
    ) -> None:
        self.clock, self.sleep, self._timeout = clock, sleep, timeout
        self._config = get_config(
            base_url=api_url,
            user_agent="ove-gh",
            timeout=timeout,
            http_cache=False,
            auto_retry=False,
            rest_api_validate_body=False,
        )
        self._server_url = httpx.URL(server_url) if server_url else _server_of(self.api_url)
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Connection:
        self._http = httpx.AsyncClient(
            base_url=self._config.base_url,
            headers={"User-Agent": self._config.user_agent, "Accept": self._config.accept},
            timeout=self._config.timeout,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    def endpoints(self, credential: Credential) -> Endpoints:
        """githubkit's endpoints, spoken for by `credential`. Keep the object: `rest(…)` holds it weakly."""
        return Endpoints(self, credential, self._config)

    def build_request(self, method: str, url: httpx.URL | str, **parts: Any) -> httpx.Request:
        """A request below `api_url`, with what every request carries; `parts` as httpx names them."""
        return self._client.build_request(method, url, **parts)

    async def send(self, request: httpx.Request, *, to_link: bool = False) -> httpx.Response:
        """Send once, and return whatever GitHub answers.

        Raises GitHubUnavailable when nothing comes back, and UnexpectedAnswer for a redirect that leads nowhere.
        `to_link` is for what GitHub answers with a link: that answer is returned. Only after a rename is it asked for
        once more, at the repository's new address.
        """
        follows = request.method == "GET" and not to_link
        # After 301 and 302 HTTP clients turn a POST into a GET; only 307 and 308 keep what was asked.
        # https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
        renamed = () if follows else (301, 308) if to_link else (307, 308)
        # each step has its time-out in the client; this one ends an answer that only drips
        async with self._naming_failures(request, 3 * self._timeout):
            response = await self._client.send(request, follow_redirects=follows)
            again = response.next_request if response.status_code in renamed else None
            if again is not None and (not to_link or again.url.netloc == request.url.netloc):
                response = await self._client.send(again, follow_redirects=False)
            return response

    @asynccontextmanager
    async def stream(self, url: httpx.URL, *, patience: float) -> AsyncIterator[httpx.Response]:
        """The answer of any address, asked for as nobody; its body is still to be read. Redirects are not followed.

        Asking and reading may take `patience` time-outs in all. Raises GitHubUnavailable, and UnexpectedAnswer for a
        redirect that leads nowhere.
        """
        headers = {"User-Agent": self._config.user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        request = httpx.Request("GET", url, headers=headers)
        async with self._naming_failures(request, patience * self._timeout):
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                yield response
            finally:
                await response.aclose()

    async def repeating(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await `call()`; while GitHub is unavailable and names no long wait, twice more. For what may happen twice."""
        for pause in PAUSES:
            try:
                return await call()
            except errors.GitHubUnavailable as error:
                jittered = pause * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, keeps no secret
                wait = max(jittered, error.retry_after or 0.0)
                if wait > LONGEST_WAIT:
                    raise
            await self.sleep(wait)
        return await call()

    @property
    def api_url(self) -> httpx.URL:
        """Where the API is."""
        return httpx.URL(self._config.base_url)

    @property
    def server_url(self) -> httpx.URL:
        """Where people see GitHub."""
        return self._server_url

    @asynccontextmanager
    async def _naming_failures(self, request: httpx.Request, seconds: float) -> AsyncIterator[None]:
        """Around what may take so many seconds; raises GitHubUnavailable when nothing, or not all, comes back.

        Raises UnexpectedAnswer, too, for a redirect that leads nowhere.
        """
        try:
            async with asyncio.timeout(seconds):
                yield
        except (httpx.RequestError, TimeoutError) as error:
            slow = isinstance(error, httpx.TimeoutException | TimeoutError)
            raise errors.GitHubUnavailable(
                describe(request),
                "GitHub did not answer in time" if slow else f"GitHub could not be reached ({type(error).__name__})",
                may_have_happened=request.method != "GET" and not isinstance(error, _NEVER_ARRIVED),
            ) from error
        except httpx.InvalidURL:  # httpx reads where a redirect leads, also when it is not to follow
            raise errors.UnexpectedAnswer(
                describe(request), "the link is no address", may_have_happened=request.method != "GET"
            ) from None

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("use the GitHub client inside `async with`")
        return self._http


class Endpoints(githubkit.GitHub[Any]):
    """githubkit with our way of sending; every refusal is an error of errors.py."""

    def __init__(self, connection: Connection, credential: Credential, config: Config) -> None:
        super().__init__(None, config=config)
        self._connection, self._credential = connection, credential

    async def arequest(self, method: str, url: httpx.URL | str, **options: Any) -> githubkit.Response[Any]:
        """Send one of githubkit's requests, once; a second time with a fresh token when GitHub answers 401.

        401 comes before anything is done, so that holds for every method. With `stream`, which githubkit passes on, the
        answer is GitHub's link to a download, not the download.
        """
        to_link = bool(options.get("stream"))
        request = self._connection.build_request(
            method,
            url,
            params=to_jsonable_python(options.get("params")),  # httpx would write times with a blank in the middle
            json=to_jsonable_python(options.get("json")),
            headers=options.get("headers"),
        )
        await self._credential.sign(request)
        response = await self._connection.send(request, to_link=to_link)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._credential.renew(request):
            await self._credential.sign(request)
            response = await self._connection.send(request, to_link=to_link)
        if not (response.is_success or (to_link and response.has_redirect_location)):
            raise failure(request, response, self._connection.clock())
        return githubkit.Response(response, Any)


def _server_of(api_url: httpx.URL) -> httpx.URL:
    """github.com of api.github.com, SUBDOMAIN.ghe.com of api.SUBDOMAIN.ghe.com; an Enterprise Server is one host."""
    return api_url.copy_with(host=api_url.host.removeprefix("api."), path="/")


def describe(request: httpx.Request) -> str:
    """The request in a few words that may stand in a log: no query, no header."""
    return f"{request.method} {request.url.path}"


def read_json(response: httpx.Response) -> object:
    """The answer's JSON; raises UnexpectedAnswer."""
    try:
        body: object = response.json()
    except ValueError:
        raise errors.UnexpectedAnswer(describe(response.request), "the answer is not JSON") from None
    return body


def failure(request: httpx.Request, response: httpx.Response, now: float) -> errors.GitHubError:
    """What an answer other than 2xx means. `now` is in seconds since the epoch."""
    body = _object(response)
    message = str(body.get("message") or response.reason_phrase)
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or (status == httpx.codes.FORBIDDEN and _is_limit(response, message)):
        named = named_wait(response, now)
        wait = UNNAMED_LIMIT_WAIT if named is None else named
        return unavailable(request, f"rate limit: {message}", wait, now, limited=True)
    if status >= 500 or status == httpx.codes.REQUEST_TIMEOUT:
        return unavailable(request, f"GitHub answered {status}", named_wait(response, now), now, limited=False)
    documentation = body.get("documentation_url")
    link = documentation if isinstance(documentation, str) else None
    if status == httpx.codes.UNPROCESSABLE_ENTITY:
        return errors.Unprocessable(describe(request), status, message, link, _problems(body.get("errors")))
    return _REFUSALS.get(status, errors.GitHubRefused)(describe(request), status, message, link)


def named_wait(response: httpx.Response, now: float) -> float | None:
    """The seconds that GitHub asks us to wait, or None when it names no time.

    `retry-after` first, as seconds or as a date; else `x-ratelimit-reset` when nothing remains. Dates are measured
    against the answer's own `date`, so that our clock may be wrong.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    headers = response.headers
    their_now = _http_date(headers.get("date", "")) or now
    after = headers.get("retry-after", "").strip()
    if after.isdecimal():
        return float(after)
    until = _http_date(after)
    reset = headers.get("x-ratelimit-reset", "")
    if until is None and headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        until = float(reset)
    return None if until is None else max(0.0, until - their_now)


def unavailable(
    request: httpx.Request, reason: str, wait: float | None, now: float, *, limited: bool
) -> errors.GitHubUnavailable:
    """The error of an answer that says to come back, `wait` seconds after `now` if it names a time."""
    return errors.GitHubUnavailable(
        describe(request),
        reason,
        may_have_happened=request.method != "GET" and not limited,
        retry_after=wait,
        retry_at=None if wait is None else now + wait,
        limited=limited,
    )


def _is_limit(response: httpx.Response, message: str) -> bool:
    """Tell a limit from a missing right: both are 403. Enterprise Servers still say “abuse detection mechanism”."""
    words = message.lower()
    return (
        "retry-after" in response.headers
        or response.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in words
        or "abuse detection" in words
    )


def _object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a refusal; empty for anything else, such as a proxy's HTML page."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _problems(raw: object) -> tuple[errors.Problem, ...]:
    """GitHub's `errors`: mostly objects, sometimes plain strings."""
    items = raw if isinstance(raw, list) else []
    return tuple(
        errors.Problem(*(str(item.get(name) or "") for name in ("resource", "field", "code", "message")))
        if isinstance(item, dict)
        else errors.Problem(message=str(item))
        for item in items
    )


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None
