"""A command's way to the database, with one sentence for each way it can be shut."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from helpdesk.cli.checkout import embedded_home, noted_runtime
from helpdesk.cli.configuration import read_settings
from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.database.engine import Database, DatabaseUnavailable
from helpdesk.database.schema_version import Pooled, check
from helpdesk.errors import Conflict
from helpdesk.settings import Settings

Result = TypeVar("Result")


class NotMigrated(Conflict):
    """The database has not this version's schema."""


def run(work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run a command's work on the database of the settings, see `chosen_settings`, and close the connections."""
    settings = chosen_settings()

    async def opened() -> Result:
        async with open_database(settings) as database:
            return await work(database)

    return asyncio.run(opened())


def chosen_settings() -> Settings:
    """Return the settings of the environment, and of the `run` that is under way in this checkout, if there is one."""
    return read_settings(**chosen_by_run())


def chosen_by_run() -> dict[str, Any]:
    """Return what the `run` that is under way here has chosen, as far as the environment names nothing else.

    Where that names no database, it is the run's, the run's folder is that of the files, and its models are the model
    runtime unless another one is named.
    """
    home = None if _is_set("ATUM_DATABASE_URL", "DATABASE_URL") else embedded_home()
    if home is None:
        return {}
    chosen: dict[str, Any] = {"database_url": EmbeddedPostgres(home).url()}
    if not _is_set("ATUM_DATA_DIR"):
        chosen["data_dir"] = home.parent
    if not _is_set("ATUM_OLLAMA_HOST", "OLLAMA_HOST"):
        runtime = noted_runtime(home.parent)
        chosen |= {name: runtime[name] for name in runtime if not _is_set(f"ATUM_{name.upper()}")}
    return chosen


def _is_set(*names: str) -> bool:
    return any(os.environ.get(name) for name in names)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open a pool for a command; what keeps the database from being used becomes a sentence.

    Raises:
        DatabaseUnavailable, NotMigrated, WrongSchema: with the remedy.
    """
    database = Database(settings, application="cli")
    try:
        with clear_sentences(settings):
            async with database.engine.connect() as connection:
                await check(Pooled(connection))
            yield database
    finally:
        await database.close()


@contextmanager
def clear_sentences(settings: Settings) -> Iterator[None]:
    """Turn what the driver raises about a connection into a sentence that names the database and the remedy."""
    try:
        yield
    except BrokenPipeError:
        # Whoever reads the output has seen enough, as `head` has; the driver calls a lost connection otherwise.
        raise
    except (OSError, TimeoutError, asyncpg.PostgresError, DBAPIError, DatabaseUnavailable) as error:
        sentence = _sentence(_cause(error), settings)
        if sentence is None:
            raise
        raise sentence from error


def _cause(error: Exception) -> BaseException:
    """Return what the driver raised, beneath what others made of it."""
    if isinstance(error, DBAPIError):
        return (error.orig and error.orig.__cause__) or error
    return (error.__cause__ or error) if isinstance(error, DatabaseUnavailable) else error


def _sentence(error: BaseException, settings: Settings) -> DatabaseUnavailable | NotMigrated | None:
    where = place_of(settings)
    match error:
        case asyncpg.UndefinedTableError():
            return NotMigrated(f"The database at {where} has not this version's tables; run `atum-desk migrate`.")
        case asyncpg.InvalidCatalogNameError():
            return DatabaseUnavailable(f"There is no such database at {where}; create it first: {error}.")
        case asyncpg.InvalidAuthorizationSpecificationError():
            return DatabaseUnavailable(f"PostgreSQL at {where} refuses the login of the database URL: {error}.")
        case OSError() | TimeoutError() | asyncpg.PostgresConnectionError() | asyncpg.OperatorInterventionError():
            return DatabaseUnavailable(
                f"PostgreSQL at {where} does not answer ({error or type(error).__name__}); "
                "start it, or name another one in ATUM_DATABASE_URL."
            )
        case _:
            return None


def place_of(settings: Settings) -> str:
    """Return where the database is, without its password."""
    url = make_url(settings.sqlalchemy_url)
    host = url.query.get("host") or url.host or "localhost"
    return f"{host}{f':{url.port}' if url.port else ''}/{url.database or ''}"
