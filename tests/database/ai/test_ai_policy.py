"""The AI policy as it is changed and kept."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any
from uuid import UUID

import pytest

from helpdesk.accounts.ai_policy_commands import InvalidAiPolicy, change_ai_policy
from helpdesk.accounts.ai_policy_queries import ai_policy_of, list_policy_changes
from helpdesk.database.engine import Database
from tests import warm
from tests.database.desk import NOW, open_a_desk


async def test_a_policy_is_changed_by_a_merge_patch_and_every_change_is_kept(
    database: Database, organization_id: UUID
) -> None:
    async with database.transaction(organization_id) as session:
        for patch in ({"triage": {"ask_model": False}}, {"triage": {"ask_model": False}}, {"triage": None}):
            await change_ai_policy(session, organization_id=organization_id, patch=patch, by=None, now=NOW)
    async with database.transaction(organization_id) as session:
        changes = await list_policy_changes(session, organization_id=organization_id)
        policy = await ai_policy_of(session, organization_id=organization_id)

    assert [(change.number, change.changed) for change in changes] == [
        (2, {"triage": None}),
        (1, {"triage": {"ask_model": False}}),
    ]
    assert policy.triage.ask_model


@pytest.mark.parametrize(
    ("triage", "message"),
    [
        ({"fields": {"colour": {"mode": "auto"}}}, "colour"),
        ({"fields": {"category": {"mode": "sometimes"}}}, "triage.fields.category.mode"),
        ({"fields": {"category": {"wanted_accuracy": 0.2}}}, "triage.fields.category.wanted_accuracy"),
        (
            {"fields": {"category": {"values": {"gardening": "off"}}}},
            "there is no category “gardening”; there are: hardware",
        ),
        ({"fields": {"team": {"values": {"gardeners": "off"}}}}, "there is no team “gardeners”"),
        ({"fields": {"priority": {"values": {"asap": "auto"}}}}, "there is no priority “asap”"),
        ({"fields": {"summary": {"mode": "auto"}}}, "summary is only ever offered"),
        ({"fields": {"duplicate_of": {"values": {"7": "auto"}}}}, "duplicate_of is only ever offered"),
        ({"priority_matrix": {"all": {"now": "asap"}}}, "triage.priority_matrix.all.now"),
        ({"priority_matrix": {"all": {"now": "high"}, "one": {"later": "low"}}}, "each pair"),
        ({"speed": 3}, "triage.speed"),
    ],
)
async def test_a_policy_that_names_what_there_is_not_is_refused(
    database: Database, organization_id: UUID, triage: dict[str, Any], message: str
) -> None:
    await open_a_desk(database, organization_id)
    with pytest.raises(InvalidAiPolicy, match=message.replace(".", r"\.")):
        async with database.transaction(organization_id) as session:
            await change_ai_policy(session, organization_id=organization_id, patch={"triage": triage}, by=None, now=NOW)
    async with database.transaction(organization_id) as session:
        assert await list_policy_changes(session, organization_id=organization_id) == []


def _command(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run(
        "helpdesk.cli", "ai", "policy", *arguments, environment=os.environ | {"ATUM_DATABASE_URL": database_url}
    )


async def test_the_command_prints_the_policy_and_changes_it(
    database: Database, organization_id: UUID, database_url: str
) -> None:
    await open_a_desk(database, organization_id)
    changed = _command(database_url, '{"triage": {"fields": {"team": {"mode": "suggest"}}}}')
    refused = _command(database_url, '{"triage": {"fields": {"team": {"values": {"gardeners": "off"}}}}}')
    nonsense = _command(database_url, "suggest")
    read = _command(database_url)

    assert (changed.returncode, refused.returncode, nonsense.returncode) == (0, 1, 2), refused.stderr
    assert "there is no team “gardeners”" in refused.stderr
    assert "JSON" in nonsense.stderr
    found = json.loads(read.stdout)
    assert (found["version"], found["triage"]["fields"]["team"]["mode"]) == (1, "suggest")
    assert json.loads(changed.stdout) == found
