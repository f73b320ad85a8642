"""Migrations let the version before them go on working; what does not is found by what it does, and refused."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest

from helpdesk.database.schema_version import REVISION
from migrations.compatibility import FIRST_KEPT
from tests.architecture.migration_rules import Migration, declaration_faults, faults
from tests.conftest import REPOSITORY

MIGRATIONS = [Migration.read(path) for path in sorted((REPOSITORY / "migrations/versions").glob("*.py"))]
KEPT = [migration for migration in MIGRATIONS if str(migration.declared("revision")) > FIRST_KEPT]


def planted(body: str, *, declared: str = "") -> Migration:
    source = f'revision = "209901010000"\ndown_revision = "{REVISION}"\n{declared}\ndef upgrade():\n    {body}\n'
    return Migration(Path("planted.py"), ast.parse(source))


def test_migrations_stand_in_one_line_in_the_order_of_their_names() -> None:
    revisions = [str(migration.declared("revision")) for migration in MIGRATIONS]
    assert revisions == sorted(revisions)
    for before, after in pairwise(MIGRATIONS):
        assert after.declared("down_revision") == before.declared("revision"), after.path.name


def test_the_code_says_for_which_migration_it_was_built() -> None:
    """Move REVISION in helpdesk/database/schema_version.py along with every migration."""
    assert MIGRATIONS[-1].declared("revision") == REVISION


@pytest.mark.parametrize("migration", KEPT, ids=lambda migration: migration.path.stem)
def test_a_migration_lets_the_version_before_it_go_on(migration: Migration) -> None:
    assert faults(migration) == []
    assert declaration_faults(migration) == []


TAKING = [
    'op.drop_column("tickets", "mood")',
    'op.drop_table("moods")',
    'op.rename_table("moods", "humours")',
    'op.alter_column("tickets", "mood", new_column_name="humour")',
    'op.alter_column("tickets", "mood", type_=sa.Integer())',
    'op.alter_column("tickets", "mood", nullable=False)',
    'op.execute("ALTER TABLE tickets DROP COLUMN mood")',
    'op.execute("ALTER TABLE tickets\\n  RENAME COLUMN mood TO humour")',
    'op.execute("ALTER TABLE tickets ALTER COLUMN mood TYPE integer")',
    'op.execute("ALTER TABLE tickets ALTER COLUMN mood SET NOT NULL")',
    'op.execute("SELECT 1; DROP TABLE moods")',
    'op.execute("DROP FUNCTION find(text)")',
    'op.execute("REVOKE SELECT ON tickets FROM atum_app")',
]
LOCKING = [
    'op.add_column("tickets", sa.Column("mood", sa.Text(), nullable=False))',
    'op.create_index("ix", "tickets", ["mood"])',
    'op.create_foreign_key("fk", "tickets", "moods", ["mood"], ["id"])',
    'op.create_check_constraint("ck", "tickets", "mood > 0")',
    'op.create_unique_constraint("uq", "tickets", ["mood"])',
    'op.execute("CREATE INDEX ix ON tickets (mood)")',
    'op.execute("CREATE UNIQUE INDEX IF NOT EXISTS ix ON tickets (mood)")',
    'op.execute("ALTER TABLE tickets ADD CONSTRAINT ck CHECK (mood > 0)")',
    'op.execute("ALTER TABLE tickets ADD CONSTRAINT fk FOREIGN KEY (mood) REFERENCES moods")',
    'op.execute("ALTER TABLE tickets ADD COLUMN mood text NOT NULL")',
    'op.execute("ALTER TABLE tickets ADD COLUMN mood uuid NOT NULL DEFAULT gen_random_uuid()")',
    'op.execute("VACUUM FULL tickets")',
]


@pytest.mark.parametrize("body", TAKING + LOCKING)
def test_what_an_expansion_must_not_do_is_found(body: str) -> None:
    assert len(faults(planted(body))) == 1


@pytest.mark.parametrize("body", TAKING)
def test_what_serves_only_later_versions_may_take_away(body: str) -> None:
    assert faults(planted(body, declared=f'serves_since = "{REVISION}"')) == []


@pytest.mark.parametrize("body", LOCKING)
def test_nothing_may_lock_everybody_out(body: str) -> None:
    assert faults(planted(body, declared=f'serves_since = "{REVISION}"')) != []


@pytest.mark.parametrize(
    "body",
    [
        'op.add_column("tickets", sa.Column("mood", sa.Text(), nullable=True))',
        'op.add_column("tickets", sa.Column("mood", sa.Text(), nullable=False, server_default=""))',
        'op.create_table("moods"); op.create_index("i", "moods", ["x"]); op.create_check_constraint("c", "moods", "x")',
        'op.create_index("ix", "tickets", ["mood"], postgresql_concurrently=True)',
        'op.execute("CREATE TABLE moods (id uuid)"); op.execute("CREATE INDEX ix ON moods (id)")',
        'op.execute("ALTER TABLE tickets ADD CONSTRAINT ck CHECK (mood > 0) NOT VALID")',
        'op.execute("ALTER TABLE tickets VALIDATE CONSTRAINT ck")',
        'op.execute("ALTER TABLE tickets ADD COLUMN mood integer NOT NULL DEFAULT 0")',
        'op.execute("ALTER TABLE tickets DROP CONSTRAINT ck")',
        'op.execute("GRANT SELECT ON tickets TO atum_app")',
        'create_index_concurrently("ix", "tickets (mood)")',
    ],
)
def test_what_an_expansion_may_do_is_let_be(body: str) -> None:
    migration = planted(body)
    assert faults(migration) + declaration_faults(migration) == []


def test_what_a_helper_of_the_file_does_counts_and_a_downgrade_does_not() -> None:
    helper = '_SQL = "DROP TABLE moods"\ndef _take():\n    op.execute(_SQL)\ndef downgrade():\n    op.drop_table("x")'
    assert faults(planted("_take()", declared=helper)) == ["drops the table moods"]


def test_what_a_migration_says_of_itself_has_to_hold() -> None:
    too_late = planted("pass", declared='serves_since = "209901010000"')
    beside = planted('create_index_concurrently("ix", "tickets (mood)"); op.execute("SELECT 1")')
    unnamed = Migration(Path("planted.py"), ast.parse('revision = "ae1027a6acf"\ndef upgrade():\n    pass'))
    assert [len(declaration_faults(migration)) for migration in (too_late, beside, unnamed)] == [1, 1, 1]
