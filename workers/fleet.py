"""The three workers at a glance: what each consumes, and what it costs PostgreSQL.

| worker | consumes                  | loops beside its work                                      |
|--------|---------------------------|------------------------------------------------------------|
| job    | `job_queue`               | claim, settle, listen, rescue, schedule, watch, self-fence |
| rag    | `rag_index_queue`         | listen, rescue                                             |
| sla    | `sla_clocks`, by the tick | none                                                       |

Connections of a worker process: one listens and does the rare short statements, one beats (in the heartbeat's
thread), and handlers share a pool of two; in a job worker one more claims and one settles. Handlers hold no connection
while they wait for a model, so a few serve many. None of these grows with the number of jobs that run at a time.

What PostgreSQL must allow (`max_connections`, less the three kept for superusers): eleven for each API process with the
usual ATUM_DATABASE_POOL_SIZE of ten, six for each job worker, four for each index and each SLA worker, and a few for
`atum-desk` on the command line. The usual 100 carry an API, an index worker, an SLA worker and twelve job workers. Each
process looks at its start: it refuses when there is not enough left for it, and warns (`connection_budget_tight`) when
there will not be once all the others have opened what they may. Behind a pooler, PostgreSQL only has to carry the
pooler's connections and one for each worker that listens.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

from helpdesk.settings import Settings

# What handlers share; the heartbeat and the listener have a connection each, and so do a job worker's claimer and
# completer.
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
        connections: how many it opens at most.
    """

    name: str
    consumes: str
    module: str
    connections: int = 2 + HANDLER_POOL_SIZE

    def load(self) -> Run:
        """Import the worker's module, and only that one, and return its run function."""
        return cast("Run", importlib.import_module(self.module).run)


FLEET = {
    kind.name: kind
    for kind in (
        WorkerKind("job", consumes="job_queue", module="workers.job_worker", connections=CONNECTIONS_PER_WORKER),
        WorkerKind("rag", consumes="rag_index_queue", module="workers.rag_worker"),
        WorkerKind("sla", consumes="sla_clocks", module="workers.sla_worker"),
    )
}
