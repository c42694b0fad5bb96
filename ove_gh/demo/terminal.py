"""The terminal that the demo writes to: its width, its colours, the signs that its encoding has, its pace."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Iterable, Mapping, Sequence
from io import TextIOWrapper
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from ove_gh.demo.reading import Box, Boxes, Folded, Part, Small, Words, read_comment

WIDEST = 100
NARROW = 64
"""Columns below which nothing is indented."""

BREATH = 0.35
"""Seconds to read before the story goes on, where somebody watches."""

ASCII = str.maketrans(
    {
        "·": "-",
        "–": "-",
        "—": "-",
        "×": "x",
        "→": "->",
        "←": "<-",
        "…": "...",
        "“": '"',
        "”": '"',
        "’": "'",
        "•": "*",
        "☐": "[ ]",
        "☑": "[x]",
        "■": "#",
        "▶": ">",
        "□": ".",
        "▸": ">",
        "👀": ":eyes:",
        "😕": ":confused:",
    }
)
"""What stands in for our signs where the terminal has only ASCII."""

IN_ASCII = "ove-in-ascii"
"""An error handler's name: what rich draws by itself, and what people wrote, must not end the story either."""


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lost = error.object[error.start : error.end]
    return "".join(ASCII.get(ord(sign), "?") for sign in lost), error.end


codecs.register_error(IN_ASCII, _in_ascii)

THEME = Theme(
    {
        "markdown.code": "cyan",
        "markdown.paragraph": "none",
        "when": "dim",
        "person": "green",
        "bot": "blue",
        "scene": "bold",
        "good": "green",
        "bad": "bold red",
    }
)


class Terminal:
    """Writes the story. `watched` says that somebody sits in front of it: then it breathes between scenes."""

    def __init__(self, file: TextIO, environment: Mapping[str, str]) -> None:
        self.watched = file.isatty()
        self._unicode = (file.encoding or "utf-8").lower().replace("-", "").startswith("utf")
        if not self._unicode and isinstance(file, TextIOWrapper):
            file.reconfigure(errors=IN_ASCII)
        plain = bool(environment.get("NO_COLOR")) or not self.watched
        self.console = Console(
            file=file,
            theme=THEME,
            color_system=None if plain else "auto",
            highlight=False,
            emoji=False,
            markup=False,
            _environ=environment,
        )
        wanted = self.console.width if self.watched or environment.get("COLUMNS") else WIDEST
        self.console.width = max(20, min(wanted, WIDEST))

    @property
    def narrow(self) -> bool:
        """Whether there is no room for an indent."""
        return self.console.width < NARROW

    def words(self, text: str) -> str:
        """A text with signs that this terminal can show."""
        return text if self._unicode else text.translate(ASCII)

    async def breathe(self) -> None:
        """A moment to read, where somebody watches."""
        if self.watched:
            await asyncio.sleep(BREATH)

    # -- lines ---------------------------------------------------------------------------------------------------------

    def blank(self) -> None:
        self.console.print()

    def title(self, text: str) -> None:
        self.console.print(Text(self.words(text), style="bold"))

    def scene(self, text: str, when: float) -> None:
        """The heading of a scene, with when it began (seconds)."""
        title, at = self.words(text), f" {when:.1f} s"
        room = self.console.width - len(title) - len(at) - 1
        dashes = ("─" if self._unicode else "-") * room
        self.console.print()
        self.console.print(Text.assemble((title, "scene"), (f" {dashes}{at}" if room > 1 else "", "when")))

    def line(self, when: float | None, text: str | Text, *, aside: str = "", right: str = "", style: str = "") -> None:
        """One line of the story: when it happened (seconds), what; in small print an aside, and a fact at the right."""
        said = Text(self.words(text), style=style) if isinstance(text, str) else text
        if aside:
            said = said + Text(self.words(f"  {aside}"), style="dim")
        grid = Table.grid(padding=(0, 2, 0, 0), expand=bool(right) and not self.narrow)
        grid.add_column(width=7, style="when", no_wrap=True, justify="right")
        grid.add_column(overflow="fold", ratio=1)
        grid.add_column(style="dim", no_wrap=True, justify="right")
        at = "" if when is None else f"{when:5.1f} s"
        grid.add_row(at, said, "" if self.narrow else self.words(right))
        self.console.print(grid)

    def prompt(self, prompt: str, hint: str = "") -> None:
        """Ask for a line; the cursor stays behind the prompt."""
        if hint:
            self.console.print(Text(self.words(hint), style="dim"))
        self.console.print(Text(self.words(prompt), style="bold"), end="")

    def typed(self, line: str) -> None:
        """Show a line that no terminal has shown while it was typed."""
        self.console.print(Text(self.words(line)))

    def text(self, *pieces: tuple[str, str] | str) -> Text:
        """A styled text: pieces are words, or words and a style."""
        styled = [piece if isinstance(piece, tuple) else (piece, "") for piece in pieces]
        return Text.assemble(*((self.words(words), style) for words, style in styled))

    def facts(self, rows: Iterable[tuple[str, str]], *, style: str = "dim") -> None:
        """Names and what is to be said about them, in two columns."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style=style, no_wrap=True)
        grid.add_column(overflow="fold")
        for name, told in rows:
            grid.add_row(self.words(name), self.words(told))
        self.console.print(grid)

    # -- bigger things -------------------------------------------------------------------------------------------------

    def comment(self, author: str, remark: str, body: str, *, bot: bool, title: str = "") -> None:
        """A comment, an issue or a pull request's text, as people see it on the page."""
        head = Text.assemble((author, "bold"), (self.words(f" {remark}"), "dim"))
        shown: list[RenderableType] = [Text(self.words(title), style="bold"), ""] if title else []
        shown.append(self._body(read_comment(body)))
        self._indented(self._panel(Group(*shown), head, "bot" if bot else "person"))

    def diff(self, patch: str, title: str) -> None:
        """A patch, coloured."""
        syntax = Syntax(
            self.words(patch.rstrip()), "diff", theme="ansi_dark", background_color="default", word_wrap=True
        )
        self._indented(self._panel(syntax, Text(self.words(title), style="bold"), "dim"))

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table; the first column is words, the others are numbers first."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for number, heading in enumerate(headings):
            table.add_column(self.words(heading), justify="right" if number == 1 else "left", header_style="dim")
        for row in rows:
            table.add_row(*map(self.words, row))
        self._indented(table)

    def log(self, lines: str, title: str) -> None:
        """Log lines as they are."""
        self.console.print(Panel(Text(self.words(lines)), title=self.words(title), title_align="left", style="dim"))

    def _panel(self, content: RenderableType, title: Text, style: str) -> Panel:
        return Panel(content, title=title, title_align="left", border_style=style, box=box.ROUNDED)

    def _indented(self, content: RenderableType) -> None:
        self.console.print(content if self.narrow else Padding(content, (0, 0, 0, 9)))

    # -- a comment's parts ---------------------------------------------------------------------------------------------

    def _body(self, parts: Sequence[Part]) -> Group:
        shown: list[RenderableType] = []
        for part in parts:
            if shown and not (isinstance(part, Boxes) and part.close):
                shown.append("")
            shown.append(self._part(part))
        return Group(*shown)

    def _part(self, part: Part) -> RenderableType:
        match part:
            case Words(markdown):
                return Markdown(self.words(markdown), hyperlinks=False, code_theme="ansi_dark")
            case Small(markdown):
                return Markdown(self.words(markdown), style="dim", hyperlinks=False)
            case Folded(summary, inside):
                return Group(Text(self.words(f"▸ {summary}"), style="bold"), Padding(self._body(inside), (0, 0, 0, 2)))
            case Boxes(items):
                return self._boxes(items)

    def _boxes(self, items: Sequence[Box]) -> Table:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column()
        for item in items:
            sign, style = ("☑", "good") if item.ticked else ("☐", "bold" if item.stressed else "")
            grid.add_row(Text(self.words(sign), style=style), Markdown(self.words(item.markdown), hyperlinks=False))
        return grid
