"""The alarm for transactions that keep dead rows from being cleaned up."""

from __future__ import annotations

import structlog

from helpdesk.queue.table_health import TableHealth

# WAL that a replication slot may keep before somebody is told.
_SLOT_LAG_ALARM = 1 << 30

log = structlog.get_logger()


class HorizonWatch:
    """Tells of old transactions, and once that it cannot see any.

    Args:
        alarm_s: a transaction older than this is told of, each time it is seen.
    """

    def __init__(self, *, alarm_s: float) -> None:
        self._alarm_s = alarm_s
        self._said_blind = False

    def judge(self, health: TableHealth) -> None:
        """Log what is wrong."""
        if not health.sees_all and not self._said_blind:
            self._said_blind = True
            log.warning("transaction_horizon_unseen", remedy="GRANT pg_read_all_stats TO atum_worker")
        if health.horizon_age_s is not None and health.horizon_age_s > self._alarm_s:
            log.warning(
                "transaction_horizon_old",
                age_s=round(health.horizon_age_s),
                pid=health.horizon_pid,
                application=health.horizon_application,
                state=health.horizon_state,
                dead_rows=health.dead_rows,
                live_rows=health.live_rows,
            )
        if health.replication_slots_lag > _SLOT_LAG_ALARM:
            log.warning("replication_slot_lags", lag_bytes=health.replication_slots_lag, slots=health.replication_slots)
