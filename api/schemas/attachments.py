"""Files on tickets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import Made
from helpdesk.models.values import TextState, ThumbnailState

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "One file, with its name."},
                        "message_id": {
                            "type": "string",
                            "format": "uuid",
                            "description": "The message of the ticket that the file came with.",
                        },
                    },
                }
            }
        },
    }
}


class AttachmentView(Made):
    """A file on a ticket."""

    ticket_id: UUID
    message_id: UUID | None
    name: str = Field(description="As its sender named it, without folders and without what cannot be seen.")
    media_type: str = Field(description="What its content shows, whatever its sender said.")
    size_bytes: int
    sha256: str = Field(description="Of its content, in hexadecimal digits.")
    width: int | None = Field(description="In pixels, of a picture whose thumbnail is ready.")
    height: int | None
    thumbnail: ThumbnailState = Field(validation_alias="thumbnail_state")
    text: TextState = Field(
        validation_alias="text_state", description="Whether its words can be found: `ready` once they were read."
    )
    text_reason: str | None = Field(description="Why there are none, or not all of them.")
    uploaded_by: UUID | None
