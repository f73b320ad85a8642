"""Keep feedback on suggestions and what the knowledge base lacks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import open_to_workers, protect

revision = "202611221125"
down_revision = "202611221120"
branch_labels = None
depends_on = None

_TABLES = ("kb_gap_members", "kb_gaps", "kb_unanswered", "rag_vector_claims")
_PRUNED = ("kb_unanswered", "kb_gap_members", "rag_input_vectors")


def upgrade() -> None:
    op.add_column("kb_suggestion_sets", sa.Column("floor", sa.Double(), nullable=True))
    op.add_column("kb_suggestion_sets", _text("floor_reason"))
    op.add_column("kb_suggestion_sets", _list("misses"))
    op.add_column("kb_suggestion_sets", _list("duplicates"))
    op.add_column("kb_suggestions", sa.Column("verdict_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("kb_suggestions", sa.Column("comment", sa.Text(), nullable=True))
    op.add_column("kb_suggestions", sa.Column("cited_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_kb_suggestion_sets_organization_id", "kb_suggestion_sets", ["organization_id", "created_at"])
    op.create_index(
        "ix_kb_suggestions_judged",
        "kb_suggestions",
        ["organization_id", "created_at"],
        postgresql_where=sa.text("verdict IS NOT NULL OR cited_at IS NOT NULL"),
    )
    _create_unanswered()
    _create_gaps()
    _create_members()
    _create_claims()
    protect(*_TABLES)
    # The clean-up removes them past their retention.
    open_to_workers(*_PRUNED, verbs="SELECT, DELETE")
    op.create_index("ix_rag_input_vectors_created_at", "rag_input_vectors", ["created_at"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _list(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False)


def _number(name: str, default: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text(default), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_tenant(table: str) -> list[sa.Column[object] | sa.Constraint]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _key(table, "organization_id", "organizations", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _key(table: str, column: str, to: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"), ondelete=on_delete)


def _origin(table: str) -> sa.CheckConstraint:
    return sa.CheckConstraint("origin IN ('search', 'ticket', 'ask')", name=op.f(f"ck_{table}_origin"))


def _create_unanswered() -> None:
    op.create_table(
        "kb_unanswered",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("best_relevance", sa.Double(), nullable=True),
        _number("times", "1"),
        _moment("last_at"),
        *_of_tenant("kb_unanswered"),
        _key("kb_unanswered", "ticket_id", "tickets", "CASCADE"),
        _origin("kb_unanswered"),
    )
    op.create_index(
        "uq_kb_unanswered_text",
        "kb_unanswered",
        ["organization_id", "origin", "day", "text_hash"],
        unique=True,
        postgresql_where=sa.text("origin <> 'ticket'"),
    )
    op.create_index(
        "uq_kb_unanswered_ticket",
        "kb_unanswered",
        ["ticket_id"],
        unique=True,
        postgresql_where=sa.text("origin = 'ticket'"),
    )
    op.create_index("ix_kb_unanswered_last_at", "kb_unanswered", ["last_at"])
    op.create_index("ix_kb_unanswered_ticket_id", "kb_unanswered", ["ticket_id"])


def _create_gaps() -> None:
    op.create_table(
        "kb_gaps",
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        _number("version", "1"),
        _moment("updated_at"),
        sa.Column("draft_article_id", sa.Uuid(), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        _text("reason"),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        _moment("decided_at", nullable=True),
        *_of_tenant("kb_gaps"),
        _key("kb_gaps", "draft_article_id", "kb_articles", "SET NULL"),
        _key("kb_gaps", "answered_by", "kb_articles", "SET NULL"),
        _key("kb_gaps", "decided_by", "users", "SET NULL"),
        sa.CheckConstraint("state IN ('open', 'drafted', 'dismissed', 'closed')", name=op.f("ck_kb_gaps_state")),
    )
    op.create_index("ix_kb_gaps_organization_id", "kb_gaps", ["organization_id", "state"])


def _create_members() -> None:
    op.create_table(
        "kb_gap_members",
        sa.Column("gap_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        _text("text"),
        sa.Column("sample", sa.Integer(), nullable=True),
        _number("times", "1"),
        _number("recent", "0"),
        _number("earlier", "0"),
        _moment("first_at"),
        _moment("last_at"),
        *_of_tenant("kb_gap_members"),
        _key("kb_gap_members", "gap_id", "kb_gaps", "CASCADE"),
        _key("kb_gap_members", "ticket_id", "tickets", "CASCADE"),
        _origin("kb_gap_members"),
    )
    op.create_index("ix_kb_gap_members_gap_id", "kb_gap_members", ["gap_id"])
    op.create_index("uq_kb_gap_members_key", "kb_gap_members", ["organization_id", "key"], unique=True)
    op.create_index("ix_kb_gap_members_last_at", "kb_gap_members", ["last_at"])
    op.create_index("ix_kb_gap_members_ticket_id", "kb_gap_members", ["ticket_id"])


def _create_claims() -> None:
    op.create_table(
        "rag_vector_claims",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _key("rag_vector_claims", "organization_id", "organizations", "CASCADE"),
        _key("rag_vector_claims", "model_id", "rag_embedding_models", "CASCADE"),
        sa.PrimaryKeyConstraint("organization_id", "model_id", "input_hash", name=op.f("pk_rag_vector_claims")),
    )


def downgrade() -> None:
    op.drop_index("ix_rag_input_vectors_created_at", table_name="rag_input_vectors")
    op.execute("DROP POLICY workers ON rag_input_vectors")
    op.execute("REVOKE SELECT, DELETE ON rag_input_vectors FROM atum_worker")
    for table in _TABLES:
        op.drop_table(table)
    op.drop_index("ix_kb_suggestions_judged", table_name="kb_suggestions")
    op.drop_index("ix_kb_suggestion_sets_organization_id", table_name="kb_suggestion_sets")
    for column in ("cited_at", "comment", "verdict_at"):
        op.drop_column("kb_suggestions", column)
    for column in ("duplicates", "misses", "floor_reason", "floor"):
        op.drop_column("kb_suggestion_sets", column)
