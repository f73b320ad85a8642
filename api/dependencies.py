"""All that an endpoint may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import structlog
from fastapi import Depends, Header, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.authentication import AccessToken
from api.middleware import READ_AFTER
from api.services import Services
from helpdesk.accounts.queries import SignedIn, user_of_token
from helpdesk.accounts.roles import require_role
from helpdesk.accounts.tokens import Token
from helpdesk.database.positions import read_position, write_position
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
    if reading and hasattr(request.state, "read_at_least") and services.database.replica is not None:
        # The primary says who asks: whoever was shut out a moment ago must not get in by a replica.
        user = await _visitor_of(request, services, token)
        require_role(user.role, _least_role(request, reading=True))
        async with read_for(request, services, user) as session:
            yield _Opened(session, user)
        return
    async with services.database.transaction(token.organization_id) as session:
        user = await user_of_token(session, token=token, read_only=reading)
        _say_who(user)
        require_role(user.role, _least_role(request, reading=reading))
        yield _Opened(session, user)
    if not reading:
        await _note_written(request, services, token.organization_id)
        # After the commit: a look before it would find nothing.
        services.events.nudge()


async def _visitor_of(request: Request, services: Services, token: Token) -> SignedIn:
    async with services.database.transaction(token.organization_id) as session:
        user = await user_of_token(session, token=token)
        if hasattr(request.state, "read_at_least"):
            await services.database.look_at_position(session)
    _say_who(user)
    return user


async def _note_written(request: Request, services: Services, organization_id: UUID) -> None:
    """Have later reads show what the request has written, those of other hosts where the caller says what it was."""
    position = await services.database.note_written(organization_id)
    if position is not None:
        request.state.read_after = write_position(position)


@asynccontextmanager
async def read_for(request: Request, services: Services, user: SignedIn) -> AsyncIterator[AsyncSession]:
    """Open a transaction that only reads, on a replica where there is one that will do for the request."""
    at_least = getattr(request.state, "read_at_least", 0)
    async with services.database.reading(user.organization_id, at_least=at_least) as reading:
        if services.database.replica is not None:
            request.state.read_from = reading.server
        yield reading.session


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


async def _visitor(request: Request, services: ServicesOfApp, token: AccessToken) -> AsyncIterator[SignedIn]:
    yield await _visitor_of(request, services, token)
    if request.method not in _READING and not hasattr(request.state, "read_at_least"):
        await _note_written(request, services, token.organization_id)


def _say_who(user: SignedIn) -> None:
    """Have whatever the request logs from here on name its user and organisation."""
    structlog.contextvars.bind_contextvars(user_id=str(user.id), organization_id=str(user.organization_id))


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
Visitor = Annotated[SignedIn, Depends(_visitor, scope="function")]


def _from_replica(
    request: Request,
    after: Annotated[
        str | None,
        Header(
            alias=READ_AFTER,
            max_length=17,
            description="What an earlier answer said under this name: show at least what was written by then, on "
            "whichever host of the API.",
        ),
    ] = None,
) -> None:
    request.state.read_at_least = read_position(after) if after else 0


# Where replicas are read from, a GET may be served by one, some seconds old at most, and never by one that does not
# have what this process wrote for the organisation.
FROM_REPLICA = Depends(_from_replica)


def needs(role: UserRole) -> Any:
    """Return a dependency that lets only this role and higher ones pass, whatever the method."""

    def note(request: Request) -> None:
        request.state.least_role = role

    return Depends(note)
