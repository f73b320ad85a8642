"""Ask the index: sentences that cite, streamed, or the reason why there are none."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Annotated, assert_never
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from api.answer_stream import EVENT_STREAM, accepts, stream_answer
from api.dependencies import CurrentUser, Now, ReadSession, ServicesOfApp, Transaction, Visitor
from api.paging import PageOf, Paging
from api.schemas.ask import (
    AbstainedEvent,
    AnswerFeedback,
    AskBody,
    DoneEvent,
    QuestionSummary,
    QuestionView,
    SentenceView,
    SourcesEvent,
)
from api.services import Services
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import is_at_least, require_role
from helpdesk.asking.answering import Asking, answer_question
from helpdesk.asking.commands import judge_answer
from helpdesk.asking.events import Abstained, Done, Event, SentenceGiven, SourcesFound
from helpdesk.asking.queries import get_question, list_questions
from helpdesk.asking.question import Asked
from helpdesk.models.values import SourceType, UserRole
from helpdesk.rag.questions import read_question
from helpdesk.rag.retrieval.query import SearchFilters

router = APIRouter(prefix="/rag", tags=["search"])
_JSON = "application/json"
_NOBODY_READS = 499


@router.post(
    "/ask",
    summary="Ask",
    response_model=QuestionView,
    responses={
        200: {"description": "A stream of events; with `Accept: application/json`, the whole answer.",
              "content": {"text/event-stream": {}}},
        429: {"description": "The organisation has asked as many questions as it may in a minute."},
        503: {"description": "As many questions are answered as can be; `Retry-After` says when to try again."},
    },
)  # fmt: skip
async def ask(request: Request, body: AskBody, services: ServicesOfApp, user: Visitor) -> Response | QuestionView:
    """Answer a question by sentences that cite their sources, or say that nothing answers it.

    The answer is a stream of server-sent events: `sources` with what is numbered S1, S2, …; a `sentence` each, with
    the sources it cites; `abstained` instead where nothing answers, with what was searched and what came nearest;
    `done` at the end with the id for feedback. `error` brings a problem after which nothing follows. With
    `Accept: application/json` the whole answer comes at once. Who leaves ends the work. Without a text model, or when
    it takes too long, sentences of the sources are quoted; without an embedding model words alone decide, and
    `degraded` says so.
    """
    require_role(user.role, UserRole.AGENT)
    services.asking.admit(user.organization_id)
    asked = await _read(body, services, user)
    asking = Asking(
        database=services.database,
        models=services.models,
        query_vectors=services.query_vectors,
        settings=services.settings,
        organization_id=user.organization_id,
        user_id=user.id,
        now=user.now,
    )
    if _wants_json(request):
        return await _whole(request, services, asking, asked)
    return stream_answer(
        request,
        services.asking,
        answer_question(asking, asked),
        organization_id=asking.organization_id,
        named=_named,
    )


def _wants_json(request: Request) -> bool:
    return accepts(request, _JSON) and not accepts(request, EVENT_STREAM)


async def _read(body: AskBody, services: Services, user: SignedIn) -> Asked:
    """Return the question; refuse a ticket that is not there before the stream begins."""
    if body.ticket_id is not None:
        async with services.database.transaction(user.organization_id) as session:
            await read_question(session, organization_id=user.organization_id, ticket_id=body.ticket_id)
    return Asked(
        text=body.question,
        audience=body.audience,
        types=tuple(dict.fromkeys(map(SourceType, body.types))),
        filters=SearchFilters(
            tags=tuple(body.filters.tags),
            products=tuple(body.filters.products),
            category_id=body.filters.category_id,
            language=body.filters.language,
        ),
        ticket_id=body.ticket_id,
        history=tuple(body.history),
    )


def _named(event: Event) -> tuple[str, BaseModel]:
    match event:
        case SourcesFound():
            return "sources", SourcesEvent.model_validate(event)
        case SentenceGiven():
            return "sentence", SentenceView.model_validate(event)
        case Abstained():
            return "abstained", AbstainedEvent.model_validate(event)
        case Done():
            return "done", DoneEvent.model_validate(event)
        case _:
            assert_never(event)


async def _whole(request: Request, services: Services, asking: Asking, asked: Asked) -> Response | QuestionView:
    """Return the whole answer, unless the asker leaves before it is there."""
    work = asyncio.create_task(_last_of(services, asking, asked))
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return Response(status_code=_NOBODY_READS)
        done = work.result()
    finally:
        work.cancel()
        gone.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)
    async with services.database.transaction(asking.organization_id) as session:
        kept = await get_question(
            session, organization_id=asking.organization_id, question_id=done.id, user_id=asking.user_id
        )
        return QuestionView.model_validate(kept)


async def _last_of(services: Services, asking: Asking, asked: Asked) -> Done:
    async with services.asking.taken(asking.organization_id), aclosing(answer_question(asking, asked)) as events:
        told = [event async for event in events]
    assert isinstance(told[-1], Done)
    return told[-1]


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.get("/questions", summary="List questions")
async def read_questions(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    mine: Annotated[bool, Query(description="Only my own; administrators see everybody's otherwise.")] = False,
    abstained: Annotated[bool | None, Query(description="Only those without an answer, or with one.")] = None,
) -> PageOf[QuestionSummary]:
    """Read what was asked, the newest first: one's own questions, and everybody's for administrators."""
    found = await list_questions(
        session,
        organization_id=user.organization_id,
        user_id=user.id if mine else _whose(user),
        limit=page.look_ahead,
        after=page.after_id(),
        abstained=abstained,
    )
    return page.of(found, QuestionSummary.model_validate, lambda row: (row.id,))


@router.get("/questions/{question_id}", summary="Read a question")
async def read_one_question(question_id: UUID, session: ReadSession, user: CurrentUser) -> QuestionView:
    """Read a question with its answer, its sources, and what did not pass the checks."""
    found = await get_question(
        session, organization_id=user.organization_id, question_id=question_id, user_id=_whose(user)
    )
    return QuestionView.model_validate(found)


@router.post("/questions/{question_id}/feedback", summary="Judge an answer")
async def judge(
    question_id: UUID, feedback: AnswerFeedback, session: Transaction, user: CurrentUser, now: Now
) -> QuestionSummary:
    """Say whether an answer helped; search learns from it which of the cited sources answer such questions."""
    judged = await judge_answer(
        session,
        organization_id=user.organization_id,
        question_id=question_id,
        user_id=user.id,
        whose=_whose(user),
        helpful=feedback.helpful,
        comment=feedback.comment,
        now=now,
    )
    return QuestionSummary.model_validate(judged)


def _whose(user: SignedIn) -> UUID | None:
    """Return whose questions a user may read: an administrator everybody's."""
    return None if is_at_least(user.role, UserRole.ADMIN) else user.id
