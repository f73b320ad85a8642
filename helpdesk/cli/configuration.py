"""Read the settings for a command, and say plainly which one is wrong."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from helpdesk.errors import Invalid
from helpdesk.settings import Settings


class WrongSetting(Invalid):
    """A setting is not acceptable."""


def read_settings(**chosen: Any) -> Settings:
    """Return the settings of the environment, with what an option chose in their place; None chooses nothing.

    Raises:
        WrongSetting: naming the first setting that is wrong.
    """
    try:
        return Settings(**{name: value for name, value in chosen.items() if value is not None})
    except SettingsError as error:
        raise WrongSetting(f"The settings cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).removeprefix("ATUM_").upper() if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise WrongSetting(f"The setting ATUM_{name} is wrong: {reason[:1].lower()}{reason[1:]}.") from error
