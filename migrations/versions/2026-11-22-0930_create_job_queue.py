"""Create job queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import open_to_workers, protect

revision = "202611220930"
down_revision = "202611220925"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE job_events_id_seq")
    op.create_table(
        "cron_ticks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tick_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", "tick_at", name=op.f("pk_cron_ticks")),
    )
    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger(), server_default=sa.text("nextval('job_events_id_seq')"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("worker", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "created_at", name=op.f("pk_job_events")),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index("ix_job_events_job_id", "job_events", ["job_id", "id"], unique=False)
    op.create_table(
        "job_queue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("priority", sa.Text(), server_default="normal", nullable=False),
        sa.Column("locked_by", sa.Uuid(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_after", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retry_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "lane",
            sa.SmallInteger(),
            sa.Computed("CASE priority WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END", persisted=True),
            nullable=False,
        ),
        sa.Column("lease", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crash_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_retries", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("timeout_s", sa.Integer(), nullable=True),
        sa.Column("unique_key", sa.Text(), nullable=True),
        sa.Column("limit_key", sa.Text(), nullable=True),
        sa.Column("limit_slot", sa.Integer(), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("trace_parent", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "claimable",
            sa.Boolean(),
            sa.Computed("status = 'pending' AND limit_key IS NULL", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status = 'running') = (locked_by IS NOT NULL)", name=op.f("ck_job_queue_running_is_locked")
        ),
        sa.CheckConstraint("priority IN ('high', 'normal', 'low')", name=op.f("ck_job_queue_priority")),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'cancelled', 'dead_letter')",
            name=op.f("ck_job_queue_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_queue")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index(
        "ix_job_queue_claim",
        "job_queue",
        ["lane", "run_after", "id"],
        unique=False,
        postgresql_where=sa.text("claimable"),
    )
    op.create_index(
        "ix_job_queue_finished_at",
        "job_queue",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_job_queue_limit",
        "job_queue",
        ["limit_key", "lane", "run_after", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'pending' AND limit_key IS NOT NULL"),
    )
    op.create_index(
        "ix_job_queue_locked_at",
        "job_queue",
        ["locked_at"],
        unique=False,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(
        "ix_job_queue_org",
        "job_queue",
        ["organization_id", "lane", "run_after", "id"],
        unique=False,
        postgresql_where=sa.text("claimable"),
    )
    op.create_index(
        "ix_job_queue_status",
        "job_queue",
        ["status", "run_after"],
        unique=False,
        postgresql_where=sa.text("status <> 'completed'"),
    )
    op.create_index(
        "uq_job_queue_limit_slot",
        "job_queue",
        ["limit_key", "limit_slot"],
        unique=True,
        postgresql_where=sa.text("status = 'running' AND limit_key IS NOT NULL"),
    )
    op.create_index(
        "uq_job_queue_unique_key",
        "job_queue",
        ["organization_id", "job_type", "unique_key"],
        unique=True,
        postgresql_where=sa.text("unique_key IS NOT NULL AND status IN ('pending', 'running')"),
    )
    op.create_table(
        "rag_index_queue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), server_default="upsert", nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("claimed_version", sa.BigInteger(), nullable=True),
        sa.Column("run_after", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("locked_by", sa.Uuid(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("crash_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "(status = 'running') = (locked_by IS NOT NULL)", name=op.f("ck_rag_index_queue_running_is_locked")
        ),
        sa.CheckConstraint("action IN ('upsert', 'delete')", name=op.f("ck_rag_index_queue_action")),
        sa.CheckConstraint("source_type IN ('ticket', 'kb', 'asset')", name=op.f("ck_rag_index_queue_source_type")),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed')", name=op.f("ck_rag_index_queue_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rag_index_queue")),
        postgresql_with={
            "fillfactor": 80,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 500,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index(
        "ix_rag_index_queue_claim",
        "rag_index_queue",
        [sa.literal_column("priority DESC"), "run_after", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_rag_index_queue_locked_at",
        "rag_index_queue",
        ["locked_at"],
        unique=False,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index("ix_rag_index_queue_organization_id", "rag_index_queue", ["organization_id"], unique=False)
    op.create_index(
        "uq_rag_index_queue_source", "rag_index_queue", ["organization_id", "source_type", "source_id"], unique=True
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("types", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        postgresql_with={"fillfactor": 50},
    )
    protect("job_queue", "job_events", "rag_index_queue")
    open_to_workers("job_queue", verbs="SELECT, INSERT, UPDATE, DELETE")
    open_to_workers("job_events", verbs="SELECT, INSERT")
    open_to_workers("rag_index_queue", verbs="SELECT, INSERT, UPDATE, DELETE")
    op.execute("GRANT USAGE ON SEQUENCE job_events_id_seq TO atum_app, atum_worker")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON workers, cron_ticks TO atum_worker")
    op.execute("GRANT SELECT ON workers, cron_ticks TO atum_app")


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_index("uq_rag_index_queue_source", table_name="rag_index_queue")
    op.drop_index("ix_rag_index_queue_organization_id", table_name="rag_index_queue")
    op.drop_index(
        "ix_rag_index_queue_locked_at", table_name="rag_index_queue", postgresql_where=sa.text("status = 'running'")
    )
    op.drop_index(
        "ix_rag_index_queue_claim", table_name="rag_index_queue", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_table("rag_index_queue")
    op.drop_index(
        "uq_job_queue_unique_key",
        table_name="job_queue",
        postgresql_where=sa.text("unique_key IS NOT NULL AND status IN ('pending', 'running')"),
    )
    op.drop_index(
        "uq_job_queue_limit_slot",
        table_name="job_queue",
        postgresql_where=sa.text("status = 'running' AND limit_key IS NOT NULL"),
    )
    op.drop_index("ix_job_queue_status", table_name="job_queue", postgresql_where=sa.text("status <> 'completed'"))
    op.drop_index("ix_job_queue_org", table_name="job_queue", postgresql_where=sa.text("claimable"))
    op.drop_index("ix_job_queue_locked_at", table_name="job_queue", postgresql_where=sa.text("status = 'running'"))
    op.drop_index(
        "ix_job_queue_limit",
        table_name="job_queue",
        postgresql_where=sa.text("status = 'pending' AND limit_key IS NOT NULL"),
    )
    op.drop_index(
        "ix_job_queue_finished_at", table_name="job_queue", postgresql_where=sa.text("finished_at IS NOT NULL")
    )
    op.drop_index("ix_job_queue_claim", table_name="job_queue", postgresql_where=sa.text("claimable"))
    op.drop_table("job_queue")
    op.drop_index("ix_job_events_job_id", table_name="job_events")
    op.drop_table("job_events")
    op.drop_table("cron_ticks")
    op.execute("DROP SEQUENCE job_events_id_seq")
