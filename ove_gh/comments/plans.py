"""A plan that waits for its start: how it is shown, and what is said of it."""

from __future__ import annotations

from ove_gh.comments.frame import LONGEST_TEXT, command, comment
from ove_gh.typesetting import block, inline


def plan(login: str, text: str, slug: str) -> str:
    """The plan's own comment, because it must notify: the agent's checklist, and how to start or change it."""
    said = _plan(login, text)
    if not said:
        again = command(slug, "plan")
        return f"@{login}, no plan came of it. Write {again} with a little more about what you want."
    return comment(
        f"@{login}, this is how I would do it.",
        said,
        f"<sub>To start it, somebody with write access writes {command(slug, 'go')} or gives this comment a 👍. "
        f"To change it, reply with {command(slug, '')} and what should be different.</sub>",
    )


def plan_started(login: str, text: str, by_login: str) -> str:
    """The plan's comment once the work on it has begun; `login` and `text` are as in `plan`."""
    return comment(
        f"@{login}, this is how I would do it.",
        _plan(login, text),
        f"<sub>Started by {inline(by_login, 40)}.</sub>",
    )


def no_plan(login: str, slug: str) -> str:
    """The answer to `go` when no plan waits for it."""
    return f"@{login}, there is no plan here to start. Write {command(slug, 'plan')} and what it is for."


def _plan(login: str, text: str) -> str:
    return block(text, LONGEST_TEXT - 1_000, (login,))
