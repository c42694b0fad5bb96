"""The simulated GitHub's payloads have what GitHub's own published examples have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.demo.github_scene import SHOP, Scene, setting
from tests.payload_examples import example_payloads

pytestmark = pytest.mark.anyio

UNRELIABLE = {
    "issue.draft": "a pull request's field, in examples that were made from one",
    "hook.ping_url": "a repository's webhook has it, an App's has not",
    "hook.url": "a repository's webhook has it, an App's has not",
    "sender": "a ping that follows the making of an App has none",
    "installation.permissions": "each App has its own",
}


async def test_payloads_have_every_common_field_of_githubs_examples() -> None:
    """Every field that all of GitHub's examples of an event and action share is in ours too, at any depth."""
    missing = {}
    for name, payload in (await _payloads()).items():
        event, _, action = name.partition(".")
        examples = [one for _, one in example_payloads(event) if one.get("action", "") == action]
        absent = [path for path in _absent(examples, payload) if not path.startswith(tuple(UNRELIABLE))]
        if examples and absent:
            missing[name] = absent
    assert missing == {}


async def _payloads() -> dict[str, Any]:
    """One payload of each kind that the simulation sends."""
    async with setting(webhook_url="http://127.0.0.1:9/") as scene:
        _live(scene)
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


def _absent(examples: Sequence[dict[str, Any]], ours: Any, path: str = "") -> Iterator[str]:
    if not examples or not isinstance(ours, dict):
        return
    for key in sorted(set.intersection(*(set(example) for example in examples))):
        if key not in ours:
            yield f"{path}{key}"
        values = [example[key] for example in examples]
        if all(isinstance(value, dict) for value in values):
            yield from _absent(values, ours.get(key), f"{path}{key}.")
