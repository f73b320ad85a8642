"""Keep the index as it should be."""

from __future__ import annotations

from fastapi import APIRouter, status

from api.dependencies import CurrentUser, ServicesOfApp, Transaction, needs
from api.schemas.rag_index import ReindexBody, ReindexView
from helpdesk.models.values import UserRole
from helpdesk.rag.indexing.reindex import reindex

router = APIRouter(prefix="/rag", tags=["search"])


@router.post(
    "/reindex",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Index anew",
    dependencies=[needs(UserRole.ADMIN)],
)
async def reindex_sources(
    body: ReindexBody, session: Transaction, user: CurrentUser, services: ServicesOfApp
) -> ReindexView:
    """Queue sources for the index behind what people wait for: those that failed, lack vectors, or all. Takes admin.

    What is in the index is found until it is replaced. Passages that are as they were keep their vectors, so that only
    changed ones are embedded; passages without a vector are tried once more. `GET /rag/status` tells how far it is.
    """
    queued = await reindex(
        session,
        organization_id=user.organization_id,
        what=body.what,
        types=body.types,
        source_id=body.source_id,
        open_tickets=services.settings.rag_index_on_ticket_create,
    )
    return ReindexView(queued=queued.total(), by_type=dict(queued))
