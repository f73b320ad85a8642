"""Prove the stored clocks of every organisation, now."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from sqlalchemy import select

from helpdesk.cli.connection import run
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.models.sla import Proof
from helpdesk.sla.proof.proving import Proving, figures


def prove_everywhere(*, heal: bool) -> None:
    """Prove organisation by organisation, print a line for each, and exit with 1 where clocks differed or failed."""
    proofs = run(lambda database: _prove_all(database, heal=heal))
    for slug, proof in proofs:
        print(f"{slug}: " + " ".join(f"{name}={count}" for name, count in figures(proof).items()))
        for difference in proof.sample:
            about = " ".join(f"{name}={value}" for name, value in difference.items() if name != "columns")
            changes = ", ".join(f"{name} is {old}, not {new}" for name, (old, new) in difference["columns"].items())
            print(f"  {about}: {changes}")
    if any(proof.differing or proof.failed for _, proof in proofs):
        raise typer.Exit(1)


async def _prove_all(database: Database, *, heal: bool) -> Sequence[tuple[str, Proof]]:
    async with database.transaction(None) as session:
        rows = await session.execute(select(Organization.id, Organization.slug).order_by(Organization.slug))
        organizations = list(rows)
    return [
        (slug, await Proving(database=database, organization_id=id_, id=new_id(), heals=heal).run())
        for id_, slug in organizations
    ]
