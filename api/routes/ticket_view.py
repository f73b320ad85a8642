"""A ticket as the API shows it, put together from what several parts of the product know."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import Response

from api.dependencies import Transaction
from api.preconditions import entity_tag
from api.schemas.drafts import DraftView
from api.schemas.findings import (
    BreachView,
    DuplicateView,
    NearMissView,
    SuggestionsView,
    SuggestionView,
    TicketView,
)
from api.schemas.sla import ClockView
from api.schemas.tickets import AssetLink, ListedTicket, MessageView, TicketLink, TicketSummary
from api.schemas.triage import PredictionView
from helpdesk.models.ai import TriagePrediction
from helpdesk.sla.clocks import queries as sla
from helpdesk.tickets import queries
from helpdesk.tickets.findings import NOTHING_YET, Findings, Suggestions, findings_of


def listed_ticket(row: queries.TicketRow, clocks: Sequence[sla.ClockView]) -> ListedTicket:
    """Show a ticket in a list."""
    return ListedTicket(**_summary(row), sla=[ClockView.model_validate(clock) for clock in clocks])


async def ticket_view(
    session: Transaction, response: Response, *, organization_id: UUID, ticket_id: UUID
) -> TicketView:
    """Show a ticket with all that is known about it, and its version as the entity tag."""
    found = await findings_of(session, organization_id=organization_id, ticket_id=ticket_id)
    view = await _view(session, response, organization_id=organization_id, ticket_id=ticket_id, found=found)
    absorbed = await queries.absorbed_by(session, organization_id=organization_id, ticket_id=ticket_id)
    view.absorbed = [TicketLink.model_validate(ticket) for ticket in absorbed]
    if view.merged_into_id is not None:
        heir = await queries.link_to(session, organization_id=organization_id, ticket_id=view.merged_into_id)
        view.merged_into = TicketLink.model_validate(heir)
    return view


async def opened_ticket_view(
    session: Transaction, response: Response, *, organization_id: UUID, ticket_id: UUID
) -> TicketView:
    """Show a ticket that this transaction has opened, for which nobody can have found anything."""
    return await _view(session, response, organization_id=organization_id, ticket_id=ticket_id, found=NOTHING_YET)


async def _view(
    session: Transaction, response: Response, *, organization_id: UUID, ticket_id: UUID, found: Findings
) -> TicketView:
    row = await queries.get_ticket(session, organization_id=organization_id, reference=ticket_id)
    messages = await queries.messages_of(session, organization_id=organization_id, ticket_id=ticket_id)
    assets = await queries.assets_of(session, organization_id=organization_id, ticket_id=ticket_id)
    clocks = await sla.clocks_of(session, organization_id=organization_id, ticket_ids=[ticket_id])
    response.headers["ETag"] = entity_tag(row.version)
    return TicketView(
        **_summary(row),
        messages=[MessageView.model_validate(message) for message in messages],
        assets=[AssetLink.model_validate(asset) for asset in assets],
        merged_into=None,
        absorbed=[],
        sla=[ClockView.model_validate(clock) for clock in clocks.get(ticket_id, [])],
        triage=triage_view(found.triage),
        suggestions=suggestions_view(found.suggestions),
        draft=DraftView.model_validate(found.draft) if found.draft else None,
        prediction=[BreachView.model_validate(breach) for breach in found.breach] or None,
    )


def triage_view(predictions: Sequence[TriagePrediction]) -> dict[str, PredictionView] | None:
    """Show the current predictions by field, None before the first."""
    return {each.field: PredictionView.model_validate(each) for each in predictions} or None


def suggestions_view(suggestions: Suggestions | None) -> SuggestionsView | None:
    """Show the current suggestions, None before anybody looked."""
    if suggestions is None:
        return None
    of = suggestions.of
    return SuggestionsView(
        id=of.id,
        created_at=of.created_at,
        abstained=of.abstained,
        reason=of.reason,
        degraded=of.degraded,
        best_relevance=of.best_relevance,
        floor=of.floor,
        floor_reason=of.floor_reason,
        model=of.model,
        items=[SuggestionView.model_validate(item) for item in suggestions.items],
        misses=[NearMissView.model_validate(miss) for miss in of.misses],
        duplicates=[DuplicateView.model_validate(ticket) for ticket in suggestions.duplicates],
    )


def _summary(row: queries.TicketRow) -> dict[str, object]:
    return TicketSummary.model_validate(row).model_dump()
