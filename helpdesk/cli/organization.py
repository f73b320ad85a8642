"""The organisation that a command acts for."""

from __future__ import annotations

from typing import Annotated

import typer

from helpdesk.accounts.queries import organization_of_slug
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization

Slug = Annotated[str | None, typer.Option("--organization", help="Slug of the organisation, where there are several.")]


async def chosen_organization(database: Database, slug: str | None) -> Organization:
    """Return the organisation of a slug, or the only one there is; end the command with a sentence otherwise."""
    async with database.transaction(None) as session:
        found = await organization_of_slug(session, slug=slug)
    if found is not None:
        return found
    if slug is not None:
        raise typer.BadParameter(f"there is no organisation {slug!r}", param_hint="--organization")
    raise typer.BadParameter("there is none yet, or there are several: name one", param_hint="--organization")
