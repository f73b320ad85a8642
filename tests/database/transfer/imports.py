"""Run an import as the command does, on rows that a test writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import ArticleVisibility
from helpdesk.transfer.article_rows import ArticleReader
from helpdesk.transfer.articles import ArticleWork
from helpdesk.transfer.batches import Import, Report
from helpdesk.transfer.inputs import open_input
from helpdesk.transfer.mapping import ARTICLE_COLUMNS, TICKET_COLUMNS, ColumnMapping
from helpdesk.transfer.outcome import Outcome, Tally
from helpdesk.transfer.pipeline import database_clock
from helpdesk.transfer.rows import RowError
from helpdesk.transfer.ticket_rows import TicketReader
from helpdesk.transfer.tickets import TicketWork


@dataclass
class Imports:
    """Imports into one organisation."""

    database: Database
    organization_id: UUID
    folder: Path

    async def tickets(
        self, rows: Sequence[Mapping[str, Any] | str], *, dry_run: bool = False, create_categories: bool = False
    ) -> tuple[Tally, list[RowError]]:
        now = await self.now()
        work = TicketWork(
            self.organization_id,
            TicketReader(ColumnMapping(TICKET_COLUMNS), now),
            self.database.settings,
            now,
            create_categories,
        )
        return await self._run(work, self._file(rows), dry_run)

    async def articles(
        self,
        rows: Sequence[Mapping[str, Any] | str],
        *,
        publish: bool = True,
        visibility: ArticleVisibility | None = None,
        dry_run: bool = False,
        create_categories: bool = False,
    ) -> tuple[Tally, list[RowError]]:
        reader = ArticleReader(ColumnMapping(ARTICLE_COLUMNS), publish, visibility)
        work = ArticleWork(self.organization_id, reader, await self.now(), create_categories)
        return await self._run(work, self._file(rows), dry_run)

    async def now(self) -> datetime:
        async with self.database.transaction(self.organization_id) as session:
            return await database_clock(session)

    async def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        async with self.database.transaction(self.organization_id) as session:
            return [dict(row) for row in (await session.execute(text(sql), values)).mappings()]

    async def counts(self) -> dict[str, int]:
        tables = (
            *("tickets", "messages", "ticket_events", "contacts", "categories", "kb_articles", "kb_article_versions"),
            *("job_queue", "rag_index_queue", "ticket_counters"),
        )
        return {table: (await self.rows(f"SELECT count(*) FROM {table}"))[0]["count"] for table in tables}

    def _file(self, rows: Sequence[Mapping[str, Any] | str]) -> Path:
        path = self.folder / "rows.jsonl"
        path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
        return path

    async def _run(self, work: Any, path: Path, dry_run: bool) -> tuple[Tally, list[RowError]]:
        errors: list[RowError] = []
        importing: Import[Any] = Import(self.database, self.organization_id, work, Report(errors.append), dry_run)
        return await importing.run(open_input(path)), errors


def outcomes(tally: Tally) -> dict[str, int]:
    """Return the counts that are not zero, by name."""
    return {outcome.value: tally.rows[outcome] for outcome in Outcome if tally.rows[outcome]}
