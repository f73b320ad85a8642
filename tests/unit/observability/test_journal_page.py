"""The page on reading the journal names nothing that the code does not have."""

from __future__ import annotations

import importlib.util
import re
from importlib.machinery import SourceFileLoader
from pathlib import Path

from helpdesk.ai.providers.call_log import _OUTCOMES
from helpdesk.models.values import NoticeKind
from helpdesk.queue.catalog import JOB_TYPES

ROOT = Path(__file__).parent.parent.parent.parent
PAGE = (ROOT / "docs/journal.md").read_text("utf-8")
COMMANDS = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
# What every entry has, and what is bound for a request, a job or a worker; then what only the shell knows.
OF_ALL = {"EVENT", "SERVICE", "LOGGER", "PRIORITY", "CODE_FILE", "CODE_LINE", "CODE_FUNC"}
BOUND = {
    "ticket_id",
    "job_id",
    "job_type",
    "attempt",
    "organization_id",
    "user_id",
    "request_id",
    "trace_id",
    "worker_id",
}
OF_THE_SHELL = {"TICKET", "ATUM_LOG_FORMAT"}


def _log_events() -> dict[str, tuple[set[str], set[str]]]:
    loader = SourceFileLoader("reference", str(ROOT / "scripts/reference"))
    spec = importlib.util.spec_from_loader("reference", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    events: dict[str, tuple[set[str], set[str]]] = module.log_events()
    return events


def _values(field: str) -> set[str]:
    return set(re.findall(rf"\b{field}=([\w.]+)", PAGE))


def test_every_event_it_asks_for_is_logged() -> None:
    asked, logged = _values("EVENT"), _log_events()

    assert len(asked) > 20
    assert asked <= logged.keys(), asked - logged.keys()


def test_every_field_it_asks_for_is_one_of_an_event_or_bound() -> None:
    fields = {name.upper() for _, names in _log_events().values() for name in names}
    asked = set(re.findall(r"\b([A-Z][A-Z_]+)=", COMMANDS)) | set(re.findall(r"\.([A-Z][A-Z_]+)\b", COMMANDS))
    described = set(re.findall(r"`([A-Z][A-Z_]+)`", PAGE.split("| field |")[1].split("\n\n")[0]))

    assert {"TICKET_ID", "DURATION", "LOST_BY"} <= asked | described | set(re.findall(r"`([A-Z_]+)`", PAGE))
    known = fields | OF_ALL | {name.upper() for name in BOUND}
    assert asked | described <= known | OF_THE_SHELL, (asked | described) - known


def test_the_values_it_asks_for_are_there() -> None:
    assert _values("JOB_TYPE") <= JOB_TYPES.keys()
    assert _values("NOTICE") <= {str(kind) for kind in NoticeKind}
    assert _values("OUTCOME") <= {name for _, name in _OUTCOMES} | {"failed", "ok"}
