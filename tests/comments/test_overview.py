"""Where a thread and a repository's tasks stand, as people are told who ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ove_gh import comments
from ove_gh.comments import FailureKind, QueuedTask, TaskRow, ThreadStatus
from ove_gh.tasks import Priority, Status
from tests.comments.examples import PULL, TREE, lines

VIEW = ThreadStatus(
    Status.RUNNING,
    "fix the total\nof an empty cart",
    "alice",
    "https://x.y/12",
    turns=2,
    elapsed_seconds=360,
    cost_usd=0.41,
    since_seconds=7_200,
    status_url="https://x.y/s",
    branch="ove/12-empty-cart",
    branch_url=TREE,
    pull=PULL,
)


def test_a_thread_tells_what_is_done_for_whom_where_and_what_comes_next() -> None:
    """State, time and money; the request; links; the queue; what was set for the thread; and what to write."""
    queued = (
        QueuedTask("update the docs", "bob", "https://x.y/b", Priority.URGENT),
        QueuedTask("tidy `cart.py`", "alice"),
    )
    view = replace(VIEW, queued=queued, schedules=((2, "https://x.y/2"), (5, None)), model="opus", budget_usd=5)
    assert comments.thread_status(view, "ove") == lines(
        "**Working on it** · 2 turns · 6 min of work · $0.41",
        "",
        "[alice](https://x.y/12) asked: “fix the total of an empty cart”",
        "",
        f"See [my status comment](https://x.y/s), branch [`ove/12-empty-cart`]({TREE}) and pull request"
        " [#13](https://x.y/13).",
        "",
        "Next in line:",
        "1. “update the docs”, [bob](https://x.y/b), urgent",
        "2. “tidy `cart.py`”, alice",
        "",
        "Schedules [2](https://x.y/2) and 5 run here. I work with `opus`. This thread may cost up to $5.00.",
        "",
        "<sub>Write `@ove stop` to stop.</sub>",
    )


STANDS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"status": Status.WAITING_USER, "question_url": "https://x.y/q"},
        "**Waiting for an answer to [my question](https://x.y/q)** · asked 2 h ago · 2 turns",
        "stop",
    ),
    (
        {"status": Status.WAITING_CI, "sha": "3f2a91c0d1", "sha_url": "https://x.y/3f"},
        "**Waiting for the checks of [`3f2a91c`](https://x.y/3f)** · pushed 2 h ago · 2 turns",
        "stop",
    ),
    ({"status": Status.PENDING, "ahead": 1}, "**Waiting in line behind one task of this thread** · for 2 h", "stop"),
    ({"status": Status.PENDING, "ahead": 3}, "**Waiting in line behind 3 tasks of this thread** · for 2 h", "stop"),
    ({"status": Status.PENDING}, "**Waiting for a free place** · for 2 h · 2 turns", "stop"),
    ({"status": Status.COMPLETED}, "**Done** · 2 h ago · 2 turns · 6 min of work · $0.41", ""),
    (
        {"status": Status.FAILED, "failure": FailureKind.CHECKS_RED},
        "**I could not finish: checks are still red** · 2 h ago",
        "continue",
    ),
    ({"status": Status.FAILED}, "**I could not finish** · 2 h ago", "continue"),
    ({"status": Status.CANCELLED, "stopped_by": "bob"}, "**Stopped by bob** · 2 h ago", "continue"),
]


@pytest.mark.parametrize(("changes", "said", "then"), STANDS)
def test_every_state_has_its_words_and_a_next_step(changes: dict[str, Any], said: str, then: str) -> None:
    """How it stands and since when is the first line; the last one says what to write."""
    told = comments.thread_status(replace(VIEW, **changes), "ove").split("\n\n")
    assert told[0].startswith(said)
    assert told[-1].startswith(f"<sub>Write `@ove {then}".rstrip() + "`")


def test_a_thread_without_a_task_says_how_to_begin() -> None:
    """Nothing was asked yet, but schedules and what was set may be there."""
    assert comments.thread_status(ThreadStatus(schedules=((2, None),)), "ove") == lines(
        "**Nothing yet:** nobody has asked me for anything here. Write `@ove` and what you want.",
        "",
        "Schedule 2 runs here.",
    )


def test_a_long_queue_is_counted() -> None:
    """The next five tasks are told, and how many more there are."""
    queued = [QueuedTask(f"task {n}", "bob") for n in range(9)]
    said = comments.thread_status(replace(VIEW, queued=queued), "ove")
    assert "5. “task 4”, bob\n6. *and 4 more*\n" in said


def row(number: int, state: Status, priority: Priority = Priority.NORMAL, age: float = 60, cost: float = 0) -> TaskRow:
    """A task of alice's."""
    return TaskRow(number, f"https://x.y/{number}", f"Title {number}", state, "alice", priority, age, cost)


def test_tasks_are_listed_as_they_will_be_done_and_then_as_they_ended() -> None:
    """Unfinished ones by priority and age, then the last that ended, newest first."""
    rows = [
        row(1, Status.COMPLETED, age=7_200, cost=0.2),
        row(2, Status.RUNNING, age=180, cost=0.12),
        row(3, Status.PENDING, Priority.LOW, age=9_000),
        row(4, Status.PENDING, Priority.URGENT),
        row(5, Status.WAITING_USER, age=600),
        row(6, Status.CANCELLED, age=60),
    ]
    assert comments.task_list(rows, "alice/shop", "ove") == lines(
        "**I have 4 tasks in alice/shop**",
        "",
        "- [#4](https://x.y/4) Title 4 · **in line**, urgent · asked by alice 1 min ago",
        "- [#5](https://x.y/5) Title 5 · **waiting for an answer** · asked by alice 10 min ago",
        "- [#2](https://x.y/2) Title 2 · **working** · asked by alice 3 min ago · $0.12",
        "- [#3](https://x.y/3) Title 3 · **in line**, not urgent · asked by alice 2 h 30 min ago",
        "",
        "Ended lately:",
        "- [#6](https://x.y/6) Title 6 · stopped 1 min ago · asked by alice",
        "- [#1](https://x.y/1) Title 1 · done 2 h ago · asked by alice · $0.20",
    )


def test_a_list_of_tasks_counts_what_it_leaves_out() -> None:
    """Thirty unfinished and five ended tasks are enough for a comment."""
    rows = [row(n, Status.PENDING if n < 50 else Status.FAILED, age=n) for n in range(70)]
    said = comments.task_list(rows, "alice/shop", "ove").splitlines()
    assert said[0] == "**I have 50 tasks in alice/shop**"
    assert "- *and 20 more*" in said
    assert sum("could not finish" in line for line in said) == 5


def test_a_repository_without_tasks_has_a_sentence() -> None:
    """Nothing yet, or nothing now."""
    assert comments.task_list([], "alice/shop", "ove").startswith("I have had nothing to do in alice/shop yet.")
    ended = comments.task_list([row(1, Status.COMPLETED)], "alice/shop", "ove")
    assert ended.startswith("**I have nothing to do in alice/shop now**\n\nEnded lately:\n")
