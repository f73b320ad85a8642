"""What is behind the models, and how much of them an organisation may use."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import CurrentUser, Now, ReadSession, ServicesOfApp, Visitor
from api.schemas.ai_providers import BudgetView, ProviderView
from helpdesk.accounts.roles import require_role
from helpdesk.ai.providers.choice import budget_of
from helpdesk.ai.providers.describing import states_of
from helpdesk.models.values import UserRole

router = APIRouter(prefix="/ai", tags=["ai"])


@router.get("/budget", summary="Read the budget of the text model")
async def read_budget(session: ReadSession, services: ServicesOfApp, user: CurrentUser, now: Now) -> BudgetView:
    """Read what the organisation has used of the text model in the last 24 hours, and what is left of its bounds.

    The bounds are those of the organisation's policy, or the operator's where those are narrower. Calls count once
    they have ended, so a bound may be overshot by the calls that are being made.
    """
    budget = await budget_of(session, allowed=services.models.bounds, organization_id=user.organization_id, now=now)
    return BudgetView.of(budget)


@router.get("/providers", summary="List the providers of models")
async def list_providers(services: ServicesOfApp, user: Visitor) -> list[ProviderView]:
    """Read which models this process asks, where, for whom, and how they fare; takes the role admin.

    What a worker makes of them is told in its `stats`, see the list of workers.
    """
    require_role(user.role, UserRole.ADMIN)
    return [ProviderView.of(state) for state in await states_of(services.models.providers)]
