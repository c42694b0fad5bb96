"""Tests with GitHub's own published example payloads, for all events that the App subscribes to."""

from __future__ import annotations

import copy
import json

import pytest

from ove_gh.events import SUBSCRIBED_EVENTS, lane_of, read_event
from ove_gh.store import tables
from ove_gh.store.database import Database
from tests.payload_examples import example_payloads
from tests.payloads import Json
from tests.store.rows import all_rows
from tests.test_webhook import open_door

EVENTS = sorted(SUBSCRIBED_EVENTS)

MEANT = {("issues", "opened"), ("issue_comment", "created"), ("issue_comment", "edited")}
"""The actions that the service acts on."""


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
        assert (read is not None) == ((name, payload["action"]) in MEANT)
        if read is not None:
            assert read.place.full_name == payload["repository"]["full_name"]
            assert read.place.lane == lane_of(payload)
            assert read.source.url.startswith("https://github.com/")


def test_the_examples_hold_every_action_that_is_acted_on() -> None:
    """What the service acts on is tried with GitHub's own words."""
    found = {(event, payload["action"]) for event in EVENTS for _, payload in example_payloads(event)}
    assert found >= MEANT


@pytest.mark.anyio
@pytest.mark.parametrize("event", EVENTS)
async def test_all_examples_come_through_the_door(database: Database, event: str) -> None:
    """Every example is accepted with 202, and those that mean something are in the inbox, byte for byte."""
    meant: list[bytes] = []
    async with open_door(database) as door:
        for number, (name, payload) in enumerate(example_payloads(event)):
            body = json.dumps(installed(payload)).encode()
            if (name, payload["action"]) in MEANT:
                meant.append(body)
            assert (await door.deliver(body, event=name, guid=f"guid-{number}")).status_code == 202
    assert [row["body"] for row in await all_rows(database, tables.inbox)] == meant
