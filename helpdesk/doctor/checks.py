"""Looks at an installation, one check after the other, none of which can keep the others from looking."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import structlog

import helpdesk.doctor.examinations  # noqa: F401 (registers every check)
from helpdesk.doctor.finding import Finding, Verdict, error, skipped
from helpdesk.doctor.patient import DatabaseAway, Patient
from helpdesk.doctor.registry import AREAS, Check, registry
from helpdesk.errors import Invalid
from helpdesk.redaction import redacted

_REACHABLE = "database.reachable"

log = structlog.get_logger(__name__)


class UnknownCheck(Invalid):
    """There is no such check."""


def all_checks() -> list[Check]:
    """Return every check, in the order they are told in."""
    return sorted(registry.checks.values(), key=lambda check: AREAS.index(check.area))


def chosen_checks(only: Collection[str] = (), *, leave_out: Collection[str] = ()) -> list[Check]:
    """Return the checks of the given names or areas, all of them when none is given.

    Raises:
        UnknownCheck: with the areas there are.
    """
    checks = all_checks()
    known = {check.name for check in checks} | {check.area for check in checks}
    if unknown := sorted(set(only) - known):
        areas = ", ".join(dict.fromkeys(check.area for check in checks))
        raise UnknownCheck(f"There is no check {', '.join(unknown)}; areas are {areas}, and --list names every check.")
    chosen = {
        check.name
        for check in checks
        if not {check.name, check.area} & set(leave_out) and (not only or {check.name, check.area} & set(only))
    }
    if any(check.database for check in checks if check.name in chosen):
        # By which the others say why they were skipped.
        chosen.add(_REACHABLE)
    return [check for check in checks if check.name in chosen]


async def run(patient: Patient, checks: Sequence[Check] | None = None) -> list[Finding]:
    """Let checks look and return what they found, in the order of the checks.

    Each is given up after its time; one that fails is a finding of its own.
    """
    chosen = all_checks() if checks is None else checks
    found: dict[str, list[Finding]] = {}

    async def look(some: Sequence[Check]) -> None:
        for check in some:
            found[check.name] = await _look(check, patient)

    try:
        await asyncio.gather(
            look([check for check in chosen if check.database]),
            *(look([check]) for check in chosen if not check.database),
        )
    finally:
        await patient.leave()
    return [finding for check in chosen for finding in found[check.name]]


async def _look(check: Check, patient: Patient) -> list[Finding]:
    verdicts = await _verdicts(check, patient)
    return [Finding(check.name, each.state, each.says, each.remedy, each.figures) for each in verdicts]


async def _verdicts(check: Check, patient: Patient) -> list[Verdict]:
    try:
        async with asyncio.timeout(check.longest_s):
            looked = await check.look(patient)
    except TimeoutError:
        says = f"It took longer than {check.longest_s:g} s and was given up."
        return [error(says, "Try again; if it stays so, what is looked at hangs or is overloaded.")]
    except DatabaseAway:
        return [skipped("It takes the database, see database.reachable.")]
    except Exception as failure:  # whatever a check fails on, the others are to go on
        log.debug("check_failed", check=check.name, exc_info=True)
        says = f"The check itself failed: {type(failure).__name__}: {redacted(str(failure))}"
        return [error(says, "If the other findings do not explain it, report this with the output of --json.")]
    return looked if isinstance(looked, list) else [looked]
