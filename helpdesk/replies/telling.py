"""Draft a reply while somebody waits: tell each step, keep the draft, and lose nothing when they leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID

import anyio
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.answers.calling import AskerLeft
from helpdesk.database.base import new_id
from helpdesk.errors import Conflict, HelpdeskError
from helpdesk.replies.draft import Draft
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.events import Abstained, Done, Event, Searched, SentenceGiven, SourcesFound, Started
from helpdesk.replies.evidence import Found, source_json
from helpdesk.replies.pipeline import Finished, Prepared, begin, log_draft, stages
from helpdesk.replies.queries import has_draft
from helpdesk.replies.setting import Setting
from helpdesk.replies.storing import store_draft
from helpdesk.replies.style import Wanted

log = structlog.get_logger(__name__)
# What keeping a draft may take after whoever asked for it has gone.
_LAST_WORDS_S = 5.0
_BROKEN_OFF = "The text model was stopped, as nobody waited for it any more."


class DraftingOff(Conflict):
    """Drafting is switched off."""


async def begin_telling(session: AsyncSession, drafting: Drafting, *, ticket_id: UUID, wanted: Wanted) -> Setting:
    """Return what the draft is written from; raise QuestionGone, TicketClosed or DraftingOff where none may be."""
    if drafting.settings.smart_reply == "off":
        raise DraftingOff
    return await begin(session, organization_id=drafting.organization_id, ticket_id=ticket_id, wanted=wanted)


async def tell_draft(drafting: Drafting, setting: Setting) -> AsyncGenerator[Event]:
    """Yield what the agent is told while a reply is drafted; no transaction is open while a model works.

    The draft is kept before its sentences are told. Somebody who leaves while the model works ends its call; the draft
    that the articles alone make is then kept under the id that was told at the beginning.

    Raises:
        TicketGone, TicketMovedOn, TicketAnswered, TicketClosed: the ticket changed meanwhile.
        asyncio.CancelledError: the agent has left.
    """
    draft_id, began = new_id(), time.perf_counter()
    yield Started(draft_id, setting.style.tone, setting.style.length, setting.style.language)
    unkept: Prepared | Finished | None = None
    async with aclosing(stages(drafting, setting)) as made:
        try:
            async for stage in made:
                match stage:
                    case Found():
                        yield Searched(stage.searched, len(stage.answer.results), stage.degraded)
                        if stage.evidence.sources:
                            yield SourcesFound([source_json(source) for source in stage.evidence.sources])
                    case Prepared():
                        unkept = stage
                    case Finished():
                        unkept = stage
                        await _keep(drafting, setting, stage.found, stage.draft, draft_id)
                        unkept = None
                        for event in _told(stage.draft):
                            yield event
                        yield _done(draft_id, stage.draft, total_ms=(time.perf_counter() - began) * 1000)
        except asyncio.CancelledError:
            if unkept is not None:
                with anyio.move_on_after(_LAST_WORDS_S, shield=True):
                    await _keep_what_there_is(drafting, setting, unkept, draft_id)
            raise


async def _keep(drafting: Drafting, setting: Setting, found: Found, draft: Draft, draft_id: UUID) -> None:
    async with drafting.database.transaction(drafting.organization_id) as session:
        await store_draft(session, drafting, setting, found=found, draft=draft, draft_id=draft_id)
    log_draft(setting.question.id, draft)


async def _keep_what_there_is(drafting: Drafting, setting: Setting, stage: Prepared | Finished, draft_id: UUID) -> None:
    """Keep what nobody is told any more: the draft, or the one of quotes with the call that was broken off."""
    async with drafting.database.transaction(drafting.organization_id) as session:
        if await has_draft(session, organization_id=drafting.organization_id, draft_id=draft_id):
            return
    draft = stage.draft
    if isinstance(stage, Prepared):
        call = stage.call.failed(AskerLeft())
        draft = replace(draft, call=call, decision="error", note=f"{draft.note} {_BROKEN_OFF}".strip())
    try:
        await _keep(drafting, setting, stage.found, draft, draft_id)
    except HelpdeskError as error:
        log.warning("draft_not_kept", reason=str(error) or type(error).__name__)


def _told(draft: Draft) -> list[Event]:
    if draft.abstain_reason is not None:
        return [Abstained(draft.abstain_reason, draft.searched, draft.nearest)]
    return [SentenceGiven(**sentence) for sentence in draft.sentences]


def _done(draft_id: UUID, draft: Draft, *, total_ms: float) -> Done:
    return Done(
        id=draft_id,
        state="abstained" if draft.abstained else "drafted",
        body=draft.body,
        method=draft.method,
        model=None if draft.call is None else draft.call.identity.name,
        note=draft.note,
        language=draft.style.language,
        dropped=len(draft.checks.get("dropped", [])),
        took_ms={"total": round(total_ms, 1)},
    )
