"""From the credentials of a request to the token they are."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from helpdesk.accounts.tokens import Token, read_token
from helpdesk.errors import Unauthenticated

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="access_token",
    bearerFormat="atd_…",
    description="An access token, from `POST /api/v1/auth/login` or made for a program.",
)


class CredentialsMissing(Unauthenticated):
    """The request carries no access token."""


def _token(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Token:
    if credentials is None:
        raise CredentialsMissing("Send an access token as `Authorization: Bearer atd_…`.")
    return read_token(credentials.credentials)


AccessToken = Annotated[Token, Depends(_token)]
