"""The schema at a glance: one file per area, tables only."""

from helpdesk.database.base import Base
from helpdesk.models import (
    accounts,
    ai,
    assets,
    attachments,
    files,
    gaps,
    jobs,
    judgements,
    kb,
    metrics,
    notifications,
    questions,
    rag,
    sla,
    tickets,
    webhooks,
)

__all__ = [
    "Base",
    "accounts",
    "ai",
    "assets",
    "attachments",
    "files",
    "gaps",
    "jobs",
    "judgements",
    "kb",
    "metrics",
    "notifications",
    "questions",
    "rag",
    "sla",
    "tickets",
    "webhooks",
]
