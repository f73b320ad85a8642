"""Tenants are kept apart by the database, whatever a query forgets."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization, Team

_UNPROTECTED = text("""
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.attname = 'organization_id' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
""")
_REACHABLE_PARTITIONS = text("""
    SELECT c.relname FROM pg_class c
     WHERE c.relispartition AND (has_table_privilege('atum_app', c.oid, 'SELECT')
                                 OR has_table_privilege('atum_worker', c.oid, 'SELECT'))
""")


async def test_every_table_of_tenants_is_under_forced_row_security(database: Database) -> None:
    async with database.transaction(None) as session:
        assert (await session.scalars(_UNPROTECTED)).all() == []
        assert (await session.scalars(_REACHABLE_PARTITIONS)).all() == []


async def test_a_transaction_sees_and_changes_only_its_own_organisation(
    database: Database, organization_id: UUID
) -> None:
    other = new_id()
    async with database.transaction(other) as session:
        session.add(Organization(id=other, slug="other", name="Other"))
        await session.flush()
        session.add(Team(organization_id=other, slug="theirs", name="Theirs"))
    async with database.transaction(organization_id) as session:
        assert await session.scalar(text("SELECT count(*) FROM teams")) == 0
        changed = await session.execute(text("UPDATE teams SET name = 'Ours' RETURNING id"))
        assert changed.all() == []
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(organization_id) as session:
            session.add(Team(organization_id=other, slug="planted", name="Planted"))


async def test_a_connection_that_enters_no_scope_may_not_even_look(database: Database) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT * FROM tickets"))


async def test_a_scope_ends_with_its_transaction(database: Database, organization_id: UUID) -> None:
    async with database.transaction(organization_id) as session:
        await session.execute(text("SELECT 1"))
    async with database.engine.connect() as connection:
        left = await connection.scalar(text("SELECT current_setting('atum.organization_id', true)"))
    assert left in {None, ""}
