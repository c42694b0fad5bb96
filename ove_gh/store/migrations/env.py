"""How Alembic runs here: on the connection that the service opened (https://alembic.sqlalchemy.org/en/latest/cookbook.html)."""

from __future__ import annotations

from alembic import context

from ove_gh.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
