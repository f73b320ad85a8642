"""Figures of replication: who follows the primary, and how far a replica is behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# Others' lags are hidden from logins that are not members of pg_read_all_stats; that they follow is not.
_STANDBYS = """
SELECT coalesce(application_name, '') AS name, coalesce(state, 'unknown') AS state,
       coalesce(sync_state, 'unknown') AS sync_state,
       (pg_current_wal_insert_lsn() - replay_lsn)::bigint AS bytes_behind,
       extract(epoch FROM replay_lag)::float8 AS seconds_behind
  FROM pg_stat_replication ORDER BY name, pid
"""
_PRIMARY = """
SELECT (SELECT system_identifier FROM pg_control_system())::text AS cluster,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS position
"""
# Where all that was received is replayed nothing is known to be missing, however long ago the last commit was.
_REPLICA = """
SELECT (SELECT system_identifier FROM pg_control_system())::text AS cluster, pg_is_in_recovery() AS standby,
       (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS position,
       CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END::float8 AS seconds_behind
"""


class Fetches(Protocol):
    """Runs a statement and returns its rows."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Mapping[str, Any]]:
        """Return the rows."""
        ...


@dataclass(frozen=True)
class Standby:
    """A server that follows the primary.

    Attributes:
        sync_state: `sync` or `quorum` where commits wait for it, `async` or `potential` where they do not.
        bytes_behind, seconds_behind: how much it has yet to replay; None where it is not told, or nothing is written.
    """

    name: str
    state: str
    sync_state: str
    bytes_behind: int | None
    seconds_behind: float | None


@dataclass(frozen=True)
class ReplicaState:
    """A replica beside its primary.

    Attributes:
        same_cluster: whether it is a copy of this primary at all.
        standby: whether it only reads; one that was promoted is no replica any more.
        bytes_behind: log of the primary that it has not replayed.
        seconds_behind: by its own clock, of what it has received.
    """

    same_cluster: bool
    standby: bool
    bytes_behind: int | None
    seconds_behind: float | None


async def standbys(primary: Fetches) -> list[Standby]:
    """Return the servers that follow a primary now."""
    return [Standby(**dict(row)) for row in await primary.fetch(_STANDBYS)]


async def compare(primary: Fetches, replica: Fetches) -> ReplicaState:
    """Tell how a replica is, beside the primary that it is to be a copy of."""
    source = (await primary.fetch(_PRIMARY))[0]
    copy = (await replica.fetch(_REPLICA))[0]
    is_standby = bool(copy["standby"]) and copy["position"] is not None
    return ReplicaState(
        same_cluster=copy["cluster"] == source["cluster"],
        standby=is_standby,
        bytes_behind=max(0, source["position"] - copy["position"]) if is_standby else None,
        seconds_behind=copy["seconds_behind"] if is_standby else None,
    )
