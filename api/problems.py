"""Errors as RFC 9457 problems: the one place that knows both the product's errors and HTTP."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from api.asking_slots import AskedTooOften
from api.preconditions import ChangedMeanwhile
from api.visit_rate import VisitedTooOften
from helpdesk.accounts.queries import ContactNotFound
from helpdesk.assets.commands import AssetChanged
from helpdesk.attachments.commands import NotOnThisTicket
from helpdesk.attachments.receiving import AttachmentTooLarge
from helpdesk.database.engine import READ_ONLY
from helpdesk.errors import Conflict, Forbidden, HelpdeskError, Invalid, NotFound, Unauthenticated, Unavailable
from helpdesk.kb.articles.rows import ArticleChanged
from helpdesk.kb.markdown.archives import ArchiveTooLarge
from helpdesk.observability.metrics import http
from helpdesk.queue.decode import InvalidPayload, UnknownJobType
from helpdesk.sla.calendars.commands import CalendarChanged
from helpdesk.tickets.merging import MergeTargetNotFound
from helpdesk.tickets.requests import AssetNotFound, CategoryNotFound, TeamNotFound, UserNotFound

log = structlog.get_logger(__name__)

STATUS_OF_KIND: dict[type[HelpdeskError], int] = {
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    Unavailable: 503,
}
# A body that names something that is not there is at fault itself: the path was right.
STATUS_OF_ERROR: dict[type[HelpdeskError], int] = {
    AskedTooOften: 429,
    AssetNotFound: 422,
    AttachmentTooLarge: 413,
    CategoryNotFound: 422,
    ContactNotFound: 422,
    MergeTargetNotFound: 422,
    NotOnThisTicket: 422,
    TeamNotFound: 422,
    UserNotFound: 422,
    ArchiveTooLarge: 413,
    ArticleChanged: 412,
    AssetChanged: 412,
    CalendarChanged: 412,
    ChangedMeanwhile: 412,
    VisitedTooOften: 429,
}
MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = "5"
# Connection exceptions, insufficient resources, operator intervention.
_OUTAGES = ("08", "53", "57")
_NOT_ACCEPTING = "55000"
_REPLAY_WENT_FIRST = ("40001", "40P01")
_OF_FILES = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG}
# A connection that cannot be made raises the driver's own errors and the system's, time-outs among them.
_AWAY = (DBAPIError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class FieldError(BaseModel):
    """One value of the request that is not acceptable."""

    detail: str
    pointer: str | None = Field(default=None, description="JSON pointer into the body.", examples=["#/subject"])
    parameter: str | None = Field(default=None, description="Name of the query, path or header parameter.")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "/problems/ticket-closed",
                "title": "The ticket is closed and takes no more changes.",
                "status": 409,
                "detail": "The ticket is closed and takes no more changes.",
                "instance": "/api/v1/tickets/41/messages",
                "request_id": "0199c7a2b6d07d0c8b6f2f3c1d0e9a11",
            }
        },
    )

    type: str = Field(description="Stable name of the kind of problem; relative to this server.")
    title: str = Field(description="The kind of problem in a sentence.")
    status: int = Field(description="HTTP status code.")
    detail: str = Field(description="What is wrong with this request.")
    instance: str = Field(description="Path of the request.")
    request_id: str = Field(description="Name of the request in the server's log.")
    errors: list[FieldError] | None = Field(default=None, description="What is wrong, value by value.")


def type_of(name: str) -> str:
    """Return the stable type of an error class, such as `/problems/ticket-closed` of `TicketClosed`."""
    return "/problems/" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def problem_response(
    scope: Mapping[str, Any],
    *,
    name: str,
    title: str,
    status: int,
    detail: str,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Write a problem as a response; `name` is that of the error class."""
    http.problem(type_of(name).rpartition("/")[2])
    problem = Problem(
        type=type_of(name),
        title=title,
        status=status,
        detail=detail,
        instance=scope["path"],
        request_id=scope.get("state", {}).get("request_id", ""),
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def status_of(error: HelpdeskError) -> int:
    """Return the status of an error, or of the kind it is of; an error of no kind is ours."""
    if type(error) in STATUS_OF_ERROR:
        return STATUS_OF_ERROR[type(error)]
    return next((status for kind, status in STATUS_OF_KIND.items() if isinstance(error, kind)), 500)


async def _helpdesk_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HelpdeskError)
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return unexpected(request.scope, error)
    headers = {}
    found = error.context.get("errors", []) if isinstance(error, InvalidPayload | UnknownJobType) else []
    within = error.context.get("within", "#")
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = str(int(error.context.get("retry_after", _RETRY_AFTER_S)))
    return problem_response(
        request.scope,
        name=type(error).__name__,
        title=error.title(),
        status=status,
        detail=error.detail,
        errors=[FieldError(detail=e["problem"], pointer=f"{within}{e['pointer']}") for e in found] or None,
        headers=headers,
    )


async def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [_field_error(entry) for entry in error.errors()]
    where = ", ".join(sorted({found.parameter or found.pointer or "the request" for found in errors}))
    return problem_response(
        request.scope,
        name="InvalidRequest",
        title="The request is not well formed.",
        status=422,
        detail=f"Not acceptable: {where}.",
        errors=errors,
    )


def _field_error(entry: Mapping[str, Any]) -> FieldError:
    """Tell where and why; never what was sent, which may be a password."""
    place, *path = entry["loc"]
    reason = str(entry["msg"]).removeprefix("Value error, ")
    if place == "body" and entry["type"] == "json_invalid":
        return FieldError(detail="The body is not JSON.", pointer="#")
    if place == "body":
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
        return FieldError(detail=reason, pointer="#" + "".join(f"/{step}" for step in steps))
    return FieldError(detail=reason, parameter=str(path[0]) if path else str(place))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else _DETAIL_OF_STATUS.get(error.status_code, phrase)
    return problem_response(
        request.scope,
        name=phrase.title().replace(" ", ""),
        title=f"{phrase}.",
        status=error.status_code,
        detail=detail,
        headers=error.headers,
    )


_DETAIL_OF_STATUS = {
    404: "There is nothing at this path; /docs lists what there is.",
    405: "This path does not take this method.",
}


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    """Say that the database is away, where that is the reason, and nothing about it otherwise."""
    if isinstance(error, DBAPIError) and not (_is_away(error) or _is_no_place_for_it(request, error)):
        return unexpected(request.scope, error)
    if isinstance(error, OSError) and _is_of_files(error):
        return unexpected(request.scope, error)
    log.warning("database_unavailable", error=repr(error))
    return problem_response(
        request.scope,
        name="DatabaseUnavailable",
        title="The database cannot be reached.",
        status=503,
        detail="The database does not answer for now; try again in a moment.",
        headers={"Retry-After": _RETRY_AFTER_S},
    )


def _is_of_files(error: OSError) -> bool:
    """Tell a folder that cannot be written, or a full disk, from a connection: those name a file, or say so."""
    return error.filename is not None or error.errno in _OF_FILES


def _is_away(error: DBAPIError) -> bool:
    """Tell an outage from a statement that failed, by the classes of SQLSTATE that speak of the server."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state == _NOT_ACCEPTING or state.startswith(_OUTAGES)


def _is_no_place_for_it(request: Request, error: DBAPIError) -> bool:
    """Tell a write that met a standby, and a read that stood in the way of what a standby had to replay."""
    state = getattr(error.orig, "sqlstate", None)
    if getattr(request.state, "read_from", None) == "replica":
        return state in _REPLAY_WENT_FIRST
    return state == READ_ONLY and request.method not in {"GET", "HEAD"}


def unexpected(scope: Mapping[str, Any], error: BaseException) -> JSONResponse:
    """Log an error that nobody foresaw, and tell the caller nothing but where to find it."""
    log.error("request_failed", method=scope["method"], path=scope["path"], exc_info=error)
    return problem_response(
        scope,
        name="InternalError",
        title="The server failed.",
        status=500,
        detail="The failure is in the server's log under this request_id.",
    )


async def problem_of(request: Request, error: Exception) -> str:
    """Return an error as a problem in JSON, for a stream whose status has left already."""
    if isinstance(error, HelpdeskError):
        response = await _helpdesk_error(request, error)
    elif isinstance(error, _AWAY):
        response = await _database_error(request, error)
    else:
        response = unexpected(request.scope, error)
    return bytes(response.body).decode()


def install(app: FastAPI) -> None:
    """Answer every error of an app with a problem."""
    app.add_exception_handler(HelpdeskError, _helpdesk_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    for away in _AWAY:
        app.add_exception_handler(away, _database_error)
