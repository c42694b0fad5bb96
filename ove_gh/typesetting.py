"""Words of others set into our own texts: bounded, balanced, and calling nobody who was not meant."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from ove_gh import markdown
from ove_gh.markdown import CODE, COMMENT, ELEMENT, HTML, IMAGE, LINK, TAG, Document

# Logins and teams, taken widely: one mention too many in code costs nothing, one too few wakes a team.
_NAME = r"(?:[A-Za-z0-9]|&#?\w+;)(?:[A-Za-z0-9_-]|&#?\w+;)*(?:/[\w.-]+)?"
_MENTION = re.compile(rf"(?:(?<![A-Za-z0-9\\])|(?<!\\)\\)\\*@({_NAME}(?:\\*@{_NAME})*)", re.ASCII)
_AT_SIGN = re.compile(r"&(?:#0*64|#[xX]0*40|commat);")
_SPECIAL = re.compile(r"[`*_~\[\]|$]|\\(?=[!-/:-@\[-`{-~]|\Z)")
_MARKER_START = re.compile(r"<!--(\s*)ove-gh:")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LONGEST_ADDRESS = 1_000


# --- one line ---


def flat(text: str, limit: int) -> str:
    """The text in one line of at most `limit` characters, without what cannot be printed."""
    words = " ".join(text.split())
    line = "".join(char if char.isprintable() else " " for char in words[: limit + 1]).strip()
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    at_word = cut.rpartition(" ")[0]
    return f"{at_word if len(at_word) > limit // 2 else cut}…"


def inline(text: str, limit: int = 300, addressed: Collection[str] = ()) -> str:
    """The text as part of a paragraph: code spans and links work, everything else means only itself.

    `limit` bounds the text before what has to be escaped is escaped; that makes it at most five times as long.
    """
    document = markdown.read_inline(_unmarked(flat(text, limit)))
    written, position = [], 0
    for start, end in _to_keep(document):
        written += [_escaped(document.source[position:start], addressed), document.source[start:end]]
        position = end
    return "".join([*written, _escaped(document.source[position:], addressed)])


def _to_keep(document: Document) -> Iterator[tuple[int, int]]:
    """The code spans and the links of one line, less links that could pair up with a character outside of them."""
    for start, end in document.runs(CODE + LINK + IMAGE + TAG + COMMENT):
        inks = document.inks[start:end]
        if LINK not in inks:
            yield from ((start + run.start(), start + run.end()) for run in re.finditer(f"{CODE}+", inks))
        elif set(inks) <= {CODE, LINK}:
            in_links = {document.source[n] for n in range(start + 1, end) if document.inks[n] == LINK}
            if not in_links & set("`*~<"):
                yield start, end


def code(text: str, limit: int = 300) -> str:
    """A code span, whatever back-ticks the text holds: https://spec.commonmark.org/0.31.2/#code-spans"""
    line = _unmarked(flat(text, limit)) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def link(words: str, url: str | None) -> str:
    """A link whose words are Markdown already; only the words where no address is, or an endless one."""
    if not url or len(url) > _LONGEST_ADDRESS:
        return words
    target = re.sub(r"[\s<>()\\`]", lambda char: "".join(f"%{byte:02X}" for byte in char[0].encode()), url)
    return f"[{words}]({target})"


def _escaped(words: str, addressed: Collection[str]) -> str:
    def plain(text: str) -> str:
        text = re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")
        return _SPECIAL.sub(lambda char: f"\\{char[0]}", text)

    written, position = [], 0
    for mention in _MENTION.finditer(words):
        written.append(plain(words[position : mention.start()]))
        name = plain(f"@{mention[1]}")
        written.append(name if _is_addressed(mention[1], addressed) else f"<code>{name}</code>")
        position = mention.end()
    return "".join([*written, plain(words[position:])])


def _is_addressed(login: str, addressed: Collection[str]) -> bool:
    return login.casefold() in {name.casefold() for name in addressed}


def _unmarked(text: str) -> str:
    """The text without anything that could be taken for one of our own hidden markers."""
    return _MARKER_START.sub(r"<!--\1ove-gh;", text)


# --- raw HTML, where Markdown means nothing ---


def tagged(text: str, limit: int = 300) -> str:
    """The text in one line of HTML, for the head of a fold: code spans work, everything else means only itself."""
    line = flat(text, limit)
    written, position = [], 0
    for span in _CODE_SPAN.finditer(line):
        written += [_plain_html(line[position : span.start()]), f"<code>{escape(span[2], quote=False)}</code>"]
        position = span.end()
    return "".join([*written, _plain_html(line[position:])])


def preformatted(text: str, limit: int) -> str:
    """Lines of text as one line of HTML, which can stand where a blank line must not, as within a tight list.

    `limit` bounds the text before what has to be escaped is escaped; one that is cut says so.
    """
    whole = "".join(char if char.isprintable() or char in "\n\t" else " " for char in markdown.normalised(text))
    whole = whole.strip("\n").rstrip()
    shown = whole if len(whole) <= limit else f"{whole[:limit].rstrip()}\n… (cut here: {len(whole):,} characters)"
    return f"<pre>{escape(shown, quote=False).replace(chr(10), '&#10;')}</pre>"


def _plain_html(words: str) -> str:
    written, position = [], 0
    for mention in _MENTION.finditer(words):
        name = escape(mention[1], quote=False)
        written += [escape(words[position : mention.start()], quote=False), f"<code>@{name}</code>"]
        position = mention.end()
    return "".join([*written, escape(words[position:], quote=False)])


# --- whole texts ---

_PASSES = 8
_CALLS_NOBODY = frozenset((CODE, LINK, IMAGE, TAG, COMMENT))
_AFTER = "\n\nx"
"""A paragraph behind the text, to see whether the text leaves it alone."""


def block(text: str, limit: int, addressed: Collection[str] = ()) -> str:
    """Somebody's Markdown as a part of our comment that leaves what follows it alone; at most `limit` characters.

    HTML comments are taken out, open fences and open HTML are closed, HTML that closes what it did not open is shown as
    text. Mentions of anybody who is not `addressed` become code, `<code>@name</code>`: GitHub searches code for no
    mentions, and unlike back-ticks these tags cannot pair up with back-ticks of the text. A text that is too long is
    cut at the end of a line, and says so.
    """
    text = markdown.normalised(text).strip("\n").rstrip()
    if len(text) <= limit:
        whole = _set(text, addressed)
        if len(whole) <= limit:
            return whole
    note = f"*Cut here: the whole text has {len(text):,} characters.*"
    room = limit - len(note) - 2
    size = room
    while size > 0:
        part = _set(_first_lines(text, size), addressed)
        if len(part) <= room:
            return f"{part}\n\n{note}"
        size = min(size * 2 // 3, size * room // len(part))
    return note[: max(limit, 0)]


def split(text: str, limit: int) -> tuple[str, str]:
    """A text in two: its first blocks, together about `limit` characters, and the rest (empty when it is all short).

    HTML may span blocks, so everything from the first HTML on is the rest.
    """
    text = markdown.normalised(text)
    if len(text) <= limit * 3 // 2:
        return text, ""
    document = markdown.read(text[: 8 * limit])
    lines = text.split("\n")
    end = 0
    for top in (each for each in document.blocks if each.depth == 0):
        length = len("\n".join(lines[: top.end]))
        if top.kind == "html_block" or length > (limit if end else 2 * limit):
            break
        end = top.end
    return "\n".join(lines[:end]), "\n".join(lines[end:])


def folded(summary: str, body: str) -> str:
    """A text that opens with a click; both are safe Markdown already."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def fenced(text: str, info: str) -> str:
    """A code block that shows the text as it is, whatever back-ticks it holds; without any text it has no line.

    https://spec.commonmark.org/0.31.2/#fenced-code-blocks
    """
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence}{info}\n{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{fence}"


def _set(text: str, addressed: Collection[str]) -> str:
    document = _mended(_unmarked(text))

    source, inks = document.source.removesuffix(_AFTER), document.inks
    calling = "".join("\0" if ink in _CALLS_NOBODY else char for char, ink in zip(source, inks, strict=False))
    written, position = [], 0
    for mention in _MENTION.finditer(calling):
        if not _is_addressed(mention[1], addressed):
            name = mention[1].replace("_", "\\_")
            written += [source[position : mention.start()], f"<code>@{name}</code>"]
            position = mention.end()
    return "".join([*written, source[position:]])


def _first_lines(text: str, size: int) -> str:
    cut = text[:size]
    at_line = cut.rpartition("\n")[0]
    return at_line if len(at_line) > size // 2 else cut


def _mended(text: str) -> Document:
    """The text without comments and with everything closed, read together with a paragraph that follows it."""
    for _ in range(_PASSES):
        text = _AT_SIGN.sub("@", text)
        document = markdown.read(text + _AFTER)
        hidden = [(start, min(end, len(text))) for start, end in document.runs(COMMENT)]
        if hidden:
            text = markdown.without(text, hidden)
            continue
        stray, closing = _html_to_mend(document)
        end = _end_of_fence(document) + "".join(f"\n\n</{name}>" for name in closing)
        if not stray and not end:
            if _is_last_paragraph_apart(document):
                return document
            break
        text = _with_escaped(text, stray) + ("" if stray else end)
    # the last resort for a text that cannot be mended: it is shown as it was written
    return markdown.read(fenced(text, "text") + _AFTER)


def _with_escaped(text: str, positions: Collection[int]) -> str:
    return "".join("&lt;" if position in positions else char for position, char in enumerate(text))


def _is_last_paragraph_apart(document: Document) -> bool:
    """Whether the paragraph that follows the text is inside nothing of it."""
    last = document.blocks[-1]
    return (last.kind, last.first, last.depth) == ("paragraph_open", document.source.count("\n"), 0)


def _end_of_fence(document: Document) -> str:
    """What closes the code block that the text leaves open at its end, if it does."""
    last = document.blocks[-1]
    if last.kind != "fence" or last.depth or last.end <= document.source.count("\n"):
        return ""
    opening = re.match(r" *(`{3,}|~{3,})", document.source.split("\n")[last.first])
    return f"\n{opening[1]}" if opening else ""


_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_CLOSED_BY_OTHERS = frozenset(("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option"))
"""Elements whose end tag may be left out: https://html.spec.whatwg.org/multipage/syntax.html#optional-tags"""
_DISALLOWED = frozenset(("title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "script", "plaintext"))
"""Tags after which a browser reads no HTML: https://github.github.com/gfm/#disallowed-raw-html-extension-"""
_TOP = -1
"""The scope of HTML blocks that stand in no list and no quote."""


def _html_to_mend(document: Document) -> tuple[set[int], list[str]]:
    """Where an HTML tag has no partner, so that it must be shown as text; and which elements can be closed at the end.

    A partner is looked for where a browser would: in the same paragraph, or in the HTML blocks of the same list item.
    """
    stray: set[int] = set()
    opened: dict[int, list[tuple[str, int]]] = {}
    scope_at = _scopes(document)
    for position, tag in _angle_brackets(document):
        if tag is None:
            stray.add(position)
            continue
        name, stack = tag[2].lower(), opened.setdefault(scope_at(position), [])
        if name in _DISALLOWED:
            stray.add(position)
        elif not tag[1] and name not in _VOID:
            stack.append((name, position))
        elif tag[1]:
            stray.update(_close(stack, name, position))
    closing = [name for name, _ in reversed(opened.pop(_TOP, []))]
    stray.update(position for stack in opened.values() for _, position in stack)
    return stray, closing


def _angle_brackets(document: Document) -> Iterator[tuple[int, re.Match[str] | None]]:
    """Every `<` of the text's HTML, with the tag that it begins, or None."""
    for start, end in document.runs(TAG + HTML):
        position = document.source.find("<", start, end)
        while position >= 0:
            tag = ELEMENT.match(document.source, position, end)
            yield position, tag
            position = document.source.find("<", tag.end() if tag else position + 1, end)


def _close(stack: list[tuple[str, int]], name: str, position: int) -> Iterator[int]:
    """Take the innermost element of this name off the stack; yields where a tag is that then has no partner."""
    depth = next((n for n in range(len(stack) - 1, max(-1, len(stack) - 200), -1) if stack[n][0] == name), None)
    if depth is None:
        yield position
        return
    yield from (opening for inner, opening in stack[depth + 1 :] if inner not in _CLOSED_BY_OTHERS)
    del stack[depth:]


def _scopes(document: Document) -> Callable[[int], int]:
    """Where a character's HTML has to find its partner, as a number: its paragraph, its list item, or the top."""
    starts = [0]
    for line in document.source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    scopes = [_TOP] * len(starts)
    containers: list[tuple[int, int]] = []
    for number, each in enumerate(document.blocks):
        while containers and containers[-1][1] >= each.depth:
            containers.pop()
        if each.kind in ("list_item_open", "blockquote_open"):
            containers.append((number, each.depth))
        elif each.kind == "html_block":
            scopes[each.first : each.end] = [containers[-1][0] if containers else _TOP] * (each.end - each.first)
        elif not each.kind.endswith("list_open"):
            scopes[each.first : each.end] = [number] * (each.end - each.first)
    return lambda position: scopes[bisect_right(starts, position) - 1]


# --- numbers and times ---


def duration(seconds: float) -> str:
    """A time as people say it: `40 s`, `1 min 40 s`, `12 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = round(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 1:
        return f"{whole} s"
    if minutes < 10:
        return _joined(minutes, "min", whole % 60, "s")
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return _joined(hours, "h", minutes % 60, "min")
    return _joined(days, "d", hours % 24, "h")


def _joined(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def clock(seconds: float) -> str:
    """A time since some beginning, as a stop-watch shows it: `0:14`, `12:05`, `1:02:03`."""
    whole = int(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    minutes, hours = whole // 60, whole // 3600
    return f"{hours}:{minutes % 60:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def days(count: float) -> str:
    """A longer time as people say it: `a day`, `3 days`, `a week`; shorter ones as `duration` has them."""
    if not math.isfinite(count) or count < 0.95:
        return duration(count * 86_400)
    whole = round(count)
    return {1: "a day", 7: "a week"}.get(whole, f"{whole} days")


def money(usd: float) -> str:
    """Dollars and cents: `$0.12`; `< $0.01` for what is less than a cent but not nothing."""
    if not math.isfinite(usd) or usd <= 0:
        return "$0.00"
    return "< $0.01" if usd < 0.01 else f"${usd:,.2f}"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(epoch: float, zone: str, now: float) -> str:
    """A point in time as people there say it: `Mon 23 Nov, 09:00`, with the year where it is not the one of `now`.

    `epoch` and `now` are seconds since 1970, UTC; `zone` is an IANA name. Raises ZoneInfoNotFoundError for any other.
    """
    place = ZoneInfo(zone)
    there, today = datetime.fromtimestamp(epoch, place), datetime.fromtimestamp(now, place)
    year = "" if there.year == today.year else f" {there.year}"
    return f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]}{year}, {there:%H:%M}"
