"""What Apps and people do with checks: start, finish, re-run, press a button; suites and workflow runs follow.

https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks
https://docs.github.com/en/webhooks/webhook-events-and-payloads#check_run
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

from ove_gh.demo.github import check_shapes
from ove_gh.demo.github.bare import ZERO
from ove_gh.demo.github.check_records import (
    ACTIONS,
    Annotation,
    Button,
    CheckRun,
    CheckState,
    CheckStatus,
    CheckSuite,
    CommitStatus,
    Conclusion,
    JobStep,
    LogLink,
    Push,
    StatusState,
    WorkflowRun,
)
from ove_gh.demo.github.happenings import Happening, Kind
from ove_gh.demo.github.records import Actor, App, Repository, User
from ove_gh.demo.github.refusals import Refused, malformed
from ove_gh.demo.github.threads import need
from ove_gh.demo.github.world import World

LINK_LIFETIME = timedelta(minutes=1)
"""https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run"""
LOGS_PREFIX = "/_logs/"
"""Where the links to logs lead: another service than the API, which knows no tokens."""

MOST_ACTIONS = 3
MOST_ANNOTATIONS = 50
LONGEST_OUTPUT = 65_535
LONGEST_STATUS = 140

# Suites


def commit_of(repository: Repository, sha: str) -> str:
    """The commit with that id; raises Refused with 422 when the repository has none."""
    found = repository.git.resolve(sha)
    if found is None:
        raise Refused(422, f"No commit found for SHA: {sha}")
    return found


def suites_of(world: World, repository: Repository, sha: str) -> list[CheckSuite]:
    """A commit's check suites, oldest first."""
    return [suite for suite in world.check_suites if suite.repository is repository and suite.head_sha == sha]


def _suite(world: World, app: App, repository: Repository, sha: str) -> CheckSuite:
    """The suite of an App on a commit; made now if there is none."""
    for suite in suites_of(world, repository, sha):
        if suite.app is app:
            return suite
    push = world.pushes.get((repository.id, sha)) or _unpushed(repository, sha)
    now = world.clock.now()
    number = next(world.ids.check_suite)
    suite = CheckSuite(number, repository, app, sha, push.branch or None, push.before, push.actor, now, now)
    world.check_suites.append(suite)
    if app.slug == ACTIONS:
        numbers = sum(one.workflow_run is not None for one in world.check_suites if one.repository is repository)
        suite.workflow_run = WorkflowRun(next(world.ids.workflow_run), numbers + 1)
        _tell_of_workflow(world, suite, suite.workflow_run, "requested")
    return suite


def _unpushed(repository: Repository, sha: str) -> Push:
    """A commit that nobody pushed here: it came with the repository, or lies in a fork."""
    branch = next((name for name, tip in repository.git.branches().items() if tip == sha), "")
    pulls = (issue.pull for issue in repository.issues.values())
    author = next((pull.issue.author for pull in pulls if pull and pull.head_sha == sha), repository.owner)
    return Push(branch, ZERO, author)


def request_suites(world: World, repository: Repository, sha: str) -> None:
    """After a push: an empty, queued suite for every installed App that may write checks, which is told of it."""
    for installation in list(world.installations.values()):
        known = any(suite.app is installation.app for suite in suites_of(world, repository, sha))
        if repository in installation.repositories and installation.allows("checks", "write") and not known:
            suite = _suite(world, installation.app, repository, sha)
            shape = check_shapes.told_check_suite(world, suite)
            world.announce_to_own(
                suite.app, "check_suite", "requested", repository, suite.actor, {"check_suite": shape}
            )


def hold_suite(world: World, suite: CheckSuite) -> None:
    """More runs will come, as of jobs that wait for others: the suite is not complete until `release_suite`."""
    suite.held = True
    _suite_changed(world, suite)


def release_suite(world: World, suite: CheckSuite) -> None:
    """Say that no more runs will come."""
    suite.held = False
    _suite_changed(world, suite)


def _suite_changed(world: World, suite: CheckSuite, sender: User | None = None) -> None:
    """Tell what follows from a change of runs: a workflow that begins, a suite that is complete."""
    suite.updated_at = world.clock.now()
    workflow, status = suite.workflow_run, suite.status
    if workflow and not workflow.begun and any(_began(run, workflow) for run in suite.latest):
        workflow.begun, workflow.started_at = True, world.clock.now()
        _tell_of_workflow(world, suite, workflow, "in_progress")
    if status != "completed":
        suite.told_completed = False
        return
    if suite.told_completed:
        return
    suite.told_completed = True
    shape = check_shapes.told_check_suite(world, suite)
    world.announce("check_suite", "completed", suite.repository, sender or suite.actor, check_suite=shape)
    if workflow:
        _tell_of_workflow(world, suite, workflow, "completed")


def _began(run: CheckRun, workflow: WorkflowRun) -> bool:
    return run.attempt == workflow.attempt and run.status != "queued"


def _tell_of_workflow(world: World, suite: CheckSuite, run: WorkflowRun, action: str) -> None:
    parts = check_shapes.told_workflow_run(world, suite, run)
    world.announce("workflow_run", action, suite.repository, suite.actor, **parts)


# Check runs


def create_run(
    world: World,
    app: App,
    repository: Repository,
    sha: str,
    name: str,
    *,
    sender: User | None = None,
    status: CheckStatus = "queued",
    details_url: str | None = None,
    external_id: str = "",
    started_at: datetime | None = None,
    **more: Any,
) -> CheckRun:
    """A new check run of an App on a commit; `more` are the fields that `change_run` takes. Raises Refused."""
    suite = _suite(world, app, repository, commit_of(repository, sha))
    return _new_run(world, suite, name, sender, status, details_url, external_id, started_at, **more)


def _new_run(
    world: World,
    suite: CheckSuite,
    name: str,
    sender: User | None,
    status: CheckStatus,
    details_url: str | None,
    external_id: str,
    started_at: datetime | None,
    **more: Any,
) -> CheckRun:
    now, number = world.clock.now(), next(world.ids.check_run)
    page = check_shapes.run_page(world, suite, number)
    own_page = page if suite.workflow_run else world.shapes.app(suite.app)["external_url"]
    run = CheckRun(number, suite, name, "queued", details_url or own_page, page, external_id, created_at=now)
    run.attempt = suite.workflow_run.attempt if suite.workflow_run else 1
    run.started_at = started_at or (now if status != "queued" else None)
    _apply(world, run, {"status": status, **more})
    suite.runs.append(run)
    world.check_runs[run.id] = run
    _tell(world, run, Kind.CHECK_STARTED)
    _announce(world, run, "created", sender)
    if run.status == "completed":
        _announce(world, run, "completed", sender)
    _suite_changed(world, suite, sender)
    return run


def change_run(world: World, run: CheckRun, *, sender: User | None = None, **changes: Any) -> None:
    """Change some of a run's fields; a conclusion completes it, another status opens it again."""
    before = (run.status, run.conclusion)
    _apply(world, run, changes)
    completes = run.status == "completed" and before != (run.status, run.conclusion)
    _tell(world, run, Kind.CHECK_FINISHED if completes else Kind.CHECK_CHANGED)
    if completes:
        _announce(world, run, "completed", sender)
    _suite_changed(world, run.suite, sender)


def _apply(world: World, run: CheckRun, changes: Mapping[str, Any]) -> None:
    """Set fields, so that status, conclusion and times agree; annotations are added to those that are there."""
    now = world.clock.now()
    if changes.get("conclusion") or changes.get("status") == "completed":
        changes = {"completed_at": now, **changes, "status": "completed"}
    elif "status" in changes:
        changes = {**changes, "conclusion": None, "completed_at": None}
    for name, value in changes.items():
        if name == "annotations":
            run.annotations.extend(value)
        else:
            setattr(run, name, value)
    if run.status != "queued" and run.started_at is None:
        run.started_at = now
    run.history.append(CheckState(run.status, run.conclusion, run.title, run.summary))


def begin_run(world: World, run: CheckRun) -> None:
    """A queued run begins; GitHub sends no check_run event for that."""
    if run.status != "queued":
        raise Refused(422, f"{run!r} has begun already.")
    change_run(world, run, status="in_progress")


def finish_run(
    world: World,
    run: CheckRun,
    conclusion: Conclusion,
    *,
    title: str = "",
    summary: str = "",
    annotations: Iterable[Annotation | Mapping[str, Any]] = (),
    log: str = "",
    steps: Iterable[JobStep | tuple[str, str]] | None = None,
) -> None:
    """A run ends with a conclusion; raises Refused when it has ended already."""
    if run.status == "completed":
        raise Refused(422, f"{run!r} has ended already.")
    if conclusion not in get_args(Conclusion):
        raise Refused(422, f"{conclusion} is no conclusion.")
    now = world.clock.now()
    run.started_at = run.started_at or now
    run.log = log
    run.steps = tuple(_read_step(one, run.started_at, now) for one in steps or ())
    remarks = [one if isinstance(one, Annotation) else Annotation(**one) for one in annotations]
    change_run(world, run, conclusion=conclusion, annotations=remarks, title=title or None, summary=summary or None)


def _read_step(step: JobStep | tuple[str, str], begun: datetime, ended: datetime) -> JobStep:
    if isinstance(step, JobStep):
        return step
    name, conclusion = step
    return JobStep(name, conclusion, begun, ended)


def rerun(world: World, run: CheckRun) -> CheckRun:
    """Run a job again, as the button on the Actions tab does: a new run in the same suite, and no `rerequested`.

    https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
    """
    if run.status != "completed" or not run.is_latest:
        raise Refused(403, "The workflow run containing this job is already running")
    suite = run.suite
    if suite.workflow_run and suite.status == "completed":
        suite.workflow_run.attempt += 1
        suite.workflow_run.begun = False
    details_url = None if suite.workflow_run else run.details_url
    return _new_run(world, suite, run.name, None, "queued", details_url, run.external_id, None)


def press(world: World, actor: Actor, run: CheckRun, identifier: str) -> None:
    """Press one of a run's buttons; only the App that owns the run is told.

    https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks#check-runs-and-requested-actions
    """
    need(actor, run.repository, "write")
    button = next((one for one in run.actions if one.identifier == identifier), None)
    if button is None or not run.is_latest:
        shown = ", ".join(one.identifier for one in run.actions) or "none"
        raise Refused(422, f"{run!r} has no button {identifier}, but {shown}.")
    parts = {"check_run": check_shapes.told_check_run(world, run), "requested_action": {"identifier": identifier}}
    world.announce_to_own(run.app, "check_run", "requested_action", run.repository, actor.user, parts)
    world.tell(Kind.BUTTON_PRESSED, actor, run.repository, None, f"{run.name}: {button.label}", run)


def _announce(world: World, run: CheckRun, action: str, sender: User | None) -> None:
    shape = check_shapes.told_check_run(world, run)
    world.announce("check_run", action, run.repository, sender or run.suite.actor, check_run=shape)


def _tell(world: World, run: CheckRun, kind: Kind) -> None:
    pull = next(iter(check_shapes.matching_pulls(run.suite)), None)
    world.happenings.tell(
        Happening(
            kind,
            world.clock.now(),
            by=run.app.bot.login,
            by_app=True,
            repository=run.repository.full_name,
            number=pull.number if pull else None,
            text=f"{run.name}: {run.conclusion or run.status}",
            subject=run,
        )
    )


# What Apps may send; each raises Refused with 422


def check_conclusion(value: str | None) -> Conclusion | None:
    """A conclusion that an App may give: GitHub alone gives stale and startup_failure."""
    if value is None:
        return None
    allowed = [one for one in get_args(Conclusion) if one not in ("stale", "startup_failure")]
    for one in allowed:
        if one == value:
            found: Conclusion = one
            return found
    raise malformed(f"{value} is not a member of {allowed}.")


def check_status(value: str) -> CheckStatus:
    """A status that an App may give: waiting, requested and pending are for GitHub Actions."""
    for one in get_args(CheckStatus):
        if one == value:
            found: CheckStatus = one
            return found
    raise malformed(f"{value} is not a member of {list(get_args(CheckStatus))}.")


def check_length(text: str, most: int) -> str:
    """A text that is not longer than GitHub takes."""
    if len(text) > most:
        raise malformed(f"Only {most} characters are allowed; {len(text)} were supplied.")
    return text


def check_count(items: list[Any], most: int) -> list[Any]:
    """A list that is not longer than GitHub takes."""
    if len(items) > most:
        raise malformed(f"No more than {most} items are allowed; {len(items)} were supplied.")
    return items


def read_buttons(items: list[dict[str, Any]]) -> tuple[Button, ...]:
    """The `actions` of a check run: at most three, each short.

    https://docs.github.com/en/rest/checks/runs#create-a-check-run
    """
    limits = {"label": 20, "description": 40, "identifier": 20}
    return tuple(
        Button(**{name: check_length(_needed(item, name), most) for name, most in limits.items()})
        for item in check_count(items, MOST_ACTIONS)
    )


def read_annotations(items: list[dict[str, Any]]) -> list[Annotation]:
    """The `annotations` of a check run's output: at most fifty in one request."""
    return [_read_annotation(item) for item in check_count(items, MOST_ANNOTATIONS)]


def _read_annotation(item: dict[str, Any]) -> Annotation:
    for name in ("start_line", "end_line"):
        if not isinstance(item.get(name), int):
            raise malformed(f'"{name}" wasn\'t supplied.')
    level = _needed(item, "annotation_level")
    if level not in ("notice", "warning", "failure"):
        raise malformed(f"{level} is not a member of ['notice', 'warning', 'failure'].")
    path, message = _needed(item, "path"), check_length(_needed(item, "message"), 65_536)
    remark = Annotation(path, item["start_line"], item["end_line"], level, message)
    more = ("title", "raw_details", "start_column", "end_column")
    return replace(remark, **{name: item[name] for name in more if name in item})


def _needed(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise malformed(f'"{name}" wasn\'t supplied.')
    return value


# Logs


def link_to_log(world: World, run: CheckRun) -> str:
    """A link to a job's log, for one minute; raises Refused with 404 before the job's end, 410 without the log."""
    if run.status != "completed":
        raise Refused(404, "Not Found")
    if run.log_deleted:
        raise Refused(410, "Server Error")
    secret = secrets.token_urlsafe(24)
    world.log_links[secret] = LogLink(run, world.clock.now() + LINK_LIFETIME)
    return f"{world.shapes.server_url}{LOGS_PREFIX}{secret}"


def linked_log(world: World, secret: str) -> str | None:
    """The log behind a link, or None when the link is wrong or old, or the log was deleted."""
    link = world.log_links.get(secret)
    if link is None or link.expires_at <= world.clock.now() or link.run.log_deleted:
        return None
    return link.run.log


# Commit statuses


def set_status(
    world: World,
    actor: Actor,
    repository: Repository,
    sha: str,
    context: str,
    state: StatusState,
    description: str,
    target_url: str | None,
) -> CommitStatus:
    """Give a commit a status; raises Refused.

    https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
    """
    need(actor, repository, "write")
    commit = commit_of(repository, sha)
    if state not in get_args(StatusState):
        raise Refused(422, f"{state} is no state.")
    if len(description) > LONGEST_STATUS:
        raise Refused(422, f"description is too long (maximum is {LONGEST_STATUS} characters)")
    now, number = world.clock.now(), next(world.ids.status)
    one = CommitStatus(number, repository, commit, context, state, description or None, target_url, actor.user, now)
    world.statuses.append(one)
    git = repository.git
    holding = [(name, tip) for name, tip in git.branches().items() if git.is_ancestor(commit, tip)]
    told = check_shapes.told_status(world, one, git.log(commit, limit=1)[0], holding[:10])
    world.announce("status", None, repository, actor.user, **told)
    world.tell(Kind.STATUS_SET, actor, repository, None, f"{context}: {state}", one)
    return one
