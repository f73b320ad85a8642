"""The search index: documents, chunks, term statistics and the graph between sources."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC, SPARSEVEC
from sqlalchemy import Computed, Double, ForeignKey, Identity, Index, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, OrganizationId, PrimaryKey, Tenant, one_of
from helpdesk.models.values import PassageVisibility, SourceType

TERM_SPACE = 1_000_000_000


class EmbeddingModel(Base):
    """A model that made vectors; each has a table of its own, `rag_embeddings_m<id>`."""

    __tablename__ = "rag_embedding_models"
    __table_args__ = (
        UniqueConstraint("name", "digest", "dims"),
        Index("uq_rag_embedding_models_active", "state", unique=True, postgresql_where=text("state = 'active'")),
        one_of("state", ("building", "active", "retired", "failed")),
    )

    id: Mapped[int] = mapped_column(SmallInteger, Identity(always=True), primary_key=True)
    name: Mapped[str]
    digest: Mapped[str]
    dims: Mapped[int] = mapped_column(Integer)
    query_prefix: Mapped[str] = mapped_column(server_default="")
    doc_prefix: Mapped[str] = mapped_column(server_default="")
    max_input_tokens: Mapped[int] = mapped_column(Integer, server_default=text("256"))
    chars_per_token: Mapped[float] = mapped_column(Double, server_default=text("3.0"))
    state: Mapped[str] = mapped_column(server_default="building")
    table_name: Mapped[str]
    created_at: Mapped[Moment]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    moved_to: Mapped[str | None]
    moved_at: Mapped[datetime | None]
    texts_per_s: Mapped[float | None] = mapped_column(Double)
    gate: Mapped[dict[str, Any] | None]


class RefusedPassage(Base):
    """A passage that a model takes in no length: it is found by its words alone."""

    __tablename__ = "rag_refused_passages"

    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("rag_embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    chunk_id: Mapped[UUID] = mapped_column(
        ForeignKey("rag_chunks.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    organization_id: Mapped[OrganizationId]
    created_at: Mapped[Moment]


class Backfill(Base):
    """How far the walk has come that gives an organisation's passages their vectors of a model."""

    __tablename__ = "rag_backfills"

    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("rag_embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    after_type: Mapped[str] = mapped_column(server_default="")
    after_source: Mapped[UUID | None]
    vectors: Mapped[int] = mapped_column(server_default=text("0"))
    walked_at: Mapped[datetime | None]


class InputVector(Base):
    """The vector of one text, kept so that nobody embeds the same words twice."""

    __tablename__ = "rag_input_vectors"
    __table_args__ = (Index("ix_rag_input_vectors_created_at", "created_at"),)

    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("rag_embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    input_hash: Mapped[bytes] = mapped_column(primary_key=True)
    embedding: Mapped[Any] = mapped_column(HALFVEC())
    created_at: Mapped[Moment]


class VectorClaim(Base):
    """A text whose vector somebody is making at this moment."""

    __tablename__ = "rag_vector_claims"

    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("rag_embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    input_hash: Mapped[bytes] = mapped_column(primary_key=True)
    claimed_by: Mapped[UUID]
    claimed_at: Mapped[Moment]


class VectorIndex(Base):
    """The graph index over the vectors of one model, organisation and kind of source, where these are many."""

    __tablename__ = "rag_vector_indexes"
    __table_args__ = (one_of("state", ("building", "ready", "rebuilding", "dropping")),)

    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("rag_embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    source_type: Mapped[str] = mapped_column(primary_key=True)
    index_name: Mapped[str]
    state: Mapped[str]
    usable: Mapped[bool | None] = mapped_column(Computed("state IN ('ready', 'rebuilding')", persisted=True))
    rows_at_build: Mapped[int | None]
    bytes_at_build: Mapped[int | None]
    ef_search: Mapped[int | None] = mapped_column(Integer)
    built_at: Mapped[datetime | None]
    build_s: Mapped[float | None] = mapped_column(Double)
    recall: Mapped[float | None] = mapped_column(Double)
    probed_at: Mapped[datetime | None]
    created_at: Mapped[Moment]


class Document(Tenant, Base):
    """A source as it stands in the index; a deleted one stays as a tombstone."""

    __tablename__ = "rag_documents"
    __table_args__ = (
        UniqueConstraint("organization_id", "source_type", "source_id"),
        one_of("source_type", SourceType),
        one_of("visibility", PassageVisibility),
    )

    source_type: Mapped[str]
    source_id: Mapped[UUID]
    source_version: Mapped[int]
    content_hash: Mapped[bytes]
    chunker_version: Mapped[int] = mapped_column(Integer)
    visibility: Mapped[str]
    title: Mapped[str]
    language: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    deleted_at: Mapped[datetime | None]
    indexed_at: Mapped[datetime]


class Chunk(Tenant, Base):
    """A passage of a document, with its BM25 weights by salted term."""

    __tablename__ = "rag_chunks"
    __table_args__ = (
        UniqueConstraint("document_id", "ordinal", deferrable=True, initially="DEFERRED"),
        Index("ix_rag_chunks_organization_id", "organization_id", "source_type"),
        Index("ix_rag_chunks_organization_id_input_key", "organization_id", "input_key"),
        Index("ix_rag_chunks_terms", "terms", postgresql_using="gin"),
        one_of("visibility", PassageVisibility),
    )

    document_id: Mapped[UUID] = mapped_column(ForeignKey("rag_documents.id", ondelete="CASCADE"))
    source_type: Mapped[str]
    visibility: Mapped[str]
    ordinal: Mapped[int] = mapped_column(Integer)
    role: Mapped[str] = mapped_column(server_default="body")
    chunk_hash: Mapped[bytes]
    # Of the text that the vector is made from: equal keys have equal vectors.
    input_key: Mapped[UUID | None]
    heading_path: Mapped[str] = mapped_column(server_default="")
    content: Mapped[str]
    char_start: Mapped[int] = mapped_column(Integer)
    char_end: Mapped[int] = mapped_column(Integer)
    length: Mapped[int] = mapped_column(Integer)
    terms: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    bm25: Mapped[Any] = mapped_column(SPARSEVEC(TERM_SPACE))


class TermStatistic(Base):
    """In how many chunks of an organisation a term stands."""

    __tablename__ = "rag_term_stats"

    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    term: Mapped[int] = mapped_column(Integer, primary_key=True)
    df: Mapped[int] = mapped_column(Integer)


class CorpusStatistic(Base):
    """How many chunks an organisation has of a source type, and how long they are together."""

    __tablename__ = "rag_corpus_stats"

    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    source_type: Mapped[str] = mapped_column(primary_key=True)
    chunks: Mapped[int]
    total_length: Mapped[int]


class Node(Base):
    """A ticket, article, asset or requester in the graph."""

    __tablename__ = "rag_nodes"
    __table_args__ = (UniqueConstraint("organization_id", "kind", "source_id"),)

    id: Mapped[PrimaryKey]
    organization_id: Mapped[OrganizationId]
    kind: Mapped[str]
    source_id: Mapped[UUID]
    label: Mapped[str]


class Edge(Base):
    """A relation between two nodes, and what found it."""

    __tablename__ = "rag_edges"
    __table_args__ = (Index("ix_rag_edges_destination_source", "destination", "source"),)

    source: Mapped[UUID] = mapped_column(ForeignKey("rag_nodes.id", ondelete="CASCADE"), primary_key=True)
    destination: Mapped[UUID] = mapped_column(ForeignKey("rag_nodes.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[OrganizationId]
    weight: Mapped[float] = mapped_column(Double, server_default=text("1"))
    origin: Mapped[str]
    # Of the rules; of an edge of alike tickets, the embedding model's id.
    extractor_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    # The words that say so, where there are such.
    evidence: Mapped[str | None]
    happened_at: Mapped[datetime | None]
    created_at: Mapped[Moment]


class SimilarityScale(Base):
    """How alike two tickets of an organisation that have nothing to do with each other look to a model."""

    __tablename__ = "rag_similarity_scales"

    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("rag_embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    background: Mapped[float] = mapped_column(Double)
    pairs: Mapped[int] = mapped_column(Integer)
    measured_at: Mapped[datetime]
