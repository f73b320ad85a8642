"""Keep questions that agents asked and how they were answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import open_to_workers, protect

revision = "202611221130"
down_revision = "202611221125"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_LISTS = ("sentences", "sources", "nearest", "dropped")


def upgrade() -> None:
    op.create_table(
        "rag_questions",
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("searched", sa.Text(), nullable=False),
        sa.Column("scope", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        *(sa.Column(name, _JSON, server_default=sa.text("'[]'"), nullable=False) for name in _LISTS),
        sa.Column("abstained", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("degraded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("took_ms", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("run_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("judged_by", sa.Uuid(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("method IN ('model', 'extractive', 'none')", name=op.f("ck_rag_questions_method")),
        sa.ForeignKeyConstraint(
            ["judged_by"], ["users.id"], name=op.f("fk_rag_questions_judged_by_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_rag_questions_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_rag_questions_ticket_id_tickets"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_rag_questions_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rag_questions")),
    )
    op.create_index("ix_rag_questions_organization_id", "rag_questions", ["organization_id", "id"])
    op.create_index("ix_rag_questions_organization_id_user_id", "rag_questions", ["organization_id", "user_id", "id"])
    op.create_index("ix_rag_questions_created_at", "rag_questions", ["created_at"])
    protect("rag_questions")
    open_to_workers("rag_questions", verbs="SELECT, DELETE")


def downgrade() -> None:
    op.drop_table("rag_questions")
