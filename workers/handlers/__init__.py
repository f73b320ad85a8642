"""One function a job type: one call into the product, one outcome. Importing the package registers them all."""

from __future__ import annotations

from workers.handlers import (
    deliver_notification,
    kb_suggest,
    metrics_snapshot,
    sla_predict,
    smart_reply,
    triage_ticket,
)

__all__ = ["deliver_notification", "kb_suggest", "metrics_snapshot", "sla_predict", "smart_reply", "triage_ticket"]
