"""People, teams, categories and customers of an organisation."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from api.dependencies import FROM_REPLICA, CurrentUser, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.schemas.bodies import Email
from api.schemas.organization import (
    CategoryView,
    CompanyView,
    ContactView,
    NewCategory,
    NewContact,
    NewTeam,
    NewUser,
    TeamChanges,
    TeamView,
    UserView,
)
from helpdesk.accounts import commands, queries, team_commands
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole

router = APIRouter(tags=["organization"])
_ADMIN = [needs(UserRole.ADMIN)]


@router.get("/users", summary="List users", dependencies=[FROM_REPLICA])
async def list_users(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[UserView]:
    """Read those who work with tickets."""
    rows = await queries.list_users(
        session, organization_id=user.organization_id, after=page.after_id(), limit=page.look_ahead
    )
    return page.of(rows, UserView.model_validate, lambda row: (row.id,))


@router.post("/users", status_code=status.HTTP_201_CREATED, summary="Make a user", dependencies=_ADMIN)
async def create_user(new: NewUser, session: Transaction, user: CurrentUser) -> UserView:
    """Make a user of this organisation, with at most one's own role; takes the role admin."""
    require_role(user.role, new.role)
    made = await commands.create_user(
        session,
        organization_id=user.organization_id,
        email=new.email,
        name=new.name,
        role=new.role,
        password=new.password.get_secret_value() if new.password else None,
        team_ids=new.team_ids,
    )
    return UserView.model_validate(made)


@router.get("/teams", summary="List teams", dependencies=[FROM_REPLICA])
async def list_teams(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[TeamView]:
    """Read the groups of agents."""
    rows = await queries.list_teams(
        session, organization_id=user.organization_id, after=page.after_id(), limit=page.look_ahead
    )
    return page.of(rows, TeamView.model_validate, lambda row: (row.id,))


@router.post("/teams", status_code=status.HTTP_201_CREATED, summary="Make a team", dependencies=_ADMIN)
async def create_team(new: NewTeam, session: Transaction, user: CurrentUser) -> TeamView:
    """Make a group of agents; takes the role admin."""
    made = await commands.create_team(
        session,
        organization_id=user.organization_id,
        slug=new.slug,
        name=new.name,
        description=new.description or "",
    )
    return TeamView.model_validate(made)


@router.patch("/teams/{team_id}", summary="Change a team", dependencies=_ADMIN)
async def change_team(team_id: UUID, changes: TeamChanges, session: Transaction, user: CurrentUser) -> TeamView:
    """Change a team's name or description, or who leads it; takes the role admin."""
    changed = await team_commands.change_team(
        session, organization_id=user.organization_id, team_id=team_id, changes=changes.changes()
    )
    return TeamView.model_validate(changed)


@router.get("/categories", summary="List categories", dependencies=[FROM_REPLICA])
async def list_categories(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[CategoryView]:
    """Read the labels that tickets and articles are sorted by."""
    rows = await queries.list_categories(
        session, organization_id=user.organization_id, after=page.after_id(), limit=page.look_ahead
    )
    return page.of(rows, CategoryView.model_validate, lambda row: (row.id,))


@router.post("/categories", status_code=status.HTTP_201_CREATED, summary="Make a category", dependencies=_ADMIN)
async def create_category(new: NewCategory, session: Transaction, user: CurrentUser) -> CategoryView:
    """Make a category; takes the role admin."""
    made = await commands.create_category(
        session,
        organization_id=user.organization_id,
        slug=new.slug,
        name=new.name,
        description=new.description or "",
        team_id=new.team_id,
    )
    return CategoryView.model_validate(made)


@router.get("/contacts", summary="List contacts", dependencies=[FROM_REPLICA])
async def list_contacts(
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    email: Annotated[Email | None, Query(description="Only the one with this address.")] = None,
) -> PageOf[ContactView]:
    """Read those who ask."""
    rows = await queries.list_contacts(
        session, organization_id=user.organization_id, email=email, after=page.after_id(), limit=page.look_ahead
    )
    return page.of(rows, ContactView.model_validate, lambda row: (row.id,))


@router.post("/contacts", status_code=status.HTTP_201_CREATED, summary="Make a contact")
async def create_contact(new: NewContact, session: Transaction, user: CurrentUser) -> ContactView:
    """Make somebody who may ask."""
    made = await commands.create_contact(
        session,
        organization_id=user.organization_id,
        email=new.email,
        name=new.name,
        company_id=new.company_id,
        vip=new.vip,
    )
    return ContactView.model_validate(made)


@router.get("/companies", summary="List companies", dependencies=[FROM_REPLICA])
async def list_companies(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[CompanyView]:
    """Read the organisation's customers."""
    rows = await queries.list_companies(
        session, organization_id=user.organization_id, after=page.after_id(), limit=page.look_ahead
    )
    return page.of(rows, CompanyView.model_validate, lambda row: (row.id,))
