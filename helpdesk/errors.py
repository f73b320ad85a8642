"""The kinds of error the product knows; concrete errors live beside the code that raises them."""

from __future__ import annotations

from typing import Any


class HelpdeskError(Exception):
    """Something the product refuses or cannot do.

    The docstring of a concrete class is its title; `detail` is a sentence for the person who met it and
    `context` holds values a program may read.
    """

    def __init__(self, detail: str = "", **context: Any) -> None:
        super().__init__(detail or self.title())
        self.detail = detail or self.title()
        self.context = context

    @classmethod
    def title(cls) -> str:
        """Return the first line of the class's docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


class NotFound(HelpdeskError):
    """There is no such thing here."""


class Conflict(HelpdeskError):
    """The state of the thing does not allow this."""


class Invalid(HelpdeskError):
    """A value is not acceptable."""


class Unauthenticated(HelpdeskError):
    """Credentials are missing or wrong."""


class Forbidden(HelpdeskError):
    """The caller may not do this."""


class Unavailable(HelpdeskError):
    """Something the product depends on is away for now."""
