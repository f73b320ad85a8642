"""What drafting takes: connections and models, for whom, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from helpdesk.ai.model import Models
from helpdesk.database.engine import Database
from helpdesk.settings import Settings


@dataclass(frozen=True)
class Drafting:
    """What drafting takes.

    Attributes:
        interactive: whether a person waits for the draft.
    """

    database: Database
    models: Models
    settings: Settings
    organization_id: UUID
    now: datetime
    interactive: bool = False
