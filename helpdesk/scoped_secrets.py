"""Secrets that name their organisation, so that the scope is entered before anything is looked up."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

_FORM = re.compile(r"([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class ScopedSecret:
    """A secret taken apart; of its random part only the sha256 is kept anywhere."""

    organization_id: UUID
    secret_hash: bytes


def make_scoped_secret(organization_id: UUID, *, prefix: str = "") -> tuple[str, ScopedSecret]:
    """Return a new secret's text, which is shown once, and what is stored of it."""
    secret = secrets.token_urlsafe(32)
    return f"{prefix}{organization_id.hex}_{secret}", ScopedSecret(organization_id, _digest(secret))


def read_scoped_secret(text: str, *, prefix: str = "") -> ScopedSecret | None:
    """Take a secret's text apart; None where it has not the form of one."""
    match = _FORM.fullmatch(text.removeprefix(prefix)) if text.startswith(prefix) else None
    return None if match is None else ScopedSecret(UUID(match[1]), _digest(match[2]))


def _digest(secret: str) -> bytes:
    # The secret has 256 random bits: there is nothing that a slow hash would protect.
    return hashlib.sha256(secret.encode()).digest()
