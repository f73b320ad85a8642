"""What keeps the index from being complete, and indexing sources anew."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.bodies import Body, View
from helpdesk.models.values import SourceType
from helpdesk.rag.indexing.reindex import Reindex


class ReasonView(View):
    """Why sources wait or were given up, and how many for this reason."""

    status: Literal["pending", "failed"]
    reason: str
    tasks: int
    last_at: datetime


class UnembeddedView(View):
    """A passage that has no vector of the model that is searched."""

    chunk_id: UUID
    source_type: SourceType
    source_id: UUID
    title: str
    heading_path: str
    refused: bool = Field(description="The model takes it in no length.")


class ReindexBody(Body):
    """Which sources are to be indexed anew."""

    model_config = ConfigDict(json_schema_extra={"example": {"what": "failed", "types": ["ticket", "kb"]}})

    what: Reindex = Field(
        default=Reindex.FAILED,
        description="`failed`: those that were given up; `incomplete`: those with a passage that has no vector; "
        "`everything`: all there is to find.",
    )
    types: list[SourceType] = Field(default=list(SourceType), min_length=1, max_length=3)
    source_id: UUID | None = Field(default=None, description="This source alone.")


class ReindexView(View):
    """What was queued."""

    queued: int
    by_type: dict[SourceType, int]
