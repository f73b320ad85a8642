"""What was asked and not answered: searches, questions, and tickets that no article solved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import UnansweredOrigin
from helpdesk.rag.embedding.vectors import ticket_input

# Newest first: a cluster analysis compares every pair.
MOST_QUESTIONS = 3000
# What counts as lately, and as the time before it that it is compared with.
TREND = timedelta(days=30)

# The same words on several days are one question, whoever asked.
_TEXTS = text("""
    SELECT (array_agg(origin ORDER BY last_at DESC))[1] AS origin, encode(text_hash, 'hex') AS hash,
           (array_agg(text ORDER BY last_at DESC))[1] AS words, sum(times)::int AS times,
           count(DISTINCT day)::int AS days,
           coalesce(sum(times) FILTER (WHERE last_at >= :lately), 0)::int AS recent,
           coalesce(sum(times) FILTER (WHERE last_at >= :before AND last_at < :lately), 0)::int AS earlier,
           min(created_at) AS first_at, max(last_at) AS last_at
      FROM kb_unanswered
     WHERE organization_id = :organization_id AND origin <> 'ticket' AND last_at >= :since
     GROUP BY text_hash ORDER BY max(last_at) DESC, text_hash LIMIT :most
""")
# A ticket that found no article, or was solved without one: none cited, none called useful, none linked to it.
_TICKETS = text("""
    SELECT t.id, t.subject, coalesce(m.body, '') AS body, t.created_at AS first_at
      FROM tickets t
      LEFT JOIN LATERAL (SELECT body FROM messages m WHERE m.organization_id = :organization_id AND m.ticket_id = t.id
                            AND m.visibility = 'public' ORDER BY m.created_at, m.id LIMIT 1) m ON true
     WHERE t.organization_id = :organization_id AND t.merged_into_id IS NULL
       AND (t.id IN (SELECT u.ticket_id FROM kb_unanswered u
                      WHERE u.organization_id = :organization_id AND u.origin = 'ticket' AND u.last_at >= :since)
            OR t.status IN ('solved', 'closed') AND t.solved_at >= :since)
       AND NOT EXISTS (SELECT FROM kb_suggestions s
                        WHERE s.organization_id = :organization_id AND s.ticket_id = t.id
                          AND (s.cited_at IS NOT NULL OR s.verdict = 'useful'))
       AND NOT EXISTS (SELECT FROM rag_judgements j
                        WHERE j.organization_id = :organization_id AND j.ticket_id = t.id AND j.source_type = 'kb'
                          AND j.origin = 'citation' AND j.relevant)
       AND NOT EXISTS (SELECT FROM rag_nodes n JOIN rag_edges e ON e.source = n.id AND e.kind = 'solved_by'
                        WHERE n.organization_id = :organization_id AND n.kind = 'ticket' AND n.source_id = t.id)
     ORDER BY t.created_at DESC, t.id LIMIT :most
""")
# What a dismissed gap was about is asked along: what comes anew finds its place beside it, and stays dismissed.
_DISMISSED = text("""
    SELECT m.origin, m.key, m.ticket_id, m.times, m.recent, m.earlier, m.first_at, m.last_at,
           coalesce(t.subject, '') AS subject, coalesce(o.body, '') AS body, m.text AS words
      FROM kb_gap_members m JOIN kb_gaps g ON g.id = m.gap_id AND g.state = 'dismissed'
      LEFT JOIN tickets t ON t.id = m.ticket_id AND t.organization_id = :organization_id
      LEFT JOIN LATERAL (SELECT body FROM messages o WHERE o.organization_id = :organization_id AND o.ticket_id = t.id
                            AND o.visibility = 'public' ORDER BY o.created_at, o.id LIMIT 1) o ON true
     WHERE m.organization_id = :organization_id
     ORDER BY m.last_at DESC, m.key LIMIT :most
""")


@dataclass(frozen=True)
class AskedQuestion:
    """One question, however often it was put.

    Attributes:
        key: what it is known by from run to run.
        text: its words, of a ticket those that its vector is made from.
        times: how often it was put, on so many `days`; `recent` in the last 30 days, `earlier` in the 30 before.
    """

    key: str
    origin: UnansweredOrigin
    ticket_id: UUID | None
    text: str
    times: int
    days: int
    recent: int
    earlier: int
    first_at: datetime
    last_at: datetime


async def unanswered_questions(
    session: AsyncSession, *, organization_id: UUID, days: int, now: datetime, most: int = MOST_QUESTIONS
) -> list[AskedQuestion]:
    """Return what was asked in vain within so many days, at most `most` questions of either kind, the newest first."""
    scope = {
        "organization_id": organization_id,
        "since": now - timedelta(days=days),
        "lately": now - TREND,
        "before": now - 2 * TREND,
        "most": most,
    }
    found = {question.key: question for question in await _dismissed(session, organization_id, most=most)}
    found |= {question.key: question for question in await _texts(session, scope)}
    found |= {question.key: question for question in await _tickets(session, scope, now=now)}
    # A ticket may have nothing but characters that nobody sees.
    spoken = (question for question in found.values() if question.text.strip())
    newest_first = sorted(spoken, key=lambda question: question.key)
    newest_first.sort(key=lambda question: question.last_at, reverse=True)
    return newest_first[:most]


async def _texts(session: AsyncSession, scope: dict[str, object]) -> list[AskedQuestion]:
    rows = await session.execute(_TEXTS, scope)
    return [
        AskedQuestion(
            key=f"text:{row.hash}",
            origin=UnansweredOrigin(row.origin),
            ticket_id=None,
            text=row.words,
            times=row.times,
            days=row.days,
            recent=row.recent,
            earlier=row.earlier,
            first_at=row.first_at,
            last_at=row.last_at,
        )
        for row in rows
    ]


async def _tickets(session: AsyncSession, scope: dict[str, object], *, now: datetime) -> list[AskedQuestion]:
    chosen = {name: scope[name] for name in ("organization_id", "since", "most")}
    rows = await session.execute(_TICKETS, chosen)
    return [
        AskedQuestion(
            key=f"ticket:{row.id}",
            origin=UnansweredOrigin.TICKET,
            ticket_id=row.id,
            text=ticket_input(row.subject, row.body),
            times=1,
            days=1,
            recent=int(row.first_at >= now - TREND),
            earlier=int(now - 2 * TREND <= row.first_at < now - TREND),
            first_at=row.first_at,
            last_at=row.first_at,
        )
        for row in rows
    ]


async def _dismissed(session: AsyncSession, organization_id: UUID, *, most: int) -> list[AskedQuestion]:
    rows = await session.execute(_DISMISSED, {"organization_id": organization_id, "most": most})
    return [
        AskedQuestion(
            key=row.key,
            origin=UnansweredOrigin(row.origin),
            ticket_id=row.ticket_id,
            text=row.words if row.ticket_id is None else ticket_input(row.subject, row.body),
            times=row.times,
            days=1,
            recent=0,
            earlier=0,
            first_at=row.first_at,
            last_at=row.last_at,
        )
        for row in rows
    ]
