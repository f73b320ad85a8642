"""The text of a link's token: it names its organisation, so that the scope is entered before anything is looked up."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from helpdesk.errors import NotFound

_FORM = re.compile(r"([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


class LinkNotValid(NotFound):
    """This link does not exist, or is no longer valid."""


@dataclass(frozen=True)
class LinkToken:
    """A token taken apart; of its secret only the sha256 is kept anywhere."""

    organization_id: UUID
    secret_hash: bytes


def make_link_token(organization_id: UUID) -> tuple[str, LinkToken]:
    """Return a new token's text, which is shown once, and what is stored of it."""
    secret = secrets.token_urlsafe(32)
    return f"{organization_id.hex}_{secret}", LinkToken(organization_id, _digest(secret))


def read_link_token(text: str) -> LinkToken:
    """Take a token's text apart.

    Raises:
        LinkNotValid: it has not the form of one.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise LinkNotValid
    return LinkToken(UUID(match[1]), _digest(match[2]))


def _digest(secret: str) -> bytes:
    # The secret has 256 random bits: there is nothing that a slow hash would protect.
    return hashlib.sha256(secret.encode()).digest()
