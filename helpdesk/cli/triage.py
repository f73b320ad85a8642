"""`atum-desk triage`: what triage has learnt."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from helpdesk.ai.providers.ollama import connect_models
from helpdesk.cli.connection import run
from helpdesk.cli.users import OrganizationSlug, organization_named
from helpdesk.database.engine import Database
from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.learning.champion import current_classifier
from helpdesk.triage.learning.examples import read_labels

app = typer.Typer(no_args_is_help=True, help="Let triage learn.", add_completion=False, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Let triage learn."""


@app.command()
def train(*, organization: OrganizationSlug = None) -> None:
    """Learn from an organisation's tickets now, where there is news, instead of with the next new ticket."""

    async def work(database: Database) -> Classifier:
        organization_id = await organization_named(database, organization)
        async with database.transaction(organization_id) as session:
            labels = await read_labels(session, organization_id=organization_id)
        models = connect_models(database.settings)
        try:
            return await current_classifier(
                database, models.embedder, organization_id=organization_id, labels=labels, now=datetime.now(UTC)
            )
        finally:
            await models.close()

    print(f"Triage has learnt from {run(work).examples} tickets.")
