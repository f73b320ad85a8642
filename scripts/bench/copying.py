"""Fill the index's own tables by COPY, with what the product would have computed: for millions of passages."""

from __future__ import annotations

import json
import random
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import numpy as np
from clustered import Clusters, Drawn, Ints, cut

from helpdesk.database.base import new_id
from helpdesk.models.rag import TERM_SPACE
from helpdesk.rag.text.chunking import CHUNKER_VERSION
from helpdesk.rag.text.terms import AVERAGE_LENGTH, K1, B, bm25_weights, term_hash, words_of

_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_PIECE = 1 << 20
_BATCH = 10_000
# Shares of articles and assets in a tenant's passages, and the most of each: only tickets grow for ever.
_ARTICLES, _ASSETS = (0.2, 5000), (0.05, 2000)
_SOLVED, _ABOUT = 0.3, 0.2
_TABLES = ("rag_documents", "rag_chunks", "rag_nodes", "rag_edges")
_DROPPABLE = """
SELECT pg_get_indexdef(x.indexrelid) AS definition, x.indexrelid::regclass::text AS name FROM pg_index x
 WHERE x.indrelid = ANY($1::regclass[]) AND NOT x.indisunique
"""

_DOCUMENTS = (
    "id", "organization_id", "source_type", "source_id", "source_version", "content_hash", "chunker_version",
    "visibility", "title", "language", "meta", "indexed_at",
)  # fmt: skip
_CHUNKS = (
    "id", "organization_id", "document_id", "source_type", "visibility", "ordinal", "chunk_hash", "content",
    "char_start", "char_end", "length", "terms", "bm25",
)  # fmt: skip
_VECTORS = ("chunk_id", "organization_id", "source_type", "visibility", "embedding")
_NODES = ("id", "organization_id", "kind", "source_id", "label")
_EDGES = ("source", "destination", "kind", "organization_id", "origin")


@dataclass(frozen=True)
class Document:
    """One source on its way into the index."""

    id: bytes
    node: bytes
    source_type: str
    visibility: str
    passages: int
    topic: int


class Tables:
    """A superuser's connection that fills the tables; row-level security lets nobody else COPY."""

    def __init__(self, connection: asyncpg.Connection, clusters: Clusters, *, model_table: str) -> None:
        self._connection = connection
        self._clusters = clusters
        self._model_table = model_table
        self._dropped: list[str] = []
        self._rng = random.Random(5)

    async def open(self) -> None:
        """Take away what would slow the filling down."""
        await self._connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '1GB'")
        tables = [*_TABLES, self._model_table]
        for row in await self._connection.fetch(_DROPPABLE, tables):
            self._dropped.append(row["definition"])
            await self._connection.execute(f"DROP INDEX {row['name']}")

    async def close(self) -> None:
        """Put back what was taken away, and let PostgreSQL learn what the tables hold."""
        for definition in self._dropped:
            await self._connection.execute(definition, timeout=3600)
        await self._connection.execute("VACUUM ANALYZE", timeout=3600)

    async def fill(self, organization_id: UUID, passages: int) -> None:
        """Write a tenant's passages: articles, assets and, for the greatest part, tickets."""
        kb = min(int(passages * _ARTICLES[0]), _ARTICLES[1])
        assets = min(int(passages * _ASSETS[0]), _ASSETS[1])
        hashes = _hashes(self._clusters, organization_id)
        known: dict[str, dict[int, list[bytes]]] = {"kb": {}, "asset": {}, "ticket": {}}
        for kind, count in (("kb", kb), ("asset", assets), ("ticket", passages - kb - assets)):
            for start in range(0, count, _BATCH):
                drawn = self._clusters.draw(min(_BATCH, count - start))
                await self._write(organization_id, kind, drawn, hashes, known)

    async def _write(
        self, organization_id: UUID, kind: str, drawn: Drawn, hashes: Ints, known: dict[str, dict[int, list[bytes]]]
    ) -> None:
        owner, documents, first = organization_id.bytes, [], 0
        for size in cut(len(drawn.topics), self._rng):
            visibility = self._rng.choices(("public", "customers", "internal"), (8, 1, 1))[0] if kind == "kb" else None
            seen = visibility or ("internal" if kind == "asset" else "public")
            topic = int(drawn.topics[first])
            documents.append(Document(new_id().bytes, new_id().bytes, kind, seen, size, topic))
            first += size
        sources = [new_id().bytes for _ in documents]
        vocabulary = self._clusters.vocabulary
        ids = [new_id().bytes for _ in drawn.topics]
        visible = [
            "internal" if kind == "ticket" and self._rng.random() < 0.3 else document.visibility
            for document in documents
            for _ in range(document.passages)
        ]
        titles = _titles(drawn, documents, vocabulary)
        now = _int8(int((datetime.now(UTC) - _EPOCH).total_seconds() * 1e6))
        await self._copy(
            "rag_documents",
            _DOCUMENTS,
            (
                _row(document.id, owner, kind, source, _int8(1), b"", _int4(CHUNKER_VERSION), document.visibility,
                     title, "en", _meta(document, self._rng), now)
                for document, source, title in zip(documents, sources, titles, strict=True)
            ),
        )  # fmt: skip
        rows = list(zip(ids, visible, strict=True))
        chunks = _chunks(owner, drawn, documents, rows, hashes=hashes, vocabulary=vocabulary)
        await self._copy("rag_chunks", _CHUNKS, chunks)
        halves = drawn.vectors.astype(">f2")
        head = struct.pack("!hh", halves.shape[1], 0)
        await self._copy(
            self._model_table,
            _VECTORS,
            (
                _row(identifier, owner, kind, seen, head + half.tobytes())
                for identifier, seen, half in zip(ids, visible, halves, strict=True)
            ),
        )
        await self._copy(
            "rag_nodes",
            _NODES,
            (
                _row(document.node, owner, kind, source, title)
                for document, source, title in zip(documents, sources, titles, strict=True)
            ),
        )
        await self._copy("rag_edges", _EDGES, list(self._edges(owner, documents, known)))
        for document in documents:
            known[kind].setdefault(document.topic, []).append(document.node)

    def _edges(
        self, owner: bytes, documents: Sequence[Document], known: dict[str, dict[int, list[bytes]]]
    ) -> Iterable[bytes]:
        for document in documents:
            if document.source_type != "ticket":
                continue
            wanted = (("solved_by", "kb", _SOLVED, "rule"), ("about", "asset", _ABOUT, "explicit"),
                      ("similar", "ticket", 1.0, "similarity"))  # fmt: skip
            for kind, target, share, origin in wanted:
                if self._rng.random() < share and (there := known[target].get(document.topic)):
                    yield _row(document.node, self._rng.choice(there), kind, owner, origin)

    async def _copy(self, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
        await self._connection.copy_to_table(
            table, source=_pieces(rows), columns=list(columns), format="binary", timeout=600
        )


async def _pieces(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    piece = bytearray(_HEADER)
    for row in rows:
        piece += row
        if len(piece) > _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + struct.pack("!h", -1)


def _row(*fields: bytes | str) -> bytes:
    parts = [struct.pack("!h", len(fields))]
    for value in fields:
        raw = value.encode() if isinstance(value, str) else value
        parts += (struct.pack("!i", len(raw)), raw)
    return b"".join(parts)


def _int4(number: int) -> bytes:
    return struct.pack("!i", number)


def _int8(number: int) -> bytes:
    return struct.pack("!q", number)


def _meta(document: Document, rng: random.Random) -> bytes:
    meta: dict[str, object] = {"tags": [f"tag{document.topic % 50}"]}
    if document.source_type == "ticket":
        meta["settled"] = rng.random() < 0.8
    return b"\x01" + json.dumps(meta).encode()


def _titles(drawn: Drawn, documents: Sequence[Document], vocabulary: Sequence[str]) -> list[str]:
    titles, first = [], 0
    for document in documents:
        titles.append(" ".join(vocabulary[word] for word in drawn.words[first][:4]))
        first += document.passages
    return titles


def _hashes(clusters: Clusters, organization_id: UUID) -> Ints:
    return np.array([term_hash(words_of(word, "en")[0], organization_id) for word in clusters.vocabulary])


def _chunks(
    owner: bytes, drawn: Drawn, documents: Sequence[Document], rows: Sequence[tuple[bytes, str]], *, hashes: Ints,
    vocabulary: Sequence[str],
) -> Iterable[bytes]:  # fmt: skip
    number = 0
    for document in documents:
        for ordinal in range(document.passages):
            words = drawn.words[number][: drawn.lengths[number]]
            content = " ".join([vocabulary[word] for word in words])
            terms, weights = _weights(hashes[words])
            yield _row(
                rows[number][0], owner, document.id, document.source_type, rows[number][1], _int4(ordinal), b"",
                content, _int4(0), _int4(len(content)), _int4(len(words)), _ints(terms), _sparse(terms, weights),
            )  # fmt: skip
            number += 1


def _weights(hashed: Ints) -> tuple[Ints, Ints]:
    """Return what `bm25_weights` returns, an array for each side."""
    terms, counts = np.unique(hashed, return_counts=True)
    norm = K1 * (1 - B + B * len(hashed) / AVERAGE_LENGTH)
    return terms, counts * (K1 + 1) / (counts + norm)


def _ints(terms: Ints) -> bytes:
    pairs = np.empty((len(terms), 2), dtype=">i4")
    pairs[:, 0], pairs[:, 1] = 4, terms
    return struct.pack("!iiiii", 1, 0, 23, len(terms), 1) + pairs.tobytes()


def _sparse(terms: Ints, weights: Ints) -> bytes:
    indices, values = (terms - 1).astype(">i4").tobytes(), weights.astype(">f4").tobytes()
    return struct.pack("!iii", TERM_SPACE, len(terms), 0) + indices + values


def check_weights() -> None:
    """Make sure that what is written here is what the product would write."""
    hashed = np.array([3, 9, 3, 5])
    terms, weights = _weights(hashed)
    expected = bm25_weights(Counter(hashed.tolist()), length=4)
    assert {int(t): round(float(w), 9) for t, w in zip(terms, weights, strict=True)} == {
        term: round(weight, 9) for term, weight in expected.items()
    }
