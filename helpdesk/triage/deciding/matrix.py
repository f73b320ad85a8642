"""The priority that impact and urgency make, by the organisation's own matrix."""

from __future__ import annotations

from collections.abc import Mapping

# A level that somebody set on the ticket is as good as certain; a matrix has no doubts of its own.
_SET_BY_HAND = 1.0


def levels_of(matrix: Mapping[str, Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Return the levels of impact and those of urgency."""
    return list(matrix), list(next(iter(matrix.values()), {}))


def given_level(custom: Mapping[str, object], field: str, levels: list[str]) -> dict[str, float] | None:
    """Return the level that a ticket's own field names, as a distribution; None where it names none of the levels."""
    value = custom.get(field)
    found = next((level for level in levels if isinstance(value, str) and level.casefold() == value.casefold()), None)
    return None if found is None else {found: _SET_BY_HAND}


def priority_of(
    matrix: Mapping[str, Mapping[str, str]], impact: Mapping[str, float], urgency: Mapping[str, float]
) -> dict[str, float]:
    """Return the probability of each priority; impact and urgency count as independent of each other."""
    found: dict[str, float] = {}
    for level, chance in impact.items():
        for other, share in urgency.items():
            priority = str(matrix[level][other])
            found[priority] = found.get(priority, 0.0) + chance * share
    return found
