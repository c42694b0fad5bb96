"""What the model does in the acceptance tests, and how a test looks at what came of it."""

from __future__ import annotations

import re
from typing import Any

from ove_gh.demo.github import Comment, Pull, SimulatedGitHub
from ove_gh.demo.model import Step, ask, reply, say, use
from ove_gh.demo.stage import REPOSITORY, SLUG, Stage

BOT = f"{SLUG}[bot]"
DESCRIBE = "mcp__ove__describe_pull_request"

ROUNDING: dict[str, Any] = {
    "question": "What is the average of an empty cart?",
    "header": "Empty cart",
    "options": [
        {"label": "Zero", "description": "the page can show it as it is"},
        {"label": "An error", "description": "callers must check first"},
    ],
    "multiSelect": False,
}

FIX = (
    r"sed -i 's|^        pieces = |        if not self.items:\n            return Decimal(0)\n&|' cart.py"
    " && python3 test_cart.py && git commit -qam 'Return 0 for the average of an empty cart'"
)

DESCRIPTION: dict[str, Any] = {
    "title": "Return 0 for the average of an empty cart",
    "body": "`average()` divided by the number of pieces, which is 0 for an empty cart. It now returns 0.",
    "fixes_issue": True,
}

DONE = "`average()` divided by zero for an empty cart. It now returns 0."

ASK_AND_FIX: list[Step] = [
    use("Bash", command="cat cart.py", description="Read the cart"),
    ask([ROUNDING]),
    reply(say("Then I write it so."), use("Bash", command=FIX, description="Fix it")),
    use(DESCRIBE, DESCRIPTION),
    say(DONE),
]
"""The story: look, ask, fix, describe, report."""

JUST_FIX: list[Step] = [
    use("Bash", command=FIX, description="Fix it"),
    use(DESCRIBE, DESCRIPTION),
    say(DONE),
]


def open_issue(stage: Stage, *, login: str = "alice", title: str = "The average of an empty cart fails") -> int:
    """Somebody opens an issue that does not mention the App."""
    return stage.github.open_issue(REPOSITORY, login, title, "`Cart().average()` raises ZeroDivisionError.").number


def mention(stage: Stage, number: int, *, login: str = "alice", words: str = "please fix the empty cart") -> Comment:
    """Somebody mentions the App under an issue."""
    return stage.github.comment(REPOSITORY, number, login, f"@{SLUG} {words}")


def bot_comments(github: SimulatedGitHub, number: int) -> list[Comment]:
    """What the App says in a thread."""
    return [comment for comment in github.thread(REPOSITORY, number) if comment.author.login == BOT]


def question_comment(github: SimulatedGitHub, number: int) -> Comment | None:
    """The newest comment of the App's that carries a question, open or closed."""
    found = [c for c in bot_comments(github, number) if re.search(r"<!-- ove-gh:question-\d+ -->", c.body)]
    return found[-1] if found else None


def status_comments(github: SimulatedGitHub, number: int) -> list[Comment]:
    """The status comments in a thread, one a task."""
    return [c for c in bot_comments(github, number) if re.search(r"<!-- ove-gh:task-\d+-status -->", c.body)]


def says(comment: Comment | None, *words: str) -> bool:
    """Whether a comment stands there and holds all these words."""
    return comment is not None and all(word in comment.body for word in words)


async def asked(stage: Stage, number: int) -> Comment:
    """Wait until the App has asked, and return the question's comment."""
    found = await stage.github.wait_for(lambda github: question_comment(github, number), what="the question")
    assert found is not None
    return found


async def finished(stage: Stage, number: int, *words: str) -> Comment:
    """Wait until the status comment says that the task has come to its end."""

    def ended(github: SimulatedGitHub) -> Comment | None:
        return next((c for c in status_comments(github, number) if says(c, "**Done", *words)), None)

    found = await stage.github.wait_for(ended, what="the task's end")
    assert found is not None
    return found


async def failed(stage: Stage, number: int) -> Comment:
    """Wait until the App says in a comment of its own that it could not finish, and return that comment."""

    def told(github: SimulatedGitHub) -> Comment | None:
        found = [c for c in bot_comments(github, number) if re.search(r"<!-- ove-gh:turn-\d+-failure -->", c.body)]
        return found[-1] if found else None

    found = await stage.github.wait_for(told, what="the failure's comment")
    assert found is not None
    return found


def only_pull(stage: Stage) -> Pull:
    """The one pull request that there is."""
    pulls = stage.github.pulls(REPOSITORY)
    assert len(pulls) == 1, [pull.title for pull in pulls]
    return pulls[0]
