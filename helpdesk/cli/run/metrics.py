"""Where the processes of a run show their metrics: one after another from the port that the setting names."""

from __future__ import annotations

from helpdesk.observability.metrics.serving import address_of

# As the units have them.
_AFTER = {"api": 0, "job": 1, "rag": 2, "sla": 3, "models": 4}


def shown_by(process: str, *, listen: str) -> dict[str, str]:
    """Return the setting of one process: its own port, or any free one where that is what the setting says.

    Args:
        process: `api`, `job`, `rag`, `sla` or `models`.
        listen: ATUM_METRICS_LISTEN as it is for all of them.
    """
    try:
        host, port = address_of(listen)
    except ValueError:
        # Empty, or for the process to complain of.
        return {}
    if not port:
        return {}
    named = f"[{host}]" if ":" in host else host
    return {"ATUM_METRICS_LISTEN": f"{named}:{port + _AFTER[process]}"}
