"""Answers in review threads: the tool with which the agent gives them. They are posted when its turn is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ove_gh.agent import ServiceTool, ToolAnswer
from ove_gh.github.client import Repository
from ove_gh.github.errors import NotFound
from ove_gh.store import replies
from ove_gh.store.database import Database
from ove_gh.tasks import Task

_SCHEMA = {
    "type": "object",
    "properties": {
        "comment_id": {"type": "integer", "description": "The id of a comment of the review that you were asked about"},
        "text": {"type": "string", "description": "What you answer, in Markdown: a sentence or two"},
    },
    "required": ["comment_id", "text"],
    "additionalProperties": False,
}


def answer_comment(database: Database, repository: Repository, task: Task) -> ServiceTool:
    """The tool that answers the comments of the review which asked for `task`, and no others."""

    async def answer(arguments: Mapping[str, Any]) -> ToolAnswer:
        comment_id, text = arguments["comment_id"], arguments["text"]
        if not text.strip():
            return ToolAnswer("An answer has words.", is_error=True)
        if not await _is_of_review(repository, comment_id, task.source.id):
            return ToolAnswer(f"{comment_id} is no comment of this review. Use the ids in its tags.", is_error=True)
        async with database.writing() as connection:
            await replies.give(connection, task.id, comment_id, text)
        return ToolAnswer("Noted. It is posted in the review thread when your work is published.")

    return ServiceTool(
        "answer_comment",
        "Answer one comment of the review in its own review thread. Say what you did about it, or why you did nothing. "
        "Answered again, the later words count.",
        _SCHEMA,
        answer,
        lambda _: "Answering a review comment",
    )


async def _is_of_review(repository: Repository, comment_id: int, review_id: int) -> bool:
    try:
        return (await repository.review_comment(comment_id)).review_id == review_id
    except NotFound:
        return False
