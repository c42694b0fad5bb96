"""Tests of what a delivery leads to: rows in the database, and questions to GitHub about people's rights."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import respx
from sqlalchemy import update

from ove_gh import comments
from ove_gh.commanding import Commander, CommandSettings
from ove_gh.github.models import AppIdentity
from ove_gh.intake import MAX_TRIES_AFTER_A_BUG, Intake, question_id_of
from ove_gh.loop import Bell
from ove_gh.questions import Questions
from ove_gh.repository_settings import PATH as SETTINGS_PATH
from ove_gh.repository_settings import RepositorySettings
from ove_gh.rules import RepositoryRules
from ove_gh.scheduling import schedule_key
from ove_gh.store import inbox, outbox, rules, schedules, tables, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import check_key, question_key, status_key
from ove_gh.store.schedules import Schedule
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.waits import Wait
from ove_gh.tasks import Status
from tests.github.samples import REPO, TOKENS, Clock, open_github, token
from tests.payloads import (
    ALICE,
    APP,
    APP_ID,
    BASE,
    BOB,
    GITHUB_ACTIONS,
    HEAD,
    NO_COMMIT,
    OTHER_BOT,
    PLACE,
    STRANGER,
    Account,
    Json,
    branch_pushed,
    button_pressed,
    check_run_changed,
    check_suite_changed,
    comment_created,
    comment_edited,
    issue_opened,
    pull_changed,
    pushed_commit,
    status_changed,
    workflow_run_changed,
)
from tests.store import rows
from tests.store.rows import (
    NOW,
    PAGES,
    ROUNDING,
    TELLER,
    all_rows,
    expire,
    give_up,
    look,
    waiting_for_checks,
    waiting_question,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

OPERATOR = CommandSettings(slots=2, max_budget_usd=10.0, time_zone="UTC", schedule_least_seconds=900.0)
BOTH: Questions = (ROUNDING, PAGES)
SETTINGS_URL = f"{REPO}/contents/{SETTINGS_PATH}"
COMMENT_URL = "https://github.example/alice/shop/issues/3#issuecomment-5"
EYES_5 = {"target": "comment", "id": 5, "content": "eyes"}
CONFUSED_5 = {"target": "comment", "id": 5, "content": "confused"}


@dataclass
class Desk:
    """An intake on an empty database, at a GitHub that knows who may do what."""

    database: Database
    github: respx.MockRouter
    intake: Intake
    bell: Bell
    clock: Clock
    rings: asyncio.Queue[None]
    numbers: Iterator[int] = field(default_factory=count)

    def right_of(self, account: Account) -> respx.Route:
        """Where the App asks for somebody's right."""
        return right_of(self.github, account)

    def allow(self, account: Account, right: str) -> None:
        """GitHub says, from now on, that an account has this right."""
        allow(self.github, account, right)

    async def record(self, event: str, payload: Json) -> None:
        """A delivery came to the door."""
        guid = f"guid-{next(self.numbers)}"
        body, lane = json.dumps(payload).encode(), "42/3"
        async with self.database.writing() as connection:
            await inbox.record(connection, guid=guid, event=event, lane=lane, body=body, now=self.clock())

    async def handle_what_is_due(self) -> int:
        """One look into the inbox; returns how many deliveries were taken."""
        async with self.database.reading() as connection:
            due = await inbox.due(connection, now=self.clock(), busy=(), limit=99)
        for delivery in due:
            await self.intake.handle(delivery)
        return len(due)

    async def receive(self, event: str, payload: Json) -> None:
        """A delivery came to the door, and was handled."""
        await self.record(event, payload)
        assert await self.handle_what_is_due() == 1

    async def comment(self, body: str, author: Account = ALICE, *, comment_id: int = 5, **more: Any) -> None:
        """Somebody wrote a comment."""
        await self.receive("issue_comment", comment_created(body, author=author, comment_id=comment_id, **more))

    async def tick(self, asked: AskedQuestion, *boxes: str, editor: Account = ALICE, before: str | None = None) -> str:
        """Somebody ticked boxes in the comment that asks; returns what the comment says then."""
        body = before or question_comment(asked)
        after = body
        for box in boxes:
            after = "\n".join(
                line.replace("- [ ]", "- [x]") if f"<!-- {box} -->" in line else line for line in after.splitlines()
            )
        assert after != body
        await self.receive("issue_comment", comment_edited(body, after, editor=editor))
        return after

    def hold(self, settings: str | None) -> None:
        """`.github/ove.yml` on the default branch says this, from now on; None: there is no such file."""
        route = self.github.get(SETTINGS_URL)
        if settings is None:
            route.respond(404, json={"message": "Not Found"})
        else:
            content = b64encode(settings.encode()).decode()
            route.respond(json={"type": "file", "encoding": "base64", "path": SETTINGS_PATH, "content": content})

    async def schedules(self) -> list[Schedule]:
        """The schedules of the repository."""
        async with self.database.reading() as connection:
            return await schedules.of_repository(connection, PLACE.repository_id)

    async def waits_due(self) -> list[int]:
        """The ids of the waits that somebody should look at."""
        async with self.database.reading() as connection:
            return [one.id for one in await waits.due(connection, now=self.clock(), busy=(), limit=99)]

    async def checks(self) -> list[dict[str, Any]]:
        """All check runs that the App is to make."""
        return [row["content"] for row in await all_rows(self.database, tables.outbox) if row["kind"] == "check"]

    async def tasks(self) -> list[dict[str, Any]]:
        """All tasks."""
        return await all_rows(self.database, tables.tasks)

    async def turns(self) -> list[dict[str, Any]]:
        """All turns."""
        return await all_rows(self.database, tables.turns)

    async def reactions(self) -> list[dict[str, Any]]:
        """All reactions that the App is to make."""
        return [row["content"] for row in await all_rows(self.database, tables.outbox) if row["kind"] == "reaction"]

    async def said(self) -> dict[str, str]:
        """All comments that the App is to make, by key."""
        found = await all_rows(self.database, tables.outbox)
        return {row["key"]: row["content"]["body"] for row in found if row["kind"] == "comment"}

    async def delivery(self) -> dict[str, Any]:
        """The newest delivery."""
        return (await all_rows(self.database, tables.inbox))[-1]

    async def nothing_happened(self) -> bool:
        """Whether no row came of what was delivered."""
        nothing = not await self.tasks() and not await all_rows(self.database, tables.outbox)
        return nothing and not await all_rows(self.database, tables.threads)


def question_comment(asked: AskedQuestion) -> str:
    """The comment that asks, as it stands on GitHub."""
    body = comments.question_open(asked.questions, asked.asked.login, "ove", 7)
    return f"{body}\n\n{comments.marker(question_key(asked.id))}"


def right_of(github: respx.MockRouter, account: Account) -> respx.Route:
    """Where the App asks for somebody's right."""
    return github.get(f"{REPO}/collaborators/{account.login}/permission")


def allow(github: respx.MockRouter, account: Account, right: str) -> None:
    """What GitHub answers to the question of somebody's right."""
    right_of(github, account).respond(json={"permission": right, "role_name": right, "user": account.as_json()})


@pytest.fixture
def github() -> Iterator[respx.MockRouter]:
    """GitHub: Alice and Bob may write, Mallory may read, and nobody else is known."""
    with respx.mock(assert_all_called=False) as router:
        router.post(TOKENS).respond(201, json=token())
        for account, right in ((ALICE, "admin"), (BOB, "write"), (STRANGER, "read")):
            allow(router, account, right)
        yield router


@pytest.fixture
async def desk(database: Database, github: respx.MockRouter) -> AsyncIterator[Desk]:
    """An intake that nothing has reached yet."""
    clock, bell, rings = Clock(NOW), Bell(), asyncio.Queue[None]()
    async with open_github(clock) as client:
        intake = Intake(
            database,
            client,
            TELLER,
            RepositoryRules(database, least_seconds=900.0, clock=clock),
            Commander(TELLER, settings=OPERATOR, clock=clock),
            identity=AppIdentity(APP_ID, "ove", "ove", "https://github.example/apps/ove", APP.login, APP.id, {}, ()),
            settings=OPERATOR,
            bell=bell,
            ring=lambda: rings.put_nowait(None),
            clock=clock,
        )
        yield Desk(database, github, intake, bell, clock, rings)


# -- a request ---------------------------------------------------------------------------------------------------------


async def test_a_mention_by_a_writer_becomes_a_task(desk: Desk) -> None:
    """👀 on the comment, and a pending task with a turn to run; the delivery is handled and the workers are rung."""
    await desk.comment("@ove the total is wrong, please fix", BOB)
    [task] = await desk.tasks()
    assert (task["request"], task["status"]) == ("the total is wrong, please fix", Status.PENDING)
    assert (task["requester_id"], task["number"], task["source_kind"], task["source_id"]) == (2, 3, "comment", 5)
    assert len(await desk.turns()) == 1
    assert await desk.reactions() == [EYES_5]
    assert await desk.said() == {}
    assert (await desk.delivery())["handled_at"] == NOW
    assert desk.rings.qsize() == 1


@pytest.mark.parametrize(
    ("body", "title"), [("@ove fix it", "A bug"), ("It is broken", "@ove fix it"), (None, "@ove fix it")]
)
async def test_an_issue_that_mentions_the_app_becomes_a_task(desk: Desk, body: str | None, title: str) -> None:
    """A mention in the text or the title of a new issue is a request; 👀 stands on the issue."""
    await desk.receive("issues", issue_opened(body, title=title))
    [task] = await desk.tasks()
    assert (task["request"], task["source_kind"]) == ("fix it", "issue")
    assert await desk.reactions() == [{"target": "issue", "id": 3, "content": "eyes"}]


async def test_a_writer_whose_association_is_none_counts(desk: Desk) -> None:
    """author_association lies for private members: who may write according to GitHub's permission may ask."""
    await desk.comment("@ove fix it", BOB, association="NONE")
    assert len(await desk.tasks()) == 1


async def test_a_stranger_who_calls_himself_owner_starts_nothing(desk: Desk) -> None:
    """author_association lies in the other direction as well: it is not what decides."""
    await desk.comment("@ove fix it", STRANGER, association="OWNER")
    assert await desk.tasks() == []


@pytest.mark.parametrize("right", ["read", "none", "triage"])
async def test_a_strangers_mention_gets_a_confused_face_and_nothing_else(desk: Desk, right: str) -> None:
    """Without write access: 😕 on the comment, no words, no task, no thread."""
    desk.allow(STRANGER, "read" if right == "triage" else right)
    await desk.comment("@ove delete everything", STRANGER)
    assert await desk.reactions() == [CONFUSED_5]
    assert (await desk.tasks(), await desk.said()) == ([], {})


async def test_a_strangers_issue_gets_a_confused_face(desk: Desk) -> None:
    """An issue that a stranger opens with a mention starts nothing."""
    await desk.receive("issues", issue_opened("@ove fix it", author=STRANGER))
    assert await desk.reactions() == [{"target": "issue", "id": 3, "content": "confused"}]
    assert await desk.tasks() == []


async def test_somebody_who_took_a_writers_login_is_a_stranger(desk: Desk) -> None:
    """Rights belong to the account's id: GitHub's answer about another account of that name does not count."""
    await desk.comment("@ove fix it", Account(666, BOB.login))
    assert await desk.reactions() == [CONFUSED_5]
    assert await desk.tasks() == []


NOT_ADDRESSED = {
    "no mention": "The total is wrong",
    "another account": "@oven fix it, @ove-team too",
    "code": "Write `@ove fix it` to ask",
    "a code block": "```\n@ove fix it\n```",
    "an indented block": "See:\n\n    @ove fix it",
    "a quote": "> @ove fix it\n\nI would not.",
    "an HTML comment": "<!-- @ove fix it -->Hello",
    "an e-mail address": "write to me@ove.example",
}


@pytest.mark.parametrize("body", NOT_ADDRESSED.values(), ids=NOT_ADDRESSED.keys())
async def test_what_is_no_mention_starts_nothing(desk: Desk, github: respx.MockRouter, body: str) -> None:
    """Text that merely holds the App's name leads to no row, and GitHub is not even asked about anybody."""
    await desk.comment(body)
    await desk.receive("issues", issue_opened(body))
    assert await desk.nothing_happened()
    assert not github.calls


async def test_bots_start_nothing(desk: Desk, github: respx.MockRouter) -> None:
    """Other bots, and the App itself, may say its name as often as they like."""
    await desk.comment("@ove fix it", OTHER_BOT)
    await desk.comment("@ove fix it", APP)
    await desk.comment("@ove fix it", ALICE, sender=OTHER_BOT)
    await desk.receive("issues", issue_opened("@ove fix it", author=OTHER_BOT))
    assert await desk.nothing_happened()
    assert not github.calls


@pytest.mark.parametrize("author", [ALICE, BOB, APP])
async def test_edits_start_nothing(desk: Desk, github: respx.MockRouter, author: Account) -> None:
    """A mention that is written into an old comment later is not a request, whoever's comment it is."""
    await desk.receive("issue_comment", comment_edited("Hello", "@ove fix it", author=author))
    assert await desk.nothing_happened()
    assert not github.calls


async def test_a_second_request_waits_in_line(desk: Desk) -> None:
    """Somebody who has to wait for the thread's first task is told so at once."""
    await desk.comment("@ove first", comment_id=5)
    await desk.comment("@ove second", BOB, comment_id=6)
    assert [task["request"] for task in await desk.tasks()] == ["first", "second"]
    assert await desk.said() == {"task-2-status": comments.status_queued(1)}


async def test_a_request_waits_for_a_place(desk: Desk) -> None:
    """When all places are taken by other threads, the status says that it waits."""
    for number in (3, 4, 5):
        await desk.comment("@ove fix it", comment_id=number, number=number)
    assert await desk.said() == {"task-3-status": comments.status_queued(0)}


# -- when GitHub does not answer ---------------------------------------------------------------------------------------


async def test_nothing_runs_while_a_right_cannot_be_asked(desk: Desk) -> None:
    """GitHub down at the permission check: no task and no reaction; the delivery is put off, and handled later."""
    down = desk.right_of(ALICE).respond(503)
    await desk.comment("@ove fix it")
    assert down.called
    assert await desk.nothing_happened()
    put_off = await desk.delivery()
    assert (put_off["handled_at"], put_off["tries"]) == (None, 1)
    assert put_off["due_at"] > desk.clock()
    assert await desk.handle_what_is_due() == 0
    desk.allow(ALICE, "admin")
    desk.clock.now = put_off["due_at"]
    assert await desk.handle_what_is_due() == 1
    assert len(await desk.tasks()) == 1
    assert (await desk.delivery())["handled_at"] == desk.clock()


async def test_pauses_grow_while_github_is_down(desk: Desk) -> None:
    """Each failed try waits longer than the one before."""
    desk.right_of(ALICE).respond(503)
    await desk.record("issue_comment", comment_created("@ove fix it"))
    pauses = []
    for _ in range(4):
        await desk.handle_what_is_due()
        due_at = (await desk.delivery())["due_at"]
        pauses.append(due_at - desk.clock())
        desk.clock.now = due_at
    assert pauses == [2.0, 4.0, 8.0, 16.0]


async def test_githubs_own_pause_is_kept(desk: Desk) -> None:
    """When GitHub says how long to wait, that is how long the delivery waits."""
    desk.right_of(ALICE).respond(429, headers={"retry-after": "90"})
    await desk.comment("@ove fix it")
    assert (await desk.delivery())["due_at"] == desk.clock() + 90


async def test_a_wrong_key_loses_nothing(desk: Desk) -> None:
    """401 is our fault, and is mended by the operator: the delivery is kept until then."""
    desk.right_of(ALICE).respond(401, json={"message": "Bad credentials"})
    await desk.comment("@ove fix it")
    assert (await desk.delivery())["handled_at"] is None
    assert await desk.nothing_happened()


async def test_a_refusal_is_final(desk: Desk) -> None:
    """Where GitHub will never answer (the App was removed), the delivery ends, with the reason."""
    desk.right_of(ALICE).respond(403, json={"message": "Not accessible"})
    await desk.comment("@ove fix it")
    delivery = await desk.delivery()
    assert delivery["handled_at"] == NOW
    assert "Not accessible" in delivery["problem"]
    assert await desk.nothing_happened()


async def test_a_payload_of_another_shape_is_given_up_with_the_reason(desk: Desk) -> None:
    """What GitHub does not document is noted and not tried again."""
    payload = comment_created("@ove fix it")
    del payload["comment"]["id"]
    await desk.receive("issue_comment", payload)
    delivery = await desk.delivery()
    assert delivery["handled_at"] == NOW
    assert "'id'" in delivery["problem"]


async def test_an_answer_that_makes_no_sense_is_tried_a_few_times(desk: Desk) -> None:
    """What nobody foresaw is tried again, a few times, then noted: it neither stops the service nor stays for ever."""
    desk.right_of(ALICE).respond(json={"permission": "emperor", "user": ALICE.as_json()})
    await desk.record("issue_comment", comment_created("@ove fix it"))
    for _ in range(MAX_TRIES_AFTER_A_BUG):
        await desk.handle_what_is_due()
        delivery = await desk.delivery()
        assert delivery["handled_at"] is None
        desk.clock.now = delivery["due_at"]
    await desk.handle_what_is_due()
    delivery = await desk.delivery()
    assert delivery["handled_at"] is not None
    assert "emperor" in delivery["problem"]
    assert await desk.nothing_happened()


async def test_the_loop_handles_what_the_bell_announces(desk: Desk) -> None:
    """The running intake takes up what was recorded before it began, and what is rung for afterwards, in order."""
    await desk.record("issue_comment", comment_created("@ove one", comment_id=5))
    loop = asyncio.create_task(desk.intake.run())
    async with asyncio.timeout(10):
        await desk.rings.get()
        for number, words in ((6, "two"), (7, "three")):
            await desk.record("issue_comment", comment_created(f"@ove {words}", comment_id=number))
        desk.bell.ring()
        await desk.rings.get()
        await desk.rings.get()
    assert [task["request"] for task in await desk.tasks()] == ["one", "two", "three"]
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


# -- a reply -----------------------------------------------------------------------------------------------------------


async def chosen(desk: Desk, asked: AskedQuestion) -> dict[str, str]:
    """What was answered, once the agent is to go on with it."""
    found = await rows.question(desk.database, asked.id)
    if found.answered_by is not None:
        assert (await rows.task(desk.database, asked.task_id)).status in (Status.PENDING, Status.FAILED)
        assert [turn["answers_question"] for turn in await desk.turns()][-1] == asked.id
    return found.answers if found.answered_by else {}


async def unchanged(desk: Desk, asked: AskedQuestion) -> bool:
    """Whether the question still waits as it was asked."""
    waits = (await rows.task(desk.database, asked.task_id)).status is Status.WAITING_USER
    return waits and await rows.question(desk.database, asked.id) == asked and len(await desk.turns()) == 1


@pytest.mark.parametrize("words", ["2", "2.", "half up", "**Half up**", "@ove 2", "@ove Half up, please"])
async def test_the_requester_answers(desk: Desk, words: str) -> None:
    """Who asked for the task needs no mention: a number or a label is the answer, and the session goes on."""
    asked = await waiting_question(desk.database)
    await desk.comment(words)
    assert (await chosen(desk, asked))[ROUNDING.text].startswith("Half up")
    found = await rows.question(desk.database, asked.id)
    assert (found.answered_by, found.answered_url is not None) == (ALICE.person, True)
    assert await desk.reactions() == [EYES_5]
    assert await desk.said() == {
        question_key(asked.id): comments.question_answered((ROUNDING,), found.answers, ALICE.login)
    }
    assert len(await desk.tasks()) == 1


async def test_the_requester_answers_in_words_of_their_own(desk: Desk) -> None:
    """What is none of the options is handed over as it was written."""
    asked = await waiting_question(desk.database)
    await desk.comment("Neither: truncate, as the law wants it")
    assert await chosen(desk, asked) == {ROUNDING.text: "Neither: truncate, as the law wants it"}


async def test_another_writer_answers_with_a_mention(desk: Desk) -> None:
    """Whoever may write can decide by mentioning the App, and stands there as who decided."""
    asked = await waiting_question(desk.database)
    await desk.comment("@ove 1", BOB)
    assert await chosen(desk, asked) == {ROUNDING.text: "Half even"}
    assert (await rows.question(desk.database, asked.id)).answered_by == BOB.person
    assert len(await desk.tasks()) == 1


async def test_another_writer_without_a_mention_talks_to_the_others(desk: Desk, github: respx.MockRouter) -> None:
    """A comment of somebody who was not asked and does not mention the App changes nothing."""
    asked = await waiting_question(desk.database)
    await desk.comment("2", BOB)
    assert await unchanged(desk, asked)
    assert await desk.reactions() == []
    assert not github.calls


@pytest.mark.parametrize(("words", "reactions"), [("2", []), ("@ove 2", [CONFUSED_5])])
async def test_a_strangers_reply_changes_nothing(desk: Desk, words: str, reactions: list[Json]) -> None:
    """Somebody without write access answers nothing: 😕 for a mention, nothing for other words."""
    asked = await waiting_question(desk.database)
    await desk.comment(words, STRANGER)
    assert await unchanged(desk, asked)
    assert await desk.reactions() == reactions


async def test_a_requester_who_lost_the_right_answers_nothing(desk: Desk) -> None:
    """The right is asked for at the moment of the answer, not remembered from the request."""
    asked = await waiting_question(desk.database)
    desk.allow(ALICE, "read")
    await desk.comment("2")
    assert await unchanged(desk, asked)


async def test_a_reply_is_kept_while_github_is_down(desk: Desk) -> None:
    """An answer that came while GitHub was away counts when it is back."""
    asked = await waiting_question(desk.database)
    desk.right_of(ALICE).respond(502)
    await desk.comment("2")
    assert await unchanged(desk, asked)
    desk.allow(ALICE, "admin")
    desk.clock.now += 600
    await desk.handle_what_is_due()
    assert await chosen(desk, asked) == {ROUNDING.text: "Half up"}


@pytest.mark.parametrize("words", ["@bob what do you think?", "> Which rounding?", "<!-- 2 -->"])
async def test_the_requester_may_talk_to_others(desk: Desk, words: str) -> None:
    """Words to somebody else, and quotes alone, are no answer."""
    asked = await waiting_question(desk.database)
    await desk.comment(words)
    assert await unchanged(desk, asked)


async def test_a_reply_in_another_thread_is_none(desk: Desk) -> None:
    """What is written under another issue does not answer the question here."""
    asked = await waiting_question(desk.database, number=4)
    await desk.comment("2", number=3)
    assert await unchanged(desk, asked)


async def test_an_answer_counts_once(desk: Desk) -> None:
    """After the first answer the next comment is no answer: one turn was queued, by the first."""
    asked = await waiting_question(desk.database)
    await desk.comment("1", comment_id=5)
    await desk.comment("2", comment_id=6)
    assert await chosen(desk, asked) == {ROUNDING.text: "Half even"}
    assert len(await desk.turns()) == 2


async def test_several_questions_are_answered_line_by_line(desk: Desk) -> None:
    """One line each, and all is answered."""
    asked = await waiting_question(desk.database, BOTH)
    await desk.comment("Q1: half up\nQ2: 1, 3")
    assert await chosen(desk, asked) == {ROUNDING.text: "Half up", PAGES.text: "Cart, Orders"}


async def test_an_incomplete_answer_is_kept_and_the_rest_asked_again(desk: Desk) -> None:
    """What was clear stays; only what was not is asked again, and its answer completes the whole."""
    asked = await waiting_question(desk.database, BOTH)
    await desk.comment("Q1: 2", comment_id=5)
    partly = await rows.question(desk.database, asked.id)
    assert (partly.open, partly.answers) == (True, {ROUNDING.text: "Half up"})
    assert list((await desk.said()).values()) == [comments.question_unclear((PAGES,), ALICE.login)]
    assert len(await desk.turns()) == 1
    await desk.comment("1, 3", comment_id=6)
    assert await chosen(desk, asked) == {ROUNDING.text: "Half up", PAGES.text: "Cart, Orders"}


async def test_a_choice_that_is_not_offered_is_asked_again(desk: Desk) -> None:
    """A number that no option has is surely meant as a choice; it is not guessed at, and the question stays open."""
    asked = await waiting_question(desk.database)
    await desk.comment("7")
    assert (await rows.question(desk.database, asked.id)).open
    assert list((await desk.said()).values()) == [comments.question_unclear((ROUNDING,), ALICE.login)]


# -- a tick ------------------------------------------------------------------------------------------------------------


async def test_a_tick_answers(desk: Desk) -> None:
    """One tick is the answer to a single-choice question; the comment is written anew with who chose what."""
    asked = await waiting_question(desk.database)
    await desk.tick(asked, "q1.2", editor=BOB)
    assert await chosen(desk, asked) == {ROUNDING.text: "Half up"}
    assert (await rows.question(desk.database, asked.id)).answered_by == BOB.person
    assert await desk.reactions() == []
    assert "said @bob" in (await desk.said())[question_key(asked.id)]


async def test_several_ticks_wait_to_be_sent(desk: Desk, github: respx.MockRouter) -> None:
    """Where one tick is not the whole answer, nothing happens until the last box is ticked; then all count."""
    asked = await waiting_question(desk.database, BOTH)
    body = await desk.tick(asked, "q1.2", "q2.1", "q2.3")
    assert await unchanged(desk, asked)
    assert not github.calls
    await desk.tick(asked, "send", before=body)
    assert await chosen(desk, asked) == {ROUNDING.text: "Half up", PAGES.text: "Cart, Orders"}


async def test_ticks_complete_what_a_reply_began(desk: Desk) -> None:
    """Who answered one question in words can tick the other: together they are the whole answer."""
    asked = await waiting_question(desk.database, BOTH)
    await desk.comment("Q1: 2")
    await desk.tick(asked, "q2.1", "send")
    assert await chosen(desk, asked) == {ROUNDING.text: "Half up", PAGES.text: "Cart"}


async def test_a_tick_by_somebody_who_may_not_write_changes_nothing(desk: Desk) -> None:
    """GitHub hardly lets them, and if it does, nothing follows."""
    asked = await waiting_question(desk.database)
    await desk.tick(asked, "q1.2", editor=STRANGER)
    assert await unchanged(desk, asked)
    assert await desk.reactions() == []


async def test_the_apps_own_edit_is_no_tick(desk: Desk) -> None:
    """When the App writes its comment anew, that is not an answer."""
    asked = await waiting_question(desk.database)
    await desk.tick(asked, "q1.2", editor=APP)
    assert await unchanged(desk, asked)


async def test_a_copy_of_the_question_is_not_the_question(desk: Desk) -> None:
    """Boxes and marker that somebody copied into a comment of their own answer nothing."""
    asked = await waiting_question(desk.database)
    body = question_comment(asked)
    copied = comment_edited(body, body.replace("- [ ]", "- [x]", 1), author=BOB, editor=BOB)
    await desk.receive("issue_comment", copied)
    assert await unchanged(desk, asked)


async def test_a_marker_of_another_repository_leads_nowhere(desk: Desk) -> None:
    """A tick under one repository never answers another repository's question."""
    asked = await waiting_question(desk.database)
    body = question_comment(asked)
    payload = comment_edited(body, body.replace("- [ ]", "- [x]", 1))
    payload["repository"]["id"] = 43
    await desk.receive("issue_comment", payload)
    assert await unchanged(desk, asked)


async def test_a_tick_after_the_answer_changes_nothing(desk: Desk) -> None:
    """The first answer stands."""
    asked = await waiting_question(desk.database)
    await desk.comment("1")
    await desk.tick(asked, "q1.2")
    assert await chosen(desk, asked) == {ROUNDING.text: "Half even"}
    assert len(await desk.turns()) == 2


# -- a late reply ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "author"), [("2", ALICE), ("@ove 2", ALICE), ("@ove 2", BOB)])
async def test_a_late_reply_picks_the_question_up(desk: Desk, words: str, author: Account) -> None:
    """After the question expired an answer opens a new task, whose first turn carries the answer."""
    asked = await waiting_question(desk.database)
    await expire(desk.database, asked)
    await desk.comment(words, author)
    assert await chosen(desk, asked) == {ROUNDING.text: "Half up"}
    old, new = await desk.tasks()
    assert (old["status"], new["status"], new["requester_id"]) == (Status.FAILED, Status.PENDING, author.id)
    assert [turn["task_id"] for turn in await desk.turns()] == [old["id"], new["id"]]
    assert await desk.reactions() == [EYES_5]


async def test_talk_after_an_expired_question_is_no_answer(desk: Desk) -> None:
    """The requester's later words, unless they pick an option or mention the App, are not taken for an answer."""
    asked = await waiting_question(desk.database)
    await expire(desk.database, asked)
    await desk.comment("Thanks anyway, I shall look at it on Monday")
    assert len(await desk.tasks()) == 1
    assert await desk.reactions() == []
    assert not (await rows.question(desk.database, asked.id)).answers


async def test_a_late_tick_picks_the_question_up(desk: Desk) -> None:
    """A tick that crossed the end of the wait still counts."""
    asked = await waiting_question(desk.database)
    await expire(desk.database, asked)
    await desk.tick(asked, "q1.1")
    assert await chosen(desk, asked) == {ROUNDING.text: "Half even"}
    assert len(await desk.tasks()) == 2


async def test_an_expired_question_is_forgotten_when_something_newer_was_asked(desk: Desk) -> None:
    """After a newer request in the thread a tick in the old comment starts nothing."""
    asked = await waiting_question(desk.database)
    await expire(desk.database, asked)
    await rows.add_task(desk.database)
    await desk.tick(asked, "q1.1")
    assert len(await desk.tasks()) == 2


async def test_a_bare_mention_after_an_expired_question_is_a_request(desk: Desk) -> None:
    """A mention that answers nothing is not swallowed by a question that nobody waits for any more."""
    asked = await waiting_question(desk.database)
    await expire(desk.database, asked)
    await desk.comment("@ove")
    assert len(await desk.tasks()) == 2


# -- a command ---------------------------------------------------------------------------------------------------------


async def test_a_schedule_is_made_of_a_comment(desk: Desk) -> None:
    """`@ove schedule …` starts no task: 👀, and the schedule's own comment, on the operator's clock."""
    await desk.comment("@ove schedule every weekday at 9: update the dependencies", BOB)
    [schedule] = await desk.schedules()
    assert (schedule.cron, schedule.zone, schedule.request) == ("0 9 * * 1-5", "UTC", "update the dependencies")
    assert (schedule.owner, schedule.place, schedule.url) == (BOB.person, PLACE, COMMENT_URL)
    assert await desk.tasks() == []
    assert await desk.reactions() == [EYES_5]
    assert list(await desk.said()) == [schedule_key(schedule)]


async def test_a_schedule_is_made_of_an_issue(desk: Desk) -> None:
    """An issue that is opened with the command makes the schedule that belongs to it."""
    await desk.receive("issues", issue_opened("@ove schedule 0 9 * * 1-5 update the dependencies", title="Chores"))
    [schedule] = await desk.schedules()
    assert (schedule.cron, schedule.issue, schedule.issue_title) == ("0 9 * * 1-5", 3, "Chores")
    assert await desk.tasks() == []


async def test_a_schedule_goes_by_the_repositorys_own_clock(desk: Desk) -> None:
    """The time zone of `.github/ove.yml` comes before the operator's."""
    async with desk.database.writing() as connection:
        await rules.keep(connection, 42, RepositorySettings(time_zone="Asia/Tokyo"), now=NOW)
    await desk.comment("@ove schedule every day at 9: look")
    assert [schedule.zone for schedule in await desk.schedules()] == ["Asia/Tokyo"]


async def test_a_schedule_that_would_never_rest_is_refused(desk: Desk) -> None:
    """The operator's least time between two runs holds for what people ask for."""
    await desk.comment("@ove schedule * * * * * look")
    assert await desk.schedules() == []
    assert len(await desk.said()) == 1


async def test_schedules_are_listed(desk: Desk) -> None:
    """`@ove schedules` is answered with the list, and starts nothing."""
    schedule = await rows.add_schedule(desk.database)
    await desk.comment("@ove schedules", BOB)
    [answer] = (await desk.said()).values()
    assert schedule.request in answer
    assert await desk.tasks() == []


@pytest.mark.parametrize(("author", "right", "left"), [(ALICE, "write", 0), (BOB, "admin", 0), (BOB, "write", 1)])
async def test_a_schedule_is_removed_by_its_owner_or_an_admin(
    desk: Desk, author: Account, right: str, left: int
) -> None:
    """`@ove unschedule 1` of Alice's schedule: hers, and an admin's to say; another writer is told whose it is."""
    await rows.add_schedule(desk.database)
    desk.allow(author, right)
    await desk.comment("@ove unschedule 1", author)
    assert len(await desk.schedules()) == left
    assert await desk.tasks() == []


@pytest.mark.parametrize("words", ["schedule every day at 9: look", "schedules", "unschedule 1"])
async def test_a_stranger_commands_nothing(desk: Desk, words: str) -> None:
    """Without write access a command is no more than a mention: 😕."""
    schedule = await rows.add_schedule(desk.database)
    await desk.comment(f"@ove {words}", STRANGER)
    assert await desk.schedules() == [schedule]
    assert (await desk.reactions(), await desk.said()) == ([CONFUSED_5], {})


async def test_a_command_is_no_answer(desk: Desk) -> None:
    """`@ove schedules` while a question is open is answered with the list, and the question waits on."""
    asked = await waiting_question(desk.database)
    await desk.comment("@ove schedules")
    await desk.comment("@ove schedule every day at 9: look", comment_id=6)
    assert await unchanged(desk, asked)
    assert len(await desk.schedules()) == 1
    await desk.comment("schedules", comment_id=7)
    assert await chosen(desk, asked) == {ROUNDING.text: "schedules"}, "without the App's name it is no command"


# -- checks ------------------------------------------------------------------------------------------------------------


async def quiet_wait(desk: Desk, *, number: int, sha: str) -> Wait:
    """A wait that was looked at: it is due when it gets a hint."""
    begun = await waiting_for_checks(
        desk.database, number=number, pull=10 + number, sha=sha, branch=f"ove/{number}-total"
    )
    await look(desk.database, begun)
    return begun


HINTS: dict[str, tuple[str, Json]] = {
    "a check run": ("check_run", check_run_changed(sha=HEAD)),
    "a check run that is made when it has ended": ("check_run", check_run_changed("created", sha=HEAD)),
    "a check suite": ("check_suite", check_suite_changed(sha=HEAD)),
    "a workflow": ("workflow_run", workflow_run_changed(sha=HEAD)),
    "a status": ("status", status_changed(sha=HEAD)),
    "the pull request is closed": ("pull_request", pull_changed("closed", number=13, state="closed")),
    "the pull request has another head": ("pull_request", pull_changed("synchronize", number=13)),
    "the thread itself is the pull request": ("pull_request", pull_changed("closed", number=3, state="closed")),
    "a push to the branch": ("push", branch_pushed("ove/3-total")),
    "the branch is gone": ("push", branch_pushed("ove/3-total", after=NO_COMMIT)),
}
"""What is about the wait of thread 3, and not about that of thread 4."""


@pytest.mark.parametrize(("event", "payload"), HINTS.values(), ids=HINTS.keys())
async def test_a_webhook_about_checks_is_a_hint_for_just_its_wait(
    desk: Desk, github: respx.MockRouter, event: str, payload: Json
) -> None:
    """It decides nothing and asks GitHub nothing: the one wait that it is about is due, and whoever looks is rung."""
    mine = await quiet_wait(desk, number=3, sha=HEAD)
    await quiet_wait(desk, number=4, sha=BASE)
    await desk.receive(event, payload)
    assert await desk.waits_due() == [mine.id]
    assert desk.rings.qsize() == 1
    assert not github.calls
    assert (await rows.task(desk.database, mine.task_id)).status is Status.WAITING_CI


@pytest.mark.parametrize(("event", "payload"), HINTS.values(), ids=HINTS.keys())
async def test_the_same_commit_elsewhere_is_no_hint(desk: Desk, event: str, payload: Json) -> None:
    """A fork, or another repository, has the same commits, branches and numbers: it is not ours that changed."""
    await quiet_wait(desk, number=3, sha=HEAD)
    elsewhere = payload | {"repository": payload["repository"] | {"id": 43}}
    await desk.receive(event, elsewhere)
    assert await desk.waits_due() == []
    assert (await desk.delivery())["problem"] is None


# -- a button ----------------------------------------------------------------------------------------------------------


async def press(desk: Desk, button: str, pressed: Wait, by: Account = BOB, **changes: Any) -> None:
    """Somebody presses a button of the App's check run on a commit that is waited for."""
    async with desk.database.reading() as connection:
        thread_id = (await store.task_by_id(connection, pressed.task_id)).thread_id
    more = {"external_id": check_key(thread_id, pressed.sha), **changes}
    await desk.receive("check_run", button_pressed(button, by=by, **more))


async def test_a_writers_stop_stops(desk: Desk) -> None:
    """Stop on a task that waits for its checks cancels it, and says by whom."""
    waiting = await quiet_wait(desk, number=3, sha=HEAD)
    await press(desk, "stop", waiting)
    assert (await rows.task(desk.database, waiting.task_id)).status is Status.CANCELLED
    assert "Stopped by bob" in (await desk.said())[status_key(waiting.task_id)]


async def test_a_writer_tries_again(desk: Desk) -> None:
    """Try again after red checks ended a task makes a new one that knows them, asked for by who pressed; once."""
    given_up = await give_up(desk.database, await quiet_wait(desk, number=3, sha=HEAD))
    await press(desk, "again", given_up)
    await press(desk, "again", given_up)
    old, new = await desk.tasks()
    assert (old["status"], new["status"]) == (Status.FAILED, Status.PENDING)
    assert (new["requester_id"], new["number"], new["source_kind"]) == (BOB.id, 3, "button")
    assert (await desk.turns())[-1]["answers_wait"] == given_up.id


@pytest.mark.parametrize("button", ["again", "stop", "dance"])
async def test_a_button_that_has_nothing_to_do_does_nothing(desk: Desk, button: str) -> None:
    """A completed task is neither stopped nor tried again; an unknown button is none."""
    waiting = await quiet_wait(desk, number=3, sha=HEAD)
    async with desk.database.writing() as connection:
        await store.move(connection, waiting.task_id, Status.WAITING_CI, Status.COMPLETED, now=NOW)
    before = await desk.tasks()
    await press(desk, button, waiting)
    assert await desk.tasks() == before
    assert await desk.said() == {}


PRESSED_BY_NOBODY: dict[str, dict[str, Any]] = {
    "a stranger": {"by": STRANGER},
    "a bot": {"by": OTHER_BOT},
    "the App itself": {"by": APP},
    "another App's check run": {"app_id": GITHUB_ACTIONS},
    "a check run that is about no thread": {"external_id": f"settings-42-{HEAD}"},
    "a check run without a note": {"external_id": ""},
    "a thread that is not there": {"external_id": check_key(99, HEAD)},
}


@pytest.mark.parametrize("changes", PRESSED_BY_NOBODY.values(), ids=PRESSED_BY_NOBODY.keys())
async def test_not_everybodys_click_counts(desk: Desk, changes: dict[str, Any]) -> None:
    """A stop by who may not write, or on what is not the App's own check run, changes nothing."""
    waiting = await quiet_wait(desk, number=3, sha=HEAD)
    await press(desk, "stop", waiting, **changes)
    assert (await rows.task(desk.database, waiting.task_id)).status is Status.WAITING_CI
    assert await desk.said() == {}
    assert (await desk.delivery())["problem"] is None


async def test_a_writer_elsewhere_stops_nothing_here(desk: Desk) -> None:
    """Who may write to one repository cannot press a button of another: the thread belongs to its repository."""
    waiting = await quiet_wait(desk, number=3, sha=HEAD)
    async with desk.database.writing() as connection:
        await connection.execute(update(tables.threads).values(repository_id=43))
    await press(desk, "stop", waiting)
    assert (await rows.task(desk.database, waiting.task_id)).status is Status.WAITING_CI


async def rerun(desk: Desk, pressed: Wait) -> None:
    """Bob presses GitHub's own “Re-run” beside the App's check run."""
    async with desk.database.reading() as connection:
        thread_id = (await store.task_by_id(connection, pressed.task_id)).thread_id
    payload = check_run_changed(
        "rerequested", name="ove", app_id=APP_ID, external_id=check_key(thread_id, pressed.sha), sender=BOB
    )
    await desk.receive("check_run", payload)


async def test_githubs_own_rerun_tries_again_what_ended_badly(desk: Desk) -> None:
    """After red checks ended a task, “Re-run” on the App's check run is what its own button is."""
    given_up = await give_up(desk.database, await quiet_wait(desk, number=3, sha=HEAD))
    await rerun(desk, given_up)
    assert [task["status"] for task in await desk.tasks()] == [Status.FAILED, Status.PENDING]


async def test_githubs_own_rerun_of_what_goes_on_is_put_right(desk: Desk) -> None:
    """GitHub has reset the check run to queued: it is written again as it should be, and no task comes of it."""
    waiting = await quiet_wait(desk, number=3, sha=HEAD)
    async with desk.database.writing() as connection:
        key = check_key((await store.task_by_id(connection, waiting.task_id)).thread_id, HEAD)
        await outbox.check_run(
            connection, PLACE, key, sha=HEAD, conclusion=None, title="Waiting", summary="", actions=[], now=NOW
        )
        [entry] = await outbox.due(connection, now=NOW, busy=(), limit=9)
        await outbox.sent(connection, entry, remote_id=77)
    await rerun(desk, waiting)
    async with desk.database.reading() as connection:
        assert [one.key for one in await outbox.due(connection, now=NOW, busy=(), limit=9)] == [key]
    assert len(await desk.tasks()) == 1


# -- the repository's own settings -------------------------------------------------------------------------------------

SETTINGS = "time_zone: Asia/Tokyo\nci:\n  attempts: 1\n"
CHORES = "schedules:\n  - name: chores\n    when: {when}\n    do: Update the dependencies\n    issue: 7\n"


def settings_pushed(**changes: Any) -> Json:
    """Somebody changed `.github/ove.yml` on the default branch."""
    return branch_pushed(**{"commits": [pushed_commit(modified=[SETTINGS_PATH])], **changes})


async def settings_in_force(desk: Desk) -> RepositorySettings:
    """What holds for the repository now."""
    async with desk.database.reading() as connection:
        return await rules.last(connection, 42)


async def test_new_settings_are_kept(desk: Desk) -> None:
    """A push that brings good settings puts them into force, and their schedules on the repository's clock."""
    desk.hold(SETTINGS + CHORES.format(when="every weekday at 9"))
    await desk.receive("push", settings_pushed())
    found = await settings_in_force(desk)
    assert (found.time_zone, found.ci_attempts) == ("Asia/Tokyo", 1)
    [schedule] = await desk.schedules()
    assert (schedule.name, schedule.issue, schedule.zone) == ("chores", 7, "Asia/Tokyo")
    assert (schedule.owner, schedule.url) == (
        BOB.person,
        f"https://github.example/alice/shop/blob/{HEAD}/.github/ove.yml",
    )
    assert await desk.checks() == []


async def test_a_schedule_that_is_taken_out_of_the_file_goes(desk: Desk) -> None:
    """The rows are kept in step with the file, also when the whole file is deleted."""
    desk.hold(CHORES.format(when="every weekday at 9"))
    await desk.receive("push", settings_pushed())
    desk.hold(None)
    await desk.receive("push", settings_pushed(commits=[pushed_commit(removed=[SETTINGS_PATH])]))
    assert await desk.schedules() == []
    assert await settings_in_force(desk) == RepositorySettings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ci:\n  attempts: many\n", "Line 2"),
        (CHORES.format(when="“* * * * *”").replace("“", '"').replace("”", '"'), "`* * * * *` cannot be used"),
    ],
)
async def test_a_mistake_is_one_failed_check_on_its_commit(desk: Desk, text: str, said: str) -> None:
    """What is wrong with the file, or a schedule in it, stands once, at the commit; schedules stay as they were."""
    desk.hold(SETTINGS + CHORES.format(when="every weekday at 9"))
    await desk.receive("push", settings_pushed(after=BASE))
    before = await desk.schedules()
    desk.hold(text)
    await desk.receive("push", settings_pushed())
    await desk.receive("push", settings_pushed())
    [check] = await desk.checks()
    assert (check["sha"], check["conclusion"], check["actions"]) == (HEAD, "failure", [])
    assert said in check["summary"]
    assert await desk.schedules() == before
    assert await desk.tasks() == []


async def test_settings_are_read_when_they_may_have_changed(desk: Desk, github: respx.MockRouter) -> None:
    """A push that does not touch the file, or another branch, asks GitHub nothing; a forced one may hide anything."""
    for untouched in (
        branch_pushed(),
        settings_pushed(branch="feature"),
        settings_pushed(after=NO_COMMIT),
    ):
        await desk.receive("push", untouched)
    assert not github.calls
    desk.hold(SETTINGS)
    await desk.receive("push", branch_pushed(forced=True))
    assert (await settings_in_force(desk)).time_zone == "Asia/Tokyo"


async def test_settings_are_read_later_while_github_is_away(desk: Desk) -> None:
    """A push whose file cannot be read now is kept: the schedules in it are not lost."""
    desk.github.get(SETTINGS_URL).respond(502)
    await desk.receive("push", settings_pushed())
    assert (await desk.delivery())["handled_at"] is None
    desk.hold(CHORES.format(when="every weekday at 9"))
    desk.clock.now += 600
    assert await desk.handle_what_is_due() == 1
    assert len(await desk.schedules()) == 1


# -- the marker --------------------------------------------------------------------------------------------------------


def test_a_comment_leads_to_its_question() -> None:
    """The hidden marker names the question; other comments of the App name none."""
    assert question_id_of(f"Hello\n\n{comments.marker(question_key(1234))}") == 1234
    for key in ("question-12-reminder", "question-12-unclear-5-0", "task-12-status"):
        assert question_id_of(f"Hello\n\n{comments.marker(key)}") is None
