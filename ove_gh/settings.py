"""Every setting of the service: read once, checked all together, frozen.

`read_settings` looks at nothing but what it is handed; nobody else reads the environment.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tempfile
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ove_gh.agent import Limits
from ove_gh.schedules import known_zone


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that is missing or wrong: its name, what is the matter, and what to do about it."""

    name: str
    what: str
    fix: str


class SettingsError(Exception):
    """Some settings are missing or wrong; `problems` holds every one of them, in the order of `.env.example`."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        count = "One setting needs" if len(self.problems) == 1 else f"{len(self.problems)} settings need"
        return "\n".join([f"{count} attention:", *(f"  {p.name} {p.what}.\n    {p.fix}" for p in self.problems)])


def read_settings(environ: Mapping[str, str], env_file: Path | None) -> Settings:
    """Read the settings from `environ` and, for what is not there, from `env_file` (which need not exist).

    An empty value counts as not given. The data directory is made if it is missing. Raises SettingsError with
    everything that is missing or wrong at once.
    """
    given, problems = _read_env_file(env_file)
    given |= {name: value for name, value in environ.items() if value}
    problems += _unknown_names(given)
    known: dict[str, Any] = {name: given[name] for name in setting_names() if name in given}
    try:
        settings = Settings(**known)
    except ValidationError as error:
        wrong = [_problem(e, given) for e in error.errors() if e["type"] != _SAID_ELSEWHERE]
        raise SettingsError((*wrong, *problems)) from None  # the cause could quote a secret
    if problems:
        raise SettingsError(tuple(problems))
    return settings


def setting_names() -> tuple[str, ...]:
    """The names of all settings, as they stand in the environment."""
    return tuple(field.alias or name for name, field in Settings.model_fields.items())


# ── How a value is read ──────────────────────────────────────────────────────────────────────────────────────────────

_SAID_ELSEWHERE = "said_elsewhere"
"""The error of a setting that cannot be judged because another one, which has its own problem, is wrong."""


def _wrong(what: str, fix: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{what}", {"what": what, "fix": fix})


def _earlier(info: ValidationInfo, field: str) -> Any:
    """The value of a field that stands before this one."""
    if field not in info.data:
        raise PydanticCustomError(_SAID_ELSEWHERE, "depends on another setting")
    return info.data[field]


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _duration(value: Any) -> Any:
    """`90`, `90s`, `30m`, `1h30m`, `1d`, `1w`: a bare number is seconds."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        text += "s"
    if not re.fullmatch(r"(\d+(\.\d+)?[smhdw])+", text):
        raise ValueError("is not a length of time")
    try:
        return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+)([smhdw])", text)))
    except OverflowError:
        raise ValueError("is longer than any time we know") from None


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, or broken brackets
        raise ValueError("is not a web address") from None
    if not whole or re.search(r"\s", value):
        raise ValueError("is not a web address")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("has more than a scheme, a host and a path")
    return value.rstrip("/")


def _private_web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError("is not https: tokens would travel in the clear")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _path_of_url(value: str) -> str:
    if not re.fullmatch(r"/[^\s?#]+", value):
        raise ValueError("is not a path that starts with /")
    if value == "/healthz":
        raise ValueError("is the path of the health check")
    return value


def _usable_directory(path: Path) -> Path:
    path = path.expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(f"cannot be written to ({error.strerror})") from None
    return path


def _sqlite_url(value: SecretStr) -> SecretStr:
    found = re.fullmatch(r"sqlite(?:\+aiosqlite)?:///(?P<path>.+)", value.get_secret_value())
    if not found:
        raise ValueError("is not the address of an SQLite file")
    return SecretStr(f"sqlite+aiosqlite:///{found['path']}")


def _folders(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    folders = tuple(Path(entry) for entry in value.split(os.pathsep) if entry)
    for folder in folders:
        if not folder.is_absolute() or not folder.is_dir():
            raise ValueError(f"names {folder}, which is not the absolute path of a folder")
    return folders


def _time_zone(value: str) -> str:
    name = known_zone(value)
    if name is None:
        raise ValueError("is not a time zone that is known here")
    return name


def _mcp_servers(value: Any) -> Any:
    """The servers in a file, by name, as Claude Code's `.mcp.json` has them below `mcpServers`."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(Path(value).expanduser().read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise ValueError("names a file that is not JSON") from None
    servers = found.get("mcpServers", found) if isinstance(found, dict) else None
    if not isinstance(servers, dict) or not all(isinstance(one, dict) for one in servers.values()):
        raise ValueError("names a file that has no servers by name")
    if any(not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) or name == "ove" for name in servers):
        raise ValueError(
            "names a file with a server whose name is not of small letters, digits, - and _; `ove` is ours"
        )
    return servers


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _rsa_key(text: str) -> str:
    r"""The key as well-formed PEM; `text` is PEM, PEM with \n written out, PEM on one line, or PEM in base64.

    These are the forms that Probot takes: https://probot.github.io/docs/configuration/
    """
    if not text.lstrip().startswith("-----BEGIN"):
        try:
            text = b64decode(re.sub(r"\s", "", text), validate=True).decode("ascii")
        except ValueError:  # not base64, or not of text
            raise ValueError("is neither PEM nor PEM in base64") from None
    found = re.search(r"-----BEGIN (?P<kind>[A-Z ]+)-----(?P<body>.*)-----END (?P=kind)-----", text, re.DOTALL)
    if not found:
        raise ValueError("is not whole: its BEGIN or END line is missing")
    body = re.sub(r"\\n|\\r|\s", "", found["body"])
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    pem = "\n".join([f"-----BEGIN {found['kind']}-----", *lines, f"-----END {found['kind']}-----", ""])
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    except (ValueError, TypeError):  # damaged; or locked with a password
        raise ValueError("is not a private key that can be read") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("is not an RSA key")
    return pem


# ── The settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

WebAddress = Annotated[str, AfterValidator(_web_address)]
PrivateWebAddress = Annotated[WebAddress, AfterValidator(_private_web_address)]
Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]


class Settings(BaseSettings):
    """What the operator decided. Each `alias` is the name in the environment, each description ends “Set it to …”."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_id: int = Field(alias="APP_ID", ge=1, description="the App's numeric id, from its settings page on GitHub")
    private_key_path: Path | None = Field(
        None, alias="PRIVATE_KEY_PATH", description="the path of the App's private key, a .pem file"
    )
    private_key: SecretStr = Field(
        SecretStr(""), alias="PRIVATE_KEY", description="the App's private key, the text of its .pem file"
    )
    webhook_secret: SecretStr = Field(
        alias="WEBHOOK_SECRET", description="the webhook secret from the App's settings page on GitHub"
    )

    host: str = Field("127.0.0.1", alias="HOST", description="the address to listen on")
    port: int = Field(3000, alias="PORT", ge=0, le=65535, description="the port to listen on; 0 means any free one")
    webhook_path: Annotated[str, AfterValidator(_path_of_url)] = Field(
        "/api/github/webhooks",
        alias="WEBHOOK_PATH",
        description="the path of the App's webhook URL, such as /api/github/webhooks",
    )

    github_api_url: PrivateWebAddress = Field(
        "https://api.github.com",
        alias="GITHUB_API_URL",
        description="https://api.github.com, or for Enterprise Server https://HOST/api/v3",
    )
    github_server_url: PrivateWebAddress = Field(
        "", alias="GITHUB_SERVER_URL", description="where people open GitHub in a browser, such as https://github.com"
    )

    anthropic_api_key: SecretStr = Field(
        alias="ANTHROPIC_API_KEY", description="the key of the model's service, from the Claude Console"
    )
    anthropic_base_url: WebAddress = Field(
        "https://api.anthropic.com", alias="ANTHROPIC_BASE_URL", description="the address of the model's service"
    )

    data_dir: Annotated[Path, AfterValidator(_usable_directory)] = Field(
        Path("data"), alias="OVE_DATA_DIR", description="a folder that the service may write to, and that is kept"
    )
    database_url: Annotated[SecretStr, AfterValidator(_sqlite_url)] = Field(
        SecretStr(""), alias="OVE_DATABASE_URL", description="the address of an SQLite file: sqlite:////data/ove.db"
    )

    trace_kept: Duration = Field(
        timedelta(days=30),
        alias="OVE_TRACE_KEPT",
        description="how long to keep the record of what the agent did step by step, such as 30d",
    )

    model: str | None = Field(None, alias="OVE_MODEL", description="a model's name, as Claude Code takes it")
    max_turns: int = Field(
        200, alias="OVE_MAX_TURNS", ge=1, description="how many steps (model calls) one turn of the agent may take"
    )
    max_budget_usd: float = Field(
        10.0, alias="OVE_MAX_BUDGET_USD", gt=0, allow_inf_nan=False, description="the dollars one task may cost"
    )
    turn_timeout: Duration = Field(
        timedelta(hours=1), alias="OVE_TURN_TIMEOUT", description="how long one turn may take, such as 45m or 1h30m"
    )
    model_patience: Duration = Field(
        timedelta(minutes=10),
        alias="OVE_MODEL_PATIENCE",
        description="how long the model's service may fail before a turn gives up, such as 10m",
    )
    max_sessions: int = Field(
        2, alias="OVE_MAX_SESSIONS", ge=1, description="how many agents may work at the same time (about 200 MB each)"
    )
    agent_path: Annotated[tuple[Path, ...], BeforeValidator(_folders)] = Field(
        (), alias="OVE_AGENT_PATH", description="folders with more programs for the agent, like PATH"
    )

    reminder_after: Duration = Field(
        timedelta(days=1), alias="OVE_REMINDER_AFTER", description="when to remind of an open question, such as 1d"
    )
    question_expires_after: Duration = Field(
        timedelta(weeks=1), alias="OVE_QUESTION_EXPIRES_AFTER", description="when to let a question go, such as 1w"
    )
    sweep_interval: Duration = Field(
        timedelta(minutes=1),
        alias="OVE_SWEEP_INTERVAL",
        description="how often to look for what waits: questions, silent checks, plans with a 👍; such as 1m",
    )
    status_interval: Duration = Field(
        timedelta(seconds=5),
        alias="OVE_STATUS_INTERVAL",
        description="the least time between two edits of the status comment, such as 5s",
    )

    ci_max_attempts: int = Field(
        3,
        alias="OVE_CI_MAX_ATTEMPTS",
        ge=0,
        le=10,
        description="how often failing checks bring the agent back in one task; 0 means never",
    )
    ci_grace: Duration = Field(
        timedelta(minutes=2),
        alias="OVE_CI_GRACE",
        description="how long after a push to wait for a first check to appear, such as 2m",
    )
    ci_patience: Duration = Field(
        timedelta(days=1), alias="OVE_CI_PATIENCE", description="how long to wait for checks to end, such as 1d"
    )
    ci_silence: Duration = Field(
        timedelta(minutes=5),
        alias="OVE_CI_SILENCE",
        description="after how long without a webhook the checks of a commit are read anyway, such as 5m",
    )

    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", alias="OVE_TIME_ZONE", description="the time zone of schedules, such as Europe/Stockholm"
    )
    schedule_least_interval: Duration = Field(
        timedelta(minutes=15),
        alias="OVE_SCHEDULE_LEAST_INTERVAL",
        description="the least time between two runs of a schedule, such as 15m",
    )

    mcp_servers: Annotated[Mapping[str, Mapping[str, Any]], BeforeValidator(_mcp_servers)] = Field(
        {},
        alias="OVE_MCP_SERVERS",
        description='a JSON file of MCP servers that repositories may ask for: {"name": {"command": …}}',
    )

    log_format: Annotated[Literal["console", "json"], BeforeValidator(_lower)] = Field(
        "console", alias="OVE_LOG_FORMAT", description="console, for people, or json, for machines"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", alias="OVE_LOG_LEVEL", description="debug, info, warning or error"
    )

    @property
    def limits(self) -> Limits:
        """What one turn of the agent may use."""
        return Limits(turns=self.max_turns, budget_usd=self.max_budget_usd, seconds=self.turn_timeout.total_seconds())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `read_settings` hands over: the other sources would look at this process's environment."""
        return (init_settings,)

    @field_validator("private_key", mode="before")
    @classmethod
    def _key_from_one_place(cls, value: str | SecretStr, info: ValidationInfo) -> str:
        path = _earlier(info, "private_key_path")
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if path and text:
            raise _wrong("is given, and so is PRIVATE_KEY_PATH", "Keep one of the two, and remove the other.")
        if path:
            return _key_from_file(path)
        if not text:
            fix = "Set it to the App's private key, or PRIVATE_KEY_PATH to the path of its .pem file."
            raise _wrong("is missing", fix)
        return _rsa_key(text)

    @field_validator("github_server_url", mode="before")
    @classmethod
    def _server_of_the_api(cls, value: str, info: ValidationInfo) -> str:
        return value or _server_url(_earlier(info, "github_api_url"))

    @field_validator("database_url", mode="before")
    @classmethod
    def _database_in_the_data_dir(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        return value or f"sqlite+aiosqlite:///{_earlier(info, 'data_dir') / 'ove.db'}"


def _key_from_file(path: Path) -> str:
    try:
        return _rsa_key(path.expanduser().read_text("utf-8"))
    except OSError as error:
        raise _wrong(
            f"cannot be read from PRIVATE_KEY_PATH, {path} ({error.strerror})",
            "Let PRIVATE_KEY_PATH name the App's .pem file, and let this user read it.",
        ) from None
    except ValueError as error:
        what = "is not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise _wrong(
            f"in the file of PRIVATE_KEY_PATH, {path}, {what}",
            "Let PRIVATE_KEY_PATH name the .pem file that GitHub made for the App.",
        ) from None


def _server_url(api_url: str) -> str:
    """Where people go, from where programs go.

    https://docs.github.com/en/enterprise-server/rest/using-the-rest-api/getting-started-with-the-rest-api and, for
    `api.NAME.ghe.com`, https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency
    """
    parts = urlsplit(api_url)
    if parts.netloc == "api.github.com" or re.fullmatch(r"api\.[a-z0-9-]+\.ghe\.com", parts.netloc):
        return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"
    if parts.path == "/api/v3":
        return f"{parts.scheme}://{parts.netloc}"
    raise _wrong(
        f"cannot be told from GITHUB_API_URL, {api_url}",
        "Set it to where people open GitHub in a browser, or correct GITHUB_API_URL (Enterprise: https://HOST/api/v3).",
    )


# ── What is wrong, in words ──────────────────────────────────────────────────────────────────────────────────────────


def _read_env_file(path: Path | None) -> tuple[dict[str, str], list[Problem]]:
    if path is None:
        return {}, []
    try:
        if not path.exists():
            return {}, []
        # Interpolation would look `${NAME}` up in this process's environment, and would bend secrets that hold a `$`.
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror or "no reason given") if isinstance(error, OSError) else "not UTF-8 text"
        return {}, [Problem(path.name, f"cannot be read ({what})", "Let this user read it, or remove it.")]
    return {name: value for name, value in values.items() if value}, []


def _unknown_names(given: Mapping[str, str]) -> list[Problem]:
    known = setting_names()
    return [_unknown(name, known) for name in sorted(given) if name.startswith("OVE_") and name not in known]


def _unknown(name: str, known: tuple[str, ...]) -> Problem:
    near = difflib.get_close_matches(name, known, n=1)
    fix = f"Did you mean {near[0]}?" if near else "Remove it; .env.example lists every setting."
    return Problem(name, "is not a setting", fix)


_IN_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is missing",
    "int_parsing": lambda _: "is not a whole number",
    "float_parsing": lambda _: "is not a number",
    "finite_number": lambda _: "is not a number",
    "literal_error": lambda told: f"is none of {told['expected']}",
    "greater_than": lambda _: "must be more than nothing",
    "greater_than_equal": lambda told: f"is less than {told['ge']}",
    "less_than_equal": lambda told: f"is more than {told['le']}",
    "value_error": lambda told: str(told["error"]),
    "setting": lambda told: str(told["what"]),
}


def _problem(error: ErrorDetails, given: Mapping[str, str]) -> Problem:
    name = _name(str(error["loc"][0]))
    told = error.get("ctx", {})
    in_words = _IN_WORDS.get(error["type"])
    what = in_words(told) if in_words else error["msg"]
    if name in given and error["type"] != "setting" and not _is_secret(name):
        what += f": “{given[name]}”"
    return Problem(name, what, str(told.get("fix") or f"Set it to {_description(name)}."))


def _name(where: str) -> str:
    """The setting's name in the environment; pydantic tells a wrong default by the field's name."""
    field = Settings.model_fields.get(where)
    return (field and field.alias) or where


def _is_secret(name: str) -> bool:
    return any(f.annotation is SecretStr for f in Settings.model_fields.values() if f.alias == name)


def _description(name: str) -> str:
    return next((f.description or "" for f in Settings.model_fields.values() if f.alias == name), "")
