"""Things that people have trouble with."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.bodies import Body, Made, Name


class NewAssetBody(Body):
    """An asset to be registered."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"tag": "LT-0042", "kind": "laptop", "name": "Corvo 14", "serial": "CV14-88231"}}
    )

    tag: Name
    kind: Name
    name: Name
    serial: Name | None = None
    hostname: Name | None = None
    location: Name | None = None
    status: Name = "in_use"
    owner_id: UUID | None = Field(default=None, description="A contact's id.")
    attributes: dict[str, Any] = Field(default={}, max_length=100)


class AssetChangesBody(Body):
    """What changes; a field left out or null stays."""

    tag: Name | None = None
    kind: Name | None = None
    name: Name | None = None
    serial: Name | None = None
    hostname: Name | None = None
    location: Name | None = None
    status: Name | None = None
    owner_id: UUID | None = Field(default=None, description="A contact's id.")
    attributes: dict[str, Any] | None = Field(default=None, max_length=100)


class AssetView(Made):
    """A device, a server or another thing with a tag."""

    tag: str
    kind: str
    name: str
    serial: str | None
    hostname: str | None
    location: str | None
    status: str
    owner_id: UUID | None
    attributes: dict[str, Any]
    version: int
    updated_at: datetime
