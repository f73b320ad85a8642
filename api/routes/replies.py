"""Reply drafts of a ticket, and its suggestions."""

from __future__ import annotations

import hashlib
from typing import assert_never

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.answer_stream import EVENT_STREAM, accepts, stream_answer
from api.dependencies import CurrentUser, ReadSession, ServicesOfApp, Transaction
from api.routes.ticket_reference import TicketId
from api.routes.ticket_view import suggestions_view
from api.schemas.drafts import (
    AbstainedEvent,
    DoneEvent,
    DraftBody,
    DraftView,
    SearchedEvent,
    SentenceEvent,
    SourcesEvent,
    StartedEvent,
)
from api.schemas.findings import Enqueued, SuggestionsView
from helpdesk.queue.catalog import SmartReply
from helpdesk.queue.enqueue import enqueue
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.events import Abstained, Done, Event, Searched, SentenceGiven, SourcesFound, Started
from helpdesk.replies.style import Wanted
from helpdesk.replies.telling import begin_telling, tell_draft
from helpdesk.tickets.findings import draft_of, suggestions_of

router = APIRouter(prefix="/tickets/{ticket}", tags=["replies"])


@router.get("/draft", summary="Read a ticket's draft")
async def read_draft(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> DraftView | None:
    """Read the current draft with its citations, or why there is none; null before the first."""
    draft = await draft_of(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return DraftView.model_validate(draft) if draft else None


@router.post(
    "/drafts",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Have a reply drafted",
    response_model=Enqueued,
    responses={
        200: {"description": "With `Accept: text/event-stream`, the draft in the making.",
              "content": {EVENT_STREAM: {}}},
        429: {"description": "The organisation has asked for as much as it may in a minute."},
        503: {"description": "As much is answered as can be; `Retry-After` says when to try again."},
    },
)  # fmt: skip
async def draft_reply(
    *,
    request: Request,
    ticket_id: TicketId,
    session: Transaction,
    user: CurrentUser,
    services: ServicesOfApp,
    body: DraftBody | None = None,
) -> Response:
    """Have a reply drafted, or drafted again, as it is wanted or as the organisation usually writes.

    A job drafts it; while that waits or runs, asking once more for the same changes nothing. With
    `Accept: text/event-stream` it is drafted at once, and told as it comes to be: `started` with the draft's id and
    style; `searched`; `sources` with what is numbered S1, S2, …; a `sentence` each, after its checks; `abstained`
    instead where nothing answers; `done` with the whole reply. `error` brings a problem after which nothing follows.
    Who leaves while a model works ends its call, and finds under the draft's id what the articles alone made of it;
    who leaves before there is anything to quote finds nothing.
    """
    wanted_fields = {} if body is None else body.model_dump(exclude_none=True)
    wanted = Wanted(**wanted_fields, requested_by=user.id)
    if not accepts(request, EVENT_STREAM):
        args = SmartReply(ticket_id=ticket_id, **vars(wanted))
        job_id = await enqueue(
            session, args, organization_id=user.organization_id, unique_key=_key(args, usual=not wanted_fields)
        )
        answer = Enqueued(job_id=job_id)
        return JSONResponse(answer.model_dump(mode="json"), status_code=status.HTTP_202_ACCEPTED)
    services.asking.admit(user.organization_id)
    drafting = Drafting(
        database=services.database,
        models=services.models,
        settings=services.settings,
        organization_id=user.organization_id,
        now=user.now,
        interactive=True,
    )
    # Refusals come before the stream begins.
    setting = await begin_telling(session, drafting, ticket_id=ticket_id, wanted=wanted)
    return stream_answer(
        request, services.asking, tell_draft(drafting, setting), organization_id=user.organization_id, named=_named
    )


def _key(args: SmartReply, *, usual: bool) -> str:
    """Return what makes a draft the same as another one that is still waited for."""
    if usual:
        return str(args.ticket_id)
    return f"{args.ticket_id}:{hashlib.sha256(args.model_dump_json().encode()).hexdigest()[:16]}"


def _named(event: Event) -> tuple[str, BaseModel]:
    match event:
        case Started():
            return "started", StartedEvent.model_validate(event)
        case Searched():
            return "searched", SearchedEvent.model_validate(event)
        case SourcesFound():
            return "sources", SourcesEvent.model_validate(event)
        case SentenceGiven():
            return "sentence", SentenceEvent.model_validate(event)
        case Abstained():
            return "abstained", AbstainedEvent.model_validate(event)
        case Done():
            return "done", DoneEvent.model_validate(event)
        case _:
            assert_never(event)


@router.get("/kb-suggestions", tags=["kb"], summary="Read a ticket's suggestions")
async def read_suggestions(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> SuggestionsView | None:
    """Read the articles offered for a ticket, or why there are none; null before anybody looked."""
    found = await suggestions_of(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return suggestions_view(found)
