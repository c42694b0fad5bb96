"""Everyday words for a time, and cron."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.phrases import LONGEST_PHRASE, NotRead, Unclear, read_phrase, write_phrase

WORDS = st.sampled_from(
    [
        "every", "each", "all", "on", "at", "the", "of", "in", "and", ",", "-", "to", "from", "once a", "day", "daily",
        "weekly", "monthly", "yearly", "hourly", "hour", "hours", "minutes", "seconds", "week", "month", "year",
        "monday", "mondays", "fri", "sunday", "weekday", "weekdays", "weekend", "morning", "evening", "night",
        "january", "feb", "1st", "2nd", "15th", "31st", "first", "second", "third", "fifth", "last", "other", "noon",
        "midnight", "9", "9:30", "24", "5pm", "12 am", "0", "2", "30", "99:99", "tomorrow", "next", "two", "?",
    ]
)  # fmt: skip
PHRASES = st.lists(WORDS, max_size=10).map(" ".join) | st.text(max_size=60)

DAYS = st.sampled_from(
    [
        "* * *", "* * 1-5", "* * 0,6", "* * 1,4", "* * 0", "* * 1#1", "* * 2#2,2#4", "* * 5L", "1 * *", "1,15 * *",
        "L * *", "LW * *", "1 1 *", "29 2 *", "15 1,7 *", "L 2 *", "* 1,7 1", "* 3 *", "* 6 1#1", "* 6,9 5L",
    ]
)  # fmt: skip
TIMES = st.sampled_from(["0 9", "30 17", "0 0", "0 0,12", "5 8,10,14", "0,30 9,10"])
STEPS = st.sampled_from(["0 *", "0 */2", "0 */8", "*/15 *", "*/30 *", "* *"])


@pytest.mark.parametrize(
    ("phrase", "cron"),
    [
        ("every weekday at 9", "0 9 * * 1-5"),
        ("Every Weekday at 9.", "0 9 * * 1-5"),
        ("weekdays at 9", "0 9 * * 1-5"),
        ("on working days at 9:05", "5 9 * * 1-5"),
        ("mon-fri at 9.30", "30 9 * * 1-5"),
        ("Monday – Friday, at 9 a.m.", "0 9 * * 1-5"),
        ("daily at 17:30", "30 17 * * *"),
        ("once a day at 9 o'clock", "0 9 * * *"),
        ("each day at 9pm", "0 21 * * *"),
        ("at 12 am every day", "0 0 * * *"),
        ("every day at 12pm", "0 12 * * *"),
        ("every day at noon and midnight", "0 0,12 * * *"),
        ("every day at 9:00, 13:00 and 17:00", "0 9,13,17 * * *"),
        ("every day at 9:00, 9:30, 10:00 and 10:30", "0,30 9,10 * * *"),
        ("every day at 9 in the evening", "0 21 * * *"),
        ("every evening at 8", "0 20 * * *"),
        ("every morning at 6", "0 6 * * *"),
        ("nightly at 2", "0 2 * * *"),
        ("every night at 11", "0 23 * * *"),
        ("every monday and thursday at 8am", "0 8 * * 1,4"),
        ("every mon, wed, & fri at 9", "0 9 * * 1,3,5"),
        ("fridays at noon", "0 12 * * 5"),
        ("friday to monday at 9", "0 9 * * 0,1,5,6"),
        ("weekly on friday at noon", "0 12 * * 5"),
        ("every week on Tuesday at 10", "0 10 * * 2"),
        ("at midnight every sunday", "0 0 * * 0"),
        ("every weekend at 10", "0 10 * * 0,6"),
        ("every 2 hours", "0 */2 * * *"),
        ("every two hours on weekdays", "0 */2 * * 1-5"),
        ("hourly", "0 * * * *"),
        ("every 60 minutes", "0 * * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every minute", "* * * * *"),
        ("monthly on the 1st at 6", "0 6 1 * *"),
        ("on the 15th of each month at 9", "0 9 15 * *"),
        ("every month on the 1st and 15th at 6", "0 6 1,15 * *"),
        ("on day 15 of every month at 9", "0 9 15 * *"),
        ("on the last day of the month at 18:00", "0 18 L * *"),
        ("on the last weekday of the month at 18:00", "0 18 LW * *"),
        ("every first monday of the month at 9", "0 9 * * 1#1"),
        ("every first monday at 9", "0 9 * * 1#1"),
        ("monthly on the third friday at 9", "0 9 * * 5#3"),
        ("on the first and third tuesday of every month at 9", "0 9 * * 2#1,2#3"),
        ("the last friday of each month at 16:00", "0 16 * * 5L"),
        ("every year on 1 march at 9", "0 9 1 3 *"),
        ("every january 1st at 9", "0 9 1 1 *"),
        ("yearly on the 29th of february at noon", "0 12 29 2 *"),
        ("every monday in january and july at 9", "0 9 * 1,7 1"),
    ],
)
def test_an_everyday_phrase_is_its_cron_rule(phrase: str, cron: str) -> None:
    """What people write for a time that comes again is read as the rule that they mean."""
    assert read_phrase(phrase) == cron


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("every day", "I do not see at what time: write for example `every day at 09:00`."),
        ("every monday", "I do not see at what time: write for example `every Monday at 09:00`."),
        (
            "on the 15th of each month",
            "I do not see at what time: write for example `on the 15th of every month at 09:00`.",
        ),
        ("monday at 8", "I do not see how often: write for example `every Monday at 08:00`."),
        ("at 17:30", "I do not see how often: write for example `every day at 17:30`."),
        ("on 24 december at 9", "I do not see how often: write for example `every year on 24 December at 09:00`."),
        ("weekly at 9", "on which day of the week"),
        ("monthly", "on which day of the month"),
        ("monthly on monday at 9", "on which day of the month"),
        ("yearly at 9", "on which day of the year"),
        ("tomorrow at 9", "one moment"),
        ("in 2 hours", "one moment"),
        ("next friday at noon", "one moment"),
        ("on 2030-01-01 at 9", "one moment"),
        ("every 30 seconds", "to the second"),
        ("every day at 9:00:30", "to the second"),
        ("every 5 hours", "1, 2, 3, 4, 6, 8 or 12 hours, for example `every 4 hours`"),
        ("every 90 minutes", "fit evenly into an hour"),
        ("every 0 minutes", "fit evenly into an hour"),
        ("every 2 days at 9", "name the days"),
        ("every other monday at 9", "name the days"),
        ("every third monday at 9", "name the days"),
        ("biweekly", "name the days"),
        ("every day at 25:00", "`25:00` is no time of day"),
        ("every day at 13pm", "`13pm` is no time of day"),
        ("every day at 9:00 and 17:30", "two schedules"),
        ("every friday the 13th at 9", "a day of the week and a day of the month"),
        ("every month on the 31st at 9", "Not every month has the day 31"),
        ("every fifth monday of the month at 9", "more than four Mondays"),
        ("on the 32nd of every month at 9", "days 1 to 31"),
        ("every year on 30 february at 9", "No calendar has that day"),
    ],
)
def test_a_phrase_that_leaves_something_open_is_answered_with_what_to_write(phrase: str, reason: str) -> None:
    """Nothing is guessed: the reason says what is missing or impossible, and has an example."""
    unclear = read_phrase(phrase)
    assert isinstance(unclear, Unclear)
    assert reason in unclear.reason
    assert "`" in unclear.reason.removeprefix("`")


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "update the dependencies",
        "every weekday at 9 except fridays",
        "every monday at 9 and thursday at 10",
        "every day at 8 and 9pm",
        "every evening at 9am",
        "weekdays 9",
        "every weekday at 9 starting tomorrow",
        "every quarter at 9",
        "daily on weekdays at 9",
        "every hour at 9",
        "varje vardag klockan 9",
        "every day at " + " " * LONGEST_PHRASE + "9",
    ],
)
def test_what_is_not_read_to_its_last_word_is_not_read(phrase: str) -> None:
    """A phrase with a word that fits nowhere, or that says two things, is left to a reader with more language."""
    assert read_phrase(phrase) == NotRead()


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 9 * * 1-5", "every weekday at 09:00"),
        ("0 9 * * MON-FRI", "every weekday at 09:00"),
        ("30 7 * * 0,6", "every Saturday and Sunday at 07:30"),
        ("0 9 * * 7", "every Sunday at 09:00"),
        ("0 */6 * * *", "every 6 hours"),
        ("*/20 * * * 1-5", "every 20 minutes, every weekday"),
        ("15 9-17 * * *", "every hour from 09:15 to 17:15"),
        ("0 6 1,15 * *", "on the 1st and 15th of every month at 06:00"),
        ("0 9 22 12 *", "every year on 22 December at 09:00"),
        ("0 9 * * 1#2", "on the second Monday of every month at 09:00"),
        ("0 0 1-31 * 1", "every day at 00:00"),
        ("45 * * * *", "at minute 45 of every hour"),
        ("0 9 22 * 1", "at 09:00 on the 22nd day of month and on Monday"),
    ],
)
def test_a_rule_is_said_as_people_say_it(cron: str, words: str) -> None:
    """Common shapes have short words of their own; others are explained field by field."""
    assert write_phrase(cron) == words


@given(st.tuples(TIMES | STEPS, DAYS).map(" ".join))
def test_what_is_written_is_read_as_the_same_rule(cron: str) -> None:
    """The words for a rule, shown as an example to write, mean that very rule."""
    assert read_phrase(write_phrase(cron)) == cron


@given(PHRASES)
def test_any_text_is_read_or_refused(phrase: str) -> None:
    """No words make the reader fail, and what it reads has five fields and words of its own."""
    read = read_phrase(phrase)
    if isinstance(read, str):
        assert len(read.split()) == 5
        assert write_phrase(read)
