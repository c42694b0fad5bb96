"""What the agent may do: the tools it is offered, and the answer to every permission the CLI asks for. No I/O.

The list is complete: a tool that is not named here does not exist for the agent, also one that a later CLI brings.

Left out, and why:
- WebFetch, WebSearch: a page is one more way for a stranger's words to reach the agent, and a fetched address one more
  way for data to leave. What a task needs should stand in the thread or the repository.
- Skill and slash commands: a repository's own can run programs as they load.
- ScheduleWakeup, Cron…, Monitor, Workflow, background shells: nothing of a turn goes on after the turn.
- EnterPlanMode, EnterWorktree and their exits: they wait for somebody at a terminal, or leave the clone.
- ListAgents, SendMessage: they reach other sessions on the machine.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

ASK = "AskUserQuestion"
SERVER = "ove"
"""The MCP server of the tools that the service answers."""
DESCRIBE = f"mcp__{SERVER}__describe_pull_request"
NOTHING_TO_DO = f"mcp__{SERVER}__nothing_to_do"
ANSWER = "StructuredOutput"
"""With this the CLI has the model give an answer that fits a schema; it is offered for that alone."""
CHECKLIST = ("TaskCreate", "TaskUpdate", "TaskList", "TaskGet")
EDITING = ("Edit", "Write", "NotebookEdit")
WORK = ("Bash", "Read", *EDITING, "Grep", "Glob", "Agent")


@dataclass(frozen=True, slots=True)
class Allow:
    """The call goes ahead."""


@dataclass(frozen=True, slots=True)
class Deny:
    """The call does not go ahead; the agent reads `message` and can do better."""

    message: str


def service_tool(name: str) -> str:
    """What the agent calls a tool that the service answers."""
    return f"mcp__{SERVER}__{name}"


def offered_tools(*, may_ask: bool, read_only: bool = False) -> list[str]:
    """The CLI's own tools that the agent is offered."""
    work = [tool for tool in WORK if not (read_only and tool in EDITING)]
    return [*work, *CHECKLIST, *([ASK] if may_ask else [])]


def decide(
    tool: str, *, service_tools: Collection[str] = (), read_only: bool = False, mcp_servers: Collection[str] = ()
) -> Allow | Deny:
    """Answer a permission request. There is always an answer: nobody sits at the terminal.

    `service_tools` are the names of the tools that the service answers in this turn, `mcp_servers` those of further
    servers, all of whose tools may be used.
    """
    if any(tool.startswith(f"mcp__{name}__") for name in mcp_servers if name != SERVER):
        return Allow()
    allowed = {*offered_tools(may_ask=False, read_only=read_only), DESCRIBE, NOTHING_TO_DO, ANSWER}
    if tool in allowed.union(map(service_tool, service_tools)):
        return Allow()
    return Deny(f"{tool} cannot be used here. Go on without it.")
