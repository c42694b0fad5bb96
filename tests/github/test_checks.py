"""Tests of reading checks, and of keeping the App's own check run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import respx

from ove_gh.github import errors, models
from ove_gh.github.models import CheckAction, CheckState
from tests.github.samples import (
    NOW,
    REPO,
    annotation,
    check_run,
    check_suite,
    commit_status,
    grant_tokens,
    job,
    open_repository,
    paged,
    sent,
)

pytestmark = pytest.mark.anyio

SHA = "a" * 40
RUNS = f"{REPO}/commits/{SHA}/check-runs"
OWN = f"{REPO}/check-runs"
STOP = CheckAction("Stop", "End this task", "stop")
WORKING = CheckState("in_progress", None, "Working", "on it", (STOP,))
DONE = CheckState("completed", "success", "Done", "All checks passed.")


@respx.mock
async def test_check_runs_are_read_from_all_pages() -> None:
    """All pages of the latest check runs are read; one that moved between pages meanwhile counts once, as it is now."""
    minted = grant_tokens()
    pages: list[list[object]] = [[check_run(21), check_run(22, conclusion=None)], [check_run(22), check_run(23)]]
    route = paged(RUNS, pages, under="check_runs")
    async with open_repository() as repository:
        found = await repository.check_runs(SHA)
    assert [(run.id, run.conclusion) for run in found] == [(21, "failure"), (22, "failure"), (23, "failure")]
    assert [dict(call.request.url.params) for call in route.calls] == [
        {"filter": "latest", "per_page": "100", "page": "1"},
        {"filter": "latest", "per_page": "100", "page": "2"},
    ]
    assert json.loads(sent(minted).content)["permissions"] == {
        "metadata": "read",
        "checks": "read",
        "statuses": "read",
        "actions": "read",
    }


def test_a_check_run_is_read() -> None:
    """Every field of a check run arrives, times in seconds."""
    assert models.read_check_run(check_run()) == models.CheckRun(
        id=21,
        name="unit",
        status="completed",
        conclusion="failure",
        head_sha=SHA,
        app_id=15368,
        app_slug="github-actions",
        external_id="f00d",
        html_url="https://github.example/alice/shop/actions/runs/2/job/21",
        details_url="https://github.example/alice/shop/actions/runs/2/job/21",
        title="1 failed",
        summary="`test_total` failed",
        annotations_count=2,
        suite_id=31,
        started_at=NOW,
        completed_at=NOW + 60,
    )


def _null(raw: dict[str, Any], name: str) -> dict[str, Any]:
    return {**raw, name: None}


def _missing(raw: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != name}


@pytest.mark.parametrize("nothing", [_null, _missing])
def test_what_a_check_leaves_out_is_empty(nothing: Callable[[dict[str, Any], str], dict[str, Any]]) -> None:
    """A check that has just been queued has no conclusion, output, times or App; null and missing are the same."""
    raw = check_run(status="queued", output={"title": None, "summary": None, "annotations_count": 0})
    for name in ("conclusion", "app", "external_id", "html_url", "details_url", "check_suite", "started_at"):
        raw = nothing(raw, name)
    run = models.read_check_run(nothing(raw, "completed_at"))
    assert (run.status, run.conclusion, run.app_id, run.app_slug, run.external_id) == ("queued", "", None, "", "")
    assert (run.html_url, run.details_url, run.title, run.summary) == ("", "", "", "")
    assert (run.annotations_count, run.suite_id, run.started_at, run.completed_at) == (0, None, None, None)
    assert models.read_check_run(nothing(raw, "output")).annotations_count == 0


@respx.mock
async def test_check_suites_are_read_from_all_pages() -> None:
    """Suites tell whose they are and how many check runs they hold, those without any included."""
    grant_tokens()
    empty = check_suite(32, app=None, status="queued", conclusion=None, latest_check_runs_count=0)
    paged(f"{REPO}/commits/{SHA}/check-suites", [[check_suite(31)], [empty]], under="check_suites")
    async with open_repository() as repository:
        assert await repository.check_suites(SHA) == [
            models.CheckSuite(31, 15368, "github-actions", "completed", "failure", 1),
            models.CheckSuite(32, None, "", "queued", "", 0),
        ]


@respx.mock
async def test_statuses_are_read_from_all_pages() -> None:
    """The combined status tells each context once, from all pages; what a status leaves out is empty."""
    grant_tokens()
    bare = commit_status("ci/new", state="pending", description=None, target_url=None)
    paged(f"{REPO}/commits/{SHA}/status", [[commit_status()], [commit_status(), bare]], under="statuses")
    async with open_repository() as repository:
        assert await repository.statuses(SHA) == [
            models.CommitStatus("ci/old", "failure", "Build 7 failed", "https://ci.example/7"),
            models.CommitStatus("ci/new", "pending", "", ""),
        ]


@respx.mock
@pytest.mark.parametrize(("most", "lines", "asked"), [(2, [1, 2], 1), (3, [1, 2, 3], 2), (50, [1, 2, 3, 4], 2)])
async def test_no_more_annotations_are_read_than_wanted(most: int, lines: list[int], asked: int) -> None:
    """The first annotations come in order, and the second page is asked for only when the first is not enough."""
    grant_tokens()
    route = paged(f"{OWN}/21/annotations", [[annotation(1), annotation(2)], [annotation(3), annotation(4)]])
    async with open_repository() as repository:
        found = await repository.annotations(21, most=most)
    assert [a.start_line for a in found] == lines
    assert (route.call_count, sent(route).url.params["per_page"]) == (asked, str(most))
    assert found[0] == models.Annotation("cart.py", 1, "failure", "AssertionError", "assert 0 == 1")


def test_an_annotation_may_be_bare() -> None:
    """An annotation without level, title and message is read all the same."""
    raw = annotation(annotation_level=None, title=None, message=None)
    assert models.read_annotation(raw) == models.Annotation("cart.py", 3, "", "", "")


@respx.mock
async def test_a_job_is_read() -> None:
    """A job tells its steps with their conclusions; a job that has not begun has none; 404 is no job."""
    grant_tokens()
    respx.get(f"{REPO}/actions/jobs/21").respond(json=job())
    respx.get(f"{REPO}/actions/jobs/22").respond(json=job(22, conclusion=None, steps=None))
    respx.get(f"{REPO}/actions/jobs/23").respond(404, json={"message": "Not Found"})
    async with open_repository() as repository:
        found, waiting, none = [await repository.job(number) for number in (21, 22, 23)]
    assert found is not None
    assert waiting is not None
    assert found.steps[1] == models.JobStep(2, "Run tests", "completed", "failure", NOW, NOW + 1)
    assert (found.id, found.name, found.conclusion, len(found.steps)) == (21, "unit", "failure", 2)
    assert (waiting.conclusion, waiting.steps, none) == ("", (), None)


@respx.mock
async def test_the_apps_check_run_is_created_once() -> None:
    """Creating sends the whole state with the right to write checks; a 502 is handed to the caller, who can look."""
    minted = grant_tokens()
    route = respx.post(OWN)
    route.side_effect = [httpx.Response(201, json=check_run(40)), httpx.Response(502)]
    async with open_repository() as repository:
        made = await repository.create_check_run(name="ove", head_sha=SHA, external_id="task:1", state=WORKING)
        with pytest.raises(errors.GitHubUnavailable) as caught:
            await repository.create_check_run(name="ove", head_sha=SHA, external_id="task:1", state=WORKING)
    assert (made.id, route.call_count, caught.value.may_have_happened) == (40, 2, True)
    assert json.loads(sent(minted).content)["permissions"] == {"metadata": "read", "checks": "write"}
    assert json.loads(sent(route, 0).content) == {
        "name": "ove",
        "head_sha": SHA,
        "external_id": "task:1",
        "status": "in_progress",
        "output": {"title": "Working", "summary": "on it"},
        "actions": [{"label": "Stop", "description": "End this task", "identifier": "stop"}],
    }


@respx.mock
async def test_the_apps_check_run_is_updated() -> None:
    """Updating says everything again, no buttons included, and is repeated while GitHub falters."""
    grant_tokens()
    route = respx.patch(f"{OWN}/40")
    route.side_effect = [httpx.Response(502), httpx.Response(200, json=check_run(40, conclusion="success"))]
    async with open_repository() as repository:
        assert (await repository.update_check_run(40, DONE)).conclusion == "success"
    assert [json.loads(call.request.content) for call in route.calls] == [
        {
            "status": "completed",
            "conclusion": "success",
            "output": {"title": "Done", "summary": "All checks passed."},
            "actions": [],
        }
    ] * 2


@respx.mock
async def test_the_apps_check_run_is_found_again() -> None:
    """Of the App's own check runs with this external id the newest is found, also behind a newer one of that name."""
    grant_tokens()
    own = {"id": 12, "slug": "ove"}
    runs = [
        check_run(44, app=own, external_id="task:2"),
        check_run(42, app=own, external_id="task:1"),
        check_run(41, app=own, external_id="task:1"),
        check_run(45, external_id="task:1"),
    ]
    route = respx.get(RUNS).respond(json={"total_count": 4, "check_runs": runs})
    async with open_repository() as repository:
        found = await repository.find_own_check_run(SHA, "task:1", 12)
        assert await repository.find_own_check_run(SHA, "task:9", 12) is None
    assert found is not None
    assert found.id == 42
    assert (sent(route).url.params["app_id"], sent(route).url.params["filter"]) == ("12", "all")


@pytest.mark.parametrize("texts", [("x" * 21, "d", "i"), ("l", "x" * 41, "i"), ("l", "d", "x" * 21), ("", "d", "i")])
def test_a_button_that_github_refuses_cannot_be_made(texts: tuple[str, str, str]) -> None:
    """A button whose text is empty or longer than GitHub documents is refused at once; the longest is not."""
    CheckAction("x" * 20, "x" * 40, "x" * 20)
    with pytest.raises(ValueError, match="an action's"):
        CheckAction(*texts)


@pytest.mark.parametrize(
    "changes",
    [
        {"conclusion": None},
        {"conclusion": "stale"},
        {"conclusion": "failed"},
        {"status": "in_progress"},
        {"title": ""},
        {"summary": "x" * 65_536},
        {"actions": (STOP,) * 4},
    ],
)
def test_a_state_that_github_refuses_cannot_be_made(changes: dict[str, Any]) -> None:
    """A conclusion is for what is completed, and one that an App may give; texts and buttons have their limits."""
    longest: dict[str, Any] = {
        "status": "completed",
        "conclusion": "neutral",
        "title": "t",
        "summary": "x" * 65_535,
        "actions": (STOP,) * 3,
    }
    CheckState(**longest)
    with pytest.raises(ValueError, match="check run"):
        CheckState(**{**longest, **changes})


@respx.mock
async def test_checks_of_an_unknown_commit_are_refused() -> None:
    """A commit that GitHub does not know is an error, and no list without checks."""
    grant_tokens()
    respx.get(RUNS).respond(422, json={"message": f"No commit found for SHA: {SHA}"})
    async with open_repository() as repository:
        with pytest.raises(errors.Unprocessable):
            await repository.check_runs(SHA)


@respx.mock
async def test_one_odd_item_in_a_list_is_a_clear_error() -> None:
    """An item that is no check run is an UnexpectedAnswer, not a check that is passed over."""
    grant_tokens()
    route = respx.get(RUNS)
    async with open_repository() as repository:
        for item in (None, 5, {}, check_run(status=None), check_run(started_at="yesterday"), check_run(app={})):
            route.respond(json={"check_runs": [check_run(), item]})
            with pytest.raises(errors.UnexpectedAnswer):
                await repository.check_runs(SHA)
