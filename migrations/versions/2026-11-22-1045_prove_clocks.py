"""Let a tick cost what crosses, and record the nightly proof of the clocks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import open_to_workers, protect

revision = "202611221045"
down_revision = "202611221040"
branch_labels = None
depends_on = None

_DUE = "CREATE INDEX ix_sla_clocks_next_threshold_at ON sla_clocks (next_threshold_at)"

# A running clock has never more left than its target, and one on a calendar that no tick has seen yet has what it had
# when it was stored.
_TIME_LEFT = """
    floor(CASE c.state WHEN 'running' THEN least(c.target_s, coalesce(c.due_open_s - n.open_s, c.remaining_s))
                       WHEN 'paused' THEN c.remaining_s END / 60.0)::bigint
"""
_TIME_LEFT_BEFORE = """
    floor(CASE c.state WHEN 'running' THEN c.due_open_s - n.open_s
                       WHEN 'paused' THEN c.remaining_s END / 60.0)::bigint
"""
_VIEW = """
CREATE OR REPLACE VIEW sla_clock_live WITH (security_invoker = true) AS
SELECT c.id, c.organization_id, c.ticket_id, c.metric, c.instance, c.state, c.outcome, c.breached, c.level,
       c.start_at, c.target_s, c.due_at, c.stopped_at, n.as_of, {left} AS time_to_breach_minutes
  FROM sla_clocks c
  LEFT JOIN sla_calendar_now n ON n.calendar_version_id = c.calendar_version_id
"""
# The SLA worker tells two numbers over every organisation, and is to see no more of their tickets than that.
_SKIPPED = """
CREATE FUNCTION sla_skipped(OUT null_sla bigint, OUT paused bigint) STABLE
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (SELECT count(*) FROM tickets t
             WHERE t.status NOT IN ('solved', 'closed')
               AND NOT EXISTS (SELECT 1 FROM sla_clocks c WHERE c.ticket_id = t.id)),
           (SELECT count(*) FROM sla_clocks WHERE state = 'paused')
$$
"""


def upgrade() -> None:
    op.add_column("sla_clocks", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    told = sa.Column("told_version", sa.Integer(), server_default=sa.text("0"), nullable=False)
    op.add_column("sla_clocks", told)
    op.execute("UPDATE sla_clocks SET told_version = target_version WHERE level > 0")
    op.execute("DROP INDEX ix_sla_clocks_next_threshold_at")
    # What a tick looks for is in the index itself: whose ticket it is.
    op.execute(f"{_DUE} INCLUDE (organization_id, ticket_id) WHERE next_threshold_at IS NOT NULL")
    # Each row is written once a minute, and finds its place in the same page.
    op.execute("ALTER TABLE sla_calendar_now SET (fillfactor = 50)")
    op.execute(_VIEW.format(left=_TIME_LEFT))
    op.execute(_SKIPPED)
    op.execute("REVOKE ALL ON FUNCTION sla_skipped() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION sla_skipped() TO atum_worker")
    open_to_workers("sla_calendar_now", verbs="SELECT, UPDATE")
    open_to_workers("sla_calendar_versions", verbs="SELECT")
    _create_proofs()
    protect("sla_proofs")


def _create_proofs() -> None:
    op.create_table(
        "sla_proofs",
        sa.Column("heals", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after_created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("after_ticket_id", sa.Uuid(), nullable=True),
        sa.Column("tickets", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("clocks", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("differing", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("healed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sample", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_proofs_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_proofs")),
    )
    op.create_index("ix_sla_proofs_organization_id_started_at", "sla_proofs", ["organization_id", "started_at", "id"])


def downgrade() -> None:
    op.drop_table("sla_proofs")
    for table, verbs in (("sla_calendar_versions", "SELECT"), ("sla_calendar_now", "SELECT, UPDATE")):
        op.execute(f"DROP POLICY workers ON {table}")
        op.execute(f"REVOKE {verbs} ON {table} FROM atum_worker")
    op.execute("DROP FUNCTION sla_skipped()")
    op.execute(_VIEW.format(left=_TIME_LEFT_BEFORE))
    op.execute("ALTER TABLE sla_calendar_now RESET (fillfactor)")
    op.execute("DROP INDEX ix_sla_clocks_next_threshold_at")
    op.execute(f"{_DUE} WHERE next_threshold_at IS NOT NULL")
    op.drop_column("sla_clocks", "told_version")
    op.drop_column("sla_clocks", "failing_since")
