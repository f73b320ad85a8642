"""The text of an access token: it names its organisation, so that the scope is entered before anything is looked up."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from helpdesk.errors import Unauthenticated

_FORM = re.compile(r"atd_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


class TokenRefused(Unauthenticated):
    """The access token is unknown, has expired or belongs to a user who may not sign in."""


@dataclass(frozen=True)
class Token:
    """An access token taken apart; of its secret only the sha256 is kept anywhere."""

    organization_id: UUID
    secret_hash: bytes


def make_token(organization_id: UUID) -> tuple[str, Token]:
    """Return a new token's text, which is shown once, and what is stored of it."""
    secret = secrets.token_urlsafe(32)
    return f"atd_{organization_id.hex}_{secret}", Token(organization_id, _digest(secret))


def read_token(text: str) -> Token:
    """Take a token's text apart.

    Raises:
        TokenRefused: it has not the form of a token.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise TokenRefused
    return Token(UUID(match[1]), _digest(match[2]))


def _digest(secret: str) -> bytes:
    # The secret has 256 random bits: there is nothing that a slow hash would protect.
    return hashlib.sha256(secret.encode()).digest()
