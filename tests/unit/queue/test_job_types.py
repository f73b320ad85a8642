"""Job types, the queues that name them, and their handlers."""

import sys
from pathlib import Path
from typing import ClassVar

import pytest

from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import JOB_TYPES, SlaPredict, TriageTicket
from helpdesk.queue.decode import JobTypeTwice, PluginFailed, UnknownJobType, load_plugins, register, types_served
from helpdesk.queue.outcomes import Done, Outcome
from workers.context import WorkerContext
from workers.registry import HandlerMissing, Handlers, HandlerTwice


def test_a_list_of_queues_and_types_stands_for_its_types() -> None:
    assert types_served("") is None
    assert types_served(" ai , SLA_PREDICT,") == ["KB_SUGGEST", "SLA_PREDICT", "SMART_REPLY", "TRIAGE_TICKET"]
    with pytest.raises(UnknownJobType, match="'nonsense'"):
        types_served("ai,nonsense")


def test_a_job_type_has_one_class() -> None:
    class Impostor(JobArgs):
        job_type: ClassVar = "TRIAGE_TICKET"

    with pytest.raises(JobTypeTwice, match=r"Impostor and TriageTicket both claim TRIAGE_TICKET"):
        register(Impostor)
    assert register(TriageTicket) is TriageTicket


def test_a_plug_in_adds_its_job_type_and_a_broken_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plug_in_that_works.py").write_text(
        "from typing import ClassVar\n"
        "from helpdesk.queue.args import JobArgs\n"
        "from helpdesk.queue.decode import register\n"
        "@register\n"
        "class Resize(JobArgs):\n"
        "    job_type: ClassVar = 'PLUG_IN_RESIZE'\n"
    )
    (tmp_path / "plug_in_that_breaks.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        load_plugins(" plug_in_that_works ,")
        assert "PLUG_IN_RESIZE" in JOB_TYPES
        with pytest.raises(PluginFailed, match="plug_in_that_breaks cannot be loaded: ZeroDivisionError"):
            load_plugins("plug_in_that_works,plug_in_that_breaks")
    finally:
        JOB_TYPES.pop("PLUG_IN_RESIZE", None)
        sys.modules.pop("plug_in_that_works", None)


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
