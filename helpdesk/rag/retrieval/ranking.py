"""One order out of what the lists say."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping

from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.retrieval.fusion import Evidence, relevance
from helpdesk.rag.retrieval.fusion_weights import Weights
from helpdesk.rag.retrieval.overlap import overlap
from helpdesk.rag.text.terms import codes_of


def compared(model: ActiveModel | None, rows: Sequence[RowMapping]) -> ActiveModel | None:
    """Return the model whose vectors decided, None when no candidate had one."""
    return None if all(row["sim"] is None for row in rows) else model


def evidence_of(rows: Sequence[RowMapping], *, words: str) -> list[Evidence]:
    """Return what is known of each candidate of a query."""
    codes = _codes(words)
    shared = overlap(words, [f"{row['title']} {row['heading_path']} {row['content']}" for row in rows])
    return [
        Evidence(
            row["sim"],
            row["bm25"],
            row["graph"],
            names_code=bool(codes) and not codes.isdisjoint(_codes(row["title"])),
            covered=float(shared.covered[place]),
            whole=float(shared.whole[place]),
            rare=float(shared.rare[place]),
            phrase=float(shared.phrase[place]),
            phrases=float(shared.phrases[place]),
        )
        for place, row in enumerate(rows)
    ]


def ranked(rows: Sequence[RowMapping], *, words: str, weights: Weights) -> list[tuple[RowMapping, float]]:
    """Return the best passage of each document with its relevance, best first; ties in the order of ids."""
    if not rows:
        return []
    found = relevance(evidence_of(rows, words=words), idf_mass=rows[0]["idf_mass"], weights=weights)
    judged = zip(rows, found.tolist(), strict=True)
    best: dict[UUID, tuple[RowMapping, float]] = {}
    for row, probability in sorted(judged, key=lambda pair: (-pair[1], pair[0]["chunk_id"])):
        best.setdefault(row["document_id"], (row, probability))
    return list(best.values())


def _codes(text: str) -> set[str]:
    """Return the codes of a text however they are written: `HL809` is `HL-809`."""
    return {code.replace("-", "") for code in codes_of(text)}
