"""What stands in a GitHub comment, as parts that a terminal can show. Pure functions of the comment's Markdown.

It reads what the service writes (task lists, `<sub>`, `<details>`, links, hidden comments), not all that GitHub knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]\\]|\\.)+)\]\([^()\s]*\)")
_CODE_TAG = re.compile(r"<code>(.*?)</code>")
_BOX = re.compile(r"^\s*[-*+] \[(?P<mark>[ xX])\] (?P<text>.*)$")
_SMALL = re.compile(r"^<sub>(?P<text>.*)</sub>$")
_FOLD = re.compile(r"^<details><summary>(?P<summary>.*?)</summary>$")
_UNFOLD = "</details>"
_FENCE = re.compile(r"^\s{0,3}(?:```|~~~)")
_ANNOTATED_HEAD = re.compile(r"^\*\*(?P<head>.+?)\*\*(?: · (?P<facts>.*))?$")


@dataclass(frozen=True, slots=True)
class Words:
    """Markdown without anything below."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Box:
    """One line of a task list; `stressed` when all of it is, as the status comment does with what is being done now."""

    ticked: bool
    markdown: str
    stressed: bool = False


@dataclass(frozen=True, slots=True)
class Boxes:
    """A task list; `close` when it follows the words above it without a blank line."""

    items: tuple[Box, ...]
    close: bool


@dataclass(frozen=True, slots=True)
class Small:
    """A line in small print."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Folded:
    """What opens with a click."""

    summary: str
    parts: tuple[Part, ...]


Part = Words | Boxes | Small | Folded


@dataclass(frozen=True, slots=True)
class Status:
    """A status comment at a glance, in plain words.

    `facts` are turn, time, cost and branch; `words` is the paragraph below. It may be empty, and so may `activity`.
    """

    head: str
    facts: tuple[str, ...]
    words: str
    boxes: tuple[Box, ...]
    activity: str

    @property
    def current(self) -> str:
        """The step that is being done now, or nothing."""
        return next((plain(box.markdown) for box in self.boxes if box.stressed), "")


def read_comment(body: str) -> tuple[Part, ...]:
    """The parts of a comment, in order, without what GitHub hides."""
    return tuple(_parts(_tidy(body).splitlines()))


def opening(parts: Sequence[Part]) -> str:
    """The first line."""
    return parts[0].markdown.partition("\n")[0] if parts and isinstance(parts[0], Words) else ""


_HINTS = re.compile(r"(?: · w|\AW)rite `@[^`]* stop` to stop · .*\Z", re.DOTALL)
"""What the status comment says behind the activity: how to stop, and who is heard."""


def read_status(body: str) -> Status:
    """What a status comment says; a body of another form gives its first line as the head."""
    parts = read_comment(body)
    first = opening(parts)
    found = _ANNOTATED_HEAD.match(first)
    return Status(
        head=plain(found["head"] if found else first),
        facts=tuple(plain(fact) for fact in ((found and found["facts"]) or "").split(" · ") if fact),
        words=plain(_below(parts)),
        boxes=next((part.items for part in parts if isinstance(part, Boxes)), ()),
        activity=next((plain(_HINTS.sub("", part.markdown)) for part in parts if isinstance(part, Small)), ""),
    )


def _below(parts: Sequence[Part]) -> str:
    """The paragraph below the first line."""
    below = parts[0].markdown.split("\n\n")[1:2] if parts and isinstance(parts[0], Words) else []
    return "".join(below)


def dollars(status: str) -> float:
    """What a status comment says that the task has cost."""
    found = re.search(r"\$(\d+\.\d+)", " ".join(read_status(status).facts))
    return float(found[1]) if found else 0.0


def newly_ticked(before: str, after: str) -> list[str]:
    """The words of the boxes that an edit ticked."""
    old, new = boxes(before), boxes(after)
    return [plain(now.markdown) for was, now in zip(old, new, strict=False) if now.ticked and not was.ticked]


def boxes(body: str) -> list[Box]:
    """Every box in a comment."""
    return [box for part in read_comment(body) if isinstance(part, Boxes) for box in part.items]


def plain(markdown: str) -> str:
    """A line of Markdown as people read it: without stress, code marks and escapes."""
    bare = re.sub(r"(?<!\\)(?:\*\*|~~|`)", "", markdown)
    bare = re.sub(r"(?<![\w\\])\*(?=\S)(.+?)(?<=\S)\*(?!\w)", r"\1", bare)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", bare).replace("&lt;", "<").replace("&amp;", "&").strip()


def _tidy(body: str) -> str:
    return _LINK.sub(r"\1", _CODE_TAG.sub(r"`\1`", _HIDDEN.sub("", body.replace("\r\n", "\n")))).strip()


def _parts(lines: Sequence[str]) -> Iterator[Part]:
    words: list[str] = []
    at = 0
    fenced = False
    while at < len(lines):
        line = lines[at]
        fenced ^= _FENCE.match(line) is not None
        special = None if fenced else _special(lines, at)
        if special is None:
            words.append(line)
            at += 1
            continue
        yield from _words(words)
        words = []
        part, at = special
        yield part
    yield from _words(words)


def _special(lines: Sequence[str], at: int) -> tuple[Part, int] | None:
    """The part that begins at a line, and the line behind it."""
    line = lines[at].rstrip()
    if _BOX.match(line):
        end = next((n for n in range(at, len(lines)) if not _BOX.match(lines[n])), len(lines))
        return Boxes(tuple(_box(each) for each in lines[at:end]), close=at > 0 and bool(lines[at - 1].strip())), end
    if small := _SMALL.match(line):
        return Small(small["text"]), at + 1
    if fold := _FOLD.match(line):
        end = next((n for n in range(at, len(lines)) if lines[n].strip() == _UNFOLD), len(lines))
        return Folded(plain(fold["summary"]), tuple(_parts(lines[at + 1 : end]))), end + 1
    return None


def _box(line: str) -> Box:
    found = _BOX.match(line)
    assert found is not None
    text = found["text"].strip()
    stressed = re.fullmatch(r"\*\*[^*]+\*\*", text) is not None
    return Box(found["mark"] != " ", text, stressed)


def _words(lines: Sequence[str]) -> Iterator[Words]:
    text = "\n".join(lines).strip("\n")
    if text.strip():
        yield Words(text)
