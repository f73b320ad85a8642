"""Every metric there is: what it means, its unit, what it is split by and when it may still change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from helpdesk.errors import Invalid


class Unit(StrEnum):
    """What a figure is counted in."""

    TICKETS = "tickets"
    TIMES = "times"
    MINUTES = "minutes"
    BUSINESS_MINUTES = "business minutes"
    HOURS = "hours"
    SECONDS = "seconds"
    SHARE = "share"
    RATIO = "ratio"
    SCORE = "score"
    CLOCKS = "clocks"
    GAPS = "gaps"


class Split(StrEnum):
    """What a figure is kept for beside the total: the slices of a ticket, those and a detail, or nothing."""

    TICKET = "ticket"
    METRIC = "metric"
    FIELD = "field"
    FIELD_ONLY = "field only"
    NONE = "none"


class Change(StrEnum):
    """What may still change the figure of a bucket that has ended, beside what was recorded late."""

    NEVER = "nothing"
    CLOCKS = "a clock that goes on, or is measured by another promise"
    JUDGEMENT = "another judgement or decision"
    MOMENT = "nothing; known at the moment only"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        fact: what it is drawn from; see `facts`.
        statistic: which figure of those facts: n, mean, p50, p90, peak, old, none_share, or one of its own.
    """

    name: str
    unit: Unit
    description: str
    fact: str
    statistic: str
    split: Split = Split.TICKET
    change: Change = Change.NEVER


class UnknownMetric(Invalid):
    """There is no such metric."""


def _halves(prefix: str, unit: Unit, what: str, fact: str, change: Change = Change.NEVER) -> tuple[Metric, Metric]:
    return (
        Metric(f"{prefix}_p50", unit, f"median of the {what}", fact, "p50", change=change),
        Metric(f"{prefix}_p90", unit, f"90th percentile of the {what}", fact, "p90", change=change),
    )


_CALENDAR, _BUSINESS = Unit.MINUTES, Unit.BUSINESS_MINUTES
_TICKETS = (
    Metric("tickets_created", Unit.TICKETS, "tickets opened", "created", "n"),
    Metric("tickets_solved", Unit.TIMES, "times a ticket was solved, or closed without that", "solved", "n"),
    Metric("tickets_reopened", Unit.TIMES, "times a solved ticket was opened again", "reopened", "n"),
    Metric("tickets_merged", Unit.TICKETS, "open tickets merged into another one", "merged", "n"),
    Metric("reopen_rate", Unit.RATIO, "times reopened for each time solved", "solved", "reopened"),
    Metric("backlog", Unit.TICKETS, "tickets open at the end of the bucket", "open", "n"),
    *_halves("backlog_age_hours", Unit.HOURS, "ages of the tickets open at the end of the bucket", "open"),
    Metric("backlog_age_hours_oldest", Unit.HOURS, "age of the oldest of them", "open", "peak"),
    Metric("backlog_older_than_7_days_share", Unit.SHARE, "share of them older than seven days", "open", "old"),
)
_TIMES = (
    *_halves(
        "first_response_minutes",
        _CALENDAR,
        "times from opening to the first public reply of a person",
        "first_response",
    ),
    *_halves(
        "first_response_business_minutes",
        _BUSINESS,
        "same, as clocks counted it in their calendars",
        "first_response_business",
        Change.CLOCKS,
    ),
    *_halves(
        "next_response_minutes",
        _CALENDAR,
        "times from the oldest unanswered customer message to the reply",
        "next_response",
    ),
    *_halves(
        "next_response_business_minutes",
        _BUSINESS,
        "same, as clocks counted it in their calendars",
        "next_response_business",
        Change.CLOCKS,
    ),
    *_halves("resolution_minutes", _CALENDAR, "times from opening to being solved, each time it was", "solved"),
    *_halves(
        "resolution_business_minutes",
        _BUSINESS,
        "times from opening to the last solution, as clocks counted it in their calendars",
        "resolution_business",
        Change.CLOCKS,
    ),
    Metric(
        "sla_met_share",
        Unit.SHARE,
        "share of the promises decided in the bucket that were kept",
        "sla",
        "mean",
        Split.METRIC,
        Change.CLOCKS,
    ),
    Metric(
        "sla_clocks_differing",
        Unit.CLOCKS,
        "stored clocks that were not as the logs say, in the proofs ended in the bucket",
        "proofs",
        "own",
        Split.NONE,
    ),
)
_CUSTOMERS = (
    Metric("csat_share", Unit.SHARE, "share of the answers of customers that give 4 or 5 of 5", "csat", "mean"),
    Metric("csat_score_mean", Unit.SCORE, "mean of the scores, 1 to 5", "csat_score", "mean"),
)
_JUDGED = Change.JUDGEMENT
_KNOWLEDGE = (
    Metric(
        "suggestions_shown_share",
        Unit.SHARE,
        "share of the tickets looked up that got at least one article",
        "suggested",
        "none_share",
    ),
    Metric("suggestions_abstained_share", Unit.SHARE, "share that got none", "suggested", "mean"),
    Metric(
        "suggestions_precision",
        Unit.SHARE,
        "share of the suggestions judged or cited in the bucket that were of use",
        "suggestion_judged",
        "mean",
        change=_JUDGED,
    ),
    Metric(
        "knowledge_gaps_open",
        Unit.GAPS,
        "gaps of the knowledge base that were open when the bucket was taken",
        "gaps",
        "own",
        Split.NONE,
        Change.MOMENT,
    ),
)
_MODELS = (
    *(
        Metric(f"drafts_{state}_share", Unit.SHARE, said, f"draft_{state}", "mean", change=_JUDGED)
        for state, said in (
            ("drafted", "share of the drafts made in the bucket that are waiting for an agent"),
            ("abstained", "share that say why there is none"),
            ("sent", "share that were sent"),
            ("discarded", "share that were discarded"),
        )
    ),
    Metric(
        "draft_acceptance",
        Unit.SHARE,
        "share of the drafts decided in the bucket that were sent, as drafted or edited",
        "draft_used",
        "mean",
        change=_JUDGED,
    ),
    Metric(
        "draft_unchanged_share",
        Unit.SHARE,
        "share of them that were sent as drafted",
        "draft_unchanged",
        "mean",
        change=_JUDGED,
    ),
    Metric(
        "draft_edit_distance_mean",
        Unit.RATIO,
        "mean distance from draft to sent text, 0 the same to 1 nothing left",
        "draft_distance",
        "mean",
        change=_JUDGED,
    ),
    Metric("draft_edit_distance_p50", Unit.RATIO, "median of these distances", "draft_distance", "p50", change=_JUDGED),
    Metric(
        "triage_auto_share",
        Unit.SHARE,
        "share of predictions sure enough to be set",
        "triaged",
        "mean",
        Split.FIELD,
    ),
    Metric(
        "triage_accuracy",
        Unit.SHARE,
        "share of the predictions that people judged in the bucket, or set otherwise, that were right",
        "triage_judged",
        "mean",
        Split.FIELD,
        _JUDGED,
    ),
    Metric(
        "triage_calibration_error",
        Unit.SHARE,
        "expected gap between the probability of the judged predictions and how many were right, over 15 bins",
        "calibration",
        "own",
        Split.FIELD_ONLY,
        _JUDGED,
    ),
)
_LAGS = tuple(
    Metric(name, Unit.SECONDS, said, "lags", "own", Split.NONE, Change.MOMENT)
    for name, said in (
        ("job_queue_lag_s", "seconds the oldest due job had waited when the bucket was taken; of a day, the most"),
        ("index_queue_lag_s", "seconds the oldest source had waited for the index when taken; of a day, the most"),
    )
)

CATALOGUE: tuple[Metric, ...] = (*_TICKETS, *_TIMES, *_CUSTOMERS, *_KNOWLEDGE, *_MODELS, *_LAGS)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in CATALOGUE}
METRICS: dict[str, str] = {metric.name: metric.description for metric in CATALOGUE}
# What can only be seen at the moment, and is never made up afterwards.
MOMENTARY: frozenset[str] = frozenset(metric.name for metric in CATALOGUE if metric.change is Change.MOMENT)
OF_MODELS: frozenset[str] = frozenset(metric.name for metric in (*_KNOWLEDGE, *_MODELS, *_LAGS))


def known(names: Iterable[str]) -> list[str]:
    """Return the names, each once, in their order.

    Raises:
        UnknownMetric: one of them is none; the error lists those there are.
    """
    wanted = list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in BY_NAME]:
        raise UnknownMetric(f"There is no metric {', '.join(unknown)}; there are {', '.join(BY_NAME)}.")
    return wanted
