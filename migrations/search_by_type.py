"""The functions that search, each by kind of source and by model; a migration creates them."""

from __future__ import annotations

SCAN_SIGNATURE = "rag_scan(smallint, text, uuid, text, text, text)"
NEAREST_SIGNATURE = "rag_nearest(uuid, halfvec, text[], text[], uuid, int, smallint)"
FILTER_SIGNATURE = "rag_filter(jsonb)"
VOTES_SIGNATURE = "rag_votes(text, text, text[], int)"
SEARCH_SIGNATURE = "rag_search(uuid, halfvec, int[], text[], text[], uuid, int, int, int, int, float8, jsonb, smallint)"

# Statement parameters: $1 organisation, $2 vector, $3 visibilities, $4 passages left out.
# With a tenant filter a shared graph index loses most of the neighbours, so each large one has its own, which the
# planner takes only where organisation and kind are constants; everything else is scanned exactly: `+ 0` forces it.
# How thoroughly a graph is searched, the maintenance finds out for each.
SCAN = """
CREATE FUNCTION rag_scan(model smallint, vectors text, organization uuid, kind text, passes text, most text)
RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT format('(SELECT e.chunk_id, e.source_type, e.embedding <#> $2 AS distance FROM %I e
                     WHERE e.organization_id = %L AND e.source_type = %L AND e.visibility = ANY($3)
                       AND e.chunk_id <> ALL($4) %s ORDER BY %s LIMIT %s)',
                  vectors, organization, kind, passes,
                  CASE WHEN EXISTS (SELECT FROM rag_vector_indexes i
                                     WHERE i.model_id = model AND i.organization_id = organization
                                       AND i.source_type = kind AND i.usable)
                       THEN 'e.embedding <#> $2' ELSE '(e.embedding <#> $2) + 0' END, most)
$$
"""

NEAREST = """
CREATE FUNCTION rag_nearest(
    organization uuid, query_vector halfvec, types text[], visibilities text[], excluded_source uuid, k int,
    model smallint
) RETURNS TABLE (chunk_id uuid, document_id uuid, source_type text, source_id uuid, similarity float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET random_page_cost = 1.1 SET join_collapse_limit = 1
SET jit = off AS $$
DECLARE
    used smallint;
    vectors text;
    excluded uuid[];
BEGIN
    IF organization IS DISTINCT FROM nullif(current_setting('atum.organization_id', true), '')::uuid THEN
        RAISE EXCEPTION 'a search stays in the organisation of its transaction' USING ERRCODE = '42501';
    END IF;
    SELECT m.id, m.table_name INTO used, vectors FROM rag_embedding_models m
     WHERE CASE WHEN model IS NULL THEN m.state = 'active' ELSE m.id = model END
       AND m.dims = vector_dims(query_vector) AND to_regclass(m.table_name) IS NOT NULL;
    IF vectors IS NULL OR cardinality(types) = 0 THEN
        RETURN;
    END IF;
    SELECT coalesce(array_agg(c.id), '{}') INTO excluded
      FROM rag_documents d
      JOIN rag_chunks c ON c.document_id = d.id AND c.organization_id IS NOT DISTINCT FROM organization
     WHERE d.organization_id = organization AND d.source_type = ANY(types) AND d.source_id = excluded_source;
    PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.ef_search', coalesce(max(i.ef_search), 200)::text, true)
       FROM rag_vector_indexes i
      WHERE i.organization_id = organization AND i.model_id = used AND i.usable;
    RETURN QUERY EXECUTE format($statement$
        SELECT c.id, d.id, d.source_type, d.source_id, -n.distance
          FROM (SELECT s.* FROM (%s) s ORDER BY s.distance, s.chunk_id LIMIT $5) n
          JOIN rag_chunks c ON c.id = n.chunk_id AND c.organization_id IS NOT DISTINCT FROM $1
          JOIN rag_documents d ON d.id = c.document_id AND d.organization_id IS NOT DISTINCT FROM $1
           AND d.deleted_at IS NULL
         ORDER BY n.distance, c.id
    $statement$,
        (SELECT string_agg(rag_scan(used, vectors, organization, kind, '', '$5'), ' UNION ALL ')
           FROM (SELECT DISTINCT unnest(types)) asked (kind)))
    USING organization, query_vector, visibilities, excluded, k;
END $$
"""

# What a document must have, as conditions on `d`; only those asked for become part of the statement.
FILTER = """
CREATE FUNCTION rag_filter(filters jsonb)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(string_agg(format(' AND (%s)', CASE f.name
        WHEN 'language' THEN format('d.language = %L', f.value #>> '{}')
        WHEN 'category_id' THEN format('d.meta ->> ''category_id'' = %L', f.value #>> '{}')
        WHEN 'settled' THEN format('d.source_type <> ''ticket'' OR d.meta -> ''settled'' = %L', f.value)
        ELSE format('d.meta -> %L ?| %L', f.name, ARRAY(SELECT jsonb_array_elements_text(f.value)))
        END), '' ORDER BY f.name), '')
      FROM jsonb_each(filters) f (name, value)
$$
"""

# Under row-level security no GIN index serves `terms && ...` (the operator is not leakproof), so this function acts as
# a role whose policies let everything through, and keeps to one organisation by itself: the caller's, checked first.
# No plan may read a whole table: it grows with every organisation, the answer with one.
# Candidates by words are the passages with the rarest terms, as many terms as it takes to have ten times enough. What
# so many passages hold that reading them all would take too long is read only where several such terms meet.
# Where a row is found by its id or by a term, which is one organisation's own, IS NOT DISTINCT FROM checks whose it is:
# no index serves that, so that no plan reads the list of all rows of an organisation for it. Tables are joined in the
# order written: after an import there are no statistics yet, and any other order may take minutes.
SEARCH = """
CREATE FUNCTION rag_search(
    organization uuid, query_vector halfvec, query_terms int[], types text[], visibilities text[],
    excluded_source uuid, candidates int, rarest int, most_read int, voters int, voter_floor float8, filters jsonb,
    model smallint
) RETURNS TABLE (
    chunk_id uuid, document_id uuid, source_type text, source_id uuid, title text, heading_path text, role text,
    visibility text, content text, char_start int, char_end int, language text, meta jsonb, sim float8, bm25 float8,
    rank_v int, rank_l int, rank_g int, graph float8, idf_mass float8
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET random_page_cost = 1.1 SET join_collapse_limit = 1
SET jit = off AS $$
DECLARE
    used smallint;
    vectors text;
    kinds text[];
    chunks_in_all bigint;
    idf sparsevec;
    needles int[];
    common int[];
    mass float8;
    excluded uuid[];
    narrow uuid[];
    filter text := rag_filter(coalesce(filters, '{}'));
    passes_vector text := '';
    passes_words text := '';
BEGIN
    IF organization IS DISTINCT FROM nullif(current_setting('atum.organization_id', true), '')::uuid THEN
        RAISE EXCEPTION 'a search stays in the organisation of its transaction' USING ERRCODE = '42501';
    END IF;
    -- A ticket or an asset is no business of those who may not read internal text.
    SELECT coalesce(array_agg(DISTINCT kind), '{}') INTO kinds FROM unnest(types) kind
     WHERE kind = 'kb' OR 'internal' = ANY(visibilities);
    SELECT m.id, m.table_name INTO used, vectors FROM rag_embedding_models m
     WHERE CASE WHEN model IS NULL THEN m.state = 'active' ELSE m.id = model END
       AND m.dims = vector_dims(query_vector) AND to_regclass(m.table_name) IS NOT NULL;
    SELECT coalesce(sum(s.chunks), 0) INTO chunks_in_all FROM rag_corpus_stats s WHERE s.organization_id = organization;
    SELECT ('{' || string_agg(t.term || ':' || t.weight, ',' ORDER BY t.term) || '}/1000000000')::sparsevec,
           coalesce(array_agg(t.term) FILTER (WHERE t.plain), '{}'),
           CASE WHEN bool_or(t.wanted AND NOT t.plain) THEN array_agg(t.term) FILTER (
               WHERE NOT t.plain AND t.place <= rarest AND exp(t.meeting - t.share) * chunks_in_all > most_read) END,
           sum(t.weight)
      INTO idf, needles, common, mass
      FROM (SELECT s.*, sum(s.share) FILTER (WHERE NOT s.plain) OVER (ORDER BY s.place) AS meeting
              FROM (SELECT r.*, r.covered - r.df < 10 * candidates AS wanted,
                           r.covered - r.df < 10 * candidates AND r.covered <= most_read AND r.place <= rarest AS plain
                      FROM (SELECT s.term, s.df, row_number() OVER by_df AS place, sum(s.df) OVER by_df AS covered,
                                   ln(s.df / greatest(chunks_in_all, s.df)::float8) AS share,
                                   ln(1 + (greatest(chunks_in_all, s.df) - s.df + 0.5) / (s.df + 0.5))::float4 AS weight
                              FROM rag_term_stats s
                             WHERE s.organization_id = organization AND s.term = ANY(query_terms) AND s.df > 0
                            WINDOW by_df AS (ORDER BY s.df, s.term)) r) s) t;
    SELECT coalesce(array_agg(c.id), '{}') INTO excluded
      FROM rag_documents d
      JOIN rag_chunks c ON c.document_id = d.id AND c.organization_id IS NOT DISTINCT FROM organization
     WHERE d.organization_id = organization AND d.source_type = ANY(kinds || '{ticket}')
       AND d.source_id = excluded_source;
    IF filter <> '' THEN
        EXECUTE format('SELECT array_agg(s.id) FROM (SELECT c.id FROM rag_documents d
              JOIN rag_chunks c ON c.document_id = d.id AND c.organization_id IS NOT DISTINCT FROM $1
             WHERE d.organization_id = $1 AND d.source_type = ANY($2) AND d.deleted_at IS NULL %s
             LIMIT 2001) s', filter)
        INTO narrow USING organization, kinds;
        narrow := coalesce(narrow, '{}');
        IF cardinality(narrow) <= 2000 THEN
            passes_vector := 'AND e.chunk_id = ANY($14)';
            passes_words := 'AND c.id = ANY($14)';
        ELSE
            passes_words := format('AND EXISTS (SELECT FROM rag_documents d
                WHERE d.id = c.document_id AND d.organization_id IS NOT DISTINCT FROM $1 %s)', filter);
            passes_vector := format('AND EXISTS (SELECT FROM rag_chunks c
                WHERE c.id = e.chunk_id AND c.organization_id IS NOT DISTINCT FROM $1 %s)', passes_words);
        END IF;
    END IF;
    PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.ef_search', coalesce(max(i.ef_search), 200)::text, true)
       FROM rag_vector_indexes i
      WHERE i.organization_id = organization AND i.model_id = used AND i.usable;
    RETURN QUERY EXECUTE format($statement$
        WITH near AS MATERIALIZED (%1$s),
        vec AS MATERIALIZED (
            SELECT n.chunk_id AS id, row_number() OVER (ORDER BY n.distance, n.chunk_id) AS rnk
              FROM near n ORDER BY n.distance, n.chunk_id LIMIT $5),
        lex AS MATERIALIZED (
            SELECT s.id, row_number() OVER (ORDER BY s.score DESC, s.id) AS rnk FROM (
                SELECT m.id, -(m.bm25 <#> $6) AS score FROM (
                    SELECT c.id, c.bm25 FROM rag_chunks c
                     WHERE c.organization_id IS NOT DISTINCT FROM $1 AND array_position($8, c.source_type) > 0
                       AND c.visibility = ANY($3) AND (%2$s) AND c.id <> ALL($4) %3$s) m
                 ORDER BY score DESC, m.id LIMIT $5) s),
        votes AS MATERIALIZED (%4$s),
        chosen AS (SELECT v.id FROM vec v UNION SELECT l.id FROM lex l UNION SELECT g.id FROM votes g)
        SELECT c.id, d.id, d.source_type, d.source_id, d.title, c.heading_path, c.role, c.visibility, c.content,
               c.char_start, c.char_end, d.language, d.meta, %5$s, coalesce(-(c.bm25 <#> $6), 0), v.rnk::int,
               l.rnk::int, g.rnk::int, coalesce(g.score, 0), coalesce($9, 0)
          FROM chosen
          JOIN rag_chunks c ON c.id = chosen.id AND c.organization_id IS NOT DISTINCT FROM $1
          JOIN rag_documents d ON d.id = c.document_id AND d.organization_id IS NOT DISTINCT FROM $1
           AND d.deleted_at IS NULL %6$s
          LEFT JOIN vec v ON v.id = c.id
          LEFT JOIN lex l ON l.id = c.id
          LEFT JOIN votes g ON g.document_id = d.id %7$s
         WHERE c.visibility = ANY($3) AND d.source_type = ANY($8)
    $statement$,
        coalesce((SELECT string_agg(rag_scan(used, vectors, organization, kind, passes_vector, '$5'), ' UNION ALL ')
                    FROM unnest(kinds) kind WHERE vectors IS NOT NULL),
                 'SELECT NULL::uuid AS chunk_id, NULL::text AS source_type, NULL::float8 AS distance WHERE false'),
        'c.terms && $7' || CASE WHEN common IS NULL THEN '' ELSE ' OR c.terms @> $13' END,
        passes_words || CASE WHEN common IS NULL THEN '' ELSE ' LIMIT $15' END,
        rag_votes(vectors, CASE WHEN vectors IS NULL THEN ''
            WHEN 'ticket' = ANY(kinds) AND filter = '' THEN
                'SELECT n.chunk_id, n.distance FROM near n WHERE n.source_type = ''ticket''
                  ORDER BY n.distance LIMIT $10'
            ELSE rag_scan(used, vectors, organization, 'ticket', '', '$10') END, kinds, voters),
        CASE WHEN vectors IS NULL THEN 'NULL::float8' ELSE '-(e.embedding <#> $2)' END,
        filter,
        CASE WHEN vectors IS NULL THEN ''
             ELSE format('LEFT JOIN %I e ON e.chunk_id = c.id AND e.organization_id IS NOT DISTINCT FROM $1',
                         vectors) END)
    USING organization, query_vector, visibilities, excluded, candidates, idf, needles, kinds, mass, voters,
          voter_floor, excluded_source, common, narrow, most_read;
END $$
"""

# What tickets like the query point to: articles that solved them, assets they are about, tickets like them.
# Tickets far from the query have no say. Without vectors, those with the most words in common stand in for the nearest.
VOTES = """
CREATE FUNCTION rag_votes(vectors text, tickets text, kinds text[], voters int)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN voters = 0 OR cardinality(kinds) = 0 THEN
        'SELECT NULL::uuid AS id, NULL::uuid AS document_id, NULL::float8 AS score, NULL::bigint AS rnk WHERE false'
    ELSE format($votes$
        SELECT best.chunk_id AS id, cited.document_id, cited.score, cited.rnk FROM (
            SELECT d.id AS document_id, sum(said.score) AS score,
                   row_number() OVER (ORDER BY sum(said.score) DESC, d.id) AS rnk
              FROM (SELECT n.id, alike.sim FROM (
                        SELECT c.document_id, max(close.sim) AS sim FROM (%1$s) close
                          JOIN rag_chunks c ON c.id = close.chunk_id AND c.organization_id IS NOT DISTINCT FROM $1
                         WHERE close.sim >= $11 GROUP BY c.document_id) alike
                      JOIN rag_documents t ON t.id = alike.document_id AND t.organization_id IS NOT DISTINCT FROM $1
                       AND t.source_id IS DISTINCT FROM $12
                      JOIN rag_nodes n ON n.organization_id = $1 AND n.kind = 'ticket' AND n.source_id = t.source_id
                   ) voter
             CROSS JOIN LATERAL (
                SELECT edge.destination AS node, voter.sim * edge.weight * CASE WHEN edge.happened_at IS NULL THEN 1
                       ELSE 0.5 ^ (greatest(extract(epoch FROM now() - edge.happened_at), 0) / 15552000)::float8
                       END AS score
                  FROM rag_edges edge
                 WHERE edge.organization_id IS NOT DISTINCT FROM $1 AND edge.source = voter.id
                   AND edge.kind IN ('solved_by', 'about', 'mentions', 'similar')
                   AND (edge.kind <> 'similar' OR EXISTS (
                        SELECT FROM rag_edges back
                         WHERE back.organization_id = $1 AND back.source = edge.destination
                           AND back.destination = edge.source AND back.kind = 'similar'))) said
              JOIN rag_nodes k ON k.id = said.node AND k.organization_id IS NOT DISTINCT FROM $1 AND k.kind = ANY($8)
              JOIN rag_documents d ON d.organization_id = $1 AND d.source_type = k.kind AND d.source_id = k.source_id
             WHERE d.deleted_at IS NULL AND d.source_id IS DISTINCT FROM $12
             GROUP BY d.id ORDER BY score DESC, d.id LIMIT $5) cited
         CROSS JOIN LATERAL (
            SELECT c.id AS chunk_id FROM rag_chunks c %2$s
             WHERE c.document_id = cited.document_id AND c.organization_id IS NOT DISTINCT FROM $1
               AND c.visibility = ANY($3)
             ORDER BY %3$s, c.ordinal LIMIT 1) best $votes$,
        CASE WHEN vectors IS NULL THEN $words$
            SELECT s.id AS chunk_id, least(1, s.score / greatest($9 * 1.9, 1e-9)) AS sim FROM (
                SELECT c.id, -(c.bm25 <#> $6) AS score FROM rag_chunks c
                 WHERE c.organization_id IS NOT DISTINCT FROM $1 AND c.source_type IS NOT DISTINCT FROM 'ticket'
                   AND c.visibility = ANY($3) AND c.terms && $7 AND c.id <> ALL($4)
                 ORDER BY score DESC, c.id LIMIT $10) s $words$
        ELSE format('SELECT s.chunk_id, -s.distance AS sim FROM (%s) s', tickets) END,
        CASE WHEN vectors IS NULL THEN '' ELSE
            format('JOIN %I e ON e.chunk_id = c.id AND e.organization_id IS NOT DISTINCT FROM $1', vectors) END,
        CASE WHEN vectors IS NULL THEN 'c.bm25 <#> $6' ELSE 'e.embedding <#> $2' END)
    END
$$
"""

# In the order of creation: each may name those before it.
FUNCTIONS = {
    SCAN_SIGNATURE: SCAN,
    FILTER_SIGNATURE: FILTER,
    VOTES_SIGNATURE: VOTES,
    NEAREST_SIGNATURE: NEAREST,
    SEARCH_SIGNATURE: SEARCH,
}
# The others make parts of statements, and are nobody else's business.
CALLED_BY_THE_APP = (NEAREST_SIGNATURE, SEARCH_SIGNATURE)
