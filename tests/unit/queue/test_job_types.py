"""Job types, the queues that name them, and their handlers."""

from typing import ClassVar

import pytest

from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import JOB_TYPES, SlaPredict, TriageTicket
from helpdesk.queue.decode import JobTypeTwice, UnknownJobType, register, types_served
from helpdesk.queue.outcomes import Done, Outcome
from workers.context import WorkerContext
from workers.registry import HandlerMissing, Handlers, HandlerTwice


def test_a_list_of_queues_and_types_stands_for_its_types() -> None:
    assert types_served("") is None
    served = types_served(" ai , SLA_PREDICT,")
    assert served == sorted({name for name, args in JOB_TYPES.items() if args.queue == "ai"} | {"SLA_PREDICT"})
    assert {"KB_SUGGEST", "SMART_REPLY", "TRIAGE_TICKET"} < set(served)
    with pytest.raises(UnknownJobType, match="'nonsense'"):
        types_served("ai,nonsense")


def test_a_job_type_has_one_class() -> None:
    class Impostor(JobArgs):
        job_type: ClassVar = "TRIAGE_TICKET"

    with pytest.raises(JobTypeTwice, match=r"Impostor and TriageTicket both claim TRIAGE_TICKET"):
        register(Impostor)
    assert register(TriageTicket) is TriageTicket


def test_a_type_has_one_handler_and_every_type_served_has_one() -> None:
    handlers = Handlers()

    @handlers.handles(SlaPredict)
    async def predict(_args: SlaPredict, _context: WorkerContext) -> Outcome:
        return Done()

    with pytest.raises(HandlerTwice, match="SLA_PREDICT"):
        handlers.handles(SlaPredict)(predict)
    handlers.check(["SLA_PREDICT"])
    with pytest.raises(HandlerMissing, match="no handler for TRIAGE_TICKET"):
        handlers.check(["SLA_PREDICT", "TRIAGE_TICKET"])
