"""Proofs of the stored clocks."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import FROM_REPLICA, CurrentUser, ReadSession, needs
from api.paging import PageOf, Paging
from api.schemas.sla_proofs import ProofView
from helpdesk.models.values import UserRole
from helpdesk.sla.proof.queries import list_proofs

router = APIRouter(prefix="/sla", tags=["sla"], dependencies=[needs(UserRole.LEAD)])


@router.get("/proofs", summary="List proofs of the clocks", dependencies=[FROM_REPLICA])
async def proofs(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[ProofView]:
    """Read what the nightly replays of the tickets' logs found, the latest first; takes the role lead."""
    rows = await list_proofs(
        session, organization_id=user.organization_id, after=page.after_moment(), limit=page.look_ahead
    )
    return page.of(rows, ProofView.model_validate, lambda row: (row.started_at, row.id))
