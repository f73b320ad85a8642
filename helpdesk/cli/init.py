"""`atum-desk init`: the first organisation of a new installation."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from helpdesk.accounts.commands import create_organization, create_user
from helpdesk.accounts.queries import any_organization
from helpdesk.cli.connection import run
from helpdesk.cli.users import make_password
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def init(
    organization: Annotated[str, typer.Option(help="Name of the organisation.")],
    admin: Annotated[str, typer.Option(help="E-mail address of its administrator.")],
    *,
    slug: Annotated[str, typer.Option(help="Short name for addresses and logins; by default made of the name.")] = "",
    timezone: Annotated[str, typer.Option(help="Time zone, such as Europe/Vienna.")] = "UTC",
    password: Annotated[
        str | None, typer.Option(help="Password; made up and shown once when left out.", envvar="ATUM_NEW_PASSWORD")
    ] = None,
) -> None:
    """Make an organisation and its first administrator.

    That of the very first organisation is the operator: what concerns every organisation, such as pausing a queue, is
    theirs to do.
    """
    chosen = password or make_password()
    short = slug or re.sub(r"[^a-z0-9]+", "-", organization.lower()).strip("-")

    async def work(database: Database) -> UserRole:
        organization_id = new_id()
        async with database.transaction(None) as session:
            role = UserRole.ADMIN if await any_organization(session) else UserRole.OPERATOR
        async with database.transaction(organization_id) as session:
            await create_organization(
                session, slug=short, name=organization, organization_id=organization_id, timezone=timezone
            )
            await create_user(
                session,
                organization_id=organization_id,
                email=admin,
                name=admin,
                role=role,
                password=chosen,
            )
        return role

    role = run(work)
    also = " and the operator of this installation" if role is UserRole.OPERATOR else ""
    print(f"{organization} ({short}) is ready; {admin} is its administrator{also}.")
    if password is None:
        print(f"Password: {chosen}")
