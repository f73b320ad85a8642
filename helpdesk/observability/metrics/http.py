"""What a web server answers."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import OTHER, Names, counter, gauge, histogram, labelled

ANSWER = histogram(
    "atum_http_answer_seconds",
    "From a request until its answer begins; streams go on after that.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
IN_FLIGHT = gauge("atum_http_requests_in_flight", "Requests that are not over, open streams among them.")
PROBLEMS = counter("atum_http_problems_total", "Requests answered with a problem, by its type.", ("type",))

# The words of a request are the caller's.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_UNKNOWN_ROUTE = "unknown"
_problems = Names(200)


def answered(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count an answer.

    Args:
        route: the template that the path fits, such as `/api/v1/tickets/{ticket_id}`; None where it fits none.
        status: 0 where the caller had left before there was one.
    """
    named = method if method in _METHODS else OTHER
    group = f"{status // 100}xx" if status else "none"
    labelled(ANSWER, named, route or _UNKNOWN_ROUTE, group).observe(seconds)


def problem(kind: str) -> None:
    """Count an answer that is a problem, by the last part of its type."""
    labelled(PROBLEMS, _problems.of(kind)).inc()
