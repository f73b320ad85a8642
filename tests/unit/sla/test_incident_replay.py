"""The replay of real incidents, on incidents made up here."""

import gzip
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY

_FIELDS = "number,opened_at,outcome_priority,outcome_closed_at,outcome_breached"


@pytest.fixture(scope="module")
def incidents() -> ModuleType:
    spec = importlib.util.spec_from_file_location("incidents", REPOSITORY / "scripts/bench/sla_clock/incidents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where its dataclasses look for the names of their fields' types.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def incident(number: str, opened_at: str, closed_at: str, priority: str, breached: str) -> dict[str, str]:
    return dict(zip(_FIELDS.split(","), (number, opened_at, priority, closed_at, breached), strict=True))


# 29 February 2016 is a Monday; a day has nine open hours, so that 62 end on the Tuesday of the week after, at 22:00.
IN_TIME = incident("A", "2016-02-29T14:00", "2016-03-08T22:00", "3 - Moderate", "0")
LATE = incident("B", "2016-02-29T14:00", "2016-03-08T22:01", "3 - Moderate", "1")
# 133 hours are fourteen days and seven hours.
LOW = incident("C", "2016-02-29T14:00", "2016-03-18T21:00", "4 - Low", "0")
LOW_LATE = incident("D", "2016-02-29T09:00", "2016-03-18T21:01", "4 - Low", "1")


def test_verdicts_follow_from_the_open_hours_between_opening_and_closing(incidents: ModuleType) -> None:
    found = incidents.replay([IN_TIME, LATE, LOW, LOW_LATE])
    assert {priority: (verdicts.same, verdicts.total) for priority, verdicts in found.items()} == {
        "3": (2, 2),
        "4": (2, 2),
    }
    assert not incidents.falls_short(found)


def test_a_verdict_that_does_not_come_out_is_named_and_too_many_of_them_fall_short(incidents: ModuleType) -> None:
    found = incidents.replay([IN_TIME | {"outcome_breached": "1"}, LATE, LOW])
    assert (found["3"].same, found["3"].other) == (1, ["A"])
    assert incidents.falls_short(found)
    enough = incidents.replay([LATE] * 999 + [IN_TIME | {"outcome_breached": "1"}, LOW])
    assert not incidents.falls_short(enough)


def test_open_incidents_and_other_priorities_are_left_out_and_nothing_at_all_is_too_little(
    incidents: ModuleType,
) -> None:
    found = incidents.replay([IN_TIME | {"outcome_closed_at": ""}, IN_TIME | {"outcome_priority": "1 - Critical"}])
    assert [verdicts.total for verdicts in found.values()] == [0, 0]
    assert incidents.falls_short(found)


@pytest.mark.parametrize("name", ["incidents.csv", "incidents.csv.gz"])
def test_a_file_is_read_compressed_or_not(incidents: ModuleType, tmp_path: Path, name: str) -> None:
    text = f"{_FIELDS}\n" + "".join(",".join(row.values()) + "\n" for row in (IN_TIME, LOW))
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert [row["number"] for row in incidents.read(path)] == ["A", "C"]
