"""Make links by which customers rate a ticket, and take their answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.events.record import record
from helpdesk.models.satisfaction import SatisfactionLink, SatisfactionRating
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind
from helpdesk.satisfaction.links import LinkNotValid, LinkToken, make_link_token

# How long a link can be answered, and for how long after that the answer can be changed.
VALID_FOR = timedelta(days=30)
CHANGEABLE_FOR = timedelta(days=7)
MOST_COMMENT = 2000
SCORES = range(1, 6)


class RatingRefused(Invalid):
    """The rating is not acceptable."""


@dataclass(frozen=True)
class MadeLink:
    """A new link; its token is shown this once."""

    token: str
    expires_at: datetime


async def make_link(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, user_id: UUID, now: datetime
) -> MadeLink:
    """Make a link by which the requester of a ticket can rate it for 30 days; the caller knows that it is there."""
    text, token = make_link_token(organization_id)
    contact_id = await session.scalar(
        select(Ticket.contact_id).where(Ticket.organization_id == organization_id, Ticket.id == ticket_id)
    )
    row = SatisfactionLink(
        organization_id=organization_id,
        ticket_id=ticket_id,
        contact_id=contact_id,
        created_by=user_id,
        secret_hash=token.secret_hash,
        expires_at=now + VALID_FOR,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    return MadeLink(text, row.expires_at)


async def rate(session: AsyncSession, *, token: LinkToken, score: int, comment: str, now: datetime) -> None:
    """Take the answer of whoever has a link; a second one replaces the first, for seven days.

    Raises:
        LinkNotValid: there is no such link, or it is too old to be answered or changed.
        RatingRefused: the score is not 1 to 5, or the comment is too long.
    """
    said = comment.replace("\x00", "").strip()
    if score not in SCORES or len(said) > MOST_COMMENT:
        raise RatingRefused(f"A score is 1 to 5, and a comment has at most {MOST_COMMENT:,} characters.")
    link = await session.scalar(
        select(SatisfactionLink)
        .where(
            SatisfactionLink.organization_id == token.organization_id,
            SatisfactionLink.secret_hash == token.secret_hash,
        )
        .with_for_update()
    )
    if link is None or not is_open(link, now):
        raise LinkNotValid
    link.answered_at = link.answered_at or now
    replaced = await _supersede(session, link, now)
    session.add(
        SatisfactionRating(
            organization_id=link.organization_id,
            ticket_id=link.ticket_id,
            contact_id=link.contact_id,
            link_id=link.id,
            score=score,
            comment=said,
            created_at=now,
        )
    )
    await record(
        session,
        organization_id=link.organization_id,
        ticket_id=link.ticket_id,
        kind="ticket.rated",
        now=now,
        actor_kind=AuthorKind.CUSTOMER,
        actor_id=link.contact_id,
        data={"score": score, "replaces": replaced},
    )


def is_open(link: SatisfactionLink, now: datetime) -> bool:
    """Tell whether a link can still be answered, or its answer changed."""
    until = link.expires_at if link.answered_at is None else link.answered_at + CHANGEABLE_FOR
    return now < until


async def _supersede(session: AsyncSession, link: SatisfactionLink, now: datetime) -> int | None:
    """Put aside the answer there is on the ticket, by whatever link it came; return its score."""
    # Two links of one ticket may be answered at once; the ticket's row is what both have.
    await session.execute(select(Ticket.id).where(Ticket.id == link.ticket_id).with_for_update())
    rating = SatisfactionRating
    replaced: int | None = await session.scalar(
        update(rating)
        .where(
            rating.organization_id == link.organization_id,
            rating.ticket_id == link.ticket_id,
            rating.superseded_at.is_(None),
        )
        .values(superseded_at=func.greatest(rating.created_at, now))
        .returning(rating.score)
    )
    return replaced
