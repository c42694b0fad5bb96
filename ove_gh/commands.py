"""A comment's Markdown → who is meant and what is asked; what is asked → a command, or words for the agent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from ove_gh import markdown
from ove_gh.tasks import Priority as Priority  # whoever reads commands needs it, too

_OPENS_LINE = re.compile(r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)]|#{1,6})[ \t]+(?:\[[ xX]\][ \t]+)?)*(?P<stress>\*{0,2})")
_AFTER_ADDRESS = re.compile(r"(?:[,:;.!?]+|(?=\s)|\Z)(?:[ \t]+[-–—](?=[ \t]))?[ \t]*")

_LONGEST_OPENING = 1_000
"""How far from the start of its line (in characters) a mention can stand and still open it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of the App, in Markdown; `text` is empty when they wrote its name and nothing else.

    `command_at` is where in `text` a command would begin. It is None when none can: when somebody's words stand before
    the App's name, or when what follows the name is no plain words. `inks` says what each character of `text` was in
    the comment (see `ove_gh.markdown`): without the name before it, the same words might be code. None: look again.
    """

    text: str
    command_at: int | None = 0
    inks: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Plain:
    """No command: words for the agent, in Markdown. Empty when nothing but the App's name was written."""

    text: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Help:
    """`help`. `unknown` is a word that is no command, but like the command `nearest`; None when help was asked."""

    unknown: str | None = None
    nearest: str | None = None


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """`status`: how this thread stands."""


@dataclass(frozen=True, slots=True)
class ListTasks:
    """`tasks`: those of this repository."""


@dataclass(frozen=True, slots=True)
class Trace:
    """`trace`: the steps of the last task."""


@dataclass(frozen=True, slots=True)
class Stop:
    """`stop`."""


@dataclass(frozen=True, slots=True)
class Retry:
    """`retry`: the last task once more."""


@dataclass(frozen=True, slots=True)
class Continue:
    """`continue [HINT]`: go on where the last task ended."""

    hint: str


@dataclass(frozen=True, slots=True)
class New:
    """`new WHAT`: a task that knows nothing of what was said before. Only a label can leave `text` empty."""

    text: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Review:
    """`review [FOCUS]`."""

    focus: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Fix:
    """`fix [WHAT]`. `text` is the whole request with its first word; empty when there is nothing but that word."""

    text: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Simplify:
    """`simplify PATH [HOW]`. `path` is as it was written, nobody has looked for it; only a label can leave it empty."""

    path: str
    text: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Validate:
    """`validate[: WHAT]`: run the tests and linters, and change nothing."""

    text: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Discuss:
    """`discuss [TOPIC]`: talk, and change nothing."""

    topic: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Plan:
    """`plan [WHAT]`: a plan that waits for its `go`."""

    text: str
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Go:
    """`go`: start the work that was planned."""


@dataclass(frozen=True, slots=True)
class SetBudget:
    """`budget [DOLLARS]`, more than 0; `dollars` is None when no such amount follows."""

    dollars: float | None


@dataclass(frozen=True, slots=True)
class SetModel:
    """`model [NAME]`. Whether there is a model of this `name` is not known here; it is None when none follows."""

    name: str | None


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


Command = (
    Plain
    | Help
    | ShowStatus
    | ListTasks
    | Trace
    | Stop
    | Retry
    | Continue
    | New
    | Review
    | Fix
    | Simplify
    | Validate
    | Discuss
    | Plan
    | Go
    | SetBudget
    | SetModel
    | AddSchedule
    | ListSchedules
    | RemoveSchedule
)
"""Where a command has a text (hint, focus, topic, …), it is Markdown, with the quotes and the code from above the App's
name; it is empty when nothing in particular was said."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A word where a command may stand, and what stands around it.

    `ahead` is the quotes and the code above the App's name, `opening` what was written up to the end of the word,
    `punctuation` what stands right behind it, `rest` the Markdown that follows, with its `inks`. `priority` is the one
    in front of the word, if there is one.
    """

    word: str
    ahead: str
    opening: str
    punctuation: str
    rest: str
    inks: str | None
    priority: Priority | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """A command as people are told of it, and as it is read.

    `usage` is how it is written behind the App's name: capitals stand for words of one's own, brackets for what can be
    left out. `does` is a sentence or two in Markdown. `read` makes the command of its word and the text around, or None
    when that shows that no command is meant. `label` is what the word commands as a label, which has nothing around it.
    `surely` tells whether what stands behind the word shows that this command is meant, even where it is misspelt.
    """

    word: str
    usage: str
    does: str
    read: Callable[[Invocation], Command | None]
    label: Command | None = None
    surely: Callable[[Invocation], bool] = lambda _: False


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
    left = markdown.without(document.source, removed)
    text = _trimmed(left)
    first = len(left.rstrip()) - len(text)
    inks = markdown.without(document.inks, removed)[first : first + len(text)]
    start = _command_start(document, addresses, removed)
    if start is None:
        return Request(text, None, inks)
    rest = markdown.without(document.source, [*removed, (0, start)]).rstrip()
    return Request(text, len(text) - len(rest), inks)


def read_command(request: Request) -> Command:
    """What a request commands: its first word decides, in any case, when it is a word by itself.

    A priority or “please” may stand before it, and quotes and code before the App's name. A word in code, in a link or
    in a quote is none, nor is one that its command's reader does not take: then the request is Plain, and the agent's.
    Never raises.
    """
    if request.command_at is not None:
        invocation = _invocation(request, request.command_at)
        command = _commanded(invocation) if invocation is not None else None
        if command is not None:
            return command
    priority, words = _take_priority(request.text, request.inks, request.command_at or 0)
    return Plain(words, priority)


def command_of_label(label: str, slug: str) -> Command | None:
    """What a label of an issue or pull request commands the App called `slug`: `ove` to work on it, `ove:review`, ….

    None when the label is none of the App's, or when it is no command or one that needs words of its own.
    """
    name, colon, word = label.strip().lower().partition(":")
    if not slug or name.rstrip() != slug.lower():
        return None
    if not colon:
        return Plain("")
    meaning = _MEANINGS.get(word.strip())
    return meaning.label if meaning is not None else None


def meanings() -> Sequence[Meaning]:
    """All commands, in the order in which people are told of them."""
    return tuple(_MEANINGS.values())


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


# --- the word of a command ---

_EMOJI = r"\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe0f\u200d\U0001f000-\U0001faff"
_COMMAND_WORD = re.compile(
    r"\s*+(?:(?i:please|pls),?[ \t]++)?"
    rf"(?P<word>[A-Za-z]++)(?P<punctuation>[.,:;!?…]*+)(?=\s|\Z|[{_EMOJI}])",
)
_NEAREST = 0.75
"""How like a command a word must be to be its misspelling: “sotp” just is, “thanks” and “start” are not.
https://docs.python.org/3/library/difflib.html#difflib.SequenceMatcher.ratio"""
_MISSPELT_LENGTHS = range(3, 21)
"""How long a misspelt word may be (in characters): those of two, like “ok” and “no”, are like too much."""


def _invocation(request: Request, command_at: int) -> Invocation | None:
    text, inks = request.text, request.inks
    mark = _mark_ahead(text, inks, command_at)
    found = _COMMAND_WORD.match(text, mark.end if mark is not None else command_at)
    if found is None or (mark is not None and not _is_said(text, inks, found.span("word"))):
        return None
    return Invocation(
        word=found["word"],
        ahead=text[:command_at],
        opening=found[0],
        punctuation=found["punctuation"],
        rest=text[found.end() :],
        inks=inks[found.end() :] if inks is not None else None,
        priority=mark.priority if mark is not None else None,
    )


def _commanded(invocation: Invocation) -> Command | None:
    meaning = _MEANINGS.get(invocation.word.lower())
    return meaning.read(invocation) if meaning is not None else _misspelt(invocation)


def _misspelt(invocation: Invocation) -> Help | None:
    """Help for a word that is like a command, when it stands alone or with what only that command has behind it."""
    if len(invocation.word) not in _MISSPELT_LENGTHS:
        return None
    candidates = [word for word in _MEANINGS if len(word) in _MISSPELT_LENGTHS]
    for nearest in get_close_matches(invocation.word.lower(), candidates, 1, _NEAREST):
        if _is_alone(invocation) or _MEANINGS[nearest].surely(invocation):
            return Help(invocation.word, nearest)
    return None


# --- what stands behind it ---

_COURTESY = re.compile(
    r"(?<![\w-])(?:please|pls|plz|thanks|thank\s+you|thx|cheers|now)(?![\w-])"
    rf"|(?<!\S):[\w+-]+:(?=[\s:.,!]|\Z)|[{_EMOJI}]+",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_MAIL_HEADING = re.compile(
    r"^[ \t]*(?:On|Am|Le|El|Den)\b(?=.*[0-9@]).{1,200}(?:\n.{1,100})?:\s*\Z"
    r"|^.{0,100}<[^<>\s]+@[^<>\s]+>.{0,50}:\s*\Z",
    re.MULTILINE,
)
"""The line that a mail program puts above a quote, at the end of what stands before it."""
_LONGEST_MAIL_HEADING = 400


def _nothing_more(words: str) -> bool:
    """Whether there is nothing but courtesies, punctuation and emoji."""
    return not _WORD.search(_COURTESY.sub(" ", words))


def _is_alone(invocation: Invocation) -> bool:
    """Whether the whole request says nothing but this word; a quote says nothing, as mails have one below the reply."""
    return _nothing_more(_said(invocation))


def _opens_alone(invocation: Invocation) -> bool:
    """Whether the word is a paragraph by itself; it does not announce what follows with a colon."""
    paragraph = _PARAGRAPH_END.split(_said(invocation), maxsplit=1)[0]
    return _nothing_more(paragraph) and (":" not in invocation.punctuation or _is_alone(invocation))


def _said(invocation: Invocation) -> str:
    """What stands behind a word, without a priority, quotes, and what mail programs write above them."""
    _, rest = _take_priority(invocation.rest, invocation.inks, 0)
    if ">" not in rest:
        return rest
    document = markdown.read(f"x{rest}")  # “status > 500” quotes nothing: its sign does not begin the line
    quoted = document.quote_lines()
    lines = document.source[1:].split("\n")
    said: list[str] = []
    for number, line in enumerate(lines):
        if number not in quoted:
            said.append(line)
        elif number - 1 not in quoted:
            _drop_mail_heading(said)
    return "\n".join(said)


def _drop_mail_heading(lines: list[str]) -> None:
    text = "\n".join(lines[-4:])
    found = _MAIL_HEADING.search(text) if len(text) <= _LONGEST_MAIL_HEADING else None
    if found is not None:
        lines[-4:] = [text[: found.start()]]


def _text(invocation: Invocation) -> str:
    """All that stands behind the word, below the quotes and the code from above the App's name."""
    return _below(invocation.ahead, invocation.rest)


def _text_and_priority(invocation: Invocation) -> tuple[str, Priority]:
    """The same without its priority, which may also be the one before the word."""
    priority, rest = _priority_and_rest(invocation)
    return _below(invocation.ahead, rest), priority


def _priority_and_rest(invocation: Invocation) -> tuple[Priority, str]:
    if invocation.priority is not None:
        return invocation.priority, invocation.rest
    return _take_priority(invocation.rest, invocation.inks, 0)


def _below(ahead: str, words: str) -> str:
    words = "" if _nothing_more(words) else re.sub(r"\A[-–—][ \t]+(?=\S)", "", words.lstrip(" \t"))
    return "\n\n".join(filter(None, (_trimmed(ahead), _trimmed(words))))


def _argument(invocation: Invocation) -> str:
    """All that is said behind the word, without courtesies, back-ticks, and punctuation around it."""
    return _COURTESY.sub(" ", _said(invocation)).replace("`", "").strip(" \t\n.,;:!")


# --- the reader of each command ---


def _alone(command: Command) -> Callable[[Invocation], Command | None]:
    """For words that are plain language as well: “help me with this” and “tasks: …” ask for work."""
    return lambda invocation: command if _is_alone(invocation) else None


def _with_text(command: Callable[[str, Priority], Command]) -> Callable[[Invocation], Command]:
    return lambda invocation: command(*_text_and_priority(invocation))


def _stop(invocation: Invocation) -> Stop | None:
    """“stop using tabs” asks for work; but a reason in a paragraph of its own shall not keep it from stopping."""
    return Stop() if _opens_alone(invocation) else None


def _continue(invocation: Invocation) -> Continue:
    return Continue(_text(invocation))


def _new(invocation: Invocation) -> New | None:
    return New(*_text_and_priority(invocation)) if not _nothing_more(_priority_and_rest(invocation)[1]) else None


def _fix(invocation: Invocation) -> Fix:
    priority, rest = _priority_and_rest(invocation)
    if not invocation.ahead.strip() and _nothing_more(rest):
        return Fix("", priority)
    gap = " " if rest and not rest[0].isspace() else ""
    return Fix(_trimmed(f"{invocation.ahead}{invocation.opening.lstrip()}{gap}{rest}"), priority)


def _validate(invocation: Invocation) -> Validate | None:
    """“validate the e-mail address” asks for work, so what to look at stands behind a colon or in its own paragraph."""
    if ":" not in invocation.punctuation and not _opens_alone(invocation):
        return None
    return Validate(*_text_and_priority(invocation))


_AMOUNT = re.compile(
    r"(?:US)?\$?[ \t]*(?P<whole>[0-9]{1,6})(?:[.,](?P<cents>[0-9]{1,2}))?[ \t]*(?:\$|USD|dollars?)?", re.IGNORECASE
)
_LIKE_AN_AMOUNT = re.compile(
    r"(?:[+$€£¥-][ \t]*)*\.?[0-9][^\s?]*(?:[ \t]*(?:[$€£¥]|[A-Z]{3}|dollars?|euros?))?", re.IGNORECASE
)


def _set_budget(invocation: Invocation) -> SetBudget | None:
    argument = _argument(invocation)
    found = _AMOUNT.fullmatch(argument)
    if found is not None:
        return SetBudget(float(f"{found['whole']}.{found['cents'] or 0}") or None)
    return SetBudget(None) if not argument or _LIKE_AN_AMOUNT.fullmatch(argument) else None


def _is_amount(invocation: Invocation) -> bool:
    return _AMOUNT.fullmatch(_argument(invocation)) is not None


_MODEL = re.compile(r"[A-Z0-9][\w.:/@\[\]-]{0,99}", re.IGNORECASE | re.ASCII)
_FAMILY = re.compile(r"claude|opus|sonnet|haiku", re.IGNORECASE)


def _set_model(invocation: Invocation) -> SetModel | None:
    argument = _argument(invocation)
    return SetModel(argument or None) if not argument or _MODEL.fullmatch(argument) else None


def _is_model(invocation: Invocation) -> bool:
    argument = _argument(invocation)
    return _MODEL.fullmatch(argument) is not None and _FAMILY.search(argument) is not None


_WORD_OR_CODE = re.compile(r"\s*+(?:`(?P<code>[^`\n]{1,500})`|(?P<bare>[^\s`]{1,500}+))(?=[\s.,;:!]|\Z)")
_PATH = re.compile(r"[\w.@+~*(){}\[\]$#=-]*(?:/[\w.@+~*(){}\[\]$#=-]*)*")
_FILE = re.compile(
    r"[\w.+-]*\w\.(?:py[iwx]?|ipynb|[cm]?[jt]s|[jt]sx|vue|svelte|astro|html?|s?css|less|java|kts?|scala|groovy|gradle|go|rs|"
    r"rb|erb|php|cs|fs|vb|swift|mm?|[ch]|[ch](?:c|pp|xx)|lua|pl|pm|r|jl|exs?|erl|hs|mli?|clj|dart|zig|nix|sh|bash|zsh|"
    r"fish|ps1|bat|sql|graphql|proto|tf|json|ya?ml|toml|ini|cfg|conf|xml|md|mdx|rst|txt|lock|mk|cmake)",
    re.IGNORECASE,
)
"""The name of a file, and not `Cart.total` or “e.g.”."""


def _simplify(invocation: Invocation) -> Simplify | None:
    priority, rest = _priority_and_rest(invocation)
    found = _path(rest)
    if found is None:
        return None
    path, behind = found
    return Simplify(path, _below(invocation.ahead, behind), priority)


def _has_path(invocation: Invocation) -> bool:
    return _path(_priority_and_rest(invocation)[1]) is not None


def _path(rest: str) -> tuple[str, str] | None:
    """The path that the words begin with, and what stands behind it; None when the first of them is surely none."""
    found = _WORD_OR_CODE.match(rest)
    if found is None:
        return None
    path = found["code"] or found["bare"].rstrip(".,;:!")
    end = found.end() if found["code"] else found.start("bare") + len(path)
    behind = rest[end:].lstrip(".,;:!")
    folders, slash, name = path.rpartition("/")
    if not _PATH.fullmatch(path) or not re.search(r"[\w*]", path):
        return None
    surely = (not name or folders in (".", "..", "~", "") or "/" in folders or "." in name[1:]) if slash else False
    if surely or "*" in path or _FILE.fullmatch(path):
        return path, behind
    # “read/write locking” is two words, and so may any other be
    is_pair = bool(slash) and path.lower() != "and/or"
    return (path, behind) if is_pair and (found["code"] or end < found.end() or _nothing_more(behind)) else None


def _add_schedule(invocation: Invocation) -> AddSchedule:
    return AddSchedule(invocation.rest.strip())


_BEGINS_TIME = re.compile(r"\s*(?:every|each|daily|hourly|weekly|monthly|yearly|on|at)\b|\s*`?[@0-9*]", re.IGNORECASE)


def _is_time(invocation: Invocation) -> bool:
    return _BEGINS_TIME.match(invocation.rest) is not None


_ONE_NUMBER = re.compile(
    r"\s*+#?(?P<number>[0-9]{1,9})(?:,?[ \t]++please)?[ \t]*+[.!?]*+[ \t]*+(?:\n|\Z)", re.IGNORECASE
)


def _remove_schedule(invocation: Invocation) -> RemoveSchedule:
    """Only the one number that stands there and nothing else: `unschedule the one at 9` must not remove number 9."""
    found = _ONE_NUMBER.match(invocation.rest)
    return RemoveSchedule(int(found["number"]) if found is not None else None)


def _is_number(invocation: Invocation) -> bool:
    return _ONE_NUMBER.match(invocation.rest) is not None


_MEANINGS: Mapping[str, Meaning] = {
    meaning.word: meaning
    for meaning in (
        Meaning(
            "review",
            "review [FOCUS]",
            "Review this pull request, with comments on its lines. I change nothing.",
            _with_text(Review),
            Review(""),
        ),
        Meaning("fix", "fix [WHAT]", "Fix what this thread is about, or what you name.", _fix, Fix("")),
        Meaning(
            "simplify",
            "simplify PATH [HOW]",
            "Make the code there simpler; what it does stays as it is.",
            _simplify,
            Simplify("", ""),
            _has_path,
        ),
        Meaning(
            "validate",
            "validate[: WHAT]",
            "Run the tests and linters, and tell you how they went. I change nothing.",
            _validate,
            Validate(""),
        ),
        Meaning(
            "discuss", "discuss [TOPIC]", "Talk it over with you. I change nothing.", _with_text(Discuss), Discuss("")
        ),
        Meaning(
            "plan",
            "plan [WHAT]",
            "Write a plan as a checklist. Your 👍 on it, or `go`, starts the work.",
            _with_text(Plan),
            Plan(""),
        ),
        Meaning("go", "go", "Start the work on the plan.", _alone(Go()), Go()),
        Meaning("new", "new WHAT", "Start afresh, without what was said here before.", _new, New("")),
        Meaning("continue", "continue [HINT]", "Go on where I ended, with your hint in mind.", _continue, Continue("")),
        Meaning("retry", "retry", "Try the last task once more.", _alone(Retry()), Retry()),
        Meaning("stop", "stop", "Stop at once. The work so far stays on its branch.", _stop, Stop()),
        Meaning(
            "status",
            "status",
            "Tell how this thread stands: state, place in the queue, time, cost, branch and open question.",
            _alone(ShowStatus()),
            ShowStatus(),
        ),
        Meaning("tasks", "tasks", "List the tasks of this repository.", _alone(ListTasks()), ListTasks()),
        Meaning("trace", "trace", "Show the steps of the last task.", _alone(Trace()), Trace()),
        Meaning(
            "schedule",
            "schedule WHEN: WHAT",
            "Do it again and again, as in `schedule every weekday at 9: update the dependencies`.",
            _add_schedule,
            surely=_is_time,
        ),
        Meaning(
            "schedules",
            "schedules",
            "List the schedules of this repository.",
            _alone(ListSchedules()),
            ListSchedules(),
        ),
        Meaning(
            "unschedule",
            "unschedule NUMBER",
            "Remove a schedule, as in `unschedule 3`.",
            _remove_schedule,
            surely=_is_number,
        ),
        Meaning(
            "budget",
            "budget [DOLLARS]",
            "Spend up to so many dollars in this thread, as in `budget 5`. Without a number: tell how many.",
            _set_budget,
            surely=_is_amount,
        ),
        Meaning(
            "model",
            "model [NAME]",
            "Work with this model in this thread, as in `model opus`; `model default` is the usual one. "
            "Without a name: tell which it is.",
            _set_model,
            surely=_is_model,
        ),
        Meaning("help", "help", "Show this list.", _alone(Help()), Help()),
    )
}


# --- priorities ---

PRIORITY_MARKS: Mapping[Priority, Sequence[str]] = {
    Priority.URGENT: ("urgent:", "!urgent", "p0:", "--priority urgent"),
    Priority.HIGH: ("important:", "!important", "p1:", "--priority high"),
    Priority.NORMAL: ("p2:", "--priority normal"),
    Priority.LOW: ("low:", "!low", "p3:", "--priority low"),
}
"""How a priority is written before a request. Behind one there are no colons: `!urgent`, `p1`, `--priority high`."""

_PRIORITIES = {
    "urgent": Priority.URGENT,
    "important": Priority.HIGH,
    "high": Priority.HIGH,
    "normal": Priority.NORMAL,
    "low": Priority.LOW,
    "p0": Priority.URGENT,
    "p1": Priority.HIGH,
    "p2": Priority.NORMAL,
    "p3": Priority.LOW,
}
_NUMBER = "p[0-3]"
_NAME = rf"urgent|important|low|{_NUMBER}"
_ANYWHERE = rf"!(?:urgent|important|low)|\[(?:{_NAME})\]|(?:--|[–—])priority(?:[ \t]{{1,5}}|=)(?:{_NAME}|high|normal)"
_AHEAD = re.compile(
    rf"\s*+(?P<mark>(?:{_NAME}):|(?:{_ANYWHERE})[,:]?)(?=\s|\Z)[ \t]*+(?:\n(?:[ \t]*+\n)*+)?", re.IGNORECASE
)
_BEHIND = re.compile(
    rf"(?:(?<=[^\s,;–—-])[ \t]*[,;–—-]{{1,3}})?(?:\s+|(?<!\S))(?P<mark>{_ANYWHERE}|{_NUMBER})[.!]*\Z", re.IGNORECASE
)
_LONGEST_BEHIND = 60
_ENDS_PARAGRAPH = re.compile(r"[ \t]*(?:\n[ \t]*(?:\n|```|~~~|>)|\Z)")
_OTHER_MARK = re.compile(rf"(?<!\w)(?:{_NUMBER}|!important)(?!\w)", re.IGNORECASE)
_LIST_ITEM = re.compile(r"[ \t]*(?:[-+*]|\d{1,9}[.)]|#{1,6})(?:[ \t]|\Z)")

_SPOKEN_OF_BEFORE = re.compile(
    r"\b(?:an?|the|my|our|your|its|his|her|every|each|any|no|not|only|same|other|another|some|of|to|from|for|in|on|at|by"
    r"|as|with|without|into|onto|than|like|between|and|or|nor|vs|versus|but|is|are|be|was|were|means|called|named"
    r"|labels?|labell?ed|tags?|tagged|mark|marked|options?|flags?|levels?|priority|priorities|severity|use|uses|using"
    r"|used|add|adds|adding|set|sets|setting|remove|removes|removing|drop|avoid|replace|support|says?)\s*\Z",
    re.IGNORECASE,
)
"""Before a priority at the end, such words make it something spoken of: “add the label p1”, “stop using !important”."""
_SPOKEN_OF_BEHIND = re.compile(
    r"\s*(?:is|are|was|were|has|does|should|must|and|or|rules?|flags?|declarations?|styles?|labels?|options?|keywords?)\b",
    re.IGNORECASE,
)
"""Behind a priority at the start, these do: “!important is used too often”."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A priority, and the stretch of the text to take away for it."""

    priority: Priority
    start: int
    end: int


def take_priority(text: str) -> tuple[Priority, str]:
    """The priority at the start or at the end of a Markdown text, and the text without it.

    It may also stand at the end of the first paragraph's only line. What is no plain words (code, quotes, links) is no
    priority, nor is one that the words beside it speak of. A text without one is NORMAL, and comes back as it is.
    """
    source = markdown.normalised(text)
    priority, words = _take_priority(source, None, 0)
    return (priority, words) if words != source else (priority, text)


def _take_priority(text: str, inks: str | None, head: int) -> tuple[Priority, str]:
    """The same for a text whose words begin at `head`; `inks` are those of the text, if they are known."""
    mark = _mark_ahead(text, inks, head) or _mark_behind(text, inks, head)
    if mark is None:
        return Priority.NORMAL, text
    return mark.priority, text[: mark.start] + text[mark.end :]


def _mark_ahead(text: str, inks: str | None, head: int) -> _Mark | None:
    found = _AHEAD.match(text, head)
    if found is None or not _is_said(text, inks, found.span("mark")):
        return None
    if not found["mark"].endswith((":", ",")) and _SPOKEN_OF_BEHIND.match(text, found.end("mark")):
        return None
    return _Mark(_priority(found["mark"]), found.start("mark"), found.end())


def _mark_behind(text: str, inks: str | None, head: int) -> _Mark | None:
    """At the end of the text, or else of its first line when that is a paragraph."""
    line_end = text.find("\n", head)
    ends = [len(text)] if line_end < 0 or not _ENDS_PARAGRAPH.match(text, line_end) else [len(text), line_end]
    for end in ends:
        words_end = len(text[:end].rstrip())
        found = _BEHIND.search(text, max(head, words_end - _LONGEST_BEHIND), words_end)
        if found is None or _is_spoken_of(text, found, head) or not _is_said(text, inks, found.span("mark")):
            continue
        return _Mark(_priority(found["mark"]), max(head, len(text[: found.start()].rstrip())), found.end())
    return None


def _is_spoken_of(text: str, found: re.Match[str], head: int) -> bool:
    """Whether the words before the mark speak of it or of its like, or it belongs to one point of a list."""
    start = found.start("mark")
    line = text[max(head, text.rfind("\n", 0, start) + 1) : start]
    return (
        _SPOKEN_OF_BEFORE.search(text, max(head, start - 30), start) is not None
        or _LIST_ITEM.match(line) is not None
        or _OTHER_MARK.search(line) is not None
    )


def _priority(mark: str) -> Priority:
    return _PRIORITIES[re.findall(r"[a-z]+[0-3]?", mark.lower())[-1]]


def _is_said(text: str, inks: str | None, span: _Span) -> bool:
    """Whether the writer said it in plain words."""
    if inks is None:
        document = markdown.read(text)
        inks = document.inks if document.source == text else ""
    start, end = span
    return set(inks[start:end]) == {markdown.WORDS}


def _trimmed(text: str) -> str:
    """The text without blank lines around it; the first line keeps its indent, which may make it code."""
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", text).rstrip() if text.strip() else ""
