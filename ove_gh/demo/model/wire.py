"""How a reply looks on the wire: JSON, or the server-sent events of the Messages API; no I/O.

The shapes are those of https://docs.claude.com/en/api/messages-streaming.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ove_gh.demo.model.steps import Block, Reply, Say, Usage, Use

CHUNK = 24
"""Characters in one delta: small enough that a reader who expects whole blocks is found out."""

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def error_body(status: int, message: str) -> dict[str, Any]:
    """The body of an HTTP error."""
    kind = ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": f"req_{uuid.uuid4().hex[:24]}",
    }


def message_body(reply: Reply, model: str, usage: Usage) -> dict[str, Any]:
    """A whole message, as a request without `stream` gets it."""
    return {
        **_envelope(model),
        "content": [_whole_block(block) for block in reply.blocks],
        "stop_reason": stop_reason(reply),
        "usage": asdict(usage),
    }


def event_stream(reply: Reply, model: str, usage: Usage) -> Iterator[str]:
    """The same message as server-sent events."""
    yield from opening(model, usage)
    for index, block in enumerate(reply.blocks):
        yield event("content_block_start", index=index, content_block=_empty_block(block))
        yield from (event("content_block_delta", index=index, delta=delta) for delta in _deltas(block))
        yield event("content_block_stop", index=index)
    yield event("message_delta", delta={"stop_reason": stop_reason(reply), "stop_sequence": None}, usage=asdict(usage))
    yield event("message_stop")


def opening(model: str, usage: Usage) -> Iterator[str]:
    """The events before the first block."""
    started = {**_envelope(model), "content": [], "stop_reason": None, "usage": {**asdict(usage), "output_tokens": 1}}
    yield event("message_start", message=started)
    yield event("ping")


def broken_stream(text: str, model: str, usage: Usage) -> Iterator[str]:
    """The beginning of a message that breaks off in its first text block."""
    yield from opening(model, usage)
    yield event("content_block_start", index=0, content_block=_empty_block(Say(text)))
    yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def event(kind: str, **fields: Any) -> str:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def stop_reason(reply: Reply) -> str:
    """Why the message ends."""
    return reply.stop_reason or ("tool_use" if any(isinstance(block, Use) for block in reply.blocks) else "end_turn")


def _envelope(model: str) -> dict[str, Any]:
    return {
        "id": f"msg_01{uuid.uuid4().hex[:22]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_sequence": None,
    }


def _whole_block(block: Block) -> dict[str, Any]:
    if isinstance(block, Say):
        return {"type": "text", "text": block.text}
    return {**_empty_block(block), "input": dict(block.input)}


def _empty_block(block: Block) -> dict[str, Any]:
    if isinstance(block, Say):
        return {"type": "text", "text": ""}
    return {"type": "tool_use", "id": f"toolu_01{uuid.uuid4().hex[:22]}", "name": block.tool, "input": {}}


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    if isinstance(block, Say):
        yield from ({"type": "text_delta", "text": piece} for piece in _pieces(block.text))
    else:
        whole = json.dumps(dict(block.input))
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in _pieces(whole))


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + CHUNK] for start in range(0, len(text), CHUNK))
