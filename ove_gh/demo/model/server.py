"""The scripted model: an honest loopback `POST /v1/messages` that plays its part by heart.

It keeps no conversation. Which step answers follows from the request alone (the number of replies it already holds), so
a killed CLI, a resumed session and a repeated request all find their place again.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ove_gh.demo.model import wire
from ove_gh.demo.model.request import InvalidRequest, Request, ToolResult, check
from ove_gh.demo.model.steps import (
    Answer,
    CutOff,
    Fail,
    Hang,
    Improvised,
    Reply,
    Say,
    Step,
    Trouble,
    Usage,
    Use,
    as_reply,
)

DEFAULT_MESSAGES = {
    400: "Your request was refused.",
    401: "invalid x-api-key",
    403: "Your API key does not have permission to use the specified resource.",
    429: "This request would exceed your organization's rate limit.",
    500: "Internal server error",
    529: "Overloaded",
}


@dataclass(frozen=True, slots=True)
class _Turn:
    """One place in a script: what goes wrong first, and the answer in the end."""

    troubles: tuple[Trouble, ...]
    answer: Answer | Improvised | None


@dataclass(frozen=True, slots=True)
class _Rule:
    matches: Callable[[Request], bool]
    turns: tuple[_Turn, ...]


class ScriptedModel:
    """A model that answers by script; start it with `async with ScriptedModel.running(api_key=…) as model`."""

    def __init__(self, *, api_key: str, usage: Usage, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}"
        self.requests: list[Request] = []
        """Every well-formed request of a conversation, in order of arrival; the CLI's own errands are not here."""
        self.side_requests: list[Request] = []
        """Requests of the CLI's own: a title, a summary."""
        self.surprises: list[str] = []
        """What the script did not foresee. A test should find this empty."""
        self.refusals: list[str] = []
        """Every message request that was answered 400, 401 or 404 by the API's rules, not by script."""
        self.strays: list[str] = []
        """Every request for something else than messages; it was answered 404."""
        self._api_key = api_key
        self._usage = usage
        self._rules: list[_Rule] = []
        self._suffered: Counter[tuple[int, int, int]] = Counter()
        self._news = asyncio.Condition()
        self._hangs: list[Hang] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, *, api_key: str, usage: Usage | None = None) -> AsyncIterator[Self]:
        """A model that listens on a loopback port of its own while the context is open.

        `usage` is what each reply is billed for, unless the reply says otherwise.
        """
        with socket.create_server(("127.0.0.1", 0)) as listener:
            model = cls(api_key=api_key, usage=usage or Usage(), port=listener.getsockname()[1])
            server = _Server(uvicorn.Config(model.app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1))
            serving = asyncio.create_task(server.serve(sockets=[listener]), name="scripted model")
            try:
                yield model
            finally:
                model._release_all()
                server.should_exit = True
                await serving

    def when(self, words: str | Callable[[Request], bool], steps: Sequence[Step]) -> None:
        """Play `steps` in each conversation that opens with `words` (in any case), or that the predicate accepts.

        The first matching rule counts. A trouble (`fail`, `cut_off`, `hang`) goes before the step that follows it.
        """
        self._rules.append(_Rule(_matcher(words), tuple(_turns(steps))))
        self._hangs += [step for step in steps if isinstance(step, Hang)]

    def tool_results(self, tool: str, where: Callable[[Request], bool] = lambda _: True) -> list[ToolResult]:
        """What the model was told about its calls of `tool`: one result a call, in the order in which they came.

        `where` chooses the conversations.
        """
        found = {
            result.tool_use_id: result
            for request in filter(where, self.requests)
            for result in request.tool_results
            if result.tool == tool
        }
        return list(found.values())

    @property
    def conversations(self) -> dict[str, Request]:
        """The newest request of each conversation, by the words that opened it."""
        return {request.first_text: request for request in self.requests}

    async def wait_for(
        self,
        predicate: Callable[[ScriptedModel], Any],
        timeout: float = 20,  # noqa: ASYNC109 - the error is ours to word: it tells what was seen instead
    ) -> None:
        """Wait until `predicate(model)` holds; it is asked again after each request.

        After `timeout` seconds a TimeoutError says what was seen.
        """
        try:
            async with asyncio.timeout(timeout), self._news:
                await self._news.wait_for(lambda: predicate(self))
        except TimeoutError:
            seen = [f"{request.first_text[:60]!r} with {request.replies} replies" for request in self.requests]
            raise TimeoutError(f"after {timeout} s the model has seen {seen}; surprises: {self.surprises}") from None

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[Route("/v1/messages", self._messages, methods=["POST"])],
            exception_handlers={404: self._not_found, 405: self._not_found},
        )

    async def _messages(self, http: HttpRequest) -> Response:
        if http.headers.get("x-api-key") != self._api_key:
            return self._refuse(401, "invalid x-api-key")
        if not http.headers.get("anthropic-version"):
            return self._refuse(400, "anthropic-version: header is required")
        try:
            body = json.loads(await http.body())
            check(body)
        except InvalidRequest as error:
            return self._refuse(400, str(error))
        except ValueError as error:
            return self._refuse(400, f"The request body is not valid JSON: {error}")
        if not body["model"].startswith("claude-"):
            return self._refuse(404, f"model: {body['model']}")
        request = Request(body, dict(http.headers))
        if is_side_request(request):
            self.side_requests.append(request)
            return self._send(Reply((Say(SIDE_ANSWER),)), request)
        self.requests.append(request)
        async with self._news:
            self._news.notify_all()
        return await self._play(request, http)

    async def _play(self, request: Request, http: HttpRequest) -> Response:
        place = self._place(request)
        if place is None:
            told = f"no script for a conversation that opens {request.first_text!r}"
            return self._send(self._surprise(told), request)
        rule, turns = place
        if request.replies >= len(turns):
            told = f"the script has {len(turns)} replies, and the conversation goes on: {request.last_text!r}"
            return self._send(self._surprise(told), request)
        turn = turns[request.replies]
        for number, trouble in enumerate(turn.troubles):
            suffered = await self._suffer((rule, request.replies, number), trouble, request, http)
            if suffered is not None:
                return suffered
        return self._send(await self._answer(turn.answer, request), request)

    def _place(self, request: Request) -> tuple[int, tuple[_Turn, ...]] | None:
        return next(((n, rule.turns) for n, rule in enumerate(self._rules) if rule.matches(request)), None)

    async def _suffer(
        self, place: tuple[int, int, int], trouble: Trouble, request: Request, http: HttpRequest
    ) -> Response | None:
        """Carry out a trouble; None when it is over and the next step's turn has come."""
        if isinstance(trouble, Hang):
            trouble.reached.set()
            await _first_of(trouble.released.wait(), _gone(http))
            return None
        if trouble.times is not None and self._suffered[place] >= trouble.times:
            return None
        self._suffered[place] += 1
        if isinstance(trouble, CutOff):
            return _BrokenOff("".join(wire.broken_stream(trouble.text, request.model, self._usage)))
        headers = {} if trouble.retry_after is None else {"retry-after": str(trouble.retry_after)}
        return _error(trouble.status, _words(trouble), headers)

    async def _answer(self, step: Answer | Improvised | None, request: Request) -> Reply:
        if step is None:
            return self._surprise("the script ends in a trouble that is over, and has no reply after it")
        if callable(step):
            made = step(request)
            step = await made if inspect.isawaitable(made) else made
        reply = as_reply(step)
        for block in reply.blocks:
            if isinstance(block, Use) and block.tool not in request.tools:
                return self._surprise(f"{block.tool} is not offered here, but {', '.join(request.tools)}")
        return reply

    def _surprise(self, told: str) -> Reply:
        self.surprises.append(told)
        return Reply((Say(f"THE SCRIPT DOES NOT KNOW THIS: {told}"),))

    def _send(self, reply: Reply, request: Request) -> Response:
        usage = reply.usage or self._usage
        if request.body.get("stream"):
            return StreamingResponse(wire.event_stream(reply, request.model, usage), media_type="text/event-stream")
        return JSONResponse(wire.message_body(reply, request.model, usage))

    def _refuse(self, status: int, message: str) -> Response:
        self.refusals.append(f"{status}: {message}")
        return _error(status, message)

    async def _not_found(self, http: HttpRequest, _: Exception) -> Response:
        self.strays.append(f"{http.method} {http.url.path}")
        return _error(404, "Not found")

    def _release_all(self) -> None:
        for hang in self._hangs:
            hang.release()


SIDE_ANSWER = "{}"


def is_side_request(request: Request) -> bool:
    """Whether the CLI asks for itself: it then offers no tools."""
    return not request.tools


class _BrokenOff(Response):
    """A response that never ends properly: the server answers that by closing the connection."""

    media_type = "text/event-stream"

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})


class _Server(uvicorn.Server):
    """uvicorn as a guest: the process's signals belong to the caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _matcher(words: str | Callable[[Request], bool]) -> Callable[[Request], bool]:
    if callable(words):
        return words
    wanted = words.casefold()
    return lambda request: wanted in request.first_text.casefold()


def _turns(steps: Sequence[Step]) -> Iterator[_Turn]:
    troubles: list[Trouble] = []
    for step in steps:
        if isinstance(step, Fail | CutOff | Hang):
            troubles.append(step)
        else:
            yield _Turn(tuple(troubles), step)
            troubles = []
    if troubles:
        yield _Turn(tuple(troubles), None)


def _words(trouble: Fail) -> str:
    return trouble.message or DEFAULT_MESSAGES.get(trouble.status, "Something went wrong")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(wire.error_body(status, message), status_code=status, headers=headers)


async def _gone(http: HttpRequest) -> None:
    """Return when the caller has hung up."""
    while (await http.receive())["type"] != "http.disconnect":
        pass


async def _first_of(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
