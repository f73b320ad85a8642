"""How promises were kept over a period, counted by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import create_user
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus, UserRole
from helpdesk.reports.compliance import Compliance, Spread, Tally, compliance
from helpdesk.reports.decided import Dimension, ReportFilter
from helpdesk.reports.period_report import EVERYTHING, Asked, read_breaches, read_period_report
from helpdesk.reports.periods import Period, PeriodRefused
from helpdesk.tickets.requests import Actor
from tests.database.reports.conftest import NOW, Desk, at
from tests.database.ticks import tick

WEEK = Period(date(2026, 3, 2), date(2026, 3, 8), "Europe/Vienna")


async def read(desk: Desk, period: Period = WEEK, **options: Any) -> Compliance:
    values = {"dimensions": (*EVERYTHING, Dimension.DAY), "organization_id": desk.organization_id} | options
    async with desk.database.snapshot(desk.organization_id) as session:
        return await compliance(session, period=period, **values)


def tallies(found: Compliance, dimension: Dimension) -> dict[str, Tally]:
    return {group.name: group.tally for group in found.groups[dimension]}


async def someone(desk: Desk, email: str) -> Actor:
    async with desk.database.transaction(desk.organization_id) as session:
        user = await create_user(
            session, organization_id=desk.organization_id, email=email, name="Sam Same", role=UserRole.AGENT
        )
    return Actor(AuthorKind.AGENT, user.id)


async def give(desk: Desk, ticket_id: UUID, user_id: UUID | None) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(
            text("UPDATE tickets SET assignee_id = :user_id WHERE id = :id"), {"id": ticket_id, "user_id": user_id}
        )


async def pass_time(desk: Desk, now: datetime = NOW) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        while (await tick(session, organization_id=desk.organization_id, now=now)).processed:
            pass


async def test_each_dimension_adds_up_to_the_whole(counted_week: Desk) -> None:
    found = await read(counted_week, Period(date(2026, 2, 23), date(2026, 3, 8), "Europe/Vienna"))
    assert found.total.tally == Tally(5, 4)
    assert set(found.groups) == set(Dimension)
    for groups in found.groups.values():
        assert sum(group.tally.met for group in groups) == 5
        assert sum(group.tally.breached for group in groups) == 4
    assert tallies(found, Dimension.WEEK) == {"2026-W09": Tally(1, 1), "2026-W10": Tally(4, 3)}
    assert [group.key for group in found.groups[Dimension.WEEK]] == ["2026-02-23", "2026-03-02"]


async def test_days_and_weeks_without_a_promise_are_there_too(counted_week: Desk) -> None:
    found = await read(counted_week, Period(date(2026, 2, 11), date(2026, 2, 25), "Europe/Vienna"))
    assert [(group.name, group.tally.decided) for group in found.groups[Dimension.WEEK]] == [
        *(("2026-W07", 0), ("2026-W08", 0), ("2026-W09", 2)),
    ]
    assert len(found.groups[Dimension.DAY]) == 15


async def test_a_response_is_credited_to_who_gave_it_and_the_rest_to_the_assignee(counted_week: Desk) -> None:
    desk = counted_week
    sam, other = await someone(desk, "sam@desk.example"), await someone(desk, "other@desk.example")
    ada = desk.agent
    desk.agent = sam
    solved = await desk.ticket(at(5, 9), answered=at(5, 9, 10), solved=at(5, 10), priority=TicketPriority.HIGH)
    await give(desk, solved, other.id)
    waiting = await desk.ticket(at(5, 9), priority=TicketPriority.URGENT)
    await give(desk, waiting, ada.id)
    await pass_time(desk)
    found = await read(desk)
    by_id = {group.key: (group.name, group.tally) for group in found.groups[Dimension.AGENT]}
    assert by_id == {
        # Answered by one and solved while another of the same name had it.
        str(sam.id): ("Sam Same", Tally(1, 0)),
        str(other.id): ("Sam Same", Tally(1, 0)),
        # What nobody has answered yet is for whom it is assigned to.
        str(ada.id): ("Ada Agent", Tally(2, 3)),
        None: ("unassigned", Tally(2, 2)),
    }


async def test_cancelled_promises_count_only_where_they_were_late_by_then(counted_week: Desk) -> None:
    desk, before = counted_week, (await read(counted_week)).total.tally
    # Solved unanswered: in time, so that nothing is left of the first response, and too late.
    await desk.ticket(at(5, 9), solved=at(5, 9, 20), priority=TicketPriority.URGENT)
    await desk.ticket(at(5, 9), solved=at(5, 10), priority=TicketPriority.URGENT)
    found = await read(desk)
    assert found.total.tally == Tally(before.met + 2, before.breached + 1)
    assert tallies(found, Dimension.METRIC)["first_response"] == Tally(2, 3)


async def test_a_week_ends_at_midnight_where_the_organisation_is_also_when_clocks_change(counted_week: Desk) -> None:
    # In the night before Monday 30 March 2026 Vienna is two hours ahead of UTC; on the Monday before it was one.
    for minute in (at(22, 22, 59), at(22, 23, 0), at(29, 21, 59), at(29, 22, 0)):
        await counted_week.ticket(minute, answered=minute, category="security")
    found = await read(counted_week, Period(date(2026, 3, 16), date(2026, 4, 5), "Europe/Vienna"))
    assert tallies(found, Dimension.WEEK) == {"2026-W12": Tally(1), "2026-W13": Tally(2), "2026-W14": Tally(1)}
    assert tallies(found, Dimension.DAY)["2026-03-29"] == Tally(1)
    only = await read(counted_week, Period(date(2026, 3, 29), date(2026, 3, 29), "Europe/Vienna"))
    assert only.total.tally == Tally(1)


async def test_the_time_used_is_told_of_those_that_have_ended(counted_week: Desk) -> None:
    found = await read(counted_week, wanted=ReportFilter(metrics=["first_response"]))
    # 50 % of 120 min, 200 % of 30 min, 66.7 % of 15 min; the one nobody has answered is not over.
    assert found.total.tally == Tally(2, 2)
    assert found.total.used == Spread(pytest.approx(2 / 3), pytest.approx(2 / 3 + 0.8 * 4 / 3))
    assert found.total.elapsed_s == Spread(3600, 3600)


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        (ReportFilter(), Tally(4, 3)),
        (ReportFilter(priorities=["high", "urgent"]), Tally(4, 1)),
        (ReportFilter(teams=["network"]), Tally(2, 0)),
        (ReportFilter(policies=["security"]), Tally(1, 0)),
        (ReportFilter(policies=["standard"], metrics=["resolution"]), Tally(2, 1)),
        (ReportFilter(teams=["no-such-team"]), Tally()),
    ],
)
async def test_a_report_can_be_narrowed(counted_week: Desk, wanted: ReportFilter, total: Tally) -> None:
    assert (await read(counted_week, wanted=wanted)).total.tally == total


async def test_without_a_period_it_is_this_week_and_the_three_before(counted_week: Desk) -> None:
    desk, tuesday = counted_week, at(10, 12)
    scope = {"organization_id": desk.organization_id, "now": tuesday}
    async with desk.database.snapshot(desk.organization_id) as session:
        report = await read_period_report(session, **scope, asked=Asked(), dimensions=())
        assert (report.period.first, report.period.last) == (date(2026, 2, 16), date(2026, 3, 10))
        assert report.found.total.tally == Tally(5, 4)
        for first, last in ((date(2026, 3, 2), date(2026, 3, 1)), (date(2025, 1, 1), None), (date(1, 1, 1), None)):
            with pytest.raises(PeriodRefused):
                await read_period_report(session, **scope, asked=Asked(first, last), dimensions=())


async def test_breaches_come_in_pages_with_every_stretch_of_their_clock(counted_week: Desk) -> None:
    desk = counted_week
    asked = Asked(WEEK.first, WEEK.last)
    scope: dict[str, Any] = {"organization_id": desk.organization_id, "asked": asked, "now": NOW}
    async with desk.database.snapshot(desk.organization_id) as session:
        whole = (await read_breaches(session, **scope)).items
        first = (await read_breaches(session, **scope, limit=2)).items
        place = (first[-1].clock.breached_at, first[-1].clock.id)
        rest = (await read_breaches(session, **scope, after=place, limit=2)).items
    assert [breach.clock for breach in (*first, *rest)] == [breach.clock for breach in whole]
    assert [breach.clock.agent for breach in whole] == ["Ada Agent", None, None]
    late = whole[0].intervals()
    assert [(interval.kind, interval.counted_s) for interval in late] == [("counted", 3600)]
    assert sum(interval.counted_s for interval in whole[1].intervals()) == 24 * 3600
    assert {interval.kind for interval in whole[1].intervals()} == {"counted", "closed"}


async def test_another_organisation_sees_none_of_it(counted_week: Desk, database: Database) -> None:
    other = new_id()
    async with database.transaction(other) as session:
        session.add(Organization(id=other, slug="other", name="Other", timezone="Europe/Vienna"))
    async with database.snapshot(other) as session:
        found = await compliance(session, organization_id=other, period=WEEK, dimensions=EVERYTHING)
        listed = await read_breaches(session, organization_id=other, asked=Asked(WEEK.first, WEEK.last), now=NOW)
    assert found.total.tally == Tally()
    assert all(not group.tally.decided for groups in found.groups.values() for group in groups)
    assert listed.items == []


async def test_a_promise_that_is_kept_after_reopening_counts_where_it_is_kept_in_the_end(counted_week: Desk) -> None:
    desk = counted_week
    ticket = await desk.ticket(at(5, 9), answered=at(5, 9, 5), solved=at(5, 10), priority=TicketPriority.HIGH)
    assert tallies(await read(desk), Dimension.DAY)["2026-03-05"] == Tally(2, 1)
    await desk.move(ticket, TicketStatus.OPEN, at(6, 9))
    await desk.move(ticket, TicketStatus.SOLVED, at(6, 10))
    days = tallies(await read(desk), Dimension.DAY)
    assert (days["2026-03-05"], days["2026-03-06"]) == (Tally(1, 1), Tally(1, 0))
