"""The services of a whole desk on a real systemd: what must hold on every machine."""

from __future__ import annotations

from tests.systemd import journal
from tests.systemd.desk import Desk
from tests.systemd.installation import EATER, EATER_IS, SECRET, VICTIM, VICTIM_IS
from tests.systemd.load import load
from tests.systemd.sandbox import PROBES, attempts, furnish, service_lines

_NAMES = ("api", "job-worker", "job-worker@2", "rag-worker", "sla-worker", "postgres")
SERVICES = [f"atum-desk-{name}.service" for name in _NAMES]


def are_active(desk: Desk) -> bool:
    """Tell whether the whole desk is up."""
    said = desk.box.systemctl("is-active", "atum-desk.target", *SERVICES, check=False).split()
    return set(said) == {"active"}


def test_every_unit_is_ready(desk: Desk) -> None:
    assert are_active(desk), desk.box.systemctl("list-units", "--all", "atum-desk*")
    assert desk.box.systemctl("list-units", "--failed", "--no-legend", "atum-desk*").strip() == ""
    shown = desk.box.show("atum-desk-job-worker", "StatusText", "NRestarts", "User", "Type")
    assert "slots busy" in shown["StatusText"]
    assert shown["NRestarts"] == "0"
    assert (shown["User"], shown["Type"]) == ("atum-desk", "notify")


def test_a_ticket_goes_through_and_its_way_can_be_read_in_the_journal(desk: Desk) -> None:
    subject = "Laptop\nTICKET_ID=forged\nPRIORITY=0\n"
    ticket_id = desk.open_ticket(subject, "There is smoke coming out of it", **{"X-Request-ID": "box-4711"})["id"]
    desk.box.wait(lambda: desk.get(f"/tickets/{ticket_id}")["priority"] == "urgent", what="triage", every_s=0.5)
    steps = desk.box.wait(
        lambda: journal.entries(desk.box, TICKET_ID=ticket_id, JOB_TYPE="TRIAGE_TICKET", EVENT="job_completed"),
        what="triage in the journal",
    )
    [triage] = steps
    assert triage["SYSLOG_IDENTIFIER"] == "atum-desk-job-worker"
    assert triage["PRIORITY"] == "6"
    of_request = journal.entries(desk.box, REQUEST_ID="box-4711")
    assert {entry["SERVICE"] for entry in of_request} >= {"api", "job-worker"}
    assert triage["__CURSOR"] in {entry["__CURSOR"] for entry in journal.entries(desk.box, JOB_ID=triage["JOB_ID"])}
    organization = journal.entries(desk.box, ORGANIZATION_ID=triage["ORGANIZATION_ID"], JOB_TYPE="TRIAGE_TICKET")
    assert triage["__CURSOR"] in {entry["__CURSOR"] for entry in organization}


def test_texts_and_tracebacks_are_one_entry_each_and_forge_nothing(desk: Desk) -> None:
    text = "harmless\nTICKET_ID=forged\nPRIORITY=0\nMESSAGE=all is lost\n"
    said, failed = desk.enqueue("BOX_SAY", text=text) + desk.enqueue("BOX_FAIL")
    desk.ended(said, failed)
    desk.call("GET", "/tickets/%0aTICKET_ID=forged%0aPRIORITY=0")
    [entry] = journal.entries(desk.box, JOB_ID=said, EVENT="box_says")
    assert entry["PRIORITY"] == "4"
    assert entry["TEXT"].startswith("harmless")
    assert "all is lost" in entry["TEXT"]
    assert journal.entries(desk.box, TICKET_ID="forged") == []
    assert journal.entries(desk.box, "--unit=atum-desk*", PRIORITY="0") == []
    tracebacks = [entry for entry in journal.entries(desk.box, JOB_ID=failed) if "Traceback" in entry["MESSAGE"]]
    [traceback] = tracebacks
    assert "ZeroDivisionError" in traceback["MESSAGE"]
    assert int(traceback["PRIORITY"]) <= 4


def test_secrets_stay_in_the_services(desk: Desk) -> None:
    box = desk.box
    assert SECRET not in box.systemctl("show", "atum-desk*", "--all")
    assert SECRET not in box.sh("cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'")
    box.run("journalctl", "--sync")
    assert SECRET not in box.sh("journalctl --no-pager --all -o export")
    # Nor is the login a guess: the services have it from nowhere else.
    assert "DATABASE_URL" not in box.sh("grep -v '^#' /etc/atum-desk/atum-desk.env")


def test_the_sandbox_refuses_what_works_without_it(desk: Desk) -> None:
    furnish(desk.box)
    without = attempts(desk.box, PROBES, [])
    assert set(without.values()) == {"done"}, without
    allowed = {"atum-desk-job-worker.service": {"send to other machines"}, "atum-desk-rag-worker.service": set()}
    for unit, may in allowed.items():
        within = attempts(desk.box, PROBES, service_lines(desk.box, unit))
        assert {name for name, said in within.items() if said == "done"} == may, within


def test_a_restart_of_the_api_and_of_the_workers_fails_no_request_and_loses_no_job(desk: Desk) -> None:
    with load(desk) as came:
        desk.box.systemctl("restart", "atum-desk-api", "atum-desk-job-worker")
        after = len(came.answers)
        desk.box.wait(lambda: len(came.answers) >= after + 10, what="answers after the restart")
    assert came.failed == []
    desk.done(*came.jobs)
    marks = desk.marks()
    assert {job: marks[job] for job in came.jobs} == dict.fromkeys(came.jobs, 1)


def _failures(desk: Desk, unit: str) -> list[str]:
    return [message for message in journal.messages(desk.box, f"--unit={unit}") if "Failed with result" in message]


def test_a_worker_that_hangs_or_runs_out_of_memory_is_killed_and_its_job_is_finished(desk: Desk) -> None:
    """Both at once, since the worker that comes back is what takes time."""
    [hangs] = desk.enqueue("BOX_HANG", worker=VICTIM_IS)
    # Until it hangs it takes any job, and what it has in hand then is lost with it.
    desk.box.wait(lambda: journal.entries(desk.box, JOB_ID=hangs, EVENT="box_hangs"), what="the worker to hang")
    [eats] = desk.enqueue("BOX_EAT", worker=EATER_IS)
    others = desk.enqueue("BOX_MARK", times=5)
    hung, ate, *_ = desk.done(hangs, eats, *others)
    assert (hung["crash_count"], ate["crash_count"]) == (1, 1)
    [began] = journal.entries(desk.box, JOB_ID=hangs, EVENT="box_hangs")
    assert hung["result"]["life"] != began["LIFE"]
    assert any("Watchdog timeout" in message for message in journal.messages(desk.box, f"--unit={VICTIM}"))
    # It may have lost the job for standing still before its memory ran out.
    ends = desk.box.wait(lambda: _failures(desk, EATER), what="the worker to run out of memory")
    # Cgroups of the first version have it that a signal came.
    assert ends[0].endswith(("'oom-kill'.", "'signal'.")), ends
    desk.box.wait(lambda: are_active(desk), what="the workers to be back")


def test_powering_off_drains_and_nothing_is_lost_over_it(desk: Desk) -> None:
    desk.box.wait(lambda: are_active(desk), what="all to be up")
    ticket = desk.open_ticket("Printer is on fire")
    [in_hand] = desk.enqueue("BOX_MARK", seconds=5)
    desk.running(in_hand)
    waiting = desk.enqueue("BOX_MARK", times=30, seconds=1)
    desk.box.power_off()
    desk.boot()
    desk.box.wait(lambda: are_active(desk), what="all to be up by itself")
    jobs = desk.done(in_hand, *waiting)
    assert {job["crash_count"] for job in jobs} == {0}
    assert {desk.marks()[job["id"]] for job in jobs} == {1}
    assert desk.get(f"/tickets/{ticket['id']}")["subject"] == "Printer is on fire"
    before = journal.messages(desk.box, "--boot=-1", "--unit=atum-desk-job-worker*", "--identifier=systemd")
    assert not [message for message in before[-8:] if "Failed" in message], before
