"""The checks of a commit: what others say of it, why a job failed, and the check run that the App keeps itself.

A commit that GitHub does not know is Unprocessable, or NotFound.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ove_gh.github import errors, models
from ove_gh.github.download import read_end
from ove_gh.github.installation import PAGE, Answer, InstalledRepository, Purpose, read


class Checks(InstalledRepository):
    """The part of a Repository that is about checks."""

    async def check_runs(self, sha: str) -> list[models.CheckRun]:
        """The commit's check runs, of each one that ran again only the latest.

        GitHub looks no further back than the 1000 newest check suites.
        https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference
        """
        return await self._check_runs(sha, filter_="latest")

    async def check_suites(self, sha: str) -> list[models.CheckSuite]:
        """The commit's check suites. GitHub makes one for each App that may write checks, also when it runs none.

        https://docs.github.com/en/rest/checks/suites#list-check-suites-for-a-git-reference
        """
        rest = self._rest(Purpose.CHECKS)

        async def ask(page: int) -> Answer:
            return await rest.checks.async_list_suites_for_ref(
                self._owner, self._name, _part(sha), per_page=PAGE, page=page
            )

        suites = map(models.read_check_suite, await self._items(ask, "check suites", under="check_suites"))
        return list({suite.id: suite for suite in suites}.values())

    async def statuses(self, sha: str) -> list[models.CommitStatus]:
        """The commit's statuses (the older kind of check), of each context the newest.

        https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
        """
        rest = self._rest(Purpose.CHECKS)

        async def ask(page: int) -> Answer:
            return await rest.repos.async_get_combined_status_for_ref(
                self._owner, self._name, _part(sha), per_page=PAGE, page=page
            )

        statuses = map(models.read_commit_status, await self._items(ask, "combined status", under="statuses"))
        return list({status.context: status for status in statuses}.values())

    async def annotations(self, check_run_id: int, *, most: int = 50) -> list[models.Annotation]:
        """The first annotations of a check run, at most so many; reads no more pages than they need.

        Raises NotFound when there is no such check run.
        https://docs.github.com/en/rest/checks/runs#list-check-run-annotations
        """
        rest = self._rest(Purpose.CHECKS)

        async def ask(page: int) -> Answer:
            return await rest.checks.async_list_annotations(
                self._owner, self._name, check_run_id, per_page=min(most, PAGE), page=page
            )

        return [models.read_annotation(raw) for raw in await self._items(ask, "annotations", most=most)]

    async def job(self, job_id: int) -> models.Job | None:
        """The job of GitHub Actions, or None when there is none. Its check run has the same id.

        https://docs.github.com/en/rest/actions/workflow-jobs#get-a-job-for-a-workflow-run
        """
        rest = self._rest(Purpose.CHECKS)
        try:
            answer = await self._repeating(
                lambda: rest.actions.async_get_job_for_workflow_run(self._owner, self._name, job_id)
            )
        except errors.NotFound:
            return None
        return read(answer, models.read_job)

    async def job_log(self, job_id: int, *, most_bytes: int) -> str | None:
        """The end of a job's log, at most so many bytes of it; what is not UTF-8 becomes the replacement character.

        None when there is none (yet, or any more), when the storage refuses, and when it is far too long to be read.
        https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
        """
        rest = self._rest(Purpose.CHECKS)

        async def fetch() -> bytes | None:  # with a link of its own each time, for a link lives one minute
            answer = await rest.actions.async_download_job_logs_for_workflow_run(
                self._owner, self._name, job_id, stream=True
            )
            return await read_end(self._connection, answer.raw_response, most_bytes=most_bytes)

        try:
            end = await self._repeating(fetch)
        except (errors.NotFound, errors.Gone):
            return None
        return None if end is None else end.decode("utf-8-sig", "replace")  # a log begins with a byte order mark

    async def create_check_run(
        self, *, name: str, head_sha: str, external_id: str, state: models.CheckState
    ) -> models.CheckRun:
        """Put a check run of the App's own on a commit.

        Sent once: when the error's `may_have_happened` is set, look with `find_own_check_run` first.
        https://docs.github.com/en/rest/checks/runs#create-a-check-run
        """
        rest = self._rest(Purpose.REPORT)
        answer = await rest.checks.async_create(
            self._owner, self._name, name=name, head_sha=head_sha, external_id=external_id, **_fields(state)
        )
        return read(answer, models.read_check_run)

    async def update_check_run(self, check_run_id: int, state: models.CheckState) -> models.CheckRun:
        """Give the App's own check run this state, whatever it was before.

        Raises NotFound, and Forbidden for another App's check run.
        https://docs.github.com/en/rest/checks/runs#update-a-check-run
        """
        rest = self._rest(Purpose.REPORT)
        answer = await self._repeating(
            lambda: rest.checks.async_update(self._owner, self._name, check_run_id, **_fields(state))
        )
        return read(answer, models.read_check_run)

    async def find_own_check_run(self, sha: str, external_id: str, app_id: int) -> models.CheckRun | None:
        """The newest check run of the App `app_id` on the commit that has this `external_id`."""
        # “latest” would hide all but one of those that share a name
        runs = await self._check_runs(sha, filter_="all", app_id=app_id)
        ours = [run for run in runs if run.app_id == app_id and run.external_id == external_id]
        return max(ours, key=lambda run: run.id, default=None)

    async def _check_runs(self, sha: str, **filters: Any) -> list[models.CheckRun]:
        rest = self._rest(Purpose.CHECKS)

        async def ask(page: int) -> Answer:
            return await rest.checks.async_list_for_ref(
                self._owner, self._name, _part(sha), per_page=PAGE, page=page, **filters
            )

        runs = map(models.read_check_run, await self._items(ask, "check runs", under="check_runs"))
        return list({run.id: run for run in runs}.values())  # a new one meanwhile moves others to the next page


def _part(text: str) -> str:
    """One part of a path, which stays one."""
    return quote(text, safe="")


def _fields(state: models.CheckState) -> dict[str, Any]:
    """All fields of a check run's state; an empty list of actions takes former buttons away."""
    fields: dict[str, Any] = {
        "status": state.status,
        "output": {"title": state.title, "summary": state.summary},
        "actions": [
            {"label": action.label, "description": action.description, "identifier": action.identifier}
            for action in state.actions
        ],
    }
    return fields if state.conclusion is None else {**fields, "conclusion": state.conclusion}
