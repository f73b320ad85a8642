"""Queues and limits: what is taken by workers, and how much of it at a time. They concern every organisation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response, status

from api.dependencies import CurrentUser, ReadSession, ServicesOfApp, Transaction, needs
from api.routes.queue_figures import stats_of
from api.schemas.queues import LimitView, NewLimit, PausableView, Pause, PauseView, QueueView
from helpdesk.errors import NotFound
from helpdesk.models.values import UserRole
from helpdesk.queue import commands, queries
from helpdesk.queue.queues import Kind, check_known, queue_states

router = APIRouter(tags=["jobs"])
_OPERATOR = [needs(UserRole.OPERATOR)]

Named = Annotated[str, Path(max_length=200)]


class LimitNotSet(NotFound):
    """No limit is set for this key; its job types' own applies."""


@router.get("/queues", summary="List queues")
async def list_queues(session: ReadSession, services: ServicesOfApp, user: CurrentUser) -> list[QueueView]:
    """Read the queues with their job types: what is paused, and how many of the organisation's jobs wait and run."""
    pauses = await queries.list_pauses(session)
    counts = await stats_of(session, services, user)
    return [QueueView.model_validate(state) for state in queue_states(pauses, counts.by_type)]


@router.post("/queues/{name}/pause", summary="Pause a queue", dependencies=_OPERATOR)
async def pause_queue(name: Named, asked: Pause, session: Transaction, user: CurrentUser) -> PausableView:
    """Let no worker take jobs of a queue, of any organisation; running ones go on. Takes the role operator."""
    return await _pause(session, "queue", name, by=user.email, reason=asked.reason)


@router.post("/queues/{name}/resume", summary="Resume a queue", dependencies=_OPERATOR)
async def resume_queue(name: Named, session: Transaction, _user: CurrentUser) -> PausableView:
    """Let workers take jobs of a queue again; types paused on their own stay so. Takes the role operator."""
    return await _resume(session, "queue", name)


@router.post("/jobs/types/{job_type}/pause", summary="Pause a job type", dependencies=_OPERATOR)
async def pause_type(job_type: Named, asked: Pause, session: Transaction, user: CurrentUser) -> PausableView:
    """Let no worker take jobs of a type, of any organisation; running ones go on. Takes the role operator."""
    return await _pause(session, "type", job_type, by=user.email, reason=asked.reason)


@router.post("/jobs/types/{job_type}/resume", summary="Resume a job type", dependencies=_OPERATOR)
async def resume_type(job_type: Named, session: Transaction, _user: CurrentUser) -> PausableView:
    """Let workers take jobs of a type again, unless its queue is paused. Takes the role operator."""
    return await _resume(session, "type", job_type)


@router.get("/queues/limits", summary="List limits", dependencies=[needs(UserRole.ADMIN)])
async def list_limits(session: ReadSession, _user: CurrentUser) -> list[LimitView]:
    """Read how many jobs of each limit key may run at a time, and how many do and wait; takes the role admin."""
    return [LimitView.model_validate(row) for row in await queries.list_limits(session)]


@router.put("/queues/limits/{limit_key}", summary="Set a limit", dependencies=_OPERATOR)
async def set_limit(limit_key: Named, new: NewLimit, session: Transaction, user: CurrentUser) -> NewLimit:
    """Let so many jobs with a limit key run at a time, over all workers, whatever their job types say.

    Lowering it stops no running job. Takes the role operator.
    """
    await commands.set_limit(session, limit_key=limit_key, slots=new.slots, by=user.email)
    return new


@router.delete(
    "/queues/limits/{limit_key}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Clear a limit",
    dependencies=_OPERATOR,
)
async def clear_limit(limit_key: Named, session: Transaction, _user: CurrentUser) -> Response:
    """Let the limit that the job types say apply again; takes the role operator."""
    if not await commands.clear_limit(session, limit_key=limit_key):
        raise LimitNotSet
    return Response(status_code=status.HTTP_204_NO_CONTENT)


async def _pause(session: Transaction, kind: Kind, name: str, *, by: str, reason: str | None) -> PausableView:
    check_known(kind, name)
    await commands.pause(session, kind=kind, name=name, by=by, reason=reason)
    paused = {(pause.kind, pause.name): pause for pause in await queries.list_pauses(session)}
    return PausableView(name=name, paused=True, pause=PauseView.model_validate(paused[kind, name]))


async def _resume(session: Transaction, kind: Kind, name: str) -> PausableView:
    check_known(kind, name)
    await commands.resume(session, kind=kind, name=name)
    return PausableView(name=name, paused=False, pause=None)
