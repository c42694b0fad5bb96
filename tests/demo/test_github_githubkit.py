"""githubkit, which checks every answer against GitHub's published schema, reads the simulated GitHub's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from githubkit import GitHub, TokenAuthStrategy
from githubkit.exception import RequestFailed

from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio

VERSION = "2022-11-28"
OWNER, NAME = SHOP.split("/")


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh GitHub with an issue, a pull request, and something in every list."""
    async with setting() as scene:
        github = scene.github
        issue = github.open_issue(SHOP, "alice", "Wrong total", "It is wrong.")
        github.add_label(SHOP, 1, "alice", "bug")
        github.react(issue, "bob", "heart")
        github.react(github.comment(SHOP, 1, "bob", "me too"), "alice", "+1")
        github.push_commit(SHOP, "ove/1-fix", "alice", {"cart.py": "total = 1\n", "docs/a.md": None}, "Fix")
        github.open_pull(SHOP, "alice", "Fix", head="ove/1-fix", body="Closes #1")
        yield scene


def client(scene: Scene, credentials: str) -> GitHub[TokenAuthStrategy]:
    """githubkit as the service sets it up."""
    url = scene.github.api_url
    return GitHub(credentials, base_url=url, auto_retry=False, http_cache=False, timeout=20, trust_env=False)


async def test_every_read_answer_fits_the_schema(scene: Scene) -> None:
    """Each GET endpoint for installations answers what githubkit's models for that version accept."""
    async with client(scene, await scene.token()) as github:
        rest = github.rest(VERSION)
        comment = scene.github.thread(SHOP, 1)[0].id
        answers = [
            await rest.apps.async_list_repos_accessible_to_installation(),
            await rest.git.async_get_ref(OWNER, NAME, "heads/ove/1-fix"),
            await rest.issues.async_get(OWNER, NAME, 1),
            await rest.issues.async_get(OWNER, NAME, 2),
            await rest.issues.async_get_comment(OWNER, NAME, comment),
            await rest.issues.async_list_comments(OWNER, NAME, 1),
            await rest.pulls.async_get(OWNER, NAME, 2),
            await rest.pulls.async_list(OWNER, NAME, head="acme:ove/1-fix", state="open"),
            await rest.pulls.async_list_commits(OWNER, NAME, 2),
            await rest.pulls.async_list_files(OWNER, NAME, 2),
            await rest.rate_limit.async_get(),
            await rest.reactions.async_list_for_issue(OWNER, NAME, 1),
            await rest.reactions.async_list_for_issue_comment(OWNER, NAME, comment),
            await rest.repos.async_compare_commits(OWNER, NAME, "main...ove/1-fix"),
            await rest.repos.async_get(OWNER, NAME),
            await rest.repos.async_get_branch(OWNER, NAME, "ove/1-fix"),
            await rest.repos.async_get_collaborator_permission_level(OWNER, NAME, "alice"),
            await rest.repos.async_get_content(OWNER, NAME, "cart.py"),
            await rest.repos.async_get_content(OWNER, NAME, "docs"),
            await rest.users.async_get_by_username("ove[bot]"),
        ]
        assert all(answer.parsed_data for answer in answers)
        assert all(answer.headers["X-GitHub-Api-Version-Selected"] == VERSION for answer in answers)


async def test_every_write_answer_fits_the_schema(scene: Scene) -> None:
    """Comments, reactions, pull requests and review requests are made and answered as githubkit expects."""
    async with client(scene, await scene.token()) as github:
        rest = github.rest(VERSION)
        posted = (await rest.issues.async_create_comment(OWNER, NAME, 1, body="Working on it")).parsed_data
        edited = (await rest.issues.async_update_comment(OWNER, NAME, posted.id, body="Done")).parsed_data
        assert (edited.id, edited.body) == (posted.id, "Done")
        reactions = rest.reactions
        on_comment = await reactions.async_create_for_issue_comment(OWNER, NAME, posted.id, content="eyes")
        on_issue = await reactions.async_create_for_issue(OWNER, NAME, 1, content="rocket")
        assert (on_comment.parsed_data.content, on_issue.parsed_data.content) == ("eyes", "rocket")
        await reactions.async_delete_for_issue_comment(OWNER, NAME, posted.id, on_comment.parsed_data.id)
        await reactions.async_delete_for_issue(OWNER, NAME, 1, on_issue.parsed_data.id)
        await rest.issues.async_delete_comment(OWNER, NAME, posted.id)
        scene.github.push_commit(SHOP, "other", "alice", {"b.py": "1\n"}, "Other")
        pull = (await rest.pulls.async_create(OWNER, NAME, title="Other", head="other", base="main")).parsed_data
        await rest.pulls.async_request_reviewers(OWNER, NAME, pull.number, reviewers=["alice"])
        updated = (await rest.pulls.async_update(OWNER, NAME, pull.number, title="Better")).parsed_data
        assert updated.title == "Better"


async def test_the_apps_answers_fit_the_schema(scene: Scene) -> None:
    """The endpoints for Apps, token and deliveries included, answer as githubkit expects."""
    scene.github.set_webhook_url(scene.app, "http://127.0.0.1:9/")
    await scene.github.settled()
    async with client(scene, scene.jwt()) as github:
        apps = github.rest(VERSION).apps
        me = (await apps.async_get_authenticated()).parsed_data
        assert me is not None
        assert me.slug == "ove"
        installation = (await apps.async_get_repo_installation(OWNER, NAME)).parsed_data
        assert installation.id == scene.installation_id
        minted = await apps.async_create_installation_access_token(
            installation.id, repositories=[NAME], permissions={"issues": "write"}
        )
        assert minted.parsed_data.token.startswith("ghs_")
        assert (await apps.async_list_installations()).parsed_data[0].app_slug == "ove"
        assert (await apps.async_get_installation(installation.id)).parsed_data.id == installation.id
        [delivery] = (await apps.async_list_webhook_deliveries()).parsed_data
        in_full = (await apps.async_get_webhook_delivery(delivery.id)).parsed_data
        assert in_full.event == "ping"
        await apps.async_redeliver_webhook_delivery(delivery.id)
        assert (await apps.async_get_webhook_config_for_app()).parsed_data.content_type == "json"


async def test_refusals_fit_the_schema(scene: Scene) -> None:
    """githubkit reads 403, 404 and 422 as the errors that GitHub's schema names."""
    async with client(scene, await scene.token(permissions={"issues": "write"})) as github:
        rest = github.rest(VERSION)
        calls: list[tuple[int, Any]] = [
            (403, rest.repos.async_get_branch(OWNER, NAME, "main")),
            (404, rest.issues.async_get(OWNER, NAME, 99)),
            (422, rest.issues.async_create_comment(OWNER, NAME, 1, body="")),
        ]
        for status, awaiting in calls:
            with pytest.raises(RequestFailed) as caught:
                await awaiting
            assert caught.value.response.status_code == status
            assert caught.value.response.json()["message"]
