"""What an index worker counts."""

from __future__ import annotations

from helpdesk.observability.metrics import index
from helpdesk.rag.indexing.index import BatchReport


def count(report: BatchReport, seconds: float) -> None:
    """Count what came of a batch."""
    index.BATCH.observe(seconds)
    outcomes = {
        "written": report.documents - report.unchanged - report.deleted,
        "unchanged": report.unchanged,
        "deleted": report.deleted,
        "failed": report.failed,
        "handed_back": report.handed_back,
        "lost": report.lost,
    }
    for outcome, documents in outcomes.items():
        index.DOCUMENTS.labels(outcome).inc(documents)
    index.PASSAGES.labels("made").inc(report.embedded)
    index.PASSAGES.labels("kept").inc(report.reused)
