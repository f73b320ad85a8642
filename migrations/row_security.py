"""Grants and row-level security, in the form every migration gives them to its tables."""

from __future__ import annotations

from alembic import op

_ORGANIZATION = "nullif(current_setting('atum.organization_id', true), '')::uuid"


def protect(*tables: str, column: str = "organization_id") -> None:
    """Let the app role see and change only the rows of the organisation its transaction is in."""
    for table in tables:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO atum_app")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        own_rows = f"{column} = (SELECT {_ORGANIZATION})"
        op.execute(f"CREATE POLICY tenant ON {table} TO atum_app USING ({own_rows}) WITH CHECK ({own_rows})")
        # Data migrations and maintenance act as the owner, whom FORCE would otherwise keep out.
        op.execute(f"CREATE POLICY maintenance ON {table} TO atum_owner USING (true) WITH CHECK (true)")


def open_to_workers(*tables: str, verbs: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Let the worker role reach a table across organisations."""
    for table in tables:
        op.execute(f"GRANT {verbs} ON {table} TO atum_worker")
        op.execute(f"CREATE POLICY workers ON {table} TO atum_worker USING (true) WITH CHECK (true)")
