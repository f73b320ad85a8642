from __future__ import annotations

from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from tests.database.desk import open_a_desk
from tests.database.triage.desk import LearningDesk


@pytest.fixture
async def desk(settings: Settings, database: Database, organization_id: UUID) -> LearningDesk:
    return LearningDesk(database, settings, organization_id, await open_a_desk(database, organization_id))
