"""What customers thought."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.bodies import View
from helpdesk.satisfaction.commands import MOST_COMMENT


class SatisfactionLinkView(BaseModel):
    """A link for the requester of a ticket; it cannot be read again."""

    url: str = Field(description="Opens a page with a form; send it to the requester.")
    token: str
    expires_at: datetime


class RatingView(View):
    """An answer of a customer."""

    score: int = Field(description="1, very bad, to 5, very good.")
    comment: str
    created_at: datetime
    superseded_at: datetime | None = Field(description="When a later answer took its place; null for the one in force.")


class NewRating(BaseModel):
    """An answer sent by a program instead of the form."""

    score: int = Field(ge=1, le=5)
    comment: str = Field(default="", max_length=MOST_COMMENT)


class AskedView(View):
    """What a link asks about."""

    subject: str
    organization: str
    score: int | None = Field(description="The answer given by this link so far.")
    comment: str
