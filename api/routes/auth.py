"""Sign in, sign out, and who am I."""

from __future__ import annotations

from fastapi import APIRouter, status

from api.dependencies import CurrentUser, DatabaseNow, ServicesOfApp, Transaction, needs
from api.schemas.auth import LoggedIn, Login, Me
from helpdesk.accounts.commands import revoke_token
from helpdesk.accounts.login import log_in
from helpdesk.models.values import UserRole

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", summary="Sign in with a password")
async def login(body: Login, services: ServicesOfApp, now: DatabaseNow) -> LoggedIn:
    """Get an access token for 12 hours."""
    session = await log_in(
        services.database,
        organization=body.organization,
        email=body.email,
        password=body.password.get_secret_value(),
        now=now,
    )
    return LoggedIn(
        access_token=session.token.text, expires_at=session.token.expires_at, user=Me.model_validate(session.user)
    )


@router.post(
    "/logout", status_code=status.HTTP_204_NO_CONTENT, summary="Sign out", dependencies=[needs(UserRole.VIEWER)]
)
async def logout(session: Transaction, user: CurrentUser) -> None:
    """Make the access token of this request worthless."""
    await revoke_token(session, organization_id=user.organization_id, token_id=user.token_id)


@router.get("/me", summary="Who am I")
async def me(user: CurrentUser) -> Me:
    """Read the user the access token stands for."""
    return Me.model_validate(user)
