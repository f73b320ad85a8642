"""Signing in and out, and what a token opens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import issue_token
from helpdesk.database.engine import Database
from tests.journeys.conftest import PASSWORD, Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]


async def test_a_right_password_gives_a_token_that_opens_the_organisation(connect: Connect, account: Account) -> None:
    login = {"organization": account.slug, "email": account.email.upper(), "password": PASSWORD}

    answer = await connect(None).post("/api/v1/auth/login", json=login)

    assert answer.status_code == 200
    token = answer.json()["access_token"]
    assert token.startswith(f"atd_{account.organization_id.hex}_")
    me = await connect(token).get("/api/v1/auth/me")
    assert me.json()["email"] == account.email
    assert me.json()["organization_id"] == str(account.organization_id)


async def test_every_wrong_login_ends_in_the_same_error(connect: Connect, account: Account) -> None:
    right = {"organization": account.slug, "email": account.email, "password": PASSWORD}
    wrong = [
        right | {"password": "not the password"},
        right | {"email": "nobody@example.test"},
        right | {"organization": "no-such-organisation"},
    ]

    answers = [await connect(None).post("/api/v1/auth/login", json=login) for login in wrong]

    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert answers[0].headers["www-authenticate"] == "Bearer"
    assert bodies[0]["type"] == "/problems/wrong-login"
    assert bodies[0] == bodies[1] == bodies[2]


async def test_a_token_is_worthless_after_logging_out(connect: Connect, account: Account) -> None:
    client = connect(account.token)

    assert (await client.post("/api/v1/auth/logout")).status_code == 204

    after = await client.get("/api/v1/auth/me")
    assert after.status_code == 401
    assert after.json()["type"] == "/problems/token-refused"


@pytest.mark.parametrize("token", [None, "nonsense", "atd_" + "0" * 32 + "_" + "a" * 43])
async def test_without_a_good_token_nothing_is_told(connect: Connect, token: str | None) -> None:
    answer = await connect(token).get("/api/v1/tickets")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_token_that_has_expired_is_refused(connect: Connect, account: Account, database: Database) -> None:
    async with database.transaction(account.organization_id) as session:
        now = (await session.execute(text("SELECT now()"))).scalar_one()
        token = await issue_token(
            session,
            organization_id=account.organization_id,
            user_id=account.user_id,
            name="old",
            now=now - timedelta(hours=2),
            lifetime=timedelta(hours=1),
        )

    assert (await connect(token.text).get("/api/v1/auth/me")).status_code == 401


async def test_a_token_under_another_organisations_name_is_refused(
    connect: Connect, account: Account, make_account: MakeAccount
) -> None:
    other = await make_account()
    secret = account.token[len("atd_") + 33 :]

    answer = await connect(f"atd_{other.organization_id.hex}_{secret}").get("/api/v1/tickets")

    assert answer.status_code == 401


async def test_only_the_hash_of_a_token_is_stored_and_its_use_is_noted(
    connect: Connect, account: Account, database: Database
) -> None:
    await connect(account.token).get("/api/v1/auth/me")

    async with database.transaction(account.organization_id) as session:
        rows = (await session.execute(text("SELECT api_tokens::text AS all, last_used_at FROM api_tokens"))).all()
    assert len(rows) == 1
    assert account.token[len("atd_") + 33 :] not in rows[0].all
    assert rows[0].last_used_at is not None


async def test_a_user_who_was_made_over_http_can_sign_in(
    client: httpx.AsyncClient, connect: Connect, account: Account
) -> None:
    new = {"email": "kim@example.test", "name": "Kim", "role": "agent", "password": "kim's own password"}

    made = await client.post("/api/v1/users", json=new)
    again = await client.post("/api/v1/users", json=new | {"email": "KIM@example.test"})
    # Mail to it could be taken for mail to two people.
    unusable = await client.post("/api/v1/users", json=new | {"email": "kim;lee@example.test"})

    assert (unusable.status_code, unusable.json()["type"]) == (422, "/problems/address-unusable")
    assert made.status_code == 201
    assert "password" not in made.text
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/already-there"
    login = {"organization": account.slug, "email": new["email"], "password": new["password"]}
    assert (await connect(None).post("/api/v1/auth/login", json=login)).status_code == 200
