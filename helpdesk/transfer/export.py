"""Export an organisation's tickets in chunks, each as it stood when it was read.

A chunk is read in one short snapshot and written with no transaction open; then the position is told to whoever asked.
An export goes on from any position that it told, also in another process. Tickets that change meanwhile are exported as
they are when their turn comes; those opened after the beginning are left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.transfer.export_file import GrowingFile
from helpdesk.transfer.export_formats import FORMATS, ExportFormat, TicketFormat
from helpdesk.transfer.export_rows import TicketRecord, Wanted, read_chunk, read_extent


@dataclass(frozen=True)
class Position:
    """How far an export is.

    Attributes:
        after: number of the last ticket in the file.
        up_to: number of the last ticket there will be.
        done, total: tickets in the file, and those there were at the beginning.
        size: bytes of the file that are complete.
    """

    up_to: int
    total: int
    after: int = 0
    done: int = 0
    size: int = 0


async def measure(database: Database, *, organization_id: UUID, wanted: Wanted) -> Position:
    """Return the position from which an export begins."""
    async with database.snapshot(organization_id) as session:
        extent = await read_extent(session, organization_id=organization_id, wanted=wanted)
    return Position(up_to=extent.up_to, total=extent.total)


async def write_tickets(
    database: Database,
    *,
    organization_id: UUID,
    wanted: Wanted,
    form: ExportFormat,
    file: GrowingFile,
    position: Position,
    on_chunk: Callable[[Position], Awaitable[object]],
) -> Position:
    """Write the tickets after a position to the end of a file, and return where it ended.

    Args:
        file: its size is that of the position.
        on_chunk: awaited after each chunk, which is on the disk by then.
    """
    how = FORMATS[form]
    if file.size == 0:
        await asyncio.to_thread(file.append, how.head)
    while True:
        async with database.snapshot(organization_id) as session:
            records = await read_chunk(
                session, organization_id=organization_id, wanted=wanted, after=position.after, up_to=position.up_to
            )
        if not records:
            return replace(position, size=file.size)
        # Off the event loop: both take their time for long conversations.
        await asyncio.to_thread(_write, file, how, records)
        after = records[-1].ticket["number"]
        position = replace(position, after=after, done=position.done + len(records), size=file.size)
        await on_chunk(position)


def _write(file: GrowingFile, how: TicketFormat, records: list[TicketRecord]) -> None:
    file.append(how.encode(records))
