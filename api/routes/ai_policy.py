"""What the organisation lets the models do, and what triage would say by it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, ServicesOfApp, Transaction, Visitor, needs
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion, check_version, entity_tag
from api.schemas.ai_policy import PolicyChangeView, PolicyPatch, PolicyView
from api.schemas.triage import PreviewBody, PreviewView, VerdictView
from helpdesk.accounts import ai_policy_commands, ai_policy_queries
from helpdesk.accounts.roles import require_role
from helpdesk.models.ai_policy import AiPolicy
from helpdesk.models.values import UserRole
from helpdesk.triage.deciding.material import material_from
from helpdesk.triage.deciding.preview import preview_triage

router = APIRouter(prefix="/ai", tags=["ai"])


@router.get("/policy", summary="Read the AI policy")
async def read_policy(response: Response, session: ReadSession, user: CurrentUser) -> PolicyView:
    """Read what the organisation lets the models do, with everything said that is otherwise understood."""
    policy = await ai_policy_queries.ai_policy_of(session, organization_id=user.organization_id)
    version = await ai_policy_queries.policy_version(session, organization_id=user.organization_id)
    return _view(response, policy, version)


@router.patch("/policy", summary="Change the AI policy", dependencies=[needs(UserRole.ADMIN)])
async def change_policy(
    *,
    patch: PolicyPatch,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> PolicyView:
    """Apply a JSON merge patch: what it does not name stays, and null makes a value as usual again.

    It holds from the next ticket on. What changes nothing makes no new version; `If-Match` guards against a change in
    between. Takes the role admin.
    """
    scope = user.organization_id
    check_version(await ai_policy_commands.lock_policy_version(session, organization_id=scope), expected)
    policy = await ai_policy_commands.change_ai_policy(
        session, organization_id=scope, patch=patch.model_dump(exclude_unset=True), by=user.id, now=now
    )
    return _view(response, policy, await ai_policy_queries.policy_version(session, organization_id=scope))


@router.get("/policy/changes", summary="List changes of the AI policy", dependencies=[FROM_REPLICA])
async def list_changes(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[PolicyChangeView]:
    """Read who changed the policy, when and how, the newest change first."""
    rows = await ai_policy_queries.list_policy_changes(
        session, organization_id=user.organization_id, before=page.after_number(), limit=page.look_ahead
    )
    return page.of(rows, PolicyChangeView.model_validate, lambda row: (row.number,))


@router.post("/triage/preview", summary="Try triage out")
async def preview(body: PreviewBody, services: ServicesOfApp, user: Visitor) -> PreviewView:
    """Say what triage would make of a subject and a first message; no ticket is opened, no prediction stored.

    It counts among the questions that the organisation may ask in a minute. Takes the role agent.
    """
    require_role(user.role, UserRole.AGENT)
    services.asking.admit(user.organization_id)
    async with services.asking.taken(user.organization_id):
        found = await preview_triage(
            services.database,
            services.models,
            services.query_vectors,
            organization_id=user.organization_id,
            material=material_from(body.subject, body.body, vip=body.vip),
            now=user.now,
        )
    return PreviewView(
        injection_suspected=found.material.suspect,
        asked_model=None if found.asked is None else found.asked.identity.name,
        fields={name: VerdictView.of(verdict) for name, verdict in found.verdicts.items()},
    )


def _view(response: Response, policy: AiPolicy, version: int) -> PolicyView:
    response.headers["ETag"] = entity_tag(version)
    return PolicyView(**dict(policy.in_full()), version=version)
