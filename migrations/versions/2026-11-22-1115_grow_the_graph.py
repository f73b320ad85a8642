"""Keep with each edge what it was found by and when it came about, and what unrelated tickets look like to a model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.row_security import protect

revision = "202611221115"
down_revision = "202611221110"
branch_labels = None
depends_on = None

# Under row-level security no GIN index serves `terms @> ...` (the operator is not leakproof), so this function acts as
# a role whose policies let everything through, and keeps to one organisation by itself: the caller's, checked first.
# `IS NOT DISTINCT FROM` keeps the planner from reading all of the organisation by the index on its id.
_SIGNATURE = "rag_sources_with(uuid, int[], int[], int)"
_SOURCES_WITH = """
CREATE FUNCTION rag_sources_with(organization uuid, groups int[], members int[], most int)
RETURNS TABLE (source_type text, source_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
    IF organization IS DISTINCT FROM nullif(current_setting('atum.organization_id', true), '')::uuid THEN
        RAISE EXCEPTION 'a search stays in the organisation of its transaction' USING ERRCODE = '42501';
    END IF;
    RETURN QUERY
        SELECT DISTINCT d.source_type, d.source_id
          FROM (SELECT array_agg(u.term) AS terms FROM unnest(groups, members) AS u (name, term) GROUP BY u.name) wanted
         CROSS JOIN LATERAL (
            SELECT c.document_id FROM rag_chunks c
             WHERE c.organization_id IS NOT DISTINCT FROM organization AND c.source_type IN ('ticket', 'kb')
               AND c.terms @> wanted.terms
             LIMIT most) found
          JOIN rag_documents d ON d.id = found.document_id AND d.organization_id = organization
           AND d.deleted_at IS NULL;
END $$
"""


def upgrade() -> None:
    op.execute(_SOURCES_WITH)
    op.execute(f"ALTER FUNCTION {_SIGNATURE} OWNER TO atum_search")
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO atum_app")
    op.add_column("rag_edges", sa.Column("evidence", sa.Text(), nullable=True))
    op.add_column("rag_edges", sa.Column("happened_at", sa.DateTime(timezone=True), nullable=True))
    # With the source in it, the newest neighbours of a node with thousands of them are read without the others.
    op.drop_index("ix_rag_edges_destination", table_name="rag_edges")
    op.create_index("ix_rag_edges_destination_source", "rag_edges", ["destination", "source"])
    op.create_table(
        "rag_similarity_scales",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("background", sa.Double(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["rag_embedding_models.id"],
            name=op.f("fk_rag_similarity_scales_model_id_rag_embedding_models"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_similarity_scales_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "model_id", name=op.f("pk_rag_similarity_scales")),
    )
    protect("rag_similarity_scales")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_SIGNATURE}")
    op.drop_table("rag_similarity_scales")
    op.drop_index("ix_rag_edges_destination_source", table_name="rag_edges")
    op.create_index("ix_rag_edges_destination", "rag_edges", ["organization_id", "destination"])
    op.drop_column("rag_edges", "happened_at")
    op.drop_column("rag_edges", "evidence")
