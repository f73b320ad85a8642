from __future__ import annotations

from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from tests.database.kb.articles import Shelf, make_shelf


@pytest.fixture
async def shelf(database: Database, organization_id: UUID) -> Shelf:
    """Return an organisation's articles."""
    return await make_shelf(database, organization_id)
