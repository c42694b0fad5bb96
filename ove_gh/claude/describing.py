"""The tools with which the agent says what becomes of its work."""

from __future__ import annotations

from typing import Any

from claude_agent_sdk import SdkMcpTool, tool

from ove_gh.agent import PullRequestText

LONGEST_TITLE = 256
"""Characters that GitHub takes for a title."""
LONGEST_REASON = 200


class Description:
    """What the agent said in this turn; its last word counts."""

    def __init__(self, *, scheduled: bool = False) -> None:
        self.latest: PullRequestText | None = None
        self.nothing_to_do: str | None = None
        self._scheduled = scheduled

    def tools(self) -> list[SdkMcpTool[Any]]:
        """The tools. Only a scheduled task may say that there is nothing to do: people want an answer."""

        @tool(
            "describe_pull_request",
            "Say how the pull request for your commits should read. Call it once your work is committed; a later call "
            "replaces an earlier one. The service opens or updates the pull request.",
            {
                "type": "object",
                "properties": {
                    "title": {"type": "string", "description": "One line, in the manner of this repository's history"},
                    "body": {
                        "type": "string",
                        "description": "Markdown: what was done and why, how it was checked, and what was decided",
                    },
                    "fixes_issue": {
                        "type": "boolean",
                        "description": "Whether merging it settles the issue, so that GitHub should close it",
                    },
                },
                "required": ["title", "body", "fixes_issue"],
                "additionalProperties": False,
            },
        )
        async def describe(arguments: dict[str, Any]) -> dict[str, Any]:
            return self._take(arguments)

        @tool(
            "nothing_to_do",
            "Say that this scheduled run has nothing to do and nothing to report: nobody is written to then. Call it "
            "instead of describe_pull_request, and end.",
            {
                "type": "object",
                "properties": {"reason": {"type": "string", "description": "One short line: what you looked at"}},
                "required": ["reason"],
                "additionalProperties": False,
            },
        )
        async def nothing(arguments: dict[str, Any]) -> dict[str, Any]:
            self.nothing_to_do = " ".join(str(arguments["reason"]).split())[:LONGEST_REASON]
            return _said("Noted. Nobody is written to.")

        return [describe, nothing] if self._scheduled else [describe]

    def _take(self, arguments: dict[str, Any]) -> dict[str, Any]:
        title, body = str(arguments["title"]).strip(), str(arguments["body"]).strip()
        if not title or len(title) > LONGEST_TITLE or len(title.splitlines()) != 1:
            return _said(f"The title must be one line of at most {LONGEST_TITLE} characters.", is_error=True)
        self.latest = PullRequestText(title, body, bool(arguments["fixes_issue"]))
        return _said("Noted. The service uses it when your turn ends.")


def _said(text: str, *, is_error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "is_error": is_error}
