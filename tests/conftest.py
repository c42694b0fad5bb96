"""What all tests share: asyncio, a database of their own, and a loud word when a program that they need is missing."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from ove_gh.store.database import Database, open_database

# How long an example takes says nothing about the code on a machine that does other things too. In CI the same examples
# come every time: a red run must be about its commit.
settings.register_profile("ove", deadline=None, derandomize=os.environ.get("CI") == "true", max_examples=40)
settings.load_profile("ove")


# structlog's own way to show an exception draws every local variable of every frame: that takes seconds.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])


def pytest_configure(config: pytest.Config) -> None:
    """Make the `needs` mark known."""
    config.addinivalue_line(
        "markers",
        "needs(*programs): the test runs these programs (bwrap, socat, git, npm). Where one is missing the test is "
        "skipped and says so; with CI=true it fails.",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Nothing that CI should have tried is passed over in silence."""
    needed = {program for mark in item.iter_markers("needs") for program in mark.args}
    missing = sorted(program for program in needed if shutil.which(program) is None)
    if not missing:
        return
    reason = f"NOT INSTALLED: {', '.join(missing)}. .ci/run installs what the tests use."
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio; so do the fixtures that several of them share."""
    return "asyncio"


@pytest.fixture
def no_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here speaks TLS, and to read the world's certificates takes longer than a test.

    https://www.python-httpx.org/environment_variables/#ssl_cert_dir
    """
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file on which all migrations have run; copying it is quicker than running them again."""
    path = tmp_path_factory.mktemp("database") / "ove.db"

    async def make() -> None:
        await (await open_database(f"sqlite+aiosqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture
async def database(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Database]:
    """An empty database in a file of the test's own, `ove.db` in its `tmp_path`."""
    path = tmp_path / "ove.db"
    shutil.copyfile(migrated_file, path)
    opened = await open_database(f"sqlite+aiosqlite:///{path}")
    yield opened
    await opened.close()
