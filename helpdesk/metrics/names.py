"""How the values of slices are called by people."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.metrics.slices import Slice

_NAMES = {
    Slice.AGENT: text(
        "SELECT id::text, name FROM users WHERE organization_id = :organization_id AND id::text = ANY (:keys)"
    ),
    Slice.COMPANY: text(
        "SELECT id::text, name FROM companies WHERE organization_id = :organization_id AND id::text = ANY (:keys)"
    ),
    Slice.TEAM: text("SELECT slug, name FROM teams WHERE organization_id = :organization_id AND slug = ANY (:keys)"),
    Slice.CATEGORY: text(
        "SELECT slug, name FROM categories WHERE organization_id = :organization_id AND slug = ANY (:keys)"
    ),
}


async def names_of(session: AsyncSession, *, organization_id: UUID, by: Slice, keys: Iterable[str]) -> dict[str, str]:
    """Return the names of a slice's values by key; what is gone, or needs no name, has its key."""
    wanted = list(keys)
    names = {key: key for key in wanted}
    if by in _NAMES and wanted:
        rows = await session.execute(_NAMES[by], {"organization_id": organization_id, "keys": wanted})
        names.update((key, name) for key, name in rows)
    return names
