"""Read the checks of a commit from GitHub, and, of those that failed, why: the truth behind the hints of webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from ove_gh.ci import Annotation, Check, FailedCheck, Report, verdict_of, verdict_of_status
from ove_gh.github.client import Repository
from ove_gh.github.errors import GitHubRefused
from ove_gh.github.models import CheckRun, CheckSuite, CommitStatus, Job, Pull
from ove_gh.joblogs import tail

MOST_LOOKED_INTO = 8
"""Of how many failed checks the reason is read; the others are named."""
MOST_ANNOTATIONS = 20
MOST_LOG_BYTES = 256 * 1024
"""What is read of the end of a job's log. What is shown of it is much less (joblogs.py)."""

ACTIONS = "github-actions"
"""The App that GitHub Actions reports as; the ids of its check runs are those of its jobs:
https://docs.github.com/en/rest/actions/workflow-jobs"""

log = structlog.get_logger("ove_gh.checks")


@dataclass(frozen=True, slots=True)
class Sight:
    """What GitHub shows of a commit and its pull request at one moment.

    `more_to_come` says that a check suite has not ended, although its runs so far may have: jobs that need others
    appear only when those are done.
    """

    pull: Pull | None
    checks: tuple[Check, ...]
    more_to_come: bool


async def look(repository: Repository, *, sha: str, pull_number: int | None, app_id: int) -> Sight:
    """Read a commit's checks and its pull request; the check runs of the App `app_id`, our own, are left out.

    Raises what `Repository` raises.
    """
    pull, runs, suites, statuses = await asyncio.gather(
        _pull(repository, pull_number),
        repository.check_runs(sha),
        repository.check_suites(sha),
        repository.statuses(sha),
    )
    others = [suite for suite in suites if suite.app_id != app_id]
    return Sight(pull, _checks(runs, statuses, app_id), any(map(_goes_on, others)))


async def checks_of(repository: Repository, sha: str, *, app_id: int) -> tuple[Check, ...]:
    """The checks of a commit alone."""
    runs, statuses = await asyncio.gather(repository.check_runs(sha), repository.statuses(sha))
    return _checks(runs, statuses, app_id)


async def report_on(
    repository: Repository, sha: str, failed: Sequence[Check], *, on_base: Sequence[Check], passed: int
) -> Report:
    """Why checks failed: annotations, the step that failed, the end of its log, as far as GitHub has them."""
    looked_into = await asyncio.gather(*(_look_into(repository, check) for check in failed[:MOST_LOOKED_INTO]))
    return Report(sha, tuple(looked_into), tuple(failed[MOST_LOOKED_INTO:]), tuple(on_base), passed)


async def _pull(repository: Repository, number: int | None) -> Pull | None:
    return await repository.pull(number) if number is not None else None


def _checks(runs: Sequence[CheckRun], statuses: Sequence[CommitStatus], app_id: int) -> tuple[Check, ...]:
    theirs = [_of_run(run) for run in runs if run.app_id != app_id]
    return (*theirs, *map(_of_status, statuses))


def _of_run(run: CheckRun) -> Check:
    return Check(
        key=f"{run.app_slug}/{run.name}",
        name=run.name,
        verdict=verdict_of(run.status, run.conclusion),
        conclusion=run.conclusion,
        url=run.html_url,
        summary="\n".join(filter(None, (run.title, run.summary))),
        run_id=run.id,
        is_job=run.app_slug == ACTIONS,
    )


def _of_status(status: CommitStatus) -> Check:
    return Check(
        key=f"status/{status.context}",
        name=status.context,
        verdict=verdict_of_status(status.state),
        conclusion="" if status.state == "pending" else status.state,
        url=status.target_url,
        summary=status.description,
    )


def _goes_on(suite: CheckSuite) -> bool:
    """GitHub makes a suite for every App on every push; one without runs says nothing, and never ends."""
    return suite.latest_check_runs_count > 0 and suite.status != "completed"


async def _look_into(repository: Repository, check: Check) -> FailedCheck:
    if check.run_id is None:
        return FailedCheck(check)
    annotations, (step, text) = await asyncio.gather(
        _annotations(repository, check.run_id),
        _job_log(repository, check.run_id) if check.is_job else _nothing(),
    )
    return FailedCheck(check, annotations, step, text)


async def _annotations(repository: Repository, run_id: int) -> tuple[Annotation, ...]:
    try:
        found = await repository.annotations(run_id, most=MOST_ANNOTATIONS)
    except GitHubRefused as error:
        log.warning("annotations cannot be read", check_run=run_id, problem=str(error))
        return ()
    return tuple(Annotation(one.path, one.start_line, one.level, one.message, one.title) for one in found)


async def _job_log(repository: Repository, job_id: int) -> tuple[str, str]:
    """The name of a job's step that failed, and the end of what it printed."""
    try:
        job, text = await asyncio.gather(repository.job(job_id), repository.job_log(job_id, most_bytes=MOST_LOG_BYTES))
    except GitHubRefused as error:
        log.warning("a job's log cannot be read", job=job_id, problem=str(error))
        return "", ""
    return _cut(job, text or "")


def _cut(job: Job | None, text: str) -> tuple[str, str]:
    steps = job.steps if job is not None else ()
    failed = next((step for step in steps if step.conclusion in ("failure", "timed_out")), None)
    if failed is None:
        return "", tail(text, failed_step=None)
    shown = tail(text, failed_step=failed.name, started=failed.started_at, completed=failed.completed_at)
    return failed.name, shown


async def _nothing() -> tuple[str, str]:
    return "", ""
