"""The statement that removes old predictions; $1 is how long they are kept, $2 how many go at most."""

from __future__ import annotations

# The newest of a clock stays, however old: it is what was thought of the clock when it ended. From the newest back,
# since those that stay gather at the old end, where each bite would go over them again.
PRUNE_PREDICTIONS = """
DELETE FROM breach_predictions WHERE id = ANY (ARRAY(
    SELECT id FROM breach_predictions AS old
     WHERE as_of < now() - $1::interval
       AND EXISTS (SELECT FROM breach_predictions AS newer
                    WHERE newer.clock_id = old.clock_id AND (newer.as_of, newer.id) > (old.as_of, old.id))
     ORDER BY as_of DESC LIMIT $2))
"""
