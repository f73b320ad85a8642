"""Create what makes partitions, and the view that shows every clock as it is now."""

from __future__ import annotations

from alembic import op

revision = "202611220950"
down_revision = "202611220945"
branch_labels = None
depends_on = None

# The product's roles may not create tables; these two functions let them, for two parents and nothing else.
_MAKE_PARTITIONS = """
CREATE FUNCTION make_partitions(parent text, unit text, ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    step interval := ('1 ' || unit)::interval;
    starts timestamptz;
    child text;
    made int := 0;
BEGIN
    IF parent NOT IN ('job_events', 'ai_runs') OR unit NOT IN ('day', 'month') THEN
        RAISE EXCEPTION 'make_partitions knows no parent % by %', parent, unit;
    END IF;
    FOR i IN 0..ahead LOOP
        starts := date_trunc(unit, now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + i * step;
        child := parent || '_'
            || to_char(starts AT TIME ZONE 'UTC', CASE unit WHEN 'day' THEN 'YYYYMMDD' ELSE 'YYYYMM' END);
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                           child, parent, starts, starts + step);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$
"""
_DROP_PARTITIONS = r"""
CREATE FUNCTION drop_partitions(parent text, older_than interval) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    child record;
    ends timestamptz;
    dropped int := 0;
BEGIN
    IF parent NOT IN ('job_events', 'ai_runs') THEN
        RAISE EXCEPTION 'drop_partitions knows no parent %', parent;
    END IF;
    FOR child IN
        SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = parent::regclass
    LOOP
        ends := (regexp_match(child.bound, $x$TO \('([^']+)'\)$x$))[1]::timestamptz;
        IF ends IS NOT NULL AND ends < now() - older_than THEN
            EXECUTE format('DROP TABLE %I', child.relname);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$
"""
_CLOCK_VIEW = """
CREATE VIEW sla_clock_live WITH (security_invoker = true) AS
SELECT c.id, c.organization_id, c.ticket_id, c.metric, c.instance, c.state, c.outcome, c.breached, c.level,
       c.start_at, c.target_s, c.due_at, c.stopped_at, n.as_of,
       floor(CASE c.state WHEN 'running' THEN c.due_open_s - n.open_s
                          WHEN 'paused' THEN c.remaining_s END / 60.0)::bigint AS time_to_breach_minutes
  FROM sla_clocks c
  LEFT JOIN sla_calendar_now n ON n.calendar_version_id = c.calendar_version_id
"""


def upgrade() -> None:
    op.execute(_MAKE_PARTITIONS)
    op.execute(_DROP_PARTITIONS)
    for function in ("make_partitions(text, text, int)", "drop_partitions(text, interval)"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO atum_worker")
    # Rows of a time nobody has made a partition for are kept all the same.
    op.execute("CREATE TABLE job_events_default PARTITION OF job_events DEFAULT")
    op.execute("CREATE TABLE ai_runs_default PARTITION OF ai_runs DEFAULT")
    op.execute("SELECT make_partitions('job_events', 'day', 7), make_partitions('ai_runs', 'month', 2)")
    op.execute(_CLOCK_VIEW)
    op.execute("GRANT SELECT ON sla_clock_live TO atum_app")


def downgrade() -> None:
    op.execute("DROP VIEW sla_clock_live")
    op.execute("DROP TABLE job_events_default, ai_runs_default")
    op.execute("DROP FUNCTION make_partitions(text, text, int)")
    op.execute("DROP FUNCTION drop_partitions(text, interval)")
