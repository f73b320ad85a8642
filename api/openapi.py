"""The OpenAPI description: what FastAPI derives from the routes, with every error as the problem it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, Problem

DESCRIPTION = """\
Everything the product does, over HTTP.

* **Credentials**: `Authorization: Bearer atd_…`. The token names its organisation; nothing of another one is ever seen.
* **Lists** come in pages: `limit` up to 200, `next_cursor` of one page is the `cursor` of the next.
* **Errors** are RFC 9457 problems (`application/problem+json`) with a stable `type` and the request's `request_id`.
* **Times** are UTC, ids are UUIDs that sort by time.
* **Background work**: a 201 or 202 means that the work is stored and will be done; `GET /api/v1/events` tells when.
"""

TAGS = [
    {"name": "auth", "description": "Sign in and out."},
    {"name": "tickets", "description": "Open, read, answer, move and assign tickets."},
    {"name": "attachments", "description": "Files on tickets."},
    {"name": "triage", "description": "What triage thinks of a ticket, and the agents' word on it."},
    {"name": "replies", "description": "Reply drafts with their citations."},
    {"name": "kb", "description": "Knowledge-base articles and their versions."},
    {"name": "search", "description": "Search over articles, tickets and assets."},
    {"name": "ai", "description": "The models: where they are, what they may do and cost."},
    {"name": "assets", "description": "Things that people have trouble with."},
    {"name": "sla", "description": "Clocks, what they would do, their risk, and how promises were kept."},
    {"name": "calendars", "description": "Business hours, public holidays, and when it is open."},
    {"name": "jobs", "description": "The job queue and the workers on it."},
    {"name": "metrics", "description": "Figures over time, and what customers thought."},
    {"name": "notifications", "description": "What a user is told."},
    {"name": "webhooks", "description": "Addresses outside that are told of events."},
    {"name": "events", "description": "What happens, live."},
    {"name": "organization", "description": "People, teams, categories and customers."},
    {"name": "health", "description": "For monitors; no credentials needed."},
]

_PROBLEMS = {
    "401": "The access token is missing, unknown or expired.",
    "403": "The user's role does not allow this.",
    "404": "There is no such thing in this organisation.",
    "409": "The state of the thing does not allow this.",
    "422": "A value is not acceptable.",
    "default": "Any other problem.",
}
_METHODS = {"get", "post", "put", "patch", "delete"}


def install(app: FastAPI) -> None:
    """Let an app describe itself this way."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info=app.license_info,
    )
    for path, method, operation in operations(document):
        wanted = _expected_problems(path, method, operation)
        operation["responses"] = {
            status: response
            for status, response in operation["responses"].items()
            if status < "4" or status == "default"
        } | {status: {"$ref": f"#/components/responses/Problem{status.title()}"} for status in wanted}
    components = document.setdefault("components", {})
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = components.setdefault("schemas", {})
    schemas |= schema.pop("$defs", {}) | {"Problem": schema}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["responses"] = {
        f"Problem{status.title()}": {
            "description": text,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, text in _PROBLEMS.items()
    }
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every operation of a description with its path and method."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def _expected_problems(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    expected = ["default"]
    if "security" in operation or path.endswith("/login"):
        expected.append("401")
    if "security" in operation and method != "get":
        expected += ["403", "409"]
    if "{" in path:
        expected.append("404")
    if "parameters" in operation or "requestBody" in operation:
        expected.append("422")
    return sorted(expected)
