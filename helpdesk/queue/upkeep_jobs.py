"""Jobs that keep the installation in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, Field

from helpdesk.models.values import JobPriority, TicketStatus, UserRole
from helpdesk.queue.args import JobArgs


class MetricsSnapshot(JobArgs):
    """Take the figures of a 15-minute bucket, and those of the day when it is due; taking them again replaces them."""

    job_type: ClassVar = "METRICS_SNAPSHOT"
    queue: ClassVar = "metrics"
    priority: ClassVar = JobPriority.LOW
    enqueue_role: ClassVar = UserRole.ADMIN

    bucket_start: datetime

    @classmethod
    def for_tick(cls, tick: datetime, payload: Mapping[str, Any]) -> Self:  # noqa: ARG003 (each type takes what it needs)
        """Take the figures of the bucket that has just ended."""
        return cls(bucket_start=tick - timedelta(minutes=15))


class MetricsBackfill(JobArgs):
    """Take the figures of a time that is past, day by day; a run goes on where the one before ended."""

    job_type: ClassVar = "METRICS_BACKFILL"
    queue: ClassVar = "metrics"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 10
    timeout_s: ClassVar = 3600
    # By its own way, which checks what is asked for.
    enqueue_role: ClassVar = None
    # One walk at a time of an organisation; two would wait for each other's days.
    limited_by: ClassVar = "tenant"

    since: AwareDatetime
    until: AwareDatetime


class CleanUp(JobArgs):
    """Remove jobs, history and files of jobs that are past their retention, for every organisation."""

    job_type: ClassVar = "CLEAN_UP"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    timeout_s: ClassVar = 600
    enqueue_role: ClassVar = UserRole.OPERATOR
    limited_by: ClassVar = "type"


class ReconcileIndex(JobArgs):
    """Compare an organisation's sources with its search index, and queue what differs."""

    job_type: ClassVar = "RECONCILE_INDEX"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    timeout_s: ClassVar = 300
    enqueue_role: ClassVar = UserRole.ADMIN
    most_per_worker: ClassVar = 2


class MaintainIndex(JobArgs):
    """Build, rebuild and drop graph indexes over vectors, for every organisation; with `checks`, count terms anew
    and probe what the graph indexes find as well.
    """  # noqa: D205 -- one sentence

    job_type: ClassVar = "MAINTAIN_INDEX"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 6 * 3600
    backoff_steps_s: ClassVar = (600.0,)
    enqueue_role: ClassVar = UserRole.OPERATOR
    limited_by: ClassVar = "type"

    checks: bool = False


class BackfillEmbeddings(JobArgs):
    """Make the vectors that passages lack of a model, for every organisation, and drop models kept long enough."""

    job_type: ClassVar = "BACKFILL_EMBEDDINGS"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    timeout_s: ClassVar = 900
    enqueue_role: ClassVar = UserRole.OPERATOR
    limited_by: ClassVar = "type"


class ChangeEmbeddingModel(JobArgs):
    """Compare the model that was built with the active one, and let it take its place if it is not worse."""

    job_type: ClassVar = "CHANGE_EMBEDDING_MODEL"
    queue: ClassVar = "maintenance"
    max_retries: ClassVar = 2
    timeout_s: ClassVar = 6 * 3600
    enqueue_role: ClassVar = UserRole.OPERATOR
    limited_by: ClassVar = "type"

    # Why it is to take the place even if something is missing or it does worse.
    reason: str | None = None


class RetrainTriage(JobArgs):
    """Train the classifier of triage anew where an organisation's tickets have taught something since, and put it in
    use where it does no worse.
    """  # noqa: D205 -- one sentence

    job_type: ClassVar = "RETRAIN_TRIAGE"
    queue: ClassVar = "ai"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    # Tens of thousands of tickets are trained on up to three times, to compare.
    timeout_s: ClassVar = 3600
    enqueue_role: ClassVar = UserRole.ADMIN
    # Training takes a core for seconds to minutes.
    most_per_worker: ClassVar = 1


class ReportDrift(JobArgs):
    """Compare an organisation's predictions of a week with those of the four weeks before, and keep the report."""

    job_type: ClassVar = "REPORT_DRIFT"
    queue: ClassVar = "reports"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 300
    enqueue_role: ClassVar = UserRole.ADMIN
    most_per_worker: ClassVar = 2

    # When the week ended; None takes the last one that is over.
    until: AwareDatetime | None = None

    @classmethod
    def for_tick(cls, tick: datetime, payload: Mapping[str, Any]) -> Self:
        """Report on the last week that was over at the tick, also where the job is late."""
        midnight = tick.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls.model_validate({"until": midnight - timedelta(days=midnight.weekday()), **payload})


class FitRelevance(JobArgs):
    """Fit the ranking of searches to what people of an organisation said about results, where that ranks better."""

    job_type: ClassVar = "FIT_RELEVANCE"
    queue: ClassVar = "ai"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 900
    enqueue_role: ClassVar = UserRole.ADMIN
    # Fitting takes a core for seconds.
    most_per_worker: ClassVar = 1


class LinkSimilarTickets(JobArgs):
    """Compare an organisation's tickets with each other and join those that are alike in the graph."""

    job_type: ClassVar = "LINK_SIMILAR_TICKETS"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 3600
    enqueue_role: ClassVar = UserRole.ADMIN
    # Comparing takes a core of the database.
    most_per_worker: ClassVar = 1


class FindKnowledgeGaps(JobArgs):
    """Put the questions together that nothing answered, and list what the knowledge base lacks."""

    job_type: ClassVar = "FIND_KNOWLEDGE_GAPS"
    queue: ClassVar = "ai"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 1800
    enqueue_role: ClassVar = UserRole.AGENT
    # Comparing thousands of questions takes a core for seconds.
    most_per_worker: ClassVar = 1

    # How far back questions count; None takes the installation's setting.
    days: int | None = Field(default=None, ge=1, le=180)


class ExportTickets(JobArgs):
    """Export an organisation's tickets with all that belongs to them; a run goes on where the one before ended."""

    job_type: ClassVar = "EXPORT_TICKETS"
    queue: ClassVar = "exports"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 10
    timeout_s: ClassVar = 1800
    enqueue_role: ClassVar = UserRole.ADMIN
    most_per_worker: ClassVar = 2

    format: Literal["jsonl", "csv"] = "jsonl"
    # Bounds of the tickets' creation; `until` is exclusive.
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    statuses: tuple[TicketStatus, ...] = ()


class BackUp(JobArgs):
    """Back up the database and its files, prove the backup whole and remove the oldest ones."""

    job_type: ClassVar = "BACK_UP"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 2
    timeout_s: ClassVar = 6 * 3600
    backoff_steps_s: ClassVar = (600.0,)
    enqueue_role: ClassVar = UserRole.OPERATOR
    limited_by: ClassVar = "type"
