"""The schema at a glance: one file per area, tables only."""

from helpdesk.database.base import Base
from helpdesk.models import accounts, ai, assets, jobs, kb, metrics, notifications, rag, sla, tickets

__all__ = ["Base", "accounts", "ai", "assets", "jobs", "kb", "metrics", "notifications", "rag", "sla", "tickets"]
