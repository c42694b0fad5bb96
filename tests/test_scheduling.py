"""Tests of what people and the repository's settings make of schedules: rows, and comments that tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ove_gh import comments, scheduling
from ove_gh.comments import RunOutcome, ScheduleState
from ove_gh.repository_settings import PATH, FileSchedule, Problem
from ove_gh.schedules import Rule
from ove_gh.scheduling import schedule_key
from ove_gh.store import outbox, schedules, tables
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import status_key
from ove_gh.store.schedules import Schedule
from ove_gh.tasks import Home, Person, Status, Target, Task
from tests.payloads import ALICE, BOB, HOME, STRANGER
from tests.store.rows import NOW, all_rows, place

pytestmark = pytest.mark.anyio

QUARTER = 900.0
HOUR = 3600.0
ASKED = Target("comment", 5, "https://github.example/alice/shop/issues/3#issuecomment-5")
FILE_URL = "https://github.example/alice/shop/blob/main/.github/ove.yml"
STOCKHOLM = "Europe/Stockholm"


async def add(
    database: Database,
    words: str = "every weekday at 9: update the dependencies",
    *,
    by: Person = ALICE.person,
    number: int = 3,
    source: Target = ASKED,
) -> Schedule | None:
    """Somebody writes `@ove schedule …` in an issue."""
    async with database.writing() as connection:
        return await scheduling.add(
            connection,
            place(number),
            "Dependencies",
            by,
            source,
            words,
            zone=STOCKHOLM,
            least_seconds=QUARTER,
            slug="ove",
            now=NOW,
        )


async def added(database: Database, words: str = "every weekday at 9: update", **more: Any) -> Schedule:
    """Somebody writes `@ove schedule …`, and there is a schedule."""
    schedule = await add(database, words, **more)
    assert schedule is not None
    return schedule


async def remove(
    database: Database, number: int | None, by: Person, *, is_admin: bool = False, comment: int = 6
) -> bool:
    """Somebody writes `@ove unschedule …`."""
    async with database.writing() as connection:
        return await scheduling.remove(
            connection,
            place(),
            by,
            Target("comment", comment, "https://github.example/6"),
            number,
            is_admin=is_admin,
            slug="ove",
            now=NOW,
        )


async def sync(
    database: Database,
    *wanted: FileSchedule,
    zone: str = STOCKHOLM,
    by: Person = ALICE.person,
    now: float = NOW,
    home: Home = HOME,
) -> Sequence[Problem]:
    """The file on the default branch holds these schedules now."""
    async with database.writing() as connection:
        return await scheduling.sync_file(
            connection, home, zone, wanted, by, FILE_URL, least_seconds=QUARTER, slug="ove", now=now
        )


async def said(database: Database) -> dict[str, str]:
    """All comments that are to stand, by key."""
    return {row["key"]: row["content"]["body"] for row in await all_rows(database, tables.outbox)}


async def own_comment(database: Database, schedule: Schedule) -> str:
    """What a schedule's own comment says."""
    return (await said(database))[schedule_key(schedule)]


async def current(database: Database, schedule: Schedule) -> Schedule:
    """A schedule as it is now."""
    async with database.reading() as connection:
        return await schedules.by_id(connection, schedule.id)


async def standing(database: Database) -> list[Schedule]:
    """What the repository has now."""
    async with database.reading() as connection:
        return await schedules.of_repository(connection, HOME.repository_id)


async def run(database: Database, schedule: Schedule, *, now: float = NOW) -> Task:
    """A schedule has started a task."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, schedule.place, "Dependencies")
        task = await store.add_task(
            connection,
            thread,
            number=schedule.issue,
            request=schedule.request,
            source=Target("schedule", schedule.id, schedule.url),
            requester=schedule.owner,
            now=now,
            schedule_id=schedule.id,
        )
        await schedules.change(
            connection, schedule.id, last_run_at=now, last_task_id=task.id, last_outcome="running", last_url=None
        )
        await scheduling.show(connection, schedule.id, slug="ove", now=now)
        return task


async def end(database: Database, task: Task, outcome: RunOutcome, url: str | None = None, note: str = "") -> None:
    """A schedule's task comes to its end, an hour later."""
    async with database.writing() as connection:
        await store.move(connection, task.id, Status.PENDING, Status.CANCELLED, now=NOW + HOUR)
        await scheduling.note_run(connection, task, outcome, url, note, slug="ove", now=NOW + HOUR)


# -- asking for one ----------------------------------------------------------------------------------------------------


async def test_words_that_can_be_read_make_a_schedule_at_once(database: Database) -> None:
    """It is active, belongs to who asked, and is due at nine on their clock; its comment shows all of that."""
    schedule = await added(database, "every weekday at 9: update the dependencies\nand fix what breaks")
    assert (schedule.state, schedule.rule) == (ScheduleState.ACTIVE, Rule("0 9 * * 1-5", STOCKHOLM))
    assert (schedule.owner, schedule.url, schedule.name) == (ALICE.person, ASKED.url, None)
    assert schedule.request == "update the dependencies\nand fix what breaks"
    assert schedule.due_at == 1_700_035_200  # Wednesday 15 November 2023, 08:00 UTC
    [(key, body)] = (await said(database)).items()
    assert key == schedule_key(schedule)
    for shown in ("Schedule 1", "every weekday at 09:00", "`0 9 * * 1-5`", "Europe/Stockholm", "alice"):
        assert shown in body
    assert "Next: Wed 15 Nov, 09:00 · Thu 16 Nov, 09:00 · Fri 17 Nov, 09:00" in body


async def test_a_zone_in_the_words_comes_first(database: Database) -> None:
    """What the repository and the operator say counts where the words name no zone."""
    assert (await added(database, "every day at 9 UTC: a")).zone == "UTC"
    assert (await added(database, "every day at 9: a")).zone == STOCKHOLM


async def test_words_that_need_the_model_are_due_to_be_read(database: Database) -> None:
    """Nothing runs before they are: the schedule is in reading, due at once, and its comment says so."""
    schedule = await added(database, "when the shops have closed: count the orders")
    assert (schedule.state, schedule.rule, schedule.due_at) == (ScheduleState.READING, None, NOW)
    assert (schedule.words, schedule.zone) == ("when the shops have closed", STOCKHOLM)
    assert "I am working out what “when the shops have closed” means" in await own_comment(database, schedule)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "I do not see when"),
        ("every weekday at 9:", "what I shall do then"),
        ("0 9 * * 1-9: update", "day of the week"),
        ("*/5 * * * * update", "once in 15 min"),
    ],
)
async def test_what_cannot_be_a_rule_is_refused_with_the_reason(database: Database, words: str, reason: str) -> None:
    """No row is made, and one comment tells who asked why not and what to write."""
    assert await add(database, words) is None
    assert await all_rows(database, tables.schedules) == []
    [body] = (await said(database)).values()
    assert body.startswith("@alice, ")
    assert reason in body
    assert "`@ove schedule every weekday at 9: what to do`" in body


# -- listing and removing ----------------------------------------------------------------------------------------------


async def test_the_list_holds_what_stands(database: Database) -> None:
    """All schedules of the repository, those of the file and of other issues too, but no removed ones."""
    await added(database, "every weekday at 9: update")
    await added(database, "every Monday at 8: look around", number=4)
    await added(database, "every day at 7: tidy up")
    await sync(database, FileSchedule("audit", "0 6 * * 1", "Audit.", 3, 1))
    await remove(database, 3, ALICE.person)
    async with database.writing() as connection:
        await scheduling.list_all(connection, place(), Target("comment", 7, ""), slug="ove", now=NOW)
    body = (await said(database))["schedules-comment-42-7"]
    assert "The 3 schedules of alice/shop" in body
    assert [shown in body for shown in ("“update”", "“look around”", "“tidy up”", "“Audit.”")] == [
        True,
        True,
        False,
        True,
    ]
    assert "`.github/ove.yml`" in body


@pytest.mark.parametrize(("by", "is_admin"), [(ALICE.person, False), (BOB.person, True)])
async def test_its_owner_or_an_admin_removes_a_schedule(database: Database, by: Person, is_admin: bool) -> None:
    """It is due no more, its own comment says so, and whoever removed it gets an answer."""
    schedule = await added(database)
    assert await remove(database, 1, by, is_admin=is_admin)
    gone = await current(database, schedule)
    assert (gone.state, gone.due_at) == (ScheduleState.REMOVED, None)
    assert "removed" in await own_comment(database, schedule)
    assert (await said(database))["schedules-comment-42-6"] == comments.schedule_removed(1, by.login)
    assert not await remove(database, 1, by, is_admin=is_admin, comment=8)
    assert (await said(database))["schedules-comment-42-8"] == comments.schedule_unknown(by.login, 1, "ove")


async def test_nobody_else_removes_it(database: Database) -> None:
    """Another writer is told whose it is; one with the owner's old login but another id is another one."""
    schedule = await added(database)
    for comment, by in ((6, BOB.person), (7, Person(STRANGER.id, ALICE.login))):
        assert not await remove(database, 1, by, comment=comment)
        answer = (await said(database))[f"schedules-comment-42-{comment}"]
        assert answer == comments.schedule_not_yours(by.login, 1, "alice")
    assert await current(database, schedule) == schedule


async def test_a_schedule_of_the_file_is_removed_in_the_file(database: Database) -> None:
    """Not even an admin removes it by a comment: at the file's next change it would be back."""
    await sync(database, FileSchedule("audit", "0 6 * * 1", "Audit.", 3, 1))
    assert not await remove(database, 1, ALICE.person, is_admin=True)
    assert (await said(database))["schedules-comment-42-6"] == comments.schedule_in_file("alice", 1, PATH)
    assert [row.name for row in await standing(database)] == ["audit"]


async def test_without_a_number_the_answer_is_the_list(database: Database) -> None:
    """`@ove unschedule the one at 9` removes nothing, and shows which numbers there are."""
    await added(database)
    assert not await remove(database, None, ALICE.person)
    assert "The schedule of alice/shop" in (await said(database))["schedules-comment-42-6"]


# -- runs --------------------------------------------------------------------------------------------------------------


async def test_a_run_with_nothing_to_do_shows_only_in_the_schedules_comment(database: Database) -> None:
    """Its comment is edited: when the run began, and why there was nothing; no other comment is made."""
    schedule = await added(database)
    task = await run(database, schedule)
    assert "Running now, since Tue 14 Nov, 23:13." in await own_comment(database, schedule)
    await end(database, task, "nothing", note="all dependencies are up to date")
    body = await own_comment(database, schedule)
    assert "Last run: Tue 14 Nov, 23:13 · nothing to do. All dependencies are up to date." in body
    assert list(await said(database)) == [schedule_key(schedule)]
    assert (await current(database, schedule)).last_run_at == NOW


async def test_a_runs_result_is_linked(database: Database) -> None:
    """What came of it leads to its pull request, also when the comment is written anew later."""
    schedule = await added(database)
    await end(database, await run(database, schedule), "done", "https://github.example/pull/4")
    await remove(database, 1, ALICE.person)
    assert "[done](https://github.example/pull/4)" in await own_comment(database, schedule)


async def test_a_failed_run_leads_to_what_was_said_of_it(database: Database) -> None:
    """Without a result of its own it links to the task's status comment."""
    schedule = await added(database)
    task = await run(database, schedule)
    async with database.writing() as connection:
        await outbox.comment(connection, place(), status_key(task.id), "I could not finish", now=NOW)
        for _ in range(2):
            for entry in await outbox.due(connection, now=NOW, busy=(), limit=9):
                await outbox.sent(connection, entry, remote_id=1, remote_url=f"https://github.example/{entry.key}")
    await end(database, task, "failed")
    assert f"[could not finish](https://github.example/{status_key(task.id)})" in await own_comment(database, schedule)


async def test_the_end_of_an_older_run_does_not_hide_a_newer_one(database: Database) -> None:
    """Only the newest run's end is told."""
    schedule = await added(database)
    old = await run(database, schedule)
    await run(database, schedule, now=NOW + HOUR)
    await end(database, old, "failed")
    assert (await current(database, schedule)).last_outcome == "running"


# -- the file ----------------------------------------------------------------------------------------------------------

AUDIT = FileSchedule("audit", "every Monday at 6", "Audit.", 3, 2)
UPDATE = FileSchedule("update", "every weekday at 9", "Update.", 4, 6)


async def test_new_entries_become_schedules(database: Database) -> None:
    """Each has a number, a comment under its own issue that names the file, and belongs to who pushed."""
    assert await sync(database, AUDIT, UPDATE, by=BOB.person) == ()
    audit, update = await standing(database)
    assert (audit.number, audit.name, audit.rule) == (1, "audit", Rule("0 6 * * 1", STOCKHOLM))
    assert (update.owner, update.url, update.issue) == (BOB.person, FILE_URL, 4)
    assert "It stands in `.github/ove.yml`" in await own_comment(database, update)
    places = {row["key"]: row["number"] for row in await all_rows(database, tables.outbox)}
    assert places == {schedule_key(audit): 3, schedule_key(update): 4}


async def test_a_file_that_says_the_same_changes_nothing(database: Database) -> None:
    """Pushes that touch other lines leave rows and comments as they are, days later too."""
    await sync(database, AUDIT, UPDATE)
    before = await all_rows(database, tables.schedules), await all_rows(database, tables.outbox)
    await sync(database, UPDATE, FileSchedule("audit", "every Monday at 6", "Audit.", 3, 9), by=BOB.person, now=NOW + 9)
    assert (await all_rows(database, tables.schedules), await all_rows(database, tables.outbox)) == before


async def test_another_request_keeps_the_time(database: Database) -> None:
    """The row is changed in place, with its number and its past; its next time stays, also one that is due now."""
    await sync(database, AUDIT)
    [row] = await standing(database)
    task = await run(database, row)
    assert row.due_at is not None
    await sync(database, FileSchedule("audit", "every Monday at 06:00", "Audit all.", 3, 2), now=row.due_at + 1)
    [changed] = await standing(database)
    assert (changed.id, changed.request, changed.last_task_id) == (row.id, "Audit all.", task.id)
    assert (changed.words, changed.due_at) == ("every Monday at 06:00", row.due_at)
    assert "Audit all." in await own_comment(database, changed)


async def test_another_rule_or_zone_has_another_time(database: Database) -> None:
    """The next time is reckoned anew when the rule is another one, or the file's zone."""
    await sync(database, AUDIT)
    [row] = await standing(database)
    await sync(database, AUDIT, zone="UTC")
    [in_utc] = await standing(database)
    assert in_utc.due_at == (row.due_at or 0) + HOUR
    await sync(database, FileSchedule("audit", "every Tuesday at 6", "Audit.", 3, 2), zone="UTC", by=BOB.person)
    [tuesday] = await standing(database)
    assert (tuesday.id, tuesday.due_at) == (row.id, in_utc.due_at + 24 * HOUR)
    assert tuesday.owner == BOB.person


async def test_a_schedule_moves_to_another_issue(database: Database) -> None:
    """Its old comment says that it is removed there, and a new one stands under the new issue; the number stays."""
    await sync(database, AUDIT)
    [row] = await standing(database)
    await sync(database, FileSchedule("audit", "every Monday at 6", "Audit.", 8, 2))
    [moved] = await standing(database)
    assert (moved.id, moved.number, moved.issue, moved.due_at) == (row.id, row.number, 8, row.due_at)
    assert "removed" in await own_comment(database, row)
    assert "Next:" in await own_comment(database, moved)


async def test_what_is_gone_from_the_file_is_removed(database: Database) -> None:
    """Also when the file is gone as a whole; schedules that people asked for stay, and a name that is back is new."""
    asked = await added(database)
    await sync(database, AUDIT, UPDATE)
    await sync(database, UPDATE)
    assert [row.name for row in await standing(database)] == [None, "update"]
    await sync(database)
    assert await standing(database) == [asked]
    await sync(database, AUDIT)
    assert [(row.number, row.name) for row in await standing(database)] == [(1, None), (4, "audit")]


@pytest.mark.parametrize("when", ["*/5 * * * *", "0 9 31 2 *", "when the moon is full"])
async def test_a_rule_that_cannot_be_used_changes_nothing(database: Database, when: str) -> None:
    """As with any mistake in the file, what held before goes on; the problem names its line."""
    await sync(database, AUDIT)
    before = await all_rows(database, tables.schedules)
    [problem] = await sync(database, FileSchedule("b", when, "B.", 3, 12), UPDATE)
    assert problem.line == 12
    assert f"`{when}`" in problem.message
    assert await all_rows(database, tables.schedules) == before


async def test_the_file_brings_a_suspended_schedule_back(database: Database) -> None:
    """One that was suspended because the App was away goes on at the next push, through the new installation."""
    await sync(database, AUDIT)
    [row] = await standing(database)
    async with database.writing() as connection:
        await schedules.change(connection, row.id, state=ScheduleState.SUSPENDED_RIGHT, due_at=None)
    again = Home(17, HOME.repository_id, HOME.full_name)
    await sync(database, AUDIT, home=again)
    [back] = await standing(database)
    assert (back.state, back.due_at, back.home) == (ScheduleState.ACTIVE, row.due_at, again)
