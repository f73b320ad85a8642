"""Create what registers embedding models and what searches, both with narrower rights than their callers."""

from __future__ import annotations

from alembic import op

revision = "202611220955"
down_revision = "202611220950"
branch_labels = None
depends_on = None

_OWN_ORGANIZATION = "nullif(current_setting(''atum.organization_id'', true), '''')::uuid"

# Each model has a table of its own: vectors of two models never meet in one scan. The app role may not create
# tables; this function creates this one kind. STORAGE PLAIN keeps vectors out of TOAST, whose scans are far slower.
_REGISTER_MODEL = f"""
CREATE FUNCTION rag_register_model(
    model_name text, model_digest text, dimensions int, prefix_of_queries text, prefix_of_documents text,
    longest_input int
) RETURNS smallint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    model smallint;
    vectors text;
BEGIN
    IF dimensions NOT BETWEEN 1 AND 4000 THEN
        RAISE EXCEPTION 'a vector of % dimensions does not fit on a page', dimensions;
    END IF;
    PERFORM pg_advisory_xact_lock(7201734);
    SELECT id INTO model FROM rag_embedding_models
     WHERE name = model_name AND digest = model_digest AND dims = dimensions;
    IF FOUND THEN
        RETURN model;
    END IF;
    INSERT INTO rag_embedding_models
           (name, digest, dims, query_prefix, doc_prefix, max_input_tokens, table_name, state)
    SELECT model_name, model_digest, dimensions, prefix_of_queries, prefix_of_documents, longest_input, '',
           CASE WHEN EXISTS (SELECT FROM rag_embedding_models WHERE state = 'active') THEN 'building' ELSE 'active' END
    RETURNING id INTO model;
    vectors := 'rag_embeddings_m' || model;
    UPDATE rag_embedding_models SET table_name = vectors WHERE id = model;
    EXECUTE format('CREATE TABLE %I (
        chunk_id uuid PRIMARY KEY REFERENCES rag_chunks (id) ON DELETE CASCADE,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        source_type text NOT NULL,
        visibility text NOT NULL,
        embedding halfvec(%s) STORAGE PLAIN NOT NULL)', vectors, dimensions);
    EXECUTE format('CREATE INDEX %I ON %I (organization_id, source_type)', 'ix_' || vectors, vectors);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO atum_app', vectors);
    EXECUTE format('GRANT SELECT ON %I TO atum_search', vectors);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', vectors);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', vectors);
    EXECUTE format('CREATE POLICY tenant ON %I TO atum_app
        USING (organization_id = (SELECT {_OWN_ORGANIZATION}))
        WITH CHECK (organization_id = (SELECT {_OWN_ORGANIZATION}))', vectors);
    EXECUTE format('CREATE POLICY maintenance ON %I TO atum_owner USING (true) WITH CHECK (true)', vectors);
    EXECUTE format('CREATE POLICY search ON %I FOR SELECT TO atum_search USING (true)', vectors);
    RETURN model;
END $$
"""  # noqa: S608 -- the only value put in is the constant above

# Under row-level security no GIN index serves `terms && ...` (the operator is not leakproof), so this function acts as
# a role whose policies let everything through, and keeps to one organisation by itself: the caller's, checked first.
# Candidates by words are the passages with the rarest terms, as many terms as it takes to have ten times enough: all
# terms count in the score, but what half of all passages hold leads to none in particular.
# No plan may read a whole table: it grows with every organisation, the answer with one.
# `+ 0` forces the exact scan: with a tenant filter a shared graph index loses most of the neighbours.
_SEARCH = """
CREATE FUNCTION rag_search(
    organization uuid, query_vector halfvec, query_terms int[], types text[], visibilities text[],
    excluded_source uuid, candidates int, rarest int, voters int, voter_floor float8
) RETURNS TABLE (
    chunk_id uuid, document_id uuid, source_type text, source_id uuid, title text, heading_path text, role text,
    visibility text, content text, char_start int, char_end int, language text, meta jsonb, sim float8, bm25 float8,
    rank_v int, rank_l int, graph float8, idf_mass float8
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET random_page_cost = 1.1 AS $$
DECLARE
    vectors text;
    chunks_in_all bigint;
    idf sparsevec;
    needles int[];
    mass float8;
    excluded uuid[];
BEGIN
    IF organization IS DISTINCT FROM nullif(current_setting('atum.organization_id', true), '')::uuid THEN
        RAISE EXCEPTION 'a search stays in the organisation of its transaction' USING ERRCODE = '42501';
    END IF;
    SELECT m.table_name INTO vectors FROM rag_embedding_models m
     WHERE m.state = 'active' AND m.dims = vector_dims(query_vector);
    SELECT coalesce(sum(s.chunks), 0) INTO chunks_in_all FROM rag_corpus_stats s WHERE s.organization_id = organization;
    SELECT ('{' || string_agg(t.term || ':' || t.weight, ',' ORDER BY t.term) || '}/1000000000')::sparsevec,
           array_agg(t.term) FILTER (WHERE t.place <= rarest AND t.covered - t.df < 10 * candidates), sum(t.weight)
      INTO idf, needles, mass
      FROM (SELECT s.term, s.df, row_number() OVER by_df AS place, sum(s.df) OVER by_df AS covered,
                   ln(1 + (greatest(chunks_in_all, s.df) - s.df + 0.5) / (s.df + 0.5))::float4 AS weight
              FROM rag_term_stats s
             WHERE s.organization_id = organization AND s.term = ANY(query_terms) AND s.df > 0
            WINDOW by_df AS (ORDER BY s.df, s.term)) t;
    SELECT coalesce(array_agg(c.id), '{}') INTO excluded
      FROM rag_documents d JOIN rag_chunks c ON c.document_id = d.id
     WHERE d.organization_id = organization AND d.source_type = ANY(types) AND d.source_id = excluded_source;
    RETURN QUERY EXECUTE format($statement$
        WITH vec AS MATERIALIZED (%s),
        lex AS MATERIALIZED (
            SELECT s.id, row_number() OVER (ORDER BY s.score DESC, s.id) AS rnk FROM (
                SELECT c.id, -(c.bm25 <#> $3) AS score FROM rag_chunks c
                 WHERE c.organization_id = $1 AND c.source_type = ANY($5) AND c.visibility = ANY($6)
                   AND c.terms && $4 AND c.id <> ALL($7)
                 ORDER BY score DESC, c.id LIMIT $8) s),
        votes AS MATERIALIZED (%s),
        chosen AS (SELECT v.id FROM vec v UNION SELECT l.id FROM lex l UNION SELECT g.id FROM votes g)
        SELECT c.id, d.id, d.source_type, d.source_id, d.title, c.heading_path, c.role, c.visibility, c.content,
               c.char_start, c.char_end, d.language, d.meta, %s, coalesce(-(c.bm25 <#> $3), 0), v.rnk::int, l.rnk::int,
               coalesce((SELECT max(g.score) FROM votes g WHERE g.document_id = d.id), 0), coalesce($9, 0)
          FROM chosen
          JOIN rag_chunks c ON c.id = chosen.id AND c.organization_id = $1
          JOIN rag_documents d ON d.id = c.document_id AND d.organization_id = $1 AND d.deleted_at IS NULL
          LEFT JOIN vec v ON v.id = c.id
          LEFT JOIN lex l ON l.id = c.id %s
    $statement$,
        CASE WHEN vectors IS NULL THEN 'SELECT NULL::uuid AS id, NULL::bigint AS rnk WHERE false' ELSE format($vec$
            SELECT s.chunk_id AS id, row_number() OVER (ORDER BY s.distance, s.chunk_id) AS rnk FROM (
                SELECT e.chunk_id, e.embedding <#> $2 AS distance FROM %I e
                 WHERE e.organization_id = $1 AND e.source_type = ANY($5) AND e.visibility = ANY($6)
                   AND e.chunk_id <> ALL($7)
                 ORDER BY (e.embedding <#> $2) + 0 LIMIT $8) s $vec$, vectors) END,
        CASE WHEN vectors IS NULL OR NOT 'kb' = ANY(types) THEN
            'SELECT NULL::uuid AS id, NULL::uuid AS document_id, NULL::float8 AS score WHERE false'
        ELSE format($votes$
            SELECT best.chunk_id AS id, cited.document_id, cited.score FROM (
                SELECT d.id AS document_id, sum(near.sim * edge.weight) AS score
                  FROM (SELECT c.document_id, max(close.sim) AS sim FROM (
                            SELECT e.chunk_id, -(e.embedding <#> $2) AS sim FROM %1$I e
                             WHERE e.organization_id = $1 AND e.source_type = 'ticket'
                             ORDER BY (e.embedding <#> $2) + 0 LIMIT $10) close
                          JOIN rag_chunks c ON c.id = close.chunk_id AND c.organization_id = $1
                         WHERE close.sim >= $11 GROUP BY c.document_id) near
                  JOIN rag_documents t ON t.id = near.document_id AND t.organization_id = $1
                   AND t.source_id IS DISTINCT FROM $12
                  JOIN rag_nodes n ON n.organization_id = $1 AND n.kind = 'ticket' AND n.source_id = t.source_id
                  JOIN rag_edges edge ON edge.organization_id = $1 AND edge.source = n.id AND edge.kind = 'solved_by'
                  JOIN rag_nodes k ON k.organization_id = $1 AND k.id = edge.destination AND k.kind = 'kb'
                  JOIN rag_documents d ON d.organization_id = $1 AND d.source_type = 'kb' AND d.source_id = k.source_id
                 WHERE d.deleted_at IS NULL AND d.visibility = ANY($6)
                 GROUP BY d.id) cited
             CROSS JOIN LATERAL (
                SELECT c.id AS chunk_id FROM rag_chunks c JOIN %1$I e ON e.chunk_id = c.id
                 WHERE c.document_id = cited.document_id AND c.organization_id = $1
                 ORDER BY e.embedding <#> $2 LIMIT 1) best $votes$, vectors) END,
        CASE WHEN vectors IS NULL THEN 'NULL::float8' ELSE '-(e.embedding <#> $2)' END,
        CASE WHEN vectors IS NULL THEN '' ELSE format('LEFT JOIN %I e ON e.chunk_id = c.id', vectors) END)
    USING organization, query_vector, idf, coalesce(needles, '{}'), types, visibilities, excluded, candidates, mass,
          voters, voter_floor, excluded_source;
END $$
"""

_READ_BY_SEARCH = ("rag_chunks", "rag_documents", "rag_term_stats", "rag_corpus_stats", "rag_nodes", "rag_edges")
_REGISTER_SIGNATURE = "rag_register_model(text, text, int, text, text, int)"
_SEARCH_SIGNATURE = "rag_search(uuid, halfvec, int[], text[], text[], uuid, int, int, int, float8)"
_DROP_MODEL_TABLES = """
DO $$
DECLARE
    vectors text;
BEGIN
    FOR vectors IN SELECT table_name FROM rag_embedding_models LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', vectors);
    END LOOP;
    DELETE FROM rag_embedding_models;
END $$
"""


def upgrade() -> None:
    op.execute(_REGISTER_MODEL)
    op.execute(_SEARCH)
    op.execute(f"ALTER FUNCTION {_SEARCH_SIGNATURE} OWNER TO atum_search")
    for function in (_REGISTER_SIGNATURE, _SEARCH_SIGNATURE):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO atum_app")
    for table in _READ_BY_SEARCH:
        op.execute(f"GRANT SELECT ON {table} TO atum_search")
        op.execute(f"CREATE POLICY search ON {table} FOR SELECT TO atum_search USING (true)")


def downgrade() -> None:
    for table in _READ_BY_SEARCH:
        op.execute(f"DROP POLICY search ON {table}")
        op.execute(f"REVOKE SELECT ON {table} FROM atum_search")  # noqa: S608 -- names from the list above
    op.execute(f"DROP FUNCTION {_SEARCH_SIGNATURE}")
    op.execute(f"DROP FUNCTION {_REGISTER_SIGNATURE}")
    op.execute(_DROP_MODEL_TABLES)
