"""Each directive of the units by itself: what it refuses works without it."""

from __future__ import annotations

import pytest

from tests.systemd.desk import Desk
from tests.systemd.sandbox import PROBES, Probe, attempts, furnish, lines_of, service_lines

WITHIN = [(probe, directive) for probe in PROBES for directive in probe.kept_by]
# What is open to a service on purpose.
OPEN = {
    "atum-desk-api.service": {"send to other machines"},
    "atum-desk-job-worker.service": {"send to other machines"},
    "atum-desk-job-worker@.service": {"send to other machines"},
    "atum-desk-migrate.service": {"send to other machines"},
    "atum-desk-models.service": {"see the machine's figures"},
    "atum-desk-postgres.service": {"start very many threads"},
    "atum-desk-rag-worker.service": set(),
    "atum-desk-sla-tick.service": set(),
    "atum-desk-sla-worker.service": set(),
}


@pytest.fixture(scope="module", autouse=True)
def furnished(desk: Desk) -> None:
    """Put what the probes look for into the box."""
    furnish(desk.box)


@pytest.mark.parametrize(("probe", "directive"), WITHIN, ids=[f"{p.name}: {d}" for p, d in WITHIN])
def test_the_directive_alone_refuses_it(desk: Desk, probe: Probe, directive: str) -> None:
    lines = lines_of(service_lines(desk.box, "atum-desk-sla-worker.service"), directive)
    assert lines, f"the unit does not say {directive}"
    assert attempts(desk.box, [probe], probe.given)[probe.name] == "done"
    assert attempts(desk.box, [probe], [*probe.given, *lines])[probe.name] != "done"


@pytest.mark.parametrize("unit", OPEN)
def test_the_unit_lets_through_only_what_it_is_to(desk: Desk, unit: str) -> None:
    tried = attempts(desk.box, PROBES, service_lines(desk.box, unit))
    assert {name for name, said in tried.items() if said == "done"} == OPEN[unit], tried


def test_every_unit_is_among_them(desk: Desk) -> None:
    installed = desk.box.sh("cd /usr/local/lib/systemd/system && ls atum-desk*.service").split()
    assert set(installed) == set(OPEN)


def test_a_drop_in_opens_the_way_to_a_machine_elsewhere(desk: Desk) -> None:
    [probe] = [probe for probe in PROBES if "IPAddressDeny" in probe.kept_by]
    lines = service_lines(desk.box, "atum-desk-rag-worker.service")
    assert attempts(desk.box, [probe], lines)[probe.name] != "done"
    assert attempts(desk.box, [probe], [*lines, "IPAddressAllow=192.0.2.0/24"])[probe.name] == "done"
