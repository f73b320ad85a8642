"""What predicts breaches, and what it says of a ticket, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import print_json
from helpdesk.cli.organization import chosen_organization
from helpdesk.cli.sla_explain import reference_of
from helpdesk.database.engine import Database, transaction_time
from helpdesk.learned_models.versions import Version, list_versions
from helpdesk.sla.prediction.champion import current_model
from helpdesk.sla.prediction.estimating.library import boosting_library
from helpdesk.sla.prediction.judging import Judged, Judgement, judge_tickets
from helpdesk.sla.prediction.learning import LEAST_CLOCKS
from helpdesk.sla.prediction.model import KIND, HazardModel, Model
from helpdesk.sla.prediction.past_clocks import count_ended
from helpdesk.sla.rules.exchange import iso
from helpdesk.sla.rules.risk import risk_of
from helpdesk.tickets.queries import TicketRow, get_ticket

_SHOWN = 10
_FIGURES = {"auc": "AUC", "average_precision": "PR-AUC", "brier": "Brier", "calibration_error": "ECE"}


@dataclass(frozen=True)
class _Standing:
    model: Model
    clocks: int
    versions: Sequence[Version]


def print_standing(*, as_json: bool, organization: str | None) -> None:
    """Print which model predicts, how well it did, and which library grows trees here."""
    library, found = boosting_library(), run(lambda database: _standing(database, organization))
    why = found.model.reason if isinstance(found.model, HazardModel) else ""
    if as_json:
        print_json(
            {
                "model": found.model.name,
                "reason": why,
                "library": library.name,
                "library_reason": library.reason,
                "ended_clocks": found.clocks,
                "least_clocks": LEAST_CLOCKS,
                "versions": [_version_json(one) for one in found.versions],
            }
        )
        return
    print(f"{found.model.name} predicts. {why}".rstrip())
    print(f"{library.name} grows trees here: {library.reason}")
    more = "" if found.clocks >= LEAST_CLOCKS else f"; an estimator is fitted from {LEAST_CLOCKS} on"
    print(f"{found.clocks} clocks have ended{more}.")
    for one in found.versions:
        figures = ", ".join(f"{told} {one.metrics[name]:.3f}" for name, told in _FIGURES.items() if name in one.metrics)
        print(f"  {one.version} {one.state} since {one.state_since:%Y-%m-%d}: {one.reason}")
        print(f"    {one.trained_on} moments{f'; on the newest {figures}' if figures else ''}")


def print_prediction(ticket: str, *, as_of: datetime | None, as_json: bool, organization: str | None) -> None:
    """Print how likely a ticket's clocks are to breach, and why; nothing is stored."""
    reference = reference_of(ticket)

    async def find(database: Database) -> tuple[TicketRow, Judged, ZoneInfo]:
        home = await chosen_organization(database, organization)
        zone = ZoneInfo(home.timezone)
        async with database.snapshot(home.id) as session:
            now = as_of or await transaction_time(session)
            at = now if now.tzinfo else now.replace(tzinfo=zone)
            row = await get_ticket(session, organization_id=home.id, reference=reference)
            judged = await judge_tickets(session, organization_id=home.id, ticket_ids=[row.id], now=at)
            return row, judged, zone

    row, judged, zone = run(find)
    if as_json:
        clocks = [_clock_json(one) for one in judged.clocks]
        print_json({"ticket": row.number, "model": judged.model.name, "clocks": clocks})
        return
    print(f"#{row.number} {row.subject}")
    print(f"by {judged.model.name}")
    if not judged.clocks:
        print("No clock of it runs.")
    for one in judged.clocks:
        _print_clock(one, zone)


def _print_clock(one: Judgement, zone: ZoneInfo) -> None:
    probability = one.estimate.probability
    print(f"\n{one.seen.metric.replace('_', ' ')}: {probability:.0%} likely to breach ({risk_of(probability)})")
    for reason in one.estimate.reasons:
        sign = "+" if float(reason["weight"]) > 0 else "-"
        print(f"  {sign} {reason['sentence']}")
    if one.ends_from is not None and one.ends_until is not None:
        first, last = (at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for at in (one.ends_from, one.ends_until))
        print(f"  Four of five clocks like it end between {first} and {last}.")


async def _standing(database: Database, organization: str | None) -> _Standing:
    home = await chosen_organization(database, organization)
    async with database.snapshot(home.id) as session:
        now = await transaction_time(session)
        clocks = await count_ended(session, organization_id=home.id, now=now, most=100_000)
        model = await current_model(session, organization_id=home.id, ended=())
        versions = await list_versions(session, organization_id=home.id, kind=KIND, most=_SHOWN)
    return _Standing(model, clocks, versions)


def _version_json(one: Version) -> dict[str, Any]:
    return {
        "version": one.version,
        "state": one.state,
        "since": iso(one.state_since),
        "reason": one.reason,
        "trained_on": one.trained_on,
        "figures": one.metrics,
    }


def _clock_json(one: Judgement) -> dict[str, Any]:
    return {
        "metric": one.seen.metric,
        "instance": one.seen.instance,
        "as_of": iso(one.seen.at),
        "probability": one.estimate.probability,
        "risk": risk_of(one.estimate.probability),
        "reasons": one.estimate.reasons,
        "ends_from": iso(one.ends_from) if one.ends_from else None,
        "ends_until": iso(one.ends_until) if one.ends_until else None,
    }
