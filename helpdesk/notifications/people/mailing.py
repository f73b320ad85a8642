"""Mail a notice, or let it wait for a digest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.notifications import NotificationDelivery
from helpdesk.models.values import NoticeKind, NoticeState
from helpdesk.notifications.people.letters import About, Told, notice_letter
from helpdesk.notifications.people.mails import mail_to
from helpdesk.notifications.people.ticket_facts import about_tickets, article_in, words_of
from helpdesk.notifications.people.withheld import Withheld
from helpdesk.notifications.preferences.pacing import Pace, slot
from helpdesk.notifications.preferences.queries import Person
from helpdesk.queue.catalog import DeliverNotification, SendDigest, SendEmail
from helpdesk.queue.enqueue import KeyedJob, enqueue_many
from helpdesk.settings import Settings

# In one order, so that two who mail the same people wait for each other instead of both for ever.
_MAKE_PACES = text("""
    INSERT INTO mail_paces (user_id, organization_id)
    SELECT id, :organization_id FROM unnest(CAST(:user_ids AS uuid[])) AS id ORDER BY id
    ON CONFLICT (user_id) DO NOTHING
""")
_LOCK_PACES = text("""
    SELECT user_id, collecting_until, digest_at FROM mail_paces
     WHERE organization_id = :organization_id AND user_id = ANY (CAST(:user_ids AS uuid[]))
     ORDER BY user_id FOR UPDATE
""")
# One statement however many people there are.
_KEEP_PACES = text("""
    UPDATE mail_paces AS pace SET collecting_until = new.collecting_until, digest_at = new.digest_at
      FROM unnest(CAST(:user_ids AS uuid[]), CAST(:collecting_until AS timestamptz[]),
                  CAST(:digest_at AS timestamptz[])) AS new (user_id, collecting_until, digest_at)
     WHERE pace.organization_id = :organization_id AND pace.user_id = new.user_id
""")


@dataclass(frozen=True)
class _Mail:
    delivery: NotificationDelivery
    args: SendEmail


async def lock_paces(session: AsyncSession, *, organization_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, Pace]:
    """Return how fast users were mailed lately; nobody else decides on a mail to them until this transaction ends."""
    scope = {"organization_id": organization_id, "user_ids": list(user_ids)}
    await session.execute(_MAKE_PACES, scope)
    rows = await session.execute(_LOCK_PACES, scope)
    return {row.user_id: Pace(row.collecting_until, row.digest_at) for row in rows}


async def keep_paces(session: AsyncSession, *, organization_id: UUID, paces: Mapping[UUID, Pace]) -> None:
    """Store how fast users are mailed from now on."""
    values = {
        "organization_id": organization_id,
        "user_ids": list(paces),
        "collecting_until": [pace.collecting_until for pace in paces.values()],
        "digest_at": [pace.digest_at for pace in paces.values()],
    }
    await session.execute(_KEEP_PACES, values)


def digest_job(user_id: UUID, at: datetime) -> KeyedJob:
    """Return the job that mails what was collected at a time; there is one such job however much there is."""
    return KeyedJob(SendDigest(user_id=user_id), f"{user_id}:{at.isoformat()}", at)


async def mail_or_collect(
    session: AsyncSession,
    *,
    organization_id: UUID,
    notice: DeliverNotification,
    deliveries: Mapping[UUID, NotificationDelivery],
    persons: Mapping[UUID, Person],
    now: datetime,
    settings: Settings,
) -> None:
    """Give each delivery, by its user, its mail or its place in a digest."""
    paces = await lock_paces(session, organization_id=organization_id, user_ids=deliveries)
    at_once: list[NotificationDelivery] = []
    digests: list[KeyedJob] = []
    changed: dict[UUID, Pace] = {}
    for user_id in sorted(deliveries):
        found = slot(
            notice.kind,
            preferences=persons[user_id].preferences,
            zone=persons[user_id].zone,
            pace=paces[user_id],
            now=now,
        )
        if found.pace != paces[user_id]:
            changed[user_id] = found.pace
        if found.at is None:
            at_once.append(deliveries[user_id])
            continue
        deliveries[user_id].send_after, deliveries[user_id].reason = found.at, found.wait
        digests.append(digest_job(user_id, found.at))
    if changed:
        await keep_paces(session, organization_id=organization_id, paces=changed)
    mails = await _mails(session, at_once, notice, persons, organization_id=organization_id, settings=settings)
    await queue_mails(session, mails, digests, organization_id=organization_id)


async def queue_mails(
    session: AsyncSession, mails: Sequence[_Mail], digests: Iterable[KeyedJob], *, organization_id: UUID
) -> None:
    """Queue mails and digests in one statement, and note the mails' jobs with their deliveries."""
    jobs = [*(KeyedJob(mail.args, str(mail.delivery.id)) for mail in mails), *digests]
    ids = await enqueue_many(session, jobs, organization_id=organization_id)
    for mail, job_id in zip(mails, ids, strict=False):
        mail.delivery.state, mail.delivery.job_id = NoticeState.QUEUED, job_id
    await session.flush()


async def _mails(
    session: AsyncSession,
    deliveries: Sequence[NotificationDelivery],
    notice: DeliverNotification,
    persons: Mapping[UUID, Person],
    *,
    organization_id: UUID,
    settings: Settings,
) -> list[_Mail]:
    if not deliveries:
        return []
    about, quote = await _subject(session, notice, organization_id=organization_id)
    mails = []
    for delivery in deliveries:
        mail = _mail(delivery, about, persons[delivery.user_id], quote, settings)
        if mail is None:
            delivery.state, delivery.reason = NoticeState.SUPPRESSED, Withheld.NO_ADDRESS
        else:
            mails.append(_Mail(delivery, mail))
    return mails


async def _subject(
    session: AsyncSession, notice: DeliverNotification, *, organization_id: UUID
) -> tuple[About, str | None]:
    """Return what a notice is about, and the words of a ticket's message that it quotes."""
    if (ticket_id := notice.ticket_id) is None:
        return article_in(notice.data), None
    about = (await about_tickets(session, organization_id=organization_id, ticket_ids=[ticket_id]))[ticket_id]
    message_id = notice.data.get("message_id")
    quote = await words_of(session, organization_id=organization_id, ticket_id=ticket_id, message_id=message_id)
    return about, quote


def told_of(delivery: NotificationDelivery) -> Told:
    """Return a delivery as what its mail says."""
    return Told(NoticeKind(delivery.kind), delivery.title, delivery.data, delivery.created_at, delivery.told_as)


def _mail(
    delivery: NotificationDelivery, about: About, person: Person, quote: str | None, settings: Settings
) -> SendEmail | None:
    letter = notice_letter(told_of(delivery), about, zone=person.zone, public_url=settings.public_url, quote=quote)
    return mail_to(person, letter, ticket_id=delivery.ticket_id, settings=settings)
