"""Versions of trained models, gates and drift over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.learned_models import store
from helpdesk.models.ai import TriagePrediction
from helpdesk.models.values import UserRole
from helpdesk.triage.learning.drift import WEEK, last_week_until, report_drift
from helpdesk.triage.learning.gates import review_gates
from tests.journeys.conftest import Account, MakeAccount
from tests.journeys.test_api_merging import opened

Connect = Callable[[str | None], httpx.AsyncClient]
NOW = datetime.now(UTC)
MODELS, GATES, DRIFT = "/api/v1/ai/models", "/api/v1/ai/gates", "/api/v1/ai/drift"


async def trained(database: Database, account: Account, *, kind: str = "breach", promoted: bool = True) -> str:
    organization_id = account.organization_id
    async with database.transaction(organization_id) as session:
        claim = await store.claim_version(session, organization_id=organization_id, kind=kind, now=NOW)
        assert claim is not None
        finish = store.promote if promoted else store.put_aside
        await finish(
            session,
            organization_id=organization_id,
            kind=kind,
            claim=claim,
            weights=b"{}",
            trained_on=30,
            metrics={"auc": 0.8},
            reason="Because.",
            now=NOW,
        )
    return str(claim)


async def predicted(client: httpx.AsyncClient, database: Database, account: Account) -> tuple[str, str]:
    """Open a ticket with a prediction of its priority, and return both ids."""
    ticket = await opened(client)
    async with database.transaction(account.organization_id) as session:
        row = TriagePrediction(
            organization_id=account.organization_id,
            ticket_id=ticket["id"],
            created_at=datetime.now(UTC),
            field="priority",
            value="urgent",
            probability=0.99,
            source="classifier",
            decision="suggest",
        )
        session.add(row)
        await session.flush()
        return ticket["id"], str(row.id)


async def test_versions_are_listed_and_an_earlier_one_is_put_in_use(
    client: httpx.AsyncClient, account: Account, database: Database
) -> None:
    first, second = await trained(database, account), await trained(database, account)
    aside = await trained(database, account, promoted=False)
    page = (await client.get(MODELS, params={"limit": 2})).json()
    assert [item["id"] for item in page["items"]] == [aside, second]
    rest = (await client.get(MODELS, params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in rest["items"]] == [first]
    assert rest["next_cursor"] is None
    states = {item["version"]: item["state"] for item in [*page["items"], *rest["items"]]}
    assert states == {1: "retired", 2: "champion", 3: "challenger"}

    back = await client.post(f"{MODELS}/{first}/promote")
    assert (back.status_code, back.json()["state"], back.json()["metrics"]) == (200, "champion", {"auc": 0.8})
    assert back.json()["reason"] == f"In use, since {account.email} wanted it."
    [left] = [item for item in (await client.get(MODELS)).json()["items"] if item["id"] == second]
    assert (left["state"], left["rolled_back_at"] is None) == ("retired", False)
    assert (await client.post(f"{MODELS}/{aside}/promote")).json()["state"] == "champion"
    assert (await client.get(MODELS, params={"kind": "triage"})).json()["items"] == []


async def test_what_cannot_be_used_is_refused(client: httpx.AsyncClient, account: Account, database: Database) -> None:
    # Weights that are no classifier's.
    broken = await trained(database, account, kind="triage", promoted=False)
    refused = await client.post(f"{MODELS}/{broken}/promote")
    assert (refused.status_code, refused.json()["detail"]) == (409, "Its weights are damaged.")
    async with database.transaction(account.organization_id) as session:
        claim = await store.claim_version(session, organization_id=account.organization_id, kind="triage", now=NOW)
    still = await client.post(f"{MODELS}/{claim}/promote")
    assert (still.status_code, still.json()["title"]) == (409, "The version is still being trained.")
    assert (await client.post(f"{MODELS}/{new_id()}/promote")).status_code == 404
    assert (await client.post(f"{MODELS}/seven/promote")).status_code == 422


async def test_verdicts_shut_a_gate_and_an_administrator_opens_it(
    client: httpx.AsyncClient, account: Account, database: Database
) -> None:
    assert (await client.get(GATES)).json() == []
    for _ in range(11):
        ticket_id, prediction_id = await predicted(client, database, account)
        done = await client.post(f"/api/v1/triage/predictions/{prediction_id}/correct", json={"value": "low"})
        assert done.status_code == 200
        assert (await client.get(f"/api/v1/tickets/{ticket_id}")).json()["priority"] == "low"
    async with database.transaction(account.organization_id) as session:
        await review_gates(session, organization_id=account.organization_id, now=datetime.now(UTC))
    found = {(gate["field"], gate["value"]): gate for gate in (await client.get(GATES)).json()}
    gate = found["priority", "urgent"]
    assert (gate["state"], gate["running_accuracy"], gate["judged"], gate["floor"]) == ("fallen_back", 0, 11, 0.95)
    assert found["priority", None]["state"] == "open"

    opening = {"field": "priority", "value": "urgent"}
    reopened = await client.post(f"{GATES}/reopen", json=opening)
    states = {(gate["field"], gate["value"]): gate["state"] for gate in reopened.json()}
    assert (reopened.status_code, states["priority", "urgent"]) == (200, "open")
    [last, first] = (await client.get(f"{GATES}/changes")).json()["items"]
    assert (first["state"], first["user_id"], last["state"]) == ("fallen_back", None, "open")
    assert last["user_id"] == str(account.user_id)
    missing = await client.post(f"{GATES}/reopen", json={"field": "weather"})
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert (await client.post(f"{GATES}/reopen", json={"field": ""})).status_code == 422


async def test_a_change_by_patch_is_a_label(client: httpx.AsyncClient, account: Account, database: Database) -> None:
    ticket_id, prediction_id = await predicted(client, database, account)
    version = (await client.get(f"/api/v1/tickets/{ticket_id}")).headers["etag"]
    changed = await client.patch(
        f"/api/v1/tickets/{ticket_id}", json={"priority": "high"}, headers={"If-Match": version}
    )
    assert changed.status_code == 200
    async with database.transaction(account.organization_id) as session:
        await review_gates(session, organization_id=account.organization_id, now=datetime.now(UTC))
    found = {(gate["field"], gate["value"]): gate for gate in (await client.get(GATES)).json()}
    assert (found["priority", None]["judged"], found["priority", None]["running_accuracy"]) == (1, 0)
    again = await client.post(f"/api/v1/triage/predictions/{prediction_id}/accept")
    assert again.status_code == 200


async def test_drift_reports_are_paged_the_latest_first(
    client: httpx.AsyncClient, account: Account, database: Database
) -> None:
    until = last_week_until(NOW)
    for weeks in range(3):
        async with database.transaction(account.organization_id) as session:
            await report_drift(session, organization_id=account.organization_id, until=until - weeks * WEEK, now=NOW)
    page = (await client.get(DRIFT, params={"limit": 2})).json()
    rest = (await client.get(DRIFT, params={"limit": 2, "cursor": page["next_cursor"]})).json()
    ends = [datetime.fromisoformat(item["until"]) for item in [*page["items"], *rest["items"]]]
    assert ends == [until, until - WEEK, until - 2 * WEEK]
    assert (page["items"][0]["summary"], page["items"][0]["alarm"]) == ("Triage predicted nothing.", False)
    assert datetime.fromisoformat(page["items"][0]["since"]) == until - timedelta(days=7)


@pytest.mark.parametrize("path", [MODELS, GATES, f"{GATES}/changes", DRIFT])
async def test_leads_read_agents_do_not_and_other_organisations_see_nothing(
    path: str, account: Account, connect: Connect, make_account: MakeAccount, database: Database
) -> None:
    await trained(database, account)
    async with database.transaction(account.organization_id) as session:
        await report_drift(session, organization_id=account.organization_id, until=last_week_until(NOW), now=NOW)
        await review_gates(session, organization_id=account.organization_id, now=NOW)
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    assert (await lead.get(path)).status_code == 200
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    assert (await agent.get(path)).status_code == 403
    assert (await connect(None).get(path)).status_code == 401
    stranger = connect((await make_account()).token)
    found = (await stranger.get(path)).json()
    assert (found if isinstance(found, list) else found["items"]) == []


async def test_only_administrators_of_the_organisation_change_what_is_in_use(
    account: Account, connect: Connect, make_account: MakeAccount, database: Database
) -> None:
    first = await trained(database, account)
    await trained(database, account)
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    assert (await lead.post(f"{MODELS}/{first}/promote")).status_code == 403
    assert (await lead.post(f"{GATES}/reopen", json={"field": "category"})).status_code == 403
    stranger = connect((await make_account()).token)
    assert (await stranger.post(f"{MODELS}/{first}/promote")).status_code == 404
    assert (await stranger.post(f"{GATES}/reopen", json={"field": "category"})).status_code == 404
