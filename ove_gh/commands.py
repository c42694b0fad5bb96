"""A comment's Markdown → who is meant and what is asked; what is asked → a command, or words for the agent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ove_gh import markdown

_OPENS_LINE = re.compile(r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)]|#{1,6})[ \t]+(?:\[[ xX]\][ \t]+)?)*(?P<stress>\*{0,2})")
_AFTER_ADDRESS = re.compile(r"(?:[,:;.!?]+|(?=\s)|\Z)(?:[ \t]+[-–—](?=[ \t]))?[ \t]*")

_COMMAND_WORD = re.compile(r"(?P<word>[A-Za-z]++)[.,:;!?]*+(?!\S)")
_END_OF_LINE = r"(?:,?[ \t]++please)?[ \t]*+[.!?]*+[ \t]*+(?:\n|\Z)"
_NOTHING_MORE = re.compile(_END_OF_LINE, re.IGNORECASE)
_ONE_NUMBER = re.compile(rf"\s*+#?(?P<number>[0-9]{{1,9}}){_END_OF_LINE}", re.IGNORECASE)

_LONGEST_OPENING = 1_000
"""How far from the start of its line (in characters) a mention can stand and still open it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of the App, in Markdown; `text` is empty when they wrote its name and nothing else.

    `command_at` is where in `text` a command would begin. It is None when none can: when somebody's words stand before
    the App's name, or when what follows the name is no plain words.
    """

    text: str
    command_at: int | None = 0


@dataclass(frozen=True, slots=True)
class Plain:
    """No command: words for the agent, in Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class AddSchedule:
    """`schedule WHEN: WHAT`. `words` is the Markdown behind the command, with all its lines; empty when nothing is."""

    words: str


@dataclass(frozen=True, slots=True)
class ListSchedules:
    """`schedules`."""


@dataclass(frozen=True, slots=True)
class RemoveSchedule:
    """`unschedule 3`; `number` is None when no single number follows."""

    number: int | None


Command = Plain | AddSchedule | ListSchedules | RemoveSchedule

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Mention:
    start: int
    end: int


def read_request(comment: str, slug: str) -> Request | None:
    """The request that a comment makes of the App called `slug`, or None when the App is not addressed in it.

    Only plain words address it: a mention in code, in a block quote, in a link or in HTML does not, nor one that
    is hidden in an HTML comment. The request is the whole comment without what is hidden, and without the mentions
    that merely open a line; code, quotes and words before a later mention stay in it as context.
    """
    if not slug or f"@{slug}".lower() not in comment.lower():
        return None
    document = markdown.read(comment)
    mentions = list(_mentions(document, slug))
    if not mentions:
        return None
    addresses = [span for mention in mentions for span in _address(document, mention)]
    removed = [*document.runs(markdown.COMMENT), *addresses]
    text = _trimmed(markdown.without(document.source, removed))
    start = _command_start(document, addresses, removed)
    if start is None:
        return Request(text, None)
    rest = markdown.without(document.source, [*removed, (0, start)]).rstrip()
    return Request(text, len(text) - len(rest))


def read_command(request: Request) -> Command:
    """What a request commands: its first word decides, in any case, when it is a word by itself.

    A word in code, in a link or in a quote is none, nor is one that its command's reader does not take: then the
    request is Plain, and the agent's. Quotes and code may stand before the App's name. Never raises.
    """
    if request.command_at is not None:
        word = _COMMAND_WORD.match(request.text, request.command_at)
        reader = _READERS.get(word["word"].lower()) if word is not None else None
        if word is not None and reader is not None:
            return reader(request.text[word.end() :]) or Plain(request.text)
    return Plain(request.text)


def _add_schedule(rest: str) -> AddSchedule:
    return AddSchedule(rest.strip())


def _list_schedules(rest: str) -> ListSchedules | None:
    """Only alone on its line: “schedules are read wrongly, mend it” asks for work."""
    return ListSchedules() if _NOTHING_MORE.match(rest) else None


def _remove_schedule(rest: str) -> RemoveSchedule:
    """Only the one number that stands there and nothing else: `unschedule the one at 9` must not remove number 9."""
    found = _ONE_NUMBER.match(rest)
    return RemoveSchedule(int(found["number"]) if found is not None else None)


_READERS: Mapping[str, Callable[[str], Command | None]] = {
    "schedule": _add_schedule,
    "schedules": _list_schedules,
    "unschedule": _remove_schedule,
}
"""What each command makes of the text behind its word; None when that shows that no command is meant."""


def _mentions(document: markdown.Document, slug: str) -> Iterator[_Mention]:
    for match in mention_pattern(slug).finditer(document.words):
        yield _Mention(*match.span())


def mention_pattern(slug: str) -> re.Pattern[str]:
    """Finds `@slug` where GitHub would: not within a longer login, a team's name or an e-mail address.

    The rule is that of GitHub's own filter; a backslash that escapes is not shown, so it ends no name:
    https://github.com/gjtorikian/html-pipeline/blob/v2.14.3/lib/html/pipeline/%40mention_filter.rb
    """
    return re.compile(
        rf"(?<!\w)(?<!\w\\)@{re.escape(slug)}(?:\[bot\])?(?!\w|\\?[_/-]|\\?\.(?:\w|\\_))",
        re.IGNORECASE | re.ASCII,
    )


def _address(document: markdown.Document, mention: _Mention) -> Iterator[_Span]:
    """What to take away of a mention that opens its line: the name, what stresses it, and the comma behind."""
    source = document.source
    line_start = source.rfind("\n", 0, mention.start) + 1
    if mention.start - line_start > _LONGEST_OPENING:
        return
    opening = _OPENS_LINE.fullmatch(
        "".join(source[i] for i in range(line_start, mention.start) if document.inks[i] != markdown.COMMENT)
    )
    if opening is None:
        return
    stress = opening["stress"]
    if not source.startswith(stress, mention.end):
        stress = ""
    after = _AFTER_ADDRESS.match(source, mention.end + len(stress))
    if after is not None:
        yield mention.start - len(stress), after.end()


def _command_start(document: markdown.Document, addresses: list[_Span], removed: list[_Span]) -> int | None:
    """Where the words begin that follow the name at the head of the comment; None when a command cannot stand there.

    Quotes, code and what is hidden may stand before the name, nobody's words. In a list or a heading it is not at the
    head: each point of a list may ask for something else.
    """
    if not addresses:
        return None
    source, gone = document.source, {position for span in removed for position in range(*span)}
    name, start = addresses[0]
    line_start = source.rfind("\n", 0, name) + 1
    marks_before = any(not source[i].isspace() and i not in gone for i in range(line_start, name))
    if marks_before or document.words[:name].replace("\0", "").strip():
        return None
    while start < len(source) and (source[start].isspace() or start in gone):
        start += 1
    return start if start == len(source) or document.inks[start] == markdown.WORDS else None


def _trimmed(text: str) -> str:
    """The text without blank lines around it; the first line keeps its indent, which may make it code."""
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", text).rstrip() if text.strip() else ""
