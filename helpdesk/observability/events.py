"""Logging: one event per line, readable by people and by programs."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from types import TracebackType
from typing import Any, Literal

import structlog

from helpdesk.observability import journal
from helpdesk.observability.journal_fields import printable, priority_of
from helpdesk.redaction import redacted

LogFormat = Literal["auto", "console", "logfmt", "json", "journal"]
_SECRETS = ("password", "token", "secret", "authorization", "api_key")
# What people write; a log tells what happened to it.
_WRITTEN = frozenset(
    ("answer", "body", "content", "input", "messages", "output", "prompt", "question", "sentence", "subject", "summary")
)
# Written by the product itself, and in forms that look like numbers of something else.
_OURS = frozenset(("timestamp", "level", "service", "logger", "exception", "exc_info", "stack_info"))
# Whose doing it was goes last, after what was done.
_WHOSE = ("ticket_id", "job_type", "job_id", "attempt", "request_id", "user_id", "organization_id", "worker_id")
_PLACES = {key: place for place, key in enumerate((*_WHOSE, "trace_id", "service"), start=1)}
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


@lru_cache(maxsize=1000)  # the names in the code, each of them in line after line
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
        case BaseException():
            return redacted(_cut(_said(value)))
        case _:
            return value


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # one that cannot even say what it is must not hide what it was logged for
        return type(error).__name__


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"


def _redact_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Redact a traceback once it is text: the message of a foreign error may quote what it was given."""
    if isinstance(event.get("exception"), str):
        event["exception"] = redacted(event["exception"])
    return event


def _traceback_apart(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Take a traceback that a library logs as its message for what it is, and its last line for the message."""
    said = event.get("event")
    if isinstance(said, str) and said.startswith("Traceback (most recent call last):"):
        event["event"], event["exception"] = said.rstrip().rpartition("\n")[2], said
    return event


def _tidied(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what is None, and put what the context says after what the event does, always in the same order."""
    keys = sorted((key for key, value in event.items() if value is not None), key=lambda key: _PLACES.get(key, 0))
    return {key: event[key] for key in keys}


def _on_one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Keep text that came from outside from starting a line of its own."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = printable(value)
    return event


# A traceback is made text first, and without the variables of its frames.
_LAST: tuple[structlog.typing.Processor, ...] = (structlog.processors.format_exc_info, _redact_exception)


def _renderer(log_format: LogFormat) -> structlog.typing.Processor:
    if log_format == "console":
        return structlog.dev.ConsoleRenderer(sort_keys=False)
    if log_format == "json":
        return structlog.processors.JSONRenderer(sort_keys=False)
    return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Writes lines; for the journal that reads a stream, each begins with its priority."""

    def __init__(self, log_format: LogFormat, shared: list[structlog.typing.Processor]) -> None:
        meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        super().__init__(foreign_pre_chain=shared, processors=[meta, *_LAST, _renderer(log_format)])
        self._tells_priority = log_format != "console" and journal.is_journal()

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return f"<{priority_of(record.levelno)}>{line}" if self._tells_priority else line


def _chosen(log_format: LogFormat) -> LogFormat:
    """Return the form that `auto` stands for here: the journal's own, then by whether somebody looks on."""
    if log_format != "auto":
        return log_format
    if journal.is_journal() and journal.SOCKET.exists():
        return "journal"
    return "console" if sys.stderr.isatty() else "logfmt"


def _handler(service: str, log_format: LogFormat, shared: list[structlog.typing.Processor]) -> logging.Handler:
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_Formatter(log_format, shared))
    if log_format != "journal":
        return stream
    # As the unit is called; a command has none of its own.
    identifier = "atum-desk" if service == "cli" else f"atum-desk-{service.removesuffix('-server')}"
    return journal.JournalHandler(identifier=identifier, service=service, foreign=shared, last=_LAST, fallback=stream)


def _log_uncaught() -> None:
    """Have what nobody caught logged like everything else, in the main thread and in others."""
    log = structlog.get_logger(__name__)

    def tell(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), trace)
            return
        log.critical("uncaught_exception", exc_info=(kind, error, trace))

    sys.excepthook = tell
    threading.excepthook = lambda thrown: tell(thrown.exc_type, thrown.exc_value, thrown.exc_traceback)


def configure_logging(service: str, *, level: str = "info", log_format: LogFormat = "auto") -> None:
    """Send every log event of this process, ours and the libraries', to one place in one form.

    Args:
        service: name of the process, bound to every event.
        level: least level that is written.
        log_format: on standard error `console` for people, `logfmt` or `json` for programs; `journal` for entries of
            systemd's journal; `auto` for the journal where systemd reads standard error for it, else by whether that
            is a terminal.
    """
    log_format = _chosen(log_format)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _traceback_apart,
        _tidied,
        _hide_secrets,
        _on_one_line,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_handler(service, log_format, shared)]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "sqlalchemy", "asyncio", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    if log_format != "console":
        _log_uncaught()
    structlog.contextvars.bind_contextvars(service=service)
