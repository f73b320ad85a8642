"""The three workers at a glance: what each consumes, and what it costs PostgreSQL.

| worker | consumes                  | loops beside its work                                      |
|--------|---------------------------|------------------------------------------------------------|
| job    | `job_queue`               | claim, settle, listen, rescue, schedule, prune, self-fence |
| rag    | `rag_index_queue`         | listen, rescue                                             |
| sla    | `sla_clocks`, by the tick | none                                                       |

Connections of one worker process, at most six:
one claims, one settles, one listens and does the rare short statements, one beats (in the heartbeat's thread), and
handlers share a pool of one, two under load. Handlers hold no connection while they wait for a model, so a few serve
many. A PostgreSQL with its usual 100 connections carries an API of ten and fourteen workers.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

from helpdesk.settings import Settings

# What handlers share; the claimer, the completer, the heartbeat and the listener have a connection each.
HANDLER_POOL_SIZE = 2
CONNECTIONS_PER_WORKER = 4 + HANDLER_POOL_SIZE

Run = Callable[[Settings], Coroutine[Any, Any, int]]


@dataclass(frozen=True)
class WorkerKind:
    """One kind of worker process.

    Attributes:
        name: as in `python -m workers NAME`.
        consumes: the table its work is in.
        module: where its `async run(settings) -> exit code` is.
    """

    name: str
    consumes: str
    module: str

    def load(self) -> Run:
        """Import the worker's module, and only that one, and return its run function."""
        return cast("Run", importlib.import_module(self.module).run)


FLEET = {
    kind.name: kind
    for kind in (
        WorkerKind("job", consumes="job_queue", module="workers.job_worker"),
        WorkerKind("rag", consumes="rag_index_queue", module="workers.rag_worker"),
        WorkerKind("sla", consumes="sla_clocks", module="workers.sla_worker"),
    )
}
