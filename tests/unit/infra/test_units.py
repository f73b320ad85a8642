"""The unit files, read by systemd's own tools without a running systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from helpdesk.settings import Settings

REPOSITORY = Path(__file__).parent.parent.parent.parent
UNITS = REPOSITORY / "infra/systemd"
PROGRAMS = "/opt/atum-desk/venv/bin"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
# Each says when it is ready and that it lives.
LASTING = sorted(
    f"atum-desk-{name}.service" for name in ("api", "job-worker", "job-worker@", "rag-worker", "sla-worker", "models")
)
# They reach mail servers, webhooks and databases elsewhere.
OUTWARD = {"atum-desk-api.service", "atum-desk-job-worker.service", "atum-desk-job-worker@.service"}
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateMounts": "yes",
    "PrivateDevices": "yes",
    "DevicePolicy": "closed",
    "PrivateUsers": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectControlGroups": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "KeyringMode": "private",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
}
_SPAN = re.compile(r"(\d+)(min|s|$)")


def directives(name: str) -> dict[str, list[str]]:
    """Return the values of each directive of a unit, in their order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in (UNITS / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def only(name: str, directive: str) -> str:
    """Return the one value of a directive."""
    values = directives(name)[directive]
    assert len(values) == 1, f"{name}: {directive} is there {len(values)} times"
    return values[0]


def seconds(span: str) -> int:
    return sum(int(number) * (60 if unit == "min" else 1) for number, unit in _SPAN.findall(span))


def variables(name: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in directives(name)["Environment"])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the units as on a machine that has the programs they start."""
    folder = tmp_path_factory.mktemp("units")
    programs = folder / "bin"
    programs.mkdir()
    for name in ("python", "atum-desk"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    for path in UNITS.glob("*.*"):
        if path.is_file():
            (folder / path.name).write_text(path.read_text().replace(PROGRAMS, str(programs)))
    return folder


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    assert tool, "systemd-analyze is missing (the Debian package systemd)"
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)


def test_systemd_reads_every_unit_without_a_complaint(installed: Path) -> None:
    units = sorted(path for path in installed.iterdir() if path.is_file())
    assert len(units) == 12
    # Without the last option an unknown directive is only told, and not an error.
    done = analyze("verify", "--man=no", "--recursive-errors=no", *units)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_in_a_unit_would_be_seen(installed: Path, tmp_path: Path) -> None:
    text = (installed / "atum-desk-sla-worker.service").read_text()
    broken = tmp_path / "atum-desk-broken.service"
    for wrong in (text.replace("WatchdogSec", "WatchdogSecs"), text.replace(str(installed), "/nowhere")):
        broken.write_text(wrong)
        assert analyze("verify", "--man=no", "--recursive-errors=no", broken).returncode != 0


@pytest.mark.parametrize("name", SERVICES)
def test_little_is_exposed(name: str) -> None:
    done = analyze("security", "--offline=yes", "--no-pager", "--threshold=15", UNITS / name)

    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    for directive, value in HARDENING.items():
        assert only(name, directive) == value, directive
    assert directives(name)["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    # The models' runtimes read /proc/cpuinfo to choose their code.
    assert only(name, "ProcSubset") == ("all" if "models" in name else "pid")
    assert only(name, "User") == only(name, "Group") == "atum-desk"
    assert only(name, "UMask") == "0077"
    assert only(name, "LimitCORE") == "0"


@pytest.mark.parametrize("name", SERVICES)
def test_only_what_must_reaches_other_machines(name: str) -> None:
    denied, allowed = directives(name)["IPAddressDeny"], directives(name)["IPAddressAllow"]
    if name in OUTWARD | {"atum-desk-migrate.service"}:
        assert denied == []
    elif "postgres" in name:
        assert (denied, allowed, only(name, "PrivateNetwork")) == (["any"], [], "yes")
        assert only(name, "RestrictAddressFamilies") == "AF_UNIX"
    else:
        assert (denied, allowed) == (["any"], ["localhost"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_its_limits(name: str) -> None:
    assert int(only(name, "TasksMax")) <= 1024
    if "postgres" in name:
        assert only(name, "OOMPolicy") == "continue"
        return
    high, most = only(name, "MemoryHigh"), only(name, "MemoryMax")
    assert 0 < _mega_bytes(high) < _mega_bytes(most)


def _mega_bytes(text: str) -> int:
    return int(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_service_is_watched_and_started_anew(name: str) -> None:
    assert only(name, "Type") == "notify"
    assert only(name, "NotifyAccess") == "main"
    assert seconds(only(name, "WatchdogSec")) >= 30
    assert only(name, "Restart") == "always"
    assert seconds(only(name, "RestartSec")) >= 1
    assert only(name, "KillMode") == "mixed"
    assert only(name, "ExecReload") == "/bin/kill -HUP $MAINPID"
    assert variables(name)["ATUM_ENVIRONMENT_FILE"] == only(name, "EnvironmentFile").removeprefix("-")
    # What fails at once is given up after a while, but not before a database that comes up slowly is there.
    tries, within = int(only(name, "StartLimitBurst")), seconds(only(name, "StartLimitIntervalSec"))
    assert tries * seconds(only(name, "RestartSec")) < within < tries * seconds(only(name, "TimeoutStartSec"))


@pytest.mark.parametrize("name", [name for name in LASTING if "worker" in name])
def test_a_worker_gets_longer_to_stop_than_it_takes(name: str) -> None:
    drain = Settings.model_fields["drain_timeout_s"].default

    # Beyond the jobs in hand: what is cancelled, told to the database and closed.
    assert seconds(only(name, "TimeoutStopSec")) >= drain + 5 + 10 + 5 + 5


def test_the_api_gets_longer_to_stop_than_it_takes() -> None:
    from api.__main__ import _STOP_WITHIN_S

    assert seconds(only("atum-desk-api.service", "TimeoutStopSec")) >= _STOP_WITHIN_S + 5


@pytest.mark.parametrize("name", [name for name in SERVICES if "postgres" not in name])
def test_settings_and_secrets_come_by_their_own_ways(name: str) -> None:
    assert only(name, "EnvironmentFile") == "-/etc/atum-desk/atum-desk.env"
    assert only(name, "LoadCredential") == "atum:/etc/atum-desk/credentials"
    assert variables(name)["ATUM_DATA_DIR"] == "/var/lib/atum-desk"
    assert only(name, "StateDirectory") == only(name, "CacheDirectory") == "atum-desk"
    # Anybody may read what Environment= says.
    assert not any(word in each.lower() for each in variables(name) for word in ("url", "password", "key", "secret"))


def test_each_process_shows_its_metrics_at_a_port_of_its_own() -> None:
    ports = {name: variables(name)["ATUM_METRICS_LISTEN"] for name in LASTING}

    assert len(set(ports.values())) == len(ports)
    assert all(port.startswith("127.0.0.1:94") for port in ports.values())
    assert ports["atum-desk-job-worker@.service"] == "127.0.0.1:943%i"


@pytest.mark.parametrize("name", SERVICES)
def test_the_journal_knows_a_service_by_its_name(name: str) -> None:
    assert only(name, "SyslogIdentifier") == name.removesuffix(".service").removesuffix("@")


def test_a_further_job_worker_is_like_the_first() -> None:
    first, further = directives("atum-desk-job-worker.service"), directives("atum-desk-job-worker@.service")
    for apart in ("Description", "Environment", "DefaultInstance"):
        first.pop(apart, None)
        further.pop(apart, None)

    assert first == further


def test_a_restart_of_everything_refuses_no_request() -> None:
    socket, api = "atum-desk-api.socket", "atum-desk-api.service"

    assert only(socket, "StopPropagatedFrom") == "atum-desk.target"
    # Either would close the socket at a restart of the target.
    assert not {"PartOf", "BindsTo", "Requires"} & directives(socket).keys()
    assert only(api, "Requires") == socket
    assert only(api, "Also") == socket
    assert only(socket, "ListenStream") == (
        f"{Settings.model_fields['api_host'].default}:{Settings.model_fields['api_port'].default}"
    )


def test_the_target_moves_all_but_the_database() -> None:
    parts = {path.name for path in UNITS.glob("*.*") if path.is_file() and "PartOf" in directives(path.name)}

    assert parts == {*LASTING, "atum-desk-sla-tick.timer"}
    for path in UNITS.glob("atum-desk-*.*"):
        if path.name != "atum-desk-sla-tick.service":
            assert only(path.name, "WantedBy") == "atum-desk.target", path.name


def test_the_schema_is_brought_up_to_date_before_anything_works_on_it() -> None:
    migrate = "atum-desk-migrate.service"
    for name in LASTING:
        if "models" not in name:
            assert migrate in directives(name)["Wants"], name
            assert migrate in " ".join(directives(name)["After"]).split(), name
    assert (only(migrate, "Type"), only(migrate, "RemainAfterExit")) == ("oneshot", "yes")


def test_the_timer_and_the_worker_of_the_sla_exclude_each_other() -> None:
    assert only("atum-desk-sla-tick.timer", "Conflicts") == "atum-desk-sla-worker.service"
    assert only("atum-desk-sla-worker.service", "Conflicts") == "atum-desk-sla-tick.timer"
    done = analyze("calendar", only("atum-desk-sla-tick.timer", "OnCalendar"))
    assert "Normalized form: *-*-* *:*:00" in done.stdout


def test_every_drop_in_fits_the_units_it_names(installed: Path, tmp_path: Path) -> None:
    examples = sorted((UNITS / "examples").glob("*.conf"))
    assert examples
    for example in examples:
        named = re.findall(r"/etc/systemd/system/(atum-desk-[a-z@-]*)\.service\.d/", example.read_text())
        assert named, example.name
        for place in named:
            # A name that ends in a dash stands for all the units whose names begin so.
            unit = "atum-desk-rag-worker" if place == "atum-desk-" else place
            folder = tmp_path / f"{example.stem}-{unit}"
            (folder / f"{place}.service.d").mkdir(parents=True)
            shutil.copy(example, folder / f"{place}.service.d")
            for path in installed.iterdir():
                if path.is_file():
                    shutil.copy(path, folder)
            done = analyze("verify", "--man=no", "--recursive-errors=no", folder / f"{unit}.service")
            assert (done.returncode, done.stderr) == (0, ""), example.name


def test_long_drains_get_their_time_from_both_sides() -> None:
    text = (UNITS / "examples/long-drain.conf").read_text()
    drain, stop = re.findall(r"(?:DRAIN_TIMEOUT_S|TimeoutStopSec)=(\d+)", text)

    assert int(stop) >= int(drain) + 20


def test_the_page_names_every_unit_and_drop_in() -> None:
    page = (REPOSITORY / "docs/systemd.md").read_text()
    for path in [*UNITS.glob("*.*"), *(UNITS / "examples").iterdir()]:
        if path.is_file():
            assert path.name in page, path.name
