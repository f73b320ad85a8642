"""What a ticket must be like for a policy: comparisons of its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from helpdesk.errors import Invalid
from helpdesk.models.values import TicketPriority, TicketType
from helpdesk.sla.rules.sentences import sentence_of

Facts: TypeAlias = Mapping[str, Any]
Op: TypeAlias = Literal["is", "is_not", "in", "not_in", "contains"]

CUSTOM: Final = "custom."
_CUSTOM_FIELD = re.compile(r"custom\.\S(.{0,78}\S)?")
_FIELDS: Final = ("priority", "category", "team", "company", "channel", "type", "tags", "vip")
# Fields whose values are known beforehand.
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "priority": frozenset(TicketPriority),
    "type": frozenset(TicketType),
}
_OPS_OF_LISTS: Final = ("contains", "in", "not_in")
_OPS_OF_FLAGS: Final = ("is", "is_not")

Scalar: TypeAlias = str | bool | int | float
_MOST: Final = 50
_MOST_VALUES: Final = 200
_LONGEST: Final = 200


class InvalidCondition(Invalid):
    """A policy's condition cannot be read."""


class Condition(BaseModel):
    """One comparison of a ticket's field: `priority`, `tags` and so on, or `custom.<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    op: Op
    value: Scalar | list[Scalar]

    @field_validator("field")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in _FIELDS and _CUSTOM_FIELD.fullmatch(name) is None:
            raise ValueError(f"there is no field {name!r}; there are {', '.join(_FIELDS)} and custom.<name>")
        return name

    @field_validator("value", mode="plain")
    @classmethod
    def _is_plain(cls, value: object) -> object:
        if isinstance(value, list):
            if not 1 <= len(value) <= _MOST_VALUES:
                raise ValueError(f"a list has 1 to {_MOST_VALUES} values")
            return [_scalar(each) for each in value]
        return _scalar(value)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        takes_many = self.op in {"in", "not_in"}
        if takes_many is not isinstance(self.value, list):
            raise ValueError(f"{self.op!r} takes {'a list of values' if takes_many else 'a single value'}")
        self._check_op()
        for value in self.value if isinstance(self.value, list) else [self.value]:
            self._check_value(value)
        return self

    def holds(self, facts: Facts) -> bool:
        """Tell whether the ticket's field compares as wanted; what the ticket has not is nothing that is named."""
        return _OPS[self.op](self._actual(facts), self.value)

    def _actual(self, facts: Facts) -> Any:
        if self.field.startswith(CUSTOM):
            return (facts.get("custom") or {}).get(self.field.removeprefix(CUSTOM))
        return facts.get(self.field)

    def _check_op(self) -> None:
        usable = {"tags": _OPS_OF_LISTS, "vip": _OPS_OF_FLAGS}.get(self.field)
        if usable is not None and self.op not in usable:
            raise ValueError(f"{self.field} takes {', '.join(usable[:-1])} or {usable[-1]}, not {self.op}")
        if self.field in _CHOICES and self.op == "contains":
            raise ValueError(f"{self.field} takes is, is_not, in or not_in, not contains")

    def _check_value(self, value: Any) -> None:
        if self.field == "vip":
            if not isinstance(value, bool):
                raise ValueError("vip is compared with true or false")
        elif self.field.startswith(CUSTOM):
            if self.op == "contains" and isinstance(value, bool):
                raise ValueError("nothing contains true or false")
        elif not isinstance(value, str):
            raise ValueError(f"{self.field} is compared with text")
        elif value not in _CHOICES.get(self.field, (value,)):
            raise ValueError(f"{self.field} is one of {', '.join(sorted(_CHOICES[self.field]))}, not {value!r}")


class Conditions(BaseModel):
    """What a ticket must be like: all of `all`, and at least one of `any` where any are named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: Annotated[list[Condition], Field(max_length=_MOST)] = []
    any: Annotated[list[Condition], Field(max_length=_MOST)] = []

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Conditions:
        """Read `{all: [{field, op, value}], any: [...]}`.

        Raises:
            InvalidCondition: a field is wrong; the sentence names it.
        """
        try:
            return cls.model_validate(dict(value))
        except ValidationError as error:
            raise InvalidCondition(f"{sentence_of(error, within='conditions')}.") from error

    def hold(self, facts: Facts) -> bool:
        """Tell whether a ticket with these facts is meant."""
        if not all(condition.holds(facts) for condition in self.all):
            return False
        return not self.any or any(condition.holds(facts) for condition in self.any)

    @property
    def is_empty(self) -> bool:
        """Whether every ticket is meant."""
        return not self.all and not self.any


def _scalar(value: object) -> Scalar:
    if isinstance(value, str) and not 1 <= len(value) <= _LONGEST:
        raise ValueError(f"text has 1 to {_LONGEST} characters")
    if isinstance(value, str | bool | int | float):
        return value
    raise ValueError("a value is text, a number, true or false, or a list of these")


def _same(actual: Any, wanted: Any) -> bool:
    # Python takes true for 1.
    return isinstance(actual, bool) is isinstance(wanted, bool) and bool(actual == wanted)


def _among(actual: Any, wanted: Any) -> bool:
    found = actual if isinstance(actual, list) else [actual]
    return any(_same(each, value) for each in found for value in wanted)


def _contains(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, list):
        return any(_same(each, wanted) for each in actual)
    return isinstance(actual, str) and str(wanted).casefold() in actual.casefold()


_OPS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "is": _same,
    "is_not": lambda actual, wanted: not _same(actual, wanted),
    "in": _among,
    "not_in": lambda actual, wanted: not _among(actual, wanted),
    "contains": _contains,
}
