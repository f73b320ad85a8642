"""Whose jobs a command is about: one organisation's, or everybody's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.cli.connection import run
from helpdesk.cli.users import organization_named
from helpdesk.database.engine import Database
from helpdesk.queue import queries

Result = TypeVar("Result")
Work = Callable[[AsyncSession, UUID | None], Awaitable[Result]]

Organization = Annotated[
    str | None,
    typer.Option(
        "--organization", help="Slug of the organisation; not needed where there is only one.", metavar="SLUG"
    ),
]
Everybody = Annotated[bool, typer.Option("--all", help="The jobs of every organisation.")]
JobId = Annotated[UUID, typer.Argument(help="Id of the job.", metavar="JOB")]


def within(organization: str | None, everybody: bool, work: Work[Result]) -> Result:
    """Do a command's work in one transaction, with the organisation's id, or None for everybody's jobs."""

    async def opened(database: Database) -> Result:
        organization_id = await chosen(database, organization, everybody)
        async with transaction(database, organization_id) as session:
            return await work(session, organization_id)

    return run(opened)


def within_organization_of(job: UUID, work: Callable[[AsyncSession, UUID], Awaitable[Result]]) -> Result:
    """Do a command's work about one job, in a transaction of the organisation it belongs to.

    Raises:
        JobNotFound
    """

    async def opened(database: Database) -> Result:
        async with transaction(database, None) as session:
            organization_id = await queries.organization_of_job(session, job_id=job)
        async with transaction(database, organization_id) as session:
            return await work(session, organization_id)

    return run(opened)


async def chosen(database: Database, organization: str | None, everybody: bool) -> UUID | None:
    """Return the organisation that the options name, None for everybody."""
    if everybody and organization is not None:
        raise typer.BadParameter("name an organization or say --all, not both")
    return None if everybody else await organization_named(database, organization)


@asynccontextmanager
async def transaction(database: Database, organization_id: UUID | None) -> AsyncIterator[AsyncSession]:
    """Open a transaction that sees the jobs of one organisation, or with None those of all."""
    role = "atum_worker" if organization_id is None else "atum_app"
    async with database.transaction(organization_id, role=role) as session:  # type: ignore[arg-type]
        yield session
