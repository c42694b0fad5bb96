"""A repository's own settings: what is read, and what is said about everything that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ove_gh import repository_settings
from ove_gh.repository_settings import (
    FileSchedule,
    Problem,
    Problems,
    RepositorySettings,
    as_json,
    from_json,
    read,
    schema,
)

SCHEMA = Path(repository_settings.__file__).with_name("ove.schema.json")

WHOLE = """\
time_zone: Europe/Stockholm     # for schedules
ci:
  attempts: 5
schedules:
  - name: dependencies
    when: every weekday at 9
    do: Update the dependencies and fix what breaks.
    issue: 12
  - name: on
    when: 30 9 * * 1
    do: |
      Read #12, then:

      - close what is done
    issue: 7
"""

SETTINGS = RepositorySettings(
    time_zone="Europe/Stockholm",
    ci_attempts=5,
    schedules=(
        FileSchedule("dependencies", "every weekday at 9", "Update the dependencies and fix what breaks.", 12, line=5),
        FileSchedule("on", "30 9 * * 1", "Read #12, then:\n\n- close what is done", 7, line=9),
    ),
)


def schedule(**others: str) -> str:
    """A file with one schedule that is right but for what `others` say, as they stand in YAML."""
    values = {"name": "a", "when": "every weekday at 9", "do": "Look around.", "issue": "1"} | others
    return "schedules:\n- " + "\n  ".join(f"{key}: {value}" for key, value in values.items() if value != "gone")


def problems(text: str) -> list[tuple[int | None, str]]:
    """All that is wrong with this text: lines and messages."""
    found = read(text)
    assert isinstance(found, Problems)
    return [(problem.line, problem.message) for problem in found.found]


def problem(text: str) -> tuple[int | None, str]:
    """The only thing that is wrong with this text."""
    (found,) = problems(text)
    return found


# ── What is right ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_file_is_read() -> None:
    """Every setting arrives as its own kind, and each schedule with its line; line ends and a zone's case are free."""
    assert read(WHOLE) == SETTINGS
    assert read(WHOLE.replace("\n", "\r\n").replace("Europe/Stockholm", "europe/stockholm")) == SETTINGS


@pytest.mark.parametrize(
    "text", ["", "\n", "# later\n", "---\n", "ci:\nschedules:\ntime_zone: ~\n", "ci: {attempts: }"]
)
def test_what_is_empty_sets_nothing(text: str) -> None:
    """An empty file is right, and so is a key with nothing behind it: the operator's settings hold."""
    assert read(text) == RepositorySettings()


def test_words_that_yaml_takes_for_something_else_stay_words() -> None:
    """A name may be `on` or `2026`, and a request a time: where a text is wanted, YAML 1.1 converts nothing."""
    for word in ("on", "no", "2026", "0x1F", "1e3"):
        found = read(schedule(name=word, do="9:30"))
        assert isinstance(found, RepositorySettings)
        assert (found.schedules[0].name, found.schedules[0].request) == (word, "9:30")


def test_settings_can_be_kept() -> None:
    """Settings survive as JSON; a row by a later version can be read, too, and one by an earlier gets the defaults."""
    kept: dict[str, Any] = json.loads(json.dumps(as_json(SETTINGS)))
    assert from_json(kept) == SETTINGS
    assert from_json(kept | {"model": "opus"}) == SETTINGS
    assert from_json({}) == RepositorySettings()
    with pytest.raises(ValueError, match="ci_attempts"):
        from_json({"ci_attempts": "many"})


# ── What is wrong ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_wrong_is_told_at_once() -> None:
    """One reading lists every problem of every part, from top to bottom, each with its line and what to write."""
    text = """\
timezone: Europe/Stockholm
time_zone: Europe/Stokholm
ci:
  attempts: 11
  attempts: 3
  retries: 3
schedules:
  - name: two words
    when: when the moon is full
    do: Close #12 if it is done.
    issue: #12
  - name: a
    do: [Look around]
    issue: "#3"
  -
"""
    assert problems(text) == [
        (1, "`timezone` is no setting. Did you mean `time_zone`?"),
        (2, "I do not know the time zone `Europe/Stokholm`: did you mean `Europe/Stockholm`?"),
        (
            4,
            "`attempts` cannot be `11`. Set it to how often failing checks bring the agent back in one task, from 0 to "
            "10.",
        ),
        (5, "`attempts` stands on line 4 already. Keep one of them."),
        (6, "`retries` is no setting. What can stand here: `attempts`."),
        (
            8,
            "`name` cannot be `two words`. Set it to a name of its own, at most 50 letters, digits, - and _; by it the "
            "schedule is known later.",
        ),
        (
            9,
            "`when the moon is full` is no time that can be read in a file. Write a cron rule instead, such as "
            "`0 9 * * 1-5` for Monday to Friday at 9, or a phrase such as `every weekday at 9`.",
        ),
        (10, "YAML takes `#12 if it is done.` for a comment. Put quotes around the whole value."),
        (
            11,
            "`issue` is empty. Set it to the number of the issue to which its results are posted, such as 12, without "
            "a #.",
        ),
        (
            12,
            "`when` is missing. Set it to its time: a phrase such as “every weekday at 9”, or a cron rule such as "
            "“0 9 * * 1-5”.",
        ),
        (13, "`do` cannot be a list. Set it to what the agent is to do, in your own words."),
        (
            14,
            "`issue` cannot be `#3`. Set it to the number of the issue to which its results are posted, such as 12, "
            "without a #.",
        ),
        (
            15,
            "This entry is empty. It takes keys, each on a line of its own with a colon: `name`, `when`, `do` and "
            "`issue`.",
        ),
    ]


def test_two_schedules_cannot_share_a_name() -> None:
    """A schedule is known by its name when the file changes, so the second of that name is a problem at its line."""
    text = schedule(name="weekly") + schedule(name="weekly").removeprefix("schedules:")
    assert problem(text) == (6, "Another schedule is called `weekly` already. Give each a name of its own.")


def test_an_unclear_time_is_told_with_its_reason() -> None:
    """A time that leaves something open, or that cron does not know, is a problem that says so."""
    assert problem(schedule(when="daily")) == (
        3,
        "`daily`: I do not see at what time: write for example `every day at 09:00`.",
    )
    line, message = problem(schedule(when="0 25 * * *"))
    assert line == 3
    assert "from 0 to 23" in message


@pytest.mark.parametrize("number", ["ten", "3.0", "010", "0x3", "1_0", "+3", "-1", "11", "٣", "9" * 5000])
def test_a_number_is_a_whole_one_in_plain_digits(number: str) -> None:
    """What YAML or Python would bend into a number is a problem: `010` is 8 in one YAML and 10 in the next."""
    line, message = problem(f"ci:\n  attempts: {number}")
    assert line == 2
    assert message.startswith("`attempts` cannot be ")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("- a", "The file cannot be a list. It takes keys"),
        ("hello", "The file cannot be `hello`. It takes keys"),
        ("ci: [3]", "`ci` cannot be a list. It takes keys"),
        ("schedules: daily", "`schedules` cannot be `daily`. It takes a list"),
        ("schedules: [daily]", "This entry cannot be `daily`. It takes keys"),
        ("ci: {attempts: {a: b}}", "`attempts` cannot be a section with keys. Set it to how often"),
        ("? [a]\n: b", "A key has to be one plain word"),
        ("<<: {ci: {}}", "`<<` is no setting."),
        ("? " + "k" * 2000, "`kkk"),
    ],
)
def test_a_value_of_the_wrong_kind_says_what_it_takes(text: str, start: str) -> None:
    """A list, a section or a word where something else is wanted is told by what it is, and by what belongs there."""
    line, message = problem(text)
    assert line == 1
    assert message.startswith(start)
    assert len(message) < 300


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        ("ci:\n\tattempts: 3", 2, "spaces"),
        ("ci:\n  attempts: 3\n time_zone: UTC", 3, "Indent this line"),
        (schedule(do="Look: around"), 4, "quotes around a value that holds `: `"),
        (schedule(do="@ove look around"), 4, "quotes around a value that starts"),
        (schedule(when="* 9 * * *"), 3, "quotes around a cron rule"),
        (schedule(when="*/5 * * * *"), 3, "quotes around a cron rule"),
        (schedule(do='"Look around'), 4, "Close the quote"),
        (schedule(do=r'"\d"'), 4, "single ones"),
        (schedule(do="[Look"), 5, "bracket"),
        ("ci:\n---\nci:", 2, "`---`"),
        ('time_zone: "\\UFFFFFFFF"', None, "too large"),
        ("%YAML " + "9" * 5000 + ".1\n---\n", None, "too large"),
        ("ci:\n\0", 2, "U+0000"),
        ("ci:\n\ud800", 2, "U+D800"),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(text: str, line: int | None, advice: str) -> None:
    """A slip in the notation is told at the line where it happened, with the way out."""
    found, message = problem(text)
    assert found == line
    assert advice in message


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("ci: &ci\n  attempts: 3", 1, "Anchors"),
        ("ci:\n  attempts: *many", 2, "aliases"),
        ("ci: !!python/object/apply:os.system [ls]", 1, "`!!python/object/apply:os.system`"),
        ("ci:\n  attempts: !!int 3", 2, "`!!int`"),
        ("ci:\n " + "[" * 5000, 2, "Too many lists"),
        ("- " * 5000, 1, "Too many lists"),
        (schedule(do=r'"\0"'), 4, "U+0000"),
        (schedule(do=r'"\ud800"'), 4, "U+D800"),
        ("#" * 65_537, None, "65,537 bytes"),
        ("#" + "é" * 32_768, None, "65,537 bytes"),
        ("schedules:\n" + "- {}\n" * 51, 1, "51 entries; at most 50"),
    ],
)
def test_what_could_hurt_is_refused(text: str, line: int | None, what: str) -> None:
    """No anchors, no tags, no depth, no size, and no text that a database could not keep."""
    found, message = problem(text)
    assert found == line
    assert what in message


def test_a_flood_of_problems_is_bounded() -> None:
    """Of thousands of wrong lines the first fifty are told, and how many more there are."""
    found = problems("\n".join(f"key_{n}: 1" for n in range(4000)))
    assert [line for line, _ in found] == [*range(1, 51), None]
    assert "3950 more" in found[-1][1]


def test_words_of_the_file_call_nobody() -> None:
    """What a message quotes stands in a code span, whatever it holds, so that it neither mentions nor marks up."""
    assert problem('"`@alice` <b>": 1')[1].startswith("`` `@alice` <b> `` is no setting.")
    assert problem(schedule(name='"@alice\\n# b"'))[1].startswith("`name` cannot be `@alice # b`.")


# ── The schema ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_schema_is_the_readers() -> None:
    """The schema beside the module, which editors fetch, is the one that the reader's own models make."""
    module = repository_settings.__name__
    write = f"python -c 'from {module} import schema; print(schema(), end=\"\")' > ove_gh/{SCHEMA.name}"
    assert SCHEMA.read_text("utf-8") == schema(), f"write it with: {write}"


@pytest.mark.parametrize(
    "text",
    [
        WHOLE.replace("name: on", "name: weekly"),  # editors read YAML 1.2, where `on` is a word
        "{}",
        "ci:\nschedules:\ntime_zone:",
        *(f"ci: {{attempts: {n}}}" for n in ("-1", "0", "10", "11", "ten", "[]", "", "1.5")),
        *(schedule(**{key: value}) for key in ("name", "when", "do", "issue") for value in ("gone", "", '""', "[a]")),
        *(schedule(name=name) for name in ("a-Z_9", "a b", "é", "x" * 50, "x" * 51)),
        *(schedule(issue=issue) for issue in ("0", "1", "'#1'", "-1")),
        schedule(when=f"every weekday at 9{' ' * 200}at"),
        schedule(request="Look around."),
        *(f"{key}: {value}" for key in ("ci", "schedules", "time_zone", "other") for value in ("[]", "{}", "[1]")),
        *(
            "\n- ".join(["schedules:", *(f"{{name: a{n}, when: '@daily', do: a, issue: 1}}" for n in range(many))])
            for many in (50, 51)
        ),
    ],
)
def test_the_schema_and_the_reader_agree(text: str) -> None:
    """What an editor marks by the schema is what the reader refuses, and the rest it takes."""
    valid = jsonschema.Draft7Validator(json.loads(schema())).is_valid(yaml.safe_load(text))
    assert valid == isinstance(read(text), RepositorySettings)


# ── Any text ─────────────────────────────────────────────────────────────────────────────────────────────────────────

NOTATION = "- |: |  |\n  | #1|? |<<: |---\n|...\n|&a |*a |!!binary |%YAML 1.1\n|%TAG ! x\n|\ufeff|\u2028|\x85"
VALUES = r'null|on|"\ud800"|"\UFFFFFFFF"|0o17|1e999|2026-02-30|=|ci|attempts: |schedules:|[]|{}|daily'
PIECES = [*WHOLE.splitlines(keepends=True), *NOTATION.split("|"), *VALUES.split("|"), *"\t\n :#-?[]{},&*!|>'\"%@`\\~<"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join)


@settings(max_examples=300)
@given(TEXTS | st.text())
@example('a: "\\ud800": b')
@example("? {ci: 1}\n: {ci: 1}")
def test_no_text_can_break_the_reader(text: str) -> None:
    """Any text gives settings that survive being kept, or problems with lines of the text, each one line of words."""
    match read(text):
        case RepositorySettings() as found:
            assert from_json(json.loads(json.dumps(as_json(found)))) == found
        case Problems(found=told):
            assert told
            last = len(text.splitlines()) + 1
            for each in told:
                assert isinstance(each, Problem)
                assert each.line is None or 1 <= each.line <= last
                assert each.message.isprintable()
                assert each.message.endswith((".", "?"))
