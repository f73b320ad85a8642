"""The text of a link's token."""

from __future__ import annotations

from uuid import UUID

from helpdesk.errors import NotFound
from helpdesk.scoped_secrets import ScopedSecret as LinkToken
from helpdesk.scoped_secrets import make_scoped_secret, read_scoped_secret

__all__ = ["LinkNotValid", "LinkToken", "make_link_token", "read_link_token"]


class LinkNotValid(NotFound):
    """This link does not exist, or is no longer valid."""


def make_link_token(organization_id: UUID) -> tuple[str, LinkToken]:
    """Return a new token's text, which is shown once, and what is stored of it."""
    return make_scoped_secret(organization_id)


def read_link_token(text: str) -> LinkToken:
    """Take a token's text apart.

    Raises:
        LinkNotValid: it has not the form of one.
    """
    token = read_scoped_secret(text)
    if token is None:
        raise LinkNotValid
    return token
