"""Edges between alike tickets: mended when a ticket is indexed, made anew every night."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import workers.handlers
from helpdesk.database.base import new_id
from helpdesk.models.rag import TERM_SPACE
from helpdesk.queue.catalog import LinkSimilarTickets
from helpdesk.queue.enqueue import enqueue
from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.graph import neighbours
from helpdesk.rag.graph.likeness import cuts_for
from helpdesk.rag.graph.neighbours import NEIGHBOURS, replace_neighbours
from helpdesk.rag.graph.refreshing import link_similar_tickets
from helpdesk.settings import Settings
from tests.database.queue.jobs import link, until, working
from tests.database.rag.conftest import NOW
from tests.database.rag.graph.conftest import Graph
from workers.registry import handlers

assert workers.handlers.link_similar_tickets

_MUTUAL = text("""
    SELECT a.source_id AS one, b.source_id AS other FROM rag_edges e
      JOIN rag_edges back ON back.source = e.destination AND back.destination = e.source AND back.kind = 'similar'
      JOIN rag_nodes a ON a.id = e.source JOIN rag_nodes b ON b.id = e.destination
     WHERE e.kind = 'similar'
""")
_DOCUMENT = text("""
    INSERT INTO rag_documents (id, organization_id, source_type, source_id, source_version, content_hash,
           chunker_version, visibility, title, indexed_at)
    VALUES (:ticket, :organization_id, 'ticket', :ticket, 1, '', 1, 'public', :title, now())
""")
_CHUNK = text(f"""
    INSERT INTO rag_chunks (id, organization_id, document_id, source_type, visibility, ordinal, role, chunk_hash,
           content, char_start, char_end, length, terms, bm25)
    VALUES (:ticket, :organization_id, :ticket, 'ticket', 'public', 0, 'question', CAST(:hash AS bytea), 'x', 0, 1, 1,
            '{{}}', '{{}}/{TERM_SPACE}')
""")


async def model_of(graph: Graph) -> ActiveModel:
    async with graph.desk.database.transaction(None) as session:
        model = await active_model(session)
    assert model is not None
    return model


async def insert(session: AsyncSession, graph: Graph, model: ActiveModel, vector: np.ndarray[Any, Any]) -> UUID:
    """Write a ticket into the index that is nothing but a vector."""
    ticket = new_id()
    values = {
        "ticket": ticket,
        "organization_id": graph.desk.organization_id,
        "title": str(ticket),
        "hash": ticket.bytes,
    }
    await session.execute(_DOCUMENT, {name: values[name] for name in ("ticket", "organization_id", "title")})
    await session.execute(_CHUNK, {name: values[name] for name in ("ticket", "organization_id", "hash")})
    await session.execute(
        text(f"INSERT INTO {model.table_name} VALUES (:ticket, :organization_id, 'ticket', 'public', :vector)"),
        {"ticket": ticket, "organization_id": graph.desk.organization_id, "vector": write_vector(vector)},
    )
    return ticket


async def added(graph: Graph, model: ActiveModel, vector: np.ndarray[Any, Any]) -> UUID:
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        ticket = await insert(session, graph, model, vector)
        await replace_neighbours(session, organization_id=graph.desk.organization_id, ticket_id=ticket, model=model)
    return ticket


async def joined(graph: Graph) -> set[frozenset[UUID]]:
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        return {frozenset((row.one, row.other)) for row in await session.execute(_MUTUAL)}


async def refreshed(graph: Graph) -> dict[str, Any]:
    results: list[dict[str, Any]] = []

    async def keep(_checkpoint: dict[str, Any], percent: float) -> None:
        assert 0 <= percent < 100

    async def complete(_session: AsyncSession, result: dict[str, Any]) -> None:
        results.append(result)

    await link_similar_tickets(
        graph.desk.database,
        organization_id=graph.desk.organization_id,
        checkpoint=None,
        keep=keep,
        complete=complete,
        now=NOW,
    )
    return results[0]


def around(count: int, *, seed: int, spread: float = 0.5) -> np.ndarray[Any, Any]:
    """Return unit vectors in clusters, float32 [count, 384]."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(3, 384))
    rows = centres[random.integers(3, size=count)] + spread * random.normal(size=(count, 384))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def expected(vectors: dict[UUID, np.ndarray[Any, Any]], alike: float) -> set[frozenset[UUID]]:
    """Return the pairs above the cut of which each is among the other's nearest."""
    tickets = list(vectors)
    rows = np.stack([vectors[ticket] for ticket in tickets]).astype(np.float16).astype(np.float32)
    similar = rows @ rows.T
    np.fill_diagonal(similar, -1)
    nearest = np.argsort(-similar, axis=1)[:, :NEIGHBOURS]
    return {
        frozenset((tickets[a], tickets[b]))
        for a in range(len(tickets))
        for b in nearest[a]
        if a in nearest[b] and similar[a, b] >= alike
    }


async def test_alike_tickets_are_joined_when_they_are_indexed(graph: Graph) -> None:
    await graph.opened("VPN drops every few minutes")
    await graph.opened("Please order a second monitor")
    await graph.opened("The VPN drops every few minutes")
    assert await graph.edges("similar") == [
        ("The VPN drops every few minutes", "VPN drops every few minutes"),
        ("VPN drops every few minutes", "The VPN drops every few minutes"),
    ]
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        [edge] = await session.execute(
            text("SELECT DISTINCT origin, weight, extractor_version FROM rag_edges WHERE kind = 'similar'")
        )
    assert edge.origin == "similarity"
    assert 0.75 < edge.weight <= 1
    assert edge.extractor_version == (await model_of(graph)).id


async def test_a_merged_ticket_leaves_its_neighbours(graph: Graph) -> None:
    first = await graph.opened("VPN drops every few minutes")
    second = await graph.opened("The VPN drops every few minutes")
    await graph.merged(second, first)
    assert await graph.edges("similar") == []


async def test_nightly_every_ticket_is_joined_to_those_that_are_its_nearest_both_ways(graph: Graph) -> None:
    await graph.opened("Anything")
    model = await model_of(graph)
    vectors = {}
    for vector in around(60, seed=3):
        vectors[await added(graph, model, vector)] = vector
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        for gone in list(vectors)[::7]:
            await session.execute(text("DELETE FROM rag_documents WHERE id = :id"), {"id": gone})
            del vectors[gone]

    assert (await refreshed(graph))["tickets"] == len(vectors) + 1
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        cuts = await cuts_for(session, organization_id=graph.desk.organization_id, model=model)
    assert cuts is not None
    wanted = expected(vectors, cuts.alike)
    assert len(wanted) > 100
    assert await joined(graph) == wanted
    again = await refreshed(graph)
    assert await joined(graph) == wanted, again


async def test_as_long_as_lists_have_room_indexing_alone_joins_what_the_night_would(graph: Graph) -> None:
    await graph.opened("Anything")
    model = await model_of(graph)
    vectors = {}
    for vector in around(3 * (NEIGHBOURS - 2), seed=5):
        vectors[await added(graph, model, vector)] = vector
    before = await joined(graph)
    await refreshed(graph)
    assert before == await joined(graph) == expected(vectors, 0.55)


async def test_two_tickets_that_are_indexed_at_once_find_each_other(graph: Graph) -> None:
    await graph.opened("Anything")
    model = await model_of(graph)
    [vector] = around(1, seed=1)
    tickets = await asyncio.gather(*(added(graph, model, vector) for _ in range(4)))
    pairs = {frozenset((one, other)) for one in tickets for other in tickets if one != other}
    assert await joined(graph) == pairs


async def test_a_run_goes_on_where_the_one_before_ended_unless_the_model_has_changed(graph: Graph) -> None:
    tickets = sorted([(await graph.opened(f"VPN drops, case {number}")).id for number in range(3)])
    model = await model_of(graph)
    kept: list[dict[str, Any]] = []

    async def keep(checkpoint: dict[str, Any], _percent: float) -> None:
        kept.append(checkpoint)

    async def complete(_session: AsyncSession, result: dict[str, Any]) -> None:
        kept.append(result)

    for other_model, done in ((0, 3), (1, 3)):
        checkpoint = {"model": model.id + other_model, "after": str(tickets[1]), "done": 2}
        await link_similar_tickets(
            graph.desk.database,
            organization_id=graph.desk.organization_id,
            checkpoint=checkpoint,
            keep=keep,
            complete=complete,
            now=NOW,
        )
        assert kept[-1] == {"tickets": done}
    assert [checkpoint.get("done") for checkpoint in kept] == [3, None, 3, None]


async def test_edges_of_another_model_and_nodes_without_edges_are_pruned(graph: Graph) -> None:
    await graph.opened("VPN drops every few minutes")
    await graph.opened("The VPN drops every few minutes")
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(text("UPDATE rag_edges SET extractor_version = 99 WHERE kind = 'similar'"))
        await session.execute(
            text("INSERT INTO rag_nodes VALUES (:id, :organization_id, 'asset', :id, 'left behind')"),
            {"id": new_id(), "organization_id": graph.desk.organization_id},
        )
    await refreshed(graph)
    assert len(await graph.edges("similar")) == 2
    assert ("asset", "left behind") not in await graph.nodes()


async def test_where_comparing_takes_long_it_is_left_to_the_night(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_EXACT_PASSAGES", 1)
    await graph.opened("VPN drops every few minutes")
    await graph.opened("The VPN drops every few minutes")
    assert await graph.edges("similar") == []
    await refreshed(graph)
    assert len(await graph.edges("similar")) == 2


async def test_the_nightly_job_tells_how_many_tickets_it_has_compared(graph: Graph, settings: Settings) -> None:
    for number in range(3):
        await graph.opened(f"VPN drops, case {number}")
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(text("DELETE FROM rag_edges WHERE kind = 'similar'"))
        job = await enqueue(session, LinkSimilarTickets(), organization_id=graph.desk.organization_id)
    async with link(settings) as connection, working(settings, handlers, types=["LINK_SIMILAR_TICKETS"]):
        done = await until(connection, job, "completed")
    assert done["result"] == '{"tickets": 3}'
    assert len(await graph.edges("similar")) == 6
