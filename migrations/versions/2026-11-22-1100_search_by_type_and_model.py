"""Search by kind of source and by model, and keep graph indexes of large ones."""

from __future__ import annotations

import runpy
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from migrations.row_security import protect
from migrations.search_by_type import CALLED_BY_THE_APP, FUNCTIONS

revision = "202611221100"
down_revision = "202611221070"
branch_labels = None
depends_on = None

_BEFORE = Path(__file__).with_name("2026-11-22-0955_create_search_functions.py")
_SIGNATURE_BEFORE = "rag_search(uuid, halfvec, int[], text[], text[], uuid, int, int, int, float8)"


def upgrade() -> None:
    op.create_table(
        "rag_vector_indexes",
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("usable", sa.Boolean(), sa.Computed("state IN ('ready', 'rebuilding')", persisted=True)),
        sa.Column("rows_at_build", sa.BigInteger(), nullable=True),
        sa.Column("bytes_at_build", sa.BigInteger(), nullable=True),
        sa.Column("ef_search", sa.Integer(), nullable=True),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("build_s", sa.Double(), nullable=True),
        sa.Column("recall", sa.Double(), nullable=True),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('building', 'ready', 'rebuilding', 'dropping')", name=op.f("ck_rag_vector_indexes_state")
        ),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["rag_embedding_models.id"],
            name=op.f("fk_rag_vector_indexes_model_id_rag_embedding_models"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_vector_indexes_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("model_id", "organization_id", "source_type", name=op.f("pk_rag_vector_indexes")),
    )
    protect("rag_vector_indexes")
    op.execute("GRANT SELECT ON rag_vector_indexes TO atum_search")
    op.execute("CREATE POLICY search ON rag_vector_indexes FOR SELECT TO atum_search USING (true)")
    op.execute(f"DROP FUNCTION {_SIGNATURE_BEFORE}")
    for signature, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"ALTER FUNCTION {signature} OWNER TO atum_search")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    for signature in CALLED_BY_THE_APP:
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO atum_app")


def downgrade() -> None:
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_table("rag_vector_indexes")
    op.execute(runpy.run_path(str(_BEFORE))["_SEARCH"])
    op.execute(f"ALTER FUNCTION {_SIGNATURE_BEFORE} OWNER TO atum_search")
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE_BEFORE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE_BEFORE} TO atum_app")
