from pathlib import Path
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from tests.database.transfer.imports import Imports


@pytest.fixture
def imports(database: Database, organization_id: UUID, tmp_path: Path) -> Imports:
    return Imports(database, organization_id, tmp_path)
