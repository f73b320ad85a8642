"""Who watches a ticket and who leads a team, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount
from tests.journeys.test_api_merging import opened

Connect = Callable[[str | None], httpx.AsyncClient]


async def test_agents_watch_for_themselves_and_leads_have_others_watch(
    client: httpx.AsyncClient, account: Account, connect: Connect, make_account: MakeAccount
) -> None:
    path = f"/api/v1/tickets/{(await opened(client))['number']}/watchers"
    users = [await make_account(role, organization=account) for role in (UserRole.AGENT, UserRole.LEAD)]
    agent, lead = (connect(user.token) for user in users)
    agent_id, lead_id = (str(user.user_id) for user in users)

    assert [(await agent.put(f"{path}/me")).status_code for _ in range(2)] == [204, 204]
    assert (await agent.put(f"{path}/{lead_id}")).status_code == 403
    assert (await agent.put(f"{path}/{agent_id}")).status_code == 204
    assert (await lead.put(f"{path}/{lead_id}")).status_code == 204
    assert (await agent.delete(f"{path}/{lead_id}")).status_code == 403
    first = (await client.get(path, params={"limit": 1})).json()
    second = (await client.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    found = [*first["items"], *second["items"]]
    assert [watcher["user_id"] for watcher in found] == sorted((agent_id, lead_id))
    assert {"name", "email", "since"} <= set(found[0])
    assert (await agent.delete(f"{path}/me")).status_code == 204
    assert (await lead.delete(f"{path}/{agent_id}")).status_code == 204
    assert [watcher["user_id"] for watcher in (await client.get(path)).json()["items"]] == [lead_id]


async def test_nobody_from_elsewhere_watches_or_sees_who_does(
    client: httpx.AsyncClient, account: Account, connect: Connect, make_account: MakeAccount
) -> None:
    path = f"/api/v1/tickets/{(await opened(client))['id']}/watchers"
    someone = await make_account()
    stranger = connect(someone.token)
    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)

    attempts = [
        await stranger.get(path),
        await stranger.put(f"{path}/me"),
        await stranger.delete(f"{path}/me"),
        await client.put(f"{path}/{someone.user_id}"),
    ]
    assert [answer.status_code for answer in attempts] == [404] * 4
    assert attempts[-1].json()["type"] == "/problems/watcher-not-found"
    assert (await viewer.put(f"{path}/me")).status_code == 403
    assert (await viewer.get(path)).json()["items"] == []


async def test_a_mention_in_a_note_makes_a_watcher(
    client: httpx.AsyncClient, account: Account, make_account: MakeAccount
) -> None:
    path = f"/api/v1/tickets/{(await opened(client))['id']}"
    colleague = await make_account(UserRole.AGENT, organization=account)
    await client.post(f"{path}/notes", json={"body": f"@{colleague.email}, have you seen this before?"})
    watching = (await client.get(f"{path}/watchers")).json()["items"]
    assert [watcher["email"] for watcher in watching] == [colleague.email]


async def test_a_team_is_given_a_lead_by_an_administrator(
    client: httpx.AsyncClient, account: Account, connect: Connect, make_account: MakeAccount
) -> None:
    team = (await client.post("/api/v1/teams", json={"slug": "network", "name": "Network"})).json()
    path = f"/api/v1/teams/{team['id']}"
    lead = await make_account(UserRole.LEAD, organization=account)
    someone = await make_account()

    given = await client.patch(path, json={"lead_id": str(lead.user_id), "description": "Routers"})
    renamed = await client.patch(path, json={"name": "Networks"})
    foreign = await client.patch(path, json={"lead_id": str(someone.user_id)})
    too_low = await connect(lead.token).patch(path, json={"name": "Mine"})
    elsewhere = await connect(someone.token).patch(path, json={"name": "Mine"})
    empty = [await client.patch(path, json=body) for body in ({}, {"name": None})]
    shown = (await client.get("/api/v1/teams")).json()["items"]
    taken_away = await client.patch(path, json={"lead_id": None})

    assert team["lead_id"] is None
    assert (given.json()["lead_id"], given.json()["description"]) == (str(lead.user_id), "Routers")
    assert (renamed.json()["name"], renamed.json()["lead_id"]) == ("Networks", str(lead.user_id))
    assert (foreign.status_code, foreign.json()["type"]) == (422, "/problems/lead-unknown")
    assert (too_low.status_code, elsewhere.status_code) == (403, 404)
    assert [answer.status_code for answer in empty] == [422, 422]
    assert [each["lead_id"] for each in shown] == [str(lead.user_id)]
    assert taken_away.json()["lead_id"] is None
