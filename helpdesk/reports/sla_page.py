"""The weekly SLA report as a page: one file, without a script and with nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from helpdesk.reports.breaches import duration, moment
from helpdesk.reports.charts import counts_chart, shares_chart
from helpdesk.reports.decided import Dimension
from helpdesk.reports.sla_report import Compared, SlaReport

_DASH, _MINUS = "\u2013", "\u2212"
# A page is read; the table of breaches holds the rest.
_MOST_BREACHES = 200

_TITLES = {
    Dimension.METRIC: "By promise",
    Dimension.POLICY: "By policy",
    Dimension.PRIORITY: "By priority",
    Dimension.TEAM: "By team",
    Dimension.AGENT: "By agent",
    Dimension.COMPANY: "By company",
    Dimension.CATEGORY: "By category",
}
# The groups with the most promises; the table of figures has the rest.
_MOST_GROUPS = 25


@dataclass(frozen=True)
class _Figure:
    """A number above the charts, its change since the week before, and whether more of it is good."""

    name: str
    value: str
    change: str
    good: bool | None


@dataclass(frozen=True)
class _Section:
    """The groups of one dimension, as many as a page has room for."""

    heading: str
    groups: list[Compared]
    count: int


def page(report: SlaReport) -> str:
    """Return the page as HTML; whatever people wrote is escaped."""
    zone = ZoneInfo(report.week.zone)
    return (
        _templates()
        .get_template("sla_report.html")
        .render(
            report=report,
            title=f"SLA report {report.week.name}",
            span=_span(report),
            made_at=f"{moment(report.made_at, zone)} {report.made_at.astimezone(zone):%Y}",
            figures=_figures(report),
            days=counts_chart([(f"{day:%a} {day.day}", tally) for day, tally in report.days]),
            weeks=shares_chart([(week.name.partition("-")[2], tally) for week, tally in report.weeks]),
            groups=[
                _Section(title, report.groups[name][:_MOST_GROUPS], len(report.groups[name]))
                for name, title in _TITLES.items()
                if report.groups[name]
            ],
            breaches=report.breaches[:_MOST_BREACHES],
            when=lambda at: moment(at, zone),
        )
    )


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("helpdesk.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": percent, "points": points, "duration": duration, "words": words}
    return made


def percent(share: float | None) -> str:
    """Return a share such as `97.5 %`; less than all is never shown as 100 %."""
    if share is None:
        return _DASH
    shown = 100.0 if share == 1 else min(100 * share, 99.9)
    return f"{shown:.1f} %"


def points(change: float | None) -> str:
    """Return a change of a share in percentage points, such as `+1.5`."""
    if change is None:
        return _DASH
    return "±0.0" if abs(change) < 0.0005 else f"{100 * change:+.1f}".replace("-", _MINUS)


def words(name: str) -> str:
    """Return a name of the product in words, such as `First response`."""
    return name.replace("_", " ").capitalize()


def _span(report: SlaReport) -> str:
    first, last = report.week.days[0], report.week.days[-1]
    return f"{_day(first, with_year=first.year != last.year)} to {_day(last, with_year=True)}"


def _day(day: date, *, with_year: bool) -> str:
    return f"{day.day} {day:%B %Y}" if with_year else f"{day.day} {day:%B}"


def _figures(report: SlaReport) -> list[_Figure]:
    week, before = report.whole.week, report.whole.before
    now, then = report.tickets, report.tickets_before
    change = report.whole.change
    return [
        _Figure("Promises kept", percent(week.compliance), f"{points(change)} points", _good(change, more=True)),
        _count("Met", week.met, before.met, good=None),
        _count("Breached", week.breached, before.breached, good=False),
        _count("Tickets opened", now.opened, then.opened, good=None),
        _count("Solved", now.solved, then.solved, good=True),
        _count("Reopened", now.reopened, then.reopened, good=False),
        _count("Open at end", now.open_at_end, then.open_at_end, good=False),
    ]


def _count(name: str, now: int, then: int, *, good: bool | None) -> _Figure:
    change = now - then
    text = "as before" if not change else f"{change:+,}".replace("-", _MINUS)
    return _Figure(name, f"{now:,}", text, None if good is None else _good(change, more=good))


def _good(change: float | None, *, more: bool) -> bool | None:
    return None if not change else (change > 0) is more
