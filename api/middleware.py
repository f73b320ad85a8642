"""What happens to every request, whatever its path: a name, a limit, a line in the log, safe headers."""

from __future__ import annotations

import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response, unexpected
from helpdesk.database.base import new_id
from helpdesk.observability import origin, tracing
from helpdesk.observability.metrics import http

log = structlog.get_logger(__name__)

MOST_BODY_BYTES = 1_000_000
# A refused body is still read, up to here, since many clients look for the answer only when they have sent it all.
_MOST_DRAINED_BYTES = 16_000_000
_BRINGS_A_FILE = re.compile(r"/(tickets/[^/]+/attachments|kb/import)/?\Z")
_ACCEPTED_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A link's last part lets whoever has it in.
_SECRET_PART = re.compile(r"(?<=/satisfaction/)[^/]+")
# Where replicas are read from: which server answered, and the position by which a replica has what was written.
READ_FROM, READ_AFTER = "Atum-Read-From", "Atum-Read-After"
_READ_HEADERS = {READ_FROM: "read_from", READ_AFTER: "read_after"}
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


class RequestLine:
    """Names each request, answers what nobody caught, and logs one line when it is over."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status, began_after = 0, 0.0

        async def answer(message: Message) -> None:
            nonlocal status, began_after
            if message["type"] == "http.response.start":
                status, began_after = message["status"], time.perf_counter() - started
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, said in _READ_HEADERS.items():
                    if said in scope["state"]:
                        headers[name] = scope["state"][said]
                for name, value in _SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        trace_parent = tracing.parent_for(Headers(scope=scope).get("traceparent"))
        with (
            http.IN_FLIGHT.track_inprogress(),
            origin.entered(origin.Origin(request_id, trace_parent)),
            tracing.step(scope["method"], kind="server", request_id=request_id) as step,
        ):
            try:
                await self.app(scope, receive, answer)
            except Exception as error:  # the last line of defence: the caller learns nothing, the log everything
                response = unexpected(scope, error)
                if status == 0:
                    await response(scope, receive, answer)
            finally:
                took = time.perf_counter() - started
                http.answered(scope["method"], _template(scope), status, began_after or took)
                step.told(
                    name=f"{scope['method']} {_template(scope) or ''}".rstrip(),
                    failed=str(status) if status >= 500 else None,
                    http__request__method=scope["method"],
                    http__route=_template(scope),
                    http__response__status_code=status,
                )
                log.info(
                    "request_completed",
                    duration=round(took, 4),
                    method=scope["method"],
                    path=_SECRET_PART.sub("[hidden]", scope["path"]),
                    route=_template(scope),
                    status_code=status,
                )


def _template(scope: Scope) -> str | None:
    """Return the path as its route has it, without what the caller put into it; None where there is no such path."""
    return getattr(scope.get("route"), "path", None)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("X-Request-ID", "")
    return given if _ACCEPTED_REQUEST_ID.fullmatch(given) else new_id().hex


class Limits:
    """Refuses what no endpoint takes: addresses with NUL, and bodies that are too large, announced or not.

    A body may have a million bytes, one that brings a file as many more as a file may have.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int = MOST_BODY_BYTES, most_uploaded_bytes: int = 0) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.most_uploaded_bytes = most_uploaded_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            response = problem_response(
                scope,
                name="InvalidRequest",
                title="The request is not well formed.",
                status=422,
                detail="An address must not contain NUL.",
            )
            await response(scope, receive, send)
            return
        most_bytes = self.most_bytes
        if scope["method"] == "POST" and _BRINGS_A_FILE.search(scope["path"]):
            most_bytes += self.most_uploaded_bytes
        detail = f"A body may have {most_bytes:,} bytes."
        announced = Headers(scope=scope).get("Content-Length", "0")
        if announced.isdecimal() and int(announced) > most_bytes:
            await _drain(receive)
            response = problem_response(
                scope,
                name="BodyTooLarge",
                title="The body of the request is too large.",
                status=413,
                detail=detail,
                headers={"Connection": "close"},
            )
            await response(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most_bytes:
                raise HTTPException(413, detail)
            return message

        await self.app(scope, limited, send)


async def _drain(receive: Receive) -> None:
    drained = 0
    while drained < _MOST_DRAINED_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
