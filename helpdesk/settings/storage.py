"""Where data is: the database, files and their backups."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from helpdesk.settings.addresses import one_form
from helpdesk.settings.names import DRIVER, also_bare


class StorageSettings(BaseSettings):
    """Where data is: the database, files and their backups."""

    database_url: str = Field(
        default="postgresql://atum@localhost/atum",
        validation_alias=also_bare("DATABASE_URL"),
        description="The PostgreSQL database; the login must be a member of the product's roles.",
    )
    database_pool_size: int = Field(default=10, ge=1, le=100, description="Most connections the API keeps open.")
    database_pgbouncer: bool = Field(
        default=False, description="Set when a pooler in transaction mode stands before PostgreSQL."
    )
    database_listen_url: str | None = Field(
        default=None,
        description="PostgreSQL itself, where a pooler stands before it: for wake-ups, which workers otherwise replace "
        "by polling, and for migrations.",
    )
    migration_tries: int = Field(
        default=11,
        ge=1,
        le=1000,
        description="How often a migration tries to get the locks it needs, two seconds each, with waits in between of "
        "up to a minute.",
    )
    database_replica_url: str | None = Field(
        default=None,
        description="Streaming replicas of the database: lists, searches, metrics, exports and reports read there.",
    )
    database_replica_lag_s: float = Field(
        default=5, gt=0, le=3600, description="Most seconds that what a replica shows may be old; else it is not asked."
    )
    data_dir: Path = Field(default=Path("data"), description="Where files of the product live: models, attachments.")
    attachment_max_bytes: int = Field(
        default=25_000_000, ge=1, le=2_000_000_000, description="Largest file a ticket takes, in bytes."
    )
    backup_dir: Path | None = Field(
        default=None, description="Where backups are written; by default files/backups in the data folder."
    )
    backup_keep: int = Field(default=7, ge=1, le=1000, description="How many backups are kept, the newest.")
    backup_keep_weeks: int = Field(
        default=4, ge=0, le=520, description="For how many weeks back one backup of each is kept besides."
    )

    @field_validator("database_url", "database_listen_url", "database_replica_url")
    @classmethod
    def _known_scheme(cls, url: str | None) -> str | None:
        scheme = (url or DRIVER).split("://", 1)[0]
        if scheme not in {"postgresql", "postgres", DRIVER}:
            raise ValueError(f"the database URL must start with postgresql://, not {scheme}://")
        one_form(url or "")
        return url
