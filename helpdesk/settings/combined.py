"""Every setting of the product, read once from systemd's credentials and the environment.

Each one is `ATUM_` plus its name; those that operators know by their bare name work bare as well.
"""

from __future__ import annotations

import os
from typing import Self

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from helpdesk.settings.addresses import one_form
from helpdesk.settings.keeping import KeepingSettings
from helpdesk.settings.knowledge import KnowledgeSettings
from helpdesk.settings.messaging import MessagingSettings
from helpdesk.settings.models import ModelSettings
from helpdesk.settings.names import DRIVER
from helpdesk.settings.serving import ServingSettings
from helpdesk.settings.storage import StorageSettings
from helpdesk.settings.working import WorkingSettings


# The last base's settings come first wherever all of them are listed.
class Settings(
    MessagingSettings,
    KeepingSettings,
    WorkingSettings,
    KnowledgeSettings,
    ModelSettings,
    ServingSettings,
    StorageSettings,
):
    """The settings of one process, frozen after start."""

    model_config = SettingsConfigDict(
        env_prefix="ATUM_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the signature is the library's)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what code chose before systemd's credentials, and those before the environment.

        A credential is a file named like the variable in small letters, such as `atum_database_url`.
        """
        credentials = SecretsSettingsSource(settings_cls, secrets_dir=os.environ.get("CREDENTIALS_DIRECTORY"))
        return init_settings, credentials, env_settings

    @property
    def direct(self) -> Self | None:
        """Return settings that lead past a pooler to PostgreSQL itself; None where no such way is known."""
        if not self.database_pgbouncer:
            return self
        if self.database_listen_url is None:
            return None
        return self.model_copy(update={"database_url": self.database_listen_url, "database_pgbouncer": False})

    @property
    def replica(self) -> Self | None:
        """Return settings that lead to the replicas; None where there are none."""
        if self.database_replica_url is None:
            return None
        return self.model_copy(update={"database_url": self.database_replica_url, "database_replica_url": None})

    @property
    def sqlalchemy_url(self) -> str:
        """Return the database URL with the driver SQLAlchemy needs, and several servers in the form it reads."""
        return one_form(f"{DRIVER}://{self.database_url.split('://', 1)[1]}")
