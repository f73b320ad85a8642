"""Rows in every table there is, whatever tables there are: a backup has to bring back all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg

# What a dump has to keep apart from its own marks.
NASTY = "tab\there, back\\slash, \\N, line\n\\.\nCOPY public.tickets (id) FROM stdin;\nžluťoučký 💡 "
_TABLES = """
SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public' AND c.relname <> 'alembic_version'
"""
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
   AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
"""
_KEYS = """
SELECT a.attname AS name, f.attname AS target, k.confrelid::regclass::text AS table
  FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
  JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[1]
 WHERE k.conrelid = $1 AND k.contype = 'f'
"""
_CHECKS = "SELECT pg_get_constraintdef(oid) AS rule FROM pg_constraint WHERE conrelid = $1 AND contype = 'c'"
_FIRST_ALLOWED = re.compile(r"\((\w+) = (?:ANY \(ARRAY\[)?'([^']+)'::text")
_SAMPLES: Mapping[str, Any] = {
    "jsonb": '{"deep": ["\\\\.", "tab\\t", null, 1.5]}',
    "bytea": b"\x00\\.\n\xff",
    "boolean": True,
    "text[]": ["a,b", '"', NASTY],
    "integer[]": [1, 2, 3],
    "uuid[]": [],
    "interval": None,
    "inet": "127.0.0.1",
    "date": datetime(2026, 3, 3, tzinfo=UTC).date(),
}


def _sample(kind: str, number: int) -> Any:
    if kind in ("integer", "bigint", "smallint"):
        return number
    if kind in ("double precision", "real", "numeric"):
        return 0.1 + number
    if kind == "uuid":
        return uuid4()
    if kind.startswith("timestamp"):
        # One in the partition of today, one where no partition was ever made.
        return datetime.now(UTC) if number % 2 else datetime(2031, 5, 6, 7, 8, 9, 123456, UTC)
    return NASTY + uuid4().hex if kind == "text" else _SAMPLES[kind]


def _literal(kind: str) -> str | None:
    """Return the SQL of a vector: the driver knows none."""
    if dims := re.fullmatch(r"halfvec(?:\((\d+)\))?", kind):
        return "'[" + ",".join(str(n % 7 / 8) for n in range(int(dims[1] or 5))) + "]'::halfvec"
    return "'{3:0.5,9:1.25}/1000000000'::sparsevec" if kind.startswith("sparsevec") else None


async def fill_every_table(connection: asyncpg.Connection) -> list[str]:
    """Insert up to three rows into each table, parents first; return the tables that took none.

    Args:
        connection: acts as the owner.
    """
    await connection.execute("SELECT rag_register_model('m', 'd', 16, '', '', 256, false)")
    waiting = [(row["oid"], row["name"]) for row in await connection.fetch(_TABLES)]
    for _ in range(len(waiting)):
        waiting = [(oid, name) for oid, name in waiting if not await _fill(connection, oid, name)]
        if not waiting:
            break
    return [name for _, name in waiting]


async def _fill(connection: asyncpg.Connection, oid: int, table: str) -> bool:
    keys = {row["name"]: row for row in await connection.fetch(_KEYS, oid)}
    allowed = {
        found[1]: found[2]
        for row in await connection.fetch(_CHECKS, oid)
        if (found := _FIRST_ALLOWED.search(row["rule"]))
    }
    columns = await connection.fetch(_COLUMNS, oid)
    for number in range(1, 4):
        values: list[Any] = []
        places = []
        for column in columns:
            name = column["name"]
            if literal := _literal(column["type"]):
                places.append(literal)
                continue
            if key := keys.get(name):
                query = f"SELECT {key['target']} FROM {key['table']} OFFSET random() * $1 LIMIT 1"
                value = await connection.fetchval(query, number - 1) or await connection.fetchval(
                    f"SELECT {key['target']} FROM {key['table']} LIMIT 1"
                )
                if value is None:
                    return False
            else:
                value = allowed.get(name, _sample(column["type"], number))
            values.append(value)
            places.append(f"${len(values)}")
        names = ", ".join(column["name"] for column in columns)
        with suppress(asyncpg.UniqueViolationError, asyncpg.ExclusionViolationError):
            await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(places)})", *values)
    return True


async def checksums(connection: asyncpg.Connection) -> dict[str, tuple[int, str]]:
    """Return the number of rows of each table, partition by partition, and a checksum over every value of them."""
    tables = await connection.fetch(
        "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public'"
    )
    found = {}
    for (table,) in tables:
        row = await connection.fetchrow(
            "SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\")), '') "
            f"FROM ONLY {table} t"
        )
        found[table] = (row[0], row[1])
    return found


# All that a schema is made of besides its rows, in words that do not depend on object ids.
_SCHEMA = """
SELECT 'function ' || p.oid::regprocedure,
       pg_get_functiondef(p.oid) || p.proowner::regrole || coalesce(p.proacl::text, '')
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 'table ' || c.relname, concat(c.relkind, c.relowner::regrole, c.relacl, c.relrowsecurity, c.relforcerowsecurity)
       || coalesce(c.reloptions::text, '')
       || coalesce(pg_get_expr(c.relpartbound, c.oid), '')
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
UNION ALL
SELECT 'column ' || c.relname || '.' || a.attname,
       concat(format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, a.attidentity, a.attgenerated)
       || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'policy ' || tablename || '.' || policyname, p::text FROM pg_policies p WHERE schemaname = 'public'
UNION ALL
SELECT 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'sequence ' || sequencename, coalesce(last_value::text, 'unused') FROM pg_sequences WHERE schemaname = 'public'
"""


async def schema(connection: asyncpg.Connection) -> dict[str, str]:
    """Describe functions, tables, columns, indexes, policies, constraints and sequences with owners and rights."""
    return {row[0]: row[1] for row in await connection.fetch(_SCHEMA)}
