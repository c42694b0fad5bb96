"""Words of others inside our own texts: what they can and cannot do there."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ove_gh.typesetting import (
    block,
    clock,
    code,
    days,
    duration,
    fenced,
    flat,
    folded,
    inline,
    link,
    moment,
    money,
    preformatted,
    split,
    tagged,
)

FRAGMENTS = st.sampled_from(
    [
        "@team", "@org/team", "@Alice", "\\@team", "@<!-- -->team", "&#64;team", "@te<!---->am", "@&#116;eam", "a@b.c",
        "`", "``", "```\n", "~~~~\n", "\n", "\n\n", "> ", "- ", "1. ", "    ", "<!--", "-->", "<details>", "</details>",
        "<summary>", "<b>", "</b>", "<code>", "</code>", "<pre>", "</pre>", "<div title=@team>", "<div a=\"", "</div>",
        "<a href='@team'>", "</a>", "<br>", "<script>", "<?", "?>", "<![CDATA[", "]]>", "[", "](u)", "![",
        "|a|b|\n|-|-|\n", "|",
        "\\", "*", "**", "_", "# ", "---\n", "===\n", "word ", "https://x.y/@team", "http://@team", "www.a_b/@team",
        "<!-- ove-gh:key -->", "[a]: b\n", "$", "é",
    ]
)  # fmt: skip
MARKDOWN = st.lists(FRAGMENTS, max_size=25).map("".join) | st.text(max_size=200)


def shown(markdown: str) -> list[tuple[str, tuple[str, ...]]]:
    """Each piece of text that the rendered Markdown shows, with the elements around it, outermost first."""
    reader = _Reader()
    reader.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
    reader.close()
    return reader.pieces


class _Reader(HTMLParser):
    VOID = frozenset(("br", "hr", "img", "input"))
    FORMATTING = frozenset(("a", "b", "code", "em", "s", "strong"))
    """Elements that can overlap others: a browser ends only them at their end tag."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[tuple[str, tuple[str, ...]]] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 the base class's signature
        if tag not in self.VOID:
            self._open.append(tag)
        self.pieces.append(("", tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.FORMATTING and tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag)]
        elif tag in self._open:
            while self._open.pop() != tag:
                pass
        self.pieces.append(("", tuple(self._open)))

    def handle_data(self, data: str) -> None:
        self.pieces.append((data, tuple(self._open)))


def called(markdown: str) -> set[str]:
    """Whom GitHub would notify of this text."""
    text = ""
    for piece, around in shown(markdown):
        text += "\0" if not piece or {"code", "pre", "a", "script", "style"} & set(around) else piece
    return {name.lower() for name in re.findall(r"(?<![A-Za-z0-9_])@([A-Za-z0-9][A-Za-z0-9-]*)", _without_links(text))}


def _without_links(text: str) -> str:
    return re.sub(r"(?<![A-Za-z])https?://[a-z]\S*", "", text)


@given(MARKDOWN)
@example("<details><script></details>")
@example("<a href='x'>\n<details></a>")
@example("> <!-- open\n\n</details>")
def test_a_text_leaves_what_follows_it_alone(text: str) -> None:
    """A paragraph after any text is a paragraph of its own, and a fold around it ends where it should."""
    fold = folded("More", f"{block(text, 2_000)}\n\nINSIDE")
    pieces = shown(f"{fold}\n\nAFTER")
    assert ("INSIDE", ("details", "p")) in pieces
    assert ("AFTER", ("p",)) in pieces


@given(MARKDOWN)
@example("@team@Alice and @team\\@team")
@example("@team_https://x.y/@team")
@example("<![CDATA[https://x.y/@team](u)@team")
@example("a <code> @team")
@example("@<!-- -->team &#64;team @&#116;eam")
def test_a_text_calls_only_the_person_addressed(text: str) -> None:
    """Of all mentions in a text only those of the person addressed stay mentions; also as a heading or a label."""
    assert called(block(text, 2_000, ("alice",))) <= {"alice"}
    assert called(inline(text, 200, ("alice",))) <= {"alice"}
    assert called(f"**1. {inline(text)}**: {inline(text)}") == set()


@given(MARKDOWN, st.integers(60, 300))
def test_a_text_keeps_to_its_limit(text: str, limit: int) -> None:
    """A text is at most as long as it may be, and one that was cut says so."""
    said = block(text * 5, limit)
    assert len(said) <= limit
    assert "Cut here" in said or "Cut here" not in block(text * 5, 10_000)


@given(MARKDOWN)
def test_no_text_can_pose_as_our_marker(text: str) -> None:
    """What others write holds no marker of ours, in code or out of it."""
    for said in (block(text, 2_000), inline(text), code(text)):
        assert "<!-- ove-gh:" not in said


@given(MARKDOWN)
@example("<![CDATA[`](u)")
@example("https://x.y/@team\\")
def test_a_line_within_a_paragraph_breaks_no_frame(text: str) -> None:
    """A field between our own stress and a hidden name leaves both as they are, and is one line."""
    line = f"- **1. {inline(text) or 'a'}**: {inline(text)} <!-- q1.1 -->"
    assert "\n" not in line
    pieces = shown(f"{line}\n\nAFTER")
    assert all(around[:2] == ("ul", "li") for piece, around in pieces if piece.strip() and piece != "AFTER")
    assert not any("q1.1" in piece for piece, _ in pieces)
    assert ("1. ", ("ul", "li", "strong")) in [(piece[:3], around[:3]) for piece, around in pieces]


@given(st.text(max_size=80))
def test_a_code_span_shows_what_was_put_into_it(text: str) -> None:
    """Whatever back-ticks a text has, its code span shows that text and nothing else."""
    expected = flat(text, 300) or " "
    assert "".join(piece for piece, _ in shown(f"a{code(text)}b")).strip() == f"a{expected}b".strip()


@given(MARKDOWN)
@example("`@team` ``a`b`` <b> &#64;team @team `")
def test_a_fold_within_a_list_is_one_line_that_calls_nobody(text: str) -> None:
    """As HTML, any text leaves the list and the fold around it as they are, and shows what was put into it."""
    fold = f"<details><summary>{tagged(text)}</summary>{preformatted(text, 500)}</details>"
    pieces = shown(f"- {fold}\n- NEXT\n\nAFTER")
    assert "\n" not in fold
    assert ("NEXT", ("ul", "li")) in pieces
    assert ("AFTER", ("p",)) in pieces
    assert called(f"- {fold}") == set()
    head = "".join(piece for piece, around in pieces if "summary" in around)
    assert re.sub(r"[`\\\s]", "", head) == re.sub(r"[`\\\s]", "", flat(text, 300))


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \n"), max_size=80))
def test_preformatted_lines_stay_as_they_are(text: str) -> None:
    """Each line of a preformatted text is shown, blank ones as well."""
    said = "".join(piece for piece, _ in shown(preformatted(text, 500)))
    assert said.strip() == text.strip("\n").rstrip().strip()


def test_a_long_preformatted_text_says_that_it_is_cut() -> None:
    """What is cut off is told by the length of the whole."""
    assert preformatted("ab\n" * 10, 5) == "<pre>ab&#10;ab&#10;… (cut here: 29 characters)</pre>"


@given(st.text("`~\n ab", max_size=60))
@example("")
@example("\n")
@example("```suggestion\nx\n```")
def test_a_code_block_shows_its_lines_as_they_are(text: str) -> None:
    """No back-tick ends the block, no line is added or lost, and what follows is apart."""
    (block_,) = [token for token in MarkdownIt("commonmark").parse(f"{fenced(text, 'x')}\n\nAFTER") if token.markup]
    assert block_.info == "x"
    assert block_.content == (text if text.endswith("\n") or not text else f"{text}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain *words*", "plain *words*"),
        ("```\nopen", "```\nopen\n```"),
        ("~~~~ py\nopen", "~~~~ py\nopen\n~~~~"),
        ("<details>\n<summary>Log</summary>\n\nopen", "<details>\n<summary>Log</summary>\n\nopen\n\n</details>"),
        ("shut</details>", "shut&lt;/details>"),
        ("a <!-- hidden --> b", "a  b"),
        ("ask @bob and @org/team, not a@b.c", "ask <code>@bob</code> and <code>@org/team</code>, not a@b.c"),
        ("`@bob` [@bob](u) https://x.y/@bob", "`@bob` [@bob](u) https://x.y/@bob"),
        ("\\@bob", "<code>@bob</code>"),
        ("@Alice", "@Alice"),
    ],
)
def test_a_text_is_mended_where_it_is_open(text: str, said: str) -> None:
    """What is whole stays as it is; what is open is closed; who is called by the way is named in code."""
    assert block(text, 1_000, ("alice",)) == said


def test_a_long_text_is_cut_at_a_line() -> None:
    """The note tells how long the whole was, and code that was cut is closed."""
    said = block("```\n" + "0123456789\n" * 100, 200)
    assert said.endswith("0123456789\n```\n\n*Cut here: the whole text has 1,103 characters.*")


def test_a_line_keeps_code_and_links() -> None:
    """Code spans and links work inside a field; stress, HTML and new lines mean nothing there."""
    assert inline("use `a|b`,\nsee [x](https://x.y) **now** <b>") == (
        "use `a|b`, see [x](https://x.y) \\*\\*now\\*\\* &lt;b>"
    )


def test_a_line_is_cut_between_words() -> None:
    """A field that is too long ends with an ellipsis, after a whole word where one is near."""
    assert flat("one two three four", 12) == "one two…"
    assert flat("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("url", "target"),
    [("https://x.y/a", "https://x.y/a"), ("https://x.y/(a) b", "https://x.y/%28a%29%20b"), (None, None), ("", None)],
)
def test_a_link_is_whole_or_none(url: str | None, target: str | None) -> None:
    """A target cannot end its link too early; without one only the words are left."""
    assert link("w", url) == (f"[w]({target})" if target else "w")


def test_an_endless_address_is_no_link() -> None:
    """An address that would fill a comment is left out."""
    assert link("w", "https://x.y/" + "z" * 5_000) == "w"


def test_a_long_text_is_split_between_blocks() -> None:
    """The first paragraphs stand open, the rest can be folded; HTML is never torn apart."""
    paragraph = "word " * 20 + "\n\n"
    opening, rest = split(paragraph * 10, 250)
    assert opening.strip() == (paragraph * 2).strip()
    assert rest.strip() == (paragraph * 8).strip()
    assert split("short", 250) == ("short", "")
    assert split("a\n\n<details>\n\n" + paragraph * 10, 250)[0].strip() == "a"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
     (0, "0 s"), (40, "40 s"), (59.7, "1 min"), (100, "1 min 40 s"), (360, "6 min"), (725, "12 min"), (7200, "2 h"),
     (7500, "2 h 5 min"), (90_000, "1 d 1 h"), (-1, "0 s"), (float("nan"), "0 s"), (float("inf"), "0 s"),
    ],
)  # fmt: skip
def test_times_read_as_people_say_them(seconds: float, said: str) -> None:
    """Seconds matter for minutes, minutes for hours, hours for days, and no further."""
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (14.9, "0:14"), (725, "12:05"), (3723, "1:02:03"), (-1, "0:00"), (1e999, "0:00")]
)
def test_a_clock_counts_from_a_beginning(seconds: float, said: str) -> None:
    """Minutes and seconds, with hours once there are some."""
    assert clock(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(1, "a day"), (7, "a week"), (6.2, "6 days"), (0.5, "12 h"), (0, "0 s")])
def test_days_read_as_people_say_them(count: float, said: str) -> None:
    """Whole days where there are some, shorter times otherwise."""
    assert days(count) == said


@pytest.mark.parametrize(
    ("usd", "said"), [(0, "$0.00"), (0.004, "< $0.01"), (0.12, "$0.12"), (1234.5, "$1,234.50"), (float("nan"), "$0.00")]
)
def test_money_is_dollars_and_cents(usd: float, said: str) -> None:
    """Costs have two digits, and one that is not nothing is never shown as nothing."""
    assert money(usd) == said


@pytest.mark.parametrize(
    ("epoch", "zone", "said"),
    [
     (1_795_420_800, "UTC", "Mon 23 Nov, 08:00"), (1_795_420_800, "Europe/Berlin", "Mon 23 Nov, 09:00"),
     (1_798_758_000, "UTC", "Thu 31 Dec, 23:00"), (1_798_758_000, "Europe/Berlin", "Fri 1 Jan 2027, 00:00"),
     (1_795_420_800, "America/St_Johns", "Mon 23 Nov, 04:30"), (0, "UTC", "Thu 1 Jan 1970, 00:00"),
    ],
)  # fmt: skip
def test_moments_read_as_people_there_say_them(epoch: float, zone: str, said: str) -> None:
    """Day and time are those of the zone; the year is told only where it is another one there."""
    assert moment(epoch, zone, now=1_795_334_400) == said
