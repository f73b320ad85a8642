"""The JSON form of an explanation."""

from __future__ import annotations

from typing import Any

from helpdesk.sla.explaining.explanation import Explanation, Interval
from helpdesk.sla.explaining.marks import Mark, Promise
from helpdesk.sla.rules.exchange import clock_json, iso


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Write a clock with the fields of the exchange format, its policy and calendar, its intervals and marks."""
    clock = explanation.clock
    return {
        **clock_json(clock),
        "warnings": [{"level": warn.level, "at": iso(warn.at)} for warn in clock.warnings],
        "breached_at": iso(clock.breached_at),
        "policy": explanation.policy,
        "calendar": explanation.calendar,
        "timezone": explanation.timezone,
        "intervals": [_interval(interval) for interval in explanation.intervals],
        "marks": [_mark(mark) for mark in explanation.marks],
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "kind": interval.kind.value,
        "start": iso(interval.start),
        "end": iso(interval.end),
        "counted_s": interval.counted_s,
        "elapsed_s": interval.elapsed_s,
        "elapsed_pct": interval.elapsed_pct,
        "reason": interval.reason,
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "at": iso(mark.at),
        "kind": mark.kind.value,
        "text": mark.text,
        "level": mark.level,
        "before": _promise(mark.before),
        "after": _promise(mark.after),
    }


def _promise(promise: Promise | None) -> dict[str, Any] | None:
    if promise is None:
        return None
    return {
        "policy": promise.policy,
        "calendar": promise.calendar,
        "priority": promise.priority.value,
        "target_s": promise.target_s,
    }
