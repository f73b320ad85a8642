"""The people who wait for a text model, seen by all processes through a small table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database

# Whoever could not leave the line, such as a process that was killed, is forgotten after what a call may take.
_STAND = text("""
    WITH gone AS (DELETE FROM model_callers WHERE waits_until < now())
    INSERT INTO model_callers (id, process, waits_until)
    VALUES (:id, :process, now() + make_interval(secs => :seconds))
""")
_LEAVE = text("DELETE FROM model_callers WHERE id = :id")
_ELSEWHERE = text("SELECT EXISTS (SELECT FROM model_callers WHERE process <> :process AND waits_until > now())")
# The order of calls is not worth waiting for: without an answer within this, everybody goes as if alone.
_PATIENCE_S = 1.0

log = structlog.get_logger(__name__)


class DatabaseLine:
    """The line of all processes on one database.

    Args:
        longest_s: what waiting and the call together may take.
    """

    def __init__(self, database: Database, *, longest_s: float) -> None:
        self._database = database
        self._longest_s = longest_s
        self._process = new_id()

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        """Be seen as somebody who waits, while the context is open."""
        caller = new_id()
        stands = await self._run(_STAND, id=caller, process=self._process, seconds=self._longest_s) is not None
        try:
            yield
        finally:
            if stands:
                # Also where the person has left and the call is cancelled: others must not wait for nobody.
                await asyncio.shield(self._run(_LEAVE, id=caller))

    async def is_empty(self) -> bool:
        """Return whether nobody waits in another process; also where the database does not say."""
        return not await self._run(_ELSEWHERE, process=self._process)

    async def _run(self, statement: TextClause, **values: Any) -> bool | None:
        """Run a statement and return what it says, True where it says nothing, None where the database is away."""
        try:
            async with (
                asyncio.timeout(_PATIENCE_S),
                self._database.transaction(None, role="atum_worker") as session,
            ):
                result = await session.execute(statement, values)
                says_something = isinstance(result, CursorResult) and result.returns_rows
                return bool(result.scalar_one()) if says_something else True
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            log.warning("model_line_unseen", error=repr(error))
            return None
