"""The database server: there, new enough, with what the product needs of it."""

from __future__ import annotations

import time
from typing import Any

import asyncpg

from helpdesk.database.budget import look_at_budget
from helpdesk.database.schema_version import state
from helpdesk.doctor.finding import Verdict, error, ok, warning
from helpdesk.doctor.patient import DatabaseAway, Patient, open_connection
from helpdesk.doctor.registry import Looked, check
from helpdesk.errors import Unavailable

_LEAST_SERVER = 15
_LEAST_VECTOR = (0, 8, 4)
# What a worker of each kind opens at most; workers tell the same of themselves.
CONNECTIONS = {"job": 6, "rag": 4, "sla": 4}
# The quickest of several: what else this process does at the moment is not the database's fault.
_ROUND_TRIPS = 5

_VECTOR = """
SELECT e.extversion AS installed, a.default_version AS offered
  FROM (SELECT) AS one LEFT JOIN pg_extension e ON e.extname = 'vector'
  LEFT JOIN pg_available_extensions a ON a.name = 'vector'
"""
_DURABILITY = """
SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'autovacuum', 'track_counts')
   AND setting <> 'on' ORDER BY name
"""
# Where the same server is reached in two ways, it says the same of when it began.
_WHICH = "SELECT concat(current_database(), ' ', pg_postmaster_start_time()) AS which"


@check("database.reachable", "whether the database answers, and how fast", database=True)
async def reachable(patient: Patient) -> Looked:
    """Open a connection and ask for a round trip."""
    try:
        connection = await patient.connect()
    except DatabaseAway as away:
        return error(away.detail, away.remedy)
    took = round(min([await _round_trip_ms(connection) for _ in range(_ROUND_TRIPS)]), 1)
    if took > patient.bounds.slow_ms:
        remedy = "Bring the processes nearer to PostgreSQL, or find out what it is busy with."
        return warning(f"PostgreSQL at {patient.place} takes {took} ms to answer.", remedy, ms=took)
    return ok(f"PostgreSQL at {patient.place} answers in {took} ms.", ms=took)


async def _round_trip_ms(connection: asyncpg.Connection) -> float:
    began = time.perf_counter()
    await connection.fetchval("SELECT 1")
    return (time.perf_counter() - began) * 1000


@check("database.version", f"whether PostgreSQL is {_LEAST_SERVER} or newer", database=True)
async def version(patient: Patient) -> Looked:
    """Look at the version of the server."""
    async with patient.reading(None) as connection:
        number, said = (
            int(await connection.fetchval("SHOW server_version_num")),
            await connection.fetchval("SHOW server_version"),
        )
    return verdict_on_server(number, said)


def verdict_on_server(number: int, said: str) -> Verdict:
    """Say whether a version of PostgreSQL, such as 180006, serves the product."""
    if number // 10_000 < _LEAST_SERVER:
        remedy = (
            f"Upgrade to PostgreSQL {_LEAST_SERVER} or newer; `atum-desk backup` and `restore` take the data along."
        )
        return error(f"This is PostgreSQL {said}.", remedy, server_version=number)
    return ok(f"PostgreSQL {said}.", server_version=number)


@check("database.extensions", "whether pgvector is installed, and new enough", database=True)
async def extensions(patient: Patient) -> Looked:
    """Look at the extension the index is made with."""
    async with patient.reading(None) as connection:
        row = await connection.fetchrow(_VECTOR)
    return verdict_on_vector(row["installed"], row["offered"])


def verdict_on_vector(installed: str | None, offered: str | None) -> Verdict:
    """Say whether pgvector serves the product.

    Args:
        installed: the version in the database.
        offered: the version that the server has to install.
    """
    least = ".".join(map(str, _LEAST_VECTOR))
    figures = {"installed": installed, "offered": offered}
    server = f"Install pgvector {least} or newer on the server"
    if installed is None:
        create = "have an administrator run CREATE EXTENSION vector in this database"
        remedy = f"{server}, then {create}." if not offered else f"{create[:1].upper()}{create[1:]}."
        return error("The extension vector is not in the database.", remedy, **figures)
    if _numbers(installed) >= _LEAST_VECTOR:
        return ok(f"pgvector {installed}.", **figures)
    update = "have an administrator run ALTER EXTENSION vector UPDATE"
    fresh = offered is not None and _numbers(offered) >= _LEAST_VECTOR
    remedy = f"{update[:1].upper()}{update[1:]}." if fresh else f"{server}, then {update}."
    return error(f"pgvector is {installed}; searches within a tenant need {least}.", remedy, **figures)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


@check("database.schema", "whether the schema is the one of this version", database=True)
async def schema(patient: Patient) -> Looked:
    """Compare the last migration with the one this version was built for."""
    async with patient.reading(None) as connection:
        found = await state(connection)
    figures = {"current": found.current, "wanted": found.wanted, "verdict": found.verdict}
    if found.verdict == "ok":
        return ok(found.sentence, **figures)
    says, _, remedy = found.sentence.partition(". ")
    return error(f"{says}.", remedy, **figures)


@check("database.durability", "whether the server keeps what it has confirmed, and cleans up", database=True)
async def durability(patient: Patient) -> Looked:
    """Look for switches of the server that no installation should have off."""
    async with patient.reading(None) as connection:
        off = [row["name"] for row in await connection.fetch(_DURABILITY)]
    if off:
        losing = {"fsync", "full_page_writes"} & set(off)
        follows = "a crash can destroy the database" if losing else "dead rows are never cleaned up"
        remedy = f"Set {', '.join(off)} to on in postgresql.conf."
        return error(f"PostgreSQL runs with {', '.join(off)} off: {follows}.", remedy, off=off)
    return ok("The server writes through to disk and cleans up.")


@check("database.connections", "how many connections PostgreSQL has left", database=True)
async def connections(patient: Patient) -> Looked:
    """Count connections, those in use and those that processes may still open."""
    async with patient.reading("atum_worker") as connection:
        gone_s = patient.settings.lease_timeout_s
        budget = await look_at_budget(connection, per_worker=CONNECTIONS, worker_gone_s=gone_s)
    left = budget.allowed - budget.spoken_for
    figures = {"allowed": budget.allowed, "in_use": budget.in_use, "spoken_for": budget.spoken_for}
    says = f"{budget.in_use} of {budget.allowed} connections are in use, {budget.spoken_for} once all workers are busy."
    remedy = (
        "Raise max_connections, run fewer processes, lower ATUM_DATABASE_POOL_SIZE, or put a pooler in between "
        "(ATUM_DATABASE_PGBOUNCER)."
    )
    if left <= 0:
        return error(says, remedy, **figures)
    if left < budget.allowed * patient.bounds.connections_left:
        return warning(says, remedy, **figures)
    return ok(says, **figures)


@check("database.pooler", "whether the way past a pooler leads to the same database", database=True)
async def pooler(patient: Patient) -> Looked:
    """Compare the database behind the pooler with the one of ATUM_DATABASE_LISTEN_URL."""
    settings = patient.settings
    if not settings.database_pgbouncer:
        return ok("No pooler is set, and connections go to PostgreSQL itself.")
    direct = settings.direct
    if direct is None:
        # Told by settings.agreement.
        return ok("A pooler is set, and no way past it.")
    async with patient.reading(None) as connection:
        behind = await connection.fetchval(_WHICH)
    try:
        beside: Any = await open_connection(direct)
    except (OSError, TimeoutError, asyncpg.PostgresError, Unavailable) as failure:
        says = f"ATUM_DATABASE_LISTEN_URL cannot be reached: {type(failure).__name__}."
        return error(says, "Correct it: migrations, backups and wake-ups of workers go that way.")
    try:
        if await beside.fetchval(_WHICH) != behind:
            says = "ATUM_DATABASE_LISTEN_URL leads to another database than the pooler."
            return error(says, "Let both lead to the same one: wake-ups, migrations and backups go to the other.")
    finally:
        beside.terminate()
    return ok("The pooler and ATUM_DATABASE_LISTEN_URL lead to the same database.")
