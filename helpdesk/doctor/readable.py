"""Settings as far as they can be read: what is wrong is told, and the default stands in for it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from helpdesk.settings import Settings


def read_as_far_as_possible(**chosen: Any) -> tuple[Settings, dict[str, str]]:
    """Return the settings of the environment, and what is wrong with which variable.

    Args:
        chosen: settings in place of the environment's; None chooses nothing.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    wrong: dict[str, str] = {}
    while True:
        try:
            return Settings(**given), wrong
        except ValidationError as refused:
            told = {_field(problem["loc"]): problem["msg"] for problem in refused.errors()}
            if told.keys() <= given.keys() and told.keys() <= {_name(variable) for variable in wrong}:
                # Not even the defaults go together: nothing is left to put in their place.
                raise
            for name, message in told.items():
                wrong[f"ATUM_{name.upper()}"] = _reason(message)
                given[name] = Settings.model_fields[name].get_default(call_default_factory=True)
        except SettingsError as refused:
            return Settings.model_construct(**given), wrong | {"ATUM_*": str(refused)}


def _field(place: tuple[int | str, ...]) -> str:
    name = str(place[0]) if place else ""
    return name.removeprefix("ATUM_").lower()


def _name(variable: str) -> str:
    return variable.removeprefix("ATUM_").lower()


def _reason(message: str) -> str:
    said = message.removeprefix("Value error, ")
    return f"{said[:1].lower()}{said[1:]}"
