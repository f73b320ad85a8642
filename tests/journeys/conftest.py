"""The API and the workers as real processes; each test acts in an organisation of its own.

Tests of one module share a database and an API process, since starting those costs seconds.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from uuid import UUID, uuid4

import httpx
import pytest

from helpdesk.accounts.commands import create_organization, create_user, issue_token
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from tests.conftest import Server, _run_in_thread
from tests.journeys.processes import Running, start

PASSWORD = "a long enough password"
# Nothing listens here: a model runtime that is away.
NO_RUNTIME = "http://127.0.0.1:9"

RunWorker: TypeAlias = Callable[..., Awaitable[Running]]


@dataclass(frozen=True)
class Account:
    """A user of a fresh organisation, and a token of theirs."""

    organization_id: UUID
    slug: str
    user_id: UUID
    email: str
    token: str


MakeAccount: TypeAlias = Callable[..., Awaitable[Account]]


@pytest.fixture(scope="module")
def database_url(server: Server) -> Iterator[str]:
    """Give a module a migrated database of its own."""
    name = f"journey_{uuid4().hex[:12]}"
    _run_in_thread(server.postgres, f"CREATE DATABASE {name} TEMPLATE {server.template} STRATEGY file_copy")
    yield server.postgres.url(name)
    _run_in_thread(server.postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def ollama_host() -> str:
    """Return the model runtime that the processes of this module use; a module with one of its own overrides this."""
    return NO_RUNTIME


@pytest.fixture(scope="module")
def process_environment(
    database_url: str, ollama_host: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the settings that every process of this module runs with."""
    return {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_OLLAMA_HOST": ollama_host,
        "ATUM_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }


@pytest.fixture(scope="module")
async def api(process_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Start the API as a process; stopping it must end in success."""
    log_file = tmp_path_factory.mktemp("api") / "api.log"
    running = start("api", "--port", "0", log_file=log_file, environment=process_environment)
    await running.wait_for_log(r"event=connected_to_database")
    yield running
    print(running.log())  # noqa: T201  -- shown by pytest when a test of the module fails
    assert await running.stop() == 0, running.log()


@pytest.fixture(scope="module")
async def api_url(api: Running) -> str:
    """Return the address of the running API."""
    started = await api.wait_for_log(r"event=api_started .*?port=(\d+)")
    return f"http://127.0.0.1:{started[1]}"


@pytest.fixture
def make_account(database: Database) -> MakeAccount:
    """Make users: of a fresh organisation, or of the one given."""

    async def make(role: UserRole = UserRole.ADMIN, *, organization: Account | None = None) -> Account:
        organization_id = organization.organization_id if organization else new_id()
        slug = organization.slug if organization else f"org-{organization_id.hex[-8:]}"
        email = f"{role}-{uuid4().hex[:6]}@example.test"
        async with database.transaction(organization_id) as session:
            if organization is None:
                await create_organization(session, slug=slug, name="Test", organization_id=organization_id)
            user = await create_user(
                session, organization_id=organization_id, email=email, name="Test", role=role, password=PASSWORD
            )
            token = await issue_token(
                session, organization_id=organization_id, user_id=user.id, name="test", now=user.created_at
            )
        return Account(organization_id, slug, user.id, email, token.text)

    return make


@pytest.fixture
async def account(make_account: MakeAccount) -> Account:
    """Return the administrator of a fresh organisation."""
    return await make_account()


@pytest.fixture
def organization_id(account: Account) -> UUID:
    """Return the organisation that `client` acts in."""
    return account.organization_id


@pytest.fixture
async def connect(api_url: str) -> AsyncIterator[Callable[[str | None], httpx.AsyncClient]]:
    """Make clients of the API with a token, or without one."""
    clients: list[httpx.AsyncClient] = []

    def make(token: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        clients.append(httpx.AsyncClient(base_url=api_url, headers=headers, timeout=30, trust_env=False))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def client(connect: Callable[[str | None], httpx.AsyncClient], account: Account) -> httpx.AsyncClient:
    """Return a client of the API, signed in as the administrator of a fresh organisation."""
    return connect(account.token)


@pytest.fixture
async def run_worker(process_environment: dict[str, str], tmp_path: Path) -> AsyncIterator[RunWorker]:
    """Start workers as processes; those still running are told to stop at the end and must do so with success."""
    started: list[Running] = []
    numbers = itertools.count(1)

    async def run(kind: str, **environment: str) -> Running:
        log_file = tmp_path / f"{kind}-worker-{next(numbers)}.log"
        running = start("workers", kind, log_file=log_file, environment=process_environment | environment)
        started.append(running)
        await running.wait_for_log(r"event=connected_to_database")
        return running

    yield run
    for running in started:
        if running.process.poll() is None:
            assert await running.stop() == 0, running.log()
