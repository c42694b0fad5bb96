"""Tests of what the checks of a pushed commit lead to, with a simulated GitHub, real rows, and a clock that is turned.

Each is named for the bad day that it prevents.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ove_gh import steering
from ove_gh.agent import Finished, PullRequestText
from ove_gh.ci import LapEnd
from ove_gh.demo.github import App, CheckRun, Pull, SimulatedGitHub, call, respond, secondarily_limited
from ove_gh.github.client import APP_PERMISSIONS, GitHub
from ove_gh.loop import Bell
from ove_gh.recording import recorded
from ove_gh.rules import RepositoryRules
from ove_gh.store import tables, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.outbox import check_key, question_key, status_key
from ove_gh.store.waits import Wait
from ove_gh.sweeps import sweep_checks
from ove_gh.tasks import Person, Place, Status, Target, Task, Thread, TurnStatus
from ove_gh.telling import Teller
from ove_gh.watch import SETTLE_SECONDS, Watcher, WatchSettings
from tests.store.rows import NOW, ROUNDING, RUN, TELLER, all_rows

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

SHOP = "acme/shop"
BRANCH = "ove/1-empty-cart"
GRACE = 120.0
PATIENCE = 86_400.0
TRACEBACK = "Traceback (most recent call last):\nAssertionError: 3 != 4\n"


@dataclass
class Clock:
    """A clock that the test turns."""

    now: float = NOW

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass
class Scene:
    """A task that pushed one commit to a pull request, and a watcher that was not told of anything yet."""

    database: Database
    github: SimulatedGitHub
    app: App
    watcher: Watcher
    clock: Clock
    pull: Pull
    thread_id: int
    task_id: int
    sha: str
    base: str
    commits: int = 1
    rings: list[None] = field(default_factory=list)

    async def look(self) -> int:
        """Look at every wait that is due, side by side; returns how many there were."""
        async with self.database.reading() as connection:
            due = await waits.due(connection, now=self.clock(), busy=(), limit=99)
        await asyncio.gather(*(self.watcher.look(wait) for wait in due))
        return len(due)

    async def hint(self, sha: str | None = None) -> int:
        """A webhook says that a commit's checks may have changed; returns how many waits it is about."""
        repository_id = self.github.repository(SHOP).id
        async with self.database.writing() as connection:
            return await waits.hint_commit(connection, repository_id, sha or self.sha)

    async def settled(self) -> None:
        """So much time has passed since the push that all checks have appeared."""
        self.clock.now += SETTLE_SECONDS
        await self.hint()
        await self.look()

    def start(self, *names: str, sha: str | None = None) -> list[CheckRun]:
        """Checks of a commit begin."""
        return [self.github.start_check(SHOP, sha or self.sha, name, status="in_progress") for name in names]

    def fail(self, *runs: CheckRun, error: str = "AssertionError: 3 != 4", conclusion: Any = "failure") -> None:
        """Checks end red, with an annotation."""
        for run in runs:
            where = {"path": "cart.py", "start_line": 4, "end_line": 4, "annotation_level": "failure", "message": error}
            self.github.finish_check(run, conclusion, annotations=[where])

    def succeed(self, *runs: CheckRun) -> None:
        """Checks end green."""
        for run in runs:
            self.github.finish_check(run, "success")

    async def task(self) -> Task:
        """The task as it is now."""
        async with self.database.reading() as connection:
            return await store.task_by_id(connection, self.task_id)

    async def waits(self) -> list[Wait]:
        """The task's waits."""
        async with self.database.reading() as connection:
            return await waits.of_task(connection, self.task_id)

    async def turns(self) -> list[dict[str, Any]]:
        """The task's turns."""
        return [row for row in await all_rows(self.database, tables.turns) if row["task_id"] == self.task_id]

    async def said(self, key: str) -> str:
        """What a comment is to say."""
        rows = {row["key"]: row for row in await all_rows(self.database, tables.outbox)}
        return str(rows[key]["content"]["body"]) if key in rows else ""

    async def status(self) -> str:
        """What the task's status comment is to say."""
        return await self.said(status_key(self.task_id))

    async def own_check(self, sha: str | None = None) -> dict[str, Any]:
        """What the App's own check run is to say."""
        key = check_key(self.thread_id, sha or self.sha)
        return next(row["content"] for row in await all_rows(self.database, tables.outbox) if row["key"] == key)

    async def agent_ends(
        self, *, pushes: bool = True, asks: bool = False, text: str = "Tried again.", now: float | None = None
    ) -> None:
        """The queued turn runs: it pushes a new commit, or none, or asks; then the task waits again."""
        moment = self.clock() if now is None else now
        async with self.database.writing() as connection:
            turn = await store.claim_turn(connection, run_id=RUN, now=moment)
            assert turn is not None
            await store.agent_started(connection, turn.id)
            if asks:
                question = await store.ask(connection, turn, tool_use_id="toolu_2", asked=(ROUNDING,), now=moment)
                await store.end_turn(connection, turn.id, now=moment)
                assert question.open
                return
            ended = recorded(Finished(text, "session", 0.1), ())
            await store.agent_ended(connection, turn, outcome=ended, cost_usd=0.1, session_id="session")
        previous = self.sha
        if pushes:
            self.sha = self.push()
        async with self.database.writing() as connection:
            await store.end_turn(connection, turn.id, now=moment)
            await store.change_thread(connection, self.thread_id, pushed_sha=self.sha)
            await waits.begin(
                connection,
                self.task_id,
                sha=self.sha,
                base_sha=self.base,
                previous_sha=previous if pushes else "",
                pushed_at=moment,
            )
            await store.move(connection, self.task_id, Status.RUNNING, Status.WAITING_CI, now=moment)

    def push(self, login: str = "alice") -> str:
        """Somebody pushes a commit to the branch."""
        self.commits += 1
        return self.github.push_commit(SHOP, BRANCH, login, {"cart.py": f"{self.commits}\n"}, f"Commit {self.commits}")


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    """A pull request of the App's, whose commit nothing has checked yet."""
    async with SimulatedGitHub.running() as github:
        for login in ("alice", "bob"):
            github.create_user(login)
        github.create_repository(SHOP, {"cart.py": "1\n"})
        github.grant(SHOP, "alice", "admin")
        github.grant(SHOP, "bob", "write")
        app = github.create_app("ove", permissions=dict(APP_PERMISSIONS))
        installation_id = github.install(app, SHOP)
        number = github.open_issue(SHOP, "alice", "The empty cart fails").number
        base = github.branches(SHOP)["main"]
        sha = github.push_commit(SHOP, BRANCH, "alice", {"cart.py": "2\n"}, "Mend the cart")
        pull = github.open_pull(SHOP, "alice", "Mend the cart", head=BRANCH)
        place = Place(installation_id, github.repository(SHOP).id, SHOP, number)
        thread, task = await waiting_task(database, place, pull, base, sha)
        clock = Clock()
        async with GitHub(app_id=str(app.app_id), private_key=app.private_key_pem, api_url=github.api_url) as client:
            rings: list[None] = []
            watcher = Watcher(
                database,
                client,
                RepositoryRules(database, least_seconds=900.0, clock=clock),
                Teller(slug="ove", server_url=github.server_url, max_attempts=3, keep_days=7),
                app_id=app.app_id,
                settings=WatchSettings(max_attempts=3, grace=GRACE, patience=PATIENCE, budget_usd=10.0),
                bell=Bell(),
                ring=lambda: rings.append(None),
                clock=clock,
            )
            yield Scene(database, github, app, watcher, clock, pull, thread.id, task.id, sha, base, rings=rings)


async def waiting_task(database: Database, place: Place, pull: Pull, base: str, sha: str) -> tuple[Thread, Task]:
    """A task whose first turn has pushed `sha`."""
    async with database.writing() as connection:
        thread = await store.open_thread(connection, place, "The empty cart fails")
        source = Target("comment", 5, "https://github.example/5")
        task = await store.add_task(
            connection,
            thread,
            number=place.number,
            request="fix it",
            source=source,
            requester=Person(1, "alice"),
            now=NOW,
        )
        turn = await store.claim_turn(connection, run_id=RUN, now=NOW)
        assert turn is not None
        text = PullRequestText("Mend the cart", "It was broken.", fixes_issue=True)
        ended = recorded(Finished("The cart is mended.", "session", 0.2, text), ())
        await store.agent_ended(connection, turn, outcome=ended, cost_usd=0.2, session_id="session")
        await store.end_turn(connection, turn.id, now=NOW)
        await store.change_thread(
            connection,
            thread.id,
            branch=BRANCH,
            base_branch="main",
            pushed_sha=sha,
            pull_number=pull.number,
            pull_url="https://github.example/pull",
        )
        await waits.begin(connection, task.id, sha=sha, base_sha=base, previous_sha=base, pushed_at=NOW)
        await store.move(connection, task.id, Status.RUNNING, Status.WAITING_CI, now=NOW)
        return thread, await store.task_by_id(connection, task.id)


def ends(found: Sequence[Wait]) -> list[LapEnd | None]:
    """How waits have ended."""
    return [wait.end for wait in found]


# -- green, or nothing to wait for -------------------------------------------------------------------------------------


async def test_green_checks_complete_the_task_and_are_told_with_links(scene: Scene) -> None:
    """All checks have finished and none failed: the task completes, the status says so, and a review is asked for."""
    lint, test = scene.start("lint", "test")
    await scene.look()
    assert (await scene.task()).status is Status.WAITING_CI
    scene.succeed(lint, test)
    await scene.settled()
    assert (await scene.task()).status is Status.COMPLETED
    status = await scene.status()
    assert "all 2 checks passed" in status
    assert f"/commit/{scene.sha}" in status
    assert "The cart is mended." in status
    assert (await scene.own_check())["conclusion"] == "success"
    reviews = [row for row in await all_rows(scene.database, tables.outbox) if row["kind"] == "review"]
    assert [row["content"]["login"] for row in reviews] == ["alice"]


async def test_a_first_quick_check_does_not_pass_for_all_of_them(scene: Scene) -> None:
    """A check that is green seconds after the push completes nothing while others may not have appeared."""
    scene.succeed(*scene.start("quick"))
    await scene.look()
    assert (await scene.task()).status is Status.WAITING_CI
    slow = scene.start("slow")
    await scene.settled()
    assert (await scene.task()).status is Status.WAITING_CI
    scene.succeed(*slow)
    await scene.settled()
    assert (await scene.task()).status is Status.COMPLETED


async def test_jobs_that_need_others_are_waited_for_before_they_appear(scene: Scene) -> None:
    """While its suite goes on, a commit is not green, although all check runs that there are have passed."""
    (first,) = scene.start("build")
    scene.github.hold_suite(first)
    scene.succeed(first)
    await scene.settled()
    assert (await scene.task()).status is Status.WAITING_CI
    second = scene.start("test")
    scene.github.release_suite(first)
    scene.fail(*second)
    await scene.settled()
    assert ends(await scene.waits()) == [LapEnd.RED]


async def test_a_repository_without_checks_does_not_keep_people_waiting(scene: Scene) -> None:
    """No check at all within the grace: the task completes, and says that the repository runs none."""
    await scene.look()
    assert (await scene.task()).status is Status.WAITING_CI
    scene.clock.now += GRACE
    assert await scene.look() == 1, "its time has come without any hint"
    assert (await scene.task()).status is Status.COMPLETED
    assert "Nothing checks this repository’s commits" in await scene.status()


@pytest.mark.parametrize("conclusion", ["cancelled", "skipped", "neutral", "stale"])
async def test_a_cancelled_job_is_not_chased(scene: Scene, conclusion: Any) -> None:
    """Cancelled, skipped, neutral and stale are not failures."""
    first, second = scene.start("test", "deploy")
    scene.succeed(first)
    scene.github.finish_check(second, conclusion)
    await scene.settled()
    assert (await scene.task()).status is Status.COMPLETED


async def test_checks_that_never_end_do_not_hold_a_task_for_ever(scene: Scene) -> None:
    """After our patience the task completes, and says which checks had not ended."""
    scene.start("waits for an approval")
    await scene.look()
    scene.clock.now += PATIENCE
    await scene.look()
    assert (await scene.task()).status is Status.COMPLETED
    assert "waits for an approval" in await scene.status()


async def test_a_legacy_status_counts_like_a_check(scene: Scene) -> None:
    """A commit status that is pending is waited for, and one that is red brings the agent back."""
    scene.github.set_status(SHOP, scene.sha, "ci/jenkins", "pending")
    await scene.settled()
    assert (await scene.task()).status is Status.WAITING_CI
    scene.github.set_status(SHOP, scene.sha, "ci/jenkins", "failure", "2 tests failed")
    await scene.settled()
    assert (await scene.task()).status is Status.PENDING
    assert "2 tests failed" in await scene.status()


# -- red ---------------------------------------------------------------------------------------------------------------


async def test_red_checks_bring_the_agent_back_with_what_they_say(scene: Scene) -> None:
    """A failed check starts a turn with a report: which check, its annotation, the failed step and its log's end."""
    (run,) = scene.start("test")
    place = {"path": "cart.py", "start_line": 4, "end_line": 4, "annotation_level": "failure", "message": "3 != 4"}
    steps = [("Set up job", "success"), ("Unit tests", "failure"), ("Post job", "success")]
    log = f"2026-01-01T10:00:00.0000000Z {TRACEBACK}##[error]Process completed with exit code 1.\nPost job cleanup.\n"
    scene.github.finish_check(run, "failure", annotations=[place], log=log, steps=steps)
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.PENDING
    first, second = await scene.turns()
    assert (first["status"], second["status"]) == (TurnStatus.ENDED, TurnStatus.QUEUED)
    (wait,) = await scene.waits()
    assert (second["answers_wait"], wait.attempt) == (wait.id, 1)
    assert wait.report is not None
    (failed,) = wait.report.failed
    assert (failed.check.name, failed.step) == ("test", "Unit tests")
    assert "AssertionError: 3 != 4" in failed.log
    assert "cleanup" not in failed.log
    assert failed.annotations[0].path == "cart.py"
    status = await scene.status()
    assert "attempt 1 of 3" in status
    assert "cart.py:4" in status
    check = await scene.own_check()
    assert check["conclusion"] is None
    assert [action["identifier"] for action in check["actions"]] == ["stop"]


async def test_ten_failing_checks_in_one_burst_start_one_turn(scene: Scene) -> None:
    """However many webhooks tell of a commit, and however many looks go on at once, one turn comes of it."""
    runs = scene.start(*(f"test {n}" for n in range(10)))
    scene.fail(*runs)
    for _ in runs:
        await scene.hint()
    async with scene.database.reading() as connection:
        (wait,) = await waits.due(connection, now=scene.clock(), busy=(), limit=99)
    await asyncio.gather(*(scene.watcher.look(wait) for _ in range(3)))
    assert len(await scene.turns()) == 2
    assert (await scene.task()).status is Status.PENDING
    assert await scene.look() == 0


async def test_a_failure_waits_for_the_checks_that_still_run(scene: Scene) -> None:
    """The report is to be whole, and a push would cancel what runs: one failed check alone starts nothing."""
    bad, slow = scene.start("lint", "test")
    scene.fail(bad)
    await scene.settled()
    assert (await scene.task()).status is Status.WAITING_CI
    scene.fail(slow)
    await scene.settled()
    (wait,) = await scene.waits()
    assert wait.report is not None
    assert {failed.check.name for failed in wait.report.failed} == {"lint", "test"}


async def test_late_events_of_an_older_commit_start_nothing(scene: Scene) -> None:
    """After a newer push, what the old commit's checks say is nobody's business any more."""
    scene.fail(*scene.start("test"))
    await scene.hint()
    await scene.look()
    old = scene.sha
    await scene.agent_ends()
    assert await scene.hint(old) == 0
    scene.fail(*scene.start("late", sha=old))
    await scene.look()
    assert len(await scene.turns()) == 2
    assert (await scene.task()).status is Status.WAITING_CI


@pytest.mark.parametrize(
    ("conclusion", "words"),
    [
        ("timed_out", "timed out"),
        ("action_required", "waits for somebody’s action"),
        ("startup_failure", "could not start"),
    ],
)
async def test_kinds_of_failure_are_told_apart(scene: Scene, conclusion: Any, words: str) -> None:
    """A check that timed out, waits for a click or could not start is a failure, and is called what it is."""
    (run,) = scene.start("test")
    scene.github.finish_check(run, conclusion)
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.PENDING
    assert words in await scene.status()


async def test_what_fails_on_the_base_too_is_named_and_not_chased(scene: Scene) -> None:
    """A check that is red on the commit where the branch began is not ours to mend."""
    scene.fail(*scene.start("lint", sha=scene.base))
    lint, test = scene.start("lint", "test")
    scene.fail(lint)
    scene.succeed(test)
    await scene.settled()
    assert (await scene.task()).status is Status.COMPLETED
    assert "on the base branch, too" in await scene.status()


async def test_the_same_failure_twice_in_a_row_is_put_to_the_people(scene: Scene) -> None:
    """The same check with the same error ends the blind retry: the next turn is to ask."""
    scene.fail(*scene.start("test"))
    await scene.hint()
    await scene.look()
    await scene.agent_ends()
    scene.fail(*scene.start("test"))
    await scene.hint()
    await scene.look()
    first, second = await scene.waits()
    assert (first.asks, second.asks) == (False, True)
    assert (await scene.task()).status is Status.PENDING


async def test_an_agent_that_will_not_ask_ends_the_loop(scene: Scene) -> None:
    """When the turn that was to ask neither asks nor pushes, the task fails with one comment, and the PR stays open."""
    for _ in range(2):
        scene.fail(*scene.start("test"))
        await scene.hint()
        await scene.look()
        await scene.agent_ends(pushes=len(await scene.waits()) < 2)
    await scene.look()
    task = await scene.task()
    assert (task.status, task.failure) == (Status.FAILED, "checks_red")
    told = await scene.said(f"turn-{(await scene.turns())[-1]['id']}-failure")
    assert "same failure" in told
    assert scene.github.pull(SHOP, scene.pull.number).state == "open"


async def test_at_the_cap_one_comment_says_what_is_red_and_what_was_tried(scene: Scene) -> None:
    """After three attempts the task fails: what is red, what was tried, how to go on; a button offers another try."""
    for round_ in range(4):
        scene.fail(*scene.start("test"), error=f"AssertionError: {'abcd'[round_]} is wrong")
        await scene.hint()
        await scene.look()
        if round_ < 3:
            assert (await scene.task()).status is Status.PENDING, round_
            await scene.agent_ends(text=f"Tried way {round_}.")
    task = await scene.task()
    assert (task.status, task.failure) == (Status.FAILED, "checks_red")
    told = await scene.said(f"turn-{(await scene.turns())[-1]['id']}-failure")
    assert "@alice" in told
    assert "after 3 attempts" in told
    assert "d is wrong" in told
    assert all(f"Tried way {n}" in told for n in range(3))
    assert "@ove continue" in told
    check = await scene.own_check()
    assert check["conclusion"] == "failure"
    assert [action["identifier"] for action in check["actions"]] == ["again"]


async def test_a_repository_can_set_the_number_of_attempts(scene: Scene) -> None:
    """`.github/ove.yml` on the default branch says how often checks bring the agent back; 0 means never."""
    scene.github.push_commit(SHOP, "main", "alice", {".github/ove.yml": "ci:\n  attempts: 0\n"}, "Settings")
    scene.fail(*scene.start("test"))
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.FAILED
    assert len(await scene.turns()) == 1


async def test_the_loop_does_not_spend_more_than_the_task_may(scene: Scene) -> None:
    """When the task's money is used up, red checks start no turn."""
    async with scene.database.writing() as connection:
        await connection.execute(tables.tasks.update().values(cost_usd=10.0))
    scene.fail(*scene.start("test"))
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.FAILED
    told = await scene.said(f"turn-{(await scene.turns())[-1]['id']}-failure")
    assert "money" in told


async def test_a_scheduled_task_asks_nobody(scene: Scene) -> None:
    """Nobody waits at the other end of a scheduled task: the same failure twice ends it instead of asking."""
    async with scene.database.writing() as connection:
        await connection.execute(tables.schedules.insert().values(SCHEDULE | {"repository_id": 1}))
        await connection.execute(tables.tasks.update().values(schedule_id=1))
    for again in (True, False):
        scene.fail(*scene.start("test"))
        await scene.hint()
        await scene.look()
        if again:
            await scene.agent_ends()
    assert (await scene.task()).status is Status.FAILED


SCHEDULE: dict[str, Any] = {
    "id": 1,
    "number": 1,
    "installation_id": 1,
    "full_name": SHOP,
    "issue": 1,
    "issue_title": "Chores",
    "owner_id": 1,
    "owner_login": "alice",
    "url": "https://github.example/5",
    "words": "every day at 9",
    "cron": "0 9 * * *",
    "zone": "UTC",
    "request": "chores",
    "state": "active",
    "tries": 0,
    "created_at": NOW,
}


async def test_a_stop_while_its_checks_are_read_wins(scene: Scene) -> None:
    """Somebody stops the task in the middle of a look: nothing is started any more, and nothing is left to look at."""

    async def stop() -> None:
        async with scene.database.writing() as connection:
            task = await store.task_by_id(connection, scene.task_id)
            await steering.stop(connection, TELLER, task, Person(1, "alice"), now=scene.clock())

    scene.github.on("GET", r".*/annotations", action=call(stop))
    scene.fail(*scene.start("test"))
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.CANCELLED
    assert len(await scene.turns()) == 1
    assert await scene.look() == 0


# -- re-runs -----------------------------------------------------------------------------------------------------------


async def test_a_rerun_that_turns_green_spares_the_queued_attempt(scene: Scene) -> None:
    """A flaky check that somebody ran again before the agent was back completes the task; its turn falls away."""
    (run,) = scene.start("test")
    scene.fail(run)
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.PENDING
    again = scene.github.rerun_check(run)
    scene.succeed(again)
    await scene.settled()
    assert (await scene.task()).status is Status.COMPLETED
    assert [turn["status"] for turn in await scene.turns()] == [TurnStatus.ENDED, TurnStatus.ENDED]
    assert ends(await scene.waits()) == [LapEnd.GREEN]


async def test_a_rerun_that_turns_green_withdraws_the_question(scene: Scene) -> None:
    """While the agent asks people about a red check, a green re-run answers: the task completes without them."""
    run = scene.start("test")[0]
    scene.fail(run)
    await scene.hint()
    await scene.look()
    await scene.agent_ends()
    run = scene.start("test")[0]
    scene.fail(run)
    await scene.hint()
    await scene.look()
    await scene.agent_ends(asks=True)
    assert (await scene.task()).status is Status.WAITING_USER
    scene.succeed(scene.github.rerun_check(run))
    await scene.settled()
    assert (await scene.task()).status is Status.COMPLETED
    assert "Withdrawn" in await scene.said(question_key(1))


async def test_a_rerun_that_is_red_again_changes_nothing(scene: Scene) -> None:
    """A second red run of the same commit starts no second turn."""
    (run,) = scene.start("test")
    scene.fail(run)
    await scene.hint()
    await scene.look()
    scene.fail(scene.github.rerun_check(run))
    await scene.settled()
    assert len(await scene.turns()) == 2
    assert (await scene.task()).status is Status.PENDING


# -- people, and other commits -----------------------------------------------------------------------------------------


async def test_a_persons_push_to_the_branch_stops_the_loop_with_a_word(scene: Scene) -> None:
    """Somebody goes on by hand: the task is done, says who pushed, and touches nothing."""
    scene.fail(*scene.start("test"))
    scene.push(login="bob")
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.COMPLETED
    assert ends(await scene.waits()) == [LapEnd.MOVED]
    assert "bob pushed to the branch" in await scene.status()
    assert (await scene.own_check())["conclusion"] == "neutral"


async def test_a_pull_request_that_shows_its_old_head_is_not_a_persons_push(scene: Scene) -> None:
    """GitHub moves a pull request's head a little after the push: until then nothing is decided."""
    later = scene.github.push_commit(SHOP, "elsewhere", "alice", {"cart.py": "3\n"}, "The newest")
    async with scene.database.writing() as connection:
        await connection.execute(tables.waits.update().values(sha=later, previous_sha=scene.sha))
        await store.change_thread(connection, scene.thread_id, pushed_sha=later)
    scene.fail(*scene.start("test", sha=later))
    await scene.look()
    assert (await scene.task()).status is Status.WAITING_CI


@pytest.mark.parametrize("merged", [True, False])
async def test_a_pull_request_that_is_closed_ends_the_wait(scene: Scene, merged: bool) -> None:
    """Merged: the task is complete. Closed: it is cancelled. Either way no check brings the agent back."""
    scene.fail(*scene.start("test"))
    if merged:
        scene.github.merge_pull(SHOP, scene.pull.number, "alice")
    else:
        scene.github.close_pull(SHOP, scene.pull.number, "alice")
    await scene.hint()
    await scene.look()
    task = await scene.task()
    assert task.status is (Status.COMPLETED if merged else Status.CANCELLED)
    assert len(await scene.turns()) == 1
    assert f"{'merged' if merged else 'closed'}" in await scene.status()


async def test_a_deleted_branch_ends_the_wait(scene: Scene) -> None:
    """Deleting or renaming the head branch closes the pull request, and so ends the wait."""
    scene.github.rename_branch(SHOP, BRANCH, "alices-own", "alice")
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.CANCELLED


async def test_a_renamed_base_branch_does_not_confuse_it(scene: Scene) -> None:
    """The default branch gets another name: the pull request follows, and so does the thread."""
    scene.github.rename_branch(SHOP, "main", "trunk", "alice")
    scene.fail(*scene.start("test"))
    await scene.hint()
    await scene.look()
    async with scene.database.reading() as connection:
        assert (await store.thread_by_id(connection, scene.thread_id)).base_branch == "trunk"
    assert (await scene.task()).status is Status.PENDING


async def test_a_newer_request_of_the_thread_goes_first(scene: Scene) -> None:
    """While another task of the thread is to be run, red checks start nothing: its push will bring other checks."""
    scene.fail(*scene.start("test"))
    async with scene.database.writing() as connection:
        thread = await store.thread_by_id(connection, scene.thread_id)
        source = Target("comment", 9, "https://github.example/9")
        person = Person(1, "alice")
        other = await store.add_task(
            connection, thread, number=1, request="more", source=source, requester=person, now=NOW
        )
    await scene.hint()
    await scene.look()
    assert (await scene.task()).status is Status.WAITING_CI
    async with scene.database.writing() as connection:
        await store.move(connection, other.id, Status.PENDING, Status.CANCELLED, now=NOW)
    assert await scene.look() == 1, "its end is a hint"
    assert (await scene.task()).status is Status.PENDING


async def test_what_a_later_task_pushed_is_its_own_to_wait_for(scene: Scene) -> None:
    """A later task of the thread pushed: the older one is done, and is not taken for a person's push."""
    newer = scene.push(login="alice")
    async with scene.database.writing() as connection:
        await store.change_thread(connection, scene.thread_id, pushed_sha=newer)
    await scene.look()
    assert ends(await scene.waits()) == [LapEnd.SUPERSEDED]
    assert (await scene.task()).status is Status.COMPLETED


# -- when GitHub, or its webhooks, fail --------------------------------------------------------------------------------


async def test_the_sweep_completes_a_task_whose_webhooks_were_all_lost(scene: Scene) -> None:
    """Nothing was heard for a while: the checks are read anyway. That is the net, not the way."""
    (run,) = scene.start("test")
    await scene.look()
    scene.succeed(run)
    scene.clock.now += 400
    assert await scene.look() == 0, "nobody gave a hint"
    await sweep_checks(scene.database, silence=300, now=scene.clock(), ring=lambda: None)
    await scene.look()
    assert (await scene.task()).status is Status.COMPLETED


async def test_no_right_to_read_checks_is_said_and_holds_nothing_up(scene: Scene) -> None:
    """An App whose installation has not granted the permission completes the task, and says what an admin can do."""
    denied = respond(403, "Resource not accessible by integration")
    scene.github.on("GET", r".*/check-runs", action=denied, times=None)
    await scene.look()
    assert ends(await scene.waits()) == [LapEnd.UNREADABLE]
    assert (await scene.task()).status is Status.COMPLETED


async def test_github_out_of_reach_puts_the_look_off(scene: Scene) -> None:
    """A look that GitHub does not answer is made again, after the time that GitHub names, and loses nothing."""
    scene.fail(*scene.start("test"))
    scene.github.on("GET", r".*/check-runs", action=secondarily_limited(90), times=1)
    await scene.hint()
    assert await scene.look() == 1
    assert (await scene.task()).status is Status.WAITING_CI
    await scene.hint()
    assert await scene.look() == 0, "a hint does not shorten the time that GitHub named"
    scene.clock.now += 91
    assert await scene.look() == 1
    assert (await scene.task()).status is Status.PENDING


async def test_a_log_that_cannot_be_read_loses_only_itself(scene: Scene) -> None:
    """A job's log that was deleted is left out of the report; the rest of it is there."""
    (run,) = scene.start("test")
    scene.github.finish_check(run, "failure", log=TRACEBACK, steps=[("Unit tests", "failure")], title="1 test failed")
    scene.github.delete_logs(run)
    await scene.hint()
    await scene.look()
    (wait,) = await scene.waits()
    assert wait.report is not None
    assert wait.report.failed[0].log == ""
    assert "1 test failed" in await scene.status()
