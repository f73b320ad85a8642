"""Deliver a notice to the people it concerns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.kb import Article
from helpdesk.models.notifications import Notification, NotificationDelivery
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import NoticeKind, NoticeState
from helpdesk.notifications.mail.mailer import MailNotConfigured
from helpdesk.notifications.people.telling import tell
from helpdesk.notifications.stream import MOVED
from helpdesk.notifications.webhooks.publishing import EVENTS, publish, ticket_data
from helpdesk.queue.args import JobArgs
from helpdesk.queue.backoff import retry_delay_s
from helpdesk.queue.catalog import DeliverNotification, SendEmail
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings


class NotificationNotFound(NotFound):
    """There is no such notification."""


async def deliver(
    session: AsyncSession, *, organization_id: UUID, notice: DeliverNotification, now: datetime, settings: Settings
) -> set[UUID]:
    """Put a notice before each person it concerns, as they chose, and return who were told or will be.

    Whoever was told already is not told again, however often the job runs. Addresses that asked for such events are
    told in their own way.

    Raises:
        NotificationNotFound: the ticket or the article is gone.
    """
    if notice.ticket_id is None:
        if not await _article_exists(session, organization_id=organization_id, notice=notice):
            raise NotificationNotFound("The article of this notice is gone.")
        return await tell(session, organization_id=organization_id, notice=notice, now=now, settings=settings)
    ticket = await session.scalar(
        select(Ticket).where(Ticket.organization_id == organization_id, Ticket.id == notice.ticket_id)
    )
    if ticket is None:
        raise NotificationNotFound("The ticket of this notice is gone.")
    if notice.kind in EVENTS:
        await publish(
            session,
            organization_id=organization_id,
            event=notice.kind,
            data={"title": notice.title, "ticket": ticket_data(ticket), **notice.data},
            dedupe_key=notice.dedupe_key,
            now=now,
            public_url=settings.public_url,
        )
    return await tell(
        session, organization_id=organization_id, notice=notice, ticket=ticket, now=now, settings=settings
    )


async def _article_exists(session: AsyncSession, *, organization_id: UUID, notice: DeliverNotification) -> bool:
    found = await session.scalar(
        select(Article.id).where(Article.organization_id == organization_id, Article.id == notice.article_id)
    )
    return found is not None


async def mark_read(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, notification_id: UUID, now: datetime
) -> Notification:
    """Mark one of the user's own notifications as read; doing it again changes nothing."""
    own = (
        Notification.id == notification_id,
        Notification.user_id == user_id,
        Notification.organization_id == organization_id,
    )
    await session.execute(update(Notification).where(*own, Notification.read_at.is_(None)).values(read_at=now, **MOVED))
    notification = await session.scalar(select(Notification).where(*own))
    if notification is None:
        raise NotificationNotFound
    return notification


async def mark_unread(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, notification_id: UUID
) -> Notification:
    """Mark one of the user's own notifications as not read; doing it again changes nothing."""
    own = (
        Notification.id == notification_id,
        Notification.user_id == user_id,
        Notification.organization_id == organization_id,
    )
    unread = update(Notification).where(*own, Notification.read_at.is_not(None)).values(read_at=None, **MOVED)
    await session.execute(unread)
    notification = await session.scalar(select(Notification).where(*own))
    if notification is None:
        raise NotificationNotFound
    return notification


async def mark_all_read(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID,
    now: datetime,
    kinds: Sequence[NoticeKind] = (),
    ticket_id: UUID | None = None,
    until: datetime | None = None,
) -> int:
    """Mark the user's notifications as read and return how many were not.

    Args:
        kinds: only of these kinds; none stands for all.
        ticket_id: only those on this ticket.
        until: only those made up to this time, so that none is marked that nobody has seen.
    """
    statement = update(Notification).where(
        Notification.user_id == user_id,
        Notification.organization_id == organization_id,
        Notification.read_at.is_(None),
    )
    if kinds:
        statement = statement.where(Notification.kind.in_(kinds))
    if ticket_id is not None:
        statement = statement.where(Notification.ticket_id == ticket_id)
    if until is not None:
        statement = statement.where(Notification.created_at <= until)
    changed = await session.execute(statement.values(read_at=now, **MOVED).returning(Notification.id))
    return len(changed.all())


async def mark_sent(session: AsyncSession, *, organization_id: UUID, job_id: UUID, now: datetime) -> None:
    """Record that the mail of a job went out, with all the notices it told."""
    await session.execute(
        update(NotificationDelivery)
        .where(
            NotificationDelivery.organization_id == organization_id,
            NotificationDelivery.job_id == job_id,
            NotificationDelivery.state == NoticeState.QUEUED,
        )
        .values(state=NoticeState.SENT, sent_at=now)
        .execution_options(synchronize_session=False)
    )


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
