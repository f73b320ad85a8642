"""Embedding models: which one is searched, which one is to be, and the change between them.

They concern every organisation of the installation.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response, status

from api.dependencies import CurrentUser, DatabaseNow, ServicesOfApp, Transaction, Visitor, needs
from api.schemas.findings import Enqueued
from api.schemas.rag_models import Insisting, ModelView, NewModel
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole
from helpdesk.queue.catalog import ChangeEmbeddingModel
from helpdesk.queue.enqueue import enqueue
from helpdesk.rag.model_change import commands
from helpdesk.rag.model_change.changing import change_back
from helpdesk.rag.model_change.queries import model_report, model_reports
from helpdesk.rag.model_change.registering import add_model, ask_to_backfill

router = APIRouter(prefix="/rag/models", tags=["search"])

ModelId = Annotated[int, Path(ge=1, le=32767)]


def _operator(user: Visitor) -> SignedIn:
    # No transaction may be open while the model runtime works, so none is opened for the request.
    require_role(user.role, UserRole.OPERATOR)
    return user


Operator = Annotated[SignedIn, Depends(_operator)]


@router.get("", summary="List embedding models", dependencies=[needs(UserRole.ADMIN)])
async def list_models(services: ServicesOfApp, _user: CurrentUser) -> list[ModelView]:
    """Read every embedding model that has vectors, the active one first; takes the role admin."""
    return [ModelView.model_validate(report) for report in await model_reports(services.database)]


@router.post("", status_code=status.HTTP_201_CREATED, summary="Register an embedding model")
async def register(new: NewModel, services: ServicesOfApp, _user: Operator) -> ModelView:
    """Ask the model runtime what a model is, give its vectors a table, and begin to fill it. Takes the role operator.

    From then on, what is written gets vectors of both models; searches go on with the active one.
    """
    model = await add_model(services.database, services.models.embedder, name=new.name)
    return ModelView.model_validate(await model_report(services.database, model.id))


@router.post(
    "/flip",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Let the built model take over",
    dependencies=[needs(UserRole.OPERATOR)],
)
async def flip(asked: Insisting, session: Transaction, user: CurrentUser) -> Enqueued:
    """Have the built model compared with the active one, and take its place unless it does worse.

    A job does it. It ends cancelled, with the reason, when passages still lack a vector or the golden queries are
    answered worse; with a reason of yours it does not stop at that. Takes the role operator.
    """
    job_id = await enqueue(
        session,
        ChangeEmbeddingModel(reason=asked.reason),
        organization_id=user.organization_id,
        unique_key="flip",
    )
    return Enqueued(job_id=job_id)


@router.post("/rollback", summary="Go back to the model of before")
async def roll_back(asked: Insisting, services: ServicesOfApp, now: DatabaseNow, _user: Operator) -> ModelView:
    """Make the model of before active again, at once for every process. Takes the role operator.

    With a reason it is done even if the model runtime no longer serves that model: searches then go by words alone.
    """
    changed = await change_back(services.database, services.models.embedder, now=now, reason=asked.reason)
    return ModelView.model_validate(await model_report(services.database, changed.now_active.id))


@router.get("/{model_id}", summary="Read an embedding model", dependencies=[needs(UserRole.ADMIN)])
async def read_model(model_id: ModelId, services: ServicesOfApp, _user: CurrentUser) -> ModelView:
    """Read how one model stands; takes the role admin."""
    return ModelView.model_validate(await model_report(services.database, model_id))


@router.post("/{model_id}/pause", summary="Pause a backfill")
async def pause(model_id: ModelId, services: ServicesOfApp, now: DatabaseNow, _user: Operator) -> ModelView:
    """Make no vectors for what was written before; what is new still gets its own. Takes the role operator."""
    await commands.pause(services.database, model_id, now=now)
    return ModelView.model_validate(await model_report(services.database, model_id))


@router.post("/{model_id}/resume", summary="Resume a backfill")
async def resume(model_id: ModelId, services: ServicesOfApp, _user: Operator) -> ModelView:
    """Go on with a backfill where it was paused. Takes the role operator."""
    await commands.resume(services.database, model_id)
    await ask_to_backfill(services.database)
    return ModelView.model_validate(await model_report(services.database, model_id))


@router.delete("/{model_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Drop an embedding model")
async def drop(model_id: ModelId, services: ServicesOfApp, _user: Operator) -> Response:
    """Remove a model with all its vectors, for good; the active one cannot be. Takes the role operator."""
    await commands.drop(services.database, model_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
