"""`atum-desk ai policy`: what an organisation lets the models do, and changes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from helpdesk.accounts.ai_policy_commands import change_ai_policy
from helpdesk.accounts.ai_policy_queries import ai_policy_of, policy_version
from helpdesk.cli.connection import run
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database
from helpdesk.models.ai_policy import AiPolicy


def policy(
    patch: Annotated[
        str | None, typer.Argument(help="JSON merge patch: what it does not name stays, null makes it as usual again.")
    ] = None,
    *,
    organization: Slug = None,
) -> None:
    """Print what an organisation lets the models do, as JSON; with a patch, change it first."""
    changes = None if patch is None else _read(patch)

    async def work(database: Database) -> tuple[AiPolicy, int]:
        chosen = await chosen_organization(database, organization)
        async with database.transaction(chosen.id) as session:
            if changes is not None:
                await change_ai_policy(
                    session, organization_id=chosen.id, patch=changes, by=None, now=datetime.now(UTC)
                )
            found = await ai_policy_of(session, organization_id=chosen.id)
            return found, await policy_version(session, organization_id=chosen.id)

    found, version = run(work)
    print(json.dumps({"version": version} | found.in_full().model_dump(mode="json"), indent=2, ensure_ascii=False))


def _read(patch: str) -> dict[str, Any]:
    try:
        read = json.loads(patch)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"it is not JSON: {error}", param_hint="PATCH") from error
    if not isinstance(read, dict):
        raise typer.BadParameter("it is no JSON object", param_hint="PATCH")
    return read
