"""The last settings of each repository that could be read without a mistake."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from ove_gh.repository_settings import RepositorySettings, as_json, from_json
from ove_gh.store.tables import repository_settings
from ove_gh.store.transaction import Transaction


async def keep(connection: Transaction, repository_id: int, settings: RepositorySettings, *, now: float) -> None:
    """These settings are in force from now on."""
    values = {"content": as_json(settings), "read_at": now}
    its = repository_settings.c.repository_id == repository_id
    done = await connection.execute(update(repository_settings).where(its).values(values))
    if done.rowcount == 0:
        await connection.execute(insert(repository_settings).values(repository_id=repository_id, **values))


async def last(connection: Transaction, repository_id: int) -> RepositorySettings:
    """The settings in force; all unset for a repository that has none, or whose row another version wrote."""
    content = await connection.scalar(
        select(repository_settings.c.content).where(repository_settings.c.repository_id == repository_id)
    )
    try:
        return from_json(content) if content is not None else RepositorySettings()
    except ValueError:
        return RepositorySettings()


async def max_attempts(connection: Transaction, repository_id: int, default: int) -> int:
    """How many attempts the repository allows, as far as is known."""
    return (await last(connection, repository_id)).attempts(default)


async def may_command(connection: Transaction, repository_id: int, login: str, permission: str) -> bool:
    """Whether somebody with this permission ("read", "write", …) may command in the repository; never below "write"."""
    return (await last(connection, repository_id)).may_command.include(login, permission)
