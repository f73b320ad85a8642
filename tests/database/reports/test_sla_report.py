"""The weekly SLA report, its figures counted by hand."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import pytest

from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.reports.compliance import Tally
from helpdesk.reports.queries import TicketCounts
from helpdesk.reports.sla_job import render
from helpdesk.reports.sla_page import page
from helpdesk.reports.sla_report import SlaReport, WeekNotOver, read_sla_report
from helpdesk.reports.sla_tables import breaches_csv, figures_csv
from tests.database.reports.conftest import FORMULA, HOSTILE, NOW, Desk, at

MONDAY = date(2026, 3, 2)


async def read(desk: Desk, **options: Any) -> SlaReport:
    values = {"organization_id": desk.organization_id, "monday": None, "now": NOW} | options
    async with desk.database.snapshot(desk.organization_id) as session:
        return await read_sla_report(session, **values)


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def test_the_figures_are_those_counted_by_hand(counted_week: Desk) -> None:
    report = await read(counted_week)
    assert report.week.monday == MONDAY
    assert (report.whole.week, report.whole.before) == (Tally(4, 3), Tally(1, 1))
    assert report.whole.change == pytest.approx(4 / 7 - 1 / 2)
    found = {name: {group.name: group.week for group in groups} for name, groups in report.groups.items()}
    assert found == {
        "metric": {"first_response": Tally(2, 2), "resolution": Tally(2, 1)},
        "policy": {"security": Tally(1, 0), "standard": Tally(3, 3)},
        "priority": {"high": Tally(3, 0), "normal": Tally(0, 2), "urgent": Tally(1, 1)},
        "team": {"Network": Tally(2, 0), "no team": Tally(2, 3)},
        "agent": {"Ada Agent": Tally(2, 1), "unassigned": Tally(2, 2)},
        "company": {"no company": Tally(4, 3)},
        "category": {"Security": Tally(1, 0), "no category": Tally(3, 3)},
    }
    assert [(day.day, tally.met, tally.breached) for day, tally in report.days] == [
        *((2, 0, 0), (3, 3, 1), (4, 0, 1), (5, 0, 1), (6, 0, 0), (7, 1, 0), (8, 0, 0)),
    ]
    assert [(week.name, tally) for week, tally in report.weeks][-2:] == [
        ("2026-W09", Tally(1, 1)),
        ("2026-W10", Tally(4, 3)),
    ]
    assert report.tickets == TicketCounts(opened=4, solved=2, reopened=0, open_at_end=2)
    assert report.tickets_before == TicketCounts(opened=1, solved=1, reopened=0, open_at_end=0)


async def test_each_breach_is_explained_by_what_its_clock_counted(counted_week: Desk) -> None:
    answered_late, unanswered, unsolved = (await read(counted_week)).breaches
    assert answered_late.explanation == (
        "30 min of open time were promised from Tue 3 Mar 10:00. They were used up on Tue 3 Mar 10:30. "
        "The first answer came on Tue 3 Mar 11:00, 30 min of open time late. Nobody is assigned."
    )
    assert answered_late.overdue_s == 30 * 60
    # Due on Wednesday at 13:00; the office was open for 4 hours then, and for 8 on Thursday and on Friday.
    assert unanswered.overdue_s == 20 * 3600
    assert unanswered.explanation.endswith(
        "They were used up on Wed 4 Mar 13:00. It is still open, 20 h of open time late. Nobody is assigned."
    )
    assert unsolved.clock.metric == "resolution"
    assert unsolved.overdue_s == 8 * 3600


async def test_a_pause_is_named_in_the_explanation(counted_week: Desk) -> None:
    desk = counted_week
    held = await desk.ticket(at(5, 9), answered=at(5, 9, 10), priority=TicketPriority.URGENT, subject="Held")
    await desk.move(held, TicketStatus.PENDING, at(5, 10))
    await desk.move(held, TicketStatus.OPEN, at(5, 11, 30))
    await desk.move(held, TicketStatus.SOLVED, at(5, 15))
    (breach,) = [breach for breach in (await read(desk)).breaches if breach.clock.subject == "Held"]
    assert breach.explanation == (
        "4 h of open time were promised from Thu 5 Mar 10:00. "
        "The clock stood still for 1 h 30 min while the ticket was pending. They were used up on Thu 5 Mar 15:30. "
        "The ticket was solved on Thu 5 Mar 16:00, 30 min of open time late. Nobody is assigned."
    )


async def test_a_week_is_the_organisations_own_and_must_be_over(counted_week: Desk) -> None:
    # An hour before Monday is over in Vienna, it has begun nowhere else in Europe.
    early = NOW.replace(day=8, hour=22, minute=59)
    assert (await read(counted_week, now=early)).week.monday == MONDAY - timedelta(days=7)
    with pytest.raises(WeekNotOver) as refusal:
        await read(counted_week, now=early, monday=MONDAY)
    assert refusal.value.context["seconds"] == 60
    assert (await read(counted_week, now=early + timedelta(minutes=1))).week.monday == MONDAY


async def test_a_week_without_promises_is_a_report_too(counted_week: Desk) -> None:
    empty = page(await read(counted_week, monday=MONDAY - timedelta(days=28)))
    assert "No promise was met or broken in this week." in empty
    assert "None in this week." in empty


async def test_nothing_that_people_write_becomes_part_of_the_page(counted_week: Desk) -> None:
    html = page(await read(counted_week))
    assert HOSTILE not in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;you&#34;" in html
    assert "Müller &amp; Söhne" in html
    # Self-contained: nothing is fetched, nothing is run.
    assert re.findall(r"(?:\bsrc|\bhref|\burl|@import|\son[a-z]+)\s*[=(]", html) == []


async def test_each_chart_carries_its_figures_as_text(counted_week: Desk) -> None:
    html = page(await read(counted_week))
    charts = re.findall(
        r'role="img" aria-labelledby="(\S+) (\S+)">\s*<title id="(\S+)">.+?</title>\s*<desc id="(\S+)">(.+?)</desc>',
        html,
    )
    assert [(title, text) == (label, desc) for title, text, label, desc, _ in charts] == [True, True]
    days, weeks = (said for *_, said in charts)
    assert days.startswith(
        "Mon 2: none decided; Tue 3: 3 met, 1 breached, 75.0 % kept; Wed 4: 0 met, 1 breached, 0.0 % kept;"
    )
    assert weeks.rstrip().endswith("W09: 1 met, 1 breached, 50.0 % kept; W10: 4 met, 3 breached, 57.1 % kept.")


async def test_the_tables_hold_the_same_figures_and_no_formula(counted_week: Desk) -> None:
    report = await read(counted_week)
    figures = {(row["group"], row["name"]): row for row in rows(figures_csv(report))}
    assert figures["all", "all"] == {
        "week": "2026-W10",
        "group": "all",
        "name": "all",
        "count": "7",
        "met": "4",
        "breached": "3",
        "compliance_pct": "57.1",
        "count_before": "2",
        "met_before": "1",
        "breached_before": "1",
        "compliance_pct_before": "50.0",
    }
    assert figures["team", "Network"]["compliance_pct_before"] == ""
    assert (figures["tickets", "opened"]["count"], figures["tickets", "opened"]["count_before"]) == ("4", "1")
    breaches = rows(breaches_csv(report))
    assert [(row["subject"], row["metric"], row["overdue_minutes"]) for row in breaches] == [
        (f"'{FORMULA}", "first_response", "30"),
        (HOSTILE, "first_response", "1200"),
        (HOSTILE, "resolution", "480"),
    ]
    assert breaches[0]["breached_at"] == "2026-03-03T09:30:00Z"


async def test_a_report_of_the_same_week_is_the_same_again(counted_week: Desk) -> None:
    assert render(await read(counted_week)) == render(await read(counted_week, monday=MONDAY))
