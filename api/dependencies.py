"""All that an endpoint may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.authentication import AccessToken
from api.services import Services
from helpdesk.accounts.queries import SignedIn, user_of_token
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole

_READING = {"GET", "HEAD"}


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


ServicesOfApp = Annotated[Services, Depends(_services)]


@dataclass(frozen=True)
class _Opened:
    session: AsyncSession
    user: SignedIn


async def _open(request: Request, services: ServicesOfApp, token: AccessToken) -> AsyncIterator[_Opened]:
    """Open the request's transaction in the token's organisation, for a user who may do what the method does."""
    reading = request.method in _READING
    async with services.database.transaction(token.organization_id) as session:
        user = await user_of_token(session, token=token, read_only=reading)
        require_role(user.role, _least_role(request, reading=reading))
        yield _Opened(session, user)
    if not reading:
        # After the commit: a look before it would find nothing.
        services.events.nudge()


def _least_role(request: Request, *, reading: bool) -> UserRole:
    usual = UserRole.VIEWER if reading else UserRole.AGENT
    return getattr(request.state, "least_role", usual)


# scope="function": commit before the response leaves, so that a failed commit is a 500 and not a 201.
Opened = Annotated[_Opened, Depends(_open, scope="function")]


def _session(opened: Opened) -> AsyncSession:
    return opened.session


def _user(opened: Opened) -> SignedIn:
    return opened.user


def _now(opened: Opened) -> datetime:
    return opened.user.now


async def _database_now(services: ServicesOfApp) -> datetime:
    async with services.database.transaction(None) as session:
        return (await session.execute(select(func.now()))).scalar_one()


async def _visitor(services: ServicesOfApp, token: AccessToken) -> SignedIn:
    async with services.database.transaction(token.organization_id) as session:
        return await user_of_token(session, token=token)


# A transaction that is committed when the endpoint returns.
Transaction = Annotated[AsyncSession, Depends(_session, scope="function")]
# The same in a GET, where PostgreSQL refuses every write.
ReadSession = Annotated[AsyncSession, Depends(_session, scope="function")]
CurrentUser = Annotated[SignedIn, Depends(_user, scope="function")]
# The database's clock at the start of the transaction; hosts' clocks differ.
Now = Annotated[datetime, Depends(_now, scope="function")]
# The same where nobody is signed in yet.
DatabaseNow = Annotated[datetime, Depends(_database_now)]
# Somebody signed in, any role, with no transaction open: for what reads by POST, calls a model, or streams.
Visitor = Annotated[SignedIn, Depends(_visitor)]


def needs(role: UserRole) -> Any:
    """Return a dependency that lets only this role and higher ones pass, whatever the method."""

    def note(request: Request) -> None:
        request.state.least_role = role

    return Depends(note)
