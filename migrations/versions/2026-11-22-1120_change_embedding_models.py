"""Let embedding models be changed while searches go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import protect

revision = "202611221120"
down_revision = "202611221115"
branch_labels = None
depends_on = None

_COLUMNS = (
    sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("moved_to", sa.Text(), nullable=True),
    sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("texts_per_s", sa.Double(), nullable=True),
    sa.Column("gate", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
)
_BEFORE = "rag_register_model(text, text, int, text, text, int)"
_NOW = "rag_register_model(text, text, int, text, text, int, boolean)"
# What any process notes while it works; the state of a model is changed by the owner alone.
_NOTES = "moved_to, moved_at, chars_per_token, texts_per_s"
_OWN_ORGANIZATION = "nullif(current_setting(''atum.organization_id'', true), '''')::uuid"


def _register(*, parameter: str, unasked: str, columns: str, values: str) -> str:
    """Return the function that makes a model's table; both versions of it differ in who becomes active."""
    return f"""
CREATE FUNCTION rag_register_model(
    model_name text, model_digest text, dimensions int, prefix_of_queries text, prefix_of_documents text,
    longest_input int{parameter}
) RETURNS smallint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    model smallint;
    vectors text;
BEGIN
    IF dimensions NOT BETWEEN 1 AND 4000 THEN
        RAISE EXCEPTION 'a vector of % dimensions does not fit on a page', dimensions;
    END IF;
    PERFORM pg_advisory_xact_lock(7201734);
    {unasked}
    SELECT id INTO model FROM rag_embedding_models
     WHERE name = model_name AND digest = model_digest AND dims = dimensions;
    IF FOUND THEN
        RETURN model;
    END IF;
    INSERT INTO rag_embedding_models
           (name, digest, dims, query_prefix, doc_prefix, max_input_tokens, table_name, {columns})
    SELECT model_name, model_digest, dimensions, prefix_of_queries, prefix_of_documents, longest_input, '',
           {values}
    RETURNING id INTO model;
    vectors := 'rag_embeddings_m' || model;
    UPDATE rag_embedding_models SET table_name = vectors WHERE id = model;
    EXECUTE format('CREATE TABLE %I (
        chunk_id uuid PRIMARY KEY REFERENCES rag_chunks (id) ON DELETE CASCADE,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        source_type text NOT NULL,
        visibility text NOT NULL,
        embedding halfvec(%s) STORAGE PLAIN NOT NULL)', vectors, dimensions);
    EXECUTE format('CREATE INDEX %I ON %I (organization_id, source_type)', 'ix_' || vectors, vectors);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO atum_app', vectors);
    EXECUTE format('GRANT SELECT ON %I TO atum_search', vectors);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', vectors);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', vectors);
    EXECUTE format('CREATE POLICY tenant ON %I TO atum_app
        USING (organization_id = (SELECT {_OWN_ORGANIZATION}))
        WITH CHECK (organization_id = (SELECT {_OWN_ORGANIZATION}))', vectors);
    EXECUTE format('CREATE POLICY maintenance ON %I TO atum_owner USING (true) WITH CHECK (true)', vectors);
    EXECUTE format('CREATE POLICY search ON %I FOR SELECT TO atum_search USING (true)', vectors);
    RETURN model;
END $$
"""  # noqa: S608 -- the only values put in are the constants of this module


_REGISTER_NOW = _register(
    parameter=", to_build boolean",
    # The first model is registered by whatever process comes first; one that comes second must not begin a change.
    unasked="""IF NOT to_build THEN
        SELECT id INTO model FROM rag_embedding_models WHERE state = 'active';
        IF FOUND THEN
            RETURN model;
        END IF;
    END IF;""",
    columns="state, activated_at",
    values="CASE WHEN to_build THEN 'building' ELSE 'active' END, CASE WHEN NOT to_build THEN now() END",
)
_REGISTER_BEFORE = _register(
    parameter="",
    unasked="",
    columns="state",
    values="CASE WHEN EXISTS (SELECT FROM rag_embedding_models WHERE state = 'active') THEN 'building'"
    " ELSE 'active' END",
)


def _replace_register(*, drop: str, create: str, signature: str) -> None:
    op.execute(f"DROP FUNCTION {drop}")
    op.execute(create)
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO atum_app")


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("rag_embedding_models", column.copy())
    op.execute("UPDATE rag_embedding_models SET activated_at = created_at WHERE state = 'active'")
    op.create_table(
        "rag_refused_passages",
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("chunk_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["chunk_id"],
            ["rag_chunks.id"],
            name=op.f("fk_rag_refused_passages_chunk_id_rag_chunks"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["rag_embedding_models.id"],
            name=op.f("fk_rag_refused_passages_model_id_rag_embedding_models"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_refused_passages_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("model_id", "chunk_id", name=op.f("pk_rag_refused_passages")),
    )
    op.create_index("ix_rag_refused_passages_chunk_id", "rag_refused_passages", ["chunk_id"])
    op.create_table(
        "rag_backfills",
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("after_type", sa.Text(), server_default="", nullable=False),
        sa.Column("after_source", sa.Uuid(), nullable=True),
        sa.Column("vectors", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("walked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["rag_embedding_models.id"],
            name=op.f("fk_rag_backfills_model_id_rag_embedding_models"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_backfills_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("model_id", "organization_id", name=op.f("pk_rag_backfills")),
    )
    protect("rag_refused_passages", "rag_backfills")
    op.execute(f"GRANT UPDATE ({_NOTES}) ON rag_embedding_models TO atum_app")
    _replace_register(drop=_BEFORE, create=_REGISTER_NOW, signature=_NOW)


def downgrade() -> None:
    _replace_register(drop=_NOW, create=_REGISTER_BEFORE, signature=_BEFORE)
    op.execute(f"REVOKE UPDATE ({_NOTES}) ON rag_embedding_models FROM atum_app")
    op.drop_table("rag_backfills")
    op.drop_index("ix_rag_refused_passages_chunk_id", table_name="rag_refused_passages")
    op.drop_table("rag_refused_passages")
    for column in reversed(_COLUMNS):
        op.drop_column("rag_embedding_models", column.name)
