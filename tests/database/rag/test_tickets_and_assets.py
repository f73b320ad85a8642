from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from helpdesk.assets.commands import AssetChanges, NewAsset, create_asset, delete_asset, update_asset
from helpdesk.models.values import SourceType, TicketStatus
from helpdesk.rag.embedding.vectors import ticket_input, vectors_for
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import index_batch
from helpdesk.rag.indexing.status import index_report
from helpdesk.rag.retrieval.query import Audience, SearchAnswer, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, note, open_ticket, reply
from helpdesk.tickets.requests import SYSTEM, Actor
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.rag.conftest import NOW, Desk

ARTICLE = "HL-809 means that the router blocks UDP 500 and 4500. Switch IPsec passthrough on and connect again."
LONG_TITLE = "Connect to HarborLink from a hotel"


async def opened(desk: Desk, settings: Settings, **changes: object) -> UUID:
    async with desk.database.transaction(desk.organization_id) as session:
        ticket = await open_ticket(
            session,
            organization_id=desk.organization_id,
            new=vpn_ticket(**changes),
            actor=SYSTEM,
            now=NOW,
            settings=settings,
        )
    return ticket.id


async def solve(desk: Desk, settings: Settings, ticket_id: UUID, agent: Actor, words: str, resolution: str) -> None:
    scope = {"organization_id": desk.organization_id, "ticket_id": ticket_id, "actor": agent, "now": NOW}
    async with desk.database.transaction(desk.organization_id) as session:
        await note(session, body="Customer is a notorious caller.", **scope)
        await reply(session, body=words, settings=settings, **scope)
        await change_status(session, to=TicketStatus.SOLVED, resolution=resolution, **scope)


async def find_tickets(desk: Desk, words: str, audience: Audience = Audience.AGENTS) -> SearchAnswer:
    return await desk.find(words, types=(SourceType.TICKET,), visibility=visible_to(audience))


async def edges(desk: Desk) -> set[tuple[str, str, str, str]]:
    async with desk.database.transaction(desk.organization_id) as session:
        rows = await session.execute(
            text("""
                SELECT s.kind AS from_kind, e.kind, d.kind AS to_kind, e.origin FROM rag_edges e
                  JOIN rag_nodes s ON s.id = e.source JOIN rag_nodes d ON d.id = e.destination
            """)
        )
        return {tuple(row) for row in rows}  # type: ignore[misc]


async def test_a_ticket_is_found_by_what_was_asked_and_once_solved_by_what_helped(
    desk: Desk, settings: Settings
) -> None:
    agent = await open_a_desk(desk.database, desk.organization_id)
    ticket = await opened(desk, settings)
    await desk.index_all()
    assert (await find_tickets(desk, "tunnel keeps dropping")).results[0].source_id == ticket
    assert (await find_tickets(desk, "passthrough")).results[0].role == "question"

    await solve(desk, settings, ticket, agent, "Please switch IPsec passthrough on.", "Router of the hotel.")
    await desk.index_all()

    assert (await find_tickets(desk, "IPsec passthrough")).results[0].role == "reply"
    for secret in ("notorious caller", "router of the hotel"):
        assert secret in (await find_tickets(desk, secret)).results[0].content.lower()
    for audience in (Audience.PUBLIC, Audience.CUSTOMERS):
        assert (await find_tickets(desk, "IPsec passthrough", audience)).results == []


async def test_a_ticket_is_embedded_once_for_the_index_and_for_everybody_else(desk: Desk, settings: Settings) -> None:
    await open_a_desk(desk.database, desk.organization_id)
    await opened(desk, settings)
    await desk.index_all()
    count = len(desk.embedder.texts)
    words = ticket_input(vpn_ticket().subject, vpn_ticket().body)
    await vectors_for(desk.database, desk.embedder, organization_id=desk.organization_id, texts=[words], now=NOW)
    assert len(desk.embedder.texts) == count

    await opened(desk, settings)
    [report] = await desk.index_all()
    assert (report.chunks, report.embedded) == (1, 0)


async def test_the_graph_knows_requester_asset_and_the_article_that_solved(desk: Desk, settings: Settings) -> None:
    agent = await open_a_desk(desk.database, desk.organization_id)
    article = await desk.publish(LONG_TITLE, ARTICLE)
    async with desk.database.transaction(desk.organization_id) as session:
        scope = {"organization_id": desk.organization_id, "now": NOW}
        await create_asset(session, new=NewAsset("KF-L-0412", "laptop", "Corvo 14", hostname="kf-l-0412"), **scope)
        await create_asset(session, new=NewAsset("KF-S-0010", "server", "Manifest", serial="SN-77812"), **scope)
    ticket = await opened(desk, settings, assets=["KF-L-0412"], body="The box with serial sn-77812 is off, HL-809.")
    await desk.index_all()
    assert await edges(desk) == {
        ("ticket", "about", "asset", "explicit"),
        ("ticket", "mentions", "asset", "rule"),
        ("ticket", "requested_by", "requester", "explicit"),
    }

    words = f"See “{LONG_TITLE}” please: https://help.example/kb/{article.slug}."
    await solve(desk, settings, ticket, agent, words, "Done.")
    await desk.index_all()
    assert ("ticket", "solved_by", "kb", "rule") in await edges(desk)

    scope = {"organization_id": desk.organization_id, "ticket_id": ticket, "actor": agent, "now": NOW}
    async with desk.database.transaction(desk.organization_id) as session:
        await change_status(session, to=TicketStatus.OPEN, **scope)
    await desk.index_all()
    assert ("ticket", "solved_by", "kb", "rule") not in await edges(desk)


async def test_an_article_that_solved_alike_tickets_is_voted_for(desk: Desk, settings: Settings) -> None:
    agent = await open_a_desk(desk.database, desk.organization_id)
    article = await desk.publish(LONG_TITLE, "Choose the second profile in the menu and press the green button.")
    await desk.publish("The printer prints blank pages", "Shake the toner and press the green button.")
    ticket = await opened(desk, settings)
    await solve(desk, settings, ticket, agent, f"See the article “{LONG_TITLE}”.", "Profile.")
    await desk.index_all()
    vector = await vectors_for(
        desk.database,
        desk.embedder,
        organization_id=desk.organization_id,
        texts=["My VPN drops every few minutes again"],
        now=NOW,
    )
    query = SearchQuery(text="My VPN drops every few minutes again", vector=vector[0], floor=0.0)
    async with desk.database.transaction(desk.organization_id) as session:
        found = await search(session, organization_id=desk.organization_id, query=query)
    best = found.results[0]
    assert best.source_id == article.id
    assert best.signals["graph"] > 0.55
    assert all(result.signals["graph"] == 0 for result in found.results[1:])


async def test_an_asset_is_found_by_its_facts_by_agents_only(desk: Desk) -> None:
    scope = {"organization_id": desk.organization_id, "now": NOW}
    async with desk.database.transaction(desk.organization_id) as session:
        new = NewAsset("KF-L-0412", "laptop", "Corvo 14", serial="SN-77812", attributes={"ram": "32 GB"})
        asset = await create_asset(session, new=new, **scope)
    await desk.index_all()
    wanted = {"types": (SourceType.ASSET,), "visibility": visible_to(Audience.AGENTS)}
    assert (await desk.find("SN-77812", **wanted)).results[0].source_id == asset.id
    assert (await desk.find("SN-77812", types=(SourceType.ASSET,))).results == []

    async with desk.database.transaction(desk.organization_id) as session:
        await update_asset(session, asset_id=asset.id, changes=AssetChanges(location="Vienna"), **scope)
    await desk.index_all()
    assert "location: Vienna" in (await desk.find("Vienna", **wanted)).results[0].content

    async with desk.database.transaction(desk.organization_id) as session:
        await delete_asset(session, organization_id=desk.organization_id, asset_id=asset.id)
    [report] = await desk.index_all()
    assert report.deleted == 1
    assert (await desk.find("SN-77812", **wanted)).results == []


async def test_a_batch_mixes_kinds_of_sources_and_organisations(
    desk: Desk, settings: Settings, other_organization_id: UUID
) -> None:
    await open_a_desk(desk.database, desk.organization_id)
    await opened(desk, settings)
    await desk.publish("Ours", ARTICLE)
    await desk.publish("Theirs", ARTICLE, organization_id=other_organization_id)
    tasks = await claim(desk.indexer.connection, worker=desk.worker)
    assert len(tasks) == 3
    report = await index_batch(desk.indexer, tasks, now=NOW)
    assert (report.documents, report.failed, report.lost) == (3, 0, 0)

    async with desk.database.transaction(desk.organization_id) as session:
        status = await index_report(session, organization_id=desk.organization_id, now=NOW)
    shares = {one.source_type: (one.sources, one.documents, one.chunks == one.vectors) for one in status.coverage}
    assert shares == {SourceType.TICKET: (1, 1, True), SourceType.KB: (1, 1, True), SourceType.ASSET: (0, 0, True)}
    assert (status.pending, status.failed, status.eta_s, status.lag_s) == (0, 0, 0.0, 0.0)
    assert status.model is not None
