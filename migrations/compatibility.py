"""Since which revision a schema serves code: noted beside it, for processes of other versions to read."""

from __future__ import annotations

from typing import Final

from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from helpdesk.cli.checkout import version
from helpdesk.database.schema_version import SchemaNote

# Nothing older was ever given to anybody: up to here migrations did as they liked.
FIRST_KEPT: Final = "202611221530"

_NOTED = "SELECT obj_description('alembic_version'::regclass, 'pg_class')"
_SHOWN = "SELECT has_table_privilege('public', 'alembic_version', 'SELECT')"


def serves_since(scripts: ScriptDirectory, revision: str) -> str:
    """Return the oldest revision whose code runs with the schema of a revision.

    A migration that takes away what earlier code used says so in a `serves_since` of its own; any other one only adds.
    """
    if revision < FIRST_KEPT:
        return revision
    said = [
        getattr(script.module, "serves_since", FIRST_KEPT) for script in scripts.iterate_revisions(revision, "base")
    ]
    return str(max([FIRST_KEPT, *said]))


def note_step(scripts: ScriptDirectory, context: MigrationContext, step: MigrationInfo) -> None:
    """Note what a step leads to, in the transaction of that step."""
    assert context.connection is not None
    for revision in step.destination_revision_ids:
        _note(context.connection, serves_since(scripts, revision))


def note_state(scripts: ScriptDirectory, connection: Connection, revision: str) -> None:
    """Note what is there, where an earlier version of the product left no note; let every role read the revision."""
    if SchemaNote.read(connection.scalar(text(_NOTED))) is None:
        _note(connection, serves_since(scripts, revision))
    if not connection.scalar(text(_SHOWN)):
        connection.execute(text("GRANT SELECT ON alembic_version TO PUBLIC"))


def _note(connection: Connection, since: str) -> None:
    written = SchemaNote(serves_since=since, migrated_by=version()).written().replace("'", "''")
    # Through the driver as it is: a colon in it is no parameter.
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{written}'")
