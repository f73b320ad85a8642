"""The roles the product acts as, and making a database ready for them."""

from __future__ import annotations

from contextlib import suppress

import asyncpg

from helpdesk.errors import Unavailable

# Each is created without login; the login of the database URL is made a member and acts as one at a time.
ROLES = ("atum_owner", "atum_app", "atum_worker", "atum_search")
# The search role owns functions only, and nobody acts as it.
ASSUMED_ROLES = ("atum_owner", "atum_app", "atum_worker")

_PREPARE_SCHEMA = """
GRANT CREATE, USAGE ON SCHEMA public TO atum_owner;
GRANT USAGE ON SCHEMA public TO atum_app, atum_worker, atum_search;
GRANT CREATE ON SCHEMA public TO atum_search;
"""
# Lets workers see how old the transactions of other logins are; without it they say that they cannot.
_SEE_TRANSACTIONS = "GRANT pg_read_all_stats TO atum_worker"


class DatabaseNotPrepared(Unavailable):
    """The database lacks what only its administrator can give."""


async def prepare_database(connection: asyncpg.Connection) -> None:
    """Create the roles and the vector extension where they are missing, as far as the login may.

    Raises:
        DatabaseNotPrepared: with the statements an administrator has to run.
    """
    try:
        await _create_roles(connection)
        if not await connection.fetchval("SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
            await connection.execute("CREATE EXTENSION vector")
        # The grants need the database's owner; once given, later runs need nothing.
        if not await connection.fetchval("SELECT has_schema_privilege('atum_search', 'public', 'CREATE')"):
            await connection.execute(_PREPARE_SCHEMA)
        await _let_workers_see_transactions(connection)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFileError) as error:
        raise DatabaseNotPrepared(
            f"The database login may not prepare this database ({error}). "
            "Have an administrator run infra/postgres/prepare.sql on it once, then start again."
        ) from error


async def _create_roles(connection: asyncpg.Connection) -> None:
    for role in ROLES:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await connection.execute(f"CREATE ROLE {role} NOLOGIN")
    for role in ROLES:
        if not await connection.fetchval("SELECT pg_has_role(current_user, $1, 'MEMBER')", role):
            await connection.execute(f"GRANT {role} TO CURRENT_USER")
    if not await connection.fetchval("SELECT pg_has_role('atum_owner', 'atum_search', 'MEMBER')"):
        await connection.execute("GRANT atum_search TO atum_owner")


async def _let_workers_see_transactions(connection: asyncpg.Connection) -> None:
    if await connection.fetchval("SELECT pg_has_role('atum_worker', 'pg_read_all_stats', 'MEMBER')"):
        return
    with suppress(asyncpg.InsufficientPrivilegeError):
        # A savepoint: the product does without, and whatever else is prepared with it must not be lost.
        async with connection.transaction():
            await connection.execute(_SEE_TRANSACTIONS)


def statements_for_administrators(*, database: str, login: str) -> str:
    """Return the SQL an administrator runs where the login may not create roles or extensions."""
    creations = "\n".join(f"CREATE ROLE {role} NOLOGIN;" for role in ROLES)
    return (
        f"{creations}\nGRANT atum_search TO atum_owner;\nGRANT {', '.join(ROLES)} TO {login};\n"
        f"{_SEE_TRANSACTIONS};\n"
        f"\\connect {database}\nCREATE EXTENSION IF NOT EXISTS vector;\n{_PREPARE_SCHEMA.strip()}\n"
    )
