"""The settings: what is read, what is derived, and what is said about those that are wrong."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import ValidationError

from ove_gh.agent import Limits
from ove_gh.settings import Problem, Settings, SettingsError, read_settings, setting_names

REQUIRED = {"APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET", "ANTHROPIC_API_KEY"}


@cache
def pem() -> str:
    """A fresh private key, in the form that GitHub hands out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture
def enough(tmp_path: Path) -> dict[str, str]:
    """The least environment that the service starts with."""
    return {
        "APP_ID": "4711",
        "PRIVATE_KEY": pem(),
        "WEBHOOK_SECRET": "It's a Secret to Everybody",
        "ANTHROPIC_API_KEY": "sk-made-up",
        "OVE_DATA_DIR": str(tmp_path / "data"),
    }


def problems(environ: Mapping[str, str], env_file: Path | None = None) -> dict[str, Problem]:
    """What is wrong with these settings, by name."""
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, env_file)
    return {problem.name: problem for problem in caught.value.problems}


def test_defaults_are_enough(enough: dict[str, str], tmp_path: Path) -> None:
    """Five settings start the service; all others have defaults, and the database is a file in the data directory."""
    settings = read_settings(enough, None)
    assert (settings.app_id, settings.host, settings.port) == (4711, "127.0.0.1", 3000)
    assert settings.webhook_path == "/api/github/webhooks"
    assert settings.database_url.get_secret_value() == f"sqlite+aiosqlite:///{tmp_path}/data/ove.db"
    assert settings.reminder_after == timedelta(days=1)
    assert settings.question_expires_after == timedelta(weeks=1)
    assert settings.model is None


def test_limits_of_a_turn(enough: dict[str, str]) -> None:
    """The three limits of a turn come together, in steps, dollars and seconds."""
    given = {"OVE_MAX_TURNS": "7", "OVE_MAX_BUDGET_USD": "1.5", "OVE_TURN_TIMEOUT": "2m"}
    assert read_settings(enough | given, None).limits == Limits(turns=7, budget_usd=1.5, seconds=120)


def test_the_process_environment_is_not_read(enough: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is handed over counts: the environment of the process itself changes nothing."""
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("port", "2")
    assert read_settings(enough, None).port == 3000


def test_settings_are_frozen(enough: dict[str, str]) -> None:
    """No setting can be changed after it was read."""
    with pytest.raises(ValidationError):
        read_settings(enough, None).port = 1


def test_secrets_do_not_show(enough: dict[str, str]) -> None:
    """Printing the settings shows neither key nor secret."""
    shown = repr(read_settings(enough, None))
    assert "PRIVATE KEY" not in shown
    assert enough["WEBHOOK_SECRET"] not in shown
    assert enough["ANTHROPIC_API_KEY"] not in shown


def test_env_file_fills_in(enough: dict[str, str], tmp_path: Path) -> None:
    """The .env file gives what the environment does not, and the environment wins; an empty value is none."""
    env_file = tmp_path / ".env"
    env_file.write_text("PORT=4000\nHOST=0.0.0.0\nOVE_MODEL='a $b ${HOME}'\n")
    settings = read_settings({**enough, "PORT": "5000", "HOST": ""}, env_file)
    assert (settings.port, settings.host, settings.model) == (5000, "0.0.0.0", "a $b ${HOME}")  # noqa: S104


def test_env_file_may_be_missing(enough: dict[str, str], tmp_path: Path) -> None:
    """A .env file that does not exist is no problem."""
    assert read_settings(enough, tmp_path / ".env").app_id == 4711


def test_env_file_that_is_no_text_is_named(enough: dict[str, str], tmp_path: Path) -> None:
    """A .env file that cannot be read is a problem like any other."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    assert problems(enough, tmp_path / ".env")[".env"].what == "cannot be read (not UTF-8 text)"


def test_all_that_is_missing_is_listed_at_once(tmp_path: Path) -> None:
    """An empty environment yields every required setting in one error."""
    assert set(problems({"OVE_DATA_DIR": str(tmp_path)})) == REQUIRED


def test_all_that_is_wrong_is_listed_at_once(enough: dict[str, str]) -> None:
    """Mistakes of every kind stand in one error: missing, malformed, out of range, unknown, and the key."""
    del enough["APP_ID"]
    wrong = {"PORT": "http", "OVE_MAX_SESSIONS": "0", "OVE_MAX_TURN": "9", "PRIVATE_KEY": "?", "GITHUB_API_URL": "x"}
    assert set(problems({**enough, **wrong})) == {"APP_ID", *wrong}


def test_the_message_says_what_to_do(enough: dict[str, str]) -> None:
    """The error's text names each setting, what is the matter, and what to do."""
    with pytest.raises(SettingsError) as caught:
        read_settings({**enough, "PORT": "99999"}, None)
    assert str(caught.value) == (
        "One setting needs attention:\n"
        "  PORT is more than 65535: “99999”.\n"
        "    Set it to the port to listen on; 0 means any free one."
    )


def test_every_problem_says_what_to_do(tmp_path: Path) -> None:
    """Whatever value a setting refuses, the answer has words for it and a way out."""
    for name in setting_names():
        found = problems({"OVE_DATA_DIR": str(tmp_path), name: "\n"}).get(name)
        if found:
            assert found.what, name
            assert found.fix.endswith("."), name
            assert "Input should" not in found.what, name


def test_problems_do_not_quote_secrets(enough: dict[str, str]) -> None:
    """A wrong value is shown to the operator, unless it is secret."""
    enough |= {"PRIVATE_KEY": "hunter2", "OVE_DATABASE_URL": "postgresql://ove:hunter2@db/ove"}
    with pytest.raises(SettingsError) as caught:
        read_settings(enough, None)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "meant"), [("OVE_MAX_TURN", "OVE_MAX_TURNS"), ("OVE_DATADIR", "OVE_DATA_DIR"), ("OVE_XYZZY", None)]
)
def test_unknown_names_are_refused(enough: dict[str, str], name: str, meant: str | None) -> None:
    """A name with our prefix that is no setting is a mistake, and the nearest setting is offered."""
    fix = problems({**enough, name: "1"})[name].fix
    assert fix == (f"Did you mean {meant}?" if meant else "Remove it; .env.example lists every setting.")


def test_unknown_names_in_the_env_file_are_refused(enough: dict[str, str], tmp_path: Path) -> None:
    """Misspelt names are found in the .env file too; other programs' names are left alone."""
    (tmp_path / ".env").write_text("OVE_MAX_TURN=3\nLOG_LEVEL=info\n")
    assert set(problems(enough, tmp_path / ".env")) == {"OVE_MAX_TURN"}


# ── The private key ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["pem", "escaped", "one line", "base64", "base64 in lines", "CRLF"])
def test_private_key_in_every_form(enough: dict[str, str], form: str) -> None:
    """The key is understood as PEM, with its line ends written out, on one line, with CRLF, and in base64."""
    given = {
        "pem": pem(),
        "escaped": pem().replace("\n", "\\n"),
        "one line": pem().replace("\n", " "),
        "base64": b64encode(pem().encode()).decode(),
        "base64 in lines": "\n".join(b64encode(pem().encode()).decode()[at : at + 76] for at in range(0, 2400, 76)),
        "CRLF": pem().replace("\n", "\r\n"),
    }[form]
    settings = read_settings({**enough, "PRIVATE_KEY": given}, None)
    assert settings.private_key.get_secret_value() == pem()


def test_private_key_of_newer_form(enough: dict[str, str]) -> None:
    """A key in PKCS #8, as OpenSSL writes it today, is as good."""
    key = load_pem_private_key(pem().encode(), password=None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert read_settings({**enough, "PRIVATE_KEY": pkcs8}, None).private_key.get_secret_value() == pkcs8


def test_private_key_from_a_file(enough: dict[str, str], tmp_path: Path) -> None:
    """PRIVATE_KEY_PATH hands over the same key as PRIVATE_KEY."""
    (tmp_path / "app.pem").write_text(pem())
    del enough["PRIVATE_KEY"]
    settings = read_settings({**enough, "PRIVATE_KEY_PATH": str(tmp_path / "app.pem")}, None)
    assert settings.private_key.get_secret_value() == pem()


def test_two_private_keys_are_one_too_many(enough: dict[str, str], tmp_path: Path) -> None:
    """With both PRIVATE_KEY and PRIVATE_KEY_PATH nobody could tell which one holds."""
    found = problems({**enough, "PRIVATE_KEY_PATH": str(tmp_path / "app.pem")})
    assert found["PRIVATE_KEY"].what == "is given, and so is PRIVATE_KEY_PATH"


def test_private_key_file_that_is_not_there(enough: dict[str, str], tmp_path: Path) -> None:
    """A PRIVATE_KEY_PATH that cannot be read is named, with the reason."""
    del enough["PRIVATE_KEY"]
    found = problems({**enough, "PRIVATE_KEY_PATH": str(tmp_path / "no.pem")})["PRIVATE_KEY"]
    assert found.what == f"cannot be read from PRIVATE_KEY_PATH, {tmp_path}/no.pem (No such file or directory)"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"hello"], ids=["not text", "empty", "no key"])
def test_private_key_file_that_holds_no_key(enough: dict[str, str], tmp_path: Path, content: bytes) -> None:
    """A PRIVATE_KEY_PATH that names some other file is named."""
    (tmp_path / "app.pem").write_bytes(content)
    del enough["PRIVATE_KEY"]
    found = problems({**enough, "PRIVATE_KEY_PATH": str(tmp_path / "app.pem")})["PRIVATE_KEY"]
    assert found.what.startswith(f"in the file of PRIVATE_KEY_PATH, {tmp_path}/app.pem, is n")


def test_private_keys_that_are_none(enough: dict[str, str]) -> None:
    """A damaged key, half a key, some other text and a key of another kind are each told apart."""
    elliptic = ec.generate_private_key(ec.SECP256R1())
    keys = {
        "is not a private key that can be read": pem().replace("A", "B"),
        "is not whole: its BEGIN or END line is missing": pem()[:400],
        "is neither PEM nor PEM in base64": "the key is in the safe",
        "is not an RSA key": elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    said = {what: problems({**enough, "PRIVATE_KEY": key})["PRIVATE_KEY"].what for what, key in keys.items()}
    assert said == {what: what for what in keys}


# ── Addresses, folders, lengths of time ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("api", "server"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://api.github.com/", "https://github.com"),
        ("https://git.example.com/api/v3", "https://git.example.com"),
        ("https://git.example.com:8443/api/v3/", "https://git.example.com:8443"),
        ("https://api.octocorp.ghe.com", "https://octocorp.ghe.com"),
    ],
)
def test_server_is_told_from_the_api(enough: dict[str, str], api: str, server: str) -> None:
    """Where people open GitHub follows from the API's address, on github.com and on Enterprise."""
    assert read_settings({**enough, "GITHUB_API_URL": api}, None).github_server_url == server


def test_server_that_cannot_be_told_is_asked_for(enough: dict[str, str]) -> None:
    """An API address without a known form needs GITHUB_SERVER_URL beside it, and then is fine."""
    enough["GITHUB_API_URL"] = "http://127.0.0.1:8080"
    assert set(problems(enough)) == {"GITHUB_SERVER_URL"}
    enough["GITHUB_SERVER_URL"] = "http://127.0.0.1:8080/"
    assert read_settings(enough, None).github_server_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "address",
    [
        "github.com",
        "ftp://github.com",
        "https://",
        "https://git hub.com",
        "https://github.com:port",
        "https://[github.com",
        "https://me:secret@github.com",
        "https://github.com/?a=b",
        "http://github.com",
    ],
)
def test_addresses_that_are_none(enough: dict[str, str], address: str) -> None:
    """GitHub's address is an https one without user, query or blanks."""
    assert set(problems({**enough, "GITHUB_API_URL": address})) == {"GITHUB_API_URL"}


@pytest.mark.parametrize("path", ["webhooks", "/", "/healthz", "/a b", "/a?b"])
def test_webhook_paths_that_are_none(enough: dict[str, str], path: str) -> None:
    """The webhook's path starts with a slash, and is not the health check's."""
    assert set(problems({**enough, "WEBHOOK_PATH": path})) == {"WEBHOOK_PATH"}


def test_data_dir_is_made(enough: dict[str, str], tmp_path: Path) -> None:
    """A data directory that does not exist is made, with its parents, for this user alone."""
    enough["OVE_DATA_DIR"] = str(tmp_path / "a" / "b")
    settings = read_settings(enough, None)
    assert settings.data_dir.is_dir()
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


def test_data_dir_that_cannot_be_made(enough: dict[str, str], tmp_path: Path) -> None:
    """A data directory that cannot be written to is told at the start, and its database is no problem of its own."""
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "file" / "data"):
        assert set(problems({**enough, "OVE_DATA_DIR": str(wrong)})) == {"OVE_DATA_DIR"}


def test_data_dir_is_absolute(enough: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative data directory is fixed to where the service was started."""
    monkeypatch.chdir(tmp_path)
    assert read_settings({**enough, "OVE_DATA_DIR": "kept"}, None).data_dir == tmp_path / "kept"


def test_database_is_sqlite(enough: dict[str, str]) -> None:
    """An SQLite address is taken with or without its driver; any other database is refused."""
    for given in ("sqlite:////srv/ove.db", "sqlite+aiosqlite:////srv/ove.db"):
        settings = read_settings({**enough, "OVE_DATABASE_URL": given}, None)
        assert settings.database_url.get_secret_value() == "sqlite+aiosqlite:////srv/ove.db"
    assert set(problems({**enough, "OVE_DATABASE_URL": "mysql://ove"})) == {"OVE_DATABASE_URL"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("9s", 9), ("0.5", 0.5), ("30m", 1800), ("1h", 3600), ("1h30m", 5400), ("1D", 86400), ("1w", 604800)],
)
def test_lengths_of_time(enough: dict[str, str], text: str, seconds: float) -> None:
    """A length of time is a number of seconds, or numbers with units."""
    assert read_settings({**enough, "OVE_TURN_TIMEOUT": text}, None).turn_timeout.total_seconds() == seconds


@pytest.mark.parametrize("text", ["soon", "-5", "0", "0s", "1y", "1 h", "99999999999w"])
def test_lengths_of_time_that_are_none(enough: dict[str, str], text: str) -> None:
    """Anything else, and no time at all, is refused."""
    assert set(problems({**enough, "OVE_TURN_TIMEOUT": text})) == {"OVE_TURN_TIMEOUT"}


def test_agent_path(enough: dict[str, str], tmp_path: Path) -> None:
    """The agent's extra folders are absolute and exist."""
    assert read_settings({**enough, "OVE_AGENT_PATH": f"{tmp_path}:/usr"}, None).agent_path == (tmp_path, Path("/usr"))
    for wrong in ("bin", f"{tmp_path}/no", f"{tmp_path}:usr"):
        assert set(problems({**enough, "OVE_AGENT_PATH": wrong})) == {"OVE_AGENT_PATH"}


@pytest.mark.parametrize("budget", ["0", "-1", "nan", "inf", "five"])
def test_budgets_that_are_none(enough: dict[str, str], budget: str) -> None:
    """A turn's budget is a real amount of money."""
    assert set(problems({**enough, "OVE_MAX_BUDGET_USD": budget})) == {"OVE_MAX_BUDGET_USD"}


def test_every_field_is_named_and_described() -> None:
    """Each setting has a name in the environment and words for what to set it to."""
    for field in Settings.model_fields.values():
        assert field.alias
        assert field.alias.isupper()
        assert field.description
        assert not field.description.endswith(".")
