"""How an answer's sources were found, as it is kept with the call of a model."""

from __future__ import annotations

from typing import Any

from helpdesk.rag.retrieval.query import SearchAnswer


def trace_of(answer: SearchAnswer) -> dict[str, Any]:
    """Return a search's results with what ranked them, as JSON."""
    return {
        "model": answer.model,
        "degraded": answer.degraded,
        "found": [
            {
                "source_id": str(result.source_id),
                "chunk_id": str(result.chunk_id),
                "relevance": round(result.relevance, 4),
                "signals": result.signals,
            }
            for result in answer.results
        ],
    }
