"""Change how much a running process logs."""

from __future__ import annotations

import logging

import structlog

_LEVELS = ("debug", "info", "warning", "error")

log = structlog.get_logger(__name__)


def set_log_level(level: str) -> None:
    """Log from this level on: `debug`, `info`, `warning` or `error`; another word is told of, and changes nothing."""
    if level not in _LEVELS:
        log.warning("log_level_refused", wanted=level, known=", ".join(_LEVELS))
        return
    number = logging.getLevelNamesMapping()[level.upper()]
    # Told before: from here on it may be too quiet for that.
    log.info("log_level_set", least=level)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))
    logging.getLogger().setLevel(number)
