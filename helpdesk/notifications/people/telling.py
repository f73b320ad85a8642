"""Tell people: in the app at once, by mail at once or with a digest; each by each channel once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.notifications import Notification, NotificationDelivery
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import NoticeChannel, NoticeState, NoticeTiming
from helpdesk.notifications.people.audience import people_for
from helpdesk.notifications.people.mailing import mail_or_collect
from helpdesk.notifications.people.withheld import Withheld
from helpdesk.notifications.preferences.queries import Person, people
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.settings import Settings


@dataclass(frozen=True)
class _Verdict:
    state: NoticeState
    reason: Withheld | None = None


async def tell(
    session: AsyncSession,
    *,
    organization_id: UUID,
    notice: DeliverNotification,
    now: datetime,
    settings: Settings,
    ticket: Ticket | None = None,
) -> set[UUID]:
    """Tell whom a notice is for, and return those who had not been told before.

    Args:
        ticket: the one that it is about; None where it is about an article.

    A row for each person and channel says what became of it, also where nothing did; whoever writes it first tells.
    """
    told = await people_for(session, organization_id=organization_id, notice=notice)
    if not told:
        return set()
    persons = await people(session, organization_id=organization_id, user_ids=told)
    common = {
        "organization_id": organization_id,
        "kind": notice.kind,
        "ticket_id": notice.ticket_id,
        "title": notice.title,
        "data": notice.data,
        "dedupe_key": notice.dedupe_key,
        "created_at": now,
    }
    verdicts = _deliveries(persons, notice, now=now, settings=settings)
    rows = [common | row | {"told_as": told[row["user_id"]]} for row in verdicts]
    stored = insert(NotificationDelivery).values(rows).on_conflict_do_nothing()
    new = list(await session.scalars(stored.returning(NotificationDelivery)))
    shown = [row for row in new if row.channel == NoticeChannel.IN_APP and row.state == NoticeState.SENT]
    if shown:
        body = str(notice.data.get("article_title") or "") if ticket is None else ticket.subject
        values = [common | {"id": new_id(), "user_id": row.user_id, "body": body} for row in shown]
        await session.execute(insert(Notification).values(values).on_conflict_do_nothing())
    mailed = {row.user_id: row for row in new if row.state == NoticeState.PENDING}
    if mailed:
        await mail_or_collect(
            session,
            organization_id=organization_id,
            notice=notice,
            deliveries=mailed,
            persons=persons,
            now=now,
            settings=settings,
        )
    return {row.user_id for row in shown} | mailed.keys()


def _deliveries(
    persons: Mapping[UUID, Person], notice: DeliverNotification, *, now: datetime, settings: Settings
) -> Iterator[dict[str, Any]]:
    """Yield a row for each person and channel, in an order that is the same for everybody who writes such rows."""
    for user_id in sorted(persons):
        for channel in NoticeChannel:
            verdict = _verdict(persons[user_id], channel, notice, settings)
            yield {
                "id": new_id(),
                "user_id": user_id,
                "channel": channel,
                "state": verdict.state,
                "reason": verdict.reason,
                "sent_at": now if verdict.state is NoticeState.SENT else None,
            }


def _verdict(person: Person, channel: NoticeChannel, notice: DeliverNotification, settings: Settings) -> _Verdict:
    if person.id == notice.actor_id:
        return _Verdict(NoticeState.SUPPRESSED, Withheld.OWN_CHANGE)
    if person.preferences.timing(notice.kind, channel) is NoticeTiming.OFF:
        return _Verdict(NoticeState.SUPPRESSED, Withheld.TURNED_OFF)
    if channel is NoticeChannel.IN_APP:
        return _Verdict(NoticeState.SENT)
    if settings.smtp_url is None:
        return _Verdict(NoticeState.SUPPRESSED, Withheld.NO_MAIL_SERVER)
    return _Verdict(NoticeState.PENDING)
