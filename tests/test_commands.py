"""What addresses the App, and what it is then asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ove_gh.commands import (
    PRIORITY_MARKS,
    AddSchedule,
    Command,
    Continue,
    Discuss,
    Fix,
    Go,
    Help,
    ListSchedules,
    ListTasks,
    Meaning,
    New,
    Plain,
    Plan,
    Priority,
    RemoveSchedule,
    Request,
    Retry,
    Review,
    SetBudget,
    SetModel,
    ShowStatus,
    Simplify,
    Stop,
    Trace,
    Validate,
    command_of_label,
    meanings,
    mention_pattern,
    read_command,
    read_request,
    take_priority,
)

FRAGMENTS = st.sampled_from(
    [
        "@ove", "@ove ", "@ove, ", "@OVE", "@ove-bot", "`", "``", "```", "~~~", "\n", "\n\n", "> ", "- ", "1. ", "    ",
        "\t", "<!--", "-->", "<!-- ", " -->", "<details>", "</details>", "<code>", "</code>", "<pre>", "</pre>",
        "<a href='@ove'>", "</a>", "<blockquote>", "</blockquote>", "[", "](u)", "![", "|", "|-|\n", "\\", "*", "**",
        "_", "# ", "---", "word",
        " fix it", "https://x.y/", "&#64;", ".", "x", "é", "\r\n", "\r", "\0", "[a]: ",
        "schedule", "schedules ", "unschedule", " 3",
        "stop", "go ", "review ", "simplify ", "a/b.py", "budget ", "model ", "sotp", "please ", "urgent: ", "p1: ",
        " p0", " !low", "[p1] ", "--priority high",
    ]
)  # fmt: skip
MARKDOWN = st.lists(FRAGMENTS, max_size=30).map("".join) | st.text(max_size=200)


def asked(comment: str) -> str | None:
    """What the comment asks of the App called `ove`."""
    request = read_request(comment, "ove")
    return None if request is None else request.text


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        ("@ove fix the total", "fix the total"),
        ("@OVE, please fix it", "please fix it"),
        ("@ove: fix it", "fix it"),
        ("@ove - fix it", "fix it"),
        ("@ove[bot] fix it", "fix it"),
        ("**@ove** fix it", "fix it"),
        ("- [ ] @ove fix it\n- @ove and this", "- [ ] fix it\n- and this"),
        ("> what Bob said\n\n@ove do that", "> what Bob said\n\ndo that"),
        ("It is broken.\n\nCould you look, @ove?", "It is broken.\n\nCould you look, @ove?"),
        ("@ove's idea was good, so @ove go on", "@ove's idea was good, so @ove go on"),
        ("@ove run this:\n\n```\n@ove x\n```\n\n> a quote", "run this:\n\n```\n@ove x\n```\n\n> a quote"),
        ("@ove\n\n    indented()", "    indented()"),
        ("@ove !important fix it", "!important fix it"),
        ("<!-- from the template -->\n@ove fix <!-- hidden -->it", "fix it"),
        ("- a <!-- one\n  two --> b\n- @ove c", "- a  b\n- c"),
        ("<details>\n<summary>Log</summary>\n\n@ove see here\n\n</details>", None),
        ("| a | b |\n|---|---|\n| @ove | x \\| y |", None),
        ("@ove fix it\r\nsoon", "fix it\nsoon"),
    ],
)
def test_a_mention_in_plain_words_asks_for_the_comment(comment: str, text: str | None) -> None:
    """The request is the comment less what is hidden and less the mentions that open a line (None: left as it is)."""
    expected = text if text is not None else comment.replace("@ove see", "see")
    assert asked(comment) == expected


@pytest.mark.parametrize("comment", ["@ove", "  @ove  ", "@ove!", "@ove.", "@Ove:\n"])
def test_a_bare_mention_asks_for_nothing_in_particular(comment: str) -> None:
    """The App's name alone is a request with an empty text."""
    assert read_request(comment, "ove") == Request("")


@pytest.mark.parametrize(
    "comment",
    [
        "", "no mention", "@ove-bot fix it", "@over fix it", "me@ove.com", "@ove.com", "@ove/team", "@ove_x",
        "@@ovette", "`@ove`", "``a ` @ove``", "```\n@ove fix\n```", "~~~\n@ove never closed", "    @ove indented",
        "\t@ove tab", "- a\n\n      @ove code in a list",
        "> @ove fix", "> a\n> > @ove", "> a paragraph that\n@ove goes on", "- > @ove",
        "<blockquote>\n\n@ove\n\n</blockquote>",
        "<!-- @ove -->", "text <!-- @ove --> text", "text <!-- a\n@ove\n--> text", "<!-- never closed\n\n@ove fix",
        "- <!--\n  @ove\n  -->", "<div>@ove</div>", "<pre>\n\n@ove\n</pre>", "a <code>@ove</code>",
        "a <a href='x'>@ove</a>",
        "a <b title='@ove'>b</b>", "[@ove](https://x.y)", "[a](https://x.y/@ove)", "<https://x.y/@ove>", "https://x.y/@ove",
        "www.x.y/@ove", "![@ove](u)", "[a]: https://x.y/@ove", "| a |\n|---|\n| `@ove` |",
    ],
)  # fmt: skip
def test_other_places_address_nobody(comment: str) -> None:
    """Code, quotes, HTML, hidden comments, links, addresses and longer names are no mention."""
    assert read_request(comment, "ove") is None


@pytest.mark.parametrize("slug", ["a", "ove-gh", "Ove", "x.y"])
def test_the_slug_is_taken_literally(slug: str) -> None:
    """Whatever the App is called, its own name is found, in any case."""
    assert read_request(f"@{slug.upper()} go", slug) == Request("go")


def test_without_a_slug_nobody_is_meant() -> None:
    """An empty slug is never mentioned."""
    assert read_request("@ go", "") is None


@given(MARKDOWN)
def test_no_comment_makes_the_reader_fail(comment: str) -> None:
    """Any text is read, and what is asked holds nothing that was hidden."""
    request = read_request(comment, "ove")
    assert request is None or isinstance(request.text, str)


@settings(max_examples=300)
@given(MARKDOWN)
@example("<code></pre>@ove")
@example("> <!-- open\n\n@ove")
@example("@ove-bot\\@ove")
@example("@ove-bot\\\\@ove")
@example("@ove\\-bot @ove\\.com")
@example("https://x.y/`@ove")
@example("a <blockquote>\n\n@ove")
def test_only_what_readers_see_as_words_addresses_the_app(comment: str) -> None:
    """Where a request is read, the rendered comment shows the mention outside of code, links and quotes."""
    if read_request(comment, "ove") is not None:
        assert any(mention_pattern("ove").search(words) for words in shown_words(comment))


@settings(max_examples=300)
@given(MARKDOWN.filter(lambda text: not any(odd in text for odd in "<&_\0/")))
def test_no_mention_that_readers_see_as_words_is_missed(comment: str) -> None:
    """Where no HTML and no address is involved, a mention that is shown as plain words is a request."""
    if any(mention_pattern("ove").search(words) for words in shown_words(comment)):
        assert read_request(comment, "ove") is not None


@given(MARKDOWN, st.sampled_from(["`{}`", "```\n{}\n```", "> {}", "<!-- {} -->", "<pre>{}</pre>", "    {}"]))
def test_code_quotes_and_hidden_text_never_command(filling: str, place: str) -> None:
    """Whatever stands in code, in a quote or in a hidden comment, it starts nothing."""
    line = "".join(filling.split()).replace("`", "").replace("-->", "").replace(">", "")
    line = line.replace("\0", "").strip("-!")
    if line:
        assert read_request(place.format(f"a {line} @ove b"), "ove") is None


@given(st.text(alphabet="abc d\n*_-#", max_size=40).filter(str.strip))
def test_what_follows_a_mention_is_asked(words: str) -> None:
    """The words after the opening mention are the request, as they were written."""
    request = read_request(f"@ove go {words}", "ove")
    assert request is not None
    assert request.text == f"go {words}".rstrip()


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def commanded(comment: str) -> Command | None:
    """What the comment commands the App called `ove`."""
    request = read_request(comment, "ove")
    return None if request is None else read_command(request)


OWN_WORDS = {
    "FOCUS": "the error handling", "WHAT": "the total", "PATH": "src/cart.py", "HOW": "with less nesting",
    "TOPIC": "the rounding", "HINT": "round half up", "WHEN": "every weekday at 9", "NUMBER": "3", "DOLLARS": "2.50",
    "NAME": "opus",
}  # fmt: skip
"""What somebody may write in the place of the capitals of the help text."""


def spoken(usage: str) -> str:
    """The form with somebody's words in the place of its capitals."""
    return re.sub("[A-Z]+", lambda name: OWN_WORDS[name[0]], usage)


def forms(meaning: Meaning) -> Iterator[str]:
    """All ways to write a command that its line of the help text offers, the longest first."""
    if "[" in meaning.usage:
        yield spoken(re.sub(r"[\[\]]", "", meaning.usage))
    yield spoken(re.sub(r"\[.*\]", "", meaning.usage)).strip()


WORDS = {type(commanded(f"@ove {next(forms(meaning))}")): meaning.word for meaning in meanings()}


def test_the_help_text_tells_of_all_commands() -> None:
    """Each kind of command has exactly one line in the help text, under the word that it is written with."""
    assert set(WORDS) == set(get_args(Command)) - {Plain}
    assert len(WORDS) == len(meanings()) == len({meaning.word for meaning in meanings()})
    assert all(re.match(rf"{meaning.word}(?!\w)", meaning.usage) for meaning in meanings())


@pytest.mark.parametrize("meaning", meanings(), ids=lambda meaning: meaning.word)
def test_what_the_help_text_says_is_accepted(meaning: Meaning) -> None:
    """Every form that the help text offers is the command, and brings the words that stand for its capitals."""
    for form in forms(meaning):
        for comment in (f"@ove {form}", f"@ove, {form.capitalize()}", f"> a quote\n\n@ove please {form}"):
            command = commanded(comment)
            assert command is not None
            assert WORDS[type(command)] == meaning.word
            assert all(
                words in str(command) for name, words in OWN_WORDS.items() if name in meaning.usage and words in form
            ) or command == SetBudget(2.5)


@pytest.mark.parametrize("meaning", meanings(), ids=lambda meaning: meaning.word)
def test_only_what_the_help_text_says_is_accepted(meaning: Meaning) -> None:
    """Without its capitals a command is none, or knows that they are missing; with words too many it is the agent's."""
    needs = re.search("[A-Z]", re.sub(r"\[.*\]", "", meaning.usage))
    command = commanded(f"@ove {meaning.word}")
    if needs:
        assert command in (Plain(meaning.word), RemoveSchedule(None), AddSchedule(""))
    if meaning.usage == meaning.word:
        assert commanded(f"@ove {meaning.word} the lights") == Plain(f"{meaning.word} the lights")
        assert commanded(f"@ove {meaning.word}:\n- a") == Plain(f"{meaning.word}:\n- a")


@pytest.mark.parametrize("meaning", meanings(), ids=lambda meaning: meaning.word)
def test_examples_in_the_help_text_work(meaning: Meaning) -> None:
    """What the help text shows in back-ticks is the command that it shows, and brings what it needs."""
    for example_ in re.findall("`(.+?)`", meaning.does):
        command = commanded(f"@ove {example_}")
        assert WORDS[type(command)] == example_.split()[0]
        assert None not in (getattr(command, name) for name in ("number", "dollars", "name") if hasattr(command, name))


@pytest.mark.parametrize(
    ("comment", "command"),
    [
        ("@ove stop", Stop()),
        ("@ove STOP!!", Stop()),
        ("@ove stop, please 🙏", Stop()),
        ("@ove stop🛑", Stop()),
        ("@ove please stop now", Stop()),
        ("@ove stop :octagonal_sign:", Stop()),
        ("@ove stop\n\nI shall do it by hand.", Stop()),
        ("@ove status?", ShowStatus()),
        ("@ove tasks", ListTasks()),
        ("@ove trace", Trace()),
        ("@ove help!", Help()),
        ("@ove retry, thanks", Retry()),
        ("@ove go 🚀", Go()),
        ("@ove go\n\nOn Mon, 3 Nov 2025 at 10:00, ove[bot] <a@b.com> wrote:\n\n> The plan\n>\n> - a", Go()),
        ("@ove status\n> said before", ShowStatus()),
        ("@ove continue", Continue("")),
        ("@ove continue please", Continue("")),
        ("@ove continue: round half up, p1", Continue("round half up, p1")),
        ("@ove continue - round half up\n\n```\nlog\n```", Continue("round half up\n\n```\nlog\n```")),
        ("@ove continue\n\n    log", Continue("    log")),
        ("> half up?\n\n@ove continue like this", Continue("> half up?\n\nlike this")),
        ("@ove new fix it", New("fix it")),
        ("> it is slow\n\n@ove new look at that", New("> it is slow\n\nlook at that")),
        ("@ove review", Review("")),
        ("@ove review, please!", Review("")),
        ("@ove review the error handling", Review("the error handling")),
        ("@ove fix the total\n\n- a\n- b", Fix("fix the total\n\n- a\n- b")),
        ("@ove fix", Fix("")),
        ("> it is slow\n\n@ove fix that", Fix("> it is slow\n\nfix that")),
        ("@ove simplify src/cart.py", Simplify("src/cart.py", "")),
        ("@ove simplify `src/cart.py`, but keep its API", Simplify("src/cart.py", "but keep its API")),
        ("@ove simplify cart.py: less nesting", Simplify("cart.py", "less nesting")),
        ("@ove simplify src/ and more", Simplify("src/", "and more")),
        ("@ove simplify src/parser", Simplify("src/parser", "")),
        ("@ove simplify **/*.py", Simplify("**/*.py", "")),
        ("@ove validate", Validate("")),
        ("@ove validate: only the unit tests", Validate("only the unit tests")),
        ("@ove validate\n\nonly the unit tests", Validate("only the unit tests")),
        ("@ove discuss", Discuss("")),
        ("@ove discuss: half up or half even?", Discuss("half up or half even?")),
        ("@ove plan the move to 3.14", Plan("the move to 3.14")),
        ("@ove budget 5", SetBudget(5)),
        ("@ove budget $5.", SetBudget(5)),
        ("@ove budget 2,50 please", SetBudget(2.5)),
        ("@ove budget `3` dollars", SetBudget(3)),
        ("@ove budget", SetBudget(None)),
        ("@ove budget 0", SetBudget(None)),
        ("@ove budget -5", SetBudget(None)),
        ("@ove budget 1,000", SetBudget(None)),
        ("@ove budget 5€", SetBudget(None)),
        ("@ove model `claude-opus-4-5`", SetModel("claude-opus-4-5")),
        ("@ove model opus[1m]!", SetModel("opus[1m]")),
        ("@ove model", SetModel(None)),
        ("@ove schedule every weekday at 9: update it", AddSchedule("every weekday at 9: update it")),
        ("@ove schedule daily at 9: update it !urgent", AddSchedule("daily at 9: update it !urgent")),
        ("@ove schedule 0 9 * * 1-5 update *all*", AddSchedule("0 9 * * 1-5 update *all*")),
        ("@ove schedule `0 9 * * 1-5` update", AddSchedule("`0 9 * * 1-5` update")),
        ("@ove schedule\n\n```\n*/5 * * * *\n```\nupdate", AddSchedule("```\n*/5 * * * *\n```\nupdate")),
        ("@ove schedule\n* * * * * update", AddSchedule("* * * * * update")),
        ("@ove, Schedule: daily: a\n\n- b\n- c\n", AddSchedule("daily: a\n\n- b\n- c")),
        ("@ove\nschedule a meeting", AddSchedule("a meeting")),
        ("@ove schedule", AddSchedule("")),
        ("@ove schedules", ListSchedules()),
        ("**@ove** SCHEDULES, please.", ListSchedules()),
        ("@ove schedules\n\nThanks!\n> a quote", ListSchedules()),
        ("@ove unschedule 3", RemoveSchedule(3)),
        ("@ove unschedule #12, please!", RemoveSchedule(12)),
        ("@ove unschedule\n3.", RemoveSchedule(3)),
        ("@ove unschedule", RemoveSchedule(None)),
        ("@ove unschedule the one at 9", RemoveSchedule(None)),
        ("@ove unschedule 9:00", RemoveSchedule(None)),
        ("@ove unschedule 3 and 4", RemoveSchedule(None)),
        ("@ove unschedule ³", RemoveSchedule(None)),
        ("> what Bob said\n\n@ove schedules", ListSchedules()),
        ("```\na log\n```\n@ove schedules", ListSchedules()),
        ("<!-- from the template -->\n@ove <!-- hidden -->schedules", ListSchedules()),
        ("@ove\n@ove schedules", ListSchedules()),
    ],
)
def test_the_first_word_behind_the_name_commands(comment: str, command: Command) -> None:
    """A command is read in any case, with all that follows it as it was written, and below quotes and code as well."""
    assert commanded(comment) == command


@pytest.mark.parametrize(
    "comment",
    [
        "@ove", "@ove mend it", "@ove schedule.py is broken", "@ove scheduled jobs fail", "@ove schedule's name is odd",
        "@ove schedule-x", "@ove re-schedule it", "@ove \u017fchedule x", "@ove schedules are read wrongly, mend it",
        "Schedule is off by one. @ove fix it", "Schedules\n@ove fix them", "Hi @ove schedules",
        "Look, @ove:\nschedules", "- @ove schedules\n- @ove fix it", "# @ove schedules",
        "| @ove | schedules |\n|---|---|",
        "@ove stop using tabs", "@ove stop\nusing tabs", "@ove stop:\n\n- using tabs", "@ove stop.sh hangs",
        "@ove stop `x`", "@ove stop @bob", "@ove status codes are wrong", "@ove status > 500 is an error",
        "@ove tasks:\n- [ ] one\n- [ ] two", "@ove tasks\n\n1. one", "@ove help me with this", "@ove help\n\nIt hangs",
        "@ove retry failed uploads", "@ove go\n\nbut leave out the third step", "@ove go ahead",
        "@ove trace\n```\nTraceback\n```", "@ove new", "@ove new, please!", "@ove newer is better",
        "@ove simplify", "@ove simplify the parser", "@ove simplify read/write locking", "@ove simplify and/or",
        "@ove simplify `Cart.total`", "@ove simplify e.g. this", "@ove simplify [a.py](u)", "@ove simplify 3",
        "@ove validate the e-mail address", "@ove validate\nthe address", "@ove budget is computed wrongly",
        "@ove budget 5 is too little", "@ove model is wrong", "@ove model opus?",
        "@ove hello", "@ove thanks", "@ove ok", "@ove no", "@ove start", "@ove modal broken", "@ove rewiew the errors",
        "@ove statuses/x", "@ove sotp using tabs",
    ],
)  # fmt: skip
def test_other_words_are_the_agents(comment: str) -> None:
    """Longer words, words elsewhere, and a command's word that asks for something else go to the agent, whole."""
    request = read_request(comment, "ove")
    assert request is not None
    assert read_command(request) == Plain(request.text)


@pytest.mark.parametrize(
    ("words", "unknown", "nearest"),
    [
        ("sttaus", "sttaus", "status"),
        ("Sotp!", "Sotp", "stop"),
        ("rewiew, please", "rewiew", "review"),
        ("!urgent reveiw", "reveiw", "review"),
        ("budgt 5", "budgt", "budget"),
        ("modle opus", "modle", "model"),
        ("simplfy src/cart.py", "simplfy", "simplify"),
        ("unshedule 3", "unshedule", "unschedule"),
        ("shedule every day at 9: x", "shedule", "schedule"),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest(words: str, unknown: str, nearest: str) -> None:
    """A word like a command, alone or with what only that command has behind it, is not given to the agent."""
    assert commanded(f"@ove {words}") == Help(unknown, nearest)


@pytest.mark.parametrize(
    ("label", "command"),
    [
        ("ove", Plain("")), ("OVE", Plain("")), ("ove:review", Review("")), ("Ove: Plan", Plan("")),
        ("ove:fix", Fix("")), ("ove:validate", Validate("")), ("ove:simplify", Simplify("", "")), ("ove:new", New("")),
        ("ove:stop", Stop()), ("ove:budget", None), ("ove:schedule", None), ("ove:reviews", None), ("ove:", None),
        ("over", None), ("review", None), ("bug:review", None), ("", None), (":", None), (":review", None),
    ],
)  # fmt: skip
def test_a_label_commands(label: str, command: Command | None) -> None:
    """The App's name as a label, alone or with a command that needs no words, is that command, in any case."""
    assert command_of_label(label, "Ove") == command
    assert command_of_label(label, "") is None


@given(st.text())
def test_no_label_makes_the_reader_fail(label: str) -> None:
    """Any label is read, and one that does not begin with the App's name commands nothing."""
    assert command_of_label(label, "ove") is None or label.strip().lower().startswith("ove")


@given(
    MARKDOWN,
    st.sampled_from([form for meaning in meanings() for form in forms(meaning)]),
    st.sampled_from(
        ["@ove `{}`", "@ove\n```\n{}\n```", "@ove\n\n    {}", "@ove\n\n\t{}", "@ove\n> {}", "@ove <code>{}</code>",
         "@ove [{}](u)", "@ove <!-- {} -->", "@ove\n<pre>\n{}\n</pre>", "@ove\n@ove\n\n    {}", "@ove <!-- a -->`{}`",
         "@ove p1: `{}`", "@ove p1:\n\n    {}", "@ove urgent: > {}", "@ove !low <code>{}</code>"]
    ),
)  # fmt: skip
def test_words_in_code_never_command(filling: str, word: str, place: str) -> None:
    """A command's word in code, in a quote, in a link or hidden commands nothing, whatever stands behind it there."""
    line = "".join(char for char in filling if char not in "`<>[]()\\\n\r").replace("-->", "")
    assert isinstance(commanded(place.format(f"{word} {line}".strip())), Plain)


@settings(max_examples=300)
@given(MARKDOWN, st.sampled_from(["", "@ove ", "@ove\n", "@ove\n\n", "@ove p1: "]))
@example("\n\n    schedule", "@ove\n@ove")
@example("\n\n    stop", "@ove p1:")
def test_only_what_readers_see_as_words_commands(comment: str, opening: str) -> None:
    """Any comment is read; where it commands, the rendered comment shows that word as plain words."""
    command = commanded(opening + comment)
    if command is not None and not isinstance(command, Plain):
        word = command.unknown if isinstance(command, Help) and command.unknown else WORDS[type(command)]
        assert any(re.search(rf"(?<!\w){word}(?!\w)", words, re.IGNORECASE) for words in shown_words(opening + comment))


@given(st.text() | MARKDOWN, st.none() | st.integers(min_value=0, max_value=50))
@example("schedules" + " " * 100_000 + "x", 0)
@example("unschedule" + " " * 100_000 + "3" + "." * 100_000 + "x", 0)
@example("stop" + " :a" * 50_000, 0)
@example("stop" + "\n > thank " * 2_000 + " " * 50_000, 0)
@example("budget " + "- " * 50_000 + "5" * 50_000, 0)
@example("simplify " + "a." * 50_000, 0)
@example("x" + " " * 100_000 + ", p1" * 20_000, 0)
@example("p1:" + " \n" * 50_000 + "x", 0)
def test_no_request_makes_the_reader_of_commands_fail(text: str, command_at: int | None) -> None:
    """Any text is a command or the agent's words, and is read in no time."""
    command = read_command(Request(text, command_at))
    assert not isinstance(command, Plain) or loses_only_a_priority(text, command.text)


# ── Priorities ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("priority", "mark"), [(priority, mark) for priority, marks in PRIORITY_MARKS.items() for mark in marks]
)
def test_priorities_are_taken_off(priority: Priority, mark: str) -> None:
    """Each priority counts at the start and the end, before a command and before its words; the rest is untouched."""
    behind = mark.rstrip(":") if mark.startswith("p") else f"--priority {mark.rstrip(':').lstrip('!')}"
    behind = mark if mark.startswith(("!", "-")) else behind
    for text in (f"{mark} make `it`  quick", f"{mark.upper()}\nmake `it`  quick", f"make `it`  quick, {behind}"):
        assert take_priority(text) == (priority, "make `it`  quick")
        assert commanded(f"@ove {text}") == Plain("make `it`  quick", priority)
    assert commanded(f"@ove {mark} fix the total") == commanded(f"@ove fix {mark} the total")
    assert commanded(f"@ove fix the total {behind}") == Fix("fix the total", priority)
    assert commanded(f"> q\n\n@ove review it {behind}.\n\n> r") == Review("> q\n\nit\n\n> r", priority)
    assert commanded(f"@ove {mark} stop") == commanded(f"@ove stop {behind}") == Stop()
    assert commanded(f"@ove {mark}") == commanded(f"@ove {behind}") == Plain("", priority)


@pytest.mark.parametrize(
    ("text", "priority", "rest"),
    [
        ("[p1] do it", Priority.HIGH, "do it"),
        ("do it [URGENT]", Priority.URGENT, "do it"),
        ("—priority=high do it", Priority.HIGH, "do it"),
        ("do it. P1.", Priority.HIGH, "do it."),
        ("do it\n\np0\n", Priority.URGENT, "do it\n"),
        ("do it p3\n\nBecause of p1.", Priority.LOW, "do it\n\nBecause of p1."),
        ("do it p3\n```\nlog\n```", Priority.LOW, "do it\n```\nlog\n```"),
        ("p1: low: do it p0", Priority.HIGH, "low: do it p0"),
        ("urgent: do it\r\nsoon", Priority.URGENT, "do it\nsoon"),
    ],
)
def test_priorities_are_read_as_people_write_them(text: str, priority: Priority, rest: str) -> None:
    """One priority is taken off, with what sets it off, wherever its writer put it at the start or at the end."""
    assert take_priority(text) == (priority, rest)


@pytest.mark.parametrize(
    "text",
    [
        "the urgent label is missing", "urgent", "urgently do it", "it is urgent", "add the label p1", "p1 and p2",
        "labels: p0, p1", "what about p1?", "- a p0\n- b p1", "do it:\n- p1", "stop using !important",
        "!important is used too often", "add the option --priority high", "it is p1 that fails", "p1 fails", "p4: x",
        "urgent:x", "do `p1`", "`p1: x`", "do it\n\n    p1", "do it\n> p1", "    p1: do it", "> p1: do it",
        "[p1](u) do it", "do it [p1]\n\n[p1]: https://x.y", "do it <code>\np1", "see https://x.y/ p1/", "a-p1",
        "x \\!urgent", "a\r\nb",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_priority_stays(text: str) -> None:
    """Words within a sentence, in code, in quotes, in links and in lists are no priority; the text stays as it is."""
    assert take_priority(text) == (Priority.NORMAL, text)


@given(st.text(alphabet="ab .,-`>\n#*p1", max_size=40), st.sampled_from(["{} {}", "{}\n{}", "{}, {}"]), st.booleans())
def test_taking_a_priority_off_loses_nothing_else(words: str, gap: str, ahead: bool) -> None:
    """What is taken away is the mark with the blanks and the comma around it; all else stays, in its place."""
    text = gap.format("!urgent", words) if ahead else gap.format(words, "!urgent")
    _, rest = take_priority(text)
    assert loses_only_a_priority(text, rest)


@settings(max_examples=300)
@given(MARKDOWN, st.sampled_from(["@ove ", "@ove\n", "@ove p1: ", "@ove fix "]), st.sampled_from(["", " p1", "\np0"]))
def test_only_what_readers_see_as_words_is_a_priority(comment: str, opening: str, end: str) -> None:
    """Where a comment's priority is read, the rendered comment shows it as plain words."""
    command = commanded(opening + comment + end)
    if getattr(command, "priority", Priority.NORMAL) != Priority.NORMAL:
        assert any(MARK.search(words) for words in shown_words(opening + comment + end))


MARK = re.compile(r"(?:urgent|important|low|p[0-3])(?!\w)|(?:--|[–—])priority", re.IGNORECASE)
TAKEN = re.compile(
    r"[\s,;–—-]*(?:!\w+|\[\w+\]|(?:--|[–—])priority[ \t=]+\w+|(?:urgent|important|low|p[0-3]):?)[.!,:]*\s*",
    re.IGNORECASE,
)


def loses_only_a_priority(text: str, rest: str) -> bool:
    """Whether `rest` is the text, or the text without one stretch that is a priority and what sets it off."""
    if rest == text:
        return True
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    length = len(text) - len(rest)
    first = len(rest) - alike(text[::-1], rest[::-1])
    return any(TAKEN.fullmatch(text, start, start + length) for start in range(first, alike(text, rest) + 1))


def alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@given(st.text(alphabet="abc d0159\n*/-,`_#:", max_size=40))
def test_what_follows_schedule_is_kept(words: str) -> None:
    """The Markdown behind the command comes through as it was written, stars and back-ticks too."""
    assert commanded(f"@ove schedule x {words}") == AddSchedule(f"x {words}".rstrip())


def shown_words(comment: str) -> list[str]:
    """The words of the rendered comment, as GitHub would search them: one string for each paragraph."""
    reader = _Reader()
    reader.feed(MarkdownIt("commonmark").enable("table").render(comment))
    reader.close()
    # GitHub makes links of addresses, which ends the words before them; a backslash that is shown escapes nothing
    return [re.sub(r"(?<![A-Za-z])https?://[^\s<\0]*", "\0", words).replace("\\", "\\\0") for words in reader.words]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words = [""]
        self._apart: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 the base class's signature
        if tag in ("code", "pre", "a", "blockquote"):
            self._apart.append(tag)
        self.words.append("") if tag in ("p", "li", "td", "th") else None
        self.words[-1] += "\0"

    def handle_endtag(self, tag: str) -> None:
        if tag in self._apart:
            self._apart.remove(tag)
        self.words[-1] += "\0"

    def handle_data(self, data: str) -> None:
        self.words[-1] += "\0" if self._apart else data

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 the base class's signature
        self.words[-1] += "\0"
