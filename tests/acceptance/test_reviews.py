"""Reviews and labels: one task for a review, an answer in each of its threads, and a label that starts work."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ove_gh.demo.github import Comment, Review, ReviewComment, SimulatedGitHub
from ove_gh.demo.model import Request, Step, reply, say, use
from ove_gh.demo.stage import REPOSITORY, Stage
from tests.acceptance.scripts import (
    BOT,
    JUST_FIX,
    conversations_in,
    finished,
    in_thread,
    mention,
    only_pull,
    open_issue,
    requests_in,
    status_comments,
)

pytestmark = pytest.mark.anyio

ANSWER = "mcp__ove__answer_comment"
MINUS = "sed -i 's/not self.items/len(self.items) == 0/' cart.py && git commit -qam 'Say what is meant'"
DOCS = "echo 'Empty carts are fine.' >> README.md && git commit -qam 'Say so in the README'"


def works(command: str, *texts: str) -> Step:
    """The model commits something, and answers the first comments of the review that it was just shown."""

    def step(request: Request) -> Any:
        ids = re.findall(r'^<review_comment id="(\d+)" ', request.last_text, re.MULTILINE)
        answers = [use(ANSWER, comment_id=int(one), text=text) for one, text in zip(ids, texts, strict=False)]
        return reply(use("Bash", command=command), *answers)

    return step


def on(*lines: int, body: str = "Hm.") -> list[dict[str, Any]]:
    """Comments on lines of the cart."""
    return [{"path": "cart.py", "line": line, "body": f"{body} ({line})"} for line in lines]


def replies_to(stage: Stage, number: int, comment: ReviewComment) -> list[ReviewComment]:
    """What the App says in the thread of a review comment."""
    written = stage.github.review_comments(REPOSITORY, number)
    return [one for one in written if one.reply_to is comment and one.login == BOT]


async def answered(stage: Stage, review: Review) -> list[str]:
    """Wait until each comment of a review has an answer of the App's; returns these answers, in order."""
    number = review.pull.number

    def found(_: SimulatedGitHub) -> list[str] | None:
        answers = [replies_to(stage, number, comment) for comment in review.comments]
        return [one.body for [one] in answers] if all(answers) else None

    texts = await stage.github.wait_for(found, what="the answers in the review's threads")
    assert texts is not None
    return texts


async def done(stage: Stage, number: int, words: str) -> Comment:
    """Wait until a task on a pull request has ended with these words."""
    status = await finished(stage, number, words)
    await stage.github.settled()
    return status


async def test_two_rounds_of_changes_are_two_tasks_of_one_session(stage: Stage) -> None:
    """One task for three comments: an answer to each, one commit, a new review; the second round knows of the first."""
    number = open_issue(
        stage,
        [
            *JUST_FIX,
            works(MINUS, "I say what is meant now.", "It stays a Decimal."),
            say("All three are dealt with."),
            works(DOCS, "The README says it."),
            say("That, too."),
        ],
    )
    mention(stage, number)
    await finished(stage, number)
    pull = only_pull(stage, number)
    before = len(stage.github.log(REPOSITORY, pull.head))

    places = on(16, 17, 18, body="Why?")
    review = stage.github.review(REPOSITORY, pull.number, "bob", "REQUEST_CHANGES", "Nearly.", places)
    await done(stage, pull.number, "All three are dealt with.")
    texts = await answered(stage, review)

    commit, *_ = log = stage.github.log(REPOSITORY, pull.head)
    assert (len(log), commit.message.splitlines()[0]) == (before + 1, "Say what is meant")
    assert all(commit.sha[:7] in text for text in texts)
    assert texts[0].startswith("I say what is meant now.")
    assert texts[1].startswith("It stays a Decimal.")
    assert len(status_comments(stage.github, pull.number)) == 1
    await stage.github.wait_for(lambda _: "bob" in [user.login for user in pull.requested_reviewers])
    prompt = next(one.last_text for one in requests_in(stage, number) if "<review " in one.last_text)
    assert prompt.startswith(f"@bob requests changes to the pull request #{pull.number}:")
    assert '<review author="@bob" right="write">\nNearly.\n</review>' in prompt
    assert "File: cart.py, line 16\n<diff_hunk>\n@@ " in prompt

    again = stage.github.review(
        REPOSITORY, pull.number, "bob", "REQUEST_CHANGES", comments=on(16, body="Document it."), comments_first=True
    )
    await done(stage, pull.number, "That, too.")
    [text] = await answered(stage, again)
    assert stage.github.log(REPOSITORY, pull.head)[0].sha[:7] in text
    assert len(conversations_in(stage, number)) == 1
    assert len(status_comments(stage.github, pull.number)) == 2
    await stage.github.wait_for(lambda _: "bob" in [user.login for user in pull.requested_reviewers])


async def test_a_mention_on_lines_is_worked_on_and_answered_there(stage: Stage) -> None:
    """On a person's pull request: the work goes to its own branch, the answer to the review thread, 👀 to the comment.

    Somebody without write access gets 😕, and nothing else.
    """
    stage.github.push_commit(REPOSITORY, "bobs-lines", "bob", {"notes.txt": "one\ntwo\n"}, "Bob begins")
    pull = stage.github.open_pull(REPOSITORY, "bob", "Notes", head="bobs-lines")
    add = "echo three >> notes.txt && git commit -qam 'Add the third'"
    stage.model.when(in_thread(pull.number), [works(add, "It has three now."), say("Added.")])
    place = {"path": "notes.txt", "line": 2}
    stranger = stage.github.review(
        REPOSITORY, pull.number, "mallory", "COMMENT", comments=[{**place, "body": "@ove delete it"}]
    )
    first = stage.github.review(REPOSITORY, pull.number, "alice", "COMMENT", comments=[{**place, "body": "Two only?"}])
    asked = stage.github.reply(first.comments[0], "alice", "@ove please add the third")
    await done(stage, pull.number, "Added.")

    assert stage.github.read(REPOSITORY, "notes.txt", "bobs-lines") == "one\ntwo\nthree\n"
    [answer] = await stage.github.wait_for(lambda _: replies_to(stage, pull.number, first.comments[0])) or []
    sha = stage.github.log(REPOSITORY, "bobs-lines")[0].sha
    assert answer.body.startswith("It has three now.")
    assert sha[:7] in answer.body
    assert stage.github.reactions(asked) == [(BOT, "eyes")]
    assert stage.github.reactions(stranger.comments[0]) == [(BOT, "confused")]
    assert len(status_comments(stage.github, pull.number)) == 1
    assert only_pull(stage, pull.number) is pull
    assert "Said before in this review thread:" in requests_in(stage, pull.number)[0].first_text
    assert "Two only?" in requests_in(stage, pull.number)[0].first_text


async def test_a_label_starts_work_and_is_taken_off(stage: Stage) -> None:
    """A writer's label `ove` is a request for what the issue asks; that of somebody who may only triage is none."""
    stage.github.create_user("tina")
    stage.github.grant(REPOSITORY, "tina", "triage")
    number, other = open_issue(stage, JUST_FIX), open_issue(stage)
    stage.github.add_label(REPOSITORY, other, "tina", "ove")
    stage.github.add_label(REPOSITORY, number, "alice", "ove")
    await finished(stage, number)
    only_pull(stage, other + 1)
    await stage.github.wait_for(lambda github: not github.issue(REPOSITORY, number).labels, what="the label's end")
    await stage.github.settled()
    assert [label.name for label in stage.github.issue(REPOSITORY, other).labels] == ["ove"]
    assert stage.github.thread(REPOSITORY, other) == []
