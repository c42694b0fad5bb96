"""How checks, jobs, workflow runs and commit statuses look in GitHub's JSON.

https://docs.github.com/en/rest/checks, https://docs.github.com/en/rest/actions/workflow-jobs,
https://docs.github.com/en/rest/commits/statuses
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from ove_gh.demo.github.bare import Commit
from ove_gh.demo.github.check_records import (
    ACTIONS,
    Annotation,
    CheckRun,
    CheckSuite,
    CommitStatus,
    JobStep,
    WorkflowRun,
    combined_state,
)
from ove_gh.demo.github.clock import stamp
from ove_gh.demo.github.records import Pull, Repository
from ove_gh.demo.github.shapes import Json, node_id
from ove_gh.demo.github.world import World

WORKFLOW_ID = 29_001_201
"""Every repository has the same one workflow, `ci.yml`."""
_WORKFLOW = "ci"
_WORKFLOW_PATH = ".github/workflows/ci.yml"


def matching_pulls(suite: CheckSuite) -> list[Pull]:
    """The open pull requests whose head is the suite's commit, in its own repository: never those of forks."""
    pulls = (issue.pull for issue in suite.repository.issues.values())
    return [
        pull
        for pull in pulls
        if pull
        and pull.state == "open"
        and pull.head_sha == suite.head_sha
        and pull.head_repository is suite.repository
    ]


# Check runs and suites


def run_page(world: World, suite: CheckSuite, number: int) -> str:
    """The page of a check run, for people: of GitHub Actions it is the job's."""
    if suite.workflow_run:
        return world.shapes.page(suite.repository, f"/actions/runs/{suite.workflow_run.id}/job/{number}")
    return world.shapes.page(suite.repository, f"/runs/{number}")


def check_run(world: World, run: CheckRun) -> Json:
    """A check run as the REST API answers it."""
    url = f"{world.shapes.repository_url(run.repository)}/check-runs/{run.id}"
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("CR", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": run.html_url,
        "details_url": run.details_url,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": _stamp(run.started_at),
        "completed_at": _stamp(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run.suite.id},
        "app": world.shapes.app(run.app),
        "pull_requests": _pulls(world, run.suite),
    }


def told_check_run(world: World, run: CheckRun) -> Json:
    """A check run as webhooks carry it: with its suite."""
    return check_run(world, run) | {"check_suite": _simple_suite(world, run.suite)}


def _simple_suite(world: World, suite: CheckSuite) -> Json:
    return {
        "id": suite.id,
        "node_id": node_id("CS", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": suite.status,
        "conclusion": suite.conclusion,
        "url": f"{world.shapes.repository_url(suite.repository)}/check-suites/{suite.id}",
        "before": suite.before,
        "after": suite.head_sha,
        "pull_requests": _pulls(world, suite),
        "app": world.shapes.app(suite.app),
        "created_at": stamp(suite.created_at),
        "updated_at": stamp(suite.updated_at),
    }


def told_check_suite(world: World, suite: CheckSuite) -> Json:
    """A check suite as webhooks carry it."""
    simple = _simple_suite(world, suite)
    return simple | {
        "rerequestable": suite.app.slug != ACTIONS,
        "runs_rerequestable": suite.app.slug != ACTIONS,
        "latest_check_runs_count": len(suite.latest),
        "check_runs_url": f"{simple['url']}/check-runs",
        "head_commit": _head_commit(suite),
    }


def check_suite(world: World, suite: CheckSuite) -> Json:
    """A check suite as the REST API answers it."""
    return told_check_suite(world, suite) | {"repository": world.shapes.minimal_repository(suite.repository)}


def _head_commit(suite: CheckSuite) -> Json:
    commit = suite.repository.git.log(suite.head_sha, limit=1)[0]
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": stamp(commit.committer.at),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
    }


def _pulls(world: World, suite: CheckSuite) -> list[Json]:
    repository = suite.repository
    place = {"id": repository.id, "url": world.shapes.repository_url(repository), "name": repository.name}
    return [
        {
            "url": f"{place['url']}/pulls/{pull.number}",
            "id": pull.id,
            "number": pull.number,
            "head": {"ref": pull.head, "sha": pull.head_sha, "repo": place},
            "base": {"ref": pull.base, "sha": pull.base_sha, "repo": place},
        }
        for pull in matching_pulls(suite)
    ]


def annotation(world: World, run: CheckRun, one: Annotation) -> Json:
    """An annotation of a check run."""
    return {
        "path": one.path,
        "blob_href": world.shapes.page(run.repository, f"/blob/{run.head_sha}/{quote(one.path)}"),
        "start_line": one.start_line,
        "start_column": one.start_column,
        "end_line": one.end_line,
        "end_column": one.end_column,
        "annotation_level": one.annotation_level,
        "title": one.title,
        "message": one.message,
        "raw_details": one.raw_details,
    }


# GitHub Actions


def job(world: World, run: CheckRun, workflow: WorkflowRun) -> Json:
    """The job of GitHub Actions that a check run shows."""
    url = world.shapes.repository_url(run.repository)
    begun = run.status != "queued"
    return {
        "id": run.id,
        "run_id": workflow.id,
        "workflow_name": _WORKFLOW,
        "head_branch": run.suite.head_branch,
        "run_url": f"{url}/actions/runs/{workflow.id}",
        "run_attempt": run.attempt,
        "node_id": node_id("CR", run.id),
        "head_sha": run.head_sha,
        "url": f"{url}/actions/jobs/{run.id}",
        "html_url": run.html_url,
        "status": run.status,
        "conclusion": run.conclusion,
        "created_at": _stamp(run.created_at),
        "started_at": _stamp(run.started_at or run.created_at),
        "completed_at": _stamp(run.completed_at),
        "name": run.name,
        "steps": [_step(number, step) for number, step in enumerate(run.steps, start=1)],
        "check_run_url": f"{url}/check-runs/{run.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1 if begun else None,
        "runner_name": "GitHub Actions 1" if begun else None,
        "runner_group_id": 0 if begun else None,
        "runner_group_name": "GitHub Actions" if begun else None,
    }


def _step(number: int, step: JobStep) -> Json:
    return {
        "name": step.name,
        "status": "completed",
        "conclusion": step.conclusion,
        "number": number,
        "started_at": _stamp(step.started_at),
        "completed_at": _stamp(step.completed_at),
    }


def told_workflow_run(world: World, suite: CheckSuite, run: WorkflowRun) -> Json:
    """The parts of a workflow_run webhook that are its own: the run and its workflow."""
    shapes, repository, git = world.shapes, suite.repository, suite.repository.git
    url = f"{shapes.repository_url(repository)}/actions"
    own, page = f"{url}/runs/{run.id}", shapes.page(repository, f"/actions/runs/{run.id}")
    created, actor = _stamp(suite.created_at), shapes.user(suite.actor)
    shape = {
        "id": run.id,
        "name": _WORKFLOW,
        "node_id": node_id("WFR", run.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "path": _WORKFLOW_PATH,
        "display_title": git.log(suite.head_sha, limit=1)[0].subject,
        "run_number": run.number,
        "run_attempt": run.attempt,
        "event": "push" if suite.head_branch else "pull_request",
        "status": suite.status,
        "conclusion": suite.conclusion,
        "workflow_id": WORKFLOW_ID,
        "check_suite_id": suite.id,
        "check_suite_node_id": node_id("CS", suite.id),
        "url": own,
        "html_url": page,
        "pull_requests": _pulls(world, suite),
        "created_at": created,
        "updated_at": _stamp(suite.updated_at),
        "actor": actor,
        "triggering_actor": actor,
        "referenced_workflows": [],
        "run_started_at": _stamp(run.started_at or suite.created_at),
        "jobs_url": f"{own}/jobs",
        "logs_url": f"{own}/logs",
        "check_suite_url": f"{shapes.repository_url(repository)}/check-suites/{suite.id}",
        "artifacts_url": f"{own}/artifacts",
        "cancel_url": f"{own}/cancel",
        "rerun_url": f"{own}/rerun",
        "previous_attempt_url": f"{own}/attempts/{run.attempt - 1}" if run.attempt > 1 else None,
        "workflow_url": f"{url}/workflows/{WORKFLOW_ID}",
        "head_commit": _head_commit(suite),
        "repository": shapes.minimal_repository(repository),
        "head_repository": shapes.minimal_repository(_head_repository(suite)),
    }
    return {"workflow": _workflow(world, repository), "workflow_run": shape}


def _head_repository(suite: CheckSuite) -> Repository:
    """Where the commit comes from: a fork, if a pull request brought it from one."""
    pulls = (issue.pull for issue in suite.repository.issues.values())
    forks = (pull.fork for pull in pulls if pull and pull.fork and pull.head_sha == suite.head_sha)
    return next(forks, suite.repository) if suite.head_branch is None else suite.repository


def _workflow(world: World, repository: Repository) -> Json:
    made = stamp(repository.created_at)
    branch = quote(repository.default_branch)
    return {
        "id": WORKFLOW_ID,
        "node_id": node_id("W", WORKFLOW_ID),
        "name": _WORKFLOW,
        "path": _WORKFLOW_PATH,
        "state": "active",
        "created_at": made,
        "updated_at": made,
        "url": f"{world.shapes.repository_url(repository)}/actions/workflows/{WORKFLOW_ID}",
        "html_url": world.shapes.page(repository, f"/blob/{branch}/{_WORKFLOW_PATH}"),
        "badge_url": world.shapes.page(repository, f"/workflows/{_WORKFLOW}/badge.svg"),
    }


# Commit statuses


def status(world: World, one: CommitStatus) -> Json:
    """A commit status, as lists carry it."""
    return _simple_status(world, one) | {"creator": world.shapes.user(one.creator)}


def _simple_status(world: World, one: CommitStatus) -> Json:
    return {
        "url": f"{world.shapes.repository_url(one.repository)}/statuses/{one.sha}",
        "avatar_url": world.shapes.user(one.creator)["avatar_url"],
        "id": one.id,
        "node_id": node_id("SC", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
    }


def combined_status(
    world: World, repository: Repository, sha: str, latest: list[CommitStatus], page: Iterable[CommitStatus]
) -> Json:
    """What the latest statuses of a commit come to; `page` are those of them that are shown."""
    url = f"{world.shapes.repository_url(repository)}/commits/{sha}"
    return {
        "state": combined_state(latest),
        "statuses": [_simple_status(world, one) for one in page],
        "sha": sha,
        "total_count": len(latest),
        "repository": world.shapes.minimal_repository(repository),
        "commit_url": url,
        "url": f"{url}/status",
    }


def told_status(world: World, one: CommitStatus, commit: Commit, branches: Iterable[tuple[str, str]]) -> Json:
    """The parts of a status webhook that are its own; `branches` are those that contain the commit, with their tips."""
    shapes = world.shapes
    at = one.created_at.astimezone(UTC).isoformat()  # this event alone writes times so
    return {
        "id": one.id,
        "sha": one.sha,
        "name": one.repository.full_name,
        "avatar_url": shapes.user(one.creator)["avatar_url"],
        "target_url": one.target_url,
        "context": one.context,
        "description": one.description,
        "state": one.state,
        "commit": shapes.commit(one.repository, commit, world.author_of(commit)),
        "branches": [
            {
                "name": name,
                "commit": {"sha": tip, "url": f"{shapes.repository_url(one.repository)}/commits/{tip}"},
                "protected": False,
            }
            for name, tip in branches
        ],
        "created_at": at,
        "updated_at": at,
    }


def _stamp(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None
