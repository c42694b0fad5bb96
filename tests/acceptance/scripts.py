"""What the model does in the acceptance tests, and how a test looks at what came of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ove_gh.demo.github import Comment, Pull, SimulatedGitHub
from ove_gh.demo.model import Request, Step, ToolResult, ask, reply, say, use
from ove_gh.demo.processes import claude_processes
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


def open_issue(
    stage: Stage,
    steps: Sequence[Step] = (),
    *,
    login: str = "alice",
    title: str = "The average of an empty cart fails",
) -> int:
    """Somebody opens an issue that does not mention the App; `steps` are what the model does in its thread."""
    number = stage.github.open_issue(REPOSITORY, login, title, "`Cart().average()` raises ZeroDivisionError.").number
    if steps:
        stage.model.when(in_thread(number), steps)
    return number


def newcomer(stage: Stage, login: str) -> str:
    """Somebody new with write access, whose rights a test may change without a word to other tests."""
    stage.github.create_user(login)
    stage.github.grant(REPOSITORY, login, "write")
    return login


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


def only_pull(stage: Stage, number: int) -> Pull:
    """The one pull request that there is since a thread began: the thread's own."""
    pulls = pulls_since(stage, number)
    assert len(pulls) == 1, [pull.title for pull in pulls]
    assert pulls[0].number == number or pulls[0].head.startswith(f"ove/{number}-"), pulls[0].head
    return pulls[0]


def pulls_since(stage: Stage, number: int) -> list[Pull]:
    """The pull requests that are no older than a thread; earlier tests have opened theirs before."""
    return [pull for pull in stage.github.pulls(REPOSITORY) if pull.number >= number]


def in_thread(number: int) -> Callable[[Request], bool]:
    """Tells the conversations about a thread from those about others, by how the service opens them."""
    opening = re.compile(rf'<thread repository="{REPOSITORY}" (?:issue|pull_request)="{number}">')
    return lambda request: opening.search(request.first_text) is not None


def requests_in(stage: Stage, number: int) -> list[Request]:
    """Every request that the model got about a thread, in order."""
    return [request for request in stage.model.requests if in_thread(number)(request)]


def conversations_in(stage: Stage, number: int) -> set[str]:
    """The words that opened each of the model's conversations about a thread."""
    return {request.first_text for request in requests_in(stage, number)}


def answers_in(stage: Stage, number: int) -> list[ToolResult]:
    """What the model was told in a thread about its calls of AskUserQuestion, in order."""
    return stage.model.tool_results("AskUserQuestion", in_thread(number))


async def until_nothing_runs(stage: Stage) -> None:
    """Wait until the service has no Claude process; one that ends just now may still be seen."""
    async with asyncio.timeout(10):
        while claude_processes(stage.data_dir):  # noqa: ASYNC110 - what it waits for rings no bell
            await asyncio.sleep(0.02)


def processes_running(command: str) -> Sequence[int]:
    """The processes whose command line is this."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if line.replace(b"\0", b" ").decode(errors="replace").strip() == command:
                found.append(int(folder.name))
    return found
