"""How settings are named in the environment."""

from __future__ import annotations

from pydantic import AliasChoices

DRIVER = "postgresql+asyncpg"


def also_bare(name: str) -> AliasChoices:
    """Return the names of a setting that operators know by its bare name, which then works as well."""
    return AliasChoices(f"ATUM_{name}", name)
