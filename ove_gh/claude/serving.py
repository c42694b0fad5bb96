"""The MCP server that runs in the service and answers the agent over the CLI's pipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from claude_agent_sdk import McpSdkServerConfig, SdkMcpTool, create_sdk_mcp_server

from ove_gh.agent import ServiceTool, ToolAnswer
from ove_gh.claude import policy
from ove_gh.claude.describing import Description

log = structlog.get_logger(__name__)

LONGEST_ANSWER = 48_000
"""UTF-16 code units of a tool's answer. Of one with more than 50,000 the CLI shows the model the first 2,000 alone."""


def server(description: Description, tools: Sequence[ServiceTool]) -> McpSdkServerConfig:
    """The server with what the agent says of its work, and with `tools`.

    The SDK checks the arguments of a call against its schema, and tells the agent what does not fit. Raises ValueError
    when two tools have one name.
    """
    served = [*description.tools(), *map(_served, tools)]
    if len({tool.name for tool in served}) != len(served):
        raise ValueError("each tool of the service has a name of its own")
    return create_sdk_mcp_server(policy.SERVER, tools=served)


def _served(tool: ServiceTool) -> SdkMcpTool[Any]:
    async def handle(arguments: dict[str, Any]) -> dict[str, Any]:
        answer = await _answer(tool, arguments)
        return {"content": [{"type": "text", "text": _bounded(answer.text)}], "is_error": answer.is_error}

    return SdkMcpTool(tool.name, tool.description, dict(tool.schema), handle)


async def _answer(tool: ServiceTool, arguments: dict[str, Any]) -> ToolAnswer:
    try:
        return await tool.answer(arguments)
    except Exception:  # whatever went wrong, it is one call's trouble and not the turn's
        log.exception("tool_failed", tool=tool.name)
        return ToolAnswer(f"{tool.name} did not work just now. Try once more, or go on without it.", is_error=True)


def _bounded(text: str) -> str:
    units = text.encode("utf-16-le", errors="replace")
    if len(units) <= 2 * LONGEST_ANSWER:
        return text or "(nothing)"
    head = units[: 2 * LONGEST_ANSWER].decode("utf-16-le", errors="ignore")
    return f"{head}\n\n[Cut here, after {len(head):,} of {len(text):,} characters. Ask for less to see the rest.]"
