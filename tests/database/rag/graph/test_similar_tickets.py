"""Tickets like a ticket: found by what was asked, the same problem told from a like one, and what solved it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.embedding.vectors import ticket_input, vectors_for
from helpdesk.rag.graph.similar import similar_tickets
from helpdesk.rag.questions import QuestionGone
from helpdesk.rag.similar import AlikeTickets, alike_tickets
from helpdesk.tickets.requests import Requester
from tests.database.desk import vpn_ticket
from tests.database.rag.conftest import NOW
from tests.database.rag.graph.conftest import Graph

TITLE = "Connect to HarborLink from a hotel"


async def alike(graph: Graph, ticket: Ticket | UUID, *, hours: int = 4) -> AlikeTickets:
    ticket_id = ticket if isinstance(ticket, UUID) else ticket.id
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        return await alike_tickets(
            session,
            organization_id=graph.desk.organization_id,
            ticket_id=ticket_id,
            most=5,
            within=timedelta(hours=hours),
            now=NOW + timedelta(hours=1),
        )


async def test_a_new_ticket_is_the_same_as_one_that_an_article_solved(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Switch IPsec passthrough on.")
    await graph.asset("KF-L-0412")
    solved = await graph.opened("VPN connection drops every few minutes", assets=["KF-L-0412"])
    await graph.replied(solved, f"See /kb/{article.slug}")
    await graph.moved(solved, TicketStatus.SOLVED)
    await graph.opened("Please order a second monitor for my desk")
    like = await graph.opened("VPN connection is very slow", requester=Requester("lee@customer.example", "Lee"))

    new = await graph.opened("My VPN connection keeps dropping every few minutes", assets=["KF-L-0412"])
    texts = len(graph.desk.embedder.texts)
    found = await graph.similar(new)
    assert len(graph.desk.embedder.texts) == texts

    assert [(one.number, one.same_as) for one in found] == [(solved.number, True), (like.number, False)]
    same = found[0]
    assert (same.status, same.solved_at) == ("solved", NOW)
    assert [(one.id, one.slug, one.title) for one in same.solved_by] == [(article.id, article.slug, TITLE)]
    assert (same.same_requester, same.same_asset) == (True, True)
    assert (found[1].same_requester, found[1].same_asset) == (False, False)
    assert same.hint == f"Same as #{solved.number}, solved by “{TITLE}”."
    assert found[1].hint == f"Like #{like.number}, still open."
    assert same.similarity is not None
    assert same.similarity > 0.8


async def test_merged_and_deleted_tickets_are_like_nothing(graph: Graph) -> None:
    first = await graph.opened("VPN drops every few minutes")
    second = await graph.opened("VPN drops every few minutes!")
    third = await graph.opened("VPN drops every few minutes again")
    assert {one.number for one in await graph.similar(third)} == {first.number, second.number}

    await graph.merged(second, first)
    assert [one.number for one in await graph.similar(third)] == [first.number]
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(text("DELETE FROM tickets WHERE id = :id"), {"id": first.id})
    # Before the index has heard of it.
    assert await graph.similar(third) == []


async def test_nobody_elses_tickets_are_alike(graph: Graph, other_organization_id: UUID) -> None:
    ticket = await graph.opened("VPN drops every few minutes")
    await graph.opened("VPN drops every few minutes again")
    async with graph.desk.database.transaction(other_organization_id) as session:
        model = await active_model(session)
        assert model is not None
        assert await similar_tickets(session, organization_id=other_organization_id, ticket_id=ticket.id) == []
        with pytest.raises(QuestionGone):
            await alike_tickets(
                session, organization_id=other_organization_id, ticket_id=ticket.id, most=5,
                within=timedelta(hours=4), now=NOW,
            )  # fmt: skip


async def test_several_open_tickets_within_hours_are_seen_as_waiting(graph: Graph) -> None:
    early = await graph.opened("Email is down, cannot send or receive", now=NOW - timedelta(hours=30))
    settled = await graph.opened("Email is down since this morning", now=NOW - timedelta(minutes=20))
    await graph.moved(settled, TicketStatus.SOLVED)
    recent = [
        await graph.opened(f"Email is down {words}", now=NOW + timedelta(minutes=minutes))
        for minutes, words in enumerate(["for me", "in accounting", "since nine"])
    ]
    new = await graph.opened("Email is down again", now=NOW + timedelta(minutes=30))
    found = await alike(graph, new)
    assert found.found_by == "meaning"
    assert [one.number for one in found.waiting] == [one.number for one in reversed(recent)]
    assert {early.number, settled.number} <= {one.number for one in found.tickets}
    assert [one.number for one in (await alike(graph, new, hours=48)).waiting][-1] == early.number


async def test_a_ticket_that_is_not_indexed_is_compared_by_the_vector_somebody_asked_with(graph: Graph) -> None:
    known = await graph.opened("VPN drops every few minutes")
    new = vpn_ticket(subject="My VPN drops every few minutes", body="Since today.")
    words = ticket_input(new.subject, new.body)
    ticket = await graph.opened(new.subject, new.body)
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(text("DELETE FROM rag_documents WHERE source_id = :id"), {"id": ticket.id})
    await vectors_for(
        graph.desk.database, graph.desk.embedder, organization_id=graph.desk.organization_id, texts=[words], now=NOW
    )
    found = await alike(graph, ticket)
    assert found.found_by == "meaning"
    assert [one.number for one in found.tickets] == [known.number]


async def test_without_a_vector_words_decide_and_nothing_is_said_to_be_the_same(graph: Graph) -> None:
    known = await graph.opened("Error HL-809 when HarborLink connects")
    ticket = await graph.opened("HarborLink shows HL-809")
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(text("DELETE FROM rag_documents WHERE source_id = :id"), {"id": ticket.id})
        await session.execute(text("DELETE FROM rag_input_vectors"))
    texts = len(graph.desk.embedder.texts)
    found = await alike(graph, ticket)
    assert len(graph.desk.embedder.texts) == texts
    assert found.found_by == "words"
    assert [(one.number, one.similarity, one.same_as) for one in found.tickets] == [(known.number, None, False)]
    assert found.waiting == []


async def test_before_anything_is_indexed_nothing_is_alike(graph: Graph) -> None:
    ticket_id = (await graph.opened("VPN drops")).id
    async with graph.desk.database.transaction(graph.desk.organization_id, role="atum_owner") as session:
        await session.execute(text("DELETE FROM rag_documents"))
    found = await alike(graph, ticket_id)
    assert found.tickets == []
