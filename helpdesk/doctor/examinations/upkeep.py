"""Whether PostgreSQL can clean up after the queue."""

from __future__ import annotations

from helpdesk.doctor.finding import error, ok, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check
from helpdesk.queue.table_health import TableHealth, table_health_over


@check("database.transactions", "how old the oldest open transaction is", database=True)
async def transactions(patient: Patient) -> Looked:
    """Look for transactions that keep dead rows alive."""
    health = await _health(patient)
    age = health.horizon_age_s or 0.0
    figures = {"horizon_age_s": round(age, 1), "prepared": health.prepared_transactions, "sees_all": health.sees_all}
    if age > patient.settings.transaction_age_alarm_s:
        whose = health.horizon_application or "unnamed"
        who = f"{whose} (process {health.horizon_pid}, {health.horizon_state})" if health.horizon_pid else whose
        end = f"SELECT pg_terminate_backend({health.horizon_pid})" if health.horizon_pid else "ROLLBACK PREPARED"
        says = f"A transaction has been open for {age:,.0f} s: {who}. No dead row goes meanwhile."
        return warning(says, f"End that program, or have an administrator run {end}.", **figures)
    if not health.sees_all:
        says = "How old the transactions of other logins are cannot be seen."
        return warning(says, "Have an administrator run GRANT pg_read_all_stats TO atum_worker.", **figures)
    return ok(f"The oldest open transaction is {age:,.0f} s old.", **figures)


@check("database.dead_rows", "whether dead rows of the queue's table are cleaned up", database=True)
async def dead_rows(patient: Patient) -> Looked:
    """Look at the dead rows of the queue."""
    health = await _health(patient)
    figures = {"live": health.live_rows, "dead": health.dead_rows, "bytes": health.table_bytes}
    size = f"{health.table_bytes / 1e6:,.1f} MB"
    says = f"The queue's table has {health.live_rows:,} rows and {health.dead_rows:,} dead ones, {size}."
    if health.dead_rows > max(patient.bounds.dead_rows, health.live_rows):
        remedy = "Look for old transactions and whether autovacuum runs; then VACUUM job_queue, as atum_owner."
        return warning(says, remedy, **figures)
    return ok(says, **figures)


@check("database.replication", "whether a replication slot keeps WAL that nobody fetches", database=True)
async def replication(patient: Patient) -> Looked:
    """Look at the slots of standbys and of other readers."""
    health = await _health(patient)
    lag = health.replication_slots_lag
    figures = {"slots": health.replication_slots, "lag_bytes": lag}
    if health.replication_slots and lag > patient.bounds.slot_lag:
        says = f"A replication slot keeps {lag / 1e9:,.1f} GB of WAL; the disk of the database fills."
        remedy = "Bring its standby back, or have an administrator run pg_drop_replication_slot for it."
        return error(says, remedy, **figures)
    return ok(f"{health.replication_slots} replication slots, {lag / 1e6:,.1f} MB behind.", **figures)


async def _health(patient: Patient) -> TableHealth:
    async with patient.reading("atum_worker") as connection:
        return await table_health_over(connection)
