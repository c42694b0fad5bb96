"""Tests of reading webhook payloads."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.events import (
    CommentCreated,
    CommentEdited,
    IssueOpened,
    MalformedPayload,
    lane_of,
    read_event,
)
from ove_gh.tasks import Person, Target
from tests.payloads import (
    ALICE,
    APP,
    BOB,
    OTHER_BOT,
    PLACE,
    Account,
    comment_created,
    comment_edited,
    issue_opened,
)

ISSUE_URL = "https://github.example/alice/shop/issues/3"


def test_an_opened_issue_is_read() -> None:
    """Who opened which issue where, and what it says."""
    assert read_event("issues", issue_opened("@ove fix it", author=BOB)) == IssueOpened(
        place=PLACE,
        author=BOB.person,
        by_bot=False,
        title="The total is wrong",
        body="@ove fix it",
        source=Target("issue", 3, ISSUE_URL),
    )


def test_a_comment_is_read() -> None:
    """Who wrote which comment where, and what it says."""
    assert read_event("issue_comment", comment_created("@ove hi", author=BOB)) == CommentCreated(
        place=PLACE,
        author=BOB.person,
        by_bot=False,
        title="The total is wrong",
        body="@ove hi",
        source=Target("comment", 5, f"{ISSUE_URL}#issuecomment-5"),
    )


def test_an_edited_comment_tells_its_author_from_its_editor() -> None:
    """A tick is an edit: the App wrote the comment, Alice changed it."""
    assert read_event("issue_comment", comment_edited("- [ ] a", "- [x] a")) == CommentEdited(
        place=PLACE,
        author=APP.person,
        editor=ALICE.person,
        by_bot=False,
        before="- [ ] a",
        after="- [x] a",
        source=Target("comment", 6, f"{ISSUE_URL}#issuecomment-6"),
    )


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", issue_opened("@ove", author=OTHER_BOT)),
        ("issue_comment", comment_created("@ove", author=OTHER_BOT)),
        ("issue_comment", comment_created("@ove", author=ALICE, sender=OTHER_BOT)),
        ("issue_comment", comment_created("@ove", author=APP, sender=ALICE)),
        ("issue_comment", comment_edited("a", "b", editor=APP)),
    ],
)
def test_bots_are_told_from_people(event: str, payload: dict[str, Any]) -> None:
    """A bot that wrote, or that sent for somebody, is noted."""
    read = read_event(event, payload)
    assert read is not None
    assert read.by_bot


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("issues", "closed"),
        ("issues", None),
        ("issue_comment", "deleted"),
        ("issue_comment", "opened"),
        ("issue_comment", "an_action_of_next_year"),
        ("star", "created"),
        ("", "created"),
    ],
)
def test_other_events_and_actions_mean_nothing(event: str, action: str | None) -> None:
    """What the service does not act on is None, even when nothing else in the payload is as expected."""
    assert read_event(event, {"action": action}) is None


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", issue_opened("@ove")),
        ("issue_comment", comment_created("@ove")),
        ("issue_comment", comment_edited("a", "b")),
    ],
)
def test_a_repositorys_own_webhook_means_nothing(event: str, payload: dict[str, Any]) -> None:
    """Without an installation the App could not answer: the delivery is passed over."""
    del payload["installation"]
    assert read_event(event, payload) is None


def test_an_edit_that_changes_no_words_means_nothing() -> None:
    """An edit without a former body is none that could be a tick."""
    payload = comment_edited("a", "b")
    payload["changes"] = {}
    assert read_event("issue_comment", payload) is None


def test_null_bodies_and_deleted_accounts_are_read() -> None:
    """GitHub sends null for an empty body, and for the account of somebody who has left."""
    payload = issue_opened(None)
    payload["issue"]["user"] = None
    read = read_event("issues", payload)
    assert isinstance(read, IssueOpened)
    assert (read.body, read.author) == ("", Person(0, "ghost"))


def paths(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every place in a payload."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))


def replaced(payload: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of the payload with something else in one place."""
    changed = copy.deepcopy(payload)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("repository",), None),
        (("repository", "id"), "42"),
        (("repository", "id"), True),
        (("repository", "full_name"), 42),
        (("issue",), []),
        (("issue", "number"), None),
        (("comment",), None),
        (("comment", "id"), 5.0),
        (("comment", "body"), {}),
        (("comment", "user"), "alice"),
        (("comment", "user", "id"), None),
        (("sender",), None),
        (("installation", "id"), None),
    ],
)
def test_a_payload_without_what_github_documents_is_an_error(path: tuple[str, ...], value: object) -> None:
    """A field of the wrong type is named, and nothing is made up in its place."""
    with pytest.raises(MalformedPayload) as caught:
        read_event("issue_comment", replaced(comment_created("@ove"), path, value))
    assert path[-1] in caught.value.path or caught.value.path.endswith("user")


PAYLOADS: list[tuple[str, dict[str, Any]]] = [
    ("issues", issue_opened("@ove fix it")),
    ("issue_comment", comment_created("@ove fix it")),
    ("issue_comment", comment_edited("a", "b")),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
def test_whatever_stands_in_a_payload_it_is_read_or_refused(data: st.DataObject) -> None:
    """Any value in any place of a payload gives an event, None, or MalformedPayload, and a lane or None."""
    name, payload = data.draw(st.sampled_from(PAYLOADS))
    changed = replaced(payload, data.draw(st.sampled_from(list(paths(payload)))), data.draw(anything))
    try:
        event = read_event(name, changed)
    except MalformedPayload:
        event = None
    assert event is None or isinstance(event.place.number, int)
    lane = lane_of(changed)
    assert lane is None or (event is None) or lane == event.place.lane


def test_the_lane_of_a_payload_is_the_lane_of_its_place() -> None:
    """A delivery is queued in the thread it speaks of, whatever is in it besides."""
    assert lane_of(comment_created("hi")) == PLACE.lane
    assert lane_of({"repository": {"id": 42}}) is None
    assert lane_of({"issue": {"number": 3}}) is None


def test_accounts_are_people_by_id() -> None:
    """A login that was renamed is still the same person to the service."""
    renamed = read_event("issue_comment", comment_created("hi", author=Account(ALICE.id, "alicia")))
    assert renamed is not None
    assert renamed.author.id == ALICE.id
