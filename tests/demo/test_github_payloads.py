"""The simulated GitHub's payloads have what GitHub's own published examples have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ove_gh.demo.github import Button
from tests.demo.github_scene import SHOP, Scene, setting
from tests.payload_examples import example_payloads

pytestmark = pytest.mark.anyio

CHECKED = {
    "check_run.created",
    "check_run.completed",
    "check_run.requested_action",
    "check_suite.requested",
    "check_suite.completed",
    "fork",
    "issues.locked",
    "issues.unlabeled",
    "issues.unlocked",
    "pull_request.locked",
    "pull_request.review_requested",
    "pull_request.unlabeled",
    "pull_request.unlocked",
    "pull_request_review.dismissed",
    "pull_request_review.submitted",
    "pull_request_review_comment.created",
    "pull_request_review_comment.deleted",
    "pull_request_review_comment.edited",
    "pull_request_review_thread.resolved",
    "pull_request_review_thread.unresolved",
    "status",
    "workflow_run.requested",
    "workflow_run.completed",
}
"""What is told of checks, forks, labels, locks and reviews; for each of them GitHub has an example."""
NOWHERE = "http://127.0.0.1:9/"

UNRELIABLE = {
    "issue.draft": "a pull request's field, in examples that were made from one",
    "hook.ping_url": "a repository's webhook has it, an App's has not",
    "hook.url": "a repository's webhook has it, an App's has not",
    "sender": "a ping that follows the making of an App has none",
    "installation.permissions": "each App has its own",
    "check_run.app.permissions": "each App has its own",
    "check_run.check_suite.app.permissions": "each App has its own",
    "check_suite.app.permissions": "each App has its own",
}


async def test_payloads_have_every_common_field_of_githubs_examples() -> None:
    """Every field that all of GitHub's examples of an event and action share is in ours too, at any depth."""
    missing, payloads = {}, await _payloads()
    for name, payload in payloads.items():
        event, _, action = name.partition(".")
        examples = [one for _, one in example_payloads(event) if one.get("action", "") == action]
        absent = [path for path in _absent(examples, payload) if not path.startswith(tuple(UNRELIABLE))]
        if examples and absent:
            missing[name] = absent
    assert missing == {}
    assert payloads.keys() >= CHECKED


async def _payloads() -> dict[str, Any]:
    """One payload of each kind that the simulation sends."""
    async with setting(webhook_url=NOWHERE) as scene:
        _live(scene)
        _check(scene)
        _review(scene)
        await scene.github.settled()
        return {one.webhook.name: one.payload for one in scene.github.deliveries}


def _live(scene: Scene) -> None:
    github = scene.github
    github.create_repository("acme/second")
    github.install(scene.app, "acme/second")
    github.open_issue(SHOP, "alice", "Wrong total", "Please.")
    github.edit_issue(SHOP, 1, "alice", body="Please!")
    github.add_label(SHOP, 1, "alice", "bug")
    comment = github.comment(SHOP, 1, "bob", "- [ ] one")
    github.tick(comment.id, "alice", "one")
    github.delete_comment(comment.id, "alice")
    github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
    github.open_pull(SHOP, "alice", "Fix", head="fix", body="Fixes #1")
    github.add_label(SHOP, 2, "alice", "bug")
    github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 2\n"}, "Fix more")
    github.merge_pull(SHOP, 2, "alice")
    github.uninstall(scene.app, "acme/second")
    github.uninstall(scene.app, SHOP)


def _check(scene: Scene) -> None:
    """What an App receives that may see everything of checks."""
    github, events = (
        scene.github,
        ("check_run", "check_suite", "fork", "push", "pull_request", "status", "workflow_run"),
    )
    may = {"actions": "read", "checks": "write", "contents": "read", "pull_requests": "read", "statuses": "read"}
    app = github.create_app("checker", permissions=may, events=events, webhook_url=NOWHERE)
    github.install(app, SHOP)
    github.fork(SHOP, "bob")
    sha = github.push_commit(SHOP, "more", "alice", {"cart.py": "total = 3\n"}, "More")
    pull = github.open_pull(SHOP, "alice", "More", head="more")
    run = github.start_check(SHOP, sha, "test")
    github.begin_check(run)
    github.finish_check(run, "failure")
    github.set_status(SHOP, sha, "ci/x", "failure")
    own = github.start_check(SHOP, sha, "checker", app="checker")
    own.actions = (Button("Stop", "Stop the work", "stop"),)
    github.press(own, "alice", "stop")
    github.close_pull(SHOP, pull.number, "alice")


def _review(scene: Scene) -> None:
    """What an App receives that may see everything of conversations and reviews."""
    github = scene.github
    events = (
        "issues",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
    )
    may = {"issues": "read", "pull_requests": "read"}
    github.install(github.create_app("reader", permissions=may, events=events, webhook_url=NOWHERE), SHOP)
    github.push_commit(SHOP, "again", "alice", {"cart.py": "total = 4\n"}, "Again")
    pull = github.open_pull(SHOP, "alice", "Again", head="again")
    issue = github.open_issue(SHOP, "bob", "Wrong again")
    github.grant(SHOP, "carol", "maintain")
    for number in (issue.number, pull.number):
        github.add_label(SHOP, number, "carol", "bug")
        github.remove_label(SHOP, number, "carol", "bug")
        github.lock(SHOP, number, "carol")
        github.unlock(SHOP, number, "carol")
    github.request_review(SHOP, pull.number, "alice", "carol")
    inline = [{"path": "cart.py", "line": 1, "body": "Why?"}]
    review = github.review(SHOP, pull.number, "carol", "REQUEST_CHANGES", comments=inline)
    github.edit_review_comment(review.comments[0], "carol", "Why so?")
    github.resolve(review.comments[0], "alice")
    github.unresolve(review.comments[0], "alice")
    github.delete_review_comment(review.comments[0], "carol")
    github.dismiss(review, "alice")


def _absent(examples: Sequence[dict[str, Any]], ours: Any, path: str = "") -> Iterator[str]:
    if not examples or not isinstance(ours, dict):
        return
    for key in sorted(set.intersection(*(set(example) for example in examples))):
        if key not in ours:
            yield f"{path}{key}"
        values = [example[key] for example in examples]
        if all(isinstance(value, dict) for value in values):
            yield from _absent(values, ours.get(key), f"{path}{key}.")
