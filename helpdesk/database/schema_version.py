"""Which schemas this code runs with: its own, and later ones that say they still serve it.

Revisions are named by the minute they were written and stand in one line, so that of two names the later one is the
later revision. Migrations note beside the schema since which revision it serves the code that was built for it
(`migrations/env.py`), which lets processes of two versions work side by side while an upgrade is under way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, assert_never

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk.errors import Conflict

# The last migration this code was built for. Whoever adds a migration moves it along; a test compares the two.
REVISION: Final = "202611221800"

Verdict = Literal["ok", "too_old", "too_new", "empty"]

# What the schema says of itself; everybody may read comments, and the table itself since migrations grant it.
_LOOK = """
SELECT found.oid IS NOT NULL AS there,
       coalesce(has_table_privilege(found.oid, 'SELECT'), false) AS readable,
       obj_description(found.oid, 'pg_class') AS note
  FROM (SELECT to_regclass('alembic_version')::oid) AS found (oid)
"""
_CURRENT = "SELECT version_num FROM alembic_version"


class WrongSchema(Conflict):
    """The database has not the schema that this version runs with."""


class Fetches(Protocol):
    """Runs a statement and returns its rows: a raw connection, or a link."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Mapping[str, Any]]:
        """Return the rows."""
        ...


@dataclass(frozen=True)
class SchemaNote:
    """What migrations write beside the schema, as the comment of Alembic's table.

    Attributes:
        serves_since: the oldest revision whose code runs with this schema.
        migrated_by: the version of the product that migrated last.
    """

    serves_since: str
    migrated_by: str

    def written(self) -> str:
        """Return the note as it is kept."""
        return json.dumps({"serves_since": self.serves_since, "migrated_by": self.migrated_by})

    @classmethod
    def read(cls, kept: str | None) -> SchemaNote | None:
        """Return a kept note; None where there is none, or it is somebody else's comment."""
        try:
            found = json.loads(kept or "")
            return cls(serves_since=str(found["serves_since"]), migrated_by=str(found["migrated_by"]))
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class SchemaState:
    """The schema that is there beside the one this code was built for.

    Attributes:
        current: the last migration the database has seen; None when it has seen none, or does not show it.
        wanted: the last migration this code knows.
        note: what the schema says of the code that it serves.
    """

    current: str | None
    wanted: str
    verdict: Verdict
    note: SchemaNote | None = None

    @property
    def sentence(self) -> str:
        """Return what is the matter and what to do about it, in one sentence or two."""
        match self.verdict:
            case "ok" if self.current == self.wanted:
                return f"The database has this version's schema ({self.wanted})."
            case "ok":
                return (
                    f"The database's schema ({self.current}) is newer than this version's ({self.wanted}) "
                    "and still serves it."
                )
            case "empty":
                return "The database has no tables yet. Run `atum-desk migrate` once, then start again."
            case "too_old":
                return (
                    f"The database's schema ({self.current or 'of an early version'}) is older than this version needs "
                    f"({self.wanted}). Run `atum-desk migrate`, then start again."
                )
            case "too_new":
                least = f"Atum Desk {self.note.migrated_by}" if self.note else "the version that migrated it"
                return (
                    f"The database's schema ({self.current}) is too new for this version, which knows {self.wanted}. "
                    f"Install {least} or a later one."
                )
            case never:
                assert_never(never)


def verdict_on(current: str | None, note: SchemaNote | None, *, wanted: str = REVISION) -> Verdict:
    """Say whether code built for `wanted` runs with a schema.

    A later schema serves it when no migration up to there has taken away what it uses.
    """
    if current is None:
        return "empty"
    if current == wanted:
        return "ok"
    if current < wanted:
        return "too_old"
    return "ok" if note is not None and note.serves_since <= wanted else "too_new"


async def state(connection: Fetches, *, wanted: str = REVISION) -> SchemaState:
    """Look at the schema; any role may, and nothing is changed."""
    [look] = await connection.fetch(_LOOK)
    if not look["there"]:
        return SchemaState(None, wanted, "empty")
    note = SchemaNote.read(look["note"])
    if not look["readable"]:
        # Migrated last by a version that did not show it yet.
        return SchemaState(None, wanted, "too_old", note)
    rows = await connection.fetch(_CURRENT)
    current = rows[0]["version_num"] if rows else None
    return SchemaState(current, wanted, verdict_on(current, note, wanted=wanted), note)


async def check(connection: Fetches) -> SchemaState:
    """Return the state of a schema that this code runs with; raise WrongSchema with the remedy for any other."""
    found = await state(connection)
    if found.verdict != "ok":
        raise WrongSchema(found.sentence)
    return found


@dataclass(frozen=True)
class Pooled:
    """A connection of SQLAlchemy's, as `state` and `check` want it."""

    connection: AsyncConnection

    async def fetch(self, query: str, *_args: Any) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a statement without arguments."""
        return [dict(row) for row in (await self.connection.execute(text(query))).mappings()]
