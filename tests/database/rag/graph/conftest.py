"""A desk whose agent opens, answers, solves and merges tickets, and what the graph says of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.assets.commands import NewAsset, create_asset
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.rag.graph.similar import SimilarTicket, similar_tickets
from helpdesk.rag.indexing.reconcile import reconcile
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, open_ticket, reply
from helpdesk.tickets.merging import merge
from helpdesk.tickets.requests import SYSTEM, Actor
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.rag.conftest import NOW, Desk, desk, embedding_server, other_organization_id

__all__ = ["desk", "embedding_server", "other_organization_id"]

# A join that a reader of the graph would make: similar tickets count where each is on the other's list.
_EDGES = text("""
    SELECT s.kind, s.label, e.kind AS edge, d.kind, d.label, e.evidence FROM rag_edges e
      JOIN rag_nodes s ON s.id = e.source JOIN rag_nodes d ON d.id = e.destination
     WHERE e.kind = ANY(:kinds) ORDER BY s.label, d.label
""")


@dataclass
class Graph:
    """One organisation's tickets and their graph."""

    desk: Desk
    settings: Settings
    agent: Actor

    async def opened(self, subject: str, body: str = "", *, now: datetime = NOW, **changes: object) -> Ticket:
        """Open a ticket and index it."""
        new = vpn_ticket(subject=subject, body=body or subject, **changes)
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            ticket = await open_ticket(
                session,
                organization_id=self.desk.organization_id,
                new=new,
                actor=SYSTEM,
                now=now,
                settings=self.settings,
            )
        await self.desk.index_all()
        return ticket

    async def replied(self, ticket: Ticket, words: str) -> None:
        """Answer a ticket in public, and let the hourly comparison find that it has changed."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            await reply(session, ticket_id=ticket.id, body=words, settings=self.settings, **self._scope())
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            await reconcile(session, organization_id=self.desk.organization_id, open_tickets=True)
        await self.desk.index_all()

    async def moved(self, ticket: Ticket, to: TicketStatus, *, now: datetime = NOW) -> None:
        """Change the status of a ticket."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            await change_status(session, ticket_id=ticket.id, to=to, **self._scope() | {"now": now})
        await self.desk.index_all()

    async def merged(self, ticket: Ticket, into: Ticket) -> None:
        """Merge a ticket into another one."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            await merge(session, ticket_id=ticket.id, into=into.id, **self._scope())
        await self.desk.index_all()

    async def asset(self, tag: str, **facts: object) -> UUID:
        """Register an asset."""
        new = NewAsset(tag, "laptop", "Corvo 14", **facts)  # type: ignore[arg-type]
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            asset = await create_asset(session, organization_id=self.desk.organization_id, new=new, now=NOW)
        await self.desk.index_all()
        return asset.id

    async def edges(self, *kinds: str) -> list[tuple[str, str]]:
        """Return what is joined by edges of some kinds, by labels."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            return [(row[1], row[4]) for row in await session.execute(_EDGES, {"kinds": list(kinds)})]

    async def evidence(self, *kinds: str) -> list[str | None]:
        """Return what the edges of some kinds are found by."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            return [row.evidence for row in await session.execute(_EDGES, {"kinds": list(kinds)})]

    async def nodes(self) -> set[tuple[str, str]]:
        """Return kind and label of every node."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            rows = await session.execute(text("SELECT kind, label FROM rag_nodes"))
            return {(row.kind, row.label) for row in rows}

    async def similar(self, ticket: Ticket, **wanted: object) -> list[SimilarTicket]:
        """Return what is like a ticket."""
        async with self.desk.database.transaction(self.desk.organization_id) as session:
            return await similar_tickets(
                session,
                organization_id=self.desk.organization_id,
                ticket_id=ticket.id,
                **wanted,  # type: ignore[arg-type]
            )

    def _scope(self) -> dict[str, object]:
        return {"organization_id": self.desk.organization_id, "actor": self.agent, "now": NOW}


@pytest.fixture
async def graph(desk: Desk, settings: Settings) -> Graph:
    """Return a furnished desk without tickets."""
    return Graph(desk, settings, await open_a_desk(desk.database, desk.organization_id))
