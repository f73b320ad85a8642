"""Read the register of assets."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.assets.commands import AssetNotFound
from helpdesk.models.assets import Asset


@dataclass(frozen=True)
class AssetFilter:
    """Which assets are wanted; None takes them all."""

    kind: str | None = None
    status: str | None = None
    owner_id: UUID | None = None
    words: str | None = None


@dataclass(frozen=True)
class AssetPage:
    """A page of assets, newest first; `next_after` asks for the next one, None when this is the last."""

    items: list[Asset]
    next_after: UUID | None


async def asset_by_id(session: AsyncSession, *, organization_id: UUID, asset_id: UUID) -> Asset:
    """Return an asset.

    Raises:
        AssetNotFound: no such asset.
    """
    asset = await session.scalar(select(Asset).where(Asset.organization_id == organization_id, Asset.id == asset_id))
    if asset is None:
        raise AssetNotFound(f"There is no asset {asset_id}.")
    return asset


async def list_assets(
    session: AsyncSession,
    *,
    organization_id: UUID,
    wanted: AssetFilter | None = None,
    limit: int = 50,
    after: UUID | None = None,
) -> AssetPage:
    """Return a page of assets, newest first.

    Args:
        after: the `next_after` of the page before.
    """
    wanted = wanted or AssetFilter()
    statement = select(Asset).where(Asset.organization_id == organization_id)
    for column, value in ((Asset.kind, wanted.kind), (Asset.status, wanted.status), (Asset.owner_id, wanted.owner_id)):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.words:
        named = (Asset.tag, Asset.name, Asset.serial, Asset.hostname)
        statement = statement.where(or_(*[column.icontains(wanted.words, autoescape=True) for column in named]))
    if after is not None:
        statement = statement.where(Asset.id < after)
    rows = list(await session.scalars(statement.order_by(Asset.id.desc()).limit(limit + 1)))
    items = rows[:limit]
    return AssetPage(items, items[-1].id if len(rows) > limit else None)
