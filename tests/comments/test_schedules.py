"""The texts of schedules: what the comment of one tells in each state, and the answers to what people write."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from ove_gh import comments
from ove_gh.comments import LastRun, RunOutcome, ScheduleState, ScheduleView
from ove_gh.schedules import Parts, Rule, read_when, split
from tests.comments.examples import lines


def at(*when: int) -> float:
    """Seconds since 1970."""
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc] # a year, a month, a day, an hour


NOW = at(2026, 11, 22, 10)
VIEW = ScheduleView(
    3,
    "0 9 * * 1-5",
    "every weekday at 09:00",
    "Europe/Berlin",
    (at(2026, 11, 23, 8), at(2026, 11, 24, 8), at(2027, 1, 4, 8), at(2027, 1, 5, 8)),
    "update the dependencies\nand fix what breaks",
    "alice",
    "https://x.y/c",
    LastRun(at(2026, 11, 20, 8), "done", "https://x.y/41", "#41 is open"),
)


def test_an_active_schedule_tells_all_there_is_to_know() -> None:
    """Rule in words and as code, zone, what it does, the next three times there, the last run, and how to remove it."""
    assert comments.schedule(VIEW, "ove", NOW) == lines(
        "**Schedule 3: every weekday at 09:00** · `0 9 * * 1-5` · Europe/Berlin",
        "",
        "> update the dependencies",
        "> and fix what breaks",
        "",
        "Next: Mon 23 Nov, 09:00 · Tue 24 Nov, 09:00 · Mon 4 Jan 2027, 09:00",
        "",
        "Last run: Fri 20 Nov, 09:00 · [done](https://x.y/41). #41 is open.",
        "",
        "<sub>For [alice](https://x.y/c). I run without asking, and a run that finds nothing to do shows only here."
        " To remove it, alice or an admin writes `@ove unschedule 3`.</sub>",
    )


def test_a_new_schedule_has_no_last_run() -> None:
    """Before its first run nothing is said of one."""
    assert "run:" not in comments.schedule(replace(VIEW, last_run=None), "ove", NOW)


@pytest.mark.parametrize("outcome", get_args(RunOutcome))
def test_every_outcome_of_a_run_is_one_line(outcome: RunOutcome) -> None:
    """Each outcome has words, and a link where there is something to see."""
    said = comments.schedule(replace(VIEW, last_run=LastRun(NOW, outcome, "https://x.y/r", "it was\nlate")), "ove", NOW)
    (line,) = [line for line in said.split("\n") if "https://x.y/r" in line]
    assert "Sun 22 Nov, 11:00" in line
    assert line.endswith(". It was late.")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ScheduleState.SUSPENDED_RIGHT, "alice can no longer write to this repository, so it does not run."),
        (ScheduleState.PAUSED_CLOSED, "goes on when somebody reopens it."),
        (ScheduleState.REMOVED, "~~Schedule 3: every weekday at 09:00~~ · removed"),
        (ScheduleState.READING, "**Schedule 3** · I am working out what “every weekday at 09:00” means"),
        (ScheduleState.REFUSED, "I cannot use “every weekday at 09:00” as its time."),
    ],
)
def test_a_schedule_that_does_not_run_promises_no_time(state: ScheduleState, said: str) -> None:
    """Each other state says why it does not run, keeps what it would do, and names no next time."""
    text = comments.schedule(replace(VIEW, state=state), "ove", NOW)
    assert said in text
    assert "> update the dependencies" in text
    assert "Next:" not in text


def test_a_schedule_of_the_settings_file_is_changed_there() -> None:
    """Who reads the comment of such a schedule is sent to the file, not to a command that would not last."""
    said = comments.schedule(replace(VIEW, file=".github/ove.yml"), "ove", NOW)
    assert "It stands in `.github/ove.yml`: change it or remove it there." in said
    assert "unschedule" not in said


def test_a_request_stays_in_its_quote() -> None:
    """Whatever Markdown is asked for, each line of it is quoted, bounded, and calls nobody."""
    request = "# do\n\n```\nx\n\n- @team <details>"
    said = comments.schedule(replace(VIEW, request=request), "ove", NOW)
    assert "\n\n> # do\n>\n> ```\n> x\n>\n> - @team <details>\n> ```\n\nNext: " in said
    assert "Cut here" in comments.schedule(replace(VIEW, request="words " * 5_000), "ove", NOW)
    assert "> Ask <code>@team</code>." in comments.schedule(replace(VIEW, request="Ask @team."), "ove", NOW)


def test_a_refused_schedule_is_told_what_to_write_instead() -> None:
    """What could not be read and why, and examples for both ways to write a time."""
    said = comments.schedule_refused("alice", "every other moon", "there is no such rule", "ove")
    assert said.startswith("@alice, I have not set up a schedule for “every other moon”. There is no such rule.\n\n")
    assert "- `@ove schedule every weekday at 9: what to do`" in said
    assert "- `@ove schedule 0 9 * * 1-5: what to do`" in said
    assert comments.schedule_refused("alice", " ", "", "ove").startswith("@alice, I have not set up a schedule.\n\n")


def test_the_examples_can_be_read() -> None:
    """Every command that a refusal shows makes a schedule."""
    said = comments.schedule_refused("alice", "", "", "ove")
    examples = re.findall("`@ove schedule (.+?)`", said)
    assert len(examples) == 3
    for example in examples:
        parts = split(example)
        assert isinstance(parts, Parts)
        assert parts.request == "what to do"
        assert isinstance(read_when(parts.when, "Europe/Berlin"), Rule)


def test_the_list_has_a_line_for_each_schedule() -> None:
    """Number with a link, rule, zone, task, next time or why there is none, and owner; then how to remove one."""
    paused = replace(VIEW, number=4, state=ScheduleState.PAUSED_CLOSED, owner_login="bob", file=".github/ove.yml")
    assert comments.schedule_list([replace(VIEW, url="https://x.y/3"), paused], "ove", "alice/shop", NOW) == lines(
        "**The 2 schedules of alice/shop**",
        "",
        "- [**3**](https://x.y/3) · every weekday at 09:00 (Europe/Berlin):"
        " “update the dependencies and fix what breaks” · next Mon 23 Nov, 09:00 · alice",
        "- **4** · every weekday at 09:00 (Europe/Berlin):"
        " “update the dependencies and fix what breaks” · paused while its issue is closed · bob · `.github/ove.yml`",
        "",
        "<sub>Its owner or an admin removes one with `@ove unschedule 3`.</sub>",
    )
    assert "*and 50 more*" in comments.schedule_list([VIEW] * 100, "ove", "alice/shop", NOW)


def test_an_empty_list_says_how_to_begin() -> None:
    """Without schedules the answer shows how to set one up."""
    assert comments.schedule_list([], "ove", "alice/shop", NOW) == (
        "There are no schedules in alice/shop. `@ove schedule every weekday at 9: what to do` sets one up."
    )


def test_answers_name_the_schedule_and_call_only_who_wrote() -> None:
    """Each answer mentions its reader, and no one else."""
    assert comments.schedule_removed(3, "bob") == "@bob, schedule 3 is removed and does not run any more."
    assert comments.schedule_not_yours("bob", 3, "alice") == (
        "@bob, schedule 3 belongs to alice: only alice or an admin of this repository can remove it."
    )
    assert comments.schedule_in_file("bob", 3, ".github/ove.yml") == (
        "@bob, schedule 3 stands in `.github/ove.yml`: change it or remove it there."
    )
    assert comments.schedule_unknown("bob", 9, "ove") == (
        "@bob, this repository has no schedule 9. `@ove schedules` lists the ones there are."
    )
    assert comments.schedule_suspended("alice", 3, "ove").startswith("@alice, **I have suspended schedule 3**: you can")
