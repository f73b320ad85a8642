"""Which policy a ticket falls under: ordered conditions, then the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from helpdesk.errors import Invalid

Facts: TypeAlias = Mapping[str, Any]
Field: TypeAlias = Literal["priority", "category", "team", "company", "channel", "type", "tags", "vip"]


class InvalidCondition(Invalid):
    """A policy's condition cannot be read."""


class Condition(BaseModel):
    """One comparison of a ticket's field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: Field
    op: Literal["is", "is_not", "in", "not_in", "contains"]
    value: str | bool | list[str]

    def holds(self, facts: Facts) -> bool:
        """Tell whether the ticket's field compares as wanted; an unknown field is None."""
        actual = facts.get(self.field)
        match self.op:
            case "is":
                return bool(actual == self.value)
            case "is_not":
                return bool(actual != self.value)
            case "in":
                return isinstance(self.value, list) and actual in self.value
            case "not_in":
                return isinstance(self.value, list) and actual not in self.value
            case "contains":
                return self.value in (actual or [])


class Conditions(BaseModel):
    """What a ticket must be like: all of `all`, and at least one of `any` where any are named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: list[Condition] = []
    any: list[Condition] = []

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Conditions:
        """Read stored conditions.

        Raises:
            InvalidCondition: naming the field that is wrong.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidCondition(f"conditions.{where}: {first['msg']}.") from error

    def hold(self, facts: Facts) -> bool:
        """Tell whether a ticket with these facts is meant."""
        if not all(condition.holds(facts) for condition in self.all):
            return False
        return not self.any or any(condition.holds(facts) for condition in self.any)


@dataclass(frozen=True)
class Candidate:
    """A policy to choose from, in order of its position."""

    key: str
    conditions: Conditions
    is_default: bool


def choose(candidates: list[Candidate], facts: Facts) -> str | None:
    """Return the key of the first policy whose conditions hold, else of the default, else None."""
    for candidate in candidates:
        if not candidate.is_default and candidate.conditions.hold(facts):
            return candidate.key
    return next((candidate.key for candidate in candidates if candidate.is_default), None)
