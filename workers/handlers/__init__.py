"""One function a job type: one call into the product, one outcome. Importing the package registers them all."""

from __future__ import annotations

from workers.handlers import (
    back_up,
    clean_up,
    deliver_notification,
    export_tickets,
    kb_suggest,
    make_thumbnail,
    metrics_snapshot,
    publish_event,
    reconcile_index,
    retrain_triage,
    send_email,
    send_webhook,
    sla_predict,
    sla_report,
    smart_reply,
    triage_ticket,
)

__all__ = [
    "back_up",
    "clean_up",
    "deliver_notification",
    "export_tickets",
    "kb_suggest",
    "make_thumbnail",
    "metrics_snapshot",
    "publish_event",
    "reconcile_index",
    "retrain_triage",
    "send_email",
    "send_webhook",
    "sla_predict",
    "sla_report",
    "smart_reply",
    "triage_ticket",
]
