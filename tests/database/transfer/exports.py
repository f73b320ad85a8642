"""Export as the job does, into a test's own folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.transfer.export import Position, measure, write_tickets
from helpdesk.transfer.export_file import GrowingFile
from helpdesk.transfer.export_formats import ExportFormat
from helpdesk.transfer.export_rows import Wanted

# Plain rows, since opening thousands of tickets properly would take minutes.
_TICKETS = text("""
    INSERT INTO tickets (id, organization_id, number, subject, created_at, updated_at)
    SELECT gen_random_uuid(), :organization_id, n, 'Ticket ' || n, now(), now() FROM generate_series(1, :count) AS n
""")
_MESSAGES = text("""
    INSERT INTO messages (id, organization_id, ticket_id, author_kind, body)
    SELECT gen_random_uuid(), t.organization_id, t.id, 'customer', repeat('words ', 60) || t.number FROM tickets t
     WHERE t.organization_id = :organization_id
""")


async def add_tickets(database: Database, organization_id: UUID, *, count: int) -> None:
    values = {"organization_id": organization_id, "count": count}
    async with database.transaction(organization_id) as session:
        await session.execute(_TICKETS, values)
        await session.execute(_MESSAGES, {"organization_id": organization_id})


async def export(
    database: Database,
    organization_id: UUID,
    path: Path,
    *,
    form: ExportFormat = ExportFormat.JSONL,
    on_chunk: Callable[[Position], None] = lambda _position: None,
    **wanted: Any,
) -> Position:
    """Write a whole file."""

    async def told(position: Position) -> None:
        on_chunk(position)

    which = Wanted(**wanted)
    begin = await measure(database, organization_id=organization_id, wanted=which)
    return await write_tickets(
        database,
        organization_id=organization_id,
        wanted=which,
        form=form,
        file=GrowingFile(path),
        position=begin,
        on_chunk=told,
    )


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]
