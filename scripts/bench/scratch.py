"""A place to measure in: a database of its own that is gone afterwards, and the embedded model beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.base import new_id
from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.models.accounts import Organization
from helpdesk.queue.link import Link
from helpdesk.rag.indexing.claim import BATCH, claim
from helpdesk.rag.indexing.index import BatchReport, Indexer, index_batch
from helpdesk.settings import Settings

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Scratch:
    """What a measurement works with."""

    settings: Settings
    database: Database
    indexer: Indexer


@contextmanager
def _postgres() -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="atum-bench-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home)
    try:
        server.start()
        yield server.url()
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def models_alone() -> Iterator[str]:
    """Give the address of the embedding model: that of OLLAMA_HOST, or the embedded one."""
    given = os.environ.get("ATUM_OLLAMA_HOST") or os.environ.get("OLLAMA_HOST")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="atum-bench-models-") as data,
        model_runtime("--text-model", "none", "--data", data) as url,
    ):
        yield url


@contextmanager
def model_runtime(*options: str) -> Iterator[str]:
    """Run the embedded models server beside, with options of its own; the value is its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api.models_server", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api/version", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the model runtime did not start")


def _migrate(url: str) -> None:
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    environment = os.environ | {"ATUM_DATABASE_URL": url}
    subprocess.run(command, check=True, cwd=REPOSITORY, env=environment, capture_output=True)


@asynccontextmanager
async def scratch() -> AsyncIterator[Scratch]:
    """Give a migrated, durable database and the embedding model; both end with the block."""
    with _postgres() as url, models_alone() as host:
        settings = Settings(database_url=url, ollama_host=host)
        _migrate(url)
        database, link, models = Database(settings, application="bench"), Link(settings, application="bench"), None
        try:
            models = connect_models(settings)
            yield Scratch(settings, database, Indexer(database, models.embedder, link, asyncio.Lock()))
        finally:
            await link.close()
            await database.close()
            if models is not None:
                await models.close()


async def open_organization(database: Database, name: str) -> UUID:
    """Return the id of a new organisation."""
    identifier = new_id()
    async with database.transaction(identifier) as session:
        session.add(Organization(id=identifier, slug=f"{name}-{identifier.hex[-6:]}", name=name))
    return identifier


async def publish_articles(database: Database, organization_id: UUID, articles: Sequence[NewArticle]) -> list[UUID]:
    """Write and publish articles, which queues them for the index; return their ids in order."""
    ids: list[UUID] = []
    now = datetime.now(UTC)
    for start in range(0, len(articles), 100):
        async with database.transaction(organization_id) as session:
            for new in articles[start : start + 100]:
                made = await create_article(session, organization_id=organization_id, new=new, author_id=None, now=now)
                await publish_article(session, organization_id=organization_id, article_id=made.id, now=now)
                ids.append(made.id)
    return ids


async def index_waiting(indexer: Indexer, *, limit: int = BATCH, batches: int = 2) -> list[BatchReport]:
    """Index as the worker does, two batches at a time, until nothing waits."""
    reports: list[BatchReport] = []
    worker = new_id()

    async def index_some() -> None:
        while tasks := await claim(indexer.connection, worker=worker, limit=limit):
            reports.append(await index_batch(indexer, tasks, now=datetime.now(UTC)))

    await asyncio.gather(*(index_some() for _ in range(batches)))
    return reports
