"""A repository's own settings: `.github/ove.yml` on its default branch, the last good ones when that has a mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from ove_gh.github.client import Repository
from ove_gh.github.errors import UnreadableFile
from ove_gh.repository_settings import PATH, Problem, RepositorySettings, read
from ove_gh.scheduling import file_problems
from ove_gh.store import rules
from ove_gh.store.database import Database
from ove_gh.typesetting import code

log = structlog.get_logger("ove_gh.rules")


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings in force, and what is wrong with the file as it stands now: nothing, when they are the same."""

    settings: RepositorySettings
    problems: tuple[Problem, ...] = ()


class RepositoryRules:
    """Reads repositories' settings, and keeps the last good ones.

    `least_seconds` is the least time between two runs of a schedule, `mcp_servers` the names that the operator allows.
    """

    def __init__(
        self,
        database: Database,
        *,
        least_seconds: float,
        clock: Callable[[], float],
        mcp_servers: Collection[str] = (),
    ) -> None:
        self._database, self._least_seconds, self._clock = database, least_seconds, clock
        self._mcp_servers = mcp_servers

    async def current(self, repository: Repository, repository_id: int) -> Rules:
        """The settings in force; raises what `Repository` raises."""
        found = await _read(repository)
        if isinstance(found, RepositorySettings):
            zone = found.time_zone or "UTC"  # how often a rule fires does not depend on it
            wrong = file_problems(found.schedules, zone, least_seconds=self._least_seconds, now=self._clock())
            found = (*wrong, *self._unknown_servers(found)) or found
        if isinstance(found, RepositorySettings):
            async with self._database.writing() as connection:
                await rules.keep(connection, repository_id, found, now=self._clock())
            return Rules(found)
        log.warning("a repository's settings have mistakes", repository=repository_id, count=len(found))
        async with self._database.reading() as connection:
            return Rules(await rules.last(connection, repository_id), found)

    def _unknown_servers(self, settings: RepositorySettings) -> list[Problem]:
        known = ", ".join(code(name) for name in sorted(self._mcp_servers)) or "none"
        return [
            Problem(None, f"{code(name, 60)} below `mcp` is no server that the operator allows. There is: {known}.")
            for name in settings.mcp
            if name not in self._mcp_servers
        ]


async def _read(repository: Repository) -> RepositorySettings | tuple[Problem, ...]:
    try:
        text = await repository.file(PATH)
    except UnreadableFile as error:
        return (Problem(None, f"The file cannot be read: {error.problem}."),)
    found = read(text) if text is not None else RepositorySettings()
    return found if isinstance(found, RepositorySettings) else found.found
