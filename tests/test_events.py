"""Tests of reading webhook payloads."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.events import (
    LONGEST_LANE,
    MOST_COMMITS,
    MOST_FILES,
    RERUN,
    BranchPushed,
    ButtonPressed,
    ChecksChanged,
    CommentCreated,
    CommentEdited,
    IssueOpened,
    Labeled,
    MalformedPayload,
    PullChanged,
    ReviewCommentCreated,
    ReviewSubmitted,
    lane_of,
    read_event,
)
from ove_gh.store import tables
from ove_gh.tasks import Person, Place, Target
from tests.payloads import (
    ALICE,
    APP,
    APP_ID,
    BASE,
    BOB,
    HEAD,
    HOME,
    NO_COMMIT,
    OTHER_BOT,
    PLACE,
    Account,
    Json,
    branch_pushed,
    button_pressed,
    check_run_changed,
    check_suite_changed,
    comment_created,
    comment_edited,
    issue_labeled,
    issue_opened,
    pull_changed,
    pull_labeled,
    pushed_commit,
    review_comment_created,
    review_submitted,
    status_changed,
    workflow_run_changed,
)

ISSUE_URL = "https://github.example/alice/shop/issues/3"
PULL_URL = "https://github.example/alice/shop/pull/4"
PULL_PLACE = Place(HOME.installation_id, HOME.repository_id, HOME.full_name, 4)


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
        ("pull_request_review", review_submitted(author=APP)),
        ("pull_request_review", review_submitted(author=ALICE, sender=OTHER_BOT)),
        ("pull_request_review_comment", review_comment_created("@ove", author=OTHER_BOT)),
        ("pull_request_review_comment", review_comment_created("@ove", author=ALICE, sender=APP)),
        ("issues", issue_labeled("ove", by=OTHER_BOT)),
        ("pull_request", pull_labeled("ove", by=APP)),
        ("check_run", button_pressed("stop", by=OTHER_BOT)),
        ("push", branch_pushed(by=APP)),
    ],
)
def test_bots_are_told_from_people(event: str, payload: Json) -> None:
    """A bot that wrote, pressed or pushed, or that sent for somebody, is noted."""
    read = read_event(event, payload)
    assert read is not None
    assert not isinstance(read, ChecksChanged | PullChanged)
    assert read.by_bot


def test_a_review_is_read() -> None:
    """Who says what to whose pull request; a review without words of its own has none."""
    assert read_event("pull_request_review", review_submitted(None, author=BOB)) == ReviewSubmitted(
        place=PULL_PLACE,
        author=BOB.person,
        by_bot=False,
        title="Round the total",
        body="",
        state="changes_requested",
        review_id=31,
        url=f"{PULL_URL}#pullrequestreview-31",
        pull_author_id=APP.id,
    )
    nobodys = read_event("pull_request_review", review_submitted("Hm.", pull_author=None))
    assert isinstance(nobodys, ReviewSubmitted)
    assert nobodys.pull_author_id == 0


def test_a_comment_on_lines_is_read() -> None:
    """Who wrote it, in which review of whose pull request."""
    payload = review_comment_created("@ove why?", author=BOB, pull_author=ALICE)
    assert read_event("pull_request_review_comment", payload) == ReviewCommentCreated(
        place=PULL_PLACE,
        author=BOB.person,
        by_bot=False,
        title="Round the total",
        body="@ove why?",
        review_id=31,
        comment_id=41,
        url=f"{PULL_URL}#discussion_r41",
        pull_author_id=ALICE.id,
    )


def test_a_label_is_read() -> None:
    """Which label, by whom, on which issue or pull request; of a label that is gone already nothing is known."""
    on_issue = Labeled(PLACE, "ove:plan", BOB.person, False, "The total is wrong", ISSUE_URL, is_pull=False)
    assert read_event("issues", issue_labeled("ove:plan", by=BOB)) == on_issue
    on_pull = Labeled(PULL_PLACE, "ove", ALICE.person, False, "Round the total", PULL_URL, is_pull=True)
    assert read_event("pull_request", pull_labeled("ove")) == on_pull
    assert read_event("issues", {**issue_labeled("ove"), "label": None}) is None


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("check_run", check_run_changed("completed", sha="c0ffee")),
        ("check_run", check_run_changed("created", status="completed", sha="c0ffee")),
        ("check_suite", check_suite_changed(sha="c0ffee")),
        ("workflow_run", workflow_run_changed(sha="c0ffee")),
        *(("status", status_changed(state, sha="c0ffee")) for state in ("pending", "success", "failure", "error")),
    ],
)
def test_whatever_ends_a_check_is_a_hint_about_its_commit(event: str, payload: Json) -> None:
    """Only the commit counts: which check it was, whose, and in which pull request, does not."""
    assert read_event(event, payload) == ChecksChanged(HOME, "c0ffee")


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_check_that_merely_begins_decides_nothing(status: str) -> None:
    """A check run that is made before it has run is no hint: what is decided then is read then."""
    assert read_event("check_run", check_run_changed("created", status=status, conclusion=None)) is None


def test_a_pressed_button_is_read() -> None:
    """Who pressed which button of which check run."""
    assert read_event("check_run", button_pressed("stop", by=BOB, external_id="task-5")) == ButtonPressed(
        home=HOME,
        external_id="task-5",
        app_id=APP_ID,
        action="stop",
        by=BOB.person,
        by_bot=False,
        url="https://github.example/alice/shop/runs/11",
    )


def test_githubs_own_rerun_is_a_button_too() -> None:
    """“Re-run” beside our check run resets it to queued: it is told like a button, under a name of its own."""
    rerun = check_run_changed("rerequested", name="ove", app_id=APP_ID, external_id="task-5", sender=BOB)
    read = read_event("check_run", rerun)
    assert isinstance(read, ButtonPressed)
    assert (read.action, read.external_id, read.by) == (RERUN, "task-5", BOB.person)


def test_a_push_is_read() -> None:
    """Who moved which branch from where to where, and every file that the commits touched."""
    commits = [pushed_commit(added=["a"], modified=["b"]), pushed_commit(modified=["b"], removed=["c d/é"])]
    assert read_event("push", branch_pushed("ove/3-total", by=BOB, commits=commits)) == BranchPushed(
        home=HOME,
        branch="ove/3-total",
        before=BASE,
        after=HEAD,
        by=BOB.person,
        by_bot=False,
        is_default=False,
        files=frozenset({"a", "b", "c d/é"}),
    )


def pushed(**details: Any) -> BranchPushed:
    """A push, as it is read."""
    read = read_event("push", branch_pushed(**details))
    assert isinstance(read, BranchPushed)
    return read


def test_the_default_branch_is_told_from_the_others() -> None:
    """The branch that the repository names is meant, whatever it is called."""
    assert pushed(branch="trunk", default_branch="trunk").is_default
    assert not pushed(branch="main", default_branch="trunk").is_default


@pytest.mark.parametrize("no_commit", [NO_COMMIT, "0" * 64])
def test_made_and_deleted_branches_lack_an_end(no_commit: str) -> None:
    """The zeros that stand for no commit are read as none, in SHA-1 and in SHA-256."""
    assert (pushed(before=no_commit).before, pushed(before=no_commit).after) == ("", HEAD)
    assert (pushed(after=no_commit, commits=[]).before, pushed(after=no_commit, commits=[]).after) == (BASE, "")


MANY = [str(number) for number in range(MOST_FILES)]


@pytest.mark.parametrize(
    "details",
    [
        {"forced": True},
        {"before": NO_COMMIT},
        {"after": NO_COMMIT, "commits": []},
        {"commits": []},
        {"commits": [pushed_commit(added=["a"])] * MOST_COMMITS},
        {"commits": [pushed_commit(added=MANY[:1000], modified=MANY[1000:])]},
        {"commits": [pushed_commit(added=["a"]), {"id": HEAD, "added": ["b"], "removed": []}]},
    ],
)
def test_a_push_that_may_not_name_all_its_files_names_none(details: Json) -> None:
    """Forced, new, empty and longest pushes may have changed any file; a part of the list would hide that."""
    assert pushed(**details).files is None


def test_the_longest_complete_lists_are_taken() -> None:
    """One commit, or one file, less than GitHub's most is a complete list."""
    assert pushed(commits=[pushed_commit(added=["a"])] * (MOST_COMMITS - 1)).files == frozenset({"a"})
    assert pushed(commits=[pushed_commit(added=MANY[1:])]).files == frozenset(MANY[1:])


def test_a_tag_is_no_branch() -> None:
    """A pushed tag means nothing, even one that is called like a branch."""
    assert read_event("push", {**branch_pushed(), "ref": "refs/tags/main"}) is None


def test_a_push_without_a_sender_is_still_read() -> None:
    """Somebody whom GitHub does not name as an account has pushed: the work must hear of it all the same."""
    payload = branch_pushed(by=BOB)
    del payload["sender"]
    read = read_event("push", payload)
    assert isinstance(read, BranchPushed)
    assert (read.by, read.by_bot) == (Person(0, "bob"), False)


@pytest.mark.parametrize(
    ("payload", "closed", "merged"),
    [
        (pull_changed("closed", state="closed", merged=False), True, False),
        (pull_changed("closed", state="closed", merged=True), True, True),
        (pull_changed("reopened", merged=None), False, False),
        (pull_changed("synchronize"), False, False),
        (pull_changed("edited", changes={"base": {"ref": {"from": "main"}}}), False, False),
    ],
)
def test_a_changed_pull_request_is_read(payload: Json, closed: bool, merged: bool) -> None:
    """Closed, merged, open again, with another head or another base."""
    assert read_event("pull_request", payload) == PullChanged(HOME, 4, HEAD, closed, merged)


@pytest.mark.parametrize("changes", [None, {}, {"title": {"from": "a"}}, {"base": None}])
def test_other_words_in_a_pull_request_mean_nothing(changes: Json | None) -> None:
    """An edited title or text leaves the commits and their checks as they are."""
    assert read_event("pull_request", pull_changed("edited", changes=changes)) is None


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("issues", "closed"),
        ("issues", None),
        ("issue_comment", "deleted"),
        ("issue_comment", "opened"),
        ("issue_comment", "an_action_of_next_year"),
        ("star", "created"),
        ("check_run", "created"),
        ("check_suite", "requested"),
        ("check_suite", "rerequested"),
        ("workflow_run", "requested"),
        ("workflow_run", "in_progress"),
        ("issues", "unlabeled"),
        ("pull_request", "opened"),
        ("pull_request", "edited"),
        ("pull_request_review", "edited"),
        ("pull_request_review", "dismissed"),
        ("pull_request_review_comment", "edited"),
        ("", "created"),
    ],
)
def test_other_events_and_actions_mean_nothing(event: str, action: str | None) -> None:
    """What the service does not act on is None, even when nothing else in the payload is as expected."""
    assert read_event(event, {"action": action}) is None


PAYLOADS: list[tuple[str, Json]] = [
    ("issues", issue_opened("@ove fix it")),
    ("issue_comment", comment_created("@ove fix it")),
    ("issue_comment", comment_edited("a", "b")),
    ("check_run", check_run_changed()),
    ("check_run", check_run_changed("created")),
    ("check_run", button_pressed("stop")),
    ("check_suite", check_suite_changed()),
    ("workflow_run", workflow_run_changed()),
    ("status", status_changed()),
    ("push", branch_pushed()),
    ("pull_request", pull_changed("closed")),
    ("pull_request_review", review_submitted("@ove fix it")),
    ("pull_request_review_comment", review_comment_created("@ove fix it")),
    ("issues", issue_labeled("ove")),
    ("pull_request", pull_labeled("ove")),
]
"""One of each that means something."""


@pytest.mark.parametrize(("event", "payload"), PAYLOADS)
def test_a_repositorys_own_webhook_means_nothing(event: str, payload: Json) -> None:
    """Without an installation the App could not answer: the delivery is passed over."""
    assert read_event(event, payload) is not None
    assert read_event(event, {key: value for key, value in payload.items() if key != "installation"}) is None


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


@pytest.mark.parametrize(
    ("event", "payload", "path", "value"),
    [
        ("check_run", check_run_changed(), ("check_run",), None),
        ("check_run", check_run_changed(), ("check_run", "head_sha"), None),
        ("check_suite", check_suite_changed(), ("check_suite", "head_sha"), ""),
        ("workflow_run", workflow_run_changed(), ("workflow_run",), []),
        ("status", status_changed(), ("sha",), None),
        ("check_run", button_pressed("stop"), ("requested_action",), None),
        ("check_run", button_pressed("stop"), ("requested_action", "identifier"), ""),
        ("check_run", button_pressed("stop"), ("check_run", "app"), None),
        ("check_run", button_pressed("stop"), ("sender",), None),
        ("push", branch_pushed(), ("ref",), None),
        ("push", branch_pushed(), ("after",), None),
        ("push", branch_pushed(), ("commits",), None),
        ("push", branch_pushed(commits=[{"added": "a"}]), ("commits",), [{"added": "a"}]),
        ("push", branch_pushed(), ("commits",), ["a"]),
        ("push", branch_pushed(), ("sender", "id"), None),
        ("push", branch_pushed(), ("repository", "default_branch"), None),
        ("pull_request", pull_changed("closed"), ("pull_request", "head"), None),
        ("pull_request", pull_changed("closed"), ("pull_request", "state"), None),
        ("pull_request", pull_changed("closed"), ("pull_request", "merged"), "no"),
        ("pull_request_review", review_submitted(), ("review", "state"), None),
        ("pull_request_review", review_submitted(), ("pull_request", "number"), None),
        ("pull_request_review_comment", review_comment_created(""), ("comment", "pull_request_review_id"), None),
        ("issues", issue_labeled("ove"), ("label", "name"), ""),
        ("pull_request", pull_labeled("ove"), ("sender", "id"), None),
    ],
)
def test_a_hint_without_what_github_documents_is_an_error(
    event: str, payload: Json, path: tuple[str, ...], value: object
) -> None:
    """What the checks, a button, a push or a pull request needs is never made up; the error names what is missing."""
    with pytest.raises(MalformedPayload) as caught:
        read_event(event, replaced(payload, path, value))
    assert path[-1] in caught.value.path


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
    lane = lane_of(changed)
    assert lane is None or isinstance(lane, str)
    match event:
        case IssueOpened() | CommentCreated() | CommentEdited() | Labeled():
            assert lane == event.place.lane
        case ReviewSubmitted() | ReviewCommentCreated():
            assert lane == event.place.lane
        case PullChanged():
            assert lane == f"{event.home.repository_id}/{event.number}"
        case ChecksChanged() | ButtonPressed():
            assert lane is None


def test_the_lane_of_a_payload_is_the_lane_of_its_place() -> None:
    """A delivery is queued in the thread it speaks of, whatever is in it besides."""
    assert lane_of(comment_created("hi")) == PLACE.lane
    assert lane_of({"repository": {"id": 42}}) is None
    assert lane_of({"issue": {"number": 3}}) is None


def test_what_happens_to_a_pull_request_stays_in_order() -> None:
    """Closed and reopened at once, it is open in the end: both wait in the pull request's own lane."""
    lane = Place(HOME.installation_id, HOME.repository_id, HOME.full_name, 4).lane
    assert lane_of(pull_changed("closed", number=4)) == lane_of(comment_created("hi", number=4)) == lane


def test_pushes_to_one_branch_stay_in_order() -> None:
    """The last push is read last, so that nothing older overwrites what it brought; other branches need not wait."""
    lane = lane_of(branch_pushed("main", before=BASE, after=HEAD))
    assert lane is not None
    assert lane == lane_of(branch_pushed("main", before=HEAD, after=BASE))
    assert len({lane, lane_of(branch_pushed("3")), lane_of(comment_created("hi", number=3)), None}) == 4


def test_a_lane_of_a_long_branch_name_fits_into_its_column() -> None:
    """A branch name may be longer than what a database keeps of a lane."""
    assert getattr(tables.inbox.c.lane.type, "length", None) == LONGEST_LANE
    assert len(lane_of(branch_pushed("b" * 250)) or "") == LONGEST_LANE


@pytest.mark.parametrize(
    "payload",
    [check_run_changed(), button_pressed("stop"), check_suite_changed(), workflow_run_changed(), status_changed()],
)
def test_hints_about_checks_wait_for_nobody(payload: Json) -> None:
    """Each is a hint by itself: a burst of them is handled side by side."""
    assert lane_of(payload) is None


def test_accounts_are_people_by_id() -> None:
    """A login that was renamed is still the same person to the service."""
    renamed = read_event("issue_comment", comment_created("hi", author=Account(ALICE.id, "alicia")))
    assert isinstance(renamed, CommentCreated)
    assert renamed.author.id == ALICE.id
