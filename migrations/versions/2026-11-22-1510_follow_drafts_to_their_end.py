"""Keep what became of drafts: what was sent instead, how far it was from the draft, and who wanted it how."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "202611221510"
down_revision = "202611221505"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_COLUMNS: tuple[sa.Column[object], ...] = (
    sa.Column("tone", sa.Text(), server_default="neutral", nullable=False),
    sa.Column("length", sa.Text(), server_default="medium", nullable=False),
    sa.Column("instruction", sa.Text(), nullable=True),
    sa.Column("requested_by", sa.Uuid(), nullable=True),
    sa.Column("note", sa.Text(), server_default="", nullable=False),
    sa.Column("searched", _JSON, server_default=sa.text("'{}'"), nullable=False),
    sa.Column("nearest", _JSON, server_default=sa.text("'[]'"), nullable=False),
    sa.Column("prompt_id", sa.Text(), nullable=True),
    sa.Column("prompt_version", sa.Integer(), nullable=True),
    sa.Column("sent_body", sa.Text(), nullable=True),
    sa.Column("outcome", sa.Text(), nullable=True),
    sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("outcome_by", sa.Uuid(), nullable=True),
    sa.Column("discard_reason", sa.Text(), nullable=True),
)


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("reply_drafts", column.copy())
    for name in ("requested_by", "outcome_by"):
        op.create_foreign_key(
            op.f(f"fk_reply_drafts_{name}_users"), "reply_drafts", "users", [name], ["id"], ondelete="SET NULL"
        )
    op.create_check_constraint(
        op.f("ck_reply_drafts_outcome"), "reply_drafts", "outcome IN ('accepted', 'edited', 'discarded')"
    )
    op.create_check_constraint(
        op.f("ck_reply_drafts_tone"), "reply_drafts", "tone IN ('neutral', 'friendly', 'formal')"
    )
    op.create_check_constraint(op.f("ck_reply_drafts_length"), "reply_drafts", "length IN ('short', 'medium', 'long')")
    op.create_index("ix_reply_drafts_organization_id", "reply_drafts", ["organization_id", "created_at"])
    # What refers to a ticket or a message is looked for when one is removed.
    for name in ("ticket_id", "sent_message_id"):
        op.create_index(op.f(f"ix_reply_drafts_{name}"), "reply_drafts", [name])


def downgrade() -> None:
    for name in ("sent_message_id", "ticket_id", "organization_id"):
        op.drop_index(f"ix_reply_drafts_{name}", "reply_drafts")
    for name in ("length", "tone", "outcome"):
        op.drop_constraint(op.f(f"ck_reply_drafts_{name}"), "reply_drafts", type_="check")
    for name in ("requested_by", "outcome_by"):
        op.drop_constraint(op.f(f"fk_reply_drafts_{name}_users"), "reply_drafts", type_="foreignkey")
    for column in reversed(_COLUMNS):
        op.drop_column("reply_drafts", column.name)
