"""Mail a user what was collected for them, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.notifications import Notification, NotificationDelivery
from helpdesk.models.values import NoticeChannel, NoticeState, NoticeTiming
from helpdesk.notifications.people.letters import About, AboutTicket, Letter, digest_letter, notice_letter
from helpdesk.notifications.people.mailing import digest_job, keep_paces, lock_paces, told_of
from helpdesk.notifications.people.mails import mail_to
from helpdesk.notifications.people.ticket_facts import about_tickets, article_in, words_of
from helpdesk.notifications.people.withheld import Withheld
from helpdesk.notifications.preferences.pacing import Pace, Wait
from helpdesk.notifications.preferences.queries import Person, person
from helpdesk.queue.enqueue import enqueue, enqueue_many
from helpdesk.settings import Settings


@dataclass
class _Sorted:
    """What was collected, by what is to become of it."""

    due: list[NotificationDelivery] = field(default_factory=list)
    held: dict[datetime, list[NotificationDelivery]] = field(default_factory=dict)
    withheld: dict[Withheld, list[NotificationDelivery]] = field(default_factory=dict)


async def send_digest(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, now: datetime, settings: Settings
) -> int:
    """Queue the mail of all that was collected for a user, and return how many notices it tells.

    What they have read in the app by now, or no longer want to be mailed, is left out; what quiet hours hold back waits
    on. Once more, with nothing collected, it does nothing.

    Args:
        now: by the clock that says which jobs are due.

    Raises:
        PersonNotFound: the user is gone.
    """
    reader = await person(session, organization_id=organization_id, user_id=user_id)
    paces = await lock_paces(session, organization_id=organization_id, user_ids=[user_id])
    # Read under the lock: whoever collects something more from here on asks for another digest.
    collected = await _collected(session, organization_id=organization_id, user_id=user_id)
    found = _sort(collected, reader, now=now, settings=settings)
    for reason, deliveries in found.withheld.items():
        await _settle(session, deliveries, state=NoticeState.SUPPRESSED, reason=reason)
    for at, deliveries in found.held.items():
        await _settle(session, deliveries, send_after=at, reason=Wait.QUIET_HOURS)
    later = [digest_job(user_id, at) for at in found.held]
    await enqueue_many(session, later, organization_id=organization_id)
    pace = Pace(paces[user_id].collecting_until, min(found.held, default=None))
    if found.due:
        await _mail(session, found.due, reader, organization_id=organization_id, settings=settings)
        pace = Pace(now + timedelta(minutes=reader.preferences.digest_minutes), pace.digest_at)
    await keep_paces(session, organization_id=organization_id, paces={user_id: pace})
    return len(found.due)


async def _collected(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID
) -> list[tuple[NotificationDelivery, datetime | None]]:
    """Return what waits for a user, each with when they have read it in the app."""
    rows = await session.execute(
        select(NotificationDelivery, Notification.read_at)
        .outerjoin(
            Notification,
            (Notification.organization_id == NotificationDelivery.organization_id)
            & (Notification.user_id == NotificationDelivery.user_id)
            & (Notification.dedupe_key == NotificationDelivery.dedupe_key),
        )
        .where(
            NotificationDelivery.organization_id == organization_id,
            NotificationDelivery.user_id == user_id,
            NotificationDelivery.state == NoticeState.PENDING,
        )
        .order_by(NotificationDelivery.id)
    )
    return [(row[0], row[1]) for row in rows]


def _sort(
    collected: Iterable[tuple[NotificationDelivery, datetime | None]],
    reader: Person,
    *,
    now: datetime,
    settings: Settings,
) -> _Sorted:
    found = _Sorted()
    for delivery, read_at in collected:
        reason = _withheld(delivery, read_at, reader, settings)
        if reason is not None:
            found.withheld.setdefault(reason, []).append(delivery)
        elif at := reader.preferences.quiet_until(delivery.kind, now, reader.zone):
            found.held.setdefault(at, []).append(delivery)
        else:
            found.due.append(delivery)
    return found


def _withheld(
    delivery: NotificationDelivery, read_at: datetime | None, reader: Person, settings: Settings
) -> Withheld | None:
    if not reader.active:
        return Withheld.INACTIVE
    if read_at is not None:
        return Withheld.READ
    if reader.preferences.timing(delivery.kind, NoticeChannel.EMAIL) is NoticeTiming.OFF:
        return Withheld.TURNED_OFF
    return Withheld.NO_MAIL_SERVER if settings.smtp_url is None else None


async def _mail(
    session: AsyncSession,
    due: Sequence[NotificationDelivery],
    reader: Person,
    *,
    organization_id: UUID,
    settings: Settings,
) -> None:
    tickets = {delivery.ticket_id for delivery in due if delivery.ticket_id is not None}
    letter = await _letter(session, due, reader, organization_id=organization_id, settings=settings)
    is_one_thread = len(tickets) == 1 and all(delivery.ticket_id is not None for delivery in due)
    mail = mail_to(reader, letter, ticket_id=tickets.pop() if is_one_thread else None, settings=settings)
    if mail is None:
        await _settle(session, due, state=NoticeState.SUPPRESSED, reason=Withheld.NO_ADDRESS)
        return
    digest_id = new_id()
    job_id = await enqueue(session, mail, organization_id=organization_id, unique_key=str(digest_id))
    await _settle(session, due, state=NoticeState.QUEUED, digest_id=digest_id, job_id=job_id)


async def _letter(
    session: AsyncSession,
    due: Sequence[NotificationDelivery],
    reader: Person,
    *,
    organization_id: UUID,
    settings: Settings,
) -> Letter:
    """Write what is due; a single notice reads as if nothing had been collected."""
    tickets = [delivery.ticket_id for delivery in due if delivery.ticket_id is not None]
    about = await about_tickets(session, organization_id=organization_id, ticket_ids=tickets)
    told = [(told_of(delivery), _about(delivery, about)) for delivery in due]
    if len(told) > 1:
        return digest_letter(told, zone=reader.zone, public_url=settings.public_url)
    [(notice, subject)] = told
    quote = None
    if (ticket_id := due[0].ticket_id) is not None:
        message_id = notice.data.get("message_id")
        quote = await words_of(session, organization_id=organization_id, ticket_id=ticket_id, message_id=message_id)
    return notice_letter(notice, subject, zone=reader.zone, public_url=settings.public_url, quote=quote)


def _about(delivery: NotificationDelivery, tickets: Mapping[UUID, AboutTicket]) -> About:
    return article_in(delivery.data) if delivery.ticket_id is None else tickets[delivery.ticket_id]


async def _settle(session: AsyncSession, deliveries: Sequence[NotificationDelivery], **values: Any) -> None:
    """Write what became of deliveries, all alike, in one statement."""
    await session.execute(
        update(NotificationDelivery)
        .where(NotificationDelivery.id.in_([delivery.id for delivery in deliveries]))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
