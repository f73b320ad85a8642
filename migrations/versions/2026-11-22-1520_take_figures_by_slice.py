"""Keep figures by slice, and what customers thought."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.row_security import protect

revision = "202611221520"
down_revision = "202611221515"
branch_labels = None
depends_on = None

_CURRENT = sa.text("superseded_at IS NULL")


def upgrade() -> None:
    _create_links()
    _create_ratings()
    protect("satisfaction_links", "satisfaction_ratings")
    # Figures read what happened in a quarter of an hour, out of the history of years.
    op.create_index("ix_ticket_events_kind", "ticket_events", ["organization_id", "kind", "occurred_at"])
    op.create_index("ix_triage_predictions_organization_id", "triage_predictions", ["organization_id", "created_at"])
    op.create_index("ix_reply_drafts_outcome_at", "reply_drafts", ["organization_id", "outcome_at"])
    # Series read one metric over many buckets.
    op.create_index(
        "ix_metric_snapshots_metric", "metric_snapshots", ["organization_id", "metric", "granularity", "bucket_start"]
    )


def _create_links() -> None:
    op.create_table(
        "satisfaction_links",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *_references("satisfaction_links"),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_satisfaction_links_created_by_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_satisfaction_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_satisfaction_links_secret_hash")),
    )
    op.create_index(op.f("ix_satisfaction_links_ticket_id"), "satisfaction_links", ["ticket_id"])


def _create_ratings() -> None:
    op.create_table(
        "satisfaction_ratings",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_satisfaction_ratings_score")),
        *_references("satisfaction_ratings"),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["satisfaction_links.id"],
            name=op.f("fk_satisfaction_ratings_link_id_satisfaction_links"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_satisfaction_ratings")),
    )
    op.create_index(
        "uq_satisfaction_ratings_current", "satisfaction_ratings", ["ticket_id"], unique=True, postgresql_where=_CURRENT
    )
    op.create_index(op.f("ix_satisfaction_ratings_ticket_id"), "satisfaction_ratings", ["ticket_id"])
    op.create_index(
        "ix_satisfaction_ratings_organization_id", "satisfaction_ratings", ["organization_id", "created_at"]
    )


def _references(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f(f"fk_{table}_ticket_id_tickets"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f(f"fk_{table}_contact_id_contacts"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f(f"fk_{table}_organization_id_organizations"),
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_metric_snapshots_metric", "metric_snapshots")
    op.drop_index("ix_reply_drafts_outcome_at", "reply_drafts")
    op.drop_index("ix_triage_predictions_organization_id", "triage_predictions")
    op.drop_index("ix_ticket_events_kind", "ticket_events")
    op.drop_table("satisfaction_ratings")
    op.drop_table("satisfaction_links")
