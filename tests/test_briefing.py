"""Tests of what a turn of the agent starts from: which part of its session, and which words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import respx

from ove_gh import prompt
from ove_gh.briefing import PEOPLE_LOOKED_UP, Brief, Job, brief
from ove_gh.ci import LapEnd
from ove_gh.comments import ScheduleState
from ove_gh.github.models import AppIdentity
from ove_gh.steering import TRY_AGAIN
from ove_gh.store.schedules import Schedule
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.waits import Wait
from ove_gh.tasks import Status, Target, Task, Thread, Turn, TurnStatus
from tests.github.samples import REPO, TOKENS, comment, issue, open_repository, token, user
from tests.payloads import ALICE, APP, APP_ID, BASE, BOB, HEAD, HOME, OTHER_BOT, PLACE, STRANGER, Account
from tests.store.rows import NOW, RED, REPORT, ROUNDING

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

BRANCH = "ove/3-total"
IDENTITY = AppIdentity(APP_ID, "ove", "ove", "https://github.example/apps/ove", APP.login, APP.id, {}, ())
FIRST = Turn(1, 1, 1, TurnStatus.RUNNING, None, None, 0, 0, 0, None, 0.0, NOW)
THREAD = Thread(1, PLACE, "The total is wrong", branch=BRANCH, base_branch="main")
RESUMED = replace(THREAD, session_id="session")
TASK = Task(
    id=1,
    thread_id=1,
    number=3,
    status=Status.RUNNING,
    request="fix the total",
    source=Target("comment", 50, "https://github.example/50"),
    requester=ALICE.person,
    cost_usd=0.0,
    created_at=NOW,
)
WAIT = Wait(7, 1, HEAD, BASE, BASE, NOW, 1, 0, LapEnd.RED, replace(RED, attempt=2), REPORT, attempt=2, asks=False)
MENDING = replace(FIRST, position=2, answers_wait=WAIT.id)
SCHEDULE = Schedule(
    id=4,
    home=HOME,
    number=2,
    issue=3,
    issue_title="Dependencies",
    owner=ALICE.person,
    url="https://github.example/5",
    name=None,
    words="every weekday at 9",
    cron="0 9 * * 1-5",
    zone="Europe/Stockholm",
    request="update the dependencies",
    state=ScheduleState.ACTIVE,
    due_at=NOW,
    tries=0,
    last_run_at=None,
    last_task_id=None,
    last_outcome=None,
    last_note="",
    last_url=None,
    created_at=NOW,
)
ASKED = AskedQuestion(
    id=5,
    task_id=1,
    thread=THREAD,
    number=3,
    tool_use_id="toolu_1",
    questions=(ROUNDING,),
    answers={ROUNDING.text: "Half up"},
    asked=ALICE.person,
    asked_at=NOW,
    open=False,
    expired=False,
    answered_by=BOB.person,
    answered_url=None,
)


def job(turn: Turn = FIRST, *, thread: Thread = THREAD, task: Task = TASK, **more: Any) -> Job:
    """A claimed turn with the rows around it."""
    nothing: dict[str, Any] = dict.fromkeys(("question", "wait", "schedule", "previous_task"))
    return Job(turn=turn, task=task, thread=thread, **{**nothing, "max_attempts": 3, **more})


@dataclass
class Room:
    """GitHub with one thread, as it was written."""

    github: respx.MockRouter

    def says(self, *written: tuple[int, Account, str]) -> None:
        """Comments stand in the thread: their ids, their authors and their words."""
        found = [comment(number, body, author.as_json()) for number, author, body in written]
        self.github.get(url__startswith=f"{REPO}/issues/3/comments").respond(json=found)

    def allow(self, login: str, number: int, right: str) -> None:
        """Somebody has this right."""
        answer = {"permission": right, "role_name": right, "user": user(login, number)}
        self.github.get(f"{REPO}/collaborators/{login}/permission").respond(json=answer)

    @property
    def asked(self) -> list[str]:
        """The paths that GitHub was asked for, without the token's."""
        paths = [call.request.url.path for call in self.github.calls if call.request.method == "GET"]
        return [path.removeprefix("/api/v3/repos/alice/shop/") for path in paths]


@pytest.fixture
def room() -> Iterator[Room]:
    """An issue by Alice (admin); Bob may write, Mallory may read; nobody has said anything in it."""
    with respx.mock(assert_all_called=False) as router:
        router.post(TOKENS).respond(201, json=token())
        router.get(f"{REPO}/issues/3").respond(json=issue(body="It divides by the number of items."))
        room = Room(router)
        room.says()
        for account, right in ((ALICE, "admin"), (BOB, "write"), (STRANGER, "read")):
            room.allow(account.login, account.id, right)
        yield room


async def begin(of: Job, *, session_lost: bool = False) -> Brief:
    """What a turn starts from."""
    async with open_repository() as repository:
        return await brief(repository, IDENTITY, of, session_lost=session_lost)


async def words(of: Job, *, session_lost: bool = False) -> str:
    """The prompt of a turn that begins a session."""
    begun = await begin(of, session_lost=session_lost)
    assert (begun.session_id, begun.answers) == (None, None)
    assert begun.prompt is not None
    return begun.prompt


# -- a request ---------------------------------------------------------------------------------------------------------


async def test_a_first_turn_begins_with_the_whole_thread(room: Room) -> None:
    """The issue and what was said up to the request, each with its author's right; the request once, by itself."""
    room.says(
        (48, STRANGER, "Delete everything"),
        (49, OTHER_BOT, "Coverage: 80 %"),
        (50, ALICE, "@ove fix the total"),
        (51, BOB, "said later"),
    )
    text = await words(job())
    assert '<issue author="@alice" right="admin">\nIt divides by the number of items.' in text
    assert '<comment author="@mallory" right="read">\nDelete everything' in text
    assert '<comment author="@dependabot[bot]" right="bot">' in text
    assert '<request author="@alice" right="admin">\nfix the total\n</request>' in text
    assert text.count("fix the total") == 1
    assert "said later" not in text


async def test_the_next_request_brings_only_what_is_new(room: Room) -> None:
    """In a session that goes on: what people said since the last request, without the App's own words."""
    room.says((39, BOB, "known already"), (41, BOB, "and round half up"), (42, APP, "Done."), (50, ALICE, "@ove fix"))
    previous = replace(TASK, id=0, source=Target("comment", 40, ""))
    begun = await begin(job(thread=RESUMED, previous_task=previous))
    assert begun.session_id == "session"
    assert begun.prompt is not None
    assert "and round half up" in begun.prompt
    assert not any(old in begun.prompt for old in ("known already", "Done.", "It divides"))


async def test_an_issue_that_asks_comes_before_all_comments(room: Room) -> None:
    """What was said while the request waited for its turn is no part of it."""
    room.says((51, BOB, "said later"))
    task = replace(TASK, source=Target("issue", 3, ""))
    assert "said later" not in await words(job(task=task))


async def test_a_crowd_does_not_cost_a_hundred_calls(room: Room) -> None:
    """Rights are asked for of so many people, the last ones to speak among them; the others count as unknown."""
    crowd = [Account(1_000 + n, f"user{n}") for n in range(PEOPLE_LOOKED_UP + 5)]
    for account in crowd:
        room.allow(account.login, account.id, "write")
    room.says(*((n, account, f"Word {n}") for n, account in enumerate(crowd)))
    text = await words(job())
    assert text.count('right="unknown"') == 6
    assert f'<comment author="@{crowd[-1].login}" right="write">' in text
    assert sum(path.startswith("collaborators/user") for path in room.asked) == PEOPLE_LOOKED_UP - 1


# -- red checks --------------------------------------------------------------------------------------------------------


async def test_red_checks_go_on_in_the_same_session(room: Room) -> None:
    """The report alone, with the attempt's number; GitHub is asked nothing before the model has it."""
    begun = await begin(job(MENDING, thread=RESUMED, wait=WAIT))
    report = prompt.checks_prompt(REPORT, attempt=2, max_attempts=3, branch=BRANCH)
    assert begun == Brief("session", report, None)
    assert not room.github.calls


async def test_the_same_failure_again_is_to_become_a_question(room: Room) -> None:
    """When the wait is to be put to the people, that is what the agent is told to do."""
    asks = replace(WAIT, attempt=None, asks=True)
    begun = await begin(job(MENDING, thread=RESUMED, wait=asks))
    assert begun == Brief("session", prompt.checks_question_prompt(REPORT, branch=BRANCH), None)
    assert not room.github.calls


async def test_a_cut_off_attempt_is_told_of_the_checks_again(room: Room) -> None:
    """The service died in the middle: whether the session had the report is not known, so it comes with the note."""
    begun = await begin(job(replace(MENDING, starts=1), thread=RESUMED, wait=WAIT))
    report = prompt.checks_prompt(REPORT, attempt=2, max_attempts=3, branch=BRANCH)
    assert begun == Brief("session", prompt.interrupted_prompt("fix the total", "alice", also=report), None)
    assert not room.github.calls


async def test_a_cut_off_request_is_taken_up(room: Room) -> None:
    """Without checks the note stands alone."""
    begun = await begin(job(replace(FIRST, starts=1), thread=RESUMED))
    assert begun == Brief("session", prompt.interrupted_prompt("fix the total", "alice"), None)
    assert not room.github.calls


@pytest.mark.parametrize("thread", [THREAD, RESUMED], ids=["never noted", "not to be resumed"])
async def test_an_attempt_whose_session_is_lost_begins_anew_with_the_report(room: Room, thread: Thread) -> None:
    """A new session gets the note, the whole thread with the request, and what the checks say."""
    room.says((48, BOB, "Decimal, please"))
    text = await words(job(MENDING, thread=thread, wait=WAIT), session_lost=thread is RESUMED)
    assert text.startswith(prompt.lost_session_note()) is (thread is RESUMED)
    assert "Decimal, please" in text
    assert "fix the total" in text
    assert text.endswith(prompt.checks_prompt(REPORT, attempt=2, max_attempts=3, branch=BRANCH))


AGAIN = replace(TASK, id=2, request=TRY_AGAIN, source=Target("button", 1_700_000_000, ""), requester=BOB.person)


async def test_a_buttons_task_brings_its_request_and_the_red_checks(room: Room) -> None:
    """“Try again”: what people said since, who clicked, and the report as the first attempt of a new task."""
    room.says((51, ALICE, "the fixture rounds"))
    begun = await begin(
        job(replace(FIRST, answers_wait=WAIT.id), thread=RESUMED, task=AGAIN, wait=WAIT, previous_task=TASK)
    )
    assert begun.session_id == "session"
    assert begun.prompt is not None
    assert "the fixture rounds" in begun.prompt
    assert f'<request author="@bob" right="write">\n{TRY_AGAIN}' in begun.prompt
    assert begun.prompt.endswith(prompt.checks_prompt(REPORT, attempt=1, max_attempts=3, branch=BRANCH))


@pytest.mark.usefixtures("room")
async def test_red_checks_of_a_branch_that_is_done_with_are_left_out() -> None:
    """The pull request was closed before somebody clicked: the agent is told of its new branch instead."""
    begun = await begin(
        job(
            replace(FIRST, answers_wait=WAIT.id),
            thread=replace(RESUMED, branch="ove/3-total-2"),
            task=AGAIN,
            wait=WAIT,
            previous_task=TASK,
            fresh_branch=True,
        )
    )
    assert begun.prompt is not None
    assert begun.prompt.startswith(prompt.fresh_branch_note("ove/3-total-2", "main"))
    assert "check_results" not in begun.prompt


# -- a schedule --------------------------------------------------------------------------------------------------------

BY_SCHEDULE = replace(
    TASK, request="update the dependencies", source=Target("schedule", 4, "https://github.example/5"), schedule_id=4
)


async def test_a_scheduled_task_is_told_so_and_has_the_whole_thread(room: Room) -> None:
    """It begins with the schedule and its times in words; then comes all that was said in the issue, to the last."""
    room.says((48, ALICE, "Leave Django alone"), (999, APP, "The last run did this."))
    text = await words(job(task=BY_SCHEDULE, schedule=SCHEDULE))
    rule = "every weekday at 09:00, Europe/Stockholm"
    note = prompt.scheduled_note(number=2, request="update the dependencies", rule=rule)
    assert text.startswith(note)
    assert "Leave Django alone" in text
    assert '<comment author="@ove[bot]" right="you">\nThe last run did this.' in text
    assert '<request author="@alice" right="admin">\nupdate the dependencies' in text


@pytest.mark.usefixtures("room")
async def test_a_scheduled_attempt_goes_on_in_its_session() -> None:
    """Red checks bring back a scheduled task as any other: with the report, without the schedule's note."""
    begun = await begin(job(MENDING, thread=RESUMED, task=BY_SCHEDULE, wait=WAIT, schedule=SCHEDULE))
    assert begun.prompt == prompt.checks_prompt(REPORT, attempt=2, max_attempts=3, branch=BRANCH)


# -- an answer ---------------------------------------------------------------------------------------------------------


async def test_an_answer_is_handed_over_as_the_tools_result(room: Room) -> None:
    """The session that asked gets the answers and no prompt."""
    answered = replace(FIRST, position=2, answers_question=5)
    assert await begin(job(answered, thread=RESUMED, question=ASKED)) == Brief("session", None, ASKED.answers)
    assert not room.github.calls


async def test_an_answer_to_a_lost_session_is_told_in_words(room: Room) -> None:
    """A new session is told what it had asked, who answered, and what."""
    text = await words(
        job(replace(FIRST, position=2, answers_question=5), thread=RESUMED, question=ASKED), session_lost=True
    )
    assert text.endswith(prompt.late_answer_prompt([(ROUNDING.text, "Half up")], "bob"))
    assert room.asked
