"""What dies, in whichever way, comes back by itself and loses nothing."""

from __future__ import annotations

import pytest

from tests.systemd import journal
from tests.systemd.desk import Desk
from tests.systemd.load import load
from tests.systemd.test_short_form import are_active

WORKERS = ("atum-desk-job-worker.service", "atum-desk-job-worker@2.service")


@pytest.fixture(autouse=True)
def whole(desk: Desk) -> None:
    """Begin each test with everything up."""
    desk.box.wait(lambda: are_active(desk), what="all to be up")


def test_a_killed_worker_is_started_again_and_its_job_is_done(desk: Desk) -> None:
    [job_id] = desk.enqueue("BOX_MARK", seconds=4)
    desk.running(job_id)
    desk.box.systemctl("kill", "--signal=SIGKILL", *WORKERS)
    [job] = desk.done(job_id)
    assert job["crash_count"] == 1
    assert journal.entries(desk.box, JOB_ID=job_id, EVENT="job_rescued")
    desk.box.wait(lambda: are_active(desk), what="the workers to be back")


def test_a_killed_api_keeps_new_connections_waiting_and_loses_nothing_it_accepted(desk: Desk) -> None:
    with load(desk) as came:
        desk.box.systemctl("kill", "--signal=SIGKILL", "atum-desk-api")
        after = len(came.answers)
        desk.box.wait(lambda: len(came.answers) >= after + 10, what="answers after the death")
    # Only those it had in hand, at most one of each person.
    assert len(came.failed) <= 3, came.failed
    assert not [failed for failed in came.failed if "Refused" in failed]
    desk.done(*came.jobs)


def test_a_killed_database_server_comes_back_and_everybody_goes_on(desk: Desk) -> None:
    job_ids = desk.enqueue("BOX_MARK", times=20, seconds=0.5)
    desk.box.systemctl("kill", "--kill-who=all", "--signal=SIGKILL", "atum-desk-postgres")
    desk.box.wait(desk.answers, what="the API to have its database again")
    desk.done(*job_ids)
    assert are_active(desk)


def test_a_power_cut_loses_nothing(desk: Desk) -> None:
    ticket = desk.open_ticket("No light")
    job_ids = desk.enqueue("BOX_MARK", times=20, seconds=0.5)
    desk.box.cut_power()
    desk.boot()
    desk.box.wait(lambda: are_active(desk), what="all to be up by itself")
    desk.done(*job_ids)
    assert desk.get(f"/tickets/{ticket['id']}")["subject"] == "No light"


def test_a_stop_drains(desk: Desk) -> None:
    [job_id] = desk.enqueue("BOX_MARK", seconds=3)
    desk.running(job_id)
    later = desk.enqueue("BOX_MARK", times=30, seconds=1)
    desk.box.systemctl("stop", *WORKERS)
    for worker in WORKERS:
        assert desk.box.show(worker, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    assert desk.job(job_id)["status"] == "completed"
    assert {desk.job(each)["status"] for each in later} <= {"completed", "pending"}
    desk.box.systemctl("start", *WORKERS)
    desk.done(*later)
    marks = desk.marks()
    assert {marks[each] for each in [job_id, *later]} == {1}


def test_a_job_that_outlives_the_drain_is_given_back_and_done_by_the_next_one(desk: Desk) -> None:
    drop_ins = [f"/run/systemd/system/{worker}.d/short.conf" for worker in WORKERS]
    for drop_in in drop_ins:
        desk.box.write(drop_in, "[Service]\nEnvironment=ATUM_DRAIN_TIMEOUT_S=1\n")
    desk.box.systemctl("daemon-reload")
    desk.box.systemctl("restart", *WORKERS)
    [job_id] = desk.enqueue("BOX_MARK", seconds=8)
    desk.running(job_id)
    desk.box.systemctl("stop", *WORKERS)
    for worker in WORKERS:
        assert desk.box.show(worker, "Result")["Result"] == "success"
    assert desk.job(job_id)["status"] == "pending"
    desk.box.sh(f"rm {' '.join(drop_ins)}")
    desk.box.systemctl("daemon-reload")
    desk.box.systemctl("start", *WORKERS)
    [job] = desk.done(job_id)
    assert (job["crash_count"], desk.marks()[job_id]) == (0, 1)


def test_a_restart_of_the_target_restarts_everything_and_refuses_nobody(desk: Desk) -> None:
    before = {unit: desk.box.show(unit, "InvocationID") for unit in (*WORKERS, "atum-desk-api", "atum-desk-sla-worker")}
    with load(desk) as came:
        desk.box.systemctl("restart", "atum-desk.target")
        desk.box.wait(lambda: are_active(desk), what="all to be up")
        after = len(came.answers)
        desk.box.wait(lambda: len(came.answers) >= after + 10, what="answers after the restart")
    assert came.failed == []
    desk.done(*came.jobs)
    assert all(desk.box.show(unit, "InvocationID") != was for unit, was in before.items())
