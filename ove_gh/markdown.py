"""Markdown as GitHub reads it: for each character, whether it is said, quoted, code, a link, HTML or hidden.

The rules are CommonMark's (https://spec.commonmark.org/0.31.2/) and GitHub's tables (https://github.github.com/gfm/).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, autolink, backtick, html_inline, image, link
from markdown_it.token import Token

FRAME = " "
"""Line ends, list markers, heading marks, table bars: nobody's words."""
WORDS = "w"
QUOTED = "q"
"""Words inside a block quote: visible, but said by somebody else."""
APART = "a"
"""Words inside <code>, <a> and their like."""
CODE = "c"
LINK = "l"
IMAGE = "i"
TAG = "t"
"""One whole HTML tag."""
HTML = "h"
"""The rest of a block of raw HTML: its text, and what is no whole tag."""
COMMENT = "!"

# What GitHub makes a link of by itself: https://github.github.com/gfm/#autolinks-extension-
_URL = re.compile(
    r"(?:(?<![A-Za-z])(?:https?|ftp)://|(?<![^\s*~(])www\.)"
    r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?![\w.@])(?:[/?#:][^\s<>*~`|\\\[\]\0]*)?(?P<odd>[^\s<\0]*)",
    re.IGNORECASE | re.ASCII,
)
_HTML_COMMENT = re.compile(r"<!--(?:-?>|.*?-->|.*\Z)", re.DOTALL)
ELEMENT = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)(?![A-Za-z0-9-])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
"""One whole HTML tag: the slash of a closing one, and its name."""
_SETS_APART = re.compile(r"<(/?)(code|pre|tt|samp|kbd|a|blockquote)\b", re.IGNORECASE)
"""HTML whose text is nobody's plain words, and which GitHub does not search for mentions or shows as a quote."""

_Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its kind as markdown-it calls it, its lines (`end` is not one of them), how deep it is nested."""

    kind: str
    first: int
    end: int
    depth: int


@dataclass(frozen=True, slots=True)
class Document:
    """A text whose lines end in a line feed. `inks` is as long as `source` and says what each character is."""

    source: str
    inks: str
    blocks: tuple[Block, ...] = ()

    @property
    def words(self) -> str:
        """The source with everything blanked out (NUL) that its writer did not say in plain words; as long as it."""
        return "".join(
            char if ink == WORDS or char == "\n" else "\0" for char, ink in zip(self.source, self.inks, strict=True)
        )

    def runs(self, inks: str) -> Iterator[tuple[int, int]]:
        """The stretches (start, end) whose every character has one of `inks`."""
        for match in re.finditer(f"[{re.escape(inks)}]+", self.inks):
            yield match.span()

    def quote_lines(self) -> frozenset[int]:
        """The numbers of the lines that were typed with a `>`: not those that merely go on in a quoted paragraph."""
        lines = self.source.split("\n")
        quotes = (block for block in self.blocks if block.kind == "blockquote_open")
        return frozenset(
            number for quote in quotes for number in range(quote.first, quote.end) if lines[number].lstrip()[:1] == ">"
        )


def normalised(markdown: str) -> str:
    """The text with line feeds as its only line ends, and without NUL; all positions refer to this form."""
    return re.sub(r"\r\n?", "\n", markdown).replace("\0", "\ufffd")


def read(markdown: str) -> Document:
    """Read a whole comment."""
    source = normalised(markdown)
    environment: dict[str, Any] = {}
    tokens = _PARSER.parse(source, environment)
    canvas = _Canvas(source)
    quoted = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type.startswith("blockquote_"):
            quoted += token.nesting
        elif token.type == "html_block":
            canvas.paint_html(token)
        elif token.type in ("fence", "code_block"):
            canvas.paint_lines(token, CODE)
        elif token.type == "inline":
            in_cell = before is not None and before.type in ("th_open", "td_open")
            offsets = canvas.offsets(token, in_cell=in_cell)
            canvas.paint_content(token.content, offsets, environment, QUOTED if quoted else WORDS)
    return Document(source, canvas.inks(), tuple(_blocks(tokens)))


def read_inline(text: str) -> Document:
    """Read one line as it will stand inside a paragraph, whatever block it would open at the start of a line."""
    source = normalised(text).replace("\n", " ")
    canvas = _Canvas(source)
    canvas.paint_content(source, list(range(len(source))), {}, WORDS)
    return Document(source, canvas.inks())


def without_comments(document: Document) -> str:
    """The source without its HTML comments."""
    return without(document.source, document.runs(COMMENT))


def without(source: str, spans: Iterator[tuple[int, int]] | list[tuple[int, int]]) -> str:
    """The source without these stretches, which may come in any order and overlap."""
    kept, position = [], 0
    for start, end in sorted(spans):
        kept.append(source[position : max(start, position)])
        position = max(position, end)
    return "".join([*kept, source[position:]])


class _Canvas:
    """The inks of one text while it is being read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._inks = [FRAME] * len(source)
        self._lines = source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._column_after: dict[int, int] = {}
        self._apart: list[str] = []
        """The elements that set their text apart and are open at this place: they may span paragraphs."""
        self._unclosed: list[int] = []
        """Where comments begin that do not end in their block. Its list or quote ends them as a block, but the browser
        goes on reading the comment."""

    def inks(self) -> str:
        for start in self._unclosed:
            ends = (end.end() for end in re.finditer("-->", self._source[start:]) if self._is_html(start + end.start()))
            self._fill(start, start + next(ends, len(self._source)), COMMENT)
        return "".join(self._inks)

    def _is_html(self, position: int) -> bool:
        return self._inks[position] in (COMMENT, HTML, TAG)

    def paint_lines(self, token: Token, ink: str) -> None:
        first, end = token.map or (0, 0)
        self._fill(self._starts[first], self._starts[end] - 1, ink)

    def paint_html(self, token: Token) -> None:
        self.paint_lines(token, HTML)
        first, end = token.map or (0, 0)
        start = self._starts[first]
        html = self._source[start : max(start, self._starts[end] - 1)]
        for tag in ELEMENT.finditer(html):
            self._fill(start + tag.start(), start + tag.end(), TAG)
        for comment in _HTML_COMMENT.finditer(html):
            self._fill(start + comment.start(), start + comment.end(), COMMENT)
            if not comment[0].endswith("-->") and comment[0] not in ("<!-->", "<!--->"):
                self._unclosed.append(start + comment.start())
        for tag in _SETS_APART.finditer(_HTML_COMMENT.sub("", token.content)):
            self._open_or_close(tag)

    def offsets(self, token: Token, *, in_cell: bool) -> list[int]:
        """Where each character of a paragraph, heading or table cell stands in the source.

        Its lines are the source's lines less what their containers take away on the left, so each is looked for
        from the right; the cells of one table row are looked for one after the other.
        """
        first = (token.map or (0, 0))[0]
        offsets: list[int] = []
        for number, line in enumerate(token.content.split("\n"), first):
            if number > first:
                offsets.append(-1)
            words = line.strip(" \t")
            column = self._column(number, words, in_cell=in_cell)
            indent = line.find(words)
            offsets += [-1] * indent
            offsets += self._aligned(words, self._starts[number] + column) if column >= 0 else [-1] * len(words)
            offsets += [-1] * (len(line) - indent - len(words))
        return offsets

    def paint_content(self, content: str, offsets: list[int], environment: dict[str, Any], ink: str) -> None:
        """Paint one paragraph; `offsets` says where each of its characters stands in the source (-1: nowhere)."""
        for offset in offsets:
            if offset >= 0:
                self._inks[offset] = ink
        spans = _inline_spans(content, environment)
        for start, end, inner in [*self._set_apart(content, spans), *sorted(spans, key=_outer_first)]:
            inside = [offset for offset in offsets[start:end] if offset >= 0]
            if inside:
                self._fill(inside[0], inside[-1] + 1, inner)
        self._paint_urls(offsets, ink)

    def _set_apart(self, content: str, spans: list[_Span]) -> Iterator[_Span]:
        """The text of this paragraph inside <code> and its like."""
        beginning = 0
        for start, end, ink in sorted(spans):
            tag = _SETS_APART.match(content, start, end) if ink == TAG else None
            if tag is None:
                continue
            if self._apart:
                yield beginning, start, APART
            beginning = end
            self._open_or_close(tag)
        if self._apart:
            yield beginning, len(content), APART

    def _open_or_close(self, tag: re.Match[str]) -> None:
        name = tag[2].lower()
        if not tag[1]:
            self._apart.append(name)
        elif name in self._apart:
            self._apart.remove(name)

    def _paint_urls(self, offsets: list[int], ink: str) -> None:
        """What is still plain words of this paragraph may hold addresses that are links without any marks."""
        places = [offset for offset in offsets if offset >= 0]
        if not places:
            return
        start, end = places[0], places[-1] + 1
        words = "".join(self._source[n] if self._inks[n] in (ink, APART) else "\0" for n in range(start, end))
        for url in _URL.finditer(words):
            self._fill(start + url.start(), start + url.start("odd"), LINK)
            # whether GitHub's link goes on behind a star or a back-tick depends on what follows: it is nobody's words
            self._fill(start + url.start("odd"), start + url.end(), APART)

    def _fill(self, start: int, end: int, ink: str) -> None:
        end = min(end, len(self._inks))
        if end > start:
            self._inks[start:end] = ink * (end - start)

    def _column(self, number: int, words: str, *, in_cell: bool) -> int:
        if number >= len(self._lines):
            return -1
        line = self._lines[number]
        if not in_cell:
            return line.rfind(words)
        after = self._column_after.get(number, 0)
        column = line.find(words, after)
        if column < 0:
            column = line.find(words.replace("|", "\\|"), after)
        self._column_after[number] = max(column, after) + len(words)
        return column

    def _aligned(self, words: str, position: int) -> list[int]:
        offsets = []
        for char in words:
            # a bar within a table cell is written with a backslash, which the cell's content no longer has
            if char == "|" and self._source[position] == "\\":
                position += 1
            offsets.append(position)
            position += 1
        return offsets


def _blocks(tokens: list[Token]) -> Iterator[Block]:
    for token in tokens:
        if token.map and token.nesting >= 0 and token.type != "inline":
            yield Block(token.type, token.map[0], token.map[1], token.level)


def _inline_spans(content: str, environment: dict[str, Any]) -> list[_Span]:
    """What is not plain words in one paragraph."""
    spans: list[_Span] = []
    _PARSER.inline.parse(content, _PARSER, {**environment, "content": content, "spans": spans}, [])
    return spans


def _outer_first(span: _Span) -> tuple[int, int]:
    return span[0], -span[1]


_Rule = Callable[[StateInline, bool], bool]


def _recording(rule: _Rule, ink: str) -> _Rule:
    """The same rule, noting where what it recognised begins and ends: markdown-it's inline tokens do not say."""

    def recorded(state: StateInline, silent: bool) -> bool:
        start, tokens = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        # an image's description is read as a text of its own, whose positions mean nothing here
        in_content = state.src is state.env["content"]
        if not silent and in_content and len(state.tokens) > tokens:
            is_comment = ink == TAG and state.src.startswith("<!--", start)
            state.env["spans"].append((start, state.pos, COMMENT if is_comment else ink))
        return True

    return recorded


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    recorded: dict[str, tuple[_Rule, str]] = {
        "backticks": (backtick, CODE),
        "html_inline": (html_inline, TAG),
        "link": (link, LINK),
        "autolink": (autolink, LINK),
        "image": (image, IMAGE),
    }
    for name, (rule, ink) in recorded.items():
        parser.inline.ruler.at(name, _recording(rule, ink))
    return parser


_PARSER = _parser()
