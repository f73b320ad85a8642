"""Passwords: hashed with Argon2id, checked off the event loop."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# The library's defaults are the low-memory profile of RFC 9106: 64 MiB, 3 passes.
_HASHER = PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("the password of nobody")


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def hash_password(password: str) -> str:
    """Return the hash of a password, in the PHC string format."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(stored: str | None, password: str) -> bool:
    """Tell whether a password fits its hash; without a hash, take as long and say no."""
    fits = await asyncio.to_thread(_matches, stored or _nobodys_hash(), password)
    return fits and stored is not None


def is_outdated(stored: str) -> bool:
    """Tell whether a hash was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(stored)
