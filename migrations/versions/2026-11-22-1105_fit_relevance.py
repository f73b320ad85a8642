"""Keep judgements of searches, which the ranking of an organisation is fitted to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.row_security import protect

revision = "202611221105"
down_revision = "202611221100"
branch_labels = None
depends_on = None

_VERDICT = ["organization_id", "asked", "source_type", "source_id", "origin", "user_id"]


def upgrade() -> None:
    op.create_table(
        "rag_judgements",
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("relevant", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _key("organization_id", "organizations"),
        _key("ticket_id", "tickets"),
        _key("user_id", "users"),
        sa.CheckConstraint("origin IN ('feedback', 'citation', 'golden')", name=op.f("ck_rag_judgements_origin")),
        sa.CheckConstraint("source_type IN ('ticket', 'kb', 'asset')", name=op.f("ck_rag_judgements_source_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rag_judgements")),
    )
    # Nobody's verdict is one person's too: said twice without a name it is still one.
    op.create_index(
        "uq_rag_judgements_verdict", "rag_judgements", _VERDICT, unique=True, postgresql_nulls_not_distinct=True
    )
    op.create_index("ix_rag_judgements_organization_id", "rag_judgements", ["organization_id", "created_at"])
    op.create_index("ix_rag_judgements_ticket_id", "rag_judgements", ["ticket_id"])
    op.create_index("ix_rag_judgements_user_id", "rag_judgements", ["user_id"])
    protect("rag_judgements")


def _key(column: str, to: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_rag_judgements_{column}_{to}")
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    op.drop_table("rag_judgements")
