"""The API of check runs, check suites and commit statuses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ove_gh.demo.github import check_shapes
from ove_gh.demo.github.check_records import CheckRun, latest_statuses
from ove_gh.demo.github.checks import (
    LONGEST_OUTPUT,
    change_run,
    check_conclusion,
    check_length,
    check_status,
    commit_of,
    create_run,
    read_annotations,
    read_buttons,
    suites_of,
)
from ove_gh.demo.github.clock import read_stamp
from ove_gh.demo.github.endpoints import Answer, Body, Call, Endpoint, page_of, paged
from ove_gh.demo.github.records import App
from ove_gh.demo.github.refusals import Refused, malformed, not_found

_READ, _WRITE, _STATUSES = "checks=read", "checks=write", "statuses=read"


def list_runs(call: Call) -> Answer:
    """A commit's check runs, newest first; `filter` is latest (of each App's each name) or all."""
    query = call.query
    wanted = query.get("filter", "latest")
    if wanted not in ("latest", "all"):
        raise malformed(f"{wanted} is not a member of ['latest', 'all'].")
    suites = suites_of(call.world, call.repository, commit_of(call.repository, call.params["ref"]))
    runs = [run for suite in suites for run in (suite.latest if wanted == "latest" else suite.runs)]
    found = [
        run
        for run in sorted(runs, key=lambda run: run.id, reverse=True)
        if query.get("check_name") in (None, run.name)
        and query.get("status") in (None, run.status)
        and query.get("app_id") in (None, str(run.app.app_id))
    ]
    page, headers = page_of(call, found)
    shapes = [check_shapes.check_run(call.world, run) for run in page]
    return Answer({"total_count": len(found), "check_runs": shapes}, headers=headers)


def list_suites(call: Call) -> Answer:
    """A commit's check suites."""
    query = call.query
    suites = suites_of(call.world, call.repository, commit_of(call.repository, call.params["ref"]))
    found = [
        suite
        for suite in suites
        if query.get("app_id") in (None, str(suite.app.app_id))
        and ("check_name" not in query or any(run.name == query["check_name"] for run in suite.runs))
    ]
    page, headers = page_of(call, found)
    shapes = [check_shapes.check_suite(call.world, suite) for suite in page]
    return Answer({"total_count": len(found), "check_suites": shapes}, headers=headers)


def get_run(call: Call) -> Answer:
    """One check run."""
    return Answer(check_shapes.check_run(call.world, _run(call)))


def list_annotations(call: Call) -> Answer:
    """A check run's annotations, in the order in which they came."""
    run = _run(call)
    return paged(call, run.annotations, lambda one: check_shapes.annotation(call.world, run, one))


def _run(call: Call) -> CheckRun:
    run = call.world.check_runs.get(call.params["check_run_id"])
    if run is None or run.repository is not call.repository:
        raise not_found()
    return run


def post_run(call: Call) -> Answer:
    """A new check run of the App that calls."""
    body = call.body()
    name, sha = body.needed_text("name"), body.needed_text("head_sha")
    fields = _fields(body, needs_title=True)
    run = create_run(call.world, _own_app(call), call.repository, sha, name, sender=call.actor.user, **fields)
    shape = check_shapes.check_run(call.world, run)
    return Answer(shape, 201, {"Location": shape["url"]})


def patch_run(call: Call) -> Answer:
    """Changes to a check run of the App that calls."""
    run, body = _run(call), call.body()
    if run.app is not _own_app(call):
        why = "check run can only be modified by the GitHub App that created it."
        raise Refused(403, f"Invalid app_id `{run.app.app_id}` - {why}")
    name = body.text("name")
    fields = _fields(body, needs_title=False) | ({"name": name} if name is not None else {})
    change_run(call.world, run, sender=call.actor.user, **fields)
    return Answer(check_shapes.check_run(call.world, run))


def _own_app(call: Call) -> App:
    return call.token.installation.app


def _fields(body: Body, *, needs_title: bool) -> dict[str, Any]:
    """The fields that creating and changing have in common; those that were not sent are not there.

    https://docs.github.com/en/rest/checks/runs#create-a-check-run
    """
    fields: dict[str, Any] = {}
    for name in ("external_id", "details_url"):
        if (text := body.text(name)) is not None:
            fields[name] = text
    for name in ("started_at", "completed_at"):
        if (moment := _moment(body, name)) is not None:
            fields[name] = moment
    conclusion, status = check_conclusion(body.text("conclusion")), body.text("status")
    if status is not None:
        fields["status"] = check_status(status)
    if conclusion is not None:
        fields["conclusion"] = conclusion
    elif "completed_at" in fields or status == "completed":
        raise malformed('No subschema in "anyOf" matched.\n"conclusion" wasn\'t supplied.')
    if (buttons := body.listed("actions", dict)) is not None:
        fields["actions"] = read_buttons(buttons)
    return fields | _output(body.fields.get("output"), needs_title)


def _moment(body: Body, name: str) -> datetime | None:
    text = body.text(name)
    try:
        return read_stamp(text) if text is not None else None
    except ValueError:
        raise malformed(f"{text} is not a valid date-time.") from None


def _output(given: object, needs_title: bool) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise malformed("For 'properties/output', the value is not an object.")
    output = Body(given)
    fields: dict[str, Any] = {"summary": check_length(output.needed_text("summary"), LONGEST_OUTPUT)}
    title, text = output.needed_text("title") if needs_title else output.text("title"), output.text("text")
    if title is not None:
        fields["title"] = title
    if text is not None:
        fields["text"] = check_length(text, LONGEST_OUTPUT)
    if (annotations := output.listed("annotations", dict)) is not None:
        fields["annotations"] = read_annotations(annotations)
    return fields


def get_status(call: Call) -> Answer:
    """What a commit's statuses come to, with the latest of each context."""
    sha = _known(call)
    latest = latest_statuses([one for one in call.world.statuses if _is_of(call, sha, one)])
    page, headers = page_of(call, latest)
    return Answer(check_shapes.combined_status(call.world, call.repository, sha, latest, page), headers=headers)


def list_statuses(call: Call) -> Answer:
    """All statuses that a commit ever had, newest first."""
    sha = _known(call)
    found = [one for one in reversed(call.world.statuses) if _is_of(call, sha, one)]
    return paged(call, found, lambda one: check_shapes.status(call.world, one))


def _is_of(call: Call, sha: str, one: Any) -> bool:
    return one.repository is call.repository and one.sha == sha


def _known(call: Call) -> str:
    sha = call.repository.git.resolve(call.params["ref"])
    if sha is None:
        raise not_found()
    return sha


_REPO = "/repos/{owner}/{repo}"
_COMMIT = f"{_REPO}/commits/{{ref:path}}"
_RUN = f"{_REPO}/check-runs/{{check_run_id:int}}"
ENDPOINTS = (
    Endpoint(
        "GET",
        f"{_COMMIT}/check-runs",
        list_runs,
        "installation",
        "checks/runs#list-check-runs-for-a-git-reference",
        _READ,
    ),
    Endpoint(
        "GET",
        f"{_COMMIT}/check-suites",
        list_suites,
        "installation",
        "checks/suites#list-check-suites-for-a-git-reference",
        _READ,
    ),
    Endpoint("POST", f"{_REPO}/check-runs", post_run, "installation", "checks/runs#create-a-check-run", _WRITE),
    Endpoint("GET", _RUN, get_run, "installation", "checks/runs#get-a-check-run", _READ),
    Endpoint("PATCH", _RUN, patch_run, "installation", "checks/runs#update-a-check-run", _WRITE),
    Endpoint(
        "GET",
        f"{_RUN}/annotations",
        list_annotations,
        "installation",
        "checks/runs#list-check-run-annotations",
        _READ,
    ),
    Endpoint(
        "GET",
        f"{_COMMIT}/status",
        get_status,
        "installation",
        "commits/statuses#get-the-combined-status-for-a-specific-reference",
        _STATUSES,
    ),
    Endpoint(
        "GET",
        f"{_COMMIT}/statuses",
        list_statuses,
        "installation",
        "commits/statuses#list-commit-statuses-for-a-reference",
        _STATUSES,
    ),
)
