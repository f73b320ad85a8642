"""Signing in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr

from api.schemas.bodies import Body, Email, Slug, View
from helpdesk.models.values import UserRole


class Login(Body):
    """Who wants to sign in."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"organization": "kestrel", "email": "admin@example.test", "password": "correct horse"}
        }
    )

    organization: Slug | None = Field(
        default=None, description="Slug of the organisation; may be left out where there is only one."
    )
    email: Email
    password: SecretStr = Field(max_length=1000)


class Me(View):
    """Who the access token stands for."""

    id: UUID
    organization_id: UUID
    email: str
    name: str
    role: UserRole


class LoggedIn(View):
    """An access token and its user."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`; it is shown only here.")
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  -- the name of the scheme
    expires_at: datetime | None
    user: Me
