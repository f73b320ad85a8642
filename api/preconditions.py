"""Versions as entity tags: who changes something may say which version they saw."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header

from helpdesk.errors import Conflict, Invalid

_TAG = re.compile(r'(?:W/)?"v(\d{1,18})"')


class ChangedMeanwhile(Conflict):
    """Somebody else has changed it since the version that If-Match names."""


class UnknownEntityTag(Invalid):
    """The If-Match header names no version of ours."""


def entity_tag(version: int) -> str:
    """Write a version as an `ETag` header."""
    return f'"v{version}"'


def _expected(
    if_match: Annotated[str | None, Header(description="`ETag` of the version that the change is meant for.")] = None,
) -> int | None:
    if if_match is None or if_match == "*":
        return None
    match = _TAG.fullmatch(if_match)
    if match is None:
        raise UnknownEntityTag
    return int(match[1])


ExpectedVersion = Annotated[int | None, Depends(_expected)]


def check_version(actual: int, expected: int | None) -> None:
    """Let a change pass that is meant for the current version, or for any.

    Raises:
        ChangedMeanwhile: another version is current.
    """
    if expected is not None and actual != expected:
        raise ChangedMeanwhile(f"It is at version {actual} by now, not {expected}.")
