"""Is it alive, is it ready; for monitors, without credentials and without secrets."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import ServicesOfApp
from api.release import release
from api.schemas.health import ComponentView, Health, Ready
from helpdesk.errors import Unavailable

router = APIRouter(tags=["health"])


class NotReady(Unavailable):
    """The database cannot be reached."""


@router.get("/health", summary="Liveness, and how each part is")
async def health(services: ServicesOfApp) -> Health:
    """Answer as long as the process lives; `degraded` names the parts that are away."""
    parts = await services.states.all()
    return Health(
        status="ok" if all(part.is_well for part in parts) else "degraded",
        version=release(),
        components={part.name: ComponentView.model_validate(part) for part in parts},
    )


@router.get("/ready", summary="Readiness")
async def ready(services: ServicesOfApp) -> Ready:
    """Answer 200 when the database does, else 503."""
    if (await services.states.database()).state != "ok":
        raise NotReady("The database does not answer.")
    return Ready()
