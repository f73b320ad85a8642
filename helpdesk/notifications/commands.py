"""Deliver a notice to the people it concerns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import NotFound
from helpdesk.models.accounts import TeamMember, User
from helpdesk.models.notifications import Notification
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import UserRole
from helpdesk.notifications.mailer import MailNotConfigured
from helpdesk.notifications.publishing import publish, ticket_data
from helpdesk.queue.args import JobArgs
from helpdesk.queue.backoff import retry_delay_s
from helpdesk.queue.catalog import DeliverNotification, SendEmail
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings


class NotificationNotFound(NotFound):
    """There is no such notification."""


async def deliver(session: AsyncSession, *, organization_id: UUID, notice: DeliverNotification, now: datetime) -> int:
    """Put a notice before each person it concerns, and return how many were told.

    Whoever was told already is not told again, however often the job runs. Addresses that asked for such events are
    told in their own way.

    Raises:
        NotificationNotFound: the ticket is gone.
    """
    ticket = await session.get(Ticket, notice.ticket_id)
    if ticket is None:
        raise NotificationNotFound("The ticket of this notice is gone.")
    await _publish(session, organization_id=organization_id, notice=notice, ticket=ticket, now=now)
    users = await _concerned(session, organization_id=organization_id, ticket=ticket)
    if not users:
        return 0
    rows = [
        {
            "id": new_id(),
            "organization_id": organization_id,
            "user_id": user_id,
            "kind": notice.kind,
            "ticket_id": ticket.id,
            "title": notice.title,
            "body": ticket.subject,
            "data": notice.data,
            "dedupe_key": notice.dedupe_key,
            "created_at": now,
        }
        for user_id in users
    ]
    told = await session.execute(insert(Notification).values(rows).on_conflict_do_nothing().returning(Notification.id))
    return len(told.all())


async def mark_read(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, notification_id: UUID, now: datetime
) -> Notification:
    """Mark one of the user's own notifications as read; doing it again changes nothing."""
    notification = await session.scalar(
        select(Notification).where(
            Notification.id == notification_id,
            Notification.user_id == user_id,
            Notification.organization_id == organization_id,
        )
    )
    if notification is None:
        raise NotificationNotFound
    notification.read_at = notification.read_at or now
    return notification


async def mark_all_read(session: AsyncSession, *, organization_id: UUID, user_id: UUID, now: datetime) -> int:
    """Mark all of the user's notifications as read and return how many were not."""
    changed = await session.execute(
        update(Notification)
        .where(
            Notification.user_id == user_id,
            Notification.organization_id == organization_id,
            Notification.read_at.is_(None),
        )
        .values(read_at=now)
        .returning(Notification.id)
    )
    return len(changed.all())


async def send_email(
    session: AsyncSession,
    *,
    organization_id: UUID,
    to: Sequence[str],
    subject: str,
    text: str,
    html: str | None = None,
    reply_to: str | None = None,
    in_reply_to: str | None = None,
    references: Sequence[str] = (),
    unique_key: str | None = None,
) -> UUID:
    """Queue a mail in the session's transaction and return the job's id, of which its Message-ID is made.

    It arrives at least once; see `mailer` for why not exactly once.

    Args:
        to: who it is addressed to; each recipient sees the others.
        text, html: the same words twice.
        in_reply_to, references: Message-IDs of the thread, with their angle brackets.
        unique_key: while a mail with the key waits or is sent, no other is made, and that one's id is returned.

    Raises:
        ValidationError: (pydantic's) an address that is none, or a line break in a header.
    """
    mail = SendEmail(
        to=tuple(to),
        subject=subject,
        text=text,
        html=html,
        reply_to=reply_to,
        in_reply_to=in_reply_to,
        references=tuple(references),
    )
    return await enqueue(session, mail, organization_id=organization_id, unique_key=unique_key)


def rest_of_mail(
    mail: SendEmail, *, first: UUID, recipients: Sequence[str], now: datetime
) -> tuple[SendEmail, datetime]:
    """Return the job that sends a mail to those it has not reached, and when: the same message to fewer people."""
    delay = retry_delay_s(SendEmail, retry_count=0, luck=random.random())  # noqa: S311 (jitter)
    return mail.model_copy(update={"rest_of": first, "rest": tuple(recipients)}), now + timedelta(seconds=delay)


def refuse_unsendable(args: JobArgs, settings: Settings) -> None:
    """Raise MailNotConfigured when a job would send mail and there is no mail server."""
    if isinstance(args, SendEmail) and settings.smtp_url is None:
        raise MailNotConfigured("No mail server is configured; set ATUM_SMTP_URL.")


async def _publish(
    session: AsyncSession, *, organization_id: UUID, notice: DeliverNotification, ticket: Ticket, now: datetime
) -> None:
    await publish(
        session,
        organization_id=organization_id,
        event=notice.kind,
        data={"title": notice.title, "ticket": ticket_data(ticket), **notice.data},
        dedupe_key=notice.dedupe_key,
        now=now,
    )


async def _concerned(session: AsyncSession, *, organization_id: UUID, ticket: Ticket) -> list[UUID]:
    """Return the assignee; without one the team; without one those who lead the desk."""
    if ticket.assignee_id is not None:
        return [ticket.assignee_id]
    of_organization = select(User.id).where(User.organization_id == organization_id, User.active)
    if ticket.team_id is not None:
        members = of_organization.join(TeamMember, TeamMember.user_id == User.id).where(
            TeamMember.team_id == ticket.team_id
        )
        if found := list(await session.scalars(members)):
            return found
    return list(await session.scalars(of_organization.where(User.role.in_((UserRole.LEAD, UserRole.ADMIN)))))
