"""The server that takes writes, and replicas that are read from."""

from __future__ import annotations

import asyncpg

from helpdesk.doctor.finding import error, ok, skipped, warning
from helpdesk.doctor.patient import Patient, open_connection
from helpdesk.doctor.registry import Looked, check
from helpdesk.errors import Unavailable

_TAKES_WRITES = """
SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only')::boolean AS read_only
"""
_WRITTEN = "SELECT pg_current_wal_lsn()::text"
# A replica that has all there is shows no time: nothing was written since.
_REPLAYED = """
SELECT pg_is_in_recovery() AS standby,
       CASE WHEN pg_is_in_recovery() AND pg_wal_lsn_diff($1::text::pg_lsn, pg_last_wal_replay_lsn()) > 0
            THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 ELSE 0 END AS lag_s
"""


@check("database.primary", "whether the database takes writes", database=True)
async def primary(patient: Patient) -> Looked:
    """Look whether the server is a standby, or the database was made to be read only."""
    async with patient.reading(None) as connection:
        row = await connection.fetchrow(_TAKES_WRITES)
    if row["standby"]:
        says = f"The server at {patient.place} is a standby, and takes no writes."
        remedy = "Promote it, or name all servers in ATUM_DATABASE_URL with target_session_attrs=read-write."
        return error(says, remedy)
    if row["read_only"]:
        remedy = "Have an administrator run ALTER DATABASE … RESET default_transaction_read_only, or so for the login."
        return error("Transactions on this database are read only unless they say otherwise.", remedy)
    return ok("The database takes writes.")


@check("database.replica", "whether the replica that is read from is there, and how far it is behind", database=True)
async def replica(patient: Patient) -> Looked:
    """Look how far the replica of ATUM_DATABASE_REPLICA_URL has come."""
    settings = patient.settings
    if settings.database_replica_url is None:
        return skipped("ATUM_DATABASE_REPLICA_URL is not set: all is read from the primary.")
    async with patient.reading("atum_worker") as connection:
        written = (
            None if await connection.fetchval("SELECT pg_is_in_recovery()") else await connection.fetchval(_WRITTEN)
        )
    instead = "Until it is back, the primary is read from."
    try:
        there = await open_connection(settings.model_copy(update={"database_url": settings.database_replica_url}))
    except (OSError, TimeoutError, asyncpg.PostgresError, Unavailable) as failure:
        says = f"The replica cannot be reached: {type(failure).__name__}. {instead}"
        return warning(says, "Start it, or correct ATUM_DATABASE_REPLICA_URL.")
    try:
        row = await there.fetchrow(_REPLAYED, written or "0/0")
    finally:
        there.terminate()
    if not row["standby"]:
        says = "ATUM_DATABASE_REPLICA_URL leads to a server that is no replica."
        return warning(says, "Name a streaming replica there, or leave the setting out.")
    lag_s = row["lag_s"] or 0.0
    if lag_s > settings.database_replica_lag_s:
        says = f"The replica is {lag_s:,.0f} s behind, more than ATUM_DATABASE_REPLICA_LAG_S allows. {instead}"
        return warning(says, "Look at the load of the replica and the network to it.", lag_s=lag_s)
    return ok(f"The replica is {lag_s:,.1f} s behind.", lag_s=lag_s)
