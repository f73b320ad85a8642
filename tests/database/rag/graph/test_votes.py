"""What solved alike tickets is found, although neither words nor meaning match."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from helpdesk.models.values import SourceType, TicketStatus
from helpdesk.rag.embedding.vectors import QueryVectors
from helpdesk.rag.retrieval.query import Audience, SearchQuery, SearchResult, visible_to
from helpdesk.rag.retrieval.search import search
from tests.database.rag.graph.conftest import Graph

TITLE = "Choose the second profile in the menu"
QUERY = "My VPN connection drops every few minutes"
_FORGET = text("""
    DELETE FROM rag_edges e USING rag_nodes n WHERE e.source = n.id AND n.source_id = :id AND e.kind = 'similar'
""")


async def votes(
    graph: Graph, *types: SourceType, words: str = QUERY, by_words: bool = False
) -> dict[str, SearchResult]:
    """Return what the graph's list holds, by title."""
    scope = {"organization_id": graph.desk.organization_id}
    vector = await QueryVectors(graph.desk.embedder.inner).vector_of(graph.desk.database, words, **scope)
    query = SearchQuery(
        text=words,
        vector=None if by_words else vector,
        types=types or (SourceType.KB,),
        visibility=visible_to(Audience.AGENTS),
        limit=50,
        floor=0.0,
    )
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        found = await search(session, query=query, **scope)
    return {result.title: result for result in found.results if result.signals["graph"]}


async def test_an_article_that_solved_an_alike_ticket_is_found(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Press the green button and wait for the lamp.")
    ticket = await graph.opened("VPN connection drops every few minutes")
    await graph.replied(ticket, f"See /kb/{article.slug}")
    assert await votes(graph) == {}, "an open ticket has been solved by nothing"

    await graph.moved(ticket, TicketStatus.SOLVED)
    found = (await votes(graph))[TITLE]
    assert found.signals["rank_g"] == 1
    assert found.signals["bm25"] == 0
    assert found.signals["sim"] < 0.3
    assert 0.75 < found.signals["graph"] <= 1
    assert await votes(graph, words="The canteen is closed on Friday") == {}

    await graph.moved(ticket, TicketStatus.OPEN)
    assert await votes(graph) == {}


async def test_the_vote_of_a_merged_ticket_is_gone(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Press the green button and wait for the lamp.")
    ticket = await graph.opened("VPN connection drops every few minutes")
    await graph.replied(ticket, f"See /kb/{article.slug}")
    await graph.moved(ticket, TicketStatus.SOLVED)
    other = await graph.opened("Monitor flickers")
    assert TITLE in await votes(graph)
    await graph.merged(ticket, other)
    assert await votes(graph) == {}


async def test_votes_add_up_and_fade(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Press the green button and wait for the lamp.")
    ticket = await graph.opened("VPN connection drops every few minutes")
    await graph.replied(ticket, f"See /kb/{article.slug}")
    await graph.moved(ticket, TicketStatus.SOLVED)

    async def score(age: timedelta) -> float:
        async with graph.desk.database.transaction(graph.desk.organization_id) as session:
            await session.execute(
                text("UPDATE rag_edges SET happened_at = now() - CAST(:age AS interval) WHERE kind = 'solved_by'"),
                {"age": age},
            )
        return float((await votes(graph))[TITLE].signals["graph"])

    fresh = await score(timedelta(0))
    assert abs(await score(timedelta(days=180)) - fresh / 2) < 0.01
    assert abs(await score(timedelta(days=360)) - fresh / 4) < 0.01
    assert abs(await score(timedelta(days=-3)) - fresh) < 0.01

    second = await graph.opened("VPN connection drops every few minutes!")
    await graph.replied(second, f"See /kb/{article.slug}")
    await graph.moved(second, TicketStatus.SOLVED)
    assert await score(timedelta(0)) > 1.8 * fresh


async def test_alike_tickets_point_to_assets_and_to_tickets(graph: Graph) -> None:
    await graph.asset("KF-S-0010", hostname="gateway-vienna")
    first = await graph.opened("VPN connection drops every few minutes", assets=["KF-S-0010"])
    await graph.opened("VPN connection drops every few minutes, too")
    found = await votes(graph, SourceType.ASSET, SourceType.TICKET)
    assert "KF-S-0010 Corvo 14" in found
    tickets = {title: result.signals["graph"] for title, result in found.items() if result.source_type == "ticket"}
    assert first.subject in tickets

    # One-sided: one of the lists has no room for the other.
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(_FORGET, {"id": first.id})
    assert not any(result.source_type == "ticket" for result in (await votes(graph, SourceType.TICKET)).values())
