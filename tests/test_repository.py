"""Facts about the repository itself: what may be in it, and that its files agree with one another and with the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from functools import cache
from io import StringIO
from pathlib import Path
from shutil import copyfile
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dotenv import dotenv_values

from ove_gh import repository_settings
from ove_gh.events import SUBSCRIBED_EVENTS
from ove_gh.github.client import APP_PERMISSIONS
from ove_gh.repository_settings import RepositorySettings
from ove_gh.settings import Settings, read_settings, setting_names

ROOT = Path(__file__).parent.parent

TOP_LEVEL = {
    ".ci",
    ".dockerignore",
    ".env.example",
    ".gitignore",
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "app-manifest.yml",
    "benchmarks",
    "fly.toml",
    "ove_gh",
    "pyproject.toml",
    "tests",
}

MANIFEST_FIELDS = {
    "name",
    "description",
    "url",
    "public",
    "hook_attributes",
    "redirect_url",
    "default_permissions",
    "default_events",
}
"""https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest"""

COMPOSITION = {"ove_gh.__main__", "ove_gh.app", "ove_gh.cli"}
"""What puts the parts together, and so may import everything."""


@cache
def files() -> tuple[str, ...]:
    """The repository's files as Git sees them: tracked, or new and not ignored."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
    return tuple(sorted(name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()))


@cache
def pyproject() -> dict[str, Any]:
    """The project's own description."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def fly() -> dict[str, Any]:
    """How the service runs on Fly.io."""
    return tomllib.loads((ROOT / "fly.toml").read_text())


@cache
def manifest() -> dict[str, Any]:
    """The GitHub App's manifest."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "app-manifest.yml").read_text())
    return content


@cache
def dockerfile() -> tuple[tuple[str, str], ...]:
    """The Dockerfile's instructions, each with its arguments on one line."""
    text = "\n".join(line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return tuple((line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line.strip())


def image_env() -> dict[str, str]:
    """What the image sets in its environment."""
    settings = [word for name, rest in dockerfile() if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in settings)


def lock(name: str) -> dict[str, str]:
    """A lock's packages and their versions."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / ".ci" / name).read_text(), re.MULTILINE))


# ── What may be in the repository ────────────────────────────────────────────────────────────────────────────────────


def test_top_level_holds_nothing_unexpected() -> None:
    """A new file or folder at the top level is a decision, made in the list above."""
    assert {name.split("/")[0] for name in files()} - TOP_LEVEL == set()


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(
            # those of GitHub's own runners are in its logs
            r"(?<!home/runner)(?<!Users/runner)/(?:home|Users|root|work)/(?!runner\b)\w",
            id="a path of somebody's machine",
        ),
        pytest.param(r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian[.]org", id="a registry's address"),
        pytest.param(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}", id="a private key"),
        pytest.param(r"\b(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{30}|sk-ant-[a-z]+\d\d-[\w-]{30})", id="a token"),
    ],
)
def test_no_file_holds(pattern: str) -> None:
    """No file names a place of one machine or a registry, or holds a key."""
    texts = {name: (ROOT / name).read_text("utf-8", errors="replace") for name in files()}
    found = [f"{name}: {match[0][:60]}" for name, text in texts.items() for match in re.finditer(pattern, text)]
    assert found == []


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def example(*, commented: bool) -> dict[str, str | None]:
    """What `.env.example` sets, with or without the lines that are commented out."""
    text = (ROOT / ".env.example").read_text()
    if commented:
        text = re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.MULTILINE)
    return dotenv_values(stream=StringIO(text))


def test_env_example_names_every_setting_and_no_other() -> None:
    """Whoever copies .env.example sees all that can be set, and nothing that is refused."""
    assert set(example(commented=True)) == set(setting_names())


def test_env_example_asks_for_what_is_required() -> None:
    """What has no default stands in .env.example to be filled in."""
    required = {field.alias for field in Settings.model_fields.values() if field.is_required()}
    assert required <= set(example(commented=False))


def test_env_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The values that .env.example shows are taken, and are the ones that hold without it."""
    monkeypatch.chdir(tmp_path)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    required = {"APP_ID": "1", "PRIVATE_KEY": pem, "WEBHOOK_SECRET": "made up", "ANTHROPIC_API_KEY": "made up"}
    shown = {name: text for name, text in example(commented=True).items() if text}
    assert shown.pop("OVE_DATABASE_URL") == "sqlite:///data/ove.db"  # by default with the data directory's whole path
    assert read_settings(required | shown, None) == read_settings(required, None)


def test_readme_names_known_settings() -> None:
    """What the README says of a setting is about one that there is."""
    named = set(re.findall(r"OVE_[A-Z_]+", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= set(setting_names())


def test_readmes_settings_of_a_repository_are_taken() -> None:
    """Who copies the README's example of `.github/ove.yml` gets what it says, and no failed check."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```yaml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    taken = repository_settings.read(shown)
    assert isinstance(taken, RepositorySettings), taken
    assert None not in (taken.time_zone, taken.ci_attempts)
    assert taken.schedules


# ── The App on GitHub ────────────────────────────────────────────────────────────────────────────────────────────────


def test_manifest_asks_for_just_these_permissions() -> None:
    """The manifest and the code name the same; one more is a decision, which every installation must agree to."""
    assert manifest()["default_permissions"] == APP_PERMISSIONS
    assert APP_PERMISSIONS == {
        "metadata": "read",
        "contents": "write",
        "issues": "write",
        "pull_requests": "write",
        "checks": "write",
        "statuses": "read",
        "actions": "read",
    }


def test_manifest_subscribes_to_what_the_code_reads() -> None:
    """GitHub sends the events that the service acts on, and no others."""
    assert sorted(manifest()["default_events"]) == sorted(SUBSCRIBED_EVENTS)


def test_manifest_is_one_that_github_takes() -> None:
    """The manifest has GitHub's fields only, the required one among them, and reaches the owner's account alone."""
    assert set(manifest()) <= MANIFEST_FIELDS
    assert manifest()["url"].startswith("https://")
    assert manifest()["public"] is False


def test_manifest_sends_webhooks_where_the_service_listens() -> None:
    """The webhook URL of the manifest ends with the default path of the service."""
    path = urlsplit(manifest()["hook_attributes"]["url"]).path
    assert path == Settings.model_fields["webhook_path"].default


# ── Container and Fly.io ─────────────────────────────────────────────────────────────────────────────────────────────


def test_volume_is_mounted_where_the_data_is() -> None:
    """Everything the service keeps is on the volume, in the image and on Fly.io."""
    data = image_env()["OVE_DATA_DIR"]
    assert fly()["mounts"]["destination"] == data
    assert ("VOLUME", data) in dockerfile()


def test_ports_agree() -> None:
    """The image listens on the port that it exposes, that Fly.io asks, and that is the default."""
    port = Settings.model_fields["port"].default
    assert int(image_env()["PORT"]) == fly()["http_service"]["internal_port"] == port
    assert ("EXPOSE", str(port)) in dockerfile()


def test_environments_hold_known_settings() -> None:
    """The image and Fly.io set no setting that the service would refuse."""
    ours = {name for name in (*image_env(), *fly()["env"]) if name.startswith("OVE_")}
    assert ours
    assert ours <= set(setting_names())


def test_fly_keeps_one_machine_always_on() -> None:
    """The machine is never stopped for want of requests, never doubled by a deploy, and has time to end its work."""
    assert fly()["http_service"]["auto_stop_machines"] == "off"
    assert fly()["http_service"]["min_machines_running"] == 1
    assert fly()["deploy"]["strategy"] in ("rolling", "immediate")
    assert fly()["kill_signal"] == "SIGTERM"
    assert fly()["kill_timeout"] > 10


def test_health_is_asked_where_it_is_answered() -> None:
    """Both the image and Fly.io ask /healthz."""
    assert [check["path"] for check in fly()["http_service"]["checks"]] == ["/healthz"]
    assert any(name == "HEALTHCHECK" and "/healthz" in rest for name, rest in dockerfile())


def test_image_runs_as_a_normal_user() -> None:
    """The last user that the Dockerfile names is not root."""
    assert [rest for name, rest in dockerfile() if name == "USER"][-1] not in ("root", "0")


def test_image_is_built_from_what_docker_is_given() -> None:
    """Each file that the Dockerfile copies is in the repository, and .dockerignore lets it through."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [rest.split()[:-1] for name, rest in dockerfile() if name == "COPY" and not rest.startswith("--from")]
    for source in (source for sources in copied for source in sources):
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in let_in), source


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    """What is installed from the wheel, as in the image, is the whole package: migrations, templates, type marker."""
    ours = {name for name in files() if name.startswith("ove_gh/")}
    for name in (*ours, "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "README.md").write_text("")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--quiet", "."]
    subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert ours - set(zipfile.ZipFile(wheel).namelist()) == set()


# ── Dependencies ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lock_holds_what_the_project_pins() -> None:
    """Every version that pyproject.toml pins is the locked one: after a change there, `make lock` was run."""
    extras = pyproject()["project"]["optional-dependencies"]
    wanted = [*pyproject()["project"]["dependencies"], *extras["build"], *extras["dev"]]
    exact = [want.split("==") for want in wanted if "==" in want]
    pinned = {name.split("[")[0]: version for name, version in exact}
    locked = lock("requirements.txt")
    assert {name: locked.get(name) for name in pinned} == pinned


def test_image_has_the_tested_versions() -> None:
    """What the image installs is a part of what the tests run with, version for version."""
    image = lock("requirements-image.txt")
    assert image.items() <= lock("requirements.txt").items()
    assert "pytest" not in image


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-image.txt"])
def test_lock_has_hashes_and_no_addresses(name: str) -> None:
    """Each locked package is pinned by hash; where it comes from is left to whoever installs."""
    text = (ROOT / ".ci" / name).read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    assert len(entries) > 40
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)


# ── The layers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_module_has_its_layer() -> None:
    """Each module is pure, or an edge that the pure must not see, or part of the composition: the contract names it."""
    contract = pyproject()["tool"]["importlinter"]["contracts"][0]
    pure = set(contract["source_modules"])
    edges = {name for name in contract["forbidden_modules"] if name.startswith("ove_gh.")}
    ours = [name for name in files() if name.startswith("ove_gh/") and name.endswith(".py")]
    there = {f"ove_gh.{name.split('/')[1].removesuffix('.py')}" for name in ours} - {"ove_gh.__init__"}
    assert there - COMPOSITION == pure | edges
    assert pure & edges == set()
