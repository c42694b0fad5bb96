"""What a CI job printed → the end of the step that failed, fit to be read, and the lines of it that name the error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

LEFT_OUT = "(… earlier lines left out)"
"""Stands above a log whose beginning is missing."""

MOST_LINE_CHARACTERS = 1_000
"""What of one line is kept; minified code and dumps print lines of megabytes."""


def tail(
    log: str,
    *,
    failed_step: str | None,
    started: float | None = None,
    completed: float | None = None,
    most_lines: int = 120,
    most_characters: int = 8_000,
) -> str:
    """The last lines of the step that failed, as plain text; "" for an empty log. Never raises.

    `log` is what https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run answers:
    all steps of the job and its clean-up, each line behind a timestamp. Logs of other CIs have no steps that could be
    told apart: of them it is the end of the whole. `failed_step` is the step's name, `started` and `completed` are its
    times (seconds since 1970; GitHub gives them in whole seconds). `most_characters` counts `LEFT_OUT`, too.
    """
    lines = log.split("\n")
    first, end = _failed_section(lines, failed_step, started, completed)
    room = most_characters - len(LEFT_OUT) - 1
    kept: list[str] = []
    for index in range(end - 1, first - 1, -1):
        text = _readable(lines[index])
        if text is None or (not text and (not kept or not kept[-1])):
            continue
        if not kept:
            text = _shortened(text, max(room - 1, 0))
        elif len(kept) >= most_lines or len(text) + 1 > room:
            kept.append(LEFT_OUT)
            break
        kept.append(text)
        room -= len(text) + 1
    return "\n".join(reversed(kept)).strip("\n")[: max(most_characters, 0)]


def end_of(text: str, most_characters: int) -> str:
    """The last whole lines of a text that is plain already, in at most so many characters."""
    if len(text) <= most_characters:
        return text
    room = most_characters - len(LEFT_OUT) - 1
    if room <= 0:
        return ""
    cut = text[-room:]
    at_line = cut if text[-room - 1] == "\n" else cut.partition("\n")[2]
    return f"{LEFT_OUT}\n{at_line or cut}"


# --- lines that can be read ---

_STAMP = re.compile(
    r"\ufeff?([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2}))(?: |$)"
)
# Strings for the terminal (titles, links), then control sequences (colours), then the rest: ECMA-48, 5.4 and 5.6.
_ESCAPE = re.compile(
    r"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]?",
)
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands, as the runner writes them down
_MARK = re.compile(r"##\[(\w+)\](.*)", re.DOTALL)
_MARKS_IN_WORDS = {"error": "Error: ", "warning": "Warning: ", "notice": "Notice: ", "command": "$ "}


def plain(text: str) -> str:
    """A text of a program in what can be printed: no colours, no control characters, no line that was written over."""
    return "\n".join(_printable(line) for line in text.split("\n"))


def _printable(line: str) -> str:
    states = _ESCAPE.sub("", line).split("\r")
    last = next((state for state in reversed(states) if state.strip()), "")
    return _UNPRINTABLE.sub("", last).rstrip()


def _readable(line: str) -> str | None:
    """One line of a log as people see it on GitHub; None for a line that they do not see."""
    text = _printable(_STAMP.sub("", line, count=1))
    mark = _MARK.match(text)
    if mark is not None:
        if mark[1] == "endgroup":
            return None
        text = _MARKS_IN_WORDS.get(mark[1], "") + mark[2]
    return _shortened(text, MOST_LINE_CHARACTERS)


def _shortened(line: str, limit: int) -> str:
    """A long line's beginning and end: what is wrong stands at either."""
    if len(line) <= limit:
        return line
    if limit < 100:
        return line[:limit]
    behind = limit // 3
    return f"{line[: limit - behind - 3]} … {line[-behind:]}"


# --- the step that failed ---

_EXIT = re.compile(r"Process completed with exit code -?[0-9]+\.?\s*\Z|(?:Bash|PowerShell) exited with code '")
_CLEANUP = ("Post job cleanup.", "Cleaning up orphan processes")
_ACTION = re.compile(r"Run (?:\./\S*|\S+@\S+)\s*\Z")


@dataclass(slots=True)
class _Marks:
    """Where the steps of a part of a log begin (with their titles) and end, as numbers of lines."""

    steps: list[tuple[int, str]]
    errors: list[int]
    exits: list[int]
    cleanup: int | None


def _failed_section(
    lines: Sequence[str], failed_step: str | None, started: float | None, completed: float | None
) -> tuple[int, int]:
    """The step's first line and the one behind its last."""
    first, end = _between(lines, started, completed)
    marks = _marks(lines, first, end)
    named = next((line for line, title in marks.steps if title == failed_step), None)
    if named is not None:
        # We know that this step failed: the first end behind its head is its own, whatever ran after it.
        first, exits = named, [line for line in marks.exits if line > named][:1]
    else:
        # As a rule nothing runs behind a step that failed, so the last end is the one that counts.
        exits = marks.exits[-1:]
    cleanup = marks.cleanup if marks.cleanup is not None and marks.cleanup > first else end
    # An action that fails by itself leaves only its errors.
    ends = exits or [line for line in marks.errors if first <= line < cleanup]
    end = ends[-1] + 1 if ends else cleanup
    return max((line for line, _ in marks.steps if first <= line < end), default=first) if named is None else first, end


def _between(lines: Sequence[str], started: float | None, completed: float | None) -> tuple[int, int]:
    """The lines that were printed within these times; all when there are none, or no times."""
    first, end = None, len(lines)
    if started is not None or completed is not None:
        for index, line in enumerate(lines):
            at = _time(line)
            if at is None:
                continue
            if (started is None or at >= started) and (completed is None or at < completed + 1):
                first, end = index if first is None else first, len(lines)
            elif first is not None and end == len(lines):
                end = index
    return (0, len(lines)) if first is None else (first, end)


def _time(line: str) -> float | None:
    stamp = _STAMP.match(line)
    try:
        return datetime.fromisoformat(stamp[1]).timestamp() if stamp else None
    except (ValueError, OverflowError):  # looks like a date, and is none
        return None


def _marks(lines: Sequence[str], first: int, end: int) -> _Marks:
    """A step begins with a group that is called "Run …" and holds its shell, or names an action."""
    marks = _Marks([], [], [], None)
    head: tuple[int, str] | None = None
    for index in range(first, end):
        text = _STAMP.sub("", lines[index], count=1).rstrip("\r")
        mark = _MARK.match(text)
        if mark is None:
            if head is not None and text.startswith("shell: "):
                marks.steps.append(head)
                head = None
            elif marks.cleanup is None and text in _CLEANUP:
                marks.cleanup = index
        elif mark[1] == "error":
            (marks.exits if _EXIT.match(mark[2]) else marks.errors).append(index)
        elif mark[1] == "group":
            head = (index, mark[2]) if mark[2].startswith("Run ") else None
            if head is not None and _ACTION.match(mark[2]):
                marks.steps.append(head)
                head = None
        elif mark[1] == "endgroup":
            head = None
    return marks


# --- the lines that name the error ---

_DETAIL, _WEAK, _BROAD, _EXACT, _WHOLE = range(5)
"""How much a line tells: part of an error, that there was one, roughly which, exactly which, which and where."""

_NOTHING = re.compile(
    r"(?:Error: )?Process completed with exit code -?\d+\.?\Z"
    r"|Traceback \(most recent call last\):\Z"
    r"|npm (?:ERR!|error)(?:\Z|\s+(?:A complete log of this run|.*_logs[/\\]))"
)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_SIGNS: tuple[tuple[int, re.Pattern[str]], ...] = (
    (_WHOLE, _any(r"(?:FAILED|ERROR) \S+\.\w+(?:::.*)? - \S")),  # pytest's summary
    (
        _WEAK,
        _any(
            r"make(?:\[\d+\])?: \*\*\*",
            r"error: (?:test failed, to rerun|\d+ targets? failed|could not compile|aborting due|build failed)",
            r"npm (?:ERR!|error)\s+(?:code|errno|path|command|workspace|location|syscall|Lifecycle|Test failed)\b",
            r"BUILD FAILED|FAILED \(|FAIL\Z|FAIL\t|test result: FAILED",
        ),
    ),
    (
        _EXACT,
        _any(
            r"E {2,}\S",  # pytest
            r"(?:Uncaught |Unhandled |Caused by: )?"
            r"(?:\w+(?:\.|::))*[A-Z]\w*(?:Error|Exception|Failure)(?: \[\w+\])?: \S",
            r"error(?:\[\w+\]| TS\d+): ",  # rustc, tsc
            r"\S+[:(]\d+(?:[:,]\d+)?\)?:? (?:- )?(?:fatal )?error\b",  # gcc, javac, mypy, tsc
            r"thread '.*' (?:\(\d+\) )?panicked at |panic: |fatal error: ",
            r"(?:\./)?\S+\.go:\d+(?::\d+)?: \S",
            r"\S+\.\w+:\d+(?::\d+)?:? [A-Z]{1,4}\d{2,5}\b|[A-Z]{1,4}\d{3,4} \[?\S",  # ruff, flake8, pylint
            r"\d+:\d+\s+error\s+\S",  # eslint
            r"● (?!Console)\S",  # jest
            r"e: (?:file://)?\S+:\d+:\d+ \S",  # kotlinc
        ),
    ),
    (
        _BROAD,
        _any(
            r"--- FAIL: |FAIL(?:ED)?:? \S|FAILURE: |(?:[✗✕✖×]|not ok) \S",
            r"(?:[\w./-]+: )?(?:fatal|[Ee]rror|ERROR|FATAL|Fatal [Ee]rror):\s*\S|ERROR \S|\[ERROR\] \S",
            r"npm (?:ERR!|error) ",
            r"(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception)\Z",
            r".*(?:: (?:command )?not found|: No such file or directory|: Permission denied)\Z",
            r"Segmentation fault|Killed\Z|.*: Killed\Z|.*[Oo]ut of memory",
        ),
    ),
    (_DETAIL, _any(r"(?:Expected|Received|expected|actual|got|want|left|right):\s*\S")),
)


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """What a log says is wrong. `where` is a path and line, or empty."""

    message: str
    where: str = ""


def best_error(log: str) -> ErrorLine | None:
    """The line of a plain log that tells people most about what is wrong; the first of those that tell as much."""
    lines = _lines(log)
    found = max(_errors(lines), key=lambda error: error[0], default=None)
    if found is None or found[0] == _DETAIL:
        return None
    weight, index = found
    text = re.sub(r"\AE +", "", _said(lines[index]))
    place = _PLACE_FIRST.match(text)
    if place is not None and place["rest"]:
        return ErrorLine(place["rest"], _place(place))
    if _has_reason_below(text):
        text = text.removeprefix("● ").removesuffix(":")
        reason = next((line.strip() for line in lines[index + 1 : index + 4] if line.strip()), "")
        text = f"{text}: {reason}" if reason else text
    return ErrorLine(text, "" if weight == _WHOLE else _nearby(lines, index))


def error_lines(log: str) -> tuple[str, ...]:
    """All lines of a plain log that tell what is wrong, as they stand there; the weak ones only where no other is."""
    lines = _lines(log)
    found = list(_errors(lines))
    if all(weight in (_WEAK, _DETAIL) for weight, _ in found):
        return tuple(_said(lines[index]) for _, index in found)
    return tuple(_said(lines[index]) for weight, index in found if weight != _WEAK)


def meaningful_lines(text: str) -> Iterator[str]:
    """The lines of a text that hold words, without those that only say that something failed."""
    for line in _lines(text):
        words = line.strip()
        if words != LEFT_OUT and not _NOTHING.match(words) and any(char.isalnum() for char in words):
            yield words


def _lines(text: str) -> list[str]:
    return [_shortened(line, MOST_LINE_CHARACTERS) for line in plain(text).split("\n")]


def _errors(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """How much it tells, and where it stands, for each line that is part of an error."""
    before, has_reason_below = "", False
    for index, line in enumerate(lines):
        text = _said(line)
        if not text or _NOTHING.match(text):
            continue
        weight = _matching(text)
        goes_on = text.startswith("E  ") and before.startswith("E  ")
        if goes_on or (weight is None and has_reason_below):
            weight = _DETAIL
        if weight is not None:
            yield weight, index
        has_reason_below = weight not in (None, _DETAIL) and _has_reason_below(text)
        before = text


def _said(line: str) -> str:
    """A line without what Actions sets before the errors that it was told of, if it names a kind of error by itself."""
    text = line.strip()
    bare = text.removeprefix("Error: ")
    return bare if bare != text and _matching(bare) is not None else text


def _matching(text: str) -> int | None:
    return next((weight for weight, sign in _SIGNS if sign.match(text)), None)


def _has_reason_below(text: str) -> bool:
    """Jest and Rust say in one line where it is wrong, and in the next one what."""
    return text.startswith("● ") or text.endswith(":")


_PATH = r"(?P<path>(?:[A-Za-z]:[\\/])?[\w./\\@+-]*\w\.[A-Za-z]\w{0,9})"
_PLACE_FIRST = re.compile(rf"{_PATH}[:(](?P<line>\d+)(?:[:,]\d+)?\)?:?\s+(?:- )?(?P<rest>.*)", re.DOTALL)
_PLACE_WITHIN = re.compile(rf"(?:\A|(?<=[\s(\"'])){_PATH}:(?P<line>\d+)")
_PLACE_OF_FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_PLACE_BELOW = re.compile(rf"\s*(?:-->\s*|❯ |at (?:.*\()?|(?=\S+: \w*\Z)){_PATH}:(?P<line>\d+)")  # noqa: RUF001
_FOREIGN = re.compile(r"node_modules|site-packages|dist-packages|/lib/python3|<frozen ")
_WORKSPACE = re.compile(r"(?:/home/runner/work|/Users/runner/work|[A-Za-z]:[\\/]a)[\\/][^\\/]+[\\/][^\\/]+[\\/]")


_MOST_TRACEBACK = 60


def _nearby(lines: Sequence[str], index: int) -> str:
    """The place that goes with the error in this line: in it, in the last frame of our own above it, or below."""
    within = _PLACE_WITHIN.search(lines[index])
    if within is not None:
        return _place(within)
    for line in lines[max(0, index - _MOST_TRACEBACK) : index][::-1]:
        if not line.startswith(" "):
            break
        if (frame := _PLACE_OF_FRAME.match(line)) is not None and not _FOREIGN.search(line):
            return _place(frame)
    for line in lines[index + 1 : index + 21]:
        if (below := _PLACE_BELOW.match(line)) is not None and not _FOREIGN.search(line):
            return _place(below)
    return ""


def _place(match: re.Match[str]) -> str:
    return f"{_WORKSPACE.sub('', match['path'], count=1)}:{match['line']}"


# --- what changes from run to run ---

_UNIT = r"(?:ns|µs|us|ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)"
_CHANGING: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("<temp>", re.compile(r"(?:/private)?/(?:tmp|var/tmp|var/folders|home/runner/work/_temp)/[^\s'\"`:;,)\]}>]*")),
    ("<temp>", re.compile(r"[A-Za-z]:[\\/]Users[\\/][^\s\\/]+[\\/]AppData[\\/]Local[\\/]Temp[^\s'\"`:;,)\]}>]*")),
    (
        "<time>",
        re.compile(
            r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d[:_]\d\d(?:[:_]\d\d(?:[.,_]\d+)?)?(?:Z|\s?[+-]\d\d:?\d\d)?)?(?!\d)"
            r"|\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b"
        ),
    ),
    (
        r"\1<number>",
        re.compile(
            r"\b((?:runs?|job|build|pid|process|thread|goroutine|worker|seed|port)"
            r"(?:[ =:]?#|[ =:/]\s?|[ -]id[ =:]\s?))\d+\b",
            re.IGNORECASE,
        ),
    ),
    ("<id>", re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")),
    ("<address>", re.compile(r"\b0x[0-9a-fA-F]+\b")),
    ("<id>", re.compile(r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}\b|\b\d{9,}(?:\.\d+)?\b")),
    ("<duration>", re.compile(rf"(?<![\w.])(?:\d+(?:[.,]\d+)?\s?{_UNIT}){{1,3}}(?!\w)")),
    (r"\1:<port>", re.compile(r"(\blocalhost|\b127\.0\.0\.1|\b0\.0\.0\.0|\[::1?\]):\d+")),
    (r"\1<number>", re.compile(r"(\bthread '[^']*' )\(\d+\)|\bgw\d+\b")),
    (r"\1:<line>", re.compile(r"(\.[A-Za-z]\w{0,9}|\b(?:[Mm]akefile|Dockerfile|Rakefile|Gemfile))(?::\d+)+")),
    (r"\1:<line>", re.compile(r"(\.[A-Za-z]\w{0,9})\(\d+(?:,\d+)*\)")),
    (r"\1<line>", re.compile(r"(\b(?:lines?|col|column)[ :]\s?)\d+(?:-\d+)?\b|\A\d+:\d+(?=\s+(?:error|warning)\b)")),
)


def neutral(line: str) -> str:
    """A line without what differs each time though the error is the same: times, durations, addresses, line numbers."""
    for instead, pattern in _CHANGING:
        line = pattern.sub(instead, line)
    return " ".join(line.split())
