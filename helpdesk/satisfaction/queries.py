"""Read what a link asks about, and what customers answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.accounts import Organization
from helpdesk.models.satisfaction import SatisfactionLink, SatisfactionRating
from helpdesk.models.tickets import Ticket
from helpdesk.satisfaction.commands import is_open
from helpdesk.satisfaction.links import LinkNotValid, LinkToken


@dataclass(frozen=True)
class Asked:
    """What whoever has a link may see: nothing of the ticket but its subject."""

    subject: str
    organization: str
    score: int | None
    comment: str


async def asked_by(session: AsyncSession, *, token: LinkToken, now: datetime) -> Asked:
    """Return what a link asks about, with the answer that was given by it.

    Raises:
        LinkNotValid: there is no such link, or it is too old to be answered or changed.
    """
    statement = (
        select(SatisfactionLink, Ticket.subject, Organization.name)
        .join(Ticket, Ticket.id == SatisfactionLink.ticket_id)
        .join(Organization, Organization.id == SatisfactionLink.organization_id)
        .where(
            SatisfactionLink.organization_id == token.organization_id,
            SatisfactionLink.secret_hash == token.secret_hash,
        )
    )
    found = (await session.execute(statement)).one_or_none()
    if found is None or not is_open(found[0], now):
        raise LinkNotValid
    link, subject, organization = found
    answer = await session.scalar(
        select(SatisfactionRating).where(
            SatisfactionRating.link_id == link.id, SatisfactionRating.superseded_at.is_(None)
        )
    )
    score, comment = (answer.score, answer.comment) if answer else (None, "")
    return Asked(subject, organization, score, comment)


async def ratings_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Sequence[SatisfactionRating]:
    """Return what was answered about a ticket, the newest first; only that one counts."""
    statement = (
        select(SatisfactionRating)
        .where(SatisfactionRating.organization_id == organization_id, SatisfactionRating.ticket_id == ticket_id)
        .order_by(SatisfactionRating.created_at.desc(), SatisfactionRating.id.desc())
        .limit(100)
    )
    return (await session.scalars(statement)).all()
