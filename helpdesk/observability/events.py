"""Logging: one event per line, readable by people and by programs."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

from helpdesk.redaction import redacted

LogFormat = Literal["auto", "console", "logfmt", "json"]
_SECRETS = ("password", "token", "secret", "authorization", "api_key")
# What people write; a log tells what happened to it.
_WRITTEN = frozenset(
    ("answer", "body", "content", "input", "messages", "output", "prompt", "question", "sentence", "subject", "summary")
)
# Written by the product itself, and in forms that look like numbers of something else.
_OURS = frozenset(("timestamp", "level", "service", "logger", "exc_info", "stack_info", "_record", "_from_structlog"))
# Of a longer value, what is left out tells nobody anything.
_LONGEST_VALUE = 2000
_DEEPEST = 4
# Names of ours and ids, which most values are.
_HARMLESS = re.compile(r"[A-Za-z_. ]{0,60}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key in event:
        if key not in _OURS:
            event[key] = _hidden_name(key) or _redacted_value(event[key], _DEEPEST)
    return event


def _hidden_name(key: str) -> str:
    """Return what stands in place of a value that is hidden for its name alone, else nothing."""
    name = key.lower()
    hidden = name in _WRITTEN or (any(word in name for word in _SECRETS) and not name.endswith("_tokens"))
    return "[hidden]" if hidden else ""


def _redacted_value(value: Any, depth: int) -> Any:
    match value:
        case str():
            return value if _HARMLESS.fullmatch(value) else redacted(_cut(value))
        case Mapping() if depth:
            return {key: _hidden_name(str(key)) or _redacted_value(each, depth - 1) for key, each in value.items()}
        case list() | tuple() | set() | frozenset() if depth:
            return [_redacted_value(each, depth - 1) for each in value]
        case bytes() | bytearray():
            return f"[{len(value)} bytes]"
        case Exception():
            return redacted(_cut(str(value)))
        case _:
            return value


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"


def _redact_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Redact a traceback once it is text: the message of a foreign error may quote what it was given."""
    if isinstance(event.get("exception"), str):
        event["exception"] = redacted(event["exception"])
    return event


def _on_one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Keep text that came from outside from starting a line of its own."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            event[key] = value.encode("unicode_escape").decode("ascii")
    return event


def _renderer(log_format: LogFormat) -> list[structlog.typing.Processor]:
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "logfmt"
    if log_format == "console":
        # Made text first, and without the variables of its frames.
        return [
            structlog.processors.format_exc_info,
            _redact_exception,
            structlog.dev.ConsoleRenderer(sort_keys=False),
        ]
    flatten: structlog.typing.Processor = structlog.processors.format_exc_info
    if log_format == "json":
        return [flatten, _redact_exception, structlog.processors.JSONRenderer(sort_keys=False)]
    return [
        flatten,
        _redact_exception,
        structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
    ]


def configure_logging(service: str, *, level: str = "info", log_format: LogFormat = "auto") -> None:
    """Send every log event of this process, ours and the libraries', to standard error in one form.

    Args:
        service: name of the process, bound to every event.
        level: least level that is written.
        log_format: `console` for people, `logfmt` or `json` for programs, `auto` to look at the terminal.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
        _on_one_line,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderer(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "sqlalchemy.engine", "asyncio", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)
