"""Edges come with the source that says so, and go with it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from helpdesk.assets.commands import NewAsset, create_asset, delete_asset
from helpdesk.database.base import new_id
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article, restore_article
from helpdesk.models.values import SourceType, TicketStatus
from helpdesk.rag.graph.links import Link, drop_node, replace_links
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import index_batch
from tests.database.rag.conftest import NOW
from tests.database.rag.graph.conftest import Graph

TITLE = "Connect to HarborLink from a hotel"


async def test_an_article_in_a_reply_is_cited_and_once_the_ticket_is_settled_it_has_solved_it(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Switch IPsec passthrough on.")
    ticket = await graph.opened("VPN drops")
    await graph.replied(ticket, f"Hello,\nplease read https://help.example/kb/{article.slug} first.\nAda")
    assert await graph.edges("cites") == [("VPN drops", article.slug)]
    assert await graph.edges("solved_by") == []

    await graph.moved(ticket, TicketStatus.SOLVED)
    assert await graph.edges("cites") == []
    assert await graph.edges("solved_by") == [("VPN drops", article.slug)]
    assert await graph.evidence("solved_by") == [f"please read https://help.example/kb/{article.slug} first."]
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        assert await session.scalar(text("SELECT happened_at FROM rag_edges WHERE kind = 'solved_by'")) == NOW


async def test_an_article_that_only_the_requester_names_has_solved_nothing(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Switch IPsec passthrough on.")
    ticket = await graph.opened("VPN drops", f"I read https://help.example/kb/{article.slug}, it did not help.")
    await graph.moved(ticket, TicketStatus.SOLVED)
    assert await graph.edges("cites", "solved_by") == []


async def test_an_article_is_joined_to_those_it_links_and_to_assets_it_names(graph: Graph) -> None:
    await graph.asset("KF-P-0003", hostname="prn-floor-2")
    other = await graph.desk.publish("Replace the toner", "Open the lid.")
    await graph.desk.index_all()
    await graph.desk.publish("Blank pages", f"Try prn-floor-2 first, then see [toner]({other.slug}.md).")
    await graph.desk.publish("Itself", "See [this](itself.md) and [nothing](no-such-article.md).")
    await graph.desk.index_all()
    assert await graph.edges("links_to") == [("Blank pages", other.slug)]
    assert await graph.edges("mentions") == [("Blank pages", "KF-P-0003")]
    assert await graph.evidence("mentions") == [f"Try prn-floor-2 first, then see [toner]({other.slug}.md)."]


async def test_nodes_that_no_edge_leads_to_any_more_are_gone(graph: Graph) -> None:
    asset = await graph.asset("KF-L-0412")
    first = await graph.opened("Laptop is slow", assets=["KF-L-0412"])
    second = await graph.opened("Coffee machine leaks", "Water everywhere on the floor.")
    assert await graph.nodes() == {
        ("ticket", "Laptop is slow"), ("ticket", "Coffee machine leaks"), ("requester", "Kim"), ("asset", "KF-L-0412"),
    }  # fmt: skip

    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await delete_asset(session, organization_id=graph.desk.organization_id, asset_id=asset)
    await graph.desk.index_all()
    assert ("asset", "KF-L-0412") not in await graph.nodes()

    await graph.merged(first, second)
    assert await graph.nodes() == {("ticket", "Coffee machine leaks"), ("requester", "Kim")}
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await drop_node(
            session, organization_id=graph.desk.organization_id, source_type=SourceType.TICKET, source_id=second.id
        )
    assert await graph.nodes() == set()


async def test_an_archived_article_has_solved_nothing(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Switch IPsec passthrough on.")
    ticket = await graph.opened("VPN drops")
    await graph.replied(ticket, f"See /kb/{article.slug}")
    await graph.moved(ticket, TicketStatus.SOLVED)
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await archive_article(session, organization_id=graph.desk.organization_id, article_id=article.id, now=NOW)
    await graph.desk.index_all()
    assert await graph.edges("solved_by") == []
    assert not any(kind == "kb" for kind, _ in await graph.nodes())


async def test_saying_the_same_again_changes_nothing(graph: Graph) -> None:
    source, target = new_id(), new_id()
    link = Link("about", "asset", target, "KF-1", "explicit")
    for _ in range(2):
        async with graph.desk.database.transaction(graph.desk.organization_id) as session:
            await replace_links(
                session,
                organization_id=graph.desk.organization_id,
                source_type=SourceType.TICKET,
                source_id=source,
                label="A ticket",
                links=[link],
            )
    assert await graph.edges("about") == [("A ticket", "KF-1")]


async def test_a_target_stays_when_one_source_lets_go_while_another_takes_hold(graph: Graph) -> None:
    """Without the lock, the node would go with the edge that was made a moment ago."""
    target, sources = new_id(), [new_id(), new_id()]

    async def say(source: int, links: list[Link]) -> None:
        async with graph.desk.database.transaction(graph.desk.organization_id) as session:
            await replace_links(
                session,
                organization_id=graph.desk.organization_id,
                source_type=SourceType.TICKET,
                source_id=sources[source],
                label=f"Ticket {source}",
                links=links,
            )

    link = Link("about", "asset", target, "KF-1", "explicit")
    await say(0, [link])
    for turn in range(20):
        await asyncio.gather(say(turn % 2, []), say((turn + 1) % 2, [link]))
        assert await graph.edges("about") == [(f"Ticket {(turn + 1) % 2}", "KF-1")]
    assert len(await graph.nodes()) == 2


async def test_a_text_that_names_an_asset_or_article_before_the_index_knows_it_is_read_again(graph: Graph) -> None:
    ticket = await graph.opened("Laptop is slow", "My laptop has the sticker KF-L-0412.")
    await graph.replied(ticket, "Please see https://help.example/kb/connect-to-harborlink-from-a-hotel, thanks.")
    await graph.moved(ticket, TicketStatus.SOLVED)
    await graph.desk.publish("Elsewhere", "See [the other one](connect-to-harborlink-from-a-hotel.md).")
    await graph.desk.index_all()
    assert await graph.edges("mentions", "solved_by", "links_to") == []
    texts = len(graph.desk.embedder.texts)

    await graph.asset("KF-L-0412")
    assert await graph.edges("mentions") == [("Laptop is slow", "KF-L-0412")]
    article = await graph.desk.publish(TITLE, "Switch IPsec passthrough on.")
    await graph.desk.index_all()
    assert await graph.edges("solved_by") == [("Laptop is slow", article.slug)]
    assert await graph.edges("links_to") == [("Elsewhere", article.slug)]
    assert len(graph.desk.embedder.texts) == texts + 2, "only what is new is embedded"


async def test_an_article_that_is_published_again_has_solved_what_it_solved(graph: Graph) -> None:
    article = await graph.desk.publish(TITLE, "Switch IPsec passthrough on.")
    ticket = await graph.opened("VPN drops")
    await graph.replied(ticket, f"Bitte lesen Sie „{TITLE}“ und melden Sie sich.")
    await graph.moved(ticket, TicketStatus.SOLVED)
    assert await graph.edges("solved_by") == [("VPN drops", article.slug)]
    scope = {"organization_id": graph.desk.organization_id, "article_id": article.id, "now": NOW}
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await archive_article(session, **scope)
    await graph.desk.index_all()
    assert await graph.edges("solved_by") == []
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await restore_article(session, **scope)
        await publish_article(session, **scope)
    await graph.desk.index_all()
    assert await graph.edges("solved_by") == [("VPN drops", article.slug)]


async def test_texts_of_another_organisation_are_not_looked_through(graph: Graph, other_organization_id: UUID) -> None:
    await graph.opened("Laptop is slow", "My laptop has the sticker KF-L-0412.")
    with pytest.raises(DBAPIError, match="stays in the organisation"):
        async with graph.desk.database.transaction(other_organization_id) as session:
            await session.execute(
                text("SELECT * FROM rag_sources_with(:organization_id, '{1}', '{1}', 10)"),
                {"organization_id": graph.desk.organization_id},
            )


async def test_workers_that_index_what_names_each_other_at_once_never_wait_in_a_circle(graph: Graph) -> None:
    count = 6
    everything = " ".join(f"[{number}](how-to-number-{number}.md)" for number in range(count))
    for number in range(count):
        await graph.desk.publish(f"How to number {number}", f"{everything} KF-L-000{number}")
    tickets = [await graph.opened(f"Case {number}", "KF-L-0001, KF-L-0002, KF-L-0003") for number in range(3)]
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        for number in range(count):
            new = NewAsset(f"KF-L-000{number}", "laptop", "Corvo 14")
            await create_asset(session, organization_id=graph.desk.organization_id, new=new, now=NOW)
    for _ in range(3):
        async with graph.desk.database.transaction(graph.desk.organization_id) as session:
            await session.execute(text("DELETE FROM rag_documents"))
            await session.execute(text("DELETE FROM rag_nodes"))
            await session.execute(
                text("UPDATE rag_index_queue SET status = 'pending', version = version + 1, run_after = now()")
            )
        failed = 0
        connection = graph.desk.indexer.connection
        while batches := [tasks for _ in range(4) if (tasks := await claim(connection, worker=new_id(), limit=4))]:
            reports = await asyncio.gather(*(index_batch(graph.desk.indexer, tasks, now=NOW) for tasks in batches))
            failed += sum(report.failed for report in reports)
        assert failed == 0
        assert len(await graph.edges("links_to")) == count * (count - 1)
        assert len(await graph.edges("mentions")) == count + 3 * len(tickets)
