from __future__ import annotations

import os

from sqlalchemy import text

from helpdesk.accounts.queries import organization_of_slug
from helpdesk.database.engine import Database
from tests import warm


def _init(database_url: str, name: str) -> str:
    environment = os.environ | {"ATUM_DATABASE_URL": database_url}
    options = ("--organization", name, "--admin", "me@example.test")
    made = warm.run("helpdesk.cli", "init", *options, environment=environment)
    made.check_returncode()
    return made.stdout


async def _role(database: Database, slug: str) -> str:
    async with database.transaction(None) as session:
        organization = await organization_of_slug(session, slug=slug)
    assert organization is not None
    async with database.transaction(organization.id) as session:
        return (await session.execute(text("SELECT role FROM users"))).scalar_one()


async def test_the_administrator_of_the_first_organisation_alone_is_the_operator(
    database_url: str, database: Database
) -> None:
    said = [_init(database_url, name) for name in ("First", "Second")]
    assert "me@example.test is its administrator and the operator of this installation." in said[0]
    assert "operator" not in said[1]
    assert await _role(database, "first") == "operator"
    assert await _role(database, "second") == "admin"


def test_nobody_is_made_with_an_address_that_is_none(database_url: str) -> None:
    _init(database_url, "First")
    environment = os.environ | {"ATUM_DATABASE_URL": database_url}
    refused = warm.run("helpdesk.cli", "users", "add", "nobody", environment=environment)
    assert refused.returncode == 1
    assert "'nobody' is not an e-mail address." in refused.stderr
