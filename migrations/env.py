"""Run migrations: as the owner role, one migrator at a time, never waiting long for a lock."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from helpdesk.database.engine import DatabaseUnavailable, connect_raw
from helpdesk.database.roles import prepare_database
from helpdesk.models import Base
from helpdesk.settings import Settings

# Any number will do as long as every version of the product uses the same one.
_MIGRATION_LOCK = 7_201_733


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out what the product makes while it runs: partitions and the tables of embedding models."""
    made_at_run_time = ("rag_embeddings_m", "job_events_", "ai_runs_")
    return not (kind == "table" and name is not None and name.startswith(made_at_run_time))


def _migrate(connection: Connection) -> None:
    connection.execute(text("SET ROLE atum_owner"))
    connection.execute(text("SET lock_timeout = '10s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=_is_ours,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    settings = Settings().direct
    if settings is None:
        raise DatabaseUnavailable(
            "Migrations cannot go through a pooler. Set ATUM_DATABASE_LISTEN_URL to the address of PostgreSQL itself."
        )
    raw = await connect_raw(settings, application="migrate", role=None)
    try:
        await prepare_database(raw)
    finally:
        await raw.close()
    engine = create_async_engine(settings.sqlalchemy_url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


asyncio.run(_run())
