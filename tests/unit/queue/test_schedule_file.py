"""The schedule as its file edits it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpdesk.models.values import JobPriority
from helpdesk.queue.schedule import SCHEDULE
from helpdesk.queue.schedule_file import ScheduleFile, ScheduleRefused, load_schedule
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY

EXAMPLE = REPOSITORY / "infra/schedule.toml.example"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "schedule.toml"


def settings(file: Path | None) -> Settings:
    return Settings(schedule_file=file)


def test_without_a_file_the_shipped_schedule_stands() -> None:
    assert load_schedule(settings(None)) == SCHEDULE


def test_a_table_changes_what_it_says_of_a_shipped_entry_and_adds_a_new_one(file: Path) -> None:
    file.write_text(
        '[metrics_snapshot]\nmissed = "latest"\n'
        "[reconcile_index]\nenabled = false\n"
        '[early]\ncron = "0 5 * * MON-FRI"\nzone = "Europe/Vienna"\njob_type = "RECONCILE_INDEX"\n'
        'scope = "operator"\npriority = "high"\nmissed = "all"\nmost = 3\ncoalesce = true\n'
    )
    found = {entry.name: entry for entry in load_schedule(settings(file))}
    assert [*found] == [*(entry.name for entry in SCHEDULE), "early"]
    assert (found["metrics_snapshot"].missed, found["metrics_snapshot"].cron) == ("latest", "*/15 * * * *")
    assert (found["reconcile_index"].enabled, found["clean_up"].enabled) == (False, True)
    early = found["early"]
    assert (early.zone, early.scope, early.priority) == ("Europe/Vienna", "operator", JobPriority.HIGH)
    assert (early.missed, early.most, early.unique_key) == ("all", 3, "cron:early")


def test_the_example_is_a_schedule(file: Path) -> None:
    found = {entry.name: entry for entry in load_schedule(settings(EXAMPLE))}
    assert not found["retrain_triage"].enabled
    assert found["sla_report"].zone == "Europe/Vienna"


def test_the_example_tells_the_shipped_schedule() -> None:
    text = EXAMPLE.read_text("utf-8")
    lines = {
        line.split()[1]: " ".join(line.split()) for line in text.splitlines() if "  " in line and len(line.split()) > 6
    }
    for entry in SCHEDULE:
        assert f"{entry.name} {entry.cron} {entry.job_type} {entry.missed}" in lines[entry.name]


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ("[clean_up]\ncron = \n", "Invalid value"),
        ("clean_up = 3\n", r"\[clean_up\]: is no entry"),
        ("[clean_up]\ncorn = '0 * * * *'\n", r"\[clean_up\]: corn: Extra inputs are not permitted"),
        ("[clean_up]\ncron = '0 25 * * *'\n", r"\[clean_up\]: '0 25 \* \* \*' is no cron expression: Bad hour"),
        ("[clean_up]\nzone = 'Europe/Wien'\n", r"\[clean_up\]: 'Europe/Wien' is no time zone"),
        ("[clean_up]\nenabled = 'no'\n", r"\[clean_up\]: enabled: Input should be a valid boolean"),
        ("[clean_up]\nmissed = 'most'\n", r"\[clean_up\]: missed: Input should be 'skip', 'latest' or 'all'"),
        ("[clean_up]\nmost = 0\n", r"\[clean_up\]: most: "),
        ("[clean_up]\npriority = 'urgent'\n", r"\[clean_up\]: priority: "),
        ("[New]\ncron = '0 * * * *'\njob_type = 'CLEAN_UP'\n", r"\[New\]: name: String should match"),
        ("[new]\njob_type = 'CLEAN_UP'\n", r"\[new\]: cron is missing"),
        ("[new]\ncron = '0 * * * *'\n", r"\[new\]: job_type is missing"),
        ("[new]\ncron = '0 * * * *'\njob_type = 'CLEANUP'\n", r"\[new\]: job_type: There is no job type 'CLEANUP'"),
        ("[new]\ncron = '0 * * * *'\njob_type = 'SLA_PREDICT'\n", r"\[new\]: payload: ticket_id: Field required"),
        (
            "[new]\ncron = '0 * * * *'\njob_type = 'SLA_REPORT'\npayload = {week_start = 'soon'}\n",
            r"\[new\]: payload: week_start: ",
        ),
        ("[clean_up]\npayload = {days = 3}\n", r"\[clean_up\]: payload: CLEAN_UP has no field days"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_file_the_entry_and_the_field(
    file: Path, tables: str, problem: str
) -> None:
    file.write_text(tables)
    with pytest.raises(ScheduleRefused, match=problem) as refused:
        load_schedule(settings(file))
    assert refused.value.detail.startswith(str(file))


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(ScheduleRefused, match="No such file"):
        load_schedule(settings(file))


def test_a_file_that_goes_away_while_it_is_used_changes_nothing(file: Path) -> None:
    file.write_text("[clean_up]\nenabled = false\n")
    schedule = ScheduleFile(settings(file))
    before = schedule.entries()
    file.unlink()
    assert schedule.entries() is before
    file.write_text("[clean_up]\nenabled = true\n")
    assert schedule.entries() == SCHEDULE


def test_a_worker_does_not_start_with_a_schedule_it_cannot_use(file: Path) -> None:
    file.write_text("[clean_up]\nzone = 'Mars/Olympus'\n")
    done = subprocess.run(
        [sys.executable, "-m", "workers", "job"],
        cwd=REPOSITORY,
        env=os.environ | {"ATUM_SCHEDULE_FILE": str(file)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"The worker cannot start: {file}, [clean_up]: 'Mars/Olympus' is no time zone." in done.stderr
