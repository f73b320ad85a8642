"""Files that jobs make."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.schemas.bodies import View


class JobFileView(View):
    """A file that a job made."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str = Field(description="Of its bytes, in hexadecimal.")
    created_at: datetime
    expires_at: datetime = Field(description="When it is deleted.")
