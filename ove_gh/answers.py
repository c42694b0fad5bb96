"""A reply, or a tick → an answer to the agent's questions.

What becomes of the words that people write, for one question with options:

| they write | the answer is |
|---|---|
| a number, a letter, a label, the first letters of just one label | that option's label |
| several of them, where several may be chosen | the labels in the options' order, joined with ", " |
| one of them and a reason: `2 because …`, `b) …`, `Half up, …` | the label, ": " and the reason as it was written |
| what is surely meant as a choice, but is none: a number that is not offered, the first word of two labels, several
  where one is wanted, `1. half up` where that is option 2 | no answer: better asked again than guessed |
| anything else | their own words, as they were written |

With several questions, each line that names its question (`Q2: b`, `2. half up`, `Rounding: half up`) answers it;
without names, one line (or one paragraph) each answers them in order. Lines that are left over stay as the reason of
the answer before them, so that nothing a person said is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ove_gh import markdown
from ove_gh.commands import mention_pattern, read_request
from ove_gh.questions import Answers, Option, Question, Questions


@dataclass(frozen=True, slots=True)
class Answered:
    """Every question has its answer."""

    answers: Answers


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Some questions have no answer, or none that is clear: `missing` holds their positions, counted from 0."""

    answers: Answers
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NotAnAnswer:
    """Nothing was said: the reply is empty or quotes only, or no tick is meant as an answer yet."""


Reply = Answered | Incomplete | NotAnAnswer

SEND_BOX = "send"
"""The name of the box that sends the others."""


def option_keys(question: Question) -> tuple[str, ...]:
    """What each option is called in front of its label: 1, 2, 3, or A, B, C where labels begin with a number."""
    count = len(question.options)
    if _uses_letters(question):
        return tuple(chr(ord("A") + position) for position in range(count))
    return tuple(str(position + 1) for position in range(count))


def can_tick(questions: Questions) -> bool:
    """Whether boxes can answer all of these questions."""
    return all(question.options for question in questions)


def needs_send_box(questions: Questions) -> bool:
    """Whether one tick is not yet the whole answer, so that a last box must say when it is."""
    return len(questions) > 1 or any(question.multiple for question in questions)


def box_name(question: int, option: int) -> str:
    """The name of one box; both positions count from 0."""
    return f"q{question + 1}.{option + 1}"


def read_reply(reply: str, questions: Questions, slug: str | None = None) -> Reply:
    """Read a comment as the answer to the questions that are still open.

    Quotes, HTML comments, the line that a mail program puts above a quote, and mentions of the App (`slug`) around the
    words are passed over.
    """
    said = _said(reply, slug)
    if not said or not questions:
        return NotAnAnswer()
    if len(questions) == 1:
        return _reply(questions, {0: _choose(questions[0], _without_own_name(questions[0], said))})
    return _reply(questions, _read_several(questions, said))


def read_ticks(before: str, after: str, questions: Questions) -> Reply:
    """Read what somebody ticked in the comment with the questions; `before` and `after` are its two bodies.

    One single-choice question is answered by the box that is newly ticked. Otherwise nothing is an answer until the
    last box is ticked; then all ticked boxes count.
    """
    ticked, ticked_before = _ticked(after), _ticked(before)
    if not questions or ticked == ticked_before:
        return NotAnAnswer()
    if needs_send_box(questions):
        return _reply(questions, _ticks_sent(questions, ticked)) if SEND_BOX in ticked else NotAnAnswer()
    new = _ticked_options(0, questions[0], ticked - ticked_before)
    return _reply(questions, {0: _value(questions[0], new)}) if new else NotAnAnswer()


def _reply(questions: Questions, found: Mapping[int, str | None]) -> Reply:
    answers = {
        question.text: answer
        for position, question in enumerate(questions)
        if (answer := found.get(position)) is not None
    }
    missing = tuple(position for position in range(len(questions)) if found.get(position) is None)
    return Incomplete(answers, missing) if missing else Answered(answers)


# --- boxes ---

_BOX = re.compile(r"^[ \t]*[-*+][ \t]+\[([ xX])\][ \t].*<!-- (q[0-9]{1,4}\.[0-9]{1,4}|send) -->[ \t]*$", re.MULTILINE)


def _ticked(body: str) -> frozenset[str]:
    return frozenset(box[2] for box in _BOX.finditer(markdown.normalised(body)) if box[1] != " ")


def _ticked_options(position: int, question: Question, ticked: frozenset[str]) -> frozenset[int]:
    return frozenset(option for option in range(len(question.options)) if box_name(position, option) in ticked)


def _ticks_sent(questions: Questions, ticked: frozenset[str]) -> dict[int, str | None]:
    return {
        position: _value(question, _ticked_options(position, question, ticked))
        for position, question in enumerate(questions)
    }


def _value(question: Question, chosen: Iterable[int]) -> str | None:
    """The labels as the tool's result wants them; None when that is no valid choice."""
    picked = sorted(set(chosen))
    if not picked or (len(picked) > 1 and not question.multiple):
        return None
    return ", ".join(question.options[option].label for option in picked)


# --- what was said ---

_MAIL_HEADING = re.compile(
    r"(?:On|Am|Le|El|Den)\b.*(?:[0-9]{4}|[0-9]:[0-9]{2}|@).*:|.*<[^<>\s]+@[^<>\s]+>.*:", re.DOTALL
)
_LONGEST_MAIL_HEADING = 300
_COURTESIES = frozenset(("please", "pls", "thanks", "thank you", "thx", "please, thanks", "cheers"))
_BULLET = re.compile(r"^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]+)?")


def _said(reply: str, slug: str | None) -> str:
    request = read_request(reply, slug) if slug else None
    text = request.text if request else markdown.without_comments(markdown.read(reply))
    text = _without_quotes(text).strip()
    if slug:
        text = _without_mention_behind(text, slug)
    return text


def _without_quotes(text: str) -> str:
    document = markdown.read(text)
    quoted = document.quote_lines()
    if not quoted:
        return text
    lines = document.source.split("\n")
    dropped = set(quoted)
    for number in sorted(quoted):
        if number - 1 not in quoted:
            dropped |= _mail_heading(lines, number)
    return "\n".join(line for number, line in enumerate(lines) if number not in dropped)


def _mail_heading(lines: Sequence[str], quote: int) -> set[int]:
    """The lines above a quote that say who wrote it, as mail programs put them there: one line, or one that wraps."""
    last = quote - 1
    while last >= 0 and not lines[last].strip():
        last -= 1
    for first in range(max(0, last - 1), last + 1):
        heading = "\n".join(lines[first : last + 1]).strip()
        # only a heading that wraps in its middle may take two lines: the line above it is the person's own
        wraps = first < last and heading.startswith(("On ", "Am ", "Le ", "El ", "Den "))
        if (wraps or first == last) and len(heading) <= _LONGEST_MAIL_HEADING and _MAIL_HEADING.fullmatch(heading):
            return set(range(first, last + 1))
    return set()


def _without_mention_behind(text: str, slug: str) -> str:
    mentions = list(mention_pattern(slug).finditer(text))
    if mentions and not text[mentions[-1].end() :].strip(" \t\n.!,"):
        return text[: mentions[-1].start()].rstrip(" \t\n,")
    return text


# --- one question ---


def _choose(question: Question, text: str) -> str | None:
    """The answer that these words give to the question; None when they name something that cannot be chosen."""
    text = text.strip()
    if not question.options or not text:
        return text or None
    named = _options_named(question, text)
    if named:
        return _value(question, named)
    if len(text) <= _longest_choice(question) and _names_what_is_not_offered(question, text):
        return None
    return _chosen_with_words(question, text)


_PIECES = re.compile(r"\s*(?:[,;/&+\n]|\b(?:and|und|och)\b)\s*(?:(?:and|und|och)\b\s*)?", re.IGNORECASE)
_MOST_PIECES = 60
_KEY = re.compile(r"(?:(?:option|choice|answer|number|no\.?|nr\.?)\s*)?#?\s*([0-9]+|[a-z])", re.IGNORECASE)
_BARE_KEYS = re.compile(r"#?([0-9]+|[A-Za-z])[.)]?")
_SHORTEST_PREFIX = 3
_YES_OR_NO = frozenset(("y", "n", "yes", "no"))

_Match = Callable[[Question, str], int | None]


def _longest_choice(question: Question) -> int:
    """How many characters a text can have that is a choice and nothing else; a longer one is not searched for one."""
    return 1_000 + 2 * sum(len(option.label) for option in question.options)


def _options_named(question: Question, text: str) -> frozenset[int]:
    """The options that the text names, when it says nothing else; empty otherwise."""
    if len(text) > _longest_choice(question):
        return frozenset()
    for match in (_exact_option, _option):
        one = match(question, text)
        if one is not None:
            return frozenset((one,))
        several = _options_listed(question, text, match)
        if several:
            return several
    return frozenset()


def _options_listed(question: Question, text: str, match: _Match) -> frozenset[int]:
    """The options of a list such as `1, 3`, `a and c` or `half up, half even`; a label may itself hold a comma."""
    separators = list(_PIECES.finditer(text))
    words = text.split()
    if not separators and all(_BARE_KEYS.fullmatch(word) for word in words):
        found = [match(question, word) for word in words]
        return frozenset(option for option in found if option is not None) if None not in found else frozenset()
    if not 0 < len(separators) < _MOST_PIECES:
        return frozenset()
    starts = [0, *(separator.end() for separator in separators)]
    ends = [*(separator.start() for separator in separators), len(text)]
    hopeless: set[int] = set()

    def from_piece(first: int) -> frozenset[int] | None:
        if first == len(starts):
            return frozenset()
        if first in hopeless:
            return None
        for last in range(len(ends) - 1, first - 1, -1):
            option = match(question, text[starts[first] : ends[last]])
            rest = from_piece(last + 1) if option is not None else None
            if option is not None and rest is not None:
                return rest | {option}
        hopeless.add(first)
        return None

    return from_piece(0) or frozenset()


def _option(question: Question, text: str) -> int | None:
    exact = _exact_option(question, text)
    return exact if exact is not None else _option_begun(question, text)


def _exact_option(question: Question, text: str) -> int | None:
    """The option whose label or whose key this is. A label wins over a key that is not shown."""
    for words in (text, _BULLET.sub("", text)):
        option = _option_labelled(question, words)
        option = option if option is not None else _option_at(question, words)
        if option is not None:
            return option
    return None


def _option_labelled(question: Question, text: str) -> int | None:
    written, plain = " ".join(text.split()), _plain(text)
    for position, option in enumerate(question.options):
        if " ".join(option.label.split()) == written:
            return position
    found = [position for position, option in enumerate(question.options) if plain in _names(option)]
    return found[0] if len(found) == 1 else None


def _option_at(question: Question, text: str) -> int | None:
    key = _KEY.fullmatch(_stripped(text).strip("()[]. "))
    if key is None:
        return None
    if key[1].isdigit():
        position = int(key[1]) - 1 if len(key[1]) < 5 and not _uses_letters(question) else -1
    else:
        position = ord(key[1].lower()) - ord("a")
    return position if 0 <= position < len(question.options) else None


def _option_begun(question: Question, text: str) -> int | None:
    """The only option whose label begins so: with three characters at least, or with a whole number, or yes and no."""
    plain = _plain(text)
    if len(plain) < _SHORTEST_PREFIX and not plain.isdigit() and plain not in _YES_OR_NO:
        return None
    found = [position for position, option in enumerate(question.options) if _begins(_plain(option.label), plain)]
    return found[0] if len(found) == 1 else None


def _begins(label: str, beginning: str) -> bool:
    if beginning in _YES_OR_NO:
        return re.match(r"(?:yes|no)\b", label) is not None and label[0] == beginning[0]
    after = label[len(beginning) : len(beginning) + 1]
    return label.startswith(beginning) and not (beginning[-1].isdigit() and after.isdigit())


def _names_what_is_not_offered(question: Question, text: str) -> bool:
    """Whether the text is keys only, or the beginning of several labels: surely meant as a choice, but of what?"""
    plain = _plain(text)
    if len(plain) >= _SHORTEST_PREFIX or (plain.isdigit() and _uses_letters(question)):
        begun = [option for option in question.options if re.match(rf"{re.escape(plain)}\b", _plain(option.label))]
        if len(begun) > 1:
            return True
    if _uses_letters(question):
        return False
    pieces = [_stripped(piece) for piece in _PIECES.split(text)]
    if len(pieces) == 1:
        pieces = text.split()
    keys = [_BARE_KEYS.fullmatch(piece.strip("()[]")) for piece in pieces]
    return all(key is not None and key[1].lower() not in ("y", "n") for key in keys)


_KEY_AHEAD = re.compile(
    r"(?:option\s+)?(?:\*\*|__|[*_`\"'])?\(?#?([0-9]{1,4}|[A-Za-z])(?:\*\*|__|[*_`\"'])?(?![A-Za-z0-9])", re.IGNORECASE
)
_NEXT_KEY = re.compile(r"\s*(?:,|;|&|\+|\band\b)\s*", re.IGNORECASE)
_REASON_AHEAD = re.compile(r"(?:[).:,;!]+\s+(?:[-–—]+\s+)?|[):]|\s+[-–—]+\s+|[^\S\n]*\n\s*)(?=\S)")
_BECAUSE = re.compile(r"\s+(?=(?:because|since|cause|cuz)\b)", re.IGNORECASE)
_CONNECTED = re.compile(
    r"\s+(?=(?:because|since|cause|cuz|as|but|so|please|thanks|thx|given|and|with)\b)", re.IGNORECASE
)


def _chosen_with_words(question: Question, text: str) -> str | None:
    """A choice with a reason, or else the person's own words; None when the reason names another choice."""
    bare = _BULLET.sub("", text)
    for chosen, words in (_keys_then_words(question, bare), _label_then_words(question, bare)):
        labels = _value(question, chosen)
        if labels is None:
            continue
        words = _beyond_own_label(question, chosen, words).strip()
        others = _options_named(question, words)
        if others - chosen:
            return None
        if not words or others or _plain(words) in _COURTESIES:
            return labels
        return f"{labels}:\n\n{words}" if "\n" in words else f"{labels}: {words}"
    return text


def _keys_then_words(question: Question, text: str) -> tuple[frozenset[int], str]:
    chosen: set[int] = set()
    position = 0
    while key := _KEY_AHEAD.match(text, position):
        option = _option_at(question, key[1])
        if option is None:
            return frozenset(), ""
        chosen.add(option)
        rest = text[key.end() :]
        reason = _REASON_AHEAD.match(rest) or (_CONNECTED if key[1].isdigit() else _BECAUSE).match(rest)
        following = _NEXT_KEY.match(rest)
        if following and _KEY_AHEAD.match(rest, following.end()):
            position = key.end() + following.end()
            continue
        if reason is None or (rest[reason.end() :][:1].isdigit() and "\n" not in reason[0]):
            return frozenset(), ""
        return frozenset(chosen), rest[reason.end() :]
    return frozenset(), ""


def _label_then_words(question: Question, text: str) -> tuple[frozenset[int], str]:
    for position in sorted(range(len(question.options)), key=lambda each: -len(question.options[each].label)):
        words = _after_label(question.options[position], text)
        if words is not None:
            return frozenset((position,)), words
    return frozenset(), ""


def _after_label(option: Option, text: str) -> str | None:
    """The reason behind an option's label, None when the text does not begin with it."""
    for name in (option.label, _without_remark(option.label)):
        inner = r"\s+".join(re.escape(word) for word in name.split())
        label = re.match(rf"[*_`\"'“‘«]*{inner}[*_`\"'”’»]*", text, re.IGNORECASE) if inner else None  # noqa: RUF001
        if label is None:
            continue
        rest = text[label.end() :]
        if not rest.strip(" \t\n.,:;!"):
            return ""
        reason = _REASON_AHEAD.match(rest) or _CONNECTED.match(rest)
        if reason:
            return rest[reason.end() :]
    return None


def _beyond_own_label(question: Question, chosen: frozenset[int], words: str) -> str:
    """The words without a label and a description that were copied along with the number."""
    if len(chosen) != 1:
        return words
    option = question.options[next(iter(chosen))]
    beyond = _after_label(option, words)
    words = words if beyond is None else beyond
    return "" if option.description and _plain(words) == _plain(option.description) else words


def _uses_letters(question: Question) -> bool:
    starts_with_number = any(_stripped(option.label)[:1].isdigit() for option in question.options)
    return starts_with_number and len(question.options) <= 26


def _names(option: Option) -> tuple[str, str]:
    return _plain(option.label), _plain(_without_remark(option.label))


def _without_remark(label: str) -> str:
    """The label without what stands in brackets behind it, as in “Half up (Recommended)”."""
    return re.sub(r"\s*\([^()]*\)\s*$", "", label) or label


def _plain(text: str) -> str:
    """The text as it is compared: in one case, without stress, quotation marks and a full stop around it."""
    whole = " ".join(text.split()).casefold()
    return _stripped(whole).rstrip(".!,;:").strip("*_`\"' ") or whole


def _stripped(text: str) -> str:
    return text.strip(" \t\n*_`\"'“”‘’„«»")  # noqa: RUF001 quotation marks as phones set them


# --- several questions ---

_NUMBER_AHEAD = re.compile(r"[*_`]*#?([0-9]{1,3})[*_`]*(?:[:=)][*_`]*[ \t]*|\.[*_`]*[ \t]+)(?=\S)")
_Q_AHEAD = re.compile(r"[*_`]*(?:q|question)\s*#?([0-9]{1,3})\b[*_`]*[ \t]*[:=.)–—-]*[*_`]*[ \t]*", re.IGNORECASE)
_ANY_Q_AHEAD = re.compile(r"\A[*_`]*(?:q|question)\s*#?[0-9]{1,3}[*_`]*[:=.)]+[*_`]*[ \t]*", re.IGNORECASE)
_PAIR = re.compile(
    r"q?([0-9]{1,3})(?:(\s*[:=.)]\s*|\s*)([a-z])(?![a-z0-9])|\s*[:=]\s*([0-9]{1,3})(?![0-9]))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a reply: the question that it names (None: none), whether it surely does, and what it says."""

    question: int | None
    surely: bool
    text: str


def _read_several(questions: Questions, text: str) -> dict[int, str | None]:
    units = _units(text)
    answers = (
        _answers_in_pairs(questions, text)
        or _answers_by_name(questions, units)
        or _answers_in_one_line(questions, units)
        or _answers_in_order(questions, units, text)
    )
    return {position: _choose(questions[position], words) for position, words in answers.items()}


def _units(text: str) -> list[str]:
    """The lines that are not blank; a code block belongs to the line before it."""
    document = markdown.read(text)
    inside_code = _code_lines(document)
    units: list[str] = []
    for number, line in enumerate(document.source.split("\n")):
        if number in inside_code and units:
            units[-1] += f"\n{line}"
        elif line.strip():
            units.append(_BULLET.sub("", line).strip())
    return units


def _without_own_name(question: Question, text: str) -> str:
    """The answer to the only question, without that question's name in front of it.

    Any `Q2:` will do as its name: it may be the last one open of several.
    """
    line = _line((question,), _ANY_Q_AHEAD.sub("Q1: ", text))
    return line.text.strip() if line.surely and line.text.strip() else text


def _line(questions: Sequence[Question], unit: str) -> _Line:
    """Which question a line names, by its number, its header or its own words."""
    numbered = _Q_AHEAD.match(unit)
    if numbered and 0 < int(numbered[1]) <= len(questions):
        return _Line(int(numbered[1]) - 1, True, unit[numbered.end() :])
    for position, question in enumerate(questions):
        for name in filter(None, (question.header.strip(), question.text.strip())):
            inner = r"\s+".join(re.escape(word) for word in name.split())
            behind = r"\s*[:=–—-]" if name[-1:].isalnum() else r"\s*[:=–—-]?"
            named = re.match(rf"[*_`]*{inner}[*_`]*{behind}[*_`]*(?:\s+|(?<=[:=])|$)", unit, re.IGNORECASE)
            if named:
                return _Line(position, True, unit[named.end() :])
    number = _NUMBER_AHEAD.match(unit)
    if number and 0 < int(number[1]) <= len(questions):
        return _Line(int(number[1]) - 1, False, unit[number.end() :])
    return _Line(None, False, unit)


def _answers_in_pairs(questions: Questions, text: str) -> dict[int, str]:
    """`1b 2a`, `1: b, 2: a`, `1=2, 2=1`: number and key of each, and nothing else."""
    if re.sub(r"[\s,;]|\band\b", "", _PAIR.sub("", text)):
        return {}
    pairs = list(_PAIR.finditer(text))
    found = {int(pair[1]) - 1: pair[3] or pair[4] for pair in pairs}
    # `1 b` alone is rather two answers in order than the answer to question 1
    loose = len(pairs) == 1 and pairs[0][3] is not None and pairs[0][2] != "" and not pairs[0][2].strip()
    if loose or len(found) < len(pairs) or not all(0 <= position < len(questions) for position in found):
        return {}
    return found


def _answers_by_name(questions: Questions, units: Sequence[str]) -> dict[int, str]:
    """Lines that name their question. Bare numbers are names only when every line has one, or every question."""
    lines = [_line(questions, unit) for unit in units]
    if any(line.surely for line in lines):
        return _gathered(lines)
    named = [line.question for line in lines if line.question is not None]
    distinct = len(set(named)) == len(named)
    if named and distinct and (len(named) == len(lines) or len(named) == len(questions)):
        return _gathered(lines)
    return {}


def _gathered(lines: Iterable[_Line]) -> dict[int, str]:
    """Each named line with the lines that follow it; what stands before the first goes behind its answer."""
    found: dict[int, list[str]] = {}
    preface: list[str] = []
    current = preface
    for line in lines:
        if line.question is not None:
            current = found.setdefault(line.question, [])
        current.append(line.text)
    first = next(iter(found))
    found[first] += preface
    return {position: "\n".join(filter(str.strip, said)) for position, said in found.items()}


def _answers_in_one_line(questions: Questions, units: Sequence[str]) -> dict[int, str]:
    """`1, 2` or `b a` for two single-choice questions; `1, 2; 1` where several may be chosen."""
    if len(units) != 1:
        return {}
    separators = [";"] if any(question.multiple for question in questions) else [";", r"[,;]|\band\b", r"\s+"]
    for separator in separators:
        pieces = [piece.strip() for piece in re.split(separator, units[0])]
        if len(pieces) == len(questions) and all(map(_is_plain, questions, pieces)):
            return dict(enumerate(pieces))
    return {}


def _is_plain(question: Question, text: str) -> bool:
    return _value(question, _options_named(question, text)) is not None


def _answers_in_order(questions: Questions, units: Sequence[str], text: str) -> dict[int, str]:
    count = len(questions)
    if len(units) <= count:
        return dict(enumerate(units))
    if all(map(_is_plain, questions, units[:count])):
        return dict(enumerate([*units[: count - 1], "\n".join(units[count - 1 :])]))
    if all(map(_is_plain, questions, units[-count:])):
        preface, answers = units[:-count], units[-count:]
        return dict(enumerate(["\n".join([answers[0], *preface]), *answers[1:]]))
    paragraphs = ["\n".join(lines) for lines in _paragraphs(text)]
    if len(paragraphs) == count:
        return dict(enumerate(paragraphs))
    return dict.fromkeys(range(count), text)


def _paragraphs(text: str) -> Iterator[list[str]]:
    """The lines between blank lines; blank lines within a code block part nothing."""
    document = markdown.read(text)
    inside_code = _code_lines(document)
    lines: list[str] = []
    for number, line in enumerate(document.source.split("\n")):
        if line.strip() or number in inside_code:
            lines.append(line)
        elif lines:
            yield lines
            lines = []
    if lines:
        yield lines


def _code_lines(document: markdown.Document) -> set[int]:
    fences = (block for block in document.blocks if block.kind == "fence")
    return {number for fence in fences for number in range(fence.first, fence.end)}
