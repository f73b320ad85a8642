"""Create search index."""

from __future__ import annotations

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import protect

revision = "202611220935"
down_revision = "202611220930"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rag_embedding_models",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("dims", sa.Integer(), nullable=False),
        sa.Column("query_prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("doc_prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("max_input_tokens", sa.Integer(), server_default=sa.text("256"), nullable=False),
        sa.Column("chars_per_token", sa.Double(), server_default=sa.text("3.0"), nullable=False),
        sa.Column("state", sa.Text(), server_default="building", nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('building', 'active', 'retired', 'failed')", name=op.f("ck_rag_embedding_models_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rag_embedding_models")),
        sa.UniqueConstraint("name", "digest", "dims", name=op.f("uq_rag_embedding_models_name_digest_dims")),
    )
    op.create_index(
        "uq_rag_embedding_models_active",
        "rag_embedding_models",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "rag_corpus_stats",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column("total_length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_corpus_stats_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "source_type", name=op.f("pk_rag_corpus_stats")),
    )
    op.create_table(
        "rag_documents",
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("source_version", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("chunker_version", sa.Integer(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("indexed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("source_type IN ('ticket', 'kb', 'asset')", name=op.f("ck_rag_documents_source_type")),
        sa.CheckConstraint("visibility IN ('public', 'internal')", name=op.f("ck_rag_documents_visibility")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_documents_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rag_documents")),
        sa.UniqueConstraint(
            "organization_id",
            "source_type",
            "source_id",
            name=op.f("uq_rag_documents_organization_id_source_type_source_id"),
        ),
    )
    op.create_table(
        "rag_input_vectors",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", pgvector.sqlalchemy.halfvec.HALFVEC(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["rag_embedding_models.id"],
            name=op.f("fk_rag_input_vectors_model_id_rag_embedding_models"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_input_vectors_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "model_id", "input_hash", name=op.f("pk_rag_input_vectors")),
    )
    op.create_table(
        "rag_nodes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_nodes_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rag_nodes")),
        sa.UniqueConstraint(
            "organization_id", "kind", "source_id", name=op.f("uq_rag_nodes_organization_id_kind_source_id")
        ),
    )
    op.create_table(
        "rag_term_stats",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("df", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_term_stats_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "term", name=op.f("pk_rag_term_stats")),
    )
    op.create_table(
        "rag_chunks",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), server_default="body", nullable=False),
        sa.Column("chunk_hash", sa.LargeBinary(), nullable=False),
        sa.Column("heading_path", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("char_start", sa.Integer(), nullable=False),
        sa.Column("char_end", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("terms", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("bm25", pgvector.sqlalchemy.sparsevec.SPARSEVEC(dim=1000000000), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("visibility IN ('public', 'internal')", name=op.f("ck_rag_chunks_visibility")),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["rag_documents.id"],
            name=op.f("fk_rag_chunks_document_id_rag_documents"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_chunks_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rag_chunks")),
        sa.UniqueConstraint(
            "document_id",
            "ordinal",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_rag_chunks_document_id_ordinal"),
        ),
    )
    op.create_index("ix_rag_chunks_organization_id", "rag_chunks", ["organization_id", "source_type"], unique=False)
    op.create_index("ix_rag_chunks_terms", "rag_chunks", ["terms"], unique=False, postgresql_using="gin")
    op.create_table(
        "rag_edges",
        sa.Column("source", sa.Uuid(), nullable=False),
        sa.Column("destination", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("weight", sa.Double(), server_default=sa.text("1"), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("extractor_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["destination"], ["rag_nodes.id"], name=op.f("fk_rag_edges_destination_rag_nodes"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_edges_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source"], ["rag_nodes.id"], name=op.f("fk_rag_edges_source_rag_nodes"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source", "destination", "kind", name=op.f("pk_rag_edges")),
    )
    op.create_index("ix_rag_edges_destination", "rag_edges", ["organization_id", "destination"], unique=False)
    protect(
        "rag_input_vectors",
        "rag_documents",
        "rag_chunks",
        "rag_term_stats",
        "rag_corpus_stats",
        "rag_nodes",
        "rag_edges",
    )
    op.execute("GRANT SELECT ON rag_embedding_models TO atum_app, atum_worker, atum_search")


def downgrade() -> None:
    op.drop_index("ix_rag_edges_destination", table_name="rag_edges")
    op.drop_table("rag_edges")
    op.drop_index("ix_rag_chunks_terms", table_name="rag_chunks", postgresql_using="gin")
    op.drop_index("ix_rag_chunks_organization_id", table_name="rag_chunks")
    op.drop_table("rag_chunks")
    op.drop_table("rag_term_stats")
    op.drop_table("rag_nodes")
    op.drop_table("rag_input_vectors")
    op.drop_table("rag_documents")
    op.drop_table("rag_corpus_stats")
    op.drop_index(
        "uq_rag_embedding_models_active",
        table_name="rag_embedding_models",
        postgresql_where=sa.text("state = 'active'"),
    )
    op.drop_table("rag_embedding_models")
