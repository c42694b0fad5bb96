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
from ove_gh.commands import Fix, Plain, Review
from ove_gh.repository_settings import (
    Commanders,
    FileSchedule,
    Labels,
    Problem,
    Problems,
    RepositorySettings,
    as_json,
    from_json,
    label_command,
    read,
    schema,
    touches,
)

SCHEMA = Path(repository_settings.__file__).with_name("ove.schema.json")

WHOLE = """\
model: claude-opus-4-5
limits:
  turns: 100
  budget: 2.50
  time: 1h30m
commands:
  role: maintain
  people: [alice, bob]
setup:
  - pip install -e .
  - |
    make fixtures
    make certificates
check: make test
protect:
  - migrations/**
  - "*.lock"
workflows: true
labels:
  good first bug: fix
tone: ove
mcp: [postgres]
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
    model="claude-opus-4-5",
    max_turns=100,
    budget_usd=2.5,
    turn_seconds=5400,
    may_command=Commanders("maintain", ("alice", "bob")),
    setup=("pip install -e .", "make fixtures\nmake certificates"),
    check="make test",
    protected=("migrations/**", "*.lock"),
    workflows=True,
    labels=Labels(on=True, own=(("good first bug", "fix"),)),
    tone="ove",
    mcp=("postgres",),
    time_zone="Europe/Stockholm",
    ci_attempts=5,
    schedules=(
        FileSchedule("dependencies", "every weekday at 9", "Update the dependencies and fix what breaks.", 12, line=27),
        FileSchedule("on", "30 9 * * 1", "Read #12, then:\n\n- close what is done", 7, line=31),
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
    "text",
    [
        "",
        "\n",
        "# later\n",
        "---\n",
        "ci:\nschedules:\ntime_zone: ~\n",
        "ci: {attempts: }",
        "limits: {time: }\ncommands: {role: , people: []}\nsetup: []\nlabels: {}\n",
        "model:\nlimits:\ncommands:\nsetup:\ncheck:\nprotect:\nworkflows:\nlabels:\ntone:\nmcp:",
    ],
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
    assert from_json(kept | {"colour": "red"}) == SETTINGS
    assert from_json({"time_zone": "UTC", "ci_attempts": 2, "schedules": []}) == RepositorySettings("UTC", 2)
    assert from_json({}) == RepositorySettings()
    with pytest.raises(ValueError, match="ci_attempts"):
        from_json({"ci_attempts": "many"})


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("90s", 90), ("30M", 1800), ("1h30m", 5400), ("1.5h", 5400), ("1d", 86400)]
)
def test_a_length_of_time_is_read(written: str, seconds: float) -> None:
    """A time is written as in the service's own settings: a bare number is seconds, and units add up."""
    assert read(f"limits: {{time: {written}}}") == RepositorySettings(turn_seconds=seconds)


def test_attempts_can_stand_in_two_places() -> None:
    """`limits` and `ci` both say how often checks bring the agent back; the same number in both is no problem."""
    expected = RepositorySettings(ci_attempts=2)
    for text in ("limits: {attempts: 2}", "ci: {attempts: 2}", "limits: {attempts: 2}\nci: {attempts: 2}"):
        assert read(text) == expected
    assert problem("limits:\n  turns: 3\n  attempts: 2\nci:\n  attempts: 0") == (
        3,
        "`attempts` is 2 here and 0 in `ci`, and both mean the same. Keep one of them.",
    )


def test_the_default_model_is_the_operators() -> None:
    """`default` is no model's name, but leaves the choice to the operator, as it does in the command."""
    assert read("model: Default") == RepositorySettings()


def test_one_command_is_a_list_of_one() -> None:
    """A setup of one command needs no list."""
    assert read("setup: make") == read("setup: [make]") == RepositorySettings(setup=("make",))


# ── Who may command ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("", {"write", "maintain", "admin", "alice"}),
        ("commands: {role: maintain}", {"maintain", "admin"}),
        ("commands: {role: admin}", {"admin"}),
        ("commands: {people: [Alice]}", {"admin", "alice"}),
        ("commands: {role: maintain, people: [alice]}", {"maintain", "admin", "alice"}),
        ("commands: {people: []}", {"write", "maintain", "admin", "alice"}),
    ],
)
def test_who_may_command(text: str, may: set[str]) -> None:
    """A role lets in all who have it or more; named people come in, too, and without a role only they and admins."""
    found = read(text)
    assert isinstance(found, RepositorySettings)
    somebody = {role: (f"some-{role}", role) for role in ("none", "read", "triage", "write", "maintain", "admin")}
    everybody = somebody | {"alice": ("alice", "write")}
    assert {who for who, (login, role) in everybody.items() if found.may_command.include(login, role)} == may
    assert not found.may_command.include("alice", "read"), "who cannot write commands nothing, named or not"


# ── What must not be touched ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("glob", "covered", "free"),
    [
        ("migrations/**", "migrations/1.sql migrations/a/b.sql", "migrations app/migrations/1.sql migrations2/a"),
        ("migrations", "migrations migrations/1.sql app/migrations/1.sql", "migrations2/a a/my-migrations/b"),
        ("migrations/", "migrations/1.sql app/migrations/a/b", "my-migrations/1.sql"),
        ("/migrations", "migrations/1.sql", "app/migrations/1.sql"),
        ("app/db", "app/db app/db/x", "lib/app/db/x app/db2"),
        ("*.lock", "uv.lock web/yarn.lock .lock", "uv.lock2 lock"),
        ("/*.lock", "uv.lock", "web/yarn.lock"),
        ("docs/*.md", "docs/a.md", "docs/a/b.md docs/.mdx a/docs/b.md"),
        ("docs/*", "docs/a docs/a/b.md", "docs"),
        ("**/secrets", "secrets a/b/secrets/c", "a/secrets2"),
        ("a/**/b", "a/b a/x/b a/x/y/b/c", "a/xb ab x/a/b"),
        ("a/**/**/b/**", "a/b/c a/x/b/c", "a/b a/x/b"),
        ("**", "a a/b .env", ""),
        ("a**b", "ab axxb x/aXb", "a/b"),
        ("v?/[a-c][!0-9].[^x]", "v1/ax.y", "v12/ax.y v1/dx.y v1/a1.y v1/ax.x v/ax.y"),
        ("Makefile", "Makefile a/Makefile", "makefile"),
        ("a+(b|c).txt", "a+(b|c).txt", "ab.txt"),
    ],
)
def test_globs_cover_what_a_gitignore_would(glob: str, covered: str, free: str) -> None:
    """Slashes anchor, `*` stays within a name, `**` crosses folders, and a folder holds all that is in it."""
    found = read(f"protect:\n- '{glob}'\nworkflows: true")
    assert isinstance(found, RepositorySettings)
    assert touches(found, covered.split() + free.split()) == tuple(covered.split())


def test_workflows_are_protected_unless_allowed() -> None:
    """Workflow files, and links in the place of their folders, are forbidden until the file allows them by name."""
    workflows = (".github/workflows/ci.yml", ".github/workflows/a/b", ".github/workflows", ".github")
    others = ("a/.github/workflows/ci.yml", ".github/ove.yml", ".github/workflows2/a")
    for settings_ in (RepositorySettings(), RepositorySettings(protected=("other",))):
        assert touches(settings_, [*others, *workflows]) == workflows
    assert touches(RepositorySettings(workflows=True), [*others, *workflows]) == ()
    assert touches(RepositorySettings(workflows=True, protected=(".github/**",)), workflows) == workflows[:3]


def test_no_glob_takes_long() -> None:
    """A glob made to be slow, and a path made for it, cost no more than others."""
    slow = RepositorySettings(protected=("**/a*/" * 30 + "b", "*a" * 90 + "b"))
    assert touches(slow, ["/".join(["a" * 200] * 200)]) == ()


# ── Labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_labels_command_what_the_file_says() -> None:
    """The App's labels work unless they are off, a repository's own beside them, and no other does."""
    own = read("labels: {Good Bot: fix, 'ove:plan': review}")
    assert isinstance(own, RepositorySettings)
    assert label_command(own, "good bot", "ove") == Fix("")
    assert label_command(own, "ove:plan", "ove") == Review("")
    for on in (own, RepositorySettings(), read("labels: true")):
        assert isinstance(on, RepositorySettings)
        assert label_command(on, "ove", "ove") == Plain("")
        assert label_command(on, "ove:review", "ove") == Review("")
        assert label_command(on, "bug", "ove") is None
    off = read("labels: false")
    assert isinstance(off, RepositorySettings)
    assert label_command(off, "ove", "ove") is None


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


def test_each_setting_says_what_it_takes() -> None:
    """Whatever is wrong with a setting, the message stands at its line, and names what to write."""
    text = """\
model: my model
limits:
  turns: 0
  budget: $5
  time: 45 minutes
  money: 5
commands:
  role: owner
  people: ["@alice"]
setup: {a: b}
check: [make]
protect:
  - "!migrations"
  - ../other
  - a\\b
  - {}
workflows: yes
labels:
  bug: fxi
  Bug: fix
  good: [fix]
  '': fix
tone: grumpy
mcp: postgres
"""
    found = problems(text)
    assert [line for line, _ in found] == [1, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17, 19, 21, 22, 23, 24]
    messages = dict(found)
    assert messages[1].startswith("`model` cannot be `my model`. Set it to a model's name, such as opus")
    assert messages[3].startswith("`turns` cannot be `0`. Set it to how many steps")
    assert messages[4] == "`budget` cannot be `$5`. Set it to the dollars that one task may cost, such as 5 or 2.50."
    assert messages[5] == "`time` cannot be `45 minutes`. Set it to how long one turn may take, such as 45m or 1h30m."
    assert messages[6] == "`money` is no setting. What can stand here: `turns`, `budget`, `time` and `attempts`."
    assert messages[8].startswith("`role` cannot be `owner`. Set it to write, maintain or admin")
    assert messages[9] == "This entry cannot be `@alice`. Set it to a login on GitHub, such as alice, without an @."
    assert messages[10].startswith("`setup` cannot be a section with keys. Set it to a shell command, or a list")
    assert messages[11].startswith("`check` cannot be a list. Set it to a shell command")
    assert messages[13].startswith("`!migrations`: a path cannot be taken out again")
    assert messages[14].startswith("`../other` leads nowhere.")
    assert "backslash" in messages[15]
    assert messages[16].startswith("This entry cannot be a section with keys. Set it to a path as in a .gitignore")
    assert messages[17].startswith("`workflows` cannot be `yes`. Set it to true when")
    assert messages[19].startswith("`bug` cannot be `fxi`. Set it to a command that can stand alone: review, fix")
    assert messages[21].startswith("`good` cannot be a list. Set it to a command that can stand alone")
    assert "is no label: its name has from 1 to 50 characters" in messages[22]
    assert messages[23] == "`tone` cannot be `grumpy`. Set it to plain (the default), or ove for a grumpy Swede."
    assert messages[24] == "`mcp` cannot be `postgres`. It takes a list: each entry starts with `-`."


def test_a_label_is_named_once() -> None:
    """GitHub's labels have no case, so that one of two that differ by it could never be told from the other."""
    assert problem("labels:\n  bug: fix\n  Bug: plan") == (
        3,
        "GitHub has only one label `Bug`, whatever its case. Keep one.",
    )


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
        ("protect:\n  - **/a", 2, "quotes around a cron rule or a path"),
        ("protect:\n  - *.lock", 2, "quotes around a cron rule or a path"),
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
        *(f"limits: {{turns: {n}}}" for n in ("0", "1", "many", "1.5", "")),
        *(f"limits: {{budget: {n}}}" for n in ("0", "0.0", "0.01", "5", "-1", "$5", "[]", "")),
        *(
            f"limits: {{time: {n}}}"
            for n in ("0", "0s", "90", "1h30m", "1H", "1.5h", "m", "1 h", "-1", "1h30", "[]", "")
        ),
        *(f"commands: {{role: {role}}}" for role in ("write", "maintain", "admin", "read", "[]", "")),
        *(f"commands: {{people: {people}}}" for people in ("[a-b]", "['@a']", "a", "[[a]]", "['']", "[]")),
        *(f"setup: {setup}" for setup in ("make", "[make, make]", "[[make]]", "{}", "[{}]", "", str(["a"] * 21))),
        *(f"check: {check}" for check in ("make", "[make]", "''", "")),
        *(f"protect: {protect}" for protect in ("['*.lock', a/**]", "a", "[{}]", f"[{'a' * 201}]", "[]", "")),
        *(f"workflows: {value}" for value in ("true", "False", "maybe", "1", "[]", "")),
        *(
            f"labels: {value}"
            for value in ("true", "FALSE", "maybe", "{}", "{a: fix}", "{a: b}", "{a: [fix]}", "[]", "")
        ),
        *(f"labels: {{{name}: fix}}" for name in ("''", "a" * 50, "a" * 51)),
        *(f"labels: {{{', '.join(f'a{n}: fix' for n in range(many))}}}" for many in (50, 51)),
        *(f"tone: {tone}" for tone in ("plain", "ove", "Ove", "[]", "")),
        *(f"mcp: {mcp}" for mcp in ("[a, b-c_1]", "a", "[a b]", "[]", f"[{', '.join('a' * 21)}]")),
        *(f"model: {model}" for model in ("opus", "'claude-opus-4-5[1m]'", "my model", "-x", "é", "[]", "")),
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
