"""Tests of which settings of a repository are in force."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest
import respx

from ove_gh.github.errors import GitHubError, GitHubUnavailable
from ove_gh.repository_settings import RepositorySettings
from ove_gh.rules import RepositoryRules, Rules
from ove_gh.store import rules, tables
from ove_gh.store.database import Database
from tests.github.samples import REPO, TOKENS, Clock, Json, open_repository, token
from tests.store.rows import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_certificates")]

GOOD = "time_zone: Asia/Tokyo\nci:\n  attempts: 1\n"
GOOD_SETTINGS = RepositorySettings(time_zone="Asia/Tokyo", ci_attempts=1)


@pytest.fixture
def route() -> Iterator[respx.Route]:
    """Where `.github/ove.yml` is on GitHub."""
    with respx.mock(assert_all_called=False) as router:
        router.post(TOKENS).respond(201, json=token())
        yield router.get(f"{REPO}/contents/.github/ove.yml")


def file(text: str | bytes, **changes: object) -> Json:
    """A file as GitHub shows it."""
    content = b64encode(text.encode() if isinstance(text, str) else text).decode()
    return {"type": "file", "path": ".github/ove.yml", "encoding": "base64", "content": content, **changes}


async def current(database: Database) -> Rules:
    """What is in force, and what is wrong."""
    clock = Clock(NOW)
    async with open_repository(clock) as repository:
        return await RepositoryRules(database, least_seconds=900.0, clock=clock).current(repository, 42)


async def in_force(database: Database, repository_id: int = 42) -> RepositorySettings:
    """What the rows say is in force, without a look at GitHub."""
    async with database.reading() as connection:
        return await rules.last(connection, repository_id)


async def test_good_settings_are_in_force_and_kept(database: Database, route: respx.Route) -> None:
    """They are read from the default branch, and stand in a row for whoever cannot ask GitHub."""
    route.respond(json=file(GOOD))
    assert await current(database) == Rules(GOOD_SETTINGS)
    assert await in_force(database) == GOOD_SETTINGS
    assert await in_force(database, 43) == RepositorySettings()


async def test_a_repository_without_the_file_decides_nothing(database: Database, route: respx.Route) -> None:
    """Neither at first, nor after the file was deleted."""
    route.respond(404, json={"message": "Not Found"})
    assert await current(database) == Rules(RepositorySettings())
    route.respond(json=file(GOOD))
    await current(database)
    route.respond(404, json={"message": "Not Found"})
    assert await current(database) == Rules(RepositorySettings())


async def test_a_mistake_leaves_the_last_good_settings_in_force(database: Database, route: respx.Route) -> None:
    """Until it is mended the repository goes on as before, and what is wrong is told, with its line."""
    route.respond(json=file(GOOD))
    await current(database)
    route.respond(json=file("time_zone: Asia/Tokyo\nci:\n  attempts: many\n"))
    found = await current(database)
    assert found.settings == GOOD_SETTINGS
    assert [problem.line for problem in found.problems] == [3]
    assert await in_force(database) == GOOD_SETTINGS
    route.respond(json=file("ci:\n  attempts: 2\n"))
    assert await current(database) == Rules(RepositorySettings(ci_attempts=2))


UNREADABLE: dict[str, Json] = {
    "a folder": {"type": "dir", "path": ".github/ove.yml", "entries": []},
    "too long": file("", encoding="none"),
    "no text": file(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_a_file_that_cannot_be_read_is_a_problem_and_no_stop(
    database: Database, route: respx.Route, answer: Json
) -> None:
    """What stands at the path and is no text of ours to read is told like any mistake; the service goes on."""
    route.respond(json=file(GOOD))
    await current(database)
    route.respond(json=answer)
    found = await current(database)
    assert found.settings == GOOD_SETTINGS
    assert [problem.line for problem in found.problems] == [None]
    assert "cannot be read" in found.problems[0].message


@pytest.mark.parametrize(("status", "error"), [(502, GitHubUnavailable), (403, GitHubError)])
async def test_what_github_does_not_say_is_not_guessed(
    database: Database, route: respx.Route, status: int, error: type[GitHubError]
) -> None:
    """When the file cannot be asked for, that is raised, and what was in force stays."""
    route.respond(json=file(GOOD))
    await current(database)
    route.respond(status, json={"message": "No"})
    with pytest.raises(error):
        await current(database)
    assert await in_force(database) == GOOD_SETTINGS


@pytest.mark.parametrize(("text", "attempts"), [("", 3), ("ci:\n  attempts: 0\n", 0), ("ci:\n  attempts: 5\n", 5)])
async def test_the_number_of_attempts(database: Database, route: respx.Route, text: str, attempts: int) -> None:
    """The repository's own, 0 as well; the operator's where it says nothing. The rows say the same afterwards."""
    route.respond(json=file(text))
    found = (await current(database)).settings.attempts(3)
    async with database.reading() as connection:
        assert (found, await rules.max_attempts(connection, 42, 3)) == (attempts, attempts)


async def test_a_row_of_another_version_decides_nothing(database: Database) -> None:
    """After a step back to an earlier version, settings that it cannot read hold up no task."""
    async with database.writing() as connection:
        await rules.keep(connection, 42, RepositorySettings(), now=NOW)
        await connection.execute(tables.repository_settings.update().values(content={"tone": "of next year"}))
    assert await in_force(database) == RepositorySettings()
