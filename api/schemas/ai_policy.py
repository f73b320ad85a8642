"""What an organisation lets the models do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from api.schemas.bodies import Body, View
from helpdesk.models.ai_policy import AiPolicy


class PolicyView(AiPolicy):
    """The policy with all that it leaves to the usual said in full."""

    version: int = Field(description="How often it has been changed; the `ETag` says the same.")


class PolicyPatch(Body):
    """What is to change (JSON merge patch, RFC 7396): what is not named stays, null makes it as usual again."""

    triage: dict[str, Any] | None = Field(default=None, description="Fields, modes, thresholds, matrix of priorities.")
    replies: dict[str, Any] | None = Field(default=None, description="How drafts are written.")
    models: dict[str, Any] | None = Field(default=None, description="Which models may see the organisation's text.")
    budget: dict[str, Any] | None = Field(default=None, description="How much of the text model may be used.")
    records: dict[str, Any] | None = Field(default=None, description="What is kept of calls of models.")


class PolicyChangeView(View):
    """One change of the policy."""

    number: int = Field(description="The version that it made.")
    changed: dict[str, Any] = Field(description="The merge patch, as it was sent.")
    policy: dict[str, Any] = Field(description="What was kept afterwards; what it does not name is as usual.")
    made_by: str | None = Field(description="Who changed it; null where that user is gone, or it was a command.")
    created_at: datetime
