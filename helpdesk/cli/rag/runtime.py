"""What commands about the index need: the database, and the model runtime beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from helpdesk.ai.model import Embedder
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.cli.connection import run
from helpdesk.database.engine import Database

Result = TypeVar("Result")


def run_with_models(work: Callable[[Database, Embedder], Awaitable[Result]]) -> Result:
    """Run a command's work with the database and the embedding models of the settings, and close both."""

    async def opened(database: Database) -> Result:
        models = connect_models(database.settings)
        try:
            return await work(database, models.embedder)
        finally:
            await models.close()

    return run(opened)


def now() -> datetime:
    """Return the present time (UTC)."""
    return datetime.now(UTC)
