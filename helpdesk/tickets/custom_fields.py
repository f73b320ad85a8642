"""Fields of an organisation's own: a name and a plain value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints, TypeAdapter, ValidationError

from helpdesk.errors import Invalid

MOST_FIELDS = 50

CustomName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
CustomValue: TypeAlias = (
    StrictBool
    | StrictInt
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[str, StringConstraints(strict=True, max_length=500)]
)
CustomFields: TypeAlias = Annotated[dict[CustomName, CustomValue], Field(max_length=MOST_FIELDS)]
# None removes a field.
CustomChanges: TypeAlias = Annotated[dict[CustomName, CustomValue | None], Field(max_length=MOST_FIELDS)]

_CHANGES: TypeAdapter[dict[str, Any]] = TypeAdapter(CustomChanges)


class InvalidCustomField(Invalid):
    """A custom field has a name or a value that is not acceptable, or there are too many."""


def merge_custom(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with changes applied; what the changes do not name stays.

    Raises:
        InvalidCustomField: a name is not of a-z, 0-9 and _, a value is no string of up to 500 characters, number or
            boolean, or more than 50 fields would result.
    """
    try:
        given = _CHANGES.validate_python(dict(changes))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(["custom", *(str(step) for step in first["loc"] if step != "[key]")])
        raise InvalidCustomField(f"{where}: {first['msg']}") from error
    merged = {name: value for name, value in (dict(current) | given).items() if value is not None}
    if len(merged) > max(MOST_FIELDS, len(current)):
        raise InvalidCustomField(f"custom: {len(merged)} fields; there can be {MOST_FIELDS}.")
    return merged
