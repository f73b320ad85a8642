"""Limit and pause jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "202611221000"
down_revision = "202611220955"
branch_labels = None
depends_on = None

_PENDING = "status = 'pending' AND limit_key IS NOT NULL"
_LIMITED = f"({_PENDING} AND crash_count < 2)"
_RUNNING = "(status = 'running' AND limit_key IS NOT NULL)"
# (name, columns, predicate), unique where the name begins with uq. The jobs of a type lie together, so that a type
# nobody takes costs the others nothing.
_INDEXES = (
    ("ix_job_queue_claim", ["job_type", "lane", "run_after", "id"], "claimable"),
    ("ix_job_queue_org", ["organization_id", "job_type", "lane", "run_after", "id"], "claimable::int = 1"),
    ("ix_job_queue_limit", ["limit_key", "job_type", "lane", "run_after", "id"], f"{_LIMITED}::int = 1"),
    (
        "ix_job_queue_limit_org",
        ["limit_key", "organization_id", "job_type", "lane", "run_after", "id"],
        f"{_LIMITED}::text = 'true'",
    ),
    ("uq_job_queue_limit_slot", ["limit_key", "limit_slot"], f"{_RUNNING}::int = 1"),
    ("ix_job_queue_parent", ["parent_id"], "parent_id IS NOT NULL"),
)
_INDEXES_BEFORE = (
    ("ix_job_queue_claim", ["lane", "run_after", "id"], "claimable"),
    ("ix_job_queue_org", ["organization_id", "lane", "run_after", "id"], "claimable"),
    ("ix_job_queue_limit", ["limit_key", "lane", "run_after", "id"], _PENDING),
    ("uq_job_queue_limit_slot", ["limit_key", "limit_slot"], _RUNNING),
)


def upgrade() -> None:
    op.create_table(
        "job_pauses",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('type', 'queue')", name=op.f("ck_job_pauses_kind")),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_job_pauses")),
    )
    op.create_table(
        "job_limits",
        sa.Column("limit_key", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=True),
        sa.CheckConstraint("slots BETWEEN 0 AND 10000", name=op.f("ck_job_limits_slots")),
        sa.PrimaryKeyConstraint("limit_key", name=op.f("pk_job_limits")),
    )
    op.add_column(
        "workers",
        sa.Column("stats", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    for table in ("job_pauses", "job_limits"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO atum_app")
        op.execute(f"GRANT SELECT ON {table} TO atum_worker")
    _replace_indexes(_INDEXES_BEFORE, _INDEXES)


def downgrade() -> None:
    _replace_indexes(_INDEXES, _INDEXES_BEFORE)
    op.drop_column("workers", "stats")
    op.drop_table("job_limits")
    op.drop_table("job_pauses")


def _replace_indexes(gone: tuple[tuple[str, list[str], str], ...], new: tuple[tuple[str, list[str], str], ...]) -> None:
    for name, _, _ in gone:
        op.drop_index(name, table_name="job_queue")
    for name, columns, where in new:
        unique = name.startswith("uq_")
        op.create_index(name, "job_queue", columns, unique=unique, postgresql_where=sa.text(where))
