"""Make partitions of busy tables."""

from __future__ import annotations

from alembic import op

revision = "202611221020"
down_revision = "202611221015"
branch_labels = None
depends_on = None

# CREATE TABLE ... PARTITION OF would lock the parent against every reader and writer, and while it waited for one long
# transaction all later statements would wait behind it. A table that is made apart and attached leaves the parent open,
# and gives up after two seconds where even that is too much. Rows of a day for which nobody was there to make a
# partition lie in the default one; they move into theirs, since it could not be attached otherwise.
_MAKE_PARTITIONS = """
CREATE OR REPLACE FUNCTION make_partitions(parent text, unit text, ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    step interval := ('1 ' || unit)::interval;
    strays text := parent || '_default';
    starts timestamptz;
    child text;
    made int := 0;
BEGIN
    IF parent NOT IN ('job_events', 'ai_runs') OR unit NOT IN ('day', 'month') THEN
        RAISE EXCEPTION 'make_partitions knows no parent % by %', parent, unit;
    END IF;
    -- Workers that begin together would each find the same partition missing.
    PERFORM pg_advisory_xact_lock(hashtextextended('make_partitions', 0));
    FOR i IN 0..ahead LOOP
        starts := (date_trunc(unit, now() AT TIME ZONE 'UTC') + i * step) AT TIME ZONE 'UTC';
        child := parent || '_'
            || to_char(starts AT TIME ZONE 'UTC', CASE unit WHEN 'day' THEN 'YYYYMMDD' ELSE 'YYYYMM' END);
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', strays);
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING INDEXES)', child, parent);
            EXECUTE format('WITH gone AS (DELETE FROM %I WHERE created_at >= %L AND created_at < %L RETURNING *)'
                           ' INSERT INTO %I SELECT * FROM gone',
                           strays, starts, ((starts AT TIME ZONE 'UTC') + step) AT TIME ZONE 'UTC', child);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, child, starts, ((starts AT TIME ZONE 'UTC') + step) AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$
"""
# A partition goes under a lock that keeps everybody from the parent: half a second of waiting for it is enough.
_DROP_PARTITIONS = r"""
CREATE OR REPLACE FUNCTION drop_partitions(parent text, older_than interval) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '500ms' AS $$
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
    -- What was written while nobody made partitions.
    EXECUTE format('DELETE FROM %I WHERE created_at < %L', parent || '_default', now() - older_than);
    RETURN dropped;
END $$
"""


def upgrade() -> None:
    op.execute(_MAKE_PARTITIONS)
    op.execute(_DROP_PARTITIONS)


def downgrade() -> None:
    """Leave the functions: what they do is the same, and the step that made them drops them."""
