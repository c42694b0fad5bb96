"""Tests of what the clock does: questions that wait, silent checks, plans that somebody likes, and old traces."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import respx

from ove_gh import comments
from ove_gh.agent import Finished
from ove_gh.recording import recorded
from ove_gh.repository_settings import Commanders, RepositorySettings
from ove_gh.steering import CARRY_OUT
from ove_gh.store import outbox, rules, tables, traces, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import plan_key, question_key, status_key
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.traces import Step
from ove_gh.sweeps import (
    MOST_ASKED_ABOUT,
    PLAN_OPEN_SECONDS,
    SECONDS_A_DAY,
    sweep_checks,
    sweep_plans,
    sweep_questions,
    sweep_traces,
)
from ove_gh.tasks import Kind, Status, Target, Task
from tests.github.samples import REPO, TOKENS, open_github, token
from tests.payloads import ALICE, BOB, OTHER_BOT, STRANGER, Account
from tests.store import rows
from tests.store.rows import (
    NOW,
    ROUNDING,
    TELLER,
    add_task,
    all_rows,
    ask,
    claimed,
    finish,
    give_up,
    look,
    place,
    turn_red,
    waiting_for_checks,
    waiting_question,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

DAY = SECONDS_A_DAY


async def sweep(database: Database, days: float) -> int:
    """The clock looks so many days after NOW; returns how often it rang."""
    rings: list[None] = []
    await sweep_questions(
        database,
        TELLER,
        remind_after=DAY,
        expire_after=7 * DAY,
        now=NOW + days * DAY,
        ring=lambda: rings.append(None),
    )
    return len(rings)


async def sweep_silent(database: Database, seconds: float) -> tuple[list[int], int]:
    """The clock looks so many seconds after NOW, for five minutes of silence.

    Returns which waits are to be looked at, and how often it rang.
    """
    rings: list[None] = []
    now = NOW + seconds
    await sweep_checks(database, silence=300, now=now, ring=lambda: rings.append(None))
    async with database.reading() as connection:
        return [one.id for one in await waits.due(connection, now=now, busy=(), limit=99)], len(rings)


async def posted_question(database: Database, *, number: int = 3, now: float = NOW) -> AskedQuestion:
    """A question whose comment stands on GitHub."""
    asked = await waiting_question(database, number=number, now=now)
    async with database.writing() as connection:
        await outbox.comment(connection, asked.place, question_key(asked.id), "Which rounding?", now=now)
        entries = await outbox.due(connection, now=now, busy=(), limit=99)
        for entry in entries:
            await outbox.sent(connection, entry, remote_id=77, remote_url=f"https://github.example/{entry.key}")
    return asked


async def said(database: Database) -> dict[str, str]:
    """What is to stand on GitHub, by key."""
    return {row["key"]: row["content"]["body"] for row in await all_rows(database, tables.outbox)}


async def test_a_young_question_is_left_alone(database: Database) -> None:
    """Nothing is said before its time."""
    asked = await posted_question(database)
    before = await said(database)
    await sweep(database, 0.99)
    assert await said(database) == before
    assert await rows.question(database, asked.id) == asked


async def test_there_is_one_reminder(database: Database) -> None:
    """After a day the person is reminded in a new comment, with the days that are left, and never again."""
    asked = await posted_question(database)
    assert await sweep(database, 1) == 1
    url = f"https://github.example/{question_key(asked.id)}"
    reminder = comments.reminder("alice", url, 6)
    assert (await said(database))[f"{question_key(asked.id)}-reminder"] == reminder
    for days in (1.1, 2, 6.9):
        await sweep(database, days)
    assert (await said(database))[f"{question_key(asked.id)}-reminder"] == reminder
    assert len(await said(database)) == 2


async def test_a_question_that_nobody_could_see_yet_is_not_reminded_of(database: Database) -> None:
    """While GitHub is away the question's comment does not stand there: the reminder waits for it."""
    asked = await waiting_question(database)
    await sweep(database, 2)
    assert await said(database) == {}
    async with database.writing() as connection:
        await outbox.comment(connection, asked.place, question_key(asked.id), "Which rounding?", now=NOW)
        [entry] = await outbox.due(connection, now=NOW, busy=(), limit=9)
        await outbox.sent(connection, entry, remote_id=77, remote_url="https://github.example/77")
    await sweep(database, 3)
    assert (await said(database))[f"{question_key(asked.id)}-reminder"] == comments.reminder(
        "alice", "https://github.example/77", 4
    )


async def test_after_a_week_the_task_ends_as_unanswered(database: Database) -> None:
    """The task fails, the question's comment and the status comment say so, and an answer is still welcome."""
    asked = await posted_question(database)
    assert await sweep(database, 7) == 1
    ended = await rows.task(database, asked.task_id)
    assert (ended.status, ended.failure) == (Status.FAILED, "unanswered")
    assert (await rows.question(database, asked.id)).expired
    told = await said(database)
    url = f"https://github.example/{question_key(asked.id)}"
    assert told == {
        question_key(asked.id): comments.question_expired((ROUNDING,), 7, "ove"),
        status_key(asked.task_id): comments.status_unanswered(url, "ove"),
    }


async def test_an_unanswered_question_about_red_checks_ends_the_check_run(database: Database) -> None:
    """The App's check run in the pull request must not look for ever as if somebody were at work."""
    red = await turn_red(database, await waiting_for_checks(database), attempt=None)
    await ask(database, await claimed(database))
    await sweep(database, 7)
    assert (await rows.task(database, red.task_id)).status is Status.FAILED
    [check] = [row["content"] for row in await all_rows(database, tables.outbox) if row["kind"] == "check"]
    assert (check["sha"], check["conclusion"]) == (red.sha, "failure")


async def test_a_question_ends_once(database: Database) -> None:
    """The next look finds nothing to end."""
    await posted_question(database)
    await sweep(database, 7)
    before = await all_rows(database, tables.outbox)
    await sweep(database, 8)
    assert await all_rows(database, tables.outbox) == before


async def test_after_a_long_sleep_of_the_service_nobody_is_reminded_of_what_has_ended(database: Database) -> None:
    """When reminder and end are both due, there is only the end."""
    asked = await posted_question(database)
    await sweep(database, 30)
    assert f"{question_key(asked.id)}-reminder" not in await said(database)


async def test_each_question_has_its_own_time(database: Database) -> None:
    """One look ends the oldest, reminds of the next, and leaves the youngest."""
    old = await posted_question(database, number=1)
    middle = await posted_question(database, number=2, now=NOW + 4 * DAY)
    young = await posted_question(database, number=3, now=NOW + 6.5 * DAY)
    await sweep(database, 7)
    assert (await rows.question(database, old.id)).expired
    assert f"{question_key(middle.id)}-reminder" in await said(database)
    assert await rows.question(database, young.id) == young


async def test_silent_checks_are_looked_at(database: Database) -> None:
    """Webhooks get lost: after five minutes without a look there is one, and the watcher is rung for it."""
    silent = await waiting_for_checks(database)
    await look(database, silent)
    assert await sweep_silent(database, 300) == ([], 0)
    assert await sweep_silent(database, 301) == ([silent.id], 1)


async def test_a_look_breaks_the_silence(database: Database) -> None:
    """Whoever looked, for whatever reason: the five minutes begin anew, so a long CI run is looked at now and then."""
    silent = await waiting_for_checks(database)
    await look(database, silent)
    await sweep_silent(database, 301)
    await look(database, await rows.wait(database, silent.id), now=NOW + 302)
    assert await sweep_silent(database, 602) == ([], 0)
    assert await sweep_silent(database, 603) == ([silent.id], 1)


async def test_silence_about_what_is_over_is_left_alone(database: Database) -> None:
    """A task that has ended needs no look, however long ago that was."""
    silent = await waiting_for_checks(database)
    await look(database, silent)
    await give_up(database, silent)
    assert await sweep_silent(database, 1e9) == ([], 0)


# -- plans -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def github() -> Iterator[respx.MockRouter]:
    """GitHub: Alice, Bob and a bot may write, Mallory may read."""
    with respx.mock(assert_all_called=False) as router:
        router.post(TOKENS).respond(201, json=token())
        for account, right in ((ALICE, "admin"), (BOB, "write"), (STRANGER, "read"), (OTHER_BOT, "write")):
            answer = {"permission": right, "role_name": right, "user": account.as_json()}
            router.get(f"{REPO}/collaborators/{quote(account.login)}/permission").respond(json=answer)
        yield router


async def made_plan(database: Database, *, number: int = 3, comment: int | None = 900, now: float = NOW) -> Task:
    """Alice asked for a plan, and it was made; its comment stands on GitHub under this id, if any."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, place(number), "The total is wrong")
        made = await store.add_task(
            connection,
            thread,
            number=number,
            request="plan it",
            source=Target("comment", 5, ""),
            requester=ALICE.person,
            now=now,
            kind=Kind.PLAN,
        )
    turn = await claimed(database, now=now)
    async with database.writing() as connection:
        outcome = recorded(Finished("- [ ] Sum first", "session", 0.1), ())
        await store.agent_ended(connection, turn, outcome=outcome, cost_usd=0.1, session_id="session")
    await finish(database, turn, now=now)
    async with database.writing() as connection:
        await TELLER.reported(connection, made.id, now=now)
        while comment is not None and (due := await outbox.due(connection, now=now, busy=(), limit=9)):
            for entry in due:
                is_plan = entry.key == plan_key(made.id)
                url = f"https://github.example/{comment}"
                await outbox.sent(connection, entry, remote_id=comment if is_plan else 1, remote_url=url)
    return await rows.task(database, made.id)


def reactions(github: respx.MockRouter, *given: tuple[Account, str], comment: int = 900) -> respx.Route:
    """What stands under a plan's comment, oldest first."""
    answer = [{"id": n, "user": account.as_json(), "content": content} for n, (account, content) in enumerate(given)]
    return github.get(f"{REPO}/issues/comments/{comment}/reactions").respond(json=answer)


async def sweep_for_thumbs(database: Database, *, now: float = NOW) -> int:
    """The clock looks at the plans; returns how often it rang."""
    rings: list[None] = []
    async with open_github() as client:
        await sweep_plans(database, client, TELLER, now=now, ring=lambda: rings.append(None))
    return len(rings)


async def works(database: Database) -> list[Task]:
    """All tasks that are to carry something out."""
    return [
        await rows.task(database, row["id"])
        for row in await all_rows(database, tables.tasks)
        if row["kind"] == Kind.WORK
    ]


async def test_a_thumb_of_a_writer_starts_a_plan_once(database: Database, github: respx.MockRouter) -> None:
    """The work is asked for by who agreed, at the comment, which says so; the next look asks GitHub nothing."""
    plan = await made_plan(database)
    route = reactions(github, (STRANGER, "+1"), (BOB, "+1"), (ALICE, "heart"))
    assert await sweep_for_thumbs(database, now=NOW + 60) == 1
    [work] = await works(database)
    assert (work.request, work.requester, work.created_at) == (CARRY_OUT, BOB.person, NOW + 60)
    assert (work.thread_id, work.source) == (plan.thread_id, Target("comment", 900, "https://github.example/900"))
    assert (await said(database))[plan_key(plan.id)] == comments.plan_started("alice", "- [ ] Sum first", "bob")
    assert await sweep_for_thumbs(database, now=NOW + 120) == 0
    assert (len(await works(database)), route.call_count) == (1, 1)


@pytest.mark.parametrize(
    "given",
    [
        [],
        [(STRANGER, "+1")],
        [(BOB, "heart"), (ALICE, "-1"), (BOB, "eyes")],
        [(Account(666, BOB.login), "+1")],
        [(OTHER_BOT, "+1")],
    ],
    ids=["nobody", "a stranger", "other feelings", "another account of that login", "a bot"],
)
async def test_what_is_no_agreement_starts_nothing(
    database: Database, github: respx.MockRouter, given: list[tuple[Account, str]]
) -> None:
    """Only a 👍 counts, and only of somebody whose very account may write; the plan stays open for another look."""
    await made_plan(database)
    reactions(github, *given)
    assert await sweep_for_thumbs(database) == 0
    assert await works(database) == []
    reactions(github, *given, (ALICE, "+1"))
    assert await sweep_for_thumbs(database) == 1


async def test_who_may_not_command_here_does_not_agree(database: Database, github: respx.MockRouter) -> None:
    """A repository that wants more than writing of those who command wants it of a 👍, too."""
    await made_plan(database)
    only_alice = RepositorySettings(may_command=Commanders("admin", (ALICE.login,)))
    async with database.writing() as connection:
        await rules.keep(connection, 42, only_alice, now=NOW)
    reactions(github, (BOB, "+1"))
    assert await sweep_for_thumbs(database) == 0
    assert await works(database) == []
    reactions(github, (BOB, "+1"), (ALICE, "+1"))
    assert await sweep_for_thumbs(database) == 1


async def test_a_crowd_costs_few_calls(database: Database, github: respx.MockRouter) -> None:
    """Under a public issue hundreds may agree: GitHub is asked about the newest few, and of a writer's among them."""
    await made_plan(database)
    crowd = [(Account(1000 + n, f"fan-{n}"), "+1") for n in range(50)]
    asked = github.get(url__regex=rf"{REPO}/collaborators/fan-\d+/permission").respond(404, json={"message": "No"})
    reactions(github, *crowd)
    assert await sweep_for_thumbs(database) == 0
    assert asked.call_count == MOST_ASKED_ABOUT
    reactions(github, *crowd, (BOB, "+1"))
    assert await sweep_for_thumbs(database) == 1
    assert asked.call_count == MOST_ASKED_ABOUT


async def test_without_open_plans_github_is_left_alone(database: Database, github: respx.MockRouter) -> None:
    """One that was started, is older than a week, or does not stand on GitHub yet is not looked at."""
    await made_plan(database, number=11)
    await add_task(database, number=11)
    await finish(database, await claimed(database))
    await made_plan(database, number=12, now=NOW - PLAN_OPEN_SECONDS - 1)
    await made_plan(database, number=10, comment=None)
    await sweep_for_thumbs(database)
    assert not github.calls


async def test_the_newest_plan_of_a_thread_counts(database: Database, github: respx.MockRouter) -> None:
    """A 👍 on the plan before it starts nothing: people have asked for another one since."""
    await made_plan(database)
    newer = await made_plan(database, comment=901)
    old, new = reactions(github, (BOB, "+1")), reactions(github, (BOB, "+1"), comment=901)
    await sweep_for_thumbs(database)
    assert (old.call_count, new.call_count, len(await works(database))) == (0, 1, 1)
    assert "Started by bob" in (await said(database))[plan_key(newer.id)]


async def test_plans_wait_while_github_is_away(database: Database, github: respx.MockRouter) -> None:
    """The look ends without harm, does not ask for the other plans of the same installation, and the next one works."""
    await made_plan(database)
    await made_plan(database, number=4, comment=901)
    away = github.get(f"{REPO}/issues/comments/900/reactions").respond(502)
    other = reactions(github, (BOB, "+1"), comment=901)
    assert await sweep_for_thumbs(database) == 0
    assert (away.called, other.called, await works(database)) == (True, False, [])
    reactions(github, (BOB, "+1"))
    assert await sweep_for_thumbs(database) == 2


async def test_a_plan_whose_comment_is_gone_holds_up_no_other(database: Database, github: respx.MockRouter) -> None:
    """Somebody deleted it: that is no outage, and the next plan is looked at."""
    await made_plan(database)
    await made_plan(database, number=4, comment=901)
    github.get(f"{REPO}/issues/comments/900/reactions").respond(404, json={"message": "Not Found"})
    reactions(github, (BOB, "+1"), comment=901)
    assert await sweep_for_thumbs(database) == 1


async def test_who_starts_it_meanwhile_wins(database: Database, github: respx.MockRouter) -> None:
    """While GitHub is asked, somebody else starts the plan with a command: it is carried out once."""
    await made_plan(database)
    started: list[int] = []

    async def start_meanwhile(_request: object) -> httpx.Response:
        started.append((await add_task(database)).id)
        return httpx.Response(200, json=[{"id": 1, "user": BOB.as_json(), "content": "+1"}])

    github.get(f"{REPO}/issues/comments/900/reactions").mock(side_effect=start_meanwhile)
    assert await sweep_for_thumbs(database) == 0
    assert [work.id for work in await works(database)] == started


# -- traces ------------------------------------------------------------------------------------------------------------


async def test_old_traces_are_forgotten(database: Database) -> None:
    """After the time that the operator chose, and not before."""
    await add_task(database)
    turn = await claimed(database)
    async with database.writing() as connection:
        steps = [Step(NOW, "tool", "old"), Step(NOW + DAY, "tool", "newer")]
        await traces.add(connection, task_id=turn.task_id, turn_id=turn.id, steps=steps)
    for days, left in ((30, ["old", "newer"]), (30.5, ["newer"]), (32, [])):
        await sweep_traces(database, kept=30 * DAY, now=NOW + days * DAY)
        assert [row["summary"] for row in await all_rows(database, tables.traces)] == left
