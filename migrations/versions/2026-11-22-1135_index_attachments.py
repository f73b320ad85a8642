"""Let the index hold attachments and texts for customers only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.row_security import protect

revision = "202611221135"
down_revision = "202611221130"
branch_labels = None
depends_on = None

_TABLES = ("rag_documents", "rag_chunks")


def upgrade() -> None:
    for table in _TABLES:
        _show_to(table, "'public', 'customers', 'internal'")
    # Equal texts of an organisation have equal vectors, whatever document they stand in.
    op.add_column("rag_chunks", sa.Column("input_key", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_rag_chunks_organization_id_input_key"), "rag_chunks", ["organization_id", "input_key"])
    # How long a change has waited, however often it was taken in hand and handed back.
    op.add_column(
        "rag_index_queue",
        sa.Column("waiting_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.add_column("attachments", sa.Column("text_state", sa.Text(), server_default="none", nullable=False))
    op.add_column("attachments", sa.Column("text_reason", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_attachments_text_state"), "attachments", "text_state IN ('none', 'waiting', 'ready', 'unfit')"
    )
    # The files that are there already are read as well: RECONCILE_INDEX takes them up.
    op.execute("UPDATE attachments SET text_state = 'waiting' WHERE media_type NOT LIKE 'image/%'")
    op.create_index(
        "ix_attachments_unread",
        "attachments",
        ["organization_id", "id"],
        postgresql_where=sa.text("text_state = 'waiting'"),
    )
    _create_texts()


def _create_texts() -> None:
    op.create_table(
        "attachment_texts",
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("truncated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("extracted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_attachment_texts_attachment_id_attachments"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_attachment_texts_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_attachment_texts")),
    )
    protect("attachment_texts")


def downgrade() -> None:
    op.drop_table("attachment_texts")
    op.drop_index("ix_attachments_unread", table_name="attachments", postgresql_where=sa.text("text_state = 'waiting'"))
    op.drop_constraint(op.f("ck_attachments_text_state"), "attachments", type_="check")
    op.drop_column("attachments", "text_reason")
    op.drop_column("attachments", "text_state")
    op.drop_column("rag_index_queue", "waiting_since")
    op.drop_index(op.f("ix_rag_chunks_organization_id_input_key"), table_name="rag_chunks")
    op.drop_column("rag_chunks", "input_key")
    # What customers may read is nobody else's business: the older index keeps it from the public.
    for vectors in op.get_bind().execute(sa.text("SELECT table_name FROM rag_embedding_models")).scalars().all():
        op.execute(f"UPDATE {vectors} SET visibility = 'internal' WHERE visibility = 'customers'")  # noqa: S608 -- a name the database made
    for table in _TABLES:
        op.execute(f"UPDATE {table} SET visibility = 'internal' WHERE visibility = 'customers'")  # noqa: S608 -- names from the list above
        _show_to(table, "'public', 'internal'")


def _show_to(table: str, visibilities: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_visibility"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_visibility"), table, f"visibility IN ({visibilities})")
