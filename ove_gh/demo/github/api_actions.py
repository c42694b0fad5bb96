"""The API of GitHub Actions: jobs and their logs."""

from __future__ import annotations

from ove_gh.demo.github import check_shapes
from ove_gh.demo.github.check_records import CheckRun, WorkflowRun
from ove_gh.demo.github.checks import link_to_log
from ove_gh.demo.github.endpoints import Answer, Call, Endpoint
from ove_gh.demo.github.refusals import not_found

_READ = "actions=read"


def get_job(call: Call) -> Answer:
    """One job with its steps; its id is that of its check run."""
    return Answer(check_shapes.job(call.world, *_job(call)))


def get_job_log(call: Call) -> Answer:
    """A redirect to the job's log, which is not part of the API."""
    run, _ = _job(call)
    return Answer(None, 302, {"Location": link_to_log(call.world, run)})


def _job(call: Call) -> tuple[CheckRun, WorkflowRun]:
    run = call.world.check_runs.get(call.params["job_id"])
    if run is None or run.repository is not call.repository or run.suite.workflow_run is None:
        raise not_found()
    return run, run.suite.workflow_run


_JOB = "/repos/{owner}/{repo}/actions/jobs/{job_id:int}"
_DOCS = "actions/workflow-jobs"
ENDPOINTS = (
    Endpoint("GET", _JOB, get_job, "installation", f"{_DOCS}#get-a-job-for-a-workflow-run", _READ),
    Endpoint(
        "GET", f"{_JOB}/logs", get_job_log, "installation", f"{_DOCS}#download-job-logs-for-a-workflow-run", _READ
    ),
)
