"""The register of assets."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion, entity_tag
from api.schemas.assets import AssetChangesBody, AssetView, NewAssetBody
from helpdesk.accounts.queries import contact_by_id
from helpdesk.assets import commands, queries

router = APIRouter(prefix="/assets", tags=["assets"])


@router.get("", summary="List assets", dependencies=[FROM_REPLICA])
async def list_assets(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    kind: Annotated[str | None, Query(max_length=200)] = None,
    status: Annotated[str | None, Query(max_length=200)] = None,
    owner: Annotated[UUID | None, Query(description="A contact's id.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of a tag, name, serial or host name.")] = None,
) -> PageOf[AssetView]:
    """Read assets, the newest first."""
    found = await queries.list_assets(
        session,
        organization_id=user.organization_id,
        wanted=queries.AssetFilter(kind=kind, status=status, owner_id=owner, words=q),
        limit=page.limit,
        after=page.after_id(),
    )
    last = None if found.next_after is None else (found.next_after,)
    return page.ending(found.items, AssetView.model_validate, last)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Register an asset")
async def create_asset(
    new: NewAssetBody, response: Response, session: Transaction, user: CurrentUser, now: Now
) -> AssetView:
    """Register an asset; the search index and the ticket texts that name it follow."""
    if new.owner_id is not None:
        await contact_by_id(session, organization_id=user.organization_id, contact_id=new.owner_id)
    asset = await commands.create_asset(
        session, organization_id=user.organization_id, new=commands.NewAsset(**new.model_dump()), now=now
    )
    response.headers["Location"] = f"/api/v1/assets/{asset.id}"
    response.headers["ETag"] = entity_tag(asset.version)
    return AssetView.model_validate(asset)


@router.get("/{asset_id}", summary="Read an asset")
async def read_asset(asset_id: UUID, response: Response, session: ReadSession, user: CurrentUser) -> AssetView:
    """Read one asset."""
    asset = await queries.asset_by_id(session, organization_id=user.organization_id, asset_id=asset_id)
    response.headers["ETag"] = entity_tag(asset.version)
    return AssetView.model_validate(asset)


@router.patch("/{asset_id}", summary="Change an asset")
async def update_asset(
    *,
    asset_id: UUID,
    changes: AssetChangesBody,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> AssetView:
    """Change an asset and have it indexed anew."""
    if changes.owner_id is not None:
        await contact_by_id(session, organization_id=user.organization_id, contact_id=changes.owner_id)
    asset = await commands.update_asset(
        session,
        organization_id=user.organization_id,
        asset_id=asset_id,
        changes=commands.AssetChanges(**changes.model_dump(exclude_unset=True)),
        now=now,
        expected_version=expected,
    )
    response.headers["ETag"] = entity_tag(asset.version)
    return AssetView.model_validate(asset)


@router.delete("/{asset_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Remove an asset")
async def delete_asset(asset_id: UUID, session: Transaction, user: CurrentUser) -> None:
    """Take an asset out of the register and out of the search index."""
    await commands.delete_asset(session, organization_id=user.organization_id, asset_id=asset_id)
