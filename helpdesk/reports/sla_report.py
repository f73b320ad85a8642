"""The weekly SLA report: everything it says, read in one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.queries import organization_by_id
from helpdesk.errors import Invalid
from helpdesk.reports import queries
from helpdesk.reports.breaches import Breach, explain
from helpdesk.reports.queries import Compliance, Tally, TicketCounts
from helpdesk.reports.weeks import Week, last_week


class WeekNotOver(Invalid):
    """The week is not over yet."""


@dataclass(frozen=True)
class SlaReport:
    """A week of service-level promises.

    Attributes:
        made_at: as of when (UTC).
        whole: every clock that was decided in the week.
        groups: the same by metric, policy, priority and team.
        days, weeks: the same by day of the week, and for the weeks up to it.
        tickets, tickets_before: what happened to tickets in the week, and in the week before.
        breaches: the promises that were not kept, the earliest first.
    """

    organization: str
    week: Week
    made_at: datetime
    whole: Compliance
    groups: dict[str, list[Compliance]]
    days: list[tuple[date, Tally]]
    weeks: list[tuple[Week, Tally]]
    tickets: TicketCounts
    tickets_before: TicketCounts
    breaches: list[Breach]


async def read_sla_report(
    session: AsyncSession, *, organization_id: UUID, monday: date | None, now: datetime
) -> SlaReport:
    """Read the report of a week, in a session that sees one instant of the database.

    Args:
        monday: its first day; None takes the last week that is over where the organisation is.

    Raises:
        WeekNotOver: it ends later; `context["seconds"]` says how much later.
    """
    home = await organization_by_id(session, organization_id=organization_id)
    week = last_week(now, zone=home.timezone) if monday is None else Week(monday, home.timezone)
    if week.ends > now:
        raise WeekNotOver(f"The week {week.name} is not over yet.", seconds=(week.ends - now).total_seconds())
    whole, groups = await queries.compliance(session, organization_id=organization_id, week=week)
    late = await queries.breached_clocks(session, organization_id=organization_id, week=week)
    return SlaReport(
        organization=home.name,
        week=week,
        made_at=now,
        whole=whole,
        groups=groups,
        days=await queries.by_day(session, organization_id=organization_id, week=week),
        weeks=await queries.by_week(session, organization_id=organization_id, week=week),
        tickets=await queries.ticket_counts(session, organization_id=organization_id, week=week),
        tickets_before=await queries.ticket_counts(session, organization_id=organization_id, week=week.earlier()),
        breaches=await explain(session, late, organization_id=organization_id, zone=week.zone, now=now),
    )
