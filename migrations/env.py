"""Run migrations: as the owner role, one migrator at a time, never waiting long for a lock."""

from __future__ import annotations

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from helpdesk.database.engine import DatabaseUnavailable, connect_raw
from helpdesk.database.roles import prepare_database
from helpdesk.database.servers import Servers
from helpdesk.models import Base
from helpdesk.settings import Settings
from migrations.compatibility import note_state, note_step
from migrations.locks import LOCK_TIMEOUT_S, Watcher, blocked, lock_missed, say, take_turn, waits, watching


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out what the product makes while it runs: partitions and the tables of embedding models."""
    made_at_run_time = ("rag_embeddings_m", "job_events_", "ai_runs_")
    return not (kind == "table" and name is not None and name.startswith(made_at_run_time))


def _migrate(connection: Connection) -> None:
    """Take the steps that are left, each in a transaction of its own."""
    connection.execute(text("SET ROLE atum_owner"))
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=_is_ours,
        compare_server_default=False,
        transaction_per_migration=True,
        on_version_apply=lambda *, ctx, step, **_: note_step(context.script, ctx, step),
    )
    with context.begin_transaction():
        context.run_migrations()
    heads = context.get_context().get_current_heads()
    if heads and heads[0] in {script.revision for script in context.script.walk_revisions()}:
        note_state(context.script, connection, heads[0])
    connection.commit()


async def _migrate_patiently(connection: AsyncConnection, watcher: Watcher, *, tries: int) -> None:
    """Try again where somebody holds a lock; what was done before stays done."""
    for wait_s in (*waits(tries), None):
        try:
            await connection.run_sync(_migrate)
        except DBAPIError as error:
            await connection.rollback()
            if not lock_missed(error):
                raise
            if wait_s is None:
                raise blocked(watcher, tries) from error
            say(f"Waiting {wait_s:g} s for a lock of {'; '.join(watcher.seen) or 'another process'}.")
            await asyncio.sleep(wait_s)
        else:
            return


def _engine(settings: Settings) -> AsyncEngine:
    """Return an engine whose statements take as long as they take, unlike the product's."""
    servers = Servers.of(settings.sqlalchemy_url)

    async def connect() -> asyncpg.Connection:
        return await servers.connect(server_settings={"application_name": "atum-desk-migrate", "timezone": "UTC"})

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)


async def _run() -> None:
    settings = Settings().direct
    if settings is None:
        raise DatabaseUnavailable(
            "Migrations cannot go through a pooler. Set ATUM_DATABASE_LISTEN_URL to the address of PostgreSQL itself."
        )
    beside = await connect_raw(settings, application="migrate-beside", role=None)
    engine = _engine(settings)
    try:
        async with engine.connect() as connection:
            await take_turn(connection)
            await prepare_database(beside)
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
            await connection.commit()
            # Of all the roles, this one may see the transactions of others.
            await beside.execute("SET ROLE atum_worker")
            async with watching(beside, pid=int(pid or 0)) as watcher:
                await _migrate_patiently(connection, watcher, tries=settings.migration_tries)
    finally:
        await engine.dispose()
        await beside.close()


asyncio.run(_run())
