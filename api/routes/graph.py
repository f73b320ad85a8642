"""What has to do with what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import FROM_REPLICA, CurrentUser, ReadSession, needs
from api.schemas.graph import GraphView, graph_view
from helpdesk.models.values import UserRole
from helpdesk.rag.graph.links import EdgeKind
from helpdesk.rag.graph.nodes import NodeKind, thing_of
from helpdesk.rag.graph.walk import surroundings

router = APIRouter(prefix="/graph", tags=["search"], dependencies=[needs(UserRole.AGENT)])


@router.get(
    "/{kind}/{reference}",
    summary="What is around a ticket, article, asset, requester or company",
    dependencies=[FROM_REPLICA],
)
async def read_graph(
    *,
    kind: NodeKind,
    reference: Annotated[
        str,
        Path(
            max_length=320,
            description="An id, or a ticket's number, a slug, an asset's tag, an e-mail address, a name.",
        ),
    ],
    session: ReadSession,
    user: CurrentUser,
    depth: Annotated[int, Query(ge=1, le=3, description="How many edges away.")] = 1,
    kinds: Annotated[list[NodeKind] | None, Query(description="Only things of these kinds; all without it.")] = None,
    edges: Annotated[list[EdgeKind] | None, Query(description="Only edges of these kinds; all without it.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Most things, this one included.")] = 100,
) -> GraphView:
    """Read what has to do with a thing, and why: who asked, what it is about, what solved it, what is like it.

    Edges are followed in both directions, the nearest things first. A merged ticket stands for the one it was merged
    into.
    """
    start = await thing_of(session, organization_id=user.organization_id, kind=kind, reference=reference)
    found = await surroundings(
        session,
        organization_id=user.organization_id,
        start=start,
        depth=depth,
        most=limit,
        node_kinds=kinds or tuple(NodeKind),
        edge_kinds=edges or tuple(EdgeKind),
    )
    return graph_view(found)
