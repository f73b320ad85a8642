"""Keep what people said about results, and give it back as judged queries to learn from."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import SourceType
from helpdesk.queue.catalog import FitRelevance
from helpdesk.queue.enqueue import enqueue
from helpdesk.rag.text.cleaning import clean_text
from helpdesk.redaction import redacted

Origin = Literal["feedback", "citation", "golden"]

# New or changed verdicts after which the ranking is fitted at once; fewer wait for the night.
FIT_AFTER = 25
_MOST_CHARS = 2000

# The same verdict again changes nothing, not even its time: it is no news to learn from.
_JUDGE = text("""
    INSERT INTO rag_judgements AS j (id, organization_id, created_at, query, asked, ticket_id, source_type, source_id,
           relevant, origin, user_id)
    VALUES (:id, :organization_id, :now, :query, :asked, :ticket_id, :source_type, :source_id, :relevant, :origin,
            :user_id)
        ON CONFLICT (organization_id, asked, source_type, source_id, origin, user_id) DO UPDATE
           SET relevant = excluded.relevant, created_at = excluded.created_at
         WHERE j.relevant <> excluded.relevant
    RETURNING id
""")
# Attempts that were not promoted count too: the same judgements would fail again.
_NEWS = text("""
    SELECT count(*) FROM (
        SELECT 1 FROM rag_judgements
         WHERE organization_id = :organization_id AND created_at > coalesce(
               (SELECT max(created_at) FROM ml_models
                 WHERE organization_id = :organization_id AND kind LIKE 'relevance/%'), '-infinity')
         LIMIT :enough) news
""")
_RECENT = text("""
    SELECT j.query, j.asked, j.ticket_id, j.source_type, j.source_id, j.relevant, j.origin, j.created_at
      FROM (SELECT asked, max(created_at) AS newest FROM rag_judgements WHERE organization_id = :organization_id
             GROUP BY asked ORDER BY newest DESC, asked LIMIT :most) q
      JOIN rag_judgements j ON j.organization_id = :organization_id AND j.asked = q.asked
     ORDER BY q.newest DESC, j.asked, j.created_at, j.id
""")


@dataclass(frozen=True)
class JudgedQuery:
    """A query and what was said about sources for it.

    Attributes:
        text: the words it is searched by.
        ticket_id: the ticket whose words they are, None for a typed query.
        relevant: verdict by kind and id of the source; what is not in it was not judged.
        judged_at: when something was last said about it.
        complete: whether somebody listed all that answers it, so that what is not listed does not.
    """

    text: str
    ticket_id: UUID | None
    relevant: dict[tuple[SourceType, UUID], bool]
    judged_at: datetime
    complete: bool = False


async def judge(
    session: AsyncSession,
    *,
    organization_id: UUID,
    query: str,
    source_type: SourceType,
    source_id: UUID,
    relevant: bool,
    origin: Origin,
    ticket_id: UUID | None = None,
    user_id: UUID | None = None,
    now: datetime,
) -> None:
    """Keep one verdict on one source, and ask for a fit once enough is new.

    A second verdict of the same person on the same query (or ticket), source and origin replaces the first.

    Args:
        query: the words that were searched by; addresses and numbers of people are not kept.
        origin: `feedback` of somebody who saw the result, `citation` of the source in an answer that was sent,
            `golden` for a list that names everything that answers the query.
        ticket_id: the ticket whose words they are; the verdict goes with it.
    """
    words = redacted(clean_text(query)[: 2 * _MOST_CHARS])[:_MOST_CHARS].strip()
    if not words:
        return
    values = {
        "id": new_id(),
        "organization_id": organization_id,
        "now": now,
        "query": words,
        "asked": _key_of(words, ticket_id),
        "ticket_id": ticket_id,
        "source_type": source_type,
        "source_id": source_id,
        "relevant": relevant,
        "origin": origin,
        "user_id": user_id,
    }
    if (await session.execute(_JUDGE, values)).scalar() is None:
        return
    news = {"organization_id": organization_id, "enough": FIT_AFTER}
    if (await session.execute(_NEWS, news)).scalar_one() >= FIT_AFTER:
        await enqueue(session, FitRelevance(), organization_id=organization_id, unique_key="judgements")


async def judged_queries(session: AsyncSession, *, organization_id: UUID, most: int = 200) -> list[JudgedQuery]:
    """Return the queries that were judged last, newest first, at most `most`.

    Where verdicts on one source differ, a citation or a golden list outweighs feedback, and of feedback the majority
    counts, the newest at a tie.
    """
    rows = await session.execute(_RECENT, {"organization_id": organization_id, "most": most})
    by_query: defaultdict[bytes, list[Any]] = defaultdict(list)
    for row in rows:
        by_query[row.asked].append(row)
    return [_query_of(verdicts) for verdicts in by_query.values()]


def _key_of(words: str, ticket_id: UUID | None) -> bytes:
    asked = f"ticket {ticket_id}" if ticket_id else " ".join(words.casefold().split())
    return hashlib.sha256(asked.encode()).digest()


def _query_of(rows: list[Any]) -> JudgedQuery:
    by_source: defaultdict[tuple[SourceType, UUID], list[Any]] = defaultdict(list)
    for row in rows:
        by_source[SourceType(row.source_type), row.source_id].append(row)
    return JudgedQuery(
        text=rows[-1].query,
        ticket_id=rows[-1].ticket_id,
        relevant={source: _verdict(said) for source, said in by_source.items()},
        judged_at=rows[-1].created_at,
        complete=any(row.origin == "golden" for row in rows),
    )


def _verdict(said: list[Any]) -> bool:
    firm = [row for row in said if row.origin != "feedback"]
    if firm:
        return bool(firm[-1].relevant)
    votes = sum(1 if row.relevant else -1 for row in said)
    return votes > 0 if votes else bool(said[-1].relevant)
