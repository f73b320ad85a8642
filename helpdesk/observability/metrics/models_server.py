"""The embedded model server."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import gauge

CALLS = gauge("atum_models_server_calls", "Calls that run or wait: embedding, text or pull.", ("lane",))
