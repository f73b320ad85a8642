"""Keep the register of assets."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.models.assets import Asset
from helpdesk.models.values import IndexAction, SourceType
from helpdesk.rag.indexing.requests import request_index


class AssetNotFound(NotFound):
    """There is no such asset."""


class AssetTagTaken(Conflict):
    """Another asset has this tag."""


class AssetIncomplete(Invalid):
    """An asset needs a tag, a kind and a name."""


class AssetChanged(Conflict):
    """Somebody else has changed the asset in the meantime."""


@dataclass(frozen=True)
class NewAsset:
    """An asset as it is registered."""

    tag: str
    kind: str
    name: str
    serial: str | None = None
    hostname: str | None = None
    location: str | None = None
    status: str = "in_use"
    owner_id: UUID | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AssetChanges:
    """What changes; None leaves a field as it is."""

    tag: str | None = None
    kind: str | None = None
    name: str | None = None
    serial: str | None = None
    hostname: str | None = None
    location: str | None = None
    status: str | None = None
    owner_id: UUID | None = None
    attributes: dict[str, Any] | None = None


async def create_asset(session: AsyncSession, *, organization_id: UUID, new: NewAsset, now: datetime) -> Asset:
    """Register an asset.

    Raises:
        AssetIncomplete, AssetTagTaken: a needed field is empty, or the tag is another asset's.
    """
    await _refuse_taken_tag(session, organization_id=organization_id, tag=new.tag)
    values = {each.name: getattr(new, each.name) for each in fields(new)}
    asset = Asset(organization_id=organization_id, created_at=now, updated_at=now, version=1, **values)
    _refuse_incomplete(asset)
    session.add(asset)
    await session.flush()
    await _index(session, asset, IndexAction.UPSERT)
    return asset


async def update_asset(
    session: AsyncSession,
    *,
    organization_id: UUID,
    asset_id: UUID,
    changes: AssetChanges,
    now: datetime,
    expected_version: int | None = None,
) -> Asset:
    """Change an asset.

    Args:
        expected_version: the asset's `version` as its editor last saw it.

    Raises:
        AssetNotFound, AssetIncomplete, AssetTagTaken: no such asset, or it may not become so.
        AssetChanged: it has another version by now.
    """
    asset = await _locked(session, organization_id=organization_id, asset_id=asset_id)
    if expected_version is not None and asset.version != expected_version:
        raise AssetChanged(f"The asset is at version {asset.version}.", version=asset.version)
    if changes.tag is not None and changes.tag != asset.tag:
        await _refuse_taken_tag(session, organization_id=organization_id, tag=changes.tag)
    for each in fields(changes):
        if (value := getattr(changes, each.name)) is not None:
            setattr(asset, each.name, value)
    _refuse_incomplete(asset)
    asset.version += 1
    asset.updated_at = now
    await session.flush()
    await _index(session, asset, IndexAction.UPSERT)
    return asset


async def delete_asset(session: AsyncSession, *, organization_id: UUID, asset_id: UUID) -> None:
    """Take an asset out of the register and out of the index.

    Raises:
        AssetNotFound: no such asset.
    """
    asset = await _locked(session, organization_id=organization_id, asset_id=asset_id)
    await session.execute(delete(Asset).where(Asset.organization_id == organization_id, Asset.id == asset_id))
    await _index(session, asset, IndexAction.DELETE)


async def _refuse_taken_tag(session: AsyncSession, *, organization_id: UUID, tag: str) -> None:
    if await session.scalar(select(Asset.id).where(Asset.organization_id == organization_id, Asset.tag == tag)):
        raise AssetTagTaken(f"Another asset has the tag {tag}.", tag=tag)


def _refuse_incomplete(asset: Asset) -> None:
    if not all(value.strip() for value in (asset.tag, asset.kind, asset.name)):
        raise AssetIncomplete


async def _locked(session: AsyncSession, *, organization_id: UUID, asset_id: UUID) -> Asset:
    asset = await session.scalar(
        select(Asset).where(Asset.organization_id == organization_id, Asset.id == asset_id).with_for_update()
    )
    if asset is None:
        raise AssetNotFound(f"There is no asset {asset_id}.")
    return asset


async def _index(session: AsyncSession, asset: Asset, action: IndexAction) -> None:
    await request_index(
        session,
        organization_id=asset.organization_id,
        source_type=SourceType.ASSET,
        source_id=asset.id,
        action=action,
    )
