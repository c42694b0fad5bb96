"""Tests with GitHub's own published example payloads, for all events that the App subscribes to."""

from __future__ import annotations

import copy
import json
import re

import pytest

from ove_gh.events import (
    RERUN,
    SUBSCRIBED_EVENTS,
    BranchPushed,
    ButtonPressed,
    ChecksChanged,
    CommentCreated,
    CommentEdited,
    IssueOpened,
    Labeled,
    PullChanged,
    ReviewCommentCreated,
    ReviewSubmitted,
    lane_of,
    read_event,
)
from ove_gh.store import tables
from ove_gh.store.database import Database
from tests.payload_examples import example_payloads
from tests.payloads import Json
from tests.store.rows import all_rows
from tests.test_webhook import open_door

EVENTS = sorted(SUBSCRIBED_EVENTS)

MEANT = {
    ("issues", "opened"),
    ("issues", "labeled"),
    ("issue_comment", "created"),
    ("issue_comment", "edited"),
    ("check_run", "completed"),
    ("check_run", "requested_action"),
    ("check_run", "rerequested"),
    ("check_suite", "completed"),
    ("workflow_run", "completed"),
    ("status", None),
    ("push", None),
    ("pull_request", "closed"),
    ("pull_request", "labeled"),
    ("pull_request", "reopened"),
    ("pull_request", "synchronize"),
    ("pull_request_review", "submitted"),
    ("pull_request_review_comment", "created"),
}
"""The events and actions that the service acts on, and of which there are examples."""


def is_meant(event: str, payload: Json) -> bool:
    """Whether the service acts on it: of pushes, it does so on those of branches."""
    is_tag = event == "push" and payload["ref"].startswith("refs/tags/")
    return (event, payload.get("action")) in MEANT and not is_tag


def installed(payload: Json) -> Json:
    """The payload as it comes to an App: most examples are those of plain repository webhooks."""
    return {"installation": {"id": 7}, **copy.deepcopy(payload)}


@pytest.mark.parametrize("event", EVENTS)
def test_all_examples_are_read(event: str) -> None:
    """Every example is read without an error, as it is and as an App receives it; just known actions mean something."""
    examples = example_payloads(event)
    assert examples
    for name, payload in examples:
        assert read_event(name, payload) is None or "installation" in payload
        read = read_event(name, installed(payload))
        assert (read is not None) == is_meant(name, payload)
        match read:
            case IssueOpened() | CommentCreated() | CommentEdited():
                assert read.place.full_name == payload["repository"]["full_name"]
                assert read.place.lane == lane_of(payload)
                assert read.source.url.startswith("https://github.com/")
            case ReviewSubmitted() | ReviewCommentCreated() | Labeled():
                assert read.place.full_name == payload["repository"]["full_name"]
                assert read.place.lane == lane_of(payload)
                assert read.url.startswith("https://github.com/")
            case ChecksChanged() | ButtonPressed() | BranchPushed() | PullChanged():
                assert read.home.full_name == payload["repository"]["full_name"]
                assert lane_of(payload) is None or isinstance(read, BranchPushed | PullChanged)


@pytest.mark.parametrize("event", ["check_run", "check_suite", "workflow_run", "status"])
def test_the_commit_of_every_example_is_found(event: str) -> None:
    """Every example about checks that means something names the commit by its full SHA."""
    read = [read_event(name, installed(payload)) for name, payload in example_payloads(event)]
    commits = [one.sha for one in read if isinstance(one, ChecksChanged)]
    assert commits
    assert all(re.fullmatch("[0-9a-f]{40}", sha) for sha in commits)


def test_the_pressed_button_of_the_example_is_found() -> None:
    """Whose check run it is and which button was pressed, in GitHub's own words."""
    read = [read_event(name, installed(payload)) for name, payload in example_payloads("check_run")]
    buttons = [one for one in read if isinstance(one, ButtonPressed)]
    assert {(button.app_id, button.action) for button in buttons} == {(25811, "lgtm|26764"), (2, RERUN)}


def test_the_examples_hold_every_action_that_is_acted_on() -> None:
    """What the service acts on is tried with GitHub's own words."""
    found = {(event, payload.get("action")) for event in EVENTS for _, payload in example_payloads(event)}
    assert found >= MEANT


@pytest.mark.anyio
@pytest.mark.parametrize("event", EVENTS)
async def test_all_examples_come_through_the_door(database: Database, event: str) -> None:
    """Every example is accepted with 202, and those that mean something are in the inbox, byte for byte."""
    meant: list[bytes] = []
    async with open_door(database) as door:
        for number, (name, payload) in enumerate(example_payloads(event)):
            body = json.dumps(installed(payload)).encode()
            if is_meant(name, payload):
                meant.append(body)
            assert (await door.deliver(body, event=name, guid=f"guid-{number}")).status_code == 202
    assert [row["body"] for row in await all_rows(database, tables.inbox)] == meant
