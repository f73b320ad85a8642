"""Addresses that are told of events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from api.schemas.bodies import Body, Made, View
from helpdesk.models.values import DeliveryState, WebhookFormat, WebhookState

_Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
_Events = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=100)]],
    Field(
        min_length=1,
        max_length=20,
        description="`ticket.opened`, `ticket.assigned`, `sla.warning`, `sla.breach`, or `*` for all.",
    ),
]
_Description = Annotated[str, StringConstraints(max_length=1000)]


class NewWebhook(Body):
    """An address to be told of events."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"url": "https://example.com/hooks/desk", "events": ["sla.breach"]}}
    )

    url: _Url = Field(description="`https://`, outside the server's own network unless the operator allows it.")
    events: _Events
    description: _Description = ""
    format: WebhookFormat = Field(
        default=WebhookFormat.ATUM,
        description="`atum`: the whole event in JSON. `slack`, `teams`: a message for a chat room.",
    )
    team_id: UUID | None = Field(default=None, description="Only what happens to tickets of this team.")


class WebhookChanges(Body):
    """What is to change; the rest stays."""

    url: _Url | None = None
    events: _Events | None = None
    description: _Description | None = None
    format: WebhookFormat | None = None
    team_id: UUID | None = Field(default=None, description="null: of every team.")
    paused: bool | None = Field(default=None, description="False goes on, and forgets the failures so far.")


class WebhookView(Made):
    """An address that is told of events, and how it fares."""

    url: str
    description: str
    events: list[str]
    format: WebhookFormat
    team_id: UUID | None
    state: WebhookState = Field(description="A failing one is left alone between two tries, for up to an hour.")
    state_reason: str | None
    failures: int = Field(description="Failed requests since the last success.")
    failing_since: datetime | None
    retry_at: datetime | None = Field(description="When a failing one is tried next.")
    last_success_at: datetime | None = Field(description="To the minute.")
    last_failure_at: datetime | None
    old_secret_until: datetime | None = Field(description="Until when requests are signed with the old secret, too.")
    updated_at: datetime


class WebhookSecretView(WebhookView):
    """The address with its secret, which is shown this once."""

    secret: str = Field(description="The key of the signatures: `whsec_` and 32 bytes in base64.")


class Redelivery(Body):
    """Which dead letters are to be delivered once more."""

    since: AwareDatetime | None = Field(default=None, description="Only of events since then; without it, all.")


class RedeliveryView(View):
    """How many dead letters were queued."""

    queued: int
    more: bool = Field(description="There were more than are queued at once; ask again for the rest.")


class WebhookDeliveryView(Made):
    """One event for one address. Its id is sent as `webhook-id`, at each try the same."""

    endpoint_id: UUID
    event: str
    body: str = Field(description="What is posted, to the byte.")
    state: DeliveryState
    attempts: int
    last_status: int | None = Field(description="HTTP status of the last answer.")
    last_error: str | None
    response_excerpt: str | None = Field(description="The beginning of the last answer.")
    delivered_at: datetime | None
    job_id: UUID | None
