"""Simulate clocks from a document: the exchange format that the command line and the API share.

A document is `{"format": 1, "cases": [case, ...]}` or one bare case. A case holds its calendars, policies, events
and the instants to look at (`checks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from helpdesk.errors import Invalid
from helpdesk.sla.rules.calendar import Calendar, CalendarNeverOpen
from helpdesk.sla.rules.case import Case, Check
from helpdesk.sla.rules.clock import Clock, evaluate
from helpdesk.sla.rules.history import Event, EventType
from helpdesk.sla.rules.policy import Policy
from helpdesk.sla.rules.sentences import sentence_of


class InvalidDocument(Invalid):
    """The document is not in the exchange format."""


class InvalidCase(Invalid):
    """The case cannot be computed as it is written."""


def simulate(document: Mapping[str, Any], *, as_of: datetime | None = None) -> dict[str, Any]:
    """Compute every case of a document at `as_of`, or else at the instants of its checks.

    Returns `{"cases": [{"id", "checks": [{"as_of", "clocks"}]}]}` as JSON values. A case that cannot be computed
    gives `{"id", "error": {"code", "detail"}}` with the code `calendar_never_open` or `invalid_case`.

    Raises:
        InvalidDocument: the document as a whole cannot be read, or `as_of` is naive or out of range.
    """
    asked = None if as_of is None else _asked(as_of)
    return {"cases": [_outcome_of(case, asked) for case in _cases(document)]}


def _asked(as_of: datetime) -> datetime:
    try:
        return Check(as_of=as_of).as_of
    except ValidationError as error:
        raise InvalidDocument(sentence_of(error)) from error


def _cases(document: object) -> list[Any]:
    if not isinstance(document, Mapping):
        raise InvalidDocument("document: must be an object with cases, or one case")
    if document.get("format", 1) != 1:
        raise InvalidDocument(f"format: {document['format']!r} is not known; it must be 1")
    cases = document.get("cases", [document])
    if not isinstance(cases, list):
        raise InvalidDocument("cases: must be a list")
    return cases


def _outcome_of(case: object, as_of: datetime | None) -> dict[str, Any]:
    name = case.get("id") if isinstance(case, Mapping) else None
    try:
        return {"id": name, "checks": _checks(case, as_of)}
    except CalendarNeverOpen as error:
        return {"id": name, "error": {"code": "calendar_never_open", "detail": error.detail}}
    except Invalid as error:
        return {"id": name, "error": {"code": "invalid_case", "detail": error.detail}}


def _checks(value: object, as_of: datetime | None) -> list[dict[str, Any]]:
    try:
        case = Case.model_validate(value)
    except ValidationError as error:
        raise InvalidCase(sentence_of(error, within="" if isinstance(value, Mapping) else "case")) from error
    instants = [check.as_of for check in case.checks] if as_of is None else [as_of]
    if not instants:
        raise InvalidCase("checks: the case names no instant to look at, and none was given")
    events = sorted((event.event() for event in case.events), key=lambda event: event.at)
    _ensure_one_life(events)
    calendars = _calendars(case, events[0].at)
    policies = _policies(case, calendars)
    _ensure_policies_given(events, policies)
    return [
        {"as_of": iso(at), "clocks": [clock_json(clock) for clock in evaluate(events, policies, calendars, as_of=at)]}
        for at in instants
    ]


def _calendars(case: Case, start: datetime) -> dict[str, Calendar]:
    calendars = {
        name: Calendar.from_json(_given(hours), where=f"calendars.{name}") for name, hours in case.calendars.items()
    }
    for name, calendar in calendars.items():
        try:
            calendar.ensure_opens(start)
        except CalendarNeverOpen as error:
            raise CalendarNeverOpen(f"calendars.{name}: {error.detail}") from error
    return calendars


def _policies(case: Case, calendars: Mapping[str, Calendar]) -> dict[str, Policy]:
    policies = {
        name: Policy.from_json(_given(terms), where=f"policies.{name}") for name, terms in case.policies.items()
    }
    for name, policy in policies.items():
        if policy.calendar not in calendars:
            raise InvalidCase(f"policies.{name}.calendar: there is no calendar {policy.calendar!r}")
    return policies


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something: null is the same as left out."""
    return {name: value for name, value in fields.items() if value is not None}


def _ensure_one_life(events: list[Event]) -> None:
    created = [event for event in events if event.type is EventType.CREATED]
    if len(created) != 1:
        raise InvalidCase(f"events: there must be one `created` event, not {len(created)}")
    if events[0] is not created[0]:
        raise InvalidCase(f"events: the `{events[0].type}` event at {iso(events[0].at)} comes before `created`")


def _ensure_policies_given(events: list[Event], policies: Mapping[str, Policy]) -> None:
    for event in events:
        if event.policy is not None and event.policy not in policies:
            at = iso(event.at)
            raise InvalidCase(f"events: the `{event.type}` event at {at} names an unknown policy {event.policy!r}")


def clock_json(clock: Clock) -> dict[str, Any]:
    """Write a clock with the fields of the exchange format; `warnings` only where the policy has other levels."""
    fields = {
        "metric": clock.metric.value,
        "instance": clock.instance,
        "start_at": iso(clock.start_at),
        "target_s": clock.target_s,
        "state": clock.state.value,
        "outcome": clock.outcome and clock.outcome.value,
        "breached": clock.breached,
        "due_at": iso(clock.due_at),
        "warn_75_at": iso(clock.warn_75_at),
        "warn_90_at": iso(clock.warn_90_at),
        "elapsed_s": clock.elapsed_s,
        "elapsed_pct": clock.elapsed_pct,
        "remaining_s": clock.remaining_s,
        "overdue_s": clock.overdue_s,
        "stopped_at": iso(clock.stopped_at),
        "notifications": [{"level": told.level, "at": iso(told.at)} for told in clock.notifications],
    }
    if clock.warnings:
        fields["warnings"] = [{"level": warn.level, "at": iso(warn.at)} for warn in clock.warnings]
    return fields


def iso(at: datetime | None) -> str | None:
    """Write a time as the exchange format does: in UTC, with a Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
