"""Proofs of the stored clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ProofView(BaseModel):
    """What came out when tickets' logs were replayed and compared with the clocks stored."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    started_at: datetime
    finished_at: datetime | None = Field(description="Null while it goes on.")
    since: datetime = Field(description="Tickets that are over were looked at when they were touched since then.")
    heals: bool = Field(description="Whether differing clocks were set right.")
    tickets: int
    clocks: int
    differing: int = Field(description="Clocks, and counts of open time, that were not as the logs say.")
    healed: int
    failed: int = Field(description="Tickets whose log cannot be replayed.")
    sample: list[dict[str, Any]] = Field(
        description="Some of the differences: for each column what was stored and what the replay says."
    )
