"""Who is heard, and what people are told when a turn cannot finish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ove_gh.demo.github import respond
from ove_gh.demo.model import Step, Usage, ask, fail, hang, reply, say, use
from ove_gh.demo.stage import REPOSITORY, Stage, staged
from tests.acceptance.scripts import (
    FIX,
    ROUNDING,
    answers_in,
    asked,
    bot_comments,
    conversations_in,
    failed,
    finished,
    in_thread,
    mention,
    newcomer,
    only_pull,
    open_issue,
    pulls_since,
    question_comment,
    requests_in,
    says,
)

pytestmark = pytest.mark.anyio

TITLE_WORDS = "the-average-of-an-empty-cart-fails"


async def test_a_strangers_mention_runs_nothing(stage: Stage) -> None:
    """Somebody without write access gets 😕, no words and no run."""
    number = open_issue(stage)
    comment = mention(stage, number, login="mallory")
    await stage.github.wait_for(lambda github: github.reactions(comment) == [("ove[bot]", "confused")])
    assert bot_comments(stage.github, number) == []
    assert requests_in(stage, number) == []


async def test_a_strangers_reply_answers_nothing(stage: Stage) -> None:
    """A stranger's reply to a question, with and without a mention, resumes nothing; the question stays open."""
    number = open_issue(stage, [ask([ROUNDING]), say("Noted.")])
    mention(stage, number)
    question = await asked(stage, number)
    stage.github.comment(REPOSITORY, number, "mallory", "1")
    loud = mention(stage, number, login="mallory", words="1")
    await stage.github.wait_for(lambda github: github.reactions(loud) == [("ove[bot]", "confused")])
    assert "~~" not in question.body
    assert len(requests_in(stage, number)) == 1
    stage.github.comment(REPOSITORY, number, "alice", "2")
    await finished(stage, number, "Noted.")
    assert "An error" in answers_in(stage, number)[0].text


async def test_a_writer_whom_the_payload_calls_nobody_is_heard(stage: Stage) -> None:
    """author_association NONE means nothing: GitHub's collaborator permission decides."""
    carol = newcomer(stage, "carol")
    stage.github.set_author_association(REPOSITORY, carol, "NONE")
    number = open_issue(stage, [say("Explained.")])
    mention(stage, number, login=carol, words="please explain")
    await finished(stage, number, "Explained.")


async def test_a_lost_right_is_noticed_at_the_answer(stage: Stage) -> None:
    """The requester who lost write access since can no longer answer."""
    dave = newcomer(stage, "dave")
    number = open_issue(stage, [ask([ROUNDING]), say("never said")], login=dave)
    mention(stage, number, login=dave)
    await asked(stage, number)
    stage.github.grant(REPOSITORY, dave, "read")
    answer = stage.github.comment(REPOSITORY, number, dave, "1")
    await stage.github.wait_for(lambda github: github.reactions(answer) == [("ove[bot]", "confused")])
    assert len(requests_in(stage, number)) == 1


async def test_while_github_is_down_nothing_runs_and_it_is_asked_again(stage: Stage) -> None:
    """When the permission cannot be asked, nothing runs; once GitHub answers, the request is taken up."""
    erin = newcomer(stage, "erin")
    number = open_issue(stage, [say("Explained.")])
    outage = stage.github.on("GET", rf".*/{erin}/permission", action=respond(502), times=None)
    mention(stage, number, login=erin, words="please explain")
    await outage.reached()
    assert requests_in(stage, number) == []
    assert bot_comments(stage.github, number) == []
    outage.stop()
    await finished(stage, number, "Explained.")


async def test_mentions_that_are_not_meant_start_nothing(stage: Stage) -> None:
    """Code, quotes, HTML comments, other logins, edits and bots start nothing; a real mention after them does."""
    stage.github.create_user("helpful[bot]", kind="Bot")
    stage.github.grant(REPOSITORY, "helpful[bot]", "write")
    number = open_issue(stage, [say("Explained.")])
    for body in ("`@ove fix it`", "> @ove fix it", "<!-- @ove fix it -->", "```\n@ove fix it\n```", "@ove-fan fix it"):
        stage.github.comment(REPOSITORY, number, "alice", body)
    stage.github.comment(REPOSITORY, number, "helpful[bot]", "@ove fix it")
    plain = stage.github.comment(REPOSITORY, number, "alice", "nothing yet")
    stage.github.edit_comment(plain.id, "alice", "@ove fix it")
    mention(stage, number, words="please explain")
    await finished(stage, number, "Explained.")
    assert len(requests_in(stage, number)) == 1
    assert len(bot_comments(stage.github, number)) == 1


LIMITS: dict[str, tuple[list[Step], str]] = {
    "model unreachable": ([fail(529, times=None)], "model"),
    "key refused": ([fail(401, times=None, message="invalid x-api-key")], "key"),
    "turn limit": ([use("Bash", command="true")] * 9, "steps"),
    "time limit": ([use("Bash", command="sleep 1000")], "time"),
    "budget": ([reply(use("Bash", command="true"), usage=Usage(9_000_000, 500_000))] * 3, "money"),
    "crash": ([use("Bash", command="kill -KILL $PPID")], "ended in the middle"),
}


@pytest.fixture(scope="module")
async def limited(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stage whose service gives a turn little of everything."""
    settings = {
        "OVE_MODEL_PATIENCE": "2s",
        "OVE_MAX_TURNS": "6",
        "OVE_TURN_TIMEOUT": "10s",
        "OVE_MAX_BUDGET_USD": "20",
        "OVE_MAX_SESSIONS": "3",
    }
    async with staged(tmp_path_factory.mktemp("limited"), settings) as stage:
        yield stage
        assert not stage.model.surprises, stage.model.surprises


async def test_a_turn_that_cannot_finish_says_why_and_keeps_the_work(limited: Stage) -> None:
    """Whatever stops a turn: one comment to the requester says what happened and what to write; the work is pushed."""
    stage = limited
    numbers = {case: open_issue(stage, [use("Bash", command=FIX), *trouble]) for case, (trouble, _) in LIMITS.items()}
    for number in numbers.values():
        mention(stage, number)
    for case, number in numbers.items():
        told = await failed(stage, number)
        assert says(told, "@alice", "@ove continue", LIMITS[case][1]), (case, told.body)
        [branch] = [name for name in stage.github.branches(REPOSITORY) if name.startswith(f"ove/{number}-")]
        assert "return Decimal(0)" in stage.github.diff(REPOSITORY, "main", branch), case
        assert len(bot_comments(stage.github, number)) == 2, case
    assert pulls_since(stage, min(numbers.values())) == []


async def test_after_a_failure_continue_goes_on_in_the_same_session(limited: Stage) -> None:
    """`@ove continue` after a limit resumes the session; its result becomes the pull request."""
    stage = limited
    too_much = [use("Bash", command="true")] * 5
    number = open_issue(stage, [use("Bash", command=FIX), *too_much, say("Now it is done.")])
    mention(stage, number)
    await failed(stage, number)
    mention(stage, number, words="continue")
    await finished(stage, number, "Now it is done.")
    only_pull(stage, number)
    assert len(conversations_in(stage, number)) == 1


async def test_a_push_that_github_refuses_is_told(stage: Stage) -> None:
    """When somebody else took the branch meanwhile, nothing of theirs is overwritten, and the requester reads why."""
    waiting = hang()
    number = open_issue(stage)
    branch = f"ove/{number}-{TITLE_WORDS}"
    merge = f"git merge -q -m 'Merge what Bob did' origin/{branch}"
    steps: list[Step] = [use("Bash", command=FIX), waiting, say("Done."), use("Bash", command=merge), say("Merged.")]
    stage.model.when(in_thread(number), steps)
    mention(stage, number)
    await waiting.reached.wait()
    theirs = stage.github.push_commit(REPOSITORY, branch, "bob", {"bob.txt": "mine"}, "Bob was here")
    waiting.release()
    told = await failed(stage, number)
    assert says(told, "@alice", "somebody else has pushed to my branch")
    assert stage.github.branches(REPOSITORY)[branch] == theirs

    mention(stage, number, words="continue")
    await finished(stage, number, "Merged.")
    diff = stage.github.diff(REPOSITORY, "main", branch)
    assert "return Decimal(0)" in diff
    assert "bob.txt" in diff


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose service reminds after a second and lets questions go after three."""
    settings = {"OVE_REMINDER_AFTER": "1s", "OVE_QUESTION_EXPIRES_AFTER": "3s", "OVE_SWEEP_INTERVAL": "0.3s"}
    async with staged(tmp_path, settings) as stage:
        yield stage
        assert not stage.model.surprises, stage.model.surprises


async def test_a_question_is_reminded_of_once_and_expires(impatient: Stage) -> None:
    """One reminder, then the task ends as unanswered; a later reply still picks it up in the same session."""
    stage = impatient
    number = open_issue(stage, [ask([ROUNDING]), say("Better late than never.")])
    mention(stage, number)
    await asked(stage, number)
    await stage.github.wait_for(lambda github: says(question_comment(github, number), "@ove"), what="the expiry")
    await stage.github.wait_for(
        lambda github: any("-reminder -->" in comment.body for comment in bot_comments(github, number))
    )
    stage.github.comment(REPOSITORY, number, "alice", "Zero")
    await finished(stage, number, "Better late than never.")
    reminders = [comment for comment in bot_comments(stage.github, number) if "-reminder -->" in comment.body]
    assert len(reminders) == 1
    assert "Zero" in answers_in(stage, number)[0].text
    assert len(conversations_in(stage, number)) == 1
