"""What agents make of suggestions: their verdicts, and the articles that they send."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.kb.suggestions.citations import Citable, cited_in, links_in
from helpdesk.models.ai import KbSuggestion
from helpdesk.models.values import SourceType
from helpdesk.rag.questions import read_question
from helpdesk.rag.retrieval.judgements import judge
from helpdesk.rag.retrieval.unanswered import forget_unanswered
from helpdesk.rag.text.cleaning import clean_message

Verdict = Literal["useful", "not_useful"]

# What was suggested for the ticket at any time, and what the reply names by address.
_CITABLE = text("""
    SELECT a.id, a.slug, a.source_url, v.title FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE a.organization_id = :organization_id
       AND (a.id IN (SELECT s.article_id FROM kb_suggestions s
                      WHERE s.organization_id = :organization_id AND s.ticket_id = :ticket_id)
            OR a.slug = ANY(CAST(:names AS text[])) OR a.id::text = ANY(CAST(:names AS text[]))
            OR a.source_url = ANY(CAST(:urls AS text[])))
""")
# The first reply that named it is when it was sent.
_CITE = text("""
    UPDATE kb_suggestions SET cited_at = :now
     WHERE organization_id = :organization_id AND ticket_id = :ticket_id AND cited_at IS NULL
       AND article_id = ANY(CAST(:articles AS uuid[]))
""")


# A reply holds the ticket before it cites: whoever judges goes the same way, or the two might wait for each other.
_HOLD_TICKET = text("""
    SELECT t.id FROM kb_suggestions s JOIN tickets t ON t.id = s.ticket_id
     WHERE s.organization_id = :organization_id AND s.id = :suggestion_id FOR KEY SHARE OF t
""")


class SuggestionNotFound(NotFound):
    """There is no such suggestion."""


async def give_feedback(
    session: AsyncSession,
    *,
    organization_id: UUID,
    suggestion_id: UUID,
    verdict: Verdict,
    comment: str | None,
    user_id: UUID,
    now: datetime,
) -> KbSuggestion:
    """Keep what an agent thinks of a suggestion, in place of what was thought of it before; the ranking learns from it.

    Raises:
        SuggestionNotFound: no such suggestion in this organisation.
    """
    await session.execute(_HOLD_TICKET, {"organization_id": organization_id, "suggestion_id": suggestion_id})
    suggestion = await session.scalar(
        select(KbSuggestion)
        .where(KbSuggestion.organization_id == organization_id, KbSuggestion.id == suggestion_id)
        .with_for_update()
    )
    if suggestion is None:
        raise SuggestionNotFound(f"There is no suggestion {suggestion_id}.")
    suggestion.verdict, suggestion.comment = verdict, comment
    suggestion.verdict_by, suggestion.verdict_at = user_id, now
    await session.flush()
    question = await read_question(session, organization_id=organization_id, ticket_id=suggestion.ticket_id)
    await judge(
        session,
        organization_id=organization_id,
        query=question.text,
        source_type=SourceType.KB,
        source_id=suggestion.article_id,
        relevant=verdict == "useful",
        origin="feedback",
        ticket_id=suggestion.ticket_id,
        user_id=user_id,
        now=now,
    )
    return suggestion


async def note_citations(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, reply: str, user_id: UUID | None, now: datetime
) -> set[UUID]:
    """Note which published articles an agent's public reply sends its reader to; return their ids.

    For the transaction of the reply. An article that was suggested counts as accepted, and any of them as what answers
    the ticket. What the reply quotes does not count.
    """
    said = clean_message(reply)
    urls, names = links_in(said)
    scope: dict[str, Any] = {"organization_id": organization_id, "ticket_id": ticket_id}
    rows = await session.execute(_CITABLE, scope | {"names": sorted(names), "urls": sorted(urls)})
    cited = cited_in(said, [Citable(row.id, row.slug, row.source_url, row.title) for row in rows])
    if not cited:
        return cited
    await session.execute(_CITE, scope | {"articles": sorted(cited), "now": now})
    await forget_unanswered(session, **scope)
    question = await read_question(session, **scope)
    for article_id in sorted(cited):
        await judge(
            session,
            **scope,
            query=question.text,
            source_type=SourceType.KB,
            source_id=article_id,
            relevant=True,
            origin="citation",
            user_id=user_id,
            now=now,
        )
    return cited
