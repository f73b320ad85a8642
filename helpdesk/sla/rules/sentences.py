"""Say in one sentence which field of a document is wrong."""

from __future__ import annotations

from pydantic import ValidationError


def sentence_of(error: ValidationError, *, within: str = "") -> str:
    """Name the first wrong field, with dots between the levels, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(step) for step in ([within] if within else []) + [*first["loc"]] if step != "[key]")
    what = first["msg"].removeprefix("Value error, ")
    return f"{path or 'document'}: {what}"
