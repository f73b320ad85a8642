"""What belongs into the index of an organisation, as one part of the statements that count, compare or queue it."""

from __future__ import annotations

# Rows of (type, id, version, due). What nobody may find is no source: drafts, archived articles, merged tickets. A
# source that is not due yet, an open ticket where only settled ones are wanted, stays in the index once it is there.
SOURCES = """
    SELECT 'kb' AS type, id, version, true AS due FROM kb_articles
     WHERE organization_id = :organization_id AND published_version IS NOT NULL AND state <> 'archived'
    UNION ALL SELECT 'asset', id, version, true FROM assets WHERE organization_id = :organization_id
    UNION ALL SELECT 'ticket', id, version, :open_tickets OR status IN ('solved', 'closed') FROM tickets
               WHERE organization_id = :organization_id AND merged_into_id IS NULL
"""
