"""The graph around a thing, and tickets like a ticket."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import View
from helpdesk.rag.graph.nodes import NodeKind, Thing
from helpdesk.rag.graph.similar import SimilarTicket
from helpdesk.rag.graph.walk import GraphEdge, GraphNode, Surroundings

# Where a thing can be read; contacts and companies have no page of their own.
_PATHS = {NodeKind.TICKET: "tickets", NodeKind.KB: "kb/articles", NodeKind.ASSET: "assets"}


class NodeName(View):
    """Which node is meant."""

    kind: NodeKind
    id: UUID


class NodeView(NodeName):
    """A ticket, article, asset, requester or company."""

    reference: str = Field(description="A number, slug, tag, e-mail address or name.")
    label: str
    state: str | None = Field(description="Of a ticket, article or asset.")
    depth: int = Field(description="How many edges it is away.")
    link: str | None = Field(description="Where it can be read.")


class EdgeView(View):
    """What one thing has to do with another."""

    source: NodeName
    target: NodeName
    kind: str
    origin: Literal["explicit", "rule", "similarity"] = Field(
        description="Said by a person, read in a text, or found by comparing vectors."
    )
    weight: float = Field(description="1, or the similarity of two tickets.")
    extractor_version: int = Field(description="Of the rules; of a similarity, the embedding model's id.")
    evidence: str | None = Field(description="The words that say so.")
    happened_at: datetime | None = Field(description="When the ticket was solved by the article.")
    created_at: datetime


class GraphView(View):
    """What is around a thing, the nearest first."""

    nodes: list[NodeView]
    edges: list[EdgeView]
    truncated: bool = Field(description="There is more than `limit` let through.")


class ArticleName(View):
    """An article that settled a ticket."""

    id: UUID
    slug: str
    title: str


class SimilarTicketView(View):
    """A ticket like the one asked about."""

    ticket_id: UUID
    number: int
    subject: str
    status: str
    similarity: float | None = Field(description="Cosine of what was asked; null where only words were compared.")
    same_as: bool = Field(description="It is most probably the same problem.")
    solved_by: list[ArticleName]
    same_requester: bool
    same_asset: bool
    created_at: datetime
    solved_at: datetime | None
    hint: str = Field(description="What to know of it, in a sentence.")


class WaitingView(View):
    """How many people have the same trouble right now."""

    count: int = Field(description="Open tickets like this one; several at once are most probably one outage.")
    since: datetime
    numbers: list[int] = Field(description="Their numbers, the newest first.")


class SimilarTicketsView(View):
    """Tickets like a ticket, the most alike first."""

    found_by: Literal["meaning", "words"] = Field(description="`words` where the ticket has no vector yet.")
    tickets: list[SimilarTicketView]
    waiting: WaitingView


def graph_view(found: Surroundings) -> GraphView:
    """Return what is around a thing as the API shows it."""
    return GraphView(
        nodes=[_node(node) for node in found.nodes],
        edges=[_edge(edge) for edge in found.edges],
        truncated=found.truncated,
    )


def similar_ticket_view(ticket: SimilarTicket) -> SimilarTicketView:
    """Return an alike ticket as the API shows it."""
    return SimilarTicketView(
        ticket_id=ticket.ticket_id,
        number=ticket.number,
        subject=ticket.subject,
        status=ticket.status,
        similarity=None if ticket.similarity is None else round(ticket.similarity, 4),
        same_as=ticket.same_as,
        solved_by=[ArticleName(id=one.id, slug=one.slug, title=one.title) for one in ticket.solved_by],
        same_requester=ticket.same_requester,
        same_asset=ticket.same_asset,
        created_at=ticket.created_at,
        solved_at=ticket.solved_at,
        hint=ticket.hint,
    )


def _node(node: GraphNode) -> NodeView:
    thing = node.thing
    path = _PATHS.get(thing.kind)
    return NodeView(
        kind=thing.kind,
        id=thing.id,
        reference=thing.reference,
        label=thing.label,
        state=thing.state,
        depth=node.depth,
        link=None if path is None else f"/api/v1/{path}/{thing.id}",
    )


def _edge(edge: GraphEdge) -> EdgeView:
    return EdgeView(
        source=_name(edge.source),
        target=_name(edge.target),
        kind=edge.kind,
        origin=edge.origin,
        weight=round(edge.weight, 4),
        extractor_version=edge.extractor_version,
        evidence=edge.evidence,
        happened_at=edge.happened_at,
        created_at=edge.created_at,
    )


def _name(thing: Thing) -> NodeName:
    return NodeName(kind=thing.kind, id=thing.id)
