"""The database server and its backups; gathered by job workers, not at a scrape."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import Readings

CONNECTIONS = Readings("atum_database_connections", "Connections to the server, everybody's but superusers'.")
CONNECTIONS_ALLOWED = Readings("atum_database_connections_allowed", "Connections that the server allows.")
DEAD_TUPLES = Readings("atum_database_dead_tuples", "Row versions that wait to be cleaned up.", ("table",))
LIVE_TUPLES = Readings("atum_database_live_tuples", "Rows, as the server estimates them.", ("table",))
TABLE_BYTES = Readings("atum_database_table_bytes", "Size with indexes.", ("table",))
OLDEST_SNAPSHOT = Readings(
    "atum_database_oldest_snapshot_seconds", "Age of the oldest transaction that keeps dead rows from being cleaned up."
)
SLOT_LAG = Readings("atum_database_replication_slot_lag_bytes", "Log that the slowest replication slot keeps.")
STANDBYS = Readings("atum_database_standbys", "Standbys that stream from the server.")
REPLICATION_LAG = Readings(
    "atum_database_replication_lag_seconds", "How far the slowest standby is behind in what it shows."
)
BACKUP_AT = Readings("atum_backup_last_success_timestamp_seconds", "When the newest whole backup was made.")
BACKUPS = Readings("atum_backups", "Whole backups in the folder of backups.")
