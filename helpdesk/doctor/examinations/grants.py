"""Who may do what in the database, and that tenants are kept apart by it."""

from __future__ import annotations

from helpdesk.database.roles import ASSUMED_ROLES, ROLES
from helpdesk.doctor.finding import error, ok, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check
from helpdesk.models import Base

# What workers use across organisations, in any way they like; the rest they reach as the app.
_WORKERS_OWN = ("job_queue", "rag_index_queue", "workers", "cron_ticks", "model_callers")
# Nobody else has to do with these.
_NOT_THE_APPS = {"model_callers"}
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_SHOWN = 6

_ROLES = """
SELECT wanted.name, r.rolname IS NOT NULL AS there, coalesce(r.rolsuper, false) AS super,
       coalesce(r.rolbypassrls, false) AS bypasses, coalesce(r.rolcanlogin, false) AS logs_in,
       coalesce(pg_has_role(current_user, r.oid, 'MEMBER'), false) AS member
  FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, place) LEFT JOIN pg_roles r ON r.rolname = wanted.name
 ORDER BY wanted.place
"""
_LOGIN = (
    "SELECT rolname AS name, rolsuper AS super, rolbypassrls AS bypasses FROM pg_roles WHERE rolname = current_user"
)
# A partition is reached through its table alone, and a table of tenants is hidden from all but its policies' roles,
# its owner included.
_UNPROTECTED = """
SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND a.attname = 'organization_id' AND NOT a.attisdropped AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
 UNION
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relispartition AND c.relkind IN ('r', 'p')
   AND (has_table_privilege('atum_app', c.oid, 'SELECT') OR has_table_privilege('atum_worker', c.oid, 'SELECT'))
 ORDER BY 1
"""
# One that lets the app see everything makes all the others worthless.
_OPEN_POLICIES = """
SELECT concat(polrelid::regclass, '.', polname) AS name FROM pg_policy
 WHERE polpermissive AND polroles && ARRAY[0::oid, 'atum_app'::regrole::oid]
   AND pg_get_expr(polqual, polrelid) = 'true'
   AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = polrelid AND attname = 'organization_id')
 ORDER BY 1
"""
_MISSING = """
SELECT t.name, t.role, t.verb FROM unnest($1::text[], $2::text[], $3::text[]) AS t (name, role, verb)
 WHERE to_regclass(t.name) IS NULL OR NOT has_table_privilege(t.role, to_regclass(t.name), t.verb)
"""
_FOREIGN = """
SELECT c.oid::regclass::text AS name, pg_get_userbyid(c.relowner) AS owner FROM pg_class c
 WHERE c.oid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS wanted (name))
   AND pg_get_userbyid(c.relowner) <> 'atum_owner'
 ORDER BY 1
"""


@check(
    "database.roles",
    "whether the login may act as the roles, and row security binds all of them",
    database=True,
)
async def roles(patient: Patient) -> Looked:
    """Look at the product's roles and at the login of the database URL."""
    async with patient.reading(None) as connection:
        rows = await connection.fetch(_ROLES, list(ROLES))
        login = await connection.fetchrow(_LOGIN)
    if missing := [row["name"] for row in rows if not row["there"]]:
        remedy = "Have an administrator run infra/postgres/prepare.sql on this database, or run `atum-desk migrate`."
        return error(f"The roles {', '.join(missing)} are missing.", remedy, missing=missing)
    if barred := [row["name"] for row in rows if row["name"] in ASSUMED_ROLES and not row["member"]]:
        remedy = f"Have an administrator run GRANT {', '.join(barred)} TO {login['name']}."
        return error(f"The login {login['name']} may not act as {', '.join(barred)}.", remedy, barred=barred)
    if above := [row["name"] for row in rows if row["super"] or row["bypasses"]]:
        remedy = f"Have an administrator run ALTER ROLE {above[0]} NOSUPERUSER NOBYPASSRLS, and so for each."
        return error(f"Row-level security does not bind {', '.join(above)}.", remedy, above=above)
    if login["super"] or login["bypasses"]:
        says = f"The login {login['name']} is {'a superuser' if login['super'] else 'above row-level security'}."
        remedy = "Give the product a login of its own that is only a member of its roles."
        return error(f"{says} Nothing but the product itself keeps tenants apart.", remedy, login=login["name"])
    if able := [row["name"] for row in rows if row["logs_in"]]:
        return warning(f"{', '.join(able)} may log in.", f"Have an administrator run ALTER ROLE {able[0]} NOLOGIN.")
    return ok(f"{login['name']} may act as {', '.join(ASSUMED_ROLES)}, and row-level security binds all of them.")


@check("database.tenancy", "whether row-level security is on for every table of tenants", database=True)
async def tenancy(patient: Patient) -> Looked:
    """Look for tables that the database would show to everybody."""
    async with patient.reading("atum_owner") as connection:
        bare = [row["name"] for row in await connection.fetch(_UNPROTECTED)]
        wide = [row["name"] for row in await connection.fetch(_OPEN_POLICIES)]
    found = []
    if bare:
        remedy = (
            f"As atum_owner: ALTER TABLE {bare[0]} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; then find out "
            "who turned it off."
        )
        found.append(error(f"Tenants are not kept apart in {_some(bare)}.", remedy, tables=bare))
    if wide:
        table, _, policy = wide[0].rpartition(".")
        remedy = f"As atum_owner: DROP POLICY {policy} ON {table}."
        found.append(error(f"A policy shows the rows of all tenants: {_some(wide)}.", remedy, policies=wide))
    return found or ok("Row-level security is on, and forced, for every table of tenants.")


@check("database.grants", "whether the roles may use the tables, and who owns them", database=True)
async def grants(patient: Patient) -> Looked:
    """Look for grants that are missing, as after a restore without them."""
    tables = sorted(table.name for table in Base.metadata.tables.values())
    wanted = [(name, "atum_app", "SELECT") for name in tables if name not in _NOT_THE_APPS]
    wanted += [
        (name, "atum_worker", verb) for name in _WORKERS_OWN for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")
    ]
    async with patient.reading("atum_owner") as connection:
        missing = await connection.fetch(_MISSING, *map(list, zip(*wanted, strict=True)))
        foreign = await connection.fetch(_FOREIGN, tables)
    found = []
    if missing:
        told = [f"{row['role']}: {row['verb']} on {row['name']}" for row in missing]
        first = missing[0]
        remedy = f"As atum_owner: GRANT {first['verb']} ON {first['name']} TO {first['role']}, and so for each."
        found.append(error(f"Grants are missing: {_some(told)}.", remedy, missing=told))
    if foreign:
        told = [f"{row['name']} ({row['owner']})" for row in foreign]
        remedy = f"Have an administrator run ALTER TABLE {foreign[0]['name']} OWNER TO atum_owner, and so for each."
        found.append(error(f"Tables are not atum_owner's: {_some(told)}.", remedy, tables=told))
    return found or ok(f"{len(wanted)} grants on {len(tables)} tables are there.")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
