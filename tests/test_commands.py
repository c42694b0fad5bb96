"""What addresses the App, and what it is then asked."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ove_gh.commands import (
    AddSchedule,
    Command,
    ListSchedules,
    Plain,
    RemoveSchedule,
    Request,
    mention_pattern,
    read_command,
    read_request,
)

FRAGMENTS = st.sampled_from(
    [
        "@ove", "@ove ", "@ove, ", "@OVE", "@ove-bot", "`", "``", "```", "~~~", "\n", "\n\n", "> ", "- ", "1. ", "    ",
        "\t", "<!--", "-->", "<!-- ", " -->", "<details>", "</details>", "<code>", "</code>", "<pre>", "</pre>",
        "<a href='@ove'>", "</a>", "<blockquote>", "</blockquote>", "[", "](u)", "![", "|", "|-|\n", "\\", "*", "**",
        "_", "# ", "---", "word",
        " fix it", "https://x.y/", "&#64;", ".", "x", "é", "\r\n", "\r", "\0", "[a]: ",
        "schedule", "schedules ", "unschedule", " 3",
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


@pytest.mark.parametrize(
    ("comment", "command"),
    [
        ("@ove schedule every weekday at 9: update it", AddSchedule("every weekday at 9: update it")),
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
        "@ove", "@ove fix it", "@ove schedule.py is broken", "@ove scheduled jobs fail", "@ove schedule's name is odd",
        "@ove schedule-x", "@ove re-schedule it", "@ove \u017fchedule x", "@ove schedules are read wrongly, mend it",
        "Schedule is off by one. @ove fix it", "Schedules\n@ove fix them", "Hi @ove schedules",
        "Look, @ove:\nschedules", "- @ove schedules\n- @ove fix it", "# @ove schedules",
        "| @ove | schedules |\n|---|---|",
    ],
)  # fmt: skip
def test_other_words_are_the_agents(comment: str) -> None:
    """Longer words, words elsewhere, and a command's word that asks for something else go to the agent, whole."""
    request = read_request(comment, "ove")
    assert request is not None
    assert read_command(request) == Plain(request.text)


@given(
    MARKDOWN,
    st.sampled_from(["schedule", "schedules", "Unschedule 3"]),
    st.sampled_from(
        ["@ove `{}`", "@ove\n```\n{}\n```", "@ove\n\n    {}", "@ove\n\n\t{}", "@ove\n> {}", "@ove <code>{}</code>",
         "@ove [{}](u)", "@ove <!-- {} -->", "@ove\n<pre>\n{}\n</pre>", "@ove\n@ove\n\n    {}", "@ove <!-- a -->`{}`"]
    ),
)  # fmt: skip
def test_words_in_code_never_command(filling: str, word: str, place: str) -> None:
    """A command's word in code, in a quote, in a link or hidden commands nothing, whatever stands behind it there."""
    line = "".join(char for char in filling if char not in "`<>[]()\\\n\r").replace("-->", "")
    assert isinstance(commanded(place.format(f"{word} {line}".strip())), Plain)


@settings(max_examples=300)
@given(MARKDOWN, st.sampled_from(["", "@ove ", "@ove\n", "@ove\n\n"]))
@example("\n\n    schedule", "@ove\n@ove")
def test_only_what_readers_see_as_words_commands(comment: str, opening: str) -> None:
    """Any comment is read; where it commands, the rendered comment shows that word as plain words."""
    command = commanded(opening + comment)
    word = {AddSchedule: "schedule", ListSchedules: "schedules", RemoveSchedule: "unschedule"}.get(type(command))
    if word is not None:
        assert any(re.search(rf"(?<!\w){word}(?!\w)", words, re.IGNORECASE) for words in shown_words(opening + comment))


@given(st.text(), st.none() | st.integers(min_value=0, max_value=50))
@example("schedules" + " " * 100_000 + "x", 0)
@example("unschedule" + " " * 100_000 + "3" + "." * 100_000 + "x", 0)
def test_no_request_makes_the_reader_of_commands_fail(text: str, command_at: int | None) -> None:
    """Any text is a command or the agent's words, and is read in no time."""
    command = read_command(Request(text, command_at))
    assert not isinstance(command, Plain) or command.text == text


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
