"""Schedules with the real service, the real Claude CLI and real git; time passes while the service is down."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from ove_gh.claude.policy import ANSWER, NOTHING_TO_DO
from ove_gh.demo.github import Comment, SimulatedGitHub
from ove_gh.demo.model import Request, Step, say, use
from ove_gh.demo.stage import REPOSITORY, SLUG, Stage
from tests.acceptance.scripts import BOT, DESCRIBE, DESCRIPTION, FIX, bot_comments, says

pytestmark = pytest.mark.anyio

DECIDED = "Decided by myself: zero rather than an error."
WORK: list[Step] = [
    use("Bash", command=FIX, description="Fix it"),
    use(DESCRIBE, DESCRIPTION | {"body": f"{DESCRIPTION['body']}\n\n{DECIDED}"}),
    say("I mended what broke."),
]
IDLE: list[Step] = [use(NOTHING_TO_DO, reason="All dependencies are up to date."), say("Nothing to do.")]


@pytest.fixture
def stage(own_stage: Stage) -> Stage:
    """A stage of the test's own, because it stops the service."""
    return own_stage


async def scheduled(stage: Stage, number: int, words: str) -> Comment:
    """Somebody asks for a schedule, and the App shows what it made of it."""
    stage.github.comment(REPOSITORY, number, "alice", f"@{SLUG} schedule {words}")
    found = await stage.github.wait_for(
        lambda github: next((c for c in bot_comments(github, number) if says(c, "`0 9 * * 1-5`")), None),
        what="the schedule's own comment",
    )
    assert found is not None
    return found


async def days_pass(stage: Stage) -> None:
    """The service is down for three days: every due time lies in the past when it starts again."""
    await stage.service.stop()
    with closing(sqlite3.connect(stage.data_dir / "ove.db")) as database, database:
        database.execute("UPDATE schedules SET due_at = due_at - 14 * 86400")
    await stage.service.restart()


def opened_by_schedule(words: str) -> re.Pattern[str]:
    """Finds the conversation that a schedule opened."""
    return re.compile(rf"Schedule \d+ \(“{words}")


async def test_a_schedule_works_by_itself_and_says_what_it_decided(stage: Stage) -> None:
    """It shows its times; days missed are made up for by one run, which asks nobody and tells the issue its result."""
    number = stage.github.open_issue(REPOSITORY, "alice", "Chores", "What is to be done again and again.").number
    prompts: list[Request] = []
    opening = opened_by_schedule("mend what breaks")

    def is_ours(request: Request) -> bool:
        ours = opening.search(request.first_text) is not None
        if ours:
            prompts.append(request)
        return ours

    stage.model.when(is_ours, WORK)
    comment = await scheduled(stage, number, "every weekday at 9: mend what breaks")
    assert says(comment, "UTC", "09:00", "mend what breaks")
    await days_pass(stage)
    done = await stage.github.wait_for(
        lambda github: next((c for c in bot_comments(github, number) if says(c, "**Schedule 1: see [#2]")), None),
        what="the run's result in the issue",
    )
    assert says(done, "I mended what broke.")
    assert "AskUserQuestion" not in prompts[0].tools
    assert NOTHING_TO_DO in prompts[0].tools
    (pull,) = stage.github.pulls(REPOSITORY)
    assert DECIDED in str(pull.issue.body)
    assert f"Closes #{number}" not in str(pull.issue.body), "a schedule's issue must stay open"
    assert [c.author.login for c in stage.github.thread(REPOSITORY, number)] == ["alice", BOT, BOT]
    await stage.github.wait_for(
        lambda github: says(bot_comments(github, number)[0], f"/pull/{pull.number}"),
        what="the last run in the schedule's own comment",
    )
    assert stage.github.issue(REPOSITORY, number).state == "open"


async def test_a_run_with_nothing_to_do_leaves_no_comment(stage: Stage) -> None:
    """Only the schedule's own comment tells of it; the time was words that only the model could read."""
    number = stage.github.open_issue(REPOSITORY, "alice", "Chores", "What is to be done again and again.").number
    stage.model.when(
        lambda request: ANSWER in request.tools,
        [use(ANSWER, cron="0 9 * * 1-5", zone=None, problem=None), say("Done.")],
    )
    stage.model.when(lambda request: bool(opened_by_schedule("look for news").search(request.first_text)), IDLE)
    comment = await scheduled(stage, number, "as the rooster crows on workdays: look for news")
    before = len(bot_comments(stage.github, number))
    await days_pass(stage)

    def told(github: SimulatedGitHub) -> bool:
        own = next(c for c in github.thread(REPOSITORY, number) if c.id == comment.id)
        return says(own, "All dependencies are up to date.")

    await stage.github.wait_for(told, what="the last run in the schedule's own comment")
    assert len(bot_comments(stage.github, number)) == before == 1
    assert stage.github.pulls(REPOSITORY) == []
    assert [c.author.login for c in stage.github.thread(REPOSITORY, number)] == ["alice", BOT]
