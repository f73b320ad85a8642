"""The text of an access token."""

from __future__ import annotations

from uuid import UUID

from helpdesk.errors import Unauthenticated
from helpdesk.scoped_secrets import ScopedSecret as Token
from helpdesk.scoped_secrets import make_scoped_secret, read_scoped_secret

__all__ = ["Token", "TokenRefused", "make_token", "read_token"]

_PREFIX = "atd_"


class TokenRefused(Unauthenticated):
    """The access token is unknown, has expired or belongs to a user who may not sign in."""


def make_token(organization_id: UUID) -> tuple[str, Token]:
    """Return a new token's text, which is shown once, and what is stored of it."""
    return make_scoped_secret(organization_id, prefix=_PREFIX)


def read_token(text: str) -> Token:
    """Take a token's text apart.

    Raises:
        TokenRefused: it has not the form of a token.
    """
    token = read_scoped_secret(text, prefix=_PREFIX)
    if token is None:
        raise TokenRefused
    return token
