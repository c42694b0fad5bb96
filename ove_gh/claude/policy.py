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

from dataclasses import dataclass

ASK = "AskUserQuestion"
DESCRIBE = "mcp__ove__describe_pull_request"
NOTHING_TO_DO = "mcp__ove__nothing_to_do"
ANSWER = "StructuredOutput"
"""With this the CLI has the model give an answer that fits a schema; it is offered for that alone."""
CHECKLIST = ("TaskCreate", "TaskUpdate", "TaskList", "TaskGet")
WORK = ("Bash", "Read", "Edit", "Write", "NotebookEdit", "Grep", "Glob", "Agent")


@dataclass(frozen=True, slots=True)
class Allow:
    """The call goes ahead."""


@dataclass(frozen=True, slots=True)
class Deny:
    """The call does not go ahead; the agent reads `message` and can do better."""

    message: str


def offered_tools(*, may_ask: bool) -> list[str]:
    """The CLI's own tools that the agent is offered."""
    return [*WORK, *CHECKLIST, *([ASK] if may_ask else [])]


def decide(tool: str) -> Allow | Deny:
    """Answer a permission request. There is always an answer: nobody sits at the terminal."""
    if tool in (*WORK, *CHECKLIST, DESCRIBE, NOTHING_TO_DO, ANSWER):
        return Allow()
    return Deny(f"{tool} cannot be used here. Go on without it.")
