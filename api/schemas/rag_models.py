"""Embedding models and the change from one to another."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from api.schemas.bodies import Body, View


class NewModel(Body):
    """A model to be built beside the active one."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "nomic-embed-text"}})

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="As the model runtime calls it; `NAME@DIMS` cuts its vectors to so many numbers."
    )


class Insisting(Body):
    """Why a change is to be made whatever speaks against it."""

    reason: Annotated[str, StringConstraints(min_length=3, max_length=500)] | None = Field(
        default=None, description="Kept with the model; without it, what speaks against the change stops it."
    )


class ModelView(View):
    """An embedding model and how far its vectors cover the index, over all organisations."""

    id: int
    name: str
    digest: str
    dims: int
    state: Literal["active", "building", "retired"]
    query_prefix: str
    doc_prefix: str
    max_input_tokens: int
    chars_per_token: float
    passages: int
    vectors: int
    refused: int = Field(description="Passages that the model takes in no length; words alone find them.")
    missing: int = Field(description="Passages that should have a vector and have none.")
    coverage: float = Field(description="Share of the passages that need nothing more from it, 0 to 1.")
    texts_per_s: float | None = Field(description="How fast its vectors are made.")
    eta_s: float | None = Field(description="Seconds until nothing is missing; null while nothing is made.")
    bytes: int = Field(description="Size of its table with all indexes.")
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    dropped_after: datetime | None = Field(description="When its table goes; null while it is needed.")
    paused_at: datetime | None
    moved_to: str | None = Field(description="The digest that the runtime has under this name now, if another one.")
    moved_at: datetime | None
    gate: dict[str, Any] | None = Field(description="How it compared with the active model before it took its place.")
