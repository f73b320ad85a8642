"""Statements that remove what people were told long ago; $1 is how long it is kept, $2 how many go at most."""

from __future__ import annotations

PRUNE_NOTIFICATIONS = """
DELETE FROM notifications WHERE id = ANY (ARRAY(
    SELECT id FROM notifications WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT $2))
"""
# One that still waits is not past, however long ago it came up.
PRUNE_NOTICE_DELIVERIES = """
DELETE FROM notification_deliveries WHERE id = ANY (ARRAY(
    SELECT id FROM notification_deliveries
     WHERE created_at < now() - $1::interval AND state <> 'pending' ORDER BY created_at LIMIT $2))
"""
