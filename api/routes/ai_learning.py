"""What the product has learnt: versions of its models, the gates of triage, and how predictions drift."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.schemas.learning import DriftReportView, GateChangeView, GateReopening, GateView, ModelVersionView
from helpdesk.learned_models.versions import list_versions
from helpdesk.models.learning import TriageGate, TriageGateChange
from helpdesk.models.values import UserRole
from helpdesk.triage.learning.drift import list_drift_reports
from helpdesk.triage.learning.gate_queries import list_gate_changes, list_gates
from helpdesk.triage.learning.gates import reopen_gate
from helpdesk.triage.learning.versions import put_in_use

router = APIRouter(prefix="/ai", tags=["triage"], dependencies=[needs(UserRole.LEAD)])

_ADMIN = [needs(UserRole.ADMIN)]
_Kind = Annotated[str | None, Query(max_length=80, description="Such as `triage` or `breach`; all when left out.")]


@router.get("/models", summary="List trained models", dependencies=[FROM_REPLICA])
async def list_models(
    session: ReadSession, user: CurrentUser, page: Paging, kind: _Kind = None
) -> PageOf[ModelVersionView]:
    """Read the versions of the models that were trained on your tickets, the latest first; takes the role lead."""
    rows = await list_versions(
        session, organization_id=user.organization_id, kind=kind, before=page.after_id(), most=page.look_ahead
    )
    return page.of(rows, ModelVersionView.model_validate, lambda row: (row.id,))


@router.post("/models/{model_id}/promote", summary="Put a version in use", dependencies=_ADMIN)
async def promote(model_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> ModelVersionView:
    """Go back to an earlier version of a model, or forward to one that was put aside; takes the role admin.

    The version that was in use is marked as rolled back. Of triage, no other one is trained by itself before there are
    25 more labels than it knew. A version is refused whose weights are not kept any more, or that knows other values or
    vectors than there are now.
    """
    version = await put_in_use(
        session, organization_id=user.organization_id, model_id=model_id, who=user.email, now=now
    )
    return ModelVersionView.model_validate(version)


@router.get("/gates", summary="List the gates of triage")
async def read_gates(session: ReadSession, user: CurrentUser) -> list[GateView]:
    """Read of each field, and of each value that was judged often enough, whether triage may set it by itself.

    That is so as far as the policy lets it; a gate that has fallen back makes it an offer. Takes the role lead.
    """
    return [_gate(gate) for gate in await list_gates(session, organization_id=user.organization_id)]


@router.get("/gates/changes", summary="List changes of the gates", dependencies=[FROM_REPLICA])
async def read_gate_changes(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[GateChangeView]:
    """Read when gates fell back and were opened again, the latest first; takes the role lead."""
    rows = await list_gate_changes(
        session, organization_id=user.organization_id, before=page.after_id(), most=page.look_ahead
    )
    return page.of(rows, _change, lambda row: (row.id,))


@router.post("/gates/reopen", summary="Open a gate again", dependencies=_ADMIN)
async def reopen(asked: GateReopening, session: Transaction, user: CurrentUser, now: Now) -> list[GateView]:
    """Let triage set a field or value by itself again, judged by what it predicts from now on; takes the role admin."""
    await reopen_gate(
        session,
        organization_id=user.organization_id,
        field=asked.field,
        value=asked.value,
        user_id=user.id,
        now=now,
    )
    return await read_gates(session, user)


@router.get("/drift", summary="List drift reports", dependencies=[FROM_REPLICA])
async def read_drift(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[DriftReportView]:
    """Read the weekly comparisons of predictions with those of the weeks before, the latest first; takes the role lead.

    Each field says in a sentence whether somebody should act.
    """
    rows = await list_drift_reports(
        session, organization_id=user.organization_id, before=page.after_moment(), most=page.look_ahead
    )
    return page.of(rows, DriftReportView.model_validate, lambda row: (row.until, row.id))


def _gate(gate: TriageGate) -> GateView:
    return GateView(
        field=gate.field,
        value=gate.value or None,
        state=gate.state,
        reason=gate.reason,
        judged=gate.judged,
        running_accuracy=gate.accuracy,
        floor=gate.floor,
        counted_from=gate.counted_from,
        changed_at=gate.changed_at,
        reviewed_at=gate.reviewed_at,
    )


def _change(change: TriageGateChange) -> GateChangeView:
    return GateChangeView(
        id=change.id,
        created_at=change.created_at,
        field=change.field,
        value=change.value or None,
        state=change.state,
        reason=change.reason,
        judged=change.judged,
        running_accuracy=change.accuracy,
        floor=change.floor,
        user_id=change.user_id,
    )
