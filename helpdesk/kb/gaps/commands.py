"""Decide about gaps of the knowledge base: have an article drafted, dismiss one, open it again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict
from helpdesk.kb.articles.commands import create_article
from helpdesk.kb.articles.fields import NewArticle
from helpdesk.kb.gaps.outline import Solved, outline_of, title_of
from helpdesk.kb.gaps.queries import GapNotFound, gap_by_id
from helpdesk.models.gaps import Gap
from helpdesk.models.kb import Article
from helpdesk.models.values import ArticleState, ArticleVisibility, GapState
from helpdesk.rag.text.language import detect_language

# More material than that nobody reads.
_MOST_TICKETS = 8
_REPLIES_EACH = 3
_TAG = "knowledge-gap"

# The typical ones first, then the latest solved.
_SOLVED = text("""
    SELECT t.id, t.number, t.subject, t.resolution FROM kb_gap_members m
      JOIN tickets t ON t.id = m.ticket_id AND t.organization_id = :organization_id
     WHERE m.organization_id = :organization_id AND m.gap_id = :gap_id AND t.status IN ('solved', 'closed')
     ORDER BY m.sample NULLS LAST, t.solved_at DESC, t.id LIMIT :most
""")
_REPLIES = text("""
    SELECT ticket_id, body FROM messages
     WHERE organization_id = :organization_id AND ticket_id = ANY(CAST(:tickets AS uuid[]))
       AND visibility = 'public' AND author_kind = 'agent'
     ORDER BY ticket_id, created_at, id
""")


class GapDecided(Conflict):
    """The gap is not in a state that allows this."""


@dataclass(frozen=True)
class DraftedArticle:
    """The article that was drafted for a gap."""

    article_id: UUID
    slug: str
    title: str


async def draft_from_gap(
    session: AsyncSession, *, organization_id: UUID, gap_id: UUID, user_id: UUID, now: datetime
) -> DraftedArticle:
    """Write the draft of an article for a gap: its questions, and what solved such tickets, quoted for the author.

    It is for agents only until its author says otherwise. Addresses, numbers and secrets of people are left out.

    Raises:
        GapNotFound: no such gap.
        GapDecided: it has a draft already, is dismissed or closed.
    """
    gap = await _locked(session, organization_id, gap_id)
    if gap.state == GapState.DRAFTED and await _has_draft(session, gap):
        raise GapDecided("An article is drafted for this gap already.", article_id=str(gap.draft_article_id))
    if gap.state not in {GapState.OPEN, GapState.DRAFTED}:
        raise GapDecided(f"The gap is {gap.state}; open it again first.", state=gap.state)
    row = await gap_by_id(session, organization_id=organization_id, gap_id=gap_id)
    samples = [question.text for question in row.samples]
    solved = await _solved(session, organization_id, gap_id)
    new = NewArticle(
        title=title_of(gap.label, samples),
        body=outline_of(gap.label, samples, solved),
        visibility=ArticleVisibility.AGENTS,
        language=detect_language("\n".join(samples)) or "en",
        owner_id=user_id,
        tags=(_TAG,),
    )
    article = await create_article(session, organization_id=organization_id, new=new, author_id=user_id, now=now)
    gap.draft_article_id = article.id
    _decide(gap, GapState.DRAFTED, reason="", user_id=user_id, now=now)
    await session.flush()
    return DraftedArticle(article.id, article.slug, new.title)


async def dismiss_gap(
    session: AsyncSession, *, organization_id: UUID, gap_id: UUID, reason: str, user_id: UUID, now: datetime
) -> None:
    """Say that no article is wanted for a gap; like questions that come later stay with it.

    Raises:
        GapNotFound: no such gap.
        GapDecided: it is dismissed or closed already.
    """
    gap = await _locked(session, organization_id, gap_id)
    if gap.state not in {GapState.OPEN, GapState.DRAFTED}:
        raise GapDecided(f"The gap is {gap.state}.", state=gap.state)
    _decide(gap, GapState.DISMISSED, reason=reason, user_id=user_id, now=now)


async def reopen_gap(
    session: AsyncSession, *, organization_id: UUID, gap_id: UUID, user_id: UUID, now: datetime
) -> None:
    """Open a gap again that was dismissed or closed; one whose draft is still there has that.

    Raises:
        GapNotFound: no such gap.
        GapDecided: it is open or has a draft.
    """
    gap = await _locked(session, organization_id, gap_id)
    if gap.state not in {GapState.DISMISSED, GapState.CLOSED}:
        raise GapDecided(f"The gap is {gap.state}.", state=gap.state)
    gap.answered_by = None
    state = GapState.DRAFTED if await _has_draft(session, gap) else GapState.OPEN
    _decide(gap, state, reason="", user_id=user_id, now=now)


def _decide(gap: Gap, state: GapState, *, reason: str, user_id: UUID, now: datetime) -> None:
    gap.state, gap.reason, gap.decided_by, gap.decided_at = state, reason, user_id, now
    gap.version += 1


async def _locked(session: AsyncSession, organization_id: UUID, gap_id: UUID) -> Gap:
    gap = await session.scalar(
        select(Gap)
        .where(Gap.organization_id == organization_id, Gap.id == gap_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if gap is None:
        raise GapNotFound(f"There is no gap {gap_id}.")
    return gap


async def _has_draft(session: AsyncSession, gap: Gap) -> bool:
    state = await session.scalar(
        select(Article.state).where(Article.organization_id == gap.organization_id, Article.id == gap.draft_article_id)
    )
    return state is not None and state != ArticleState.ARCHIVED


async def _solved(session: AsyncSession, organization_id: UUID, gap_id: UUID) -> Sequence[Solved]:
    scope = {"organization_id": organization_id}
    tickets = (await session.execute(_SOLVED, scope | {"gap_id": gap_id, "most": _MOST_TICKETS})).all()
    replies: defaultdict[UUID, list[str]] = defaultdict(list)
    for row in await session.execute(_REPLIES, scope | {"tickets": [ticket.id for ticket in tickets]}):
        replies[row.ticket_id].append(row.body)
    # The last replies are the ones that helped.
    return [
        Solved(ticket.number, ticket.subject, ticket.resolution, replies[ticket.id][-_REPLIES_EACH:])
        for ticket in tickets
    ]
