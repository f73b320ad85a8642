"""The surroundings of a thing: breadth first, within bounds, in one organisation."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import create_company, create_contact
from helpdesk.models.values import TicketStatus
from helpdesk.rag.graph.nodes import NodeKind, NodeNotFound, thing_of
from helpdesk.rag.graph.walk import Surroundings, surroundings
from helpdesk.tickets.requests import Requester
from tests.database.rag.graph.conftest import Graph

TITLE = "Connect to HarborLink from a hotel"
_HUB = text("""
    WITH asset AS (
        INSERT INTO assets (id, organization_id, tag, kind, name)
        VALUES (gen_random_uuid(), :organization_id, 'HUB', 'server', 'Mail') RETURNING id),
    hub AS (
        INSERT INTO rag_nodes (id, organization_id, kind, source_id, label)
        SELECT gen_random_uuid(), :organization_id, 'asset', id, 'HUB' FROM asset RETURNING id),
    ticket AS (
        INSERT INTO tickets (id, organization_id, number, subject)
        SELECT gen_random_uuid(), :organization_id, 1000000 + n, 'Mail is down' FROM generate_series(1, :count) n
        RETURNING id),
    spoke AS (
        INSERT INTO rag_nodes (id, organization_id, kind, source_id, label)
        SELECT gen_random_uuid(), :organization_id, 'ticket', id, 'Mail is down' FROM ticket RETURNING id)
    INSERT INTO rag_edges (source, destination, kind, organization_id, origin)
    SELECT spoke.id, hub.id, 'about', :organization_id, 'explicit' FROM spoke, hub
""")

_FORGET = text("""
    DELETE FROM rag_edges e USING rag_nodes n WHERE e.source = n.id AND n.source_id = :id AND e.kind = 'similar'
""")


async def around(
    graph: Graph, kind: NodeKind, reference: object, *, depth: int = 1, most: int = 100, **kinds: tuple[str, ...]
) -> Surroundings:
    scope = {"organization_id": graph.desk.organization_id}
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        start = await thing_of(session, kind=kind, reference=str(reference), **scope)
        return await surroundings(session, start=start, depth=depth, most=most, **scope, **kinds)


def shown(found: Surroundings) -> set[tuple[str, str, int]]:
    return {(node.thing.kind.value, node.thing.reference, node.depth) for node in found.nodes}


async def solved_ticket(graph: Graph) -> int:
    """Return the number of a ticket with an asset, a requester and an article; another one is about the same asset."""
    article = await graph.desk.publish(TITLE, "Switch IPsec passthrough on.")
    await graph.asset("KF-L-0412")
    ticket = await graph.opened("VPN connection drops every few minutes", assets=["KF-L-0412"])
    await graph.replied(ticket, f"See /kb/{article.slug}")
    await graph.moved(ticket, TicketStatus.SOLVED)
    await graph.opened("Screen flickers", assets=["KF-L-0412"], requester=Requester("lee@customer.example", "Lee"))
    return ticket.number


async def test_the_surroundings_grow_with_the_depth(graph: Graph) -> None:
    number = await solved_ticket(graph)
    near = {
        ("ticket", str(number), 0),
        ("asset", "KF-L-0412", 1),
        ("requester", "kim@customer.example", 1),
        ("kb", "connect-to-harborlink-from-a-hotel", 1),
    }
    assert shown(await around(graph, NodeKind.TICKET, number)) == near
    second = near | {("ticket", str(number + 1), 2)}
    assert shown(await around(graph, NodeKind.TICKET, number, depth=2)) == second
    third = await around(graph, NodeKind.TICKET, number, depth=3)
    assert shown(third) == second | {("requester", "lee@customer.example", 3)}
    assert not third.truncated
    edges = {(edge.source.reference, edge.kind, edge.target.reference, edge.origin) for edge in third.edges}
    assert edges == {
        (str(number), "about", "KF-L-0412", "explicit"),
        (str(number), "requested_by", "kim@customer.example", "explicit"),
        (str(number), "solved_by", "connect-to-harborlink-from-a-hotel", "rule"),
        (str(number + 1), "about", "KF-L-0412", "explicit"),
        (str(number + 1), "requested_by", "lee@customer.example", "explicit"),
    }
    assert [edge.evidence for edge in third.edges if edge.kind == "solved_by"] == [
        "See /kb/connect-to-harborlink-from-a-hotel"
    ]


async def test_only_wanted_kinds_are_passed_through(graph: Graph) -> None:
    number = await solved_ticket(graph)
    by_node = await around(graph, NodeKind.TICKET, number, depth=3, node_kinds=("asset", "ticket"))
    assert {kind for kind, _, _ in shown(by_node)} == {"asset", "ticket"}
    by_edge = await around(graph, NodeKind.TICKET, number, depth=3, edge_kinds=("solved_by",))
    assert {kind for kind, _, _ in shown(by_edge)} == {"ticket", "kb"}


async def test_alike_tickets_are_one_edge_apart_and_joined_once(graph: Graph) -> None:
    first = await graph.opened("VPN drops every few minutes")
    second = await graph.opened("The VPN drops every few minutes")
    found = await around(graph, NodeKind.TICKET, first.number, depth=3)
    similar = [edge for edge in found.edges if edge.kind == "similar"]
    assert [{edge.source.reference, edge.target.reference} for edge in similar] == [
        {str(first.number), str(second.number)}
    ]
    assert similar[0].origin == "similarity"
    assert similar[0].weight > 0.8

    # Only one of them has the other on its list.
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(
            _FORGET,
            {"id": second.id},
        )
    for ticket in (first, second):
        lonely = await around(graph, NodeKind.TICKET, ticket.number, node_kinds=("ticket",), depth=3)
        assert (len(lonely.nodes), lonely.edges) == (1, [])


async def test_a_thing_has_many_names(graph: Graph) -> None:
    number = await solved_ticket(graph)
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        company = await create_company(session, organization_id=graph.desk.organization_id, name="Harbour & Co")
        await create_contact(
            session, organization_id=graph.desk.organization_id, email="jo@harbour.example", name="Jo",
            company_id=company.id,
        )  # fmt: skip
    await graph.opened("Toner is empty", requester=Requester("jo@harbour.example", "Jo"))
    names = {
        NodeKind.TICKET: [str(number), f"#{number}"],
        NodeKind.KB: ["connect-to-harborlink-from-a-hotel"],
        NodeKind.ASSET: ["KF-L-0412", "kf-l-0412"],
        NodeKind.REQUESTER: ["kim@customer.example", "KIM@customer.example"],
        NodeKind.COMPANY: ["Harbour & Co"],
    }
    for kind, references in names.items():
        [by_name] = {(await around(graph, kind, reference)).nodes[0].thing.id for reference in references}
        found = await around(graph, kind, by_name)
        assert found.nodes[0].thing.id == by_name
        assert len(found.nodes) > 1, kind
    for kind in NodeKind:
        for unknown in ("99999", "no-such-thing", UUID(int=5), "9" * 40):
            with pytest.raises(NodeNotFound):
                await around(graph, kind, unknown)


async def test_a_merged_ticket_stands_for_the_one_it_was_merged_into(graph: Graph) -> None:
    first, second, third = [await graph.opened(subject) for subject in ("One", "Two", "Three")]
    await graph.merged(first, second)
    await graph.merged(second, third)
    assert (await around(graph, NodeKind.TICKET, first.number)).nodes[0].thing.reference == str(third.number)


async def test_what_has_no_edges_is_alone(graph: Graph) -> None:
    asset = await graph.asset("KF-L-0001")
    found = await around(graph, NodeKind.ASSET, asset)
    assert shown(found) == {("asset", "KF-L-0001", 0)}
    assert (found.edges, found.truncated) == ([], False)


async def test_another_organisation_sees_nothing_of_it(graph: Graph, other_organization_id: UUID) -> None:
    number = await solved_ticket(graph)
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        start = await thing_of(
            session, organization_id=graph.desk.organization_id, kind=NodeKind.TICKET, reference=str(number)
        )
    async with graph.desk.database.transaction(other_organization_id) as session:
        with pytest.raises(NodeNotFound):
            await thing_of(
                session, organization_id=other_organization_id, kind=NodeKind.TICKET, reference=str(start.id)
            )
        found = await surroundings(session, organization_id=other_organization_id, start=start, depth=3, most=100)
    assert found.edges == []
    assert len(found.nodes) == 1


async def test_a_hub_is_cut_off_at_the_limit_and_says_so(graph: Graph) -> None:
    async with graph.desk.database.transaction(graph.desk.organization_id) as session:
        await session.execute(_HUB, {"organization_id": graph.desk.organization_id, "count": 3000})
    for depth in (1, 3):
        found = await around(graph, NodeKind.ASSET, "HUB", depth=depth, most=50)
        assert (len(found.nodes), len(found.edges), found.truncated) == (50, 49, True)
    found = await around(graph, NodeKind.TICKET, found.nodes[1].thing.reference, depth=3, most=500)
    assert (len(found.nodes), found.truncated) == (500, True)


async def test_a_circle_ends(graph: Graph) -> None:
    tickets = [await graph.opened(f"VPN drops every {count} minutes", assets=[]) for count in ("two", "three", "four")]
    found = await around(graph, NodeKind.TICKET, tickets[0].number, depth=3)
    assert len(found.nodes) == 4
    assert {node.depth for node in found.nodes} == {0, 1}
