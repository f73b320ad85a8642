"""What models were asked and said, and asking them again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status
from pydantic import AwareDatetime

from api.dependencies import FROM_REPLICA, CurrentUser, DatabaseNow, ReadSession, ServicesOfApp, Visitor, needs
from api.paging import PageOf, Paging
from api.schemas.ai_runs import Decision, DifferenceView, ReplayBody, ReplayView, RunSummary, RunView
from helpdesk.accounts.roles import require_role
from helpdesk.ai.runs.queries import RunFilter, get_run, list_runs
from helpdesk.ai.runs.replaying import replay_run
from helpdesk.models.values import UserRole

router = APIRouter(prefix="/ai/runs", tags=["ai"])

_Word = Annotated[str | None, Query(max_length=200)]


@router.get("", summary="List calls of models", dependencies=[FROM_REPLICA, needs(UserRole.LEAD)])
async def list_of_runs(
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    *,
    kind: Annotated[str | None, Query(max_length=50, description="Such as `triage`; `embed` only by name.")] = None,
    ticket_id: UUID | None = None,
    decision: Decision | None = None,
    prompt_id: _Word = None,
    model: _Word = None,
    replay_of: UUID | None = None,
    since: Annotated[AwareDatetime | None, Query(description="Made at this time or later.")] = None,
) -> PageOf[RunSummary]:
    """List calls of text models, the newest first; takes the role lead."""
    wanted = RunFilter(
        kind=kind,
        ticket_id=ticket_id,
        decision=decision,
        prompt_id=prompt_id,
        model=model,
        replay_of=replay_of,
        since=since,
    )
    rows = await list_runs(
        session,
        organization_id=user.organization_id,
        wanted=wanted,
        limit=page.look_ahead,
        after=page.after_moment(),
    )
    return page.of(rows, RunSummary.model_validate, lambda row: (row.created_at, row.id))


@router.get("/{run_id}", summary="Read a call of a model", dependencies=[needs(UserRole.LEAD)])
async def read_run(run_id: UUID, session: ReadSession, user: CurrentUser) -> RunView:
    """Read all that is kept of a call: what the model saw, what it said, what became of it. Takes the role lead."""
    return RunView.model_validate(await get_run(session, organization_id=user.organization_id, run_id=run_id))


@router.post("/{run_id}/replay", status_code=status.HTTP_201_CREATED, summary="Make a call of a model again")
async def replay(
    run_id: UUID, services: ServicesOfApp, now: DatabaseNow, user: Visitor, asked: ReplayBody | None = None
) -> ReplayView:
    """Ask again with the texts, schema, options and seed that were kept, and compare. Takes the role admin.

    It counts towards the organisation's budget, is kept as a call of the kind `replay`, and changes nothing else.
    """
    # No transaction may be open while the model works, so none is opened for the request.
    require_role(user.role, UserRole.ADMIN)
    run, made, made_id = await replay_run(
        services.database,
        services.models,
        organization_id=user.organization_id,
        run_id=run_id,
        model=None if asked is None else asked.model,
        now=now,
    )
    return ReplayView(
        run_id=run.id,
        made_id=made_id,
        model=made.identity.name,
        exact=made.exact,
        same=made.same,
        fields_same=made.fields_same,
        fields=made.fields,
        error=None if made.error is None else str(made.error),
        differences=[DifferenceView.model_validate(each) for each in made.differences],
    )
