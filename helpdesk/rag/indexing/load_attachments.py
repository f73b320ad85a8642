"""Read the texts of the files on tickets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import MessageVisibility
from helpdesk.rag.indexing.sources import INTERNAL, PUBLIC, Piece

# Many files of one ticket are no reason to index nothing else: the first ones, as far as this goes.
MOST_CHARS_A_TICKET = 400_000
_MARKDOWN = (".md", ".markdown", ".html", ".htm", ".xhtml", ".docx")

# A file goes with its message; one that is on the ticket alone was put there by an agent and shown to nobody.
_TEXTS = text("""
    SELECT ticket_id, id, name, visibility, content
      FROM (SELECT a.ticket_id, a.id, a.name, m.visibility, x.content, a.created_at,
                   sum(length(x.content)) OVER (PARTITION BY a.ticket_id ORDER BY a.created_at, a.id) AS so_far
              FROM attachments a
              JOIN attachment_texts x ON x.attachment_id = a.id AND x.organization_id = a.organization_id
              LEFT JOIN messages m ON m.id = a.message_id AND m.organization_id = a.organization_id
             WHERE a.organization_id = :organization_id AND a.ticket_id = ANY(CAST(:ids AS uuid[]))) AS found
     WHERE so_far <= :most OR so_far = length(content)
     ORDER BY ticket_id, created_at, id
""")


async def attachment_pieces(
    session: AsyncSession, organization_id: UUID, ticket_ids: Sequence[UUID]
) -> defaultdict[UUID, list[Piece]]:
    """Return the texts of the files on tickets, by the ticket's id, in the order the files came."""
    rows = await session.execute(
        _TEXTS, {"organization_id": organization_id, "ids": list(ticket_ids), "most": MOST_CHARS_A_TICKET}
    )
    pieces: defaultdict[UUID, list[Piece]] = defaultdict(list)
    for row in rows:
        visibility = PUBLIC if row.visibility == MessageVisibility.PUBLIC else INTERNAL
        plain = not row.name.lower().endswith(_MARKDOWN)
        pieces[row.ticket_id].append(Piece("attachment", visibility, row.content, name=row.name, plain=plain))
    return pieces
