"""How promises were kept over a period, and the promises that were broken."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, needs
from api.paging import PageOf, Paging, read_moment
from api.schemas.reports import BreachReportView, SlaReportView
from helpdesk.models.values import TicketPriority, UserRole
from helpdesk.reports.decided import ReportFilter
from helpdesk.reports.period_report import Asked, dimensions_of, read_breaches, read_period_report
from helpdesk.reports.period_tables import breaches_csv, explained_json, figures_csv, figures_json
from helpdesk.reports.periods import Period
from helpdesk.sla.rules.policy import Metric

router = APIRouter(prefix="/sla", tags=["sla"], dependencies=[needs(UserRole.LEAD)])

_CSV = "text/csv"
_BOTH: dict[int | str, dict[str, Any]] = {
    200: {"description": "As JSON, or as a table.", "content": {_CSV: {"schema": {"type": "string"}}}}
}


def _asked(
    *,
    first: Annotated[
        date | None, Query(alias="from", description="First day; default: Monday, three weeks ago.")
    ] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day, included; default: today.")] = None,
    metric: Annotated[list[Metric] | None, Query(description="Any of these.")] = None,
    policy: Annotated[list[str] | None, Query(max_length=50, description="Any of these names.")] = None,
    team: Annotated[list[str] | None, Query(max_length=50, description="Any of these slugs.")] = None,
    priority: Annotated[list[TicketPriority] | None, Query(description="Any of these.")] = None,
) -> Asked:
    return Asked(first, last, ReportFilter(metric or (), policy or (), team or (), priority or ()))


def _as_table(
    request: Request,
    given: Annotated[
        Literal["json", "csv"] | None, Query(alias="format", description="Default: what `Accept` asks for.")
    ] = None,
) -> bool:
    if given is not None:
        return given == "csv"
    return _CSV in request.headers.get("accept", "")


AskedFor = Annotated[Asked, Depends(_asked)]
AsTable = Annotated[bool, Depends(_as_table)]


@router.get(
    "/report",
    summary="Read how promises were kept",
    response_model=SlaReportView,
    responses=_BOTH,
    dependencies=[FROM_REPLICA],
)
async def report(
    *,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    asked: AskedFor,
    as_table: AsTable,
    group_by: Annotated[
        list[str],
        Query(
            max_length=20,
            description="Any of metric, policy, priority, team, agent, company, category, week and day, also with "
            "commas between; default: all but day.",
        ),
    ] = [],  # noqa: B006 (never changed)
) -> Any:
    """Read how many promises were met and broken in a period of up to 53 weeks, by whatever they have in common.

    A promise counts once, on the day on which it was met or became late, in the organisation's zone.
    """
    dimensions = dimensions_of(group_by)
    found = await read_period_report(
        session, organization_id=user.organization_id, asked=asked, dimensions=dimensions, now=now
    )
    if as_table:
        return _table(figures_csv(found), "sla", found.period)
    return SlaReportView.model_validate(figures_json(found))


@router.get(
    "/breaches",
    summary="List broken promises",
    response_model=PageOf[BreachReportView],
    responses=_BOTH,
    dependencies=[FROM_REPLICA],
)
async def breaches(
    *, session: ReadSession, user: CurrentUser, now: Now, page: Paging, asked: AskedFor, as_table: AsTable
) -> Any:
    """Read the promises that were broken in a period, in the order in which they became late, each explained.

    A table holds one page as well; its `Link` header leads to the next one.
    """
    found = await read_breaches(
        session,
        organization_id=user.organization_id,
        asked=asked,
        now=now,
        after=page.after_key(read_moment, UUID),
        limit=page.look_ahead,
    )
    shown = found.items[: page.limit]
    last = (shown[-1].clock.breached_at, shown[-1].clock.id) if len(found.items) > page.limit else None
    if as_table:
        page.ending((), BreachReportView.model_validate, last)
        return _table(breaches_csv(shown), "sla-breaches", found.period, link=page.response.headers.get("link"))
    # The stretches of many long lives take a while to cut; other requests go on meanwhile.
    views = await asyncio.to_thread(lambda: [BreachReportView.model_validate(explained_json(one)) for one in shown])
    return page.ending(views, lambda view: view, last)


def _table(content: bytes, name: str, period: Period, *, link: str | None = None) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{period.first}-to-{period.last}.csv"',
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=f"{_CSV}; charset=utf-8", headers=headers | ({"Link": link} if link else {}))
