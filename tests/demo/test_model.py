"""The scripted model is an honest Messages API: what passes here would pass the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ove_gh.demo.model import ScriptedModel, Usage, ask, cut_off, fail, hang, reply, say, use

KEY = "key-for-the-test"
BASH = {"name": "Bash", "input_schema": {"type": "object"}}


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    """A model without a script."""
    async with ScriptedModel.running(api_key=KEY) as running:
        yield running


@pytest.fixture
async def client(model: ScriptedModel) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has the key."""
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(base_url=model.base_url, headers=headers, trust_env=False) as client:
        yield client


def _body(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "claude-opus-5", "max_tokens": 100, "messages": list(messages), "tools": [BASH], **more}


def _user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def _assistant(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def _call(tool_use_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_use_id, "name": "Bash", "input": {"command": "ls"}}


def _result(tool_use_id: str, text: str = "ok") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": text}


async def _post(client: httpx.AsyncClient, sent: Any) -> httpx.Response:
    return await client.post("/v1/messages", json=sent)


def _events(response: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line.startswith("data: ")]


@pytest.mark.anyio
async def test_a_reply_streams_in_the_documented_events(model: ScriptedModel, client: httpx.AsyncClient) -> None:
    """A streamed reply is message_start, blocks in deltas, message_delta with stop reason and usage, message_stop."""
    model.when("cart", [reply(say("I will look at it."), use("Bash", command="ls"), usage=Usage(10, 20))])
    got = _events(await _post(client, _body(_user("Fix the CART"), stream=True)))
    kinds = [event["type"] for event in got]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert "".join(e["delta"]["text"] for e in got if e.get("delta", {}).get("type") == "text_delta") == (
        "I will look at it."
    )
    pieces = [e["delta"]["partial_json"] for e in got if e.get("delta", {}).get("type") == "input_json_delta"]
    assert json.loads("".join(pieces)) == {"command": "ls"}
    assert got[-2]["delta"]["stop_reason"] == "tool_use"
    assert got[-2]["usage"]["output_tokens"] == 20


@pytest.mark.anyio
async def test_a_reply_without_stream_is_one_message(model: ScriptedModel, client: httpx.AsyncClient) -> None:
    """Without `stream` the same reply comes as one JSON message."""
    model.when("cart", [say("Done.")])
    got = (await _post(client, _body(_user("the cart")))).json()
    assert (got["role"], got["stop_reason"]) == ("assistant", "end_turn")
    assert got["content"] == [{"type": "text", "text": "Done."}]


@pytest.mark.anyio
async def test_the_place_in_the_script_follows_from_the_request(
    model: ScriptedModel, client: httpx.AsyncClient
) -> None:
    """The same request gets the same step again, and a request with one more reply gets the next step."""
    model.when("cart", [say("first"), say("second")])
    start = _user("cart")
    answers = [
        (await _post(client, _body(*messages))).json()["content"][0]["text"]
        for messages in [
            (start,),
            (start,),
            (start, _assistant({"type": "text", "text": "first"}), _user("go on")),
            (start,),
        ]
    ]
    assert answers == ["first", "first", "second", "first"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sent", "told"),
    [
        pytest.param([], "not a JSON object", id="no object"),
        pytest.param({"messages": []}, "model", id="no model"),
        pytest.param(_body(), "at least one message", id="no message"),
        pytest.param(_body(_assistant({"type": "text", "text": "hi"})), "first message", id="assistant first"),
        pytest.param(_body(_user("")), "non-empty", id="empty content"),
        pytest.param(_body(_user("hi"), max_tokens="many"), "max_tokens", id="bad max_tokens"),
        pytest.param(_body(_user(_result("toolu_1"))), "unexpected `tool_use_id`", id="unknown result"),
        pytest.param(
            _body(_user("hi"), _assistant(_call("toolu_1")), _user("well?")), "without `tool_result`", id="unanswered"
        ),
        pytest.param(
            _body(_user("hi"), _assistant(_call("toolu_1"))), "without `tool_result`", id="unanswered at the end"
        ),
        pytest.param(
            _body(
                _user("hi"),
                _assistant(_call("t1")),
                _user(_result("t1")),
                _assistant(_call("t1")),
                _user(_result("t1")),
            ),
            "unique",
            id="id twice",
        ),
        pytest.param(
            _body(_user("hi"), _assistant(_call("t1")), _user(_result("t1")), tools=[]),
            "must define tools",
            id="no tools",
        ),
    ],
)
async def test_what_the_api_refuses_is_refused(
    model: ScriptedModel, client: httpx.AsyncClient, sent: Any, told: str
) -> None:
    """A request of the wrong shape gets 400 invalid_request_error, and is noted."""
    response = await _post(client, sent)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert told in response.json()["error"]["message"]
    assert len(model.refusals) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "headers", "changed", "status", "kind"),
    [
        ("/v1/messages", {"x-api-key": "another"}, {}, 401, "authentication_error"),
        ("/v1/messages", {"anthropic-version": ""}, {}, 400, "invalid_request_error"),
        ("/v1/messages", {}, {"model": "gpt-9"}, 404, "not_found_error"),
        ("/v1/complete", {}, {}, 404, "not_found_error"),
    ],
)
async def test_key_version_model_and_path_are_checked(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], changed: dict[str, str], status: int, kind: str
) -> None:
    """A wrong key, a missing version, an unknown model and an unknown path each get the API's own error."""
    response = await client.post(path, json=_body(_user("hi"), **changed), headers=headers)
    assert (response.status_code, response.json()["error"]["type"]) == (status, kind)


@pytest.mark.anyio
async def test_a_failure_comes_as_often_as_it_is_scripted(model: ScriptedModel, client: httpx.AsyncClient) -> None:
    """`fail` answers the given number of times, with its retry-after, and then the script goes on."""
    model.when("cart", [fail(429, times=2, retry_after=7), say("there")])
    responses = [await _post(client, _body(_user("cart"))) for _ in range(3)]
    assert [response.status_code for response in responses] == [429, 429, 200]
    assert responses[0].headers["retry-after"] == "7"
    assert responses[0].json()["error"]["type"] == "rate_limit_error"


@pytest.mark.anyio
async def test_a_stream_can_break_off(model: ScriptedModel, client: httpx.AsyncClient) -> None:
    """`cut_off` closes the connection in the middle of a message."""
    model.when("cart", [cut_off(), say("there")])
    with pytest.raises(httpx.RemoteProtocolError):
        await _post(client, _body(_user("cart"), stream=True))
    assert _events(await _post(client, _body(_user("cart"), stream=True)))[-1]["type"] == "message_stop"


@pytest.mark.anyio
async def test_a_hanging_reply_comes_when_it_is_released(model: ScriptedModel, client: httpx.AsyncClient) -> None:
    """`hang` holds the reply back until it is released."""
    gate = hang()
    model.when("cart", [gate, say("at last")])
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_post(client, _body(_user("cart"))))
        await gate.reached.wait()
        assert not waiting.done()
        gate.release()
    assert waiting.result().json()["content"][0]["text"] == "at last"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ((_user("nobody knows this"),), "no script"),
        ((_user("cart"), _assistant({"type": "text", "text": "first"}), _user("again")), "1 replies"),
        ((_user("wheel"),), "AskUserQuestion is not offered"),
    ],
)
async def test_what_the_script_does_not_foresee_is_loud(
    model: ScriptedModel, client: httpx.AsyncClient, messages: tuple[dict[str, Any], ...], told: str
) -> None:
    """No rule, no step left and a tool that is not on offer are said in the reply and kept as surprises."""
    model.when("cart", [say("first")])
    model.when("wheel", [ask([{"question": "Which?"}])])
    text = (await _post(client, _body(*messages))).json()["content"][0]["text"]
    assert told in text
    assert told in model.surprises[0]


@pytest.mark.anyio
@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_tool_that_came_later_is_on_offer_once_it_is_announced(
    model: ScriptedModel, client: httpx.AsyncClient, is_announced: bool
) -> None:
    """A resumed session's new tools are deferred, and announced in a message of their own: from there on they count."""
    model.when("cart", [say("first"), use("Later")])
    tools = [BASH, {"name": "Later", "input_schema": {"type": "object"}, "defer_loading": True}]
    addition = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "Later"}}
    news = [{"role": "system", "content": [{"type": "text", "text": "New."}, addition]}] if is_announced else []
    said = [_user("cart"), _assistant({"type": "text", "text": "first"}), _user("again"), *news]
    answer = await _post(client, _body(*said, tools=tools))
    assert (answer.json()["content"][0]["type"] == "tool_use") is is_announced
    assert bool(model.surprises) is not is_announced


@pytest.mark.anyio
async def test_requests_are_kept_apart_and_wake_whoever_waits(model: ScriptedModel, client: httpx.AsyncClient) -> None:
    """A conversation's requests and tool results are kept; a request without tools is an errand of the CLI's own."""
    model.when("cart", [use("Bash", command="ls"), lambda request: say(f"It said {request.tool_results[0].text}.")])
    seen = asyncio.create_task(model.wait_for(lambda m: m.tool_results("Bash")))
    await _post(client, _body(_user("<session>cart</session>"), tools=[]))
    reminder = {"type": "text", "text": "<system-reminder>CLAUDE.md</system-reminder>"}
    start = _user(reminder, {"type": "text", "text": "cart"})
    await _post(client, _body(start))
    answer = await _post(client, _body(start, _assistant(_call("toolu_1")), _user(_result("toolu_1", "cart.py"))))
    await seen
    assert answer.json()["content"][0]["text"] == "It said cart.py."
    assert (len(model.requests), len(model.side_requests)) == (2, 1)
    assert [(r.tool, r.input["command"], r.text) for r in model.tool_results("Bash")] == [("Bash", "ls", "cart.py")]
    assert list(model.conversations) == ["cart"]


@pytest.mark.anyio
async def test_waiting_in_vain_tells_what_was_seen(model: ScriptedModel, client: httpx.AsyncClient) -> None:
    """wait_for ends in a TimeoutError that names the conversations so far."""
    model.when("cart", [say("hi")])
    await _post(client, _body(_user("the cart")))
    with pytest.raises(TimeoutError, match="the cart"):
        await model.wait_for(lambda m: len(m.requests) > 1, timeout=0.05)
