"""Many jobs at once: why they are dead, try them again, cancel what waits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import CurrentUser, ReadSession, Transaction, needs
from api.schemas.jobs import CauseView, ChangedView, JobsToCancel, JobsToRetry
from helpdesk.models.values import UserRole
from helpdesk.queue.bulk import Changed, cancel_pending, replay_dead_letters
from helpdesk.queue.causes import dead_by_cause

router = APIRouter(prefix="/jobs", tags=["jobs"])
_ADMIN = [needs(UserRole.ADMIN)]


@router.get("/dead", summary="Group dead letters by cause")
async def list_causes(
    session: ReadSession, user: CurrentUser, job_type: Annotated[str | None, Query(max_length=200)] = None
) -> list[CauseView]:
    """Tell why jobs were set aside, the most frequent cause first; looks at the newest 10,000."""
    causes = await dead_by_cause(session, organization_id=user.organization_id, job_type=job_type)
    return [CauseView.model_validate(cause) for cause in causes]


@router.post("/retry", summary="Try dead letters again", dependencies=_ADMIN)
async def retry_jobs(asked: JobsToRetry, session: Transaction, user: CurrentUser) -> ChangedView:
    """Have dead letters tried again, those that died first before the others; takes the role admin.

    They keep their id and history and get their full number of tries. One whose unique key a live job has stays dead.
    """
    changed = await replay_dead_letters(
        session,
        organization_id=user.organization_id,
        where=asked.where,
        spread_s=asked.spread_s,
        most=asked.limit,
    )
    return _view(changed)


@router.post("/cancel", summary="Cancel waiting jobs", dependencies=_ADMIN)
async def cancel_jobs(asked: JobsToCancel, session: Transaction, user: CurrentUser) -> ChangedView:
    """Cancel jobs that wait, those made first before the others; running ones go on. Takes the role admin."""
    changed = await cancel_pending(
        session,
        organization_id=user.organization_id,
        where=asked.where,
        reason=f"cancelled by {user.email}",
        most=asked.limit,
    )
    return _view(changed)


def _view(changed: Changed) -> ChangedView:
    return ChangedView(count=len(changed.ids), ids=changed.ids, more=changed.more)
