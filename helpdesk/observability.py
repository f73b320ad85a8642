"""Logging: one event per line, readable by people and by programs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

LogFormat = Literal["auto", "console", "logfmt", "json"]
_SECRETS = ("password", "token", "secret", "authorization", "api_key")


def _hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key in event:
        if any(word in key.lower() for word in _SECRETS) and not key.endswith("_tokens"):
            event[key] = "[hidden]"
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
        return [structlog.dev.ConsoleRenderer(sort_keys=False)]
    flatten: structlog.typing.Processor = structlog.processors.format_exc_info
    if log_format == "json":
        return [flatten, structlog.processors.JSONRenderer(sort_keys=False)]
    return [
        flatten,
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
