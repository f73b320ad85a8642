"""All metrics of the product, whichever process shows them."""

from __future__ import annotations

import importlib
import pkgutil

from helpdesk.observability import metrics
from helpdesk.observability.metrics.registry import DEFINITIONS, Definition


def catalogue() -> dict[str, Definition]:
    """Return every metric by its name; loads all modules of this package, which no process that serves should do."""
    for module in pkgutil.iter_modules(metrics.__path__):
        importlib.import_module(f"{metrics.__name__}.{module.name}")
    return dict(sorted(DEFINITIONS.items()))
