"""Service-level policies: what is promised to which tickets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response, status

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, ServicesOfApp, Transaction, Visitor, needs
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion, check_version, entity_tag
from api.schemas.policies import (
    NewPolicyBody,
    PolicyChangesBody,
    PolicyOrder,
    PolicyVersionView,
    PolicyView,
    PreviewView,
)
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole
from helpdesk.sla.policies import commands, hypotheses
from helpdesk.sla.policies import queries as policy_queries
from helpdesk.sla.policies.change_preview import preview_change

router = APIRouter(prefix="/sla/policies", tags=["sla"])
_ADMIN = [needs(UserRole.ADMIN)]
Suppose = Callable[..., Awaitable[hypotheses.Hypothesis]]
_STATES: dict[str, bool | None] = {"active": True, "archived": False, "all": None}


@router.get("", summary="List policies", dependencies=[FROM_REPLICA])
async def list_policies(
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    state: Annotated[Literal["active", "archived", "all"], Query()] = "active",
) -> PageOf[PolicyView]:
    """Read the policies in the order they are tried: a ticket falls under the first whose conditions hold."""
    rows = await policy_queries.list_policies(
        session,
        organization_id=user.organization_id,
        active=_STATES[state],
        after=page.after_id(),
        limit=page.look_ahead,
    )
    return page.of(rows, PolicyView.model_validate, lambda row: (row.id,))


@router.post("", status_code=status.HTTP_201_CREATED, summary="Make a policy", dependencies=_ADMIN)
async def create_policy(
    new: NewPolicyBody, response: Response, session: Transaction, user: CurrentUser, now: Now
) -> PolicyView:
    """Add a policy at the end of the order; open tickets that it is meant for come under it in the background."""
    policy_id = await commands.introduce_policy(
        session, organization_id=user.organization_id, new=new.as_new(), by=user.id, now=now
    )
    response.headers["Location"] = f"/api/v1/sla/policies/{policy_id}"
    return await _view(session, response, user, policy_id)


@router.post("/reorder", summary="Order policies", dependencies=_ADMIN)
async def reorder_policies(order: PolicyOrder, session: Transaction, user: CurrentUser) -> PageOf[PolicyView]:
    """Try the active policies in this order from now on, for open tickets, too; no new versions are made."""
    organization_id = user.organization_id
    await commands.reorder_policies(session, organization_id=organization_id, policy_ids=order.policy_ids)
    rows = await policy_queries.list_policies(session, organization_id=organization_id, limit=len(order.policy_ids))
    return PageOf(items=[PolicyView.model_validate(row) for row in rows], next_cursor=None)


@router.post("/reorder/preview", summary="See what another order would do")
async def preview_order(order: PolicyOrder, services: ServicesOfApp, user: Visitor) -> PreviewView:
    """Compute which clocks of open tickets would change in this order; nothing is stored. Takes the role lead."""
    return await _preview(services, user, partial(hypotheses.if_policies_stood, policy_ids=order.policy_ids))


@router.post("/preview", summary="See what a new policy would do")
async def preview_new_policy(new: NewPolicyBody, services: ServicesOfApp, user: Visitor) -> PreviewView:
    """Compute which clocks of open tickets would change if this policy were made now; nothing is stored.

    It would stand at the end of the order; a default would take the place of the present one. Takes the role lead.
    """
    return await _preview(services, user, partial(hypotheses.if_policy_came, new=new.as_new()))


@router.get("/{policy_id}", summary="Read a policy")
async def read_policy(policy_id: UUID, response: Response, session: ReadSession, user: CurrentUser) -> PolicyView:
    """Read a policy with its current version, whose number is the `ETag`."""
    return await _view(session, response, user, policy_id)


@router.patch("/{policy_id}", summary="Change a policy", dependencies=_ADMIN)
async def change_policy(
    *,
    policy_id: UUID,
    changes: PolicyChangesBody,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> PolicyView:
    """Change a policy; open tickets come under the new version in the background.

    Any change but of the name makes a new version, one that changes nothing makes none. `If-Match` guards against a
    version made in between.
    """
    policy = await commands.lock_policy(session, organization_id=user.organization_id, policy_id=policy_id)
    check_version(policy.current_version, expected)
    await commands.change_policy(session, policy=policy, changes=changes.as_changes(), by=user.id, now=now)
    return await _view(session, response, user, policy_id)


@router.post("/{policy_id}/preview", summary="See what a change of a policy would do")
async def preview_policy_change(
    policy_id: UUID, changes: PolicyChangesBody, services: ServicesOfApp, user: Visitor
) -> PreviewView:
    """Compute which clocks of open tickets would change if the policy were changed now; nothing is stored.

    An archived policy is taken for restored. Takes the role lead.
    """
    suppose = partial(hypotheses.if_policy_changed, policy_id=policy_id, changes=changes.as_changes())
    return await _preview(services, user, suppose)


@router.post("/{policy_id}/archive/preview", summary="See what archiving a policy would do")
async def preview_archiving(policy_id: UUID, services: ServicesOfApp, user: Visitor) -> PreviewView:
    """Compute which clocks of open tickets would change without the policy; nothing is stored. Takes the role lead."""
    return await _preview(services, user, partial(hypotheses.if_policy_went, policy_id=policy_id))


@router.post("/{policy_id}/archive", summary="Archive a policy", dependencies=_ADMIN)
async def archive_policy(policy_id: UUID, response: Response, session: Transaction, user: CurrentUser) -> PolicyView:
    """Take a policy out of use; its open tickets fall to the next one whose conditions hold."""
    policy = await commands.lock_policy(session, organization_id=user.organization_id, policy_id=policy_id)
    await commands.archive_policy(session, policy=policy)
    return await _view(session, response, user, policy_id)


@router.post("/{policy_id}/restore", summary="Restore a policy", dependencies=_ADMIN)
async def restore_policy(
    policy_id: UUID, response: Response, session: Transaction, user: CurrentUser, now: Now
) -> PolicyView:
    """Take an archived policy into use again, at its old place in the order."""
    policy = await commands.lock_policy(session, organization_id=user.organization_id, policy_id=policy_id)
    await commands.restore_policy(session, policy=policy, now=now)
    return await _view(session, response, user, policy_id)


@router.get("/{policy_id}/versions", summary="List a policy's versions", dependencies=[FROM_REPLICA])
async def list_versions(
    policy_id: UUID, session: ReadSession, user: CurrentUser, page: Paging
) -> PageOf[PolicyVersionView]:
    """Read what a policy has said over time, the newest version first."""
    rows = await policy_queries.list_versions(
        session,
        organization_id=user.organization_id,
        policy_id=policy_id,
        before=page.after_number(),
        limit=page.look_ahead,
    )
    return page.of(rows, PolicyVersionView.model_validate, lambda row: (row.number,))


@router.get("/{policy_id}/versions/{number}", summary="Read a version of a policy")
async def read_version(
    policy_id: UUID,
    number: Annotated[int, Path(ge=1, le=2**31 - 1)],
    session: ReadSession,
    user: CurrentUser,
) -> PolicyVersionView:
    """Read what a policy said at one time."""
    found = await policy_queries.get_version(
        session, organization_id=user.organization_id, policy_id=policy_id, number=number
    )
    return PolicyVersionView.model_validate(found)


async def _view(session: ReadSession, response: Response, user: CurrentUser, policy_id: UUID) -> PolicyView:
    found = await policy_queries.get_policy(session, organization_id=user.organization_id, policy_id=policy_id)
    response.headers["ETag"] = entity_tag(found.version.number)
    return PolicyView.model_validate(found)


async def _preview(services: ServicesOfApp, user: Visitor, suppose: Suppose) -> PreviewView:
    require_role(user.role, UserRole.LEAD)
    scope = user.organization_id
    async with services.database.snapshot(scope) as session:
        hypothesis = await suppose(session, organization_id=scope, now=user.now)
        found = await preview_change(session, organization_id=scope, hypothesis=hypothesis, now=user.now)
    return PreviewView.model_validate(found)
