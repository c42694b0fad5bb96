"""Checks on the simulated GitHub: runs, suites, jobs and their logs, statuses, and the demo's own CI."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from githubkit import GitHub

from ove_gh.demo.ci import Job, Step, Workflow
from ove_gh.demo.github import CheckRun, Refused, SimulatedGitHub
from tests.demo.github_scene import NO_TLS, SHOP, Receiver, Scene, receiving, run_git

pytestmark = pytest.mark.anyio

REPO = f"/repos/{SHOP}"
MAY = {
    "actions": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "statuses": "read",
}
STOP = {"label": "Stop", "description": "Stop the work", "identifier": "stop"}


@dataclass(frozen=True, slots=True)
class Checked:
    """acme/shop with the commit `sha` on `ove/1-fix`, and what the App `ove` received."""

    scene: Scene
    receiver: Receiver
    sha: str
    token: str

    @property
    def github(self) -> SimulatedGitHub:
        """The simulated GitHub."""
        return self.scene.github

    async def get(self, path: str, **params: Any) -> Any:
        """What the API answers to a reading request that must succeed."""
        answer = await self.scene.call("GET", REPO + path, self.token, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, method: str, path: str, **body: Any) -> httpx.Response:
        """The answer to a writing request."""
        return await self.scene.call(method, REPO + path, self.token, json=body)

    async def told(self) -> list[str]:
        """The events that have arrived, once all have."""
        await self.github.settled()
        return [
            f"{one.headers['x-github-event']}.{json.loads(one.body).get('action', '')}".rstrip(".")
            for one in self.receiver.received
        ]

    async def payload(self, event: str, action: str) -> Any:
        """The one payload of that event and action."""
        await self.github.settled()
        sent = [one.payload for one in self.github.deliveries if (one.event, one.action) == (event, action)]
        assert len(sent) == 1, await self.told()
        return sent[0]

    def run(self, name: str = "test", conclusion: Any = None, **more: Any) -> CheckRun:
        """A check run of GitHub Actions, finished if a conclusion is given."""
        run = self.github.start_check(SHOP, self.sha, name)
        if conclusion:
            self.github.finish_check(run, conclusion, **more)
        return run


@pytest.fixture
async def checked() -> AsyncIterator[Checked]:
    """A fresh GitHub; what its setting sent is not counted."""
    async with (
        receiving() as receiver,
        SimulatedGitHub.running() as github,
        httpx.AsyncClient(trust_env=False, timeout=20, verify=NO_TLS) as client,
    ):
        for login in ("alice", "bob"):
            github.create_user(login)
        github.create_repository(SHOP, {"cart.py": "total = 0\n"})
        github.grant(SHOP, "alice", "write")
        events = ("status", "workflow_run", "pull_request")
        app = github.create_app("ove", permissions=MAY, events=events, webhook_url=receiver.url)
        scene = Scene(github, app, github.install(app, SHOP), client)
        sha = github.push_commit(SHOP, "ove/1-fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
        await github.settled()
        receiver.received.clear()
        yield Checked(scene, receiver, sha, await scene.token())


# Runs and suites


async def test_a_run_goes_its_way_and_every_step_is_told(checked: Checked) -> None:
    """A workflow's run is created, begins and completes with its suite; nothing says `check_run.in_progress`."""
    run = checked.run()
    checked.github.begin_check(run)
    checked.github.finish_check(run, "failure")
    assert await checked.told() == [
        "workflow_run.requested",
        "check_run.created",
        "workflow_run.in_progress",
        "check_run.completed",
        "check_suite.completed",
        "workflow_run.completed",
    ]
    assert [state.status for state in run.history] == ["queued", "in_progress", "completed"]


async def test_a_run_names_the_pull_requests_of_its_commit(checked: Checked) -> None:
    """The payload has the open pull request whose head is the commit, its branch, its App and its page."""
    pull = checked.github.open_pull(SHOP, "alice", "Fix", head="ove/1-fix")
    run = checked.run(conclusion="success")
    told = (await checked.payload("check_run", "completed"))["check_run"]
    assert [one["number"] for one in told["pull_requests"]] == [pull.number]
    assert (told["check_suite"]["head_branch"], told["app"]["slug"]) == ("ove/1-fix", "github-actions")
    assert told["html_url"].endswith(f"/job/{run.id}")
    checked.github.close_pull(SHOP, pull.number, "alice")
    assert (await checked.get(f"/check-runs/{run.id}"))["pull_requests"] == []


async def test_an_older_commits_runs_name_no_pull_request(checked: Checked) -> None:
    """When the head has moved on, a late result of the older commit belongs to no pull request."""
    checked.github.open_pull(SHOP, "alice", "Fix", head="ove/1-fix")
    run = checked.run()
    checked.github.push_commit(SHOP, "ove/1-fix", "alice", {"cart.py": "total = 2\n"}, "More")
    assert (await checked.get(f"/check-runs/{run.id}"))["pull_requests"] == []


@pytest.mark.parametrize(
    ("conclusions", "expected"),
    [
        (["timed_out", "success", "neutral"], "timed_out"),
        (["success", "skipped", "neutral"], "success"),
        (["cancelled", "failure", "success"], "failure"),
        (["skipped"], "skipped"),
    ],
)
async def test_a_suite_takes_its_weightiest_conclusion(checked: Checked, conclusions: list[Any], expected: str) -> None:
    """The suite's conclusion is that of the run that matters most."""
    runs = [checked.run(f"test {number}") for number in range(len(conclusions))]
    for run, conclusion in zip(runs, conclusions, strict=True):
        checked.github.finish_check(run, conclusion)
    assert (await checked.payload("check_suite", "completed"))["check_suite"]["conclusion"] == expected


async def test_a_held_suite_is_not_complete(checked: Checked) -> None:
    """Between a job and those that need it all runs are finished, and still the suite is in progress."""
    build = checked.run("build")
    checked.github.hold_suite(build)
    checked.github.finish_check(build, "success")
    assert build.suite.status == "in_progress"
    checked.run("test", "failure")
    assert "check_suite.completed" not in await checked.told()
    checked.github.release_suite(build)
    assert (await checked.payload("check_suite", "completed"))["check_suite"]["conclusion"] == "failure"


async def test_every_push_makes_a_suite_for_every_app_that_may_write_checks(checked: Checked) -> None:
    """The App's own suite is queued without runs from the push on, and the App alone is asked for it."""
    checked.github.install(checked.github.create_app("reader", permissions={"checks": "read"}), SHOP)
    sha = checked.github.push_commit(SHOP, "ove/1-fix", "alice", {"cart.py": "total = 2\n"}, "More")
    assert await checked.told() == ["check_suite.requested"]
    [suite] = (await checked.get(f"/commits/{sha}/check-suites"))["check_suites"]
    shown = (suite["app"]["slug"], suite["status"], suite["conclusion"], suite["latest_check_runs_count"])
    assert shown == ("ove", "queued", None, 0)
    assert (suite["before"], suite["after"]) == (checked.sha, sha)


async def test_events_of_checks_go_to_those_who_may_read_them(checked: Checked) -> None:
    """An App that subscribes with checks:read hears of all runs; one that only reads issues cannot subscribe."""
    async with receiving() as other:
        app = checked.github.create_app(
            "reader", permissions={"checks": "read"}, events=["check_run"], webhook_url=other.url
        )
        checked.github.install(app, SHOP)
        checked.run(conclusion="success")
        await checked.github.settled()
        heard = [one.headers["x-github-event"] for one in other.received]
    assert heard == ["ping", "installation", "check_run", "check_run"]
    with pytest.raises(Refused, match="422"):
        checked.github.create_app("nosy", permissions={"issues": "read"}, events=["check_run"])


async def test_a_rerun_is_a_new_run_in_the_same_suite(checked: Checked) -> None:
    """A re-run is the latest of its name, the old one stays under filter=all, and nothing says `rerequested`."""
    first = checked.run(conclusion="failure")
    second = checked.github.rerun_check(first)
    latest = await checked.get(f"/commits/{checked.sha}/check-runs")
    assert [(one["id"], one["status"]) for one in latest["check_runs"]] == [(second.id, "queued")]
    every = await checked.get(f"/commits/{checked.sha}/check-runs", filter="all")
    assert {one["id"] for one in every["check_runs"]} == {first.id, second.id}
    assert (second.suite, second.suite.conclusion, second.attempt) == (first.suite, None, 2)
    checked.github.finish_check(second, "success")
    assert second.suite.conclusion == "success"
    assert not [one for one in await checked.told() if "rerequested" in one]
    with pytest.raises(Refused, match="403"):
        checked.github.rerun_check(first)


async def test_a_commit_that_is_not_there_is_422(checked: Checked) -> None:
    """Neither a deed nor the API reports a check on an unknown commit, nor lists its runs."""
    nowhere = "0" * 40
    with pytest.raises(Refused, match="No commit found for SHA"):
        checked.github.start_check(SHOP, nowhere, "test")
    assert (await checked.send("POST", "/check-runs", name="ove", head_sha=nowhere)).status_code == 422
    assert (await checked.scene.call("GET", f"{REPO}/commits/{nowhere}/check-runs", checked.token)).status_code == 422


async def test_runs_are_listed_by_page_and_by_what_is_asked(checked: Checked) -> None:
    """Names, Apps and statuses narrow the list, which comes in pages with links."""
    for number in range(3):
        checked.run(f"test {number}", "success")
    checked.github.start_check(SHOP, checked.sha, "lint", app="linter")
    path = "/commits/ove/1-fix/check-runs"
    page = await checked.scene.call("GET", REPO + path, checked.token, params={"per_page": 3})
    assert (page.json()["total_count"], len(page.json()["check_runs"])) == (4, 3)
    assert 'rel="next"' in page.headers["Link"]
    assert [one["name"] for one in (await checked.get(path, per_page=3, page=2))["check_runs"]] == ["test 0"]
    app_id = checked.github.check_app("linter").app_id
    for asked in ({"app_id": app_id}, {"check_name": "lint"}, {"status": "queued"}):
        assert [one["name"] for one in (await checked.get(path, **asked))["check_runs"]] == ["lint"]


async def test_annotations_come_in_pages(checked: Checked) -> None:
    """A run counts its annotations, and they are read by page."""
    remarks = [
        {"path": "cart.py", "start_line": n, "end_line": n, "annotation_level": "failure", "message": "m", "title": "t"}
        for n in range(1, 41)
    ]
    run = checked.run(conclusion="failure", annotations=remarks)
    assert (await checked.get(f"/check-runs/{run.id}"))["output"]["annotations_count"] == 40
    second = await checked.get(f"/check-runs/{run.id}/annotations", page=2)
    assert [one["start_line"] for one in second] == list(range(31, 41))


# The App's own runs


async def test_an_app_reports_its_own_run_and_changes_it(checked: Checked) -> None:
    """A run that was posted is in the suite that waited for it; a conclusion completes it, a status opens it again."""
    output = {"title": "Working", "summary": "On it."}
    created = await checked.send(
        "POST", "/check-runs", name="ove", head_sha=checked.sha, status="in_progress", output=output, actions=[STOP]
    )
    assert created.status_code == 201, created.text
    path = f"/check-runs/{created.json()['id']}"
    done = (await checked.send("PATCH", path, conclusion="neutral", output={"summary": "Done."})).json()
    assert (done["status"], done["output"]["title"], done["output"]["summary"]) == ("completed", "Working", "Done.")
    again = (await checked.send("PATCH", path, status="in_progress", external_id="42")).json()
    assert (again["status"], again["conclusion"], again["completed_at"]) == ("in_progress", None, None)
    [run] = checked.github.checks(SHOP, checked.sha)
    assert [(one.status, one.conclusion) for one in run.history] == [
        ("in_progress", None),
        ("completed", "neutral"),
        ("in_progress", None),
    ]
    assert (run.app.slug, run.external_id, [one.identifier for one in run.actions]) == ("ove", "42", ["stop"])
    assert len((await checked.get(f"/commits/{checked.sha}/check-suites"))["check_suites"]) == 1
    told = await checked.payload("check_run", "completed")
    assert told["sender"]["login"] == "ove[bot]"


WHOLE = {"title": "t", "summary": "s"}
REMARK = {"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "m"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, '"name" wasn\'t supplied'),
        ({"head_sha": None}, '"head_sha" wasn\'t supplied'),
        ({"status": "completed"}, '"conclusion" wasn\'t supplied'),
        ({"completed_at": "2026-01-31T09:30:00Z"}, '"conclusion" wasn\'t supplied'),
        ({"conclusion": "stale"}, "stale is not a member"),
        ({"status": "waiting"}, "waiting is not a member"),
        ({"started_at": "yesterday"}, "not a valid date-time"),
        ({"actions": [STOP] * 4}, "No more than 3 items are allowed; 4 were supplied"),
        ({"actions": [STOP | {"label": "x" * 21}]}, "Only 20 characters are allowed; 21 were supplied"),
        ({"actions": [STOP | {"description": "x" * 41}]}, "Only 40 characters are allowed; 41 were supplied"),
        ({"actions": [STOP | {"identifier": "x" * 21}]}, "Only 20 characters are allowed; 21 were supplied"),
        ({"actions": [{"label": "Stop"}]}, '"description" wasn\'t supplied'),
        ({"output": {"summary": "s"}}, '"title" wasn\'t supplied'),
        ({"output": {"title": "t"}}, '"summary" wasn\'t supplied'),
        ({"output": WHOLE | {"summary": "x" * 65_536}}, "Only 65535 characters are allowed; 65536 were supplied"),
        ({"output": WHOLE | {"annotations": [REMARK] * 51}}, "No more than 50 items are allowed; 51 were supplied"),
        ({"output": WHOLE | {"annotations": [REMARK | {"annotation_level": "bad"}]}}, "bad is not a member"),
        ({"output": WHOLE | {"annotations": [REMARK | {"start_line": None}]}}, '"start_line" wasn\'t supplied'),
    ],
)
async def test_what_github_does_not_take_is_422(checked: Checked, changes: dict[str, Any], message: str) -> None:
    """Each rule of the documentation is kept, and nothing is made when one is broken."""
    body = {"name": "ove", "head_sha": checked.sha, **changes}
    answer = await checked.send("POST", "/check-runs", **body)
    assert answer.status_code == 422
    assert message in answer.json()["message"]
    assert checked.github.checks(SHOP, checked.sha) == []


async def test_a_run_belongs_to_the_app_that_made_it(checked: Checked) -> None:
    """Nobody changes the runs of another App."""
    run = checked.run()
    answer = await checked.send("PATCH", f"/check-runs/{run.id}", conclusion="success")
    assert (answer.status_code, run.status) == (403, "queued")
    assert "Invalid app_id `15368`" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/commits/main/check-runs", {"checks": "read"}),
        ("GET", "/commits/main/check-suites", {"checks": "read"}),
        ("GET", "/check-runs/{run}", {"checks": "read"}),
        ("GET", "/check-runs/{run}/annotations", {"checks": "read"}),
        ("POST", "/check-runs", {"checks": "write"}),
        ("GET", "/commits/main/status", {"statuses": "read"}),
        ("GET", "/commits/main/statuses", {"statuses": "read"}),
        ("GET", "/actions/jobs/{run}", {"actions": "read"}),
        ("GET", "/actions/jobs/{run}/logs", {"actions": "read"}),
    ],
)
async def test_each_endpoint_needs_its_permission(
    checked: Checked, method: str, path: str, needed: dict[str, str]
) -> None:
    """With the permission alone an endpoint answers, with all others it is 403."""
    run = checked.run(conclusion="success")
    rest = {name: level for name, level in MAY.items() if name not in needed}
    enough, short = await checked.scene.token(permissions=needed), await checked.scene.token(permissions=rest)
    given = {"json": {"name": "ove", "head_sha": checked.sha}} if method == "POST" else {}
    answers = [
        await checked.scene.call(method, REPO + path.format(run=run.id), token, **given) for token in (enough, short)
    ]
    assert answers[0].status_code in (200, 201, 302)
    assert (answers[1].status_code, answers[1].json()["message"]) == (403, "Resource not accessible by integration")


async def test_a_button_reaches_its_app_alone(checked: Checked) -> None:
    """Who may write presses a button that is there; the owner of the run is told who it was, other Apps are not."""
    posted = await checked.send("POST", "/check-runs", name="ove", head_sha=checked.sha, actions=[STOP])
    run = checked.github.checks(SHOP, checked.sha)[0]
    assert run.id == posted.json()["id"]
    async with receiving() as other:
        may = {"checks": "write"}
        checked.github.install(checked.github.create_app("other", permissions=may, webhook_url=other.url), SHOP)
        checked.github.press(run, "alice", "stop")
        told = await checked.payload("check_run", "requested_action")
        assert len(other.received) == 2
    assert (told["requested_action"]["identifier"], told["sender"]["login"]) == ("stop", "alice")
    for login, identifier in (("bob", "stop"), ("alice", "start")):
        with pytest.raises(Refused):
            checked.github.press(run, login, identifier)


# Jobs and logs


async def test_a_job_has_the_id_of_its_run_and_its_steps(checked: Checked) -> None:
    """The job of an Actions run is found under the run's id; other Apps' runs are no jobs."""
    run = checked.run(conclusion="failure", steps=[("Set up job", "success"), ("Unit tests", "failure")])
    job = await checked.get(f"/actions/jobs/{run.id}")
    assert [(one["number"], one["name"], one["conclusion"]) for one in job["steps"]] == [
        (1, "Set up job", "success"),
        (2, "Unit tests", "failure"),
    ]
    assert (job["conclusion"], job["head_sha"], job["run_attempt"]) == ("failure", checked.sha, 1)
    lint = checked.github.start_check(SHOP, checked.sha, "lint", app="linter")
    answer = await checked.scene.call("GET", f"{REPO}/actions/jobs/{lint.id}", checked.token)
    assert answer.status_code == 404


async def test_a_log_is_behind_a_link_that_lives_a_minute(checked: Checked) -> None:
    """The API redirects to another place, which takes no credentials, and forgets the link after a minute."""
    run = checked.run(conclusion="failure", log="line 1\n\x1b[31mline 2\x1b[0m\n")
    answer = await checked.scene.call("GET", f"{REPO}/actions/jobs/{run.id}/logs", checked.token)
    link = answer.headers["Location"]
    assert (answer.status_code, link.startswith(f"{checked.github.server_url}/_logs/")) == (302, True)
    client = checked.scene.client
    refused = await client.get(link, headers={"Authorization": f"Bearer {checked.token}"})
    assert refused.status_code == 401
    assert (await client.get(link)).text == "line 1\n\x1b[31mline 2\x1b[0m\n"
    checked.github.clock.advance(61)
    assert (await client.get(link)).status_code == 404
    assert (await client.get(f"{checked.github.server_url}/_logs/guessed")).status_code == 404


async def test_a_log_is_not_there_yet_or_not_any_more(checked: Checked) -> None:
    """Before the job's end the log is 404, after its deletion 410."""
    run, path = checked.run(), f"{REPO}/actions/jobs"
    assert (await checked.scene.call("GET", f"{path}/{run.id}/logs", checked.token)).status_code == 404
    checked.github.finish_check(run, "failure", log="x")
    checked.github.delete_logs(run)
    assert (await checked.scene.call("GET", f"{path}/{run.id}/logs", checked.token)).status_code == 410


# Statuses


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "pending"),
        ([("a", "success"), ("b", "pending")], "pending"),
        ([("a", "success"), ("b", "success")], "success"),
        ([("a", "error"), ("b", "pending")], "failure"),
        ([("a", "failure"), ("a", "success")], "success"),
    ],
)
async def test_statuses_are_combined_by_their_latest(
    checked: Checked, given: list[tuple[str, Any]], expected: str
) -> None:
    """Only the latest of each context counts; none at all is pending, with a count of zero."""
    for context, state in given:
        checked.github.set_status(SHOP, checked.sha, context, state, "why", "https://ci.example/1")
    combined = await checked.get("/commits/ove/1-fix/status")
    assert (combined["state"], combined["total_count"]) == (expected, len({context for context, _ in given}))
    listed = await checked.get(f"/commits/{checked.sha}/statuses", per_page=10)
    assert [(one["context"], one["state"]) for one in listed] == given[::-1]


async def test_a_status_is_told_with_the_branches_that_hold_its_commit(checked: Checked) -> None:
    """The event names the commit and each branch that contains it; who may not write sets none."""
    checked.github.set_status(SHOP, checked.sha, "ci/x", "failure")
    assert await checked.told() == ["status"]
    told = next(one.payload for one in checked.github.deliveries if one.event == "status")
    assert (told["sha"], told["state"], [one["name"] for one in told["branches"]]) == (
        checked.sha,
        "failure",
        ["ove/1-fix"],
    )
    with pytest.raises(Refused, match="403"):
        checked.github.set_status(SHOP, checked.sha, "ci/x", "success", login="bob")


# Shapes


async def test_every_answer_fits_the_schema(checked: Checked) -> None:
    """githubkit's models for GitHub's published schema read every answer about checks."""
    checked.github.open_pull(SHOP, "alice", "Fix", head="ove/1-fix")
    remark = REMARK | {"title": None}
    run = checked.run(conclusion="failure", annotations=[remark], steps=[("Unit tests", "failure")])
    checked.github.set_status(SHOP, checked.sha, "ci/x", "failure", "why")
    api_url, (owner, name) = checked.github.api_url, SHOP.split("/")
    async with GitHub(checked.token, base_url=api_url, auto_retry=False, http_cache=False, trust_env=False) as github:
        rest = github.rest("2022-11-28")
        answers = [
            await rest.checks.async_list_for_ref(owner, name, "ove/1-fix"),
            await rest.checks.async_list_suites_for_ref(owner, name, checked.sha),
            await rest.checks.async_get(owner, name, run.id),
            await rest.checks.async_list_annotations(owner, name, run.id),
            await rest.checks.async_create(owner, name, data={"name": "ove", "head_sha": checked.sha}),
            await rest.repos.async_get_combined_status_for_ref(owner, name, checked.sha),
            await rest.repos.async_list_commit_statuses_for_ref(owner, name, checked.sha),
            await rest.repos.async_get_commit(owner, name, "ove/1-fix"),
            await rest.actions.async_get_job_for_workflow_run(owner, name, run.id),
        ]
    assert all(answer.parsed_data for answer in answers)


# Pushes


async def test_checks_can_begin_before_the_pusher_has_its_answer(checked: Checked, tmp_path: Path) -> None:
    """`on_push` is called within a push by git, so the checks are there when git returns; a deletion is no push."""
    github = checked.github
    seen: list[tuple[str, str, int | None]] = []

    def pushed(branch: str, sha: str) -> None:
        seen.append((branch, github.requests[-1].path, github.requests[-1].status))
        github.start_check(SHOP, sha, "test")

    leave = github.on_push(SHOP, pushed)
    host = github.server_url.removeprefix("http://")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    url = f"http://x-access-token:{checked.token}@{host}/{SHOP}.git"
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for command in (("clone", "-q", url, "work"), ("-C", "work", *who, "commit", "-q", "--allow-empty", "-m", "x")):
        code, printed = await run_git(*command, cwd=str(tmp_path), env=env)
        assert code == 0, printed
    code, printed = await run_git("-C", "work", "push", "-q", "origin", "HEAD:new", cwd=str(tmp_path), env=env)
    assert code == 0, printed
    assert [run.name for run in github.checks(SHOP, github.branches(SHOP)["new"])] == ["test"]
    github.delete_branch(SHOP, "new", "alice")
    leave()
    github.push_commit(SHOP, "main", "alice", {"b.py": "b\n"}, "b")
    assert seen == [("new", f"/{SHOP}.git/git-receive-pack", None)]


# The demo's CI

FAILING = "def total():\n    assert 1 == 2, 'no'\n\n\ntotal()\n"


async def finished(github: SimulatedGitHub, sha: str) -> CheckRun:
    """The commit's one check run, once it has ended."""
    await github.wait_for(lambda _: github.checks(SHOP, sha)[0].status == "completed", what="the check to finish")
    return github.checks(SHOP, sha)[0]


async def test_the_demos_ci_really_runs_the_tests(checked: Checked) -> None:
    """A failing test is annotated at its line, its log is in GitHub's manner, and the fix turns the check green."""
    github = checked.github
    steps = [Step("Unit tests", ["python3", "test.py"]), Step("Lint", ["python3", "-c", "print('never')"])]
    async with Workflow(github, SHOP, [Job("test", steps)]):
        red = github.push_commit(SHOP, "ove/1-fix", "alice", {"test.py": FAILING}, "Test")
        assert [run.status for run in github.checks(SHOP, red)] == ["queued"]
        run = await finished(github, red)
        assert run.conclusion == "failure"
        assert [(one.path, one.start_line, one.message) for one in run.annotations] == [
            ("test.py", 2, "AssertionError: no"),
            (".github", run.annotations[1].start_line, "Process completed with exit code 1."),
        ]
        assert [(step.name, step.conclusion) for step in run.steps[2:]] == [
            ("Unit tests", "failure"),
            ("Lint", "skipped"),
            ("Post Run actions/checkout@v5", "success"),
            ("Complete job", "success"),
        ]
        _check_log(run.log)
        green = github.push_commit(SHOP, "ove/1-fix", "alice", {"test.py": "print('ok')\n"}, "Mend")
        assert (await finished(github, green)).conclusion == "success"


def _check_log(log: str) -> None:
    lines = log.removeprefix("\ufeff").splitlines()
    assert all(datetime.fromisoformat(line.partition(" ")[0][:26]) for line in lines)
    said = [line.partition(" ")[2] for line in lines]
    assert said.index("\x1b[36;1mpython3 test.py\x1b[0m") < said.index("AssertionError: no")
    assert said.index("##[error]Process completed with exit code 1.") < said.index("Post job cleanup.")
    assert '  File "/home/runner/work/shop/shop/test.py", line 2, in total' in said
    assert "never" not in log


async def test_the_demos_ci_lets_a_job_run_again(checked: Checked) -> None:
    """A re-run is a new run, with the same commit and the same result."""
    async with Workflow(checked.github, SHOP, [Job("test", [Step("No such thing", ["nothing-of-that-name"])])]) as ci:
        sha = checked.github.push_commit(SHOP, "ove/1-fix", "alice", {"a.py": "a\n"}, "a")
        first = await finished(checked.github, sha)
        again = ci.rerun(first)
        assert await finished(checked.github, sha) is again
    assert (again.conclusion, again.annotations[0].message) == ("failure", "Process completed with exit code 127.")


async def test_the_demos_ci_gives_its_children_nothing(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in this process's environment is not in that of a step."""
    monkeypatch.setenv("SECRET", "not for the child")
    show = Step("Show", ["python3", "-c", "import os; print(sorted(os.environ))"])
    async with Workflow(checked.github, SHOP, [Job("show", [show])]):
        sha = checked.github.push_commit(SHOP, "ove/1-fix", "alice", {"a.py": "a\n"}, "a")
        run = await finished(checked.github, sha)
    assert "'HOME'" in run.log
    assert "SECRET" not in run.log


async def test_the_demos_ci_leaves_nothing_behind(checked: Checked, tmp_path: Path) -> None:
    """At its end its children are killed, with what they started; their runs stay in progress."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    wait = Step("Wait", ["sh", "-c", f"exec >{pipe}; echo begun; sleep 600 & sleep 600"])
    async with Workflow(checked.github, SHOP, [Job("wait", [wait])]):
        sha = checked.github.push_commit(SHOP, "ove/1-fix", "alice", {"a.py": "a\n"}, "a")
        reader = await asyncio.to_thread(pipe.open)
        assert await asyncio.to_thread(reader.readline) == "begun\n"
    with reader:
        assert await asyncio.to_thread(reader.read) == ""  # comes only when nobody can write any more
    assert [run.status for run in checked.github.checks(SHOP, sha)] == ["in_progress"]
