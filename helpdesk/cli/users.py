"""`atum-desk users`: the people of an organisation and their access tokens."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from helpdesk.accounts.commands import IssuedToken, create_user, issue_token
from helpdesk.accounts.queries import list_users, organization_of_slug, user_by_email
from helpdesk.cli.connection import run
from helpdesk.database.engine import Database
from helpdesk.errors import NotFound
from helpdesk.models.accounts import User
from helpdesk.models.values import UserRole

app = typer.Typer(
    no_args_is_help=True, help="Make people and their access tokens.", add_completion=False, rich_markup_mode=None
)

OrganizationSlug = Annotated[
    str | None, typer.Option("--organization", help="Slug of the organisation; not needed where there is only one.")
]


class OrganizationNotFound(NotFound):
    """There is no such organisation."""


class PersonNotFound(NotFound):
    """There is nobody with this address."""


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="E-mail address to sign in with.")],
    *,
    name: Annotated[str, typer.Option(help="Name shown to others; by default the address.")] = "",
    role: Annotated[UserRole, typer.Option(help="What the person may do.")] = UserRole.AGENT,
    password: Annotated[
        str | None, typer.Option(help="Password; made up and shown once when left out.", envvar="ATUM_NEW_PASSWORD")
    ] = None,
    organization: OrganizationSlug = None,
) -> None:
    """Add somebody who works with tickets."""
    chosen = password or make_password()

    async def work(database: Database) -> None:
        organization_id = await organization_named(database, organization)
        async with database.transaction(organization_id) as session:
            await create_user(
                session, organization_id=organization_id, email=email, name=name or email, role=role, password=chosen
            )

    run(work)
    print(f"{email} may sign in as {role.value}.")
    if password is None:
        print(f"Password: {chosen}")


@app.command("list")
def list_people(*, organization: OrganizationSlug = None) -> None:
    """List the people of an organisation."""

    async def work(database: Database) -> list[User]:
        organization_id = await organization_named(database, organization)
        async with database.transaction(organization_id) as session:
            return list(await list_users(session, organization_id=organization_id, limit=1000))

    for user in run(work):
        print(f"{user.email:<40} {user.role:<10} {'' if user.active else 'inactive  '}{user.name}")


@app.command()
def token(
    email: Annotated[str, typer.Argument(help="Whose token it is.")],
    *,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    days: Annotated[int | None, typer.Option(help="Days it holds; without it, until it is revoked.", min=1)] = None,
    organization: OrganizationSlug = None,
) -> None:
    """Make an access token for the API and print it; it is shown this once."""
    lifetime = None if days is None else timedelta(days=days)

    async def work(database: Database) -> IssuedToken:
        organization_id = await organization_named(database, organization)
        async with database.transaction(organization_id) as session:
            user = await user_by_email(session, organization_id=organization_id, email=email)
            if user is None:
                raise PersonNotFound(f"There is nobody with the address {email} in this organisation.")
            return await issue_token(
                session,
                organization_id=organization_id,
                user_id=user.id,
                name=name,
                now=datetime.now(UTC),
                lifetime=lifetime,
            )

    print(run(work).text)


async def organization_named(database: Database, slug: str | None) -> UUID:
    """Return the organisation of a slug, or the only one there is.

    Raises:
        OrganizationNotFound: there is none with this slug; or without one, none or several.
    """
    async with database.transaction(None) as session:
        found = await organization_of_slug(session, slug=slug)
    if found is None:
        told = f"There is no organisation {slug!r}." if slug else "Name the organisation with --organization."
        raise OrganizationNotFound(told)
    return found.id


def make_password() -> str:
    """Make up a password that is easily copied by hand: 16 letters and digits, about 79 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))
