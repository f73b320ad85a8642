"""What docs/scale.md says of organisations in the schema's keys, which is what spreading them over servers takes."""

from __future__ import annotations

from pathlib import Path

from helpdesk.models import Base

SCALE = (Path(__file__).parents[3] / "docs/scale.md").read_text()
TABLES = Base.metadata.tables.values()
# Of all organisations together, or of none.
NOBODYS = {
    "cron_ticks",
    "job_limits",
    "job_pauses",
    "model_callers",
    "organizations",
    "rag_embedding_models",
    "workers",
}


def test_every_table_but_a_few_says_whose_its_rows_are() -> None:
    assert {table.name for table in TABLES if "organization_id" not in table.c} == NOBODYS
    assert all(f"`{name}`" in SCALE for name in NOBODYS)


def test_the_page_on_scale_tells_truthfully_how_many_keys_contain_the_organisation() -> None:
    tenants = [table for table in TABLES if "organization_id" in table.c]
    keyed = [table for table in tenants if "organization_id" in table.primary_key.columns]
    references = [
        key
        for table in tenants
        for key in table.foreign_key_constraints
        if "organization_id" in key.referred_table.c and key.referred_table.name != "organizations"
    ]
    containing = [key for key in references if "organization_id" in {column.name for column in key.columns}]

    assert f"of the {len(tenants)} tables of tenants' data {len(keyed)} have it in their primary key" in _in_one_line()
    assert f"of {len(references)} references between them {len(containing) or 'none'} contains it" in _in_one_line()


def _in_one_line() -> str:
    return " ".join(SCALE.split())
