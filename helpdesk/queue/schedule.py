"""What is due when: the entries of the schedule, and what to do about ticks nobody was there for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from helpdesk.models.values import JobPriority
from helpdesk.queue.cron import cron_of

Missed = Literal["skip", "latest", "all"]
Scope = Literal["every", "operator"]

# A tick that is no older than this is not missed, only late.
GRACE = timedelta(minutes=5)


@dataclass(frozen=True)
class CronEntry:
    """A job that is enqueued at each tick.

    Attributes:
        name: identifies the entry in `cron_ticks`, in the schedule's file and in the API.
        cron: five fields, see `Cron`.
        job_type: what is enqueued.
        zone: the time zone (IANA) the cron expression is meant in.
        missed: what becomes of ticks while no process ran: `skip` drops those older than five minutes, `latest` makes
            up for the newest, `all` for each.
        most: with `all`, how many at most, the newest.
        payload: the job's arguments, as far as its type does not take them from the tick.
        scope: a job for `every` organisation, or one in the `operator`'s, which is the first one.
        priority: None takes the job type's own.
        enabled: whether it is enqueued at all.
        coalesce: whether a tick makes no job while that of an earlier one still waits or runs.
    """

    name: str
    cron: str
    job_type: str
    zone: str = "UTC"
    missed: Missed = "latest"
    most: int = 24
    payload: Mapping[str, Any] = field(default_factory=dict)
    scope: Scope = "every"
    priority: JobPriority | None = None
    enabled: bool = True
    coalesce: bool = False

    @property
    def unique_key(self) -> str | None:
        """Return the key that all its jobs share where they are coalesced."""
        return f"cron:{self.name}" if self.coalesce else None


SCHEDULE = (
    # At each quarter the figures of the quarter that has just ended are complete, and those of a quarter that nobody
    # was there for can still be taken: a day of them.
    CronEntry(name="metrics_snapshot", cron="*/15 * * * *", job_type="METRICS_SNAPSHOT", missed="all", most=96),
    # Off the full hour, when much else begins.
    CronEntry(name="clean_up", cron="20 * * * *", job_type="CLEAN_UP", scope="operator", coalesce=True),
    CronEntry(name="reconcile_index", cron="40 * * * *", job_type="RECONCILE_INDEX", coalesce=True),
    CronEntry(name="maintain_index", cron="55 * * * *", job_type="MAINTAIN_INDEX", scope="operator", coalesce=True),
    CronEntry(
        name="check_index",
        cron="15 4 * * *",
        job_type="MAINTAIN_INDEX",
        payload={"checks": True},
        scope="operator",
        coalesce=True,
    ),
    # Vectors that a failed call left out, and models kept long enough; a look that finds neither costs little.
    CronEntry(
        name="backfill_embeddings",
        cron="*/10 * * * *",
        job_type="BACKFILL_EMBEDDINGS",
        missed="skip",
        scope="operator",
        coalesce=True,
    ),
    # A prediction is due again when its clock has come further, which a few minutes more do not matter to.
    CronEntry(
        name="refresh_predictions", cron="*/5 * * * *", job_type="REFRESH_PREDICTIONS", missed="skip", coalesce=True
    ),
    # Monday morning wherever the file says; a report of the week is wanted late rather than never.
    CronEntry(name="sla_report", cron="0 6 * * MON", job_type="SLA_REPORT"),
    CronEntry(name="back_up", cron="30 2 * * *", job_type="BACK_UP", scope="operator", coalesce=True),
    CronEntry(name="prove_clocks", cron="50 3 * * *", job_type="PROVE_CLOCKS", coalesce=True),
    CronEntry(name="retrain_triage", cron="10 3 * * *", job_type="RETRAIN_TRIAGE", coalesce=True),
    # A report of the week that ended at midnight is wanted late rather than never.
    CronEntry(name="report_drift", cron="45 5 * * MON", job_type="REPORT_DRIFT"),
    # After the proof has set right what clocks there are to learn from, and before the morning.
    CronEntry(name="fit_breach_risk", cron="20 4 * * *", job_type="FIT_BREACH_RISK", coalesce=True),
    CronEntry(name="fit_relevance", cron="25 3 * * *", job_type="FIT_RELEVANCE", coalesce=True),
    CronEntry(name="link_similar_tickets", cron="5 4 * * *", job_type="LINK_SIMILAR_TICKETS", coalesce=True),
    # After the night's ranking and edges, by which it is told what is answered.
    CronEntry(name="find_knowledge_gaps", cron="35 4 * * *", job_type="FIND_KNOWLEDGE_GAPS", coalesce=True),
    # Early enough to be read in the morning in Europe; the time is the installation's to choose.
    CronEntry(name="review_articles", cron="15 5 * * *", job_type="REVIEW_ARTICLES", coalesce=True),
)


def ticks_due(entry: CronEntry, *, after: datetime, now: datetime) -> list[datetime]:
    """Return the ticks to enqueue jobs for, oldest first.

    Args:
        after: the newest tick that was taken, or since when the entry is known where there is none.
        now: the database's clock (UTC).
    """
    cron = cron_of(entry.cron, entry.zone)
    match entry.missed:
        case "skip":
            return cron.between(max(after, now - GRACE), now)
        case "latest":
            return cron.between(after, now, most=1)
        case "all":
            return cron.between(after, now, most=entry.most)


def upcoming(entry: CronEntry, now: datetime) -> datetime | None:
    """Return the entry's next tick (UTC) after a time; None when it has none."""
    return cron_of(entry.cron, entry.zone).following(now)
