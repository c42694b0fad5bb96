"""A repository's own settings, `.github/ove.yml`: its text → settings, or everything that is wrong with it.

A setting more is a field more in one of the models below, and one in `RepositorySettings`. The models also make the
JSON schema with which editors help (`ove.schema.json`), and the sentences about what is wrong quote it.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_core.core_schema import WithDefaultSchema
from yaml.reader import Reader, ReaderError

from ove_gh.commands import Command, command_of_label, meanings
from ove_gh.schedules import NotRead, Rule, Unclear, read_when
from ove_gh.typesetting import code

PATH = ".github/ove.yml"

_MOST_BYTES = 64 * 1024
_MOST_PROBLEMS = 50
_DEEPEST = 20
"""How many lists and sections may stand in each other; a deeper file would exhaust the stack."""


@dataclass(frozen=True, slots=True)
class FileSchedule:
    """One schedule of the file: known by its `name`, at its `line` (counted from 1).

    `when` is a phrase or a cron rule that `schedules.read_when` reads; `request` is what to do, in Markdown; `issue` is
    the number of the issue to which the results are posted.
    """

    name: str
    when: str
    request: str
    issue: int
    line: int


N = TypeVar("N", int, float)
Role = Literal["write", "maintain", "admin"]
Tone = Literal["plain", "ove"]


@dataclass(frozen=True, slots=True)
class Commanders:
    """Who may command: whoever has at least this `role`, and the `people` with these logins, if they may write at all.

    A file that names people and no role means them and the admins: `role` is then `admin`.
    """

    role: Role = "write"
    people: tuple[str, ...] = ()

    def include(self, login: str, permission: str) -> bool:
        """Whether the person with this login and permission (`read`, `write`, `maintain`, …) is one of them."""
        if permission not in _ROLES:
            return False
        named = login.lower() in (person.lower() for person in self.people)
        return named or _ROLES.index(permission) >= _ROLES.index(self.role)


_ROLES: tuple[str, ...] = ("write", "maintain", "admin")


@dataclass(frozen=True, slots=True)
class Labels:
    """Whether labels command (`on`), and which of the repository's own do: (label, the word of its command)."""

    on: bool = True
    own: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """What a repository decided for itself; None is what it left to the operator.

    `max_turns` counts model calls in one turn, `budget_usd` is for one task, `turn_seconds` is wall-clock time.
    `setup` are the shell commands that prepare a clone, `check` is the one that should pass before the agent ends.
    `protected` are globs (see `touches`); `workflows` is whether the agent may change workflow files. `mcp` names
    servers, and whether the operator allows them is not known here.
    """

    time_zone: str | None = None
    ci_attempts: int | None = None
    schedules: tuple[FileSchedule, ...] = ()
    model: str | None = None
    max_turns: int | None = None
    budget_usd: float | None = None
    turn_seconds: float | None = None
    may_command: Commanders = Commanders()
    setup: tuple[str, ...] = ()
    check: str | None = None
    protected: tuple[str, ...] = ()
    workflows: bool = False
    labels: Labels = Labels()
    tone: Tone = "plain"
    mcp: tuple[str, ...] = ()

    def attempts(self, default: int) -> int:
        """How often red checks may bring the agent back in one task; `default` is the operator's number."""
        return default if self.ci_attempts is None else self.ci_attempts


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in Markdown, and what to write instead; its line, from 1, or None for the whole file."""

    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Problems:
    """Why a file counts for nothing: all that is wrong with it, from top to bottom; never empty."""

    found: tuple[Problem, ...]


def read(text: str) -> RepositorySettings | Problems:
    """Read the text of the file; no text raises.

    An empty file is right, and so is a key with nothing behind it: they set nothing. One problem is enough for the
    whole file to count for nothing.
    """
    try:
        node = _compose(text)
    except _Refused as refused:
        return Problems((refused.problem,))
    reading = _Reading(text)
    values = reading.plain(node)
    try:
        file = File.model_validate({} if values is None else values, context=set())
    except ValidationError as error:
        reading.found += [_problem(each, reading.lines) for each in error.errors(include_url=False)]
    else:
        if not reading.found:
            return _settings(file, reading.lines)
    return Problems(_in_order(reading.found))


def as_json(settings: RepositorySettings) -> dict[str, Any]:
    """The settings as plain values, to be kept until the file changes."""
    kept: dict[str, Any] = _KEPT.dump_python(settings, mode="json")
    return kept


def from_json(kept: Mapping[str, Any]) -> RepositorySettings:
    """What `as_json` gave; settings that only a later version knows are left out. Raises ValueError."""
    return _KEPT.validate_python(dict(kept))


_KEPT = TypeAdapter(RepositorySettings)


def schema() -> str:
    """The JSON schema of the file, as `ove.schema.json` holds it: draft 7, which the YAML language server reads.

    https://github.com/redhat-developer/yaml-language-server
    """
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **_SCHEMA}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


# ── What the settings say ────────────────────────────────────────────────────────────────────────────────────────────


def least(most: N, *wished: N | None) -> N:
    """The least of what the operator allows at `most` and of what others wish; None is no wish."""
    result = most
    for one in wished:
        result = result if one is None or one > result else one
    return result


def money_left(task_budget: float, task_cost: float, thread_budget: float | None, thread_cost: float) -> float:
    """The dollars that a task may still spend; 0 or less when its own budget or its thread's, if it has one, is gone.

    `thread_cost` is for all tasks of the thread, this one too.
    """
    return least(task_budget - task_cost, None if thread_budget is None else thread_budget - thread_cost)


def touches(settings: RepositorySettings, paths: Collection[str]) -> tuple[str, ...]:
    """Those of the changed paths, from the root of the repository, that must stay as they are.

    They are workflow files, unless those may be changed, and what a glob of `protected` covers. The globs are those of
    a .gitignore: one without a slash holds at every depth, one with a slash from the root, `**` stands for any number
    of folders, and a folder stands for all that is in it. https://git-scm.com/docs/gitignore#_pattern_format
    """
    globs = [_steps(glob) for glob in settings.protected]
    if not settings.workflows:
        globs.append(_steps("/.github/workflows"))
    return tuple(path for path in paths if _links(settings, path) or any(_covers(steps, path) for steps in globs))


def _links(settings: RepositorySettings, path: str) -> bool:
    """Whether this path is a file, and so maybe a link to workflows, in the place of the folder above them."""
    return path == ".github" and not settings.workflows


def _steps(glob: str) -> list[str]:
    """The names that a path must go through; `**` is any number of them, and never the last."""
    names = [name for name in glob.split("/") if name]
    if "/" not in glob.rstrip("/"):
        names.insert(0, "**")
    if names[-1:] == ["**"]:
        names.append("*")  # what is in a folder, and not the folder
    return [name for n, name in enumerate(names) if names[n : n + 2] != ["**", "**"]]


def _covers(steps: Sequence[str], path: str) -> bool:
    """Whether the steps lead to the path or to a folder above it; all ways are gone at once, so it takes no time."""
    reached = _and_behind_folders(steps, {0})
    for name in path.split("/"):
        stayed = {at for at in reached if steps[at] == "**"}
        moved = {at + 1 for at in reached - stayed if fnmatchcase(name, steps[at].replace("[^", "[!"))}
        if len(steps) in moved:
            return True
        reached = _and_behind_folders(steps, stayed | moved)
    return False


def _and_behind_folders(steps: Sequence[str], reached: set[int]) -> set[int]:
    return reached | {at + 1 for at in reached if steps[at] == "**"}


def label_command(settings: RepositorySettings, label: str, slug: str) -> Command | None:
    """What a label commands the App called `slug` in this repository: one of the App's own, or one of the repository's.

    None when it is neither, and when labels command nothing here. GitHub does not tell `Bug` from `bug`, nor do we.
    """
    if not settings.labels.on:
        return None
    own = {name.lower(): word for name, word in settings.labels.own}
    word = own.get(label.strip().lower())
    return command_of_label(f"{slug}:{word}" if word else label, slug)


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _wrong(message: str, *, below: str | None = None) -> PydanticCustomError:
    """A problem in whole sentences, at the value that is looked at or at the key `below` it."""
    return PydanticCustomError("said", "{message}", {"message": message, "below": below})


def _whole_number(value: Any) -> Any:
    """Every scalar arrives as text. YAML 1.1 reads `010` as 8, and 1.2 as 10, so neither is meant."""
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]{0,8})", value):
        return int(value)
    raise ValueError


def _number_of_dollars(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?", value):
        return float(value)
    raise ValueError


def _truth(value: Any) -> Any:
    """As YAML 1.2 has it: `yes` and `on` are words. https://yaml.org/spec/1.2.2/#10212-boolean"""
    if isinstance(value, str) and value in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return value.lower() == "true"
    raise ValueError


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = r"^(?=.*[1-9])([0-9]{1,6}|([0-9]{1,6}(\.[0-9]{1,3})?[smhdwSMHDW]){1,5})$"
"""More than nothing; also for the schema, so only what Python and JavaScript read alike."""


def _seconds(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value):
        raise ValueError
    parts = re.findall(r"([0-9.]+)([a-z]?)", value.lower())
    return sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _glob(value: str) -> str:
    if value.startswith("!"):
        raise _wrong(f"{code(value, 60)}: a path cannot be taken out again with `!`. List only what is protected.")
    if "\\" in value:
        raise _wrong(f"{code(value, 60)}: folders are divided by `/`, and a backslash means nothing here. Remove it.")
    if not value.strip("/") or {".", ".."} & set(value.split("/")):
        raise _wrong(
            f"{code(value, 60)} leads nowhere. Write the path from the root of the repository, such as `migrations/**`."
        )
    return value


_LABEL_WORDS = tuple(meaning.word for meaning in meanings() if meaning.label is not None)
_LABEL_WORD = "a command that can stand alone: " + ", ".join(_LABEL_WORDS[:-1]) + f" or {_LABEL_WORDS[-1]}"


def _labels(value: Any) -> Any:
    """None when labels command nothing; no label more when they do, or when nothing is said of it."""
    if value is None:
        return {}
    try:
        return {} if _truth(value) else None
    except ValueError:
        return value


def _label_name(value: str) -> str:
    if not value.strip() or len(value) > _LONGEST_LABEL:
        raise _wrong(f"{code(value, 60)} is no label: its name has from 1 to {_LONGEST_LABEL} characters.")
    return value.strip()


_LONGEST_LABEL = 50


def _label_word(value: str) -> str:
    if value not in _LABEL_WORDS:
        raise ValueError
    return value


def _told_apart(labels: dict[str, str] | None) -> dict[str, str] | None:
    seen = set[str]()
    for name in labels or ():
        if name.lower() in seen:
            raise _wrong(f"GitHub has only one label {code(name)}, whatever its case. Keep one.", below=name)
        seen.add(name.lower())
    return labels


def _same_attempts(limits: LimitsSection | None, info: ValidationInfo) -> LimitsSection | None:
    """Both keys mean the same; `ci` is None where it is not given, and missing where it is wrong."""
    ci: CiSection | None = info.data.get("ci")
    here, there = limits and limits.attempts, ci and ci.attempts
    if here is not None and there is not None and here != there:
        raise _wrong(
            f"`attempts` is {here} here and {there} in `ci`, and both mean the same. Keep one of them.",
            below="attempts",
        )
    return limits


def _time_zone(value: str) -> str:
    match read_when(_ANY_TIME, value):
        case Rule(zone=zone):
            return zone
        case Unclear(reason):
            raise _wrong(reason)
    raise ValueError


def _readable(value: str) -> str:
    match read_when(value, _ANY_ZONE):
        case Unclear(reason):
            raise _wrong(f"{code(value, 60)}: {reason}")
        case NotRead():
            raise _wrong(
                f"{code(value, 60)} is no time that can be read in a file. Write a cron rule instead, such as "
                "`0 9 * * 1-5` for Monday to Friday at 9, or a phrase such as `every weekday at 9`."
            )
    return value


_ANY_TIME = "every day at 9"
_ANY_ZONE = "UTC"
"""Whether words can be read does not depend on the zone, and the operator's is not known here."""


def _of_its_own(value: str, info: ValidationInfo) -> str:
    """Whether no schedule above has this name; the context is the set of those."""
    assert isinstance(info.context, set)
    if value in info.context:
        raise _wrong(f"Another schedule is called {code(value)} already. Give each a name of its own.")
    info.context.add(value)
    return value


_WHOLE_NUMBER = BeforeValidator(_whole_number)
_Truth = Annotated[bool, BeforeValidator(_truth)]
_Attempts = Annotated[int, Field(ge=0, le=10), _WHOLE_NUMBER]
_Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": _DURATION}, {"type": "integer", "minimum": 1, "maximum": 999_999}]}
    ),
]
_Login = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", description="a login on GitHub, such as alice, without an @"),
]
_ShellCommand = Annotated[str, Field(min_length=1, max_length=4000, description="a shell command")]
_Commands = Annotated[
    list[_ShellCommand],
    Field(max_length=20),
    BeforeValidator(_listed),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "array",
                    "maxItems": 20,
                    "items": {"type": "string", "minLength": 1, "maxLength": 4000, "description": "a shell command"},
                },
                {"type": "string", "minLength": 1, "maxLength": 4000},
            ]
        }
    ),
]
_Glob = Annotated[
    str,
    Field(min_length=1, max_length=200, description="a path as in a .gitignore, such as migrations/"),
    AfterValidator(_glob),
]
_ServerName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="the name of a server that the operator allows"),
]
_LabelCommands = Annotated[
    Annotated[
        dict[Annotated[str, AfterValidator(_label_name)], Annotated[str, AfterValidator(_label_word)]],
        Field(max_length=50),
    ]
    | None,
    BeforeValidator(_labels),
    AfterValidator(_told_apart),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "object",
                    "maxProperties": 50,
                    "propertyNames": {"minLength": 1, "maxLength": _LONGEST_LABEL},
                    "additionalProperties": {"type": "string", "enum": [*_LABEL_WORDS], "description": _LABEL_WORD},
                },
                {"type": "boolean"},
                {"type": "null"},
            ]
        }
    ),
]


class _Section(BaseModel):
    """Its fields' descriptions follow “Set it to”."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CiSection(_Section):
    """What happens when checks fail on the agent's branch."""

    attempts: _Attempts | None = Field(
        None, description="how often failing checks bring the agent back in one task, from 0 to 10"
    )


class LimitsSection(_Section):
    """What the agent may use; never more than the operator allows."""

    turns: Annotated[int, Field(ge=1), _WHOLE_NUMBER] | None = Field(
        None, description="how many steps (model calls) one turn of the agent may take, such as 100"
    )
    budget: Annotated[float, Field(gt=0), BeforeValidator(_number_of_dollars)] | None = Field(
        None, description="the dollars that one task may cost, such as 5 or 2.50"
    )
    time: _Duration | None = Field(None, description="how long one turn may take, such as 45m or 1h30m")
    attempts: _Attempts | None = Field(
        None, description="how often failing checks bring the agent back in one task, from 0 to 10; the same as in ci"
    )


class CommandsSection(_Section):
    """Who may command the agent; it is always only who may write to the repository."""

    role: Role | None = Field(
        None, description="write, maintain or admin: the least role; write by default, and admin where people are named"
    )
    people: Annotated[list[_Login], Field(max_length=100)] | None = Field(
        None, description="logins of people who may command, too; without a role, only they and admins may"
    )


class ScheduleEntry(_Section):
    """A task that starts by itself."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,50}$"), AfterValidator(_of_its_own)] = Field(
        description="a name of its own, at most 50 letters, digits, - and _; by it the schedule is known later"
    )
    when: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_readable)] = Field(
        description="its time: a phrase such as “every weekday at 9”, or a cron rule such as “0 9 * * 1-5”"
    )
    request: str = Field(alias="do", min_length=1, description="what the agent is to do, in your own words")
    issue: Annotated[int, Field(ge=1), _WHOLE_NUMBER] = Field(
        description="the number of the issue to which its results are posted, such as 12, without a #"
    )


class File(_Section):
    """What this repository asks of ove-gh; the file is .github/ove.yml on the default branch."""

    model_config = ConfigDict(title=PATH)

    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/@\[\]-]{0,99}$")] | None = Field(
        None, description="a model's name, such as opus or claude-opus-4-5; default is the operator's"
    )
    ci: CiSection | None = None
    limits: Annotated[LimitsSection | None, AfterValidator(_same_attempts)] = None
    commands: CommandsSection | None = None
    setup: _Commands | None = Field(
        None, description="a shell command, or a list of them, that prepares a fresh clone for the agent"
    )
    check: Annotated[str, Field(max_length=4000)] | None = Field(
        None, description="a shell command that the agent should pass before it ends, such as make test"
    )
    protect: Annotated[list[_Glob], Field(max_length=100)] | None = Field(
        None, description="the paths that the agent must not change, written as in a .gitignore"
    )
    workflows: _Truth | None = Field(
        None, description="true when the agent may change the files in .github/workflows, or false (the default)"
    )
    labels: _LabelCommands = Field(
        {},
        description="true (the default), false when labels command nothing, or a section with labels of your own and "
        "their commands, such as “good first bug: fix”",
    )
    tone: Tone | None = Field(None, description="plain (the default), or ove for a grumpy Swede")
    mcp: Annotated[list[_ServerName], Field(max_length=20)] | None = Field(
        None, description="the MCP servers that the agent can use, of those that the operator allows"
    )
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = Field(
        None, description="the IANA name of the time zone for schedules, such as Europe/Stockholm"
    )
    schedules: Annotated[list[ScheduleEntry], Field(max_length=50)] | None = Field(
        None, description="the tasks that start by themselves"
    )


def _settings(file: File, lines: Mapping[_At, int]) -> RepositorySettings:
    ci, limits = file.ci or CiSection.model_validate({}), file.limits or LimitsSection.model_validate({})
    return RepositorySettings(
        model=None if (file.model or "").lower() == "default" else file.model,  # as the command `model default`
        max_turns=limits.turns,
        budget_usd=limits.budget,
        turn_seconds=limits.time,
        ci_attempts=limits.attempts if ci.attempts is None else ci.attempts,
        may_command=_commanders(file.commands) if file.commands else Commanders(),
        setup=tuple(file.setup or ()),
        check=file.check,
        protected=tuple(file.protect or ()),
        workflows=bool(file.workflows),
        labels=Labels(file.labels is not None, tuple((file.labels or {}).items())),
        tone=file.tone or "plain",
        mcp=tuple(dict.fromkeys(file.mcp or ())),
        time_zone=file.time_zone,
        schedules=tuple(
            FileSchedule(each.name, each.when, each.request, each.issue, lines["schedules", n])
            for n, each in enumerate(file.schedules or ())
        ),
    )


def _commanders(section: CommandsSection) -> Commanders:
    people = tuple(section.people or ())
    return Commanders(section.role or ("admin" if people else "write"), people)


class _Sparse(GenerateJsonSchema):
    """Without what would only repeat the keys' names, and without the defaults: an editor would write them out."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


_SCHEMA = File.model_json_schema(schema_generator=_Sparse)


# ── From text to plain values ────────────────────────────────────────────────────────────────────────────────────────

_At = tuple[int | str, ...]
"""The way to a value: `("schedules", 0, "when")`."""


class _Refused(Exception):
    """The text cannot be looked into at all."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, message)


def _compose(text: str) -> yaml.Node | None:
    """The nodes of the text; None for an empty one. Raises _Refused."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > _MOST_BYTES:
        raise _Refused(None, f"The file has {size:,} bytes, and at most {_MOST_BYTES:,} are read. Make it shorter.")
    try:
        return _Composer(text).get_single_node()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _Refused(line, f"The character {_number(error.character)} cannot stand in YAML. Remove it.") from None
    except yaml.MarkedYAMLError as error:
        raise _Refused(*_broken(error)) from None
    except (ValueError, OverflowError):  # PyYAML hands `"\UFFFFFFFF"` to chr() and `%YAML 99…9.1` to int() as they are
        raise _Refused(None, "This is not YAML: it holds a number that is too large for it.") from None


class _Composer(yaml.SafeLoader):
    """Composes nodes, of which none can stand for many others, and constructs nothing."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _Refused(line, "Anchors (`&name`) and aliases (`*name`) are not read here. Write it out or quote it.")
        if event.tag is not None:
            tag = code(event.tag.replace("tag:yaml.org,2002:", "!!"), 60)
            raise _Refused(line, f"Tags such as {tag} are not read here. Remove it or quote it.")
        if self.depth == _DEEPEST:
            raise _Refused(line, "Too many lists or sections stand in each other here.")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if found := Reader.NON_PRINTABLE.search(node.value):  # by an escape, such as "\0" or half of a pair, "\ud800"
            line = node.start_mark.line + 1
            raise _Refused(line, f"This text holds the character {_number(ord(found[0]))}. Remove it.")
        return node


def _number(character: int) -> str:
    return f"U+{character:04X}"


_ADVICE = {
    "mapping values are not allowed": "Put quotes around a value that holds `: `, or mind the indentation.",
    "expected alphabetic or numeric character": "Put quotes around a cron rule or a path that starts with `*`.",
    r"found character '\t'": "Indent with spaces; YAML takes no tabs.",
    "that cannot start any token": "Put quotes around a value that starts with this character.",
    "could not find expected ':'": "After a key comes a colon; a text of several lines stands indented below `|`.",
    "expected <block end>": "Indent this line like its neighbours.",
    "unexpected end of stream": "Close the quote that opens here.",
    "unknown escape character": "A backslash means something in double quotes; put the text in single ones.",
    "another document": "Keep one part, and remove the `---` before the other.",
    "expected ',' or": "Close the bracket, or put quotes around a value that starts with one.",
}


def _broken(error: yaml.MarkedYAMLError) -> tuple[int | None, str]:
    what = str(error.problem or error.context or "it cannot be read")
    advice = next((advice for sign, advice in _ADVICE.items() if sign in what), "Check the quotes and the indentation.")
    # What is still open at the end of the file began elsewhere.
    began_at = error.context_mark if str(error.context).startswith("while scanning") else None
    mark = began_at or error.problem_mark or error.context_mark
    return mark.line + 1 if mark else None, f"This is not YAML: {code(what, 120)}. {advice}"


class _Reading:
    """Turns nodes into values, and remembers where each stood."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[_At, int] = {}
        self.found: list[Problem] = []

    def plain(self, node: yaml.Node | None, at: _At = ()) -> Any:
        """Dicts, lists, and texts, whatever YAML 1.1 would take a scalar for; None for nothing.

        YAML 1.1 knows `on` and `no` as truth values, and `9:30` as the number 570: https://yaml.org/type/
        """
        self.lines.setdefault(at, node.start_mark.line + 1 if node else 1)
        match node:
            case yaml.MappingNode():
                return self._section(node, at)
            case yaml.SequenceNode():
                return [self.plain(each, (*at, n)) for n, each in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._text(node)
        return None

    def _section(self, node: yaml.MappingNode, at: _At) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            line, name = key.start_mark.line + 1, key.value
            if not isinstance(key, yaml.ScalarNode):
                self._tell(line, "A key has to be one plain word; put quotes around a value in brackets.")
            elif (*at, name) in self.lines:
                first = self.lines[*at, name]
                self._tell(line, f"{code(name, 60)} stands on line {first} already. Keep one of them.")
            else:
                self.lines[*at, name] = line
                values[name] = self.plain(value, (*at, name))
        return values

    def _text(self, node: yaml.ScalarNode) -> str | None:
        value = str(node.value).strip()
        if not value or node.tag == "tag:yaml.org,2002:null":
            return None
        lost = re.compile(r"[ \t]+(#[0-9].*)").match(self.text, node.end_mark.index)
        if lost and not node.style and not value.isdecimal():
            comment = code(lost[1], 60)
            self._tell(
                node.end_mark.line + 1, f"YAML takes {comment} for a comment. Put quotes around the whole value."
            )
        return value

    def _tell(self, line: int, message: str) -> None:
        self.found.append(Problem(line, message))


# ── What is wrong, in words ──────────────────────────────────────────────────────────────────────────────────────────


def _problem(error: ErrorDetails, lines: Mapping[_At, int]) -> Problem:
    at: _At = error["loc"]
    if below := error.get("ctx", {}).get("below"):
        at = (*at, below)
    line = next(lines[at[:end]] for end in range(len(at), -1, -1) if at[:end] in lines)
    return Problem(line, _in_words(error, at))


def _in_words(error: ErrorDetails, at: _At) -> str:
    name = code(str(at[-1]), 60) if at and isinstance(at[-1], str) else "This entry" if at else "The file"
    match error["type"]:
        case "said":
            return str(error["ctx"]["message"])
        case "extra_forbidden":
            return f"{name} is no setting. {_nearest(str(at[-1]), _about(at[:-1]))}"
        case "too_long":
            return f"{name} has {error['ctx']['actual_length']} entries; at most {error['ctx']['max_length']} are read."
        case "missing":
            what = "is missing"
        case _:
            what = "is empty" if error["input"] is None else f"cannot be {_named(error['input'])}"
    return f"{name} {what}. {_advice(_about(at))}"


def _nearest(name: str, section: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name[:60].lower(), section["properties"], n=1)
    return f"Did you mean `{near[0]}`?" if near else f"What can stand here: {_keys(section)}."


def _advice(about: Mapping[str, Any]) -> str:
    kinds = [each for each in about.get("anyOf", ()) if each.get("type") != "null"]
    match about.get("type"):
        case _ if len(kinds) > 1:
            pass  # the description names them all
        case "object":
            return f"It takes keys, each on a line of its own with a colon: {_keys(about)}."
        case "array":
            entry = _resolved(about["items"])
            keys = f", and has {_keys(entry)}" if "properties" in entry else ""
            return f"It takes a list: each entry starts with `-`{keys}."
    return f"Set it to {about['description']}."


def _keys(section: Mapping[str, Any]) -> str:
    *others, last = (f"`{key}`" for key in section["properties"])
    return f"{', '.join(others)} and {last}" if others else last


def _named(value: Any) -> str:
    match value:
        case list():
            return "a list"
        case dict():
            return "a section with keys"
    return code(str(value), 60)


def _about(at: _At) -> dict[str, Any]:
    """What the schema says about the value that stands there; a list's description holds for its entries."""
    here = _resolved(_SCHEMA)
    for step in at:
        below = here["items"] if isinstance(step, int) else here.get("properties", {}).get(step)
        below = below or here["additionalProperties"]
        here = {"description": here.get("description")} | _resolved(below)
    return here


def _resolved(about: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in about:  # it may be left out
        return {**about, **_resolved(about["anyOf"][0])}
    if "$ref" in about:
        return {**about, **_SCHEMA["$defs"][about["$ref"].removeprefix("#/$defs/")]}
    return about


def _in_order(found: list[Problem]) -> tuple[Problem, ...]:
    found = sorted(found, key=lambda problem: problem.line or 0)
    if len(found) > _MOST_PROBLEMS:
        rest = len(found) - _MOST_PROBLEMS
        return (*found[:_MOST_PROBLEMS], Problem(None, f"There are {rest} more problems like these."))
    return tuple(found)
