"""Commands in a thread, each on the real CLI: what they start, stop, keep and answer, and what they leave alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from itertools import repeat
from pathlib import Path

import pytest

from ove_gh.commands import meanings
from ove_gh.demo.github import Comment, SimulatedGitHub
from ove_gh.demo.model import Block, Request, Usage, reply, say, use
from ove_gh.demo.stage import REPOSITORY, Stage
from tests.acceptance.ci_scripts import note, told_in, turns_in, until_running
from tests.acceptance.conversation_scripts import Gate, beginning, gate_in, until_handed_over
from tests.acceptance.scripts import (
    JUST_FIX,
    bot_comments,
    conversations_in,
    failed,
    finished,
    in_thread,
    mention,
    only_pull,
    open_issue,
    processes_running,
    pulls_since,
    requests_in,
    says,
    status_comments,
)

pytestmark = pytest.mark.anyio

MODEL = "claude-haiku-4-5-20251001"


@pytest.fixture(scope="module")
def stage_settings() -> Mapping[str, str]:
    """The service looks often for a 👍."""
    return {"OVE_SWEEP_INTERVAL": "0.3s"}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate for one command of the agent's."""
    with gate_in(tmp_path) as gate:
        yield gate


# --- stop and go on ---


async def test_stop_ends_a_command_at_once_and_keeps_the_work(stage: Stage) -> None:
    """`@ove stop` in a Bash call: its processes are gone in two seconds, the work is kept, and `continue` goes on."""
    half = "echo half > half.txt && git add half.txt && git commit -qm 'Half of it' && echo rest >> half.txt"
    hold = f"{half}; sleep 31007 & exec sleep 31008"
    number = open_issue(stage, [use("Bash", command=hold), note("The other half"), say("Now all of it is there.")])
    mention(stage, number, words="please write all of it")
    await until_running("sleep 31007")
    await until_running("sleep 31008")
    mention(stage, number, words="and keep it short")
    await until_handed_over(stage, "and keep it short")
    mention(stage, number, login="bob", words="stop")
    async with asyncio.timeout(2):
        while processes_running("sleep 31007") or processes_running("sleep 31008"):  # noqa: ASYNC110 - no bell rings
            await asyncio.sleep(0.01)

    status = await ended(stage, number, "**Stopped by bob**", "@ove continue")
    [branch] = [name for name in stage.github.branches(REPOSITORY) if name.startswith(f"ove/{number}-")]
    assert branch in status.body
    assert stage.github.read(REPOSITORY, "half.txt", branch) == "half\nrest\n"
    assert pulls_since(stage, number) == []

    mention(stage, number, words="continue, in the notes")
    await finished(stage, number, "Now all of it is there.")
    first, second = told_in(stage, number)
    assert "please write all of it" in first
    assert "Continue. in the notes" in second
    assert "and keep it short" in second
    assert len(conversations_in(stage, number)) == 1
    assert len(status_comments(stage.github, number)) == 2
    assert only_pull(stage, number).head == branch


async def test_stop_has_nothing_to_stop(stage: Stage) -> None:
    """`@ove stop` where no work is gets a word; `retry`, `go` and `review` without anything before them do, too."""
    number = open_issue(stage)
    assert "nothing to stop" in (await answer(stage, number, "stop")).body
    assert "I have done nothing here yet" in (await answer(stage, number, "retry")).body
    assert "no plan here to start" in (await answer(stage, number, "go")).body
    assert "pull request" in (await answer(stage, number, "review")).body
    assert len(bot_comments(stage.github, number)) == 4
    assert requests_in(stage, number) == []


async def test_retry_does_it_once_more(stage: Stage, tmp_path: Path) -> None:
    """`@ove retry` after a failure has the same session try again."""
    # What the model said in the last moment before a crash may not be in the transcript: then it says it once more.
    once = tmp_path / "once"
    crash = use("Bash", command=f"[ -e {once} ] || {{ touch {once}; kill -KILL $PPID; }}")
    number = open_issue(stage, [crash, say("This time it went well.")])
    mention(stage, number)
    await failed(stage, number)
    mention(stage, number, login="bob", words="retry")
    await finished(stage, number, "This time it went well.")
    assert "Try again" in told_in(stage, number)[-1]
    assert len(conversations_in(stage, number)) == 1


# --- what changes nothing ---


@pytest.mark.parametrize("way", ["go", "👍"])
async def test_a_plan_changes_nothing_until_it_is_agreed_to(stage: Stage, way: str) -> None:
    """`@ove plan …` is a comment and no change; `go`, or a 👍 by a writer, has the same session carry it out."""
    draft = use("Bash", command="echo draft > draft.txt; git add .; git commit -qm Draft")
    number = open_issue(stage, [draft, say("- [ ] Say hello"), note("Hello"), say("I said hello.")])
    before = stage.github.branches(REPOSITORY)
    mention(stage, number, words="plan how to greet")
    await finished(stage, number, "my plan is below")
    plan = await stage.github.wait_for(lambda github: plan_comment(github, number), what="the plan")
    assert plan is not None
    assert says(plan, "@alice, this is how I would do it.", "- [ ] Say hello")
    assert stage.github.branches(REPOSITORY) == before

    if way == "go":
        mention(stage, number, login="bob", words="go")
    else:
        stage.github.react(plan, "mallory", "+1")
        stage.github.react(plan, "bob", "+1")
    await finished(stage, number, "I said hello.")
    await stage.github.wait_for(lambda _: says(plan, "Started by bob"), what="who started it")
    assert len(conversations_in(stage, number)) == 1
    assert "Carry out the plan" in told_in(stage, number)[1]
    diff = stage.github.diff(REPOSITORY, "main", only_pull(stage, number).head)
    assert "Hello" in diff
    assert "draft" not in diff
    assert "no plan here" in (await answer(stage, number, "go")).body


async def test_validate_and_discuss_change_nothing(stage: Stage) -> None:
    """Whatever the agent writes and commits meanwhile is gone: no branch moves, and later work does not hold it."""
    litter = "echo litter > litter.txt; git add litter.txt; git commit -qm Litter; echo more >> cart.py"
    number = open_issue(
        stage,
        [
            use("Bash", command=litter),
            say("`test_cart.py` passes."),
            use("Bash", command=litter),
            say("I would return zero."),
            *JUST_FIX,
        ],
    )
    before = stage.github.branches(REPOSITORY)
    mention(stage, number, words="validate")
    await finished(stage, number, "`test_cart.py` passes.")
    mention(stage, number, words="discuss what an empty cart costs")
    await finished(stage, number, "I would return zero.")
    assert stage.github.branches(REPOSITORY) == before
    assert pulls_since(stage, number) == []

    mention(stage, number)
    await finished(stage, number, "fixes this")
    diff = stage.github.diff(REPOSITORY, "main", only_pull(stage, number).head)
    assert "return Decimal(0)" in diff
    assert "litter" not in diff
    assert "+more" not in diff
    validating, discussing, working = (request for request in turns_in(stage, number))
    assert "Write" not in validating.tools
    assert "Write" not in discussing.tools
    assert "Write" in working.tools


# --- the queue ---


async def test_ten_tasks_of_one_thread_run_in_order_of_priority(stage: Stage, gate: Gate) -> None:
    """Ten requests while one runs are ten tasks: one after another, the most urgent first, the oldest of equals."""
    asked = [
        *("p3: a", "p0: b", "discuss c", "p1: d", "!important e", "new p2: f"),
        *("low: g", "urgent: h", "validate: i", "fix j --priority high"),
    ]
    number = open_issue(stage)
    stage.model.when(beginning(number, ">\nf\n</request>"), list(repeat(did_it, 10)))
    stage.model.when(in_thread(number), [use("Bash", command=gate.command), say("Begun."), *repeat(did_it, 10)])
    mention(stage, number, words="begin")
    await gate.reached()
    for words in asked:
        mention(stage, number, words=words)
    await stage.github.wait_for(lambda github: len(status_comments(github, number)) == 11, what="ten places in line")
    line = [comment.body for comment in status_comments(stage.github, number)[1:]]
    assert all("Waiting in line" in body for body in line)
    assert "one task of this thread" in line[0]
    status = await answer(stage, number, "status")
    assert says(status, "Working on it", "Next in line")
    assert "“b”" in status.body.partition("Next in line")[2].splitlines()[1]
    gate.open()
    await stage.github.wait_for(
        lambda github: all("**Done" in comment.body for comment in status_comments(github, number)),
        timeout=120,
        what="the end of all",
    )
    order = [asked_for(request) for request in turns_in(stage, number)]
    assert order == ["begin", "b", "h", "d", "e", "fix j", "c", "f", "i", "a", "g"]


# --- answers ---


async def test_questions_about_the_work_get_one_comment_each(stage: Stage, gate: Gate) -> None:
    """`status`, `tasks`, `trace`, `help` and a slip of the pen are answered once each, during the work and after it."""
    look = use("Bash", command=gate.command)
    number = open_issue(stage, [look, say("Explained.")], title="Explain the cart")
    assert says(await answer(stage, number, "status"), "**Nothing yet:**")
    assert says(await answer(stage, number, "trace"), "no steps to show")
    mention(stage, number, words="explain it")
    await gate.reached()
    assert says(await answer(stage, number, "status"), "**Working on it**", "alice", "“explain it”", "@ove stop")
    assert says(await answer(stage, number, "tasks"), f"[#{number}]", "Explain the cart", "**working**")
    gate.open()
    await finished(stage, number, "Explained.")

    assert says(await answer(stage, number, "Status, please?"), "**Done**", "1 turn")
    trace = await answer(stage, number, "trace")
    assert says(trace, "What I did in my last task", "asked by alice", "Ran <code>echo", "“Explained.”")
    assert trace.body.index("Ran <code>") < trace.body.index("“Explained.”")
    asked_help = await answer(stage, number, "help")
    assert all(f"`{meaning.usage}`" in asked_help.body for meaning in meanings())
    assert says(await answer(stage, number, "sttaus"), "I do not know `sttaus`", "Did you mean `@ove status`?")
    assert len(bot_comments(stage.github, number)) == 9
    assert len(status_comments(stage.github, number)) == 1
    assert len(requests_in(stage, number)) == 2


async def test_model_and_budget_hold_for_their_thread(stage: Stage) -> None:
    """`@ove model …` is the model that answers from then on, and what `@ove budget …` allows is not overspent."""
    dear = reply(use("Bash", command="true"), usage=Usage(900_000, 50_000))
    number = open_issue(stage, [say("As usual."), say("As you like."), dear, say("never said")])
    mention(stage, number, words="explain it")
    await finished(stage, number, "As usual.")
    assert says(await answer(stage, number, f"model {MODEL}"), f"`{MODEL}`")
    mention(stage, number, words="explain it again")
    await finished(stage, number, "As you like.")
    usual, wished = (request.model for request in requests_in(stage, number))
    assert (usual == MODEL, wished) == (False, MODEL)

    assert says(await answer(stage, number, "budget"), "**$10.00**", "as usual")
    assert says(await answer(stage, number, "budget 500"), "**$500.00**")
    assert says(await answer(stage, number, "budget 0.50"), "**$0.50**")
    assert says(await answer(stage, number, "status"), f"`{MODEL}`", "$0.50")
    mention(stage, number, words="do what is dear")
    told = await failed(stage, number)
    assert says(told, "money", "$0.50 for this thread is used up", "@ove continue")
    assert len(requests_in(stage, number)) == 3

    mention(stage, number, words="do more")
    again = await stage.github.wait_for(
        lambda github: next((c for c in failures(github, number) if c.id != told.id), None),
        what="the next task's failure",
    )
    assert again is not None
    assert says(again, "$0.50 for this thread is used up", "raises it")
    assert len(requests_in(stage, number)) == 3


def failures(github: SimulatedGitHub, number: int) -> list[Comment]:
    """The comments that say that a task could not be finished."""
    return [c for c in bot_comments(github, number) if re.search(r"<!-- ove-gh:turn-\d+-failure -->", c.body)]


def did_it(request: Request) -> Block:
    """The model says which request it has carried out."""
    return say(f"Did {asked_for(request)}.")


def asked_for(request: Request) -> str:
    """The words of the request that opened a turn."""
    found = re.search(r"<request [^>]*>\n(.*)\n</request>", request.last_text)
    assert found is not None, request.last_text
    return found[1]


def plan_comment(github: SimulatedGitHub, number: int) -> Comment | None:
    """The comment that shows the thread's plan."""
    found = [c for c in bot_comments(github, number) if re.search(r"<!-- ove-gh:plan-\d+ -->", c.body)]
    return found[-1] if found else None


async def ended(stage: Stage, number: int, *words: str) -> Comment:
    """Wait until the newest status comment says so."""
    found = await stage.github.wait_for(
        lambda github: next((c for c in status_comments(github, number)[-1:] if says(c, *words)), None),
        what=f"a status with {words}",
    )
    assert found is not None
    return found


async def answer(stage: Stage, number: int, words: str) -> Comment:
    """Write a command, wait for what the App answers to it, and return the one comment that it is."""
    asked = mention(stage, number, words=words)

    marker = re.compile(rf"<!-- ove-gh:answer-comment-\d+-{asked.id} -->")

    def given(github: SimulatedGitHub) -> list[Comment]:
        return [comment for comment in bot_comments(github, number) if marker.search(comment.body)]

    found = await stage.github.wait_for(given, what=f"the answer to {words!r}")
    [one] = found
    return one
