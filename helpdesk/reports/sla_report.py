"""The weekly SLA report: everything it says, read in one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.queries import organization_by_id
from helpdesk.errors import Invalid
from helpdesk.reports.breaches import Breach, explain
from helpdesk.reports.compliance import Group, Tally, compliance, place
from helpdesk.reports.decided import Dimension
from helpdesk.reports.queries import TicketCounts, breached_clocks, ticket_counts
from helpdesk.reports.weeks import Week, last_week

# Of how many weeks the share that was met is shown side by side.
_WEEKS = 8
# In the order in which the page shows them.
GROUPED_BY = (
    Dimension.METRIC,
    Dimension.POLICY,
    Dimension.PRIORITY,
    Dimension.TEAM,
    Dimension.AGENT,
    Dimension.COMPANY,
    Dimension.CATEGORY,
)


class WeekNotOver(Invalid):
    """The week is not over yet."""


@dataclass(frozen=True)
class Compared:
    """How one group of clocks fared, in the week and in the week before."""

    name: str
    week: Tally
    before: Tally
    key: str | None = None

    @property
    def change(self) -> float | None:
        """Return by how much the share has changed; None where one of the weeks has none."""
        now, then = self.week.compliance, self.before.compliance
        return None if now is None or then is None else now - then


@dataclass(frozen=True)
class SlaReport:
    """A week of service-level promises.

    Attributes:
        made_at: as of when (UTC).
        whole: every clock that was decided in the week.
        groups: the same by metric, policy, priority, team, agent, company and category.
        days, weeks: the same by day of the week, and for the weeks up to it.
        tickets, tickets_before: what happened to tickets in the week, and in the week before.
        breaches: the promises that were not kept, the earliest first.
    """

    organization: str
    week: Week
    made_at: datetime
    whole: Compared
    groups: dict[Dimension, list[Compared]]
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
    found = await compliance(
        session, organization_id=organization_id, period=week.period(), dimensions=[*GROUPED_BY, Dimension.DAY]
    )
    before = await compliance(
        session, organization_id=organization_id, period=week.earlier().period(), dimensions=GROUPED_BY
    )
    weeks = await compliance(
        session, organization_id=organization_id, period=week.period(_WEEKS), dimensions=[Dimension.WEEK]
    )
    late = await breached_clocks(session, organization_id=organization_id, period=week.period())
    return SlaReport(
        organization=home.name,
        week=week,
        made_at=now,
        whole=Compared("all", found.total.tally, before.total.tally),
        groups={one: _compared(one, found.groups[one], before.groups[one]) for one in GROUPED_BY},
        days=[(day, group.tally) for day, group in zip(week.days, found.groups[Dimension.DAY], strict=True)],
        weeks=[
            (week.earlier(_WEEKS - 1 - number), group.tally)
            for number, group in enumerate(weeks.groups[Dimension.WEEK])
        ],
        tickets=await ticket_counts(session, organization_id=organization_id, period=week.period()),
        tickets_before=await ticket_counts(session, organization_id=organization_id, period=week.earlier().period()),
        breaches=await explain(session, late, organization_id=organization_id, zone=week.zone, now=now),
    )


def _compared(dimension: Dimension, week: Sequence[Group], before: Sequence[Group]) -> list[Compared]:
    """Put the groups of two weeks side by side."""
    now, then = ({group.key: group for group in groups} for groups in (week, before))
    found = [
        Compared(
            group.name,
            now[key].tally if key in now else Tally(),
            then[key].tally if key in then else Tally(),
            key,
        )
        for key, group in (then | now).items()
    ]
    return sorted(found, key=lambda group: place(dimension, group.name, group.week))
