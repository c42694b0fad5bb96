"""Tests of schedules that fall due: a clock that the test turns, real SQLite, and a GitHub that respx plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from ove_gh import comments, scheduling
from ove_gh.comments import ScheduleState
from ove_gh.loop import Bell
from ove_gh.repository_settings import FileSchedule
from ove_gh.schedules import READING_SCHEMA, Rule
from ove_gh.scheduling import schedule_key
from ove_gh.store import schedules, tables
from ove_gh.store import tasks as store
from ove_gh.store.database import Database, open_database
from ove_gh.store.schedules import Schedule
from ove_gh.tasks import Status, Target
from ove_gh.timetable import MOST_READINGS, ReadingFailed, Timetable
from tests.github import samples
from tests.github.samples import REPO, TOKENS, Clock, open_github, token
from tests.payloads import ALICE, HOME
from tests.store.rows import all_rows, place

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

HOUR = 3600.0
DAY = 24 * HOUR
STOCKHOLM = "Europe/Stockholm"
TITLE = "Keep the dependencies fresh"


def at(text: str) -> float:
    """A moment that is written as UTC: `2026-03-29 01:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


MONDAY = at("2026-03-02 12:00")


@dataclass
class Model:
    """What the model answers, one after the other: an answer, or why there is none."""

    answers: list[object] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def read(self, prompt: str, schema: Mapping[str, Any]) -> object:
        """Ask it."""
        assert schema is READING_SCHEMA
        self.asked.append(prompt)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@dataclass
class Hall:
    """A timetable on an empty database, at a GitHub that knows Alice and her issue."""

    database: Database
    github: respx.MockRouter
    timetable: Timetable
    another: Callable[[Database], Timetable]
    model: Model
    clock: Clock
    bell: Bell
    rings: asyncio.Queue[None]

    def allow(self, right: str) -> None:
        """GitHub says, from now on, that Alice has this right."""
        self.right.respond(json=samples.permission(right))

    @property
    def right(self) -> respx.Route:
        """Where the App asks for Alice's right."""
        return self.github.get(f"{REPO}/collaborators/alice/permission")

    def issue(self, state: str) -> None:
        """GitHub says, from now on, that the issue is open or closed."""
        self.github.get(f"{REPO}/issues/3").respond(json=samples.issue(title=TITLE, state=state))

    async def schedule(self, words: str, zone: str = STOCKHOLM) -> Schedule:
        """Alice writes `@ove schedule …`."""
        source = Target("comment", 5, "https://github.example/5")
        async with self.database.writing() as connection:
            made = await scheduling.add(
                connection,
                place(),
                TITLE,
                ALICE.person,
                source,
                words,
                zone=zone,
                least_seconds=900.0,
                slug="ove",
                now=self.clock(),
            )
        assert made is not None
        return made

    async def due(self) -> list[Schedule]:
        """What is due."""
        async with self.database.reading() as connection:
            return await schedules.due(connection, now=self.clock(), busy=(), limit=99)

    async def fire_what_is_due(self) -> int:
        """One look at the timetable; returns how many were due."""
        due = await self.due()
        for schedule in due:
            await self.timetable.fire(schedule)
        return len(due)

    async def pass_time(self, until: float, *, tasks_end: bool = True) -> list[float]:
        """Time passes, and the service looks whenever something is due; returns when tasks were started."""
        while True:
            async with self.database.reading() as connection:
                due_at = await schedules.next_due_at(connection, now=self.clock())
            self.clock.now = until if due_at is None else min(until, due_at)
            await self.fire_what_is_due()
            if tasks_end:
                await self.end_tasks()
            if self.clock() >= until:
                return [task["created_at"] for task in await self.tasks()]

    async def end_tasks(self) -> None:
        """Whatever runs comes to its end."""
        for task in await self.tasks():
            if not Status(task["status"]).is_final:
                await self.move(task["id"], Status(task["status"]), Status.CANCELLED)

    async def move(self, task_id: int, *through: Status) -> None:
        """A task goes from state to state."""
        async with self.database.writing() as connection:
            for source, target in pairwise(through):
                await store.move(connection, task_id, source, target, now=self.clock())

    async def tasks(self) -> list[dict[str, Any]]:
        """All tasks."""
        return await all_rows(self.database, tables.tasks)

    async def now(self, schedule: Schedule) -> Schedule:
        """A schedule as it is now."""
        async with self.database.reading() as connection:
            return await schedules.by_id(connection, schedule.id)

    async def said(self) -> dict[str, str]:
        """All comments that are to stand, by key."""
        return {row["key"]: row["content"]["body"] for row in await all_rows(self.database, tables.outbox)}

    async def own_comment(self, schedule: Schedule) -> str:
        """What a schedule's own comment says."""
        return (await self.said())[schedule_key(schedule)]

    async def edits(self, schedule: Schedule) -> int:
        """How often its comment was written."""
        rows = await all_rows(self.database, tables.outbox)
        return next(int(row["version"]) for row in rows if row["key"] == schedule_key(schedule))


@pytest.fixture
def github() -> Iterator[respx.MockRouter]:
    """GitHub: only what a test says is there."""
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
async def hall(database: Database, github: respx.MockRouter) -> AsyncIterator[Hall]:
    """Alice may write, her issue is open, and it is noon on a Monday in March."""
    clock, bell, model, rings = Clock(MONDAY), Bell(), Model(), asyncio.Queue[None]()

    def mint(_: httpx.Request) -> httpx.Response:
        ends = datetime.fromtimestamp(clock(), UTC) + timedelta(hours=1)
        return httpx.Response(201, json=token(expires_at=f"{ends:%Y-%m-%dT%H:%M:%SZ}"))

    github.post(TOKENS).mock(side_effect=mint)
    async with open_github(clock) as client:

        def timetable(on: Database) -> Timetable:
            return Timetable(
                on,
                client,
                model.read,
                slug="ove",
                least_seconds=900.0,
                bell=bell,
                ring=lambda: rings.put_nowait(None),
                clock=clock,
            )

        hall = Hall(database, github, timetable(database), timetable, model, clock, bell, rings)
        hall.allow("write")
        hall.issue("open")
        yield hall


# -- a run -------------------------------------------------------------------------------------------------------------


async def test_a_due_schedule_starts_a_task(hall: Hall) -> None:
    """The task is its owner's, in the issue's thread, and knows its schedule; the next time is the next day's."""
    schedule = await hall.schedule("every day at 9 UTC: update the dependencies")
    assert await hall.fire_what_is_due() == 0
    hall.clock.now = at("2026-03-03 09:00")
    assert await hall.fire_what_is_due() == 1
    [task] = await hall.tasks()
    assert (task["status"], task["request"], task["number"]) == (Status.PENDING, "update the dependencies", 3)
    assert (task["requester_id"], task["schedule_id"]) == (ALICE.id, schedule.id)
    assert (task["source_kind"], task["source_id"], task["source_url"]) == ("schedule", schedule.id, schedule.url)
    [thread] = await all_rows(hall.database, tables.threads)
    assert (thread["number"], thread["title"]) == (3, TITLE)
    after = await hall.now(schedule)
    assert (after.due_at, after.last_run_at, after.last_task_id) == (at("2026-03-04 09:00"), hall.clock(), task["id"])
    assert "Running now" in await hall.own_comment(schedule)
    assert list(await hall.said()) == [schedule_key(schedule)]
    assert hall.rings.qsize() == 1


async def test_the_loop_wakes_and_fires(hall: Hall) -> None:
    """The running service starts the task by itself as soon as something rings; nobody has to look."""
    await hall.schedule("every day at 9 UTC: update")
    async with asyncio.timeout(5):
        running = asyncio.create_task(hall.timetable.run())
        hall.clock.now = at("2026-03-03 09:00")
        hall.bell.ring()
        await hall.rings.get()
        running.cancel()
        await asyncio.wait({running})
    assert len(await hall.tasks()) == 1


# -- the clock ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "start", "end", "fires"),
    [
        (
            "every day at 9: update",
            "2026-03-27 12:00",
            "2026-03-30 12:00",
            ["2026-03-28 08:00", "2026-03-29 07:00", "2026-03-30 07:00"],
        ),
        (
            "every day at 9: update",
            "2026-10-23 12:00",
            "2026-10-26 12:00",
            ["2026-10-24 07:00", "2026-10-25 08:00", "2026-10-26 08:00"],
        ),
        # 02:30 does not exist on 29 March; on 25 October it comes twice
        (
            "every day at 2:30: update",
            "2026-03-27 12:00",
            "2026-03-30 12:00",
            ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"],
        ),
        (
            "every day at 2:30: update",
            "2026-10-23 12:00",
            "2026-10-26 12:00",
            ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"],
        ),
        (
            "every hour: update",
            "2026-10-24 23:30",
            "2026-10-25 03:30",
            ["2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00", "2026-10-25 03:00"],
        ),
        # 1-5 is Monday to Friday; 6 March is a Friday
        (
            "0 9 * * 1-5 update",
            "2026-03-05 12:00",
            "2026-03-09 12:00",
            ["2026-03-06 08:00", "2026-03-09 08:00"],
        ),
    ],
    ids=["spring", "autumn", "in the gap", "in the repeated hour", "hourly in autumn", "weekdays"],
)
async def test_across_a_change_of_the_clock(hall: Hall, words: str, start: str, end: str, fires: list[str]) -> None:
    """The hour on the wall in Stockholm is kept, and each time comes once, when the clock is changed between them."""
    hall.clock.now = at(start)
    await hall.schedule(words)
    assert await hall.pass_time(at(end)) == [at(fire) for fire in fires]


async def test_what_was_missed_runs_once(hall: Hall) -> None:
    """The service was off for three days: one run when it is back, not three, and the next one at its usual time."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    hall.clock.now = at("2026-03-05 10:17")
    assert await hall.fire_what_is_due() == 1
    await hall.end_tasks()
    assert await hall.fire_what_is_due() == 0
    assert [task["created_at"] for task in await hall.tasks()] == [hall.clock()]
    assert (await hall.now(schedule)).due_at == at("2026-03-06 09:00")


async def test_two_processes_fire_it_once(hall: Hall, tmp_path: Path) -> None:
    """Two services on one database both see it due, and both ask GitHub: one task comes of it."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    hall.clock.now = at("2026-03-03 09:00")
    both_have_asked = asyncio.Barrier(2)

    async def answer(_: httpx.Request) -> httpx.Response:
        async with asyncio.timeout(5):
            await both_have_asked.wait()
        return httpx.Response(200, json=samples.permission("write"))

    hall.right.mock(side_effect=answer)
    other = await open_database(f"sqlite+aiosqlite:///{tmp_path / 'ove.db'}")
    try:
        [due] = await hall.due()
        await asyncio.gather(hall.timetable.fire(due), hall.another(other).fire(due))
    finally:
        await other.close()
    assert len(await hall.tasks()) == 1
    assert len(await all_rows(hall.database, tables.turns)) == 1
    assert (await hall.now(schedule)).due_at == at("2026-03-04 09:00")


# -- not now -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "going",
    [
        (Status.PENDING,),
        (Status.PENDING, Status.RUNNING),
        (Status.PENDING, Status.RUNNING, Status.WAITING_CI),
        (Status.PENDING, Status.RUNNING, Status.WAITING_USER),
    ],
    ids=lambda states: str(states[-1]),
)
async def test_it_never_overlaps_itself(hall: Hall, going: tuple[Status, ...]) -> None:
    """While its last run is going, also when that waits for checks, times are left out; then it goes on as usual."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    await hall.pass_time(at("2026-03-03 10:00"), tasks_end=False)
    [first] = await hall.tasks()
    await hall.move(first["id"], *going)
    calls = len(hall.github.calls)
    assert await hall.pass_time(at("2026-03-05 10:00"), tasks_end=False) == [first["created_at"]]
    assert len(hall.github.calls) == calls
    assert "Next: Fri 6 Mar, 09:00" in await hall.own_comment(schedule)
    await hall.move(first["id"], going[-1], Status.CANCELLED)
    assert (await hall.pass_time(at("2026-03-06 10:00")))[1:] == [at("2026-03-06 09:00")]


async def test_who_lost_the_right_is_told_once(hall: Hall) -> None:
    """The schedule is suspended: no task, one comment to its owner, its own comment says so; and it is due no more."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    hall.allow("read")
    assert await hall.pass_time(MONDAY + 3 * DAY) == []
    suspended = await hall.now(schedule)
    assert (suspended.state, suspended.due_at) == (ScheduleState.SUSPENDED_RIGHT, None)
    said = await hall.said()
    assert said.pop(f"schedule-{schedule.id}-suspended") == comments.schedule_suspended("alice", 1, "ove")
    assert "**suspended**" in said.pop(schedule_key(schedule))
    assert said == {}
    assert hall.right.call_count == 1
    hall.allow("write")
    assert await hall.pass_time(MONDAY + 6 * DAY) == []


async def test_two_processes_suspend_it_with_one_word(hall: Hall) -> None:
    """Whoever comes second finds it suspended and says nothing."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    hall.allow("none")
    hall.clock.now = at("2026-03-03 09:00")
    [due] = await hall.due()
    await asyncio.gather(hall.timetable.fire(due), hall.timetable.fire(due))
    assert sorted(await hall.said()) == sorted([schedule_key(schedule), f"schedule-{schedule.id}-suspended"])
    assert {row["version"] for row in await all_rows(hall.database, tables.outbox)} == {1, 2}


async def test_a_schedule_of_the_file_needs_nobodys_right(hall: Hall) -> None:
    """What the default branch says holds, whoever pushed it and may not do so any more."""
    hall.allow("none")
    async with hall.database.writing() as connection:
        each = FileSchedule("audit", "every day at 9", "Audit.", 3, 1)
        await scheduling.sync_file(
            connection, HOME, "UTC", [each], ALICE.person, "", least_seconds=900.0, slug="ove", now=hall.clock()
        )
    assert await hall.pass_time(at("2026-03-03 10:00")) == [at("2026-03-03 09:00")]
    assert not hall.right.called


async def test_a_closed_issue_pauses_it_until_it_is_open_again(hall: Hall) -> None:
    """No run while it is closed, and its comment says so with one edit, however many times pass; then it goes on."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    hall.issue("closed")
    assert await hall.pass_time(at("2026-03-05 10:00")) == []
    assert "**paused**" in await hall.own_comment(schedule)
    assert await hall.edits(schedule) == 2
    assert (await hall.now(schedule)).due_at == at("2026-03-06 09:00")
    hall.issue("open")
    assert await hall.pass_time(at("2026-03-07 10:00")) == [at("2026-03-06 09:00"), at("2026-03-07 09:00")]
    assert "**paused**" not in await hall.own_comment(schedule)
    assert list(await hall.said()) == [schedule_key(schedule)]


@pytest.mark.parametrize("status", [502, 401])
async def test_while_github_is_away_a_run_is_put_off_and_not_lost(hall: Hall, status: int) -> None:
    """It is tried again after a while, also when our credentials are refused, and one run comes of it."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    hall.right.respond(status, json={"message": "no"})
    hall.clock.now = at("2026-03-03 09:00")
    for tries in (1, 2):
        await hall.fire_what_is_due()
        put_off = await hall.now(schedule)
        assert (put_off.tries, put_off.state) == (tries, ScheduleState.ACTIVE)
        assert put_off.due_at is not None
        assert 0 < put_off.due_at - hall.clock() < 300
        hall.clock.now = put_off.due_at
    hall.allow("write")
    await hall.fire_what_is_due()
    assert len(await hall.tasks()) == 1
    after = await hall.now(schedule)
    assert (after.due_at, after.tries) == (at("2026-03-04 09:00"), 0)


async def test_a_put_off_does_not_undo_what_another_process_did(hall: Hall) -> None:
    """One process started the task; the other, whose call to GitHub failed, must not make it due again."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    hall.clock.now = at("2026-03-03 09:00")
    [due] = await hall.due()
    await hall.timetable.fire(due)
    hall.right.respond(502)
    await hall.timetable.fire(due)
    await hall.end_tasks()
    await hall.timetable.fire(due)
    assert (await hall.now(schedule)).due_at == at("2026-03-04 09:00")


@pytest.mark.parametrize(("address", "status"), [(TOKENS, 404), (f"{REPO}/issues/3", 410), (f"{REPO}/issues/3", 404)])
async def test_without_its_repository_or_issue_it_is_suspended(hall: Hall, address: str, status: int) -> None:
    """The App was uninstalled, or the issue deleted: it is due no more, and nobody is told what is not so."""
    schedule = await hall.schedule("every day at 9 UTC: update")
    method = "POST" if address == TOKENS else "GET"
    hall.github.request(method, address).respond(status, json={"message": "gone"})
    before = await hall.said()
    assert await hall.pass_time(MONDAY + 3 * DAY) == []
    assert (await hall.now(schedule)).state is ScheduleState.SUSPENDED_RIGHT
    assert await hall.said() == before


async def test_a_schedule_that_is_removed_meanwhile_starts_nothing(hall: Hall) -> None:
    """Somebody removed it between the look and GitHub's answer."""
    await hall.schedule("every day at 9 UTC: update")
    hall.clock.now = at("2026-03-03 09:00")
    [due] = await hall.due()
    async with hall.database.writing() as connection:
        source = Target("comment", 6, "")
        assert await scheduling.remove(
            connection, place(), ALICE.person, source, 1, is_admin=False, slug="ove", now=hall.clock()
        )
    await hall.timetable.fire(due)
    assert await hall.tasks() == []
    assert "removed" in await hall.own_comment(due)


# -- reading -----------------------------------------------------------------------------------------------------------

CRYPTIC = "when the shops in Tokyo have closed: count the orders"


async def test_the_model_reads_what_nobody_else_can(hall: Hall) -> None:
    """Its rule and zone are taken when they are valid: the schedule is set up, and its comment shows the times."""
    schedule = await hall.schedule(CRYPTIC)
    hall.model.answers = [{"cron": "0 20 * * *", "zone": "Asia/Tokyo", "problem": None}]
    await hall.fire_what_is_due()
    read = await hall.now(schedule)
    assert (read.state, read.rule, read.tries) == (ScheduleState.ACTIVE, Rule("0 20 * * *", "Asia/Tokyo"), 0)
    assert read.due_at == at("2026-03-03 11:00")
    assert "Next: Tue 3 Mar, 20:00" in await hall.own_comment(schedule)
    [prompt] = hall.model.asked
    assert "when the shops in Tokyo have closed" in prompt
    assert await hall.pass_time(at("2026-03-03 12:00")) == [at("2026-03-03 11:00")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"cron": "0 25 * * *", "zone": None, "problem": None}, ""),
        ({"cron": None, "zone": None, "problem": "It names no time. @bob, look!"}, ""),
        ({"cron": "0 9 * * *", "zone": "Mars/Olympus", "problem": None}, ""),
        ("every day at nine, I should say", ""),
        ({"cron": "* * * * *", "zone": None, "problem": None}, "once in 15 min"),
    ],
)
async def test_nonsense_from_the_model_sets_nothing_up(hall: Hall, answer: object, reason: str) -> None:
    """What it says is checked, the least time between two runs as well; who asked is told what to write instead."""
    schedule = await hall.schedule(CRYPTIC)
    hall.model.answers = [answer]
    await hall.fire_what_is_due()
    refused = await hall.now(schedule)
    assert (refused.state, refused.due_at, refused.cron) == (ScheduleState.REFUSED, None, None)
    said = await hall.said()
    assert "is not set up" in said[schedule_key(schedule)]
    word = said[f"schedule-{schedule.id}-refused"]
    assert word.startswith("@alice, ")
    assert "“when the shops in Tokyo have closed”" in word
    assert reason in word
    assert "0 9 * * 1-5" in word
    assert "@bob" not in word
    assert await hall.pass_time(MONDAY + 3 * DAY) == []


async def test_a_model_that_is_away_for_a_moment_is_asked_again(hall: Hall) -> None:
    """The first failures only put the reading off."""
    schedule = await hall.schedule(CRYPTIC)
    good = {"cron": "0 20 * * *", "zone": None, "problem": None}
    hall.model.answers = [ReadingFailed("529 overloaded"), ReadingFailed("529 overloaded"), good]
    await hall.fire_what_is_due()
    await hall.pass_time(hall.clock() + 60)
    assert (await hall.now(schedule)).rule == Rule("0 20 * * *", STOCKHOLM)


async def test_a_model_that_stays_away_is_not_waited_for_for_ever(hall: Hall) -> None:
    """After some minutes who asked is told how to write a rule that needs no model."""
    schedule = await hall.schedule(CRYPTIC)
    hall.model.answers = [ReadingFailed("529 overloaded")] * 99
    await hall.fire_what_is_due()
    await hall.pass_time(hall.clock() + 600)
    assert len(hall.model.asked) == MOST_READINGS
    assert (await hall.now(schedule)).state is ScheduleState.REFUSED
    word = (await hall.said())[f"schedule-{schedule.id}-refused"]
    assert "The model that would read it cannot be reached now." in word


async def test_two_processes_have_the_model_read_once(hall: Hall) -> None:
    """The second finds the reading taken: a call costs money."""
    await hall.schedule(CRYPTIC)
    hall.model.answers = [{"cron": "0 20 * * *", "zone": None, "problem": None}]
    [due] = await hall.due()
    await asyncio.gather(hall.timetable.fire(due), hall.timetable.fire(due))
    assert len(hall.model.asked) == 1


async def test_a_reading_that_a_crash_cut_off_is_begun_again(hall: Hall) -> None:
    """Whoever took it and never came back holds it up for two minutes, no longer."""
    schedule = await hall.schedule(CRYPTIC)
    hall.model.answers = [asyncio.CancelledError(), {"cron": "0 20 * * *", "zone": None, "problem": None}]
    [due] = await hall.due()
    reading = asyncio.create_task(hall.timetable.fire(due))
    await asyncio.wait({reading})
    assert await hall.fire_what_is_due() == 0
    await hall.pass_time(hall.clock() + 121)
    assert (await hall.now(schedule)).state is ScheduleState.ACTIVE
