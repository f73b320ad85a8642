"""Prove on a database that row-level security keeps organisations apart, as it must after a restore, too."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from helpdesk.database.tenancy import Role
from helpdesk.errors import Conflict

# Whom requests and handlers act as.
_TENANT: Role = "atum_app"
_MOST_ORGANIZATIONS = 3
_LONGEST_S = 3600
# Tables whose rows belong to an organisation each, as far as the role may read them at all.
_TABLES = """
SELECT c.oid::regclass::text AS name
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace AND a.attnotnull
   AND has_table_privilege($1, c.oid, 'SELECT')
 ORDER BY 1
"""
_ENTER = "SELECT set_config('atum.organization_id', $1, true)"
_ORGANIZATIONS = "SELECT id FROM organizations ORDER BY id LIMIT $1"


class NotIsolated(Conflict):
    """One organisation could read the rows of another."""


async def check_isolation(connection: asyncpg.Connection) -> int:
    """Read as some of the organisations, and as none; return how many tables were tried.

    Args:
        connection: may act as the product's roles; it is left acting as nobody but its login.

    Raises:
        NotIsolated: with the tables that show what they must not.
    """
    await connection.execute("SET ROLE atum_owner")
    organizations: list[UUID | None] = [row[0] for row in await connection.fetch(_ORGANIZATIONS, _MOST_ORGANIZATIONS)]
    tables = [row["name"] for row in await connection.fetch(_TABLES, _TENANT)]
    open_to_others = [table for table in tables if await _shows_others(connection, table, [*organizations, None])]
    await connection.execute("RESET ROLE")
    if open_to_others:
        raise NotIsolated(
            f"Row-level security does not hold on {', '.join(open_to_others)}: "
            "one organisation can read another's rows. Do not put this database to use."
        )
    return len(tables)


async def _shows_others(connection: asyncpg.Connection, table: str, organizations: list[UUID | None]) -> bool:
    # Quoted by the server itself.
    others = f"SELECT EXISTS (SELECT FROM {table} WHERE organization_id IS DISTINCT FROM $1)"  # noqa: S608
    for organization_id in organizations:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {_TENANT}")
            await connection.execute(_ENTER, str(organization_id or ""))
            if await connection.fetchval(others, organization_id, timeout=_LONGEST_S):
                return True
    return False
