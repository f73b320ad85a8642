"""One order out of what the lists say."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping

from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.retrieval.fusion import Evidence, relevance
from helpdesk.rag.text.terms import codes_of


def compared(model: ActiveModel | None, rows: Sequence[RowMapping]) -> str | None:
    """Return the name of the model whose vectors decided, None when no candidate had one."""
    if model is None or all(row["sim"] is None for row in rows):
        return None
    return model.name.split(":", 1)[0]


def ranked(rows: Sequence[RowMapping], *, words: str, model: str | None) -> list[tuple[RowMapping, float]]:
    """Return the best passage of each document with its relevance, best first; ties in the order of ids."""
    codes = codes_of(words)
    evidence = [
        Evidence(row["sim"], row["bm25"], row["graph"], names_code=not codes.isdisjoint(codes_of(row["title"])))
        for row in rows
    ]
    mass = rows[0]["idf_mass"] if rows else 0.0
    judged = zip(rows, relevance(evidence, idf_mass=mass, model=model).tolist(), strict=True)
    best: dict[UUID, tuple[RowMapping, float]] = {}
    for row, probability in sorted(judged, key=lambda pair: (-pair[1], pair[0]["chunk_id"])):
        best.setdefault(row["document_id"], (row, probability))
    return list(best.values())
