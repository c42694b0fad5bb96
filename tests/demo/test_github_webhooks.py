"""Webhooks of the simulated GitHub: what is sent, in which order, how it is signed, and how it goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from ove_gh.demo.github import Refused, signature
from tests.demo.github_scene import SHOP, Received, Receiver, Scene, receiving, setting

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Hooked:
    """A scene whose App sends its webhooks to a receiver; ping and installation have arrived."""

    scene: Scene
    receiver: Receiver

    async def names(self) -> list[str]:
        """What has arrived, once everything has: `issue_comment.created`, …"""
        await self.scene.github.settled()
        return [_name(one) for one in self.receiver.received]


def _name(one: Received) -> str:
    action = json.loads(one.body).get("action")
    return f"{one.headers['x-github-event']}{f'.{action}' if action else ''}"


@pytest.fixture
async def hooked() -> AsyncIterator[Hooked]:
    """A fresh GitHub with a listening App and one issue; nothing of that has been counted."""
    async with receiving() as receiver, setting(webhook_url=receiver.url) as scene:
        scene.github.open_issue(SHOP, "alice", "Wrong total")
        await scene.github.settled()
        receiver.received.clear()
        yield Hooked(scene, receiver)


def test_signatures_match_githubs_own_example() -> None:
    """The signature of GitHub's documented test vector comes out."""
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature("It's a Secret to Everybody", b"Hello, World!") == expected


async def test_an_app_is_pinged_and_told_of_its_installation() -> None:
    """A new webhook gets a ping; the first repository is an installation, the next is added to it."""
    async with receiving() as receiver, setting(webhook_url=receiver.url) as scene:
        scene.github.create_repository("acme/second")
        scene.github.install(scene.app, "acme/second")
        scene.github.uninstall(scene.app, "acme/second")
        scene.github.uninstall(scene.app, SHOP)
        names = await Hooked(scene, receiver).names()
    added = ["installation.created", "installation_repositories.added"]
    assert names == ["ping", *added, "installation_repositories.removed", "installation.deleted"]


async def test_every_header_is_sent_and_the_body_is_signed(hooked: Hooked) -> None:
    """A comment arrives as JSON with GitHub's headers and a signature over the very bytes."""
    github, app = hooked.scene.github, hooked.scene.app
    comment = github.comment(SHOP, 1, "carol", "@ove fïx it")
    assert await hooked.names() == ["issue_comment.created"]
    [one] = hooked.receiver.received
    assert one.headers["x-hub-signature-256"] == signature(app.webhook_secret, one.body)
    assert one.headers["x-github-hook-installation-target-id"] == str(app.app_id)
    assert one.headers["x-github-hook-installation-target-type"] == "integration"
    assert one.headers["x-github-hook-id"] == str(app.hook_id)
    assert one.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert one.headers["content-type"] == "application/json"
    payload = json.loads(one.body)
    assert payload["comment"]["id"] == comment.id
    assert payload["comment"]["author_association"] == "NONE"
    assert payload["sender"]["login"] == "carol"
    assert payload["installation"]["id"] == hooked.scene.installation_id
    assert payload["repository"]["clone_url"] == f"{github.server_url}/acme/shop.git"
    assert payload["organization"]["login"] == "acme"


async def test_without_a_secret_nothing_is_signed(hooked: Hooked) -> None:
    """An App without a webhook secret gets its webhooks without a signature."""
    hooked.scene.app.webhook_secret = ""
    hooked.scene.github.comment(SHOP, 1, "carol", "hello")
    await hooked.names()
    assert not [name for name in hooked.receiver.received[0].headers if name.startswith("x-hub-signature")]


async def test_a_tick_arrives_as_an_edit_by_the_person(hooked: Hooked) -> None:
    """A box that alice ticks in the App's comment is issue_comment.edited: her as sender, the bot as author."""
    scene = hooked.scene
    token = await scene.token()
    posted = await scene.call("POST", f"/repos/{SHOP}/issues/1/comments", token, json={"body": "- [ ] one\n- [ ] two"})
    scene.github.tick(posted.json()["id"], "alice", "two")
    assert await hooked.names() == ["issue_comment.created", "issue_comment.edited"]
    by_app, edited = (json.loads(one.body) for one in hooked.receiver.received)
    assert (by_app["sender"]["type"], by_app["comment"]["performed_via_github_app"]["slug"]) == ("Bot", "ove")
    assert edited["sender"]["login"] == "alice"
    assert edited["comment"]["user"]["login"] == "ove[bot]"
    assert edited["changes"] == {"body": {"from": "- [ ] one\n- [ ] two"}}
    assert edited["comment"]["body"] == "- [ ] one\n- [x] two"


async def test_a_life_in_webhooks_comes_in_order(hooked: Hooked) -> None:
    """Everything that is done sends its event, one after the other in the order of the deeds."""
    github = hooked.scene.github
    github.add_label(SHOP, 1, "alice", "bug")
    github.edit_issue(SHOP, 1, "alice", title="Wrong total in the cart")
    comment = github.comment(SHOP, 1, "bob", "me too")
    github.edit_comment(comment.id, "bob", "me too!")
    github.delete_comment(comment.id, "bob")
    github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 1\n"}, "Fix")
    github.open_pull(SHOP, "alice", "Fix", head="fix", body="Fixes #1")
    github.push_commit(SHOP, "fix", "alice", {"cart.py": "total = 2\n"}, "Fix more")
    github.merge_pull(SHOP, 2, "alice")
    github.delete_branch(SHOP, "fix", "alice")
    assert await hooked.names() == [
        "issues.labeled",
        "issues.edited",
        "issue_comment.created",
        "issue_comment.edited",
        "issue_comment.deleted",
        "push",
        "pull_request.opened",
        "push",
        "pull_request.synchronize",
        "pull_request.closed",
        "push",
        "issues.closed",
        "push",
    ]
    merged = json.loads(hooked.receiver.received[9].body)
    assert merged["pull_request"]["merged"] is True
    deleted = json.loads(hooked.receiver.received[-1].body)
    assert (deleted["deleted"], deleted["after"], deleted["head_commit"]) == (True, "0" * 40, None)


async def test_a_push_tells_its_commits(hooked: Hooked) -> None:
    """The push of a new branch lists only what the default branch has not, with the files of each commit."""
    github = hooked.scene.github
    github.push_commit(SHOP, "fix", "alice", {"new.py": "1\n", "docs/a.md": None, "cart.py": "2\n"}, "Fix\n\nWhy")
    await github.settled()
    payload = json.loads(hooked.receiver.received[-1].body)
    assert (payload["ref"], payload["created"], payload["before"]) == ("refs/heads/fix", True, "0" * 40)
    [commit] = payload["commits"]
    assert (commit["message"], commit["added"], commit["modified"], commit["removed"]) == (
        "Fix\n\nWhy",
        ["new.py"],
        ["cart.py"],
        ["docs/a.md"],
    )
    assert payload["head_commit"]["id"] == github.branches(SHOP)["fix"]


async def test_only_subscribed_events_of_installed_repositories_are_sent(hooked: Hooked) -> None:
    """An App hears nothing of events that it did not ask for, nor of repositories it is not installed on."""
    github = hooked.scene.github
    quiet = github.create_app("quiet", permissions={"issues": "read"}, events=["issues"])
    github.install(quiet, SHOP)
    github.set_webhook_url(quiet, hooked.receiver.url)
    github.create_repository("acme/elsewhere")
    github.open_issue("acme/elsewhere", "alice", "Not for them")
    github.comment(SHOP, 1, "bob", "hello")
    await github.settled()
    targets = {(_name(one), one.headers["x-github-hook-installation-target-id"]) for one in hooked.receiver.received}
    assert targets == {("ping", str(quiet.app_id)), ("issue_comment.created", str(hooked.scene.app.app_id))}


async def test_events_need_their_permission(hooked: Hooked) -> None:
    """An App cannot subscribe to events that its permissions do not show it."""
    with pytest.raises(Refused, match="Default events unsupported: push"):
        hooked.scene.github.create_app("nosy", permissions={"issues": "read"}, events=["push"])


async def test_a_failed_delivery_is_listed_and_not_repeated(hooked: Hooked) -> None:
    """A receiver that answers 500 gets the webhook once; the App finds it among the failures, with its payload."""
    scene = hooked.scene

    async def fail(_: Received) -> int:
        return 500

    hooked.receiver.answer = fail
    scene.github.comment(SHOP, 1, "bob", "hello")
    assert await hooked.names() == ["issue_comment.created"]
    hooked.receiver.answer = None
    [failed] = (await scene.as_app("GET", "/app/hook/deliveries?status=failure")).json()
    assert (failed["status_code"], failed["event"], failed["action"]) == (500, "issue_comment", "created")
    in_full = (await scene.as_app("GET", f"/app/hook/deliveries/{failed['id']}")).json()
    assert in_full["request"]["payload"]["comment"]["body"] == "hello"
    assert in_full["response"]["payload"] == "taken"
    again = await scene.as_app("POST", f"/app/hook/deliveries/{failed['id']}/attempts")
    assert again.status_code == 202
    assert await hooked.names() == ["issue_comment.created"] * 2
    guids = {one.headers["x-github-delivery"] for one in hooked.receiver.received}
    assert guids == {failed["guid"]}
    [latest] = (await scene.as_app("GET", "/app/hook/deliveries?status=success&per_page=1")).json()
    assert (latest["guid"], latest["redelivery"], latest["status"]) == (failed["guid"], True, "OK")


async def test_deliveries_are_forgotten_after_three_days(hooked: Hooked) -> None:
    """What is older than three days is neither listed nor redelivered."""
    scene = hooked.scene
    scene.github.comment(SHOP, 1, "bob", "hello")
    await scene.github.settled()
    newest = (await scene.as_app("GET", "/app/hook/deliveries")).json()[0]
    scene.github.clock.advance(3 * 24 * 3600 + 1)
    assert (await scene.as_app("GET", "/app/hook/deliveries")).json() == []
    assert (await scene.as_app("POST", f"/app/hook/deliveries/{newest['id']}/attempts")).status_code == 404


async def test_deliveries_come_in_pages_by_cursor(hooked: Hooked) -> None:
    """The list is newest first, and Link leads from page to page until every delivery was seen once."""
    scene = hooked.scene
    for number in range(3):
        scene.github.comment(SHOP, 1, "bob", f"comment {number}")
    await scene.github.settled()
    seen, path = [], "/app/hook/deliveries?per_page=2"
    while path:
        page = await scene.as_app("GET", path)
        seen += [one["id"] for one in page.json()]
        path = page.links.get("next", {}).get("url", "").removeprefix(scene.github.api_url)
    assert seen == [one.id for one in reversed(scene.github.deliveries)]


async def test_nobody_sees_the_deliveries_of_another_app(hooked: Hooked) -> None:
    """An App's deliveries are its own: for another App's JWT they are not there."""
    scene = hooked.scene
    other = scene.github.create_app("other")
    credentials = scene.jwt(iss=str(other.app_id), key=other.private_key_pem)
    mine = scene.github.deliveries[-1].id
    assert (await scene.call("GET", "/app/hook/deliveries", credentials)).json() == []
    assert (await scene.call("GET", f"/app/hook/deliveries/{mine}", credentials)).status_code == 404


async def test_the_hook_config_keeps_the_secret(hooked: Hooked) -> None:
    """The App can read where its webhooks go, and not the secret."""
    config = (await hooked.scene.as_app("GET", "/app/hook/config")).json()
    assert config == {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": hooked.receiver.url}


async def test_an_unreachable_receiver_is_a_failure(hooked: Hooked) -> None:
    """Where nobody listens the delivery fails, and the next ones are still tried."""
    scene = hooked.scene
    scene.github.set_webhook_url(scene.app, "http://127.0.0.1:9/")
    scene.github.comment(SHOP, 1, "bob", "hello")
    await scene.github.settled()
    states = [(one.event, one.status) for one in scene.github.deliveries[-2:]]
    assert states == [("ping", "failed to connect to host"), ("issue_comment", "failed to connect to host")]


async def test_webhooks_can_be_failed_or_lost(hooked: Hooked) -> None:
    """What fails is in GitHub's list though it never arrived, what is lost leaves no trace, and others pass."""
    github = hooked.scene.github
    before = len(github.deliveries)
    lost = github.disturb_deliveries(event="issue_comment", action="created", fate="lose", times=1)
    failed = github.disturb_deliveries(event="issue_comment", action="edited", fate="fail")
    comment = github.comment(SHOP, 1, "bob", "one")
    github.edit_comment(comment.id, "bob", "two")
    github.comment(SHOP, 1, "bob", "three")
    failed.stop()
    github.edit_comment(comment.id, "bob", "four")
    assert await hooked.names() == ["issue_comment.created", "issue_comment.edited"]
    assert (lost.met, failed.met) == (1, 1)
    statuses = [(one.action, one.status_code) for one in github.deliveries[before:]]
    assert statuses == [("edited", 502), ("created", 202), ("edited", 202)]


async def test_webhooks_can_be_doubled(hooked: Hooked) -> None:
    """Fifty copies arrive at once, under one GUID and with the same bytes."""
    github = hooked.scene.github
    together = asyncio.Barrier(50)

    async def wait_for_the_others(_: Received) -> int:
        async with together:
            return 202

    hooked.receiver.answer = wait_for_the_others
    github.disturb_deliveries(copies=50, times=1)
    github.comment(SHOP, 1, "bob", "once")
    assert len(await hooked.names()) == 50
    assert len({(one.headers["x-github-delivery"], one.body) for one in hooked.receiver.received}) == 1


async def test_a_held_webhook_is_overtaken(hooked: Hooked) -> None:
    """A webhook that is held arrives when it is released, after younger ones."""
    github = hooked.scene.github
    held = github.disturb_deliveries(hold=True, times=1)
    github.comment(SHOP, 1, "bob", "first")
    github.comment(SHOP, 1, "bob", "second")
    await github.wait_for(lambda _: hooked.receiver.received and held.met)
    held.release()
    await hooked.names()
    bodies = [json.loads(one.body)["comment"]["body"] for one in hooked.receiver.received]
    assert bodies == ["second", "first"]


async def test_anything_can_be_delivered_and_redelivered(hooked: Hooked) -> None:
    """`deliver` signs and sends any payload and tells the answer; `redeliver` sends the same again."""
    scene = hooked.scene
    payload: dict[str, Any] = {"action": "teleported", "issue": None}
    delivery = await scene.github.deliver(scene.app, "issues", payload)
    again = await scene.github.redeliver(delivery.guid)
    assert (delivery.status_code, again.redelivery) == (202, True)
    first, second = hooked.receiver.received
    assert first.headers["x-hub-signature-256"] == signature(scene.app.webhook_secret, first.body)
    assert (second.body, second.headers["x-github-delivery"]) == (first.body, delivery.guid)


async def test_what_was_never_sent_is_not_redelivered(hooked: Hooked) -> None:
    """Asked to redeliver an unknown GUID, GitHub refuses."""
    with pytest.raises(Refused, match="404"):
        await hooked.scene.github.redeliver("0b989ba4-242f-11e5-81e1-c7b6966d2516")
