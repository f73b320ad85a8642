"""The image and the compose file name only what the code has."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.core import TyperGroup

import workers.__main__
from api.app import PREFIX
from helpdesk.cli.main import app
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY
from workers.fleet import FLEET

INFRA = REPOSITORY / "infra"
IMAGE = (INFRA / "Containerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "atum_database_url" in service.get("secrets", [])}
KNOWN = {f"ATUM_{name.upper()}" for name in Settings.model_fields}
COMMANDS = typer.main.get_command(app)
# Of the compose file itself: what is run, and where its files are.
OF_COMPOSE = {"ATUM_IMAGE", "ATUM_POSTGRES_IMAGE", "ATUM_OLLAMA_IMAGE", "ATUM_API_LISTEN", "ATUM_SECRETS"}


def test_every_variable_is_a_setting() -> None:
    of_image = set(re.findall(r"\b(ATUM_[A-Z_]+)=", IMAGE))
    of_services = {name for service in OURS.values() for name in service["environment"]}
    assert of_image | of_services <= KNOWN
    substituted = set(re.findall(r"\$\{(ATUM_[A-Z_]+)", (INFRA / "compose.yaml").read_text()))
    assert substituted <= KNOWN | OF_COMPOSE
    page = (REPOSITORY / "docs/containers.md").read_text()
    assert {name for name in substituted if f"`{name}`" not in page} == set()


def test_there_is_one_service_for_each_worker_and_the_api() -> None:
    commands = {name: service["command"] for name, service in OURS.items()}
    assert commands.pop("migrate") == ["atum-desk", "migrate"]
    assert commands.pop("api") == ["python", "-P", "-m", "api"]
    assert commands == {f"{kind}-worker": ["python", "-P", "-m", "workers", kind] for kind in FLEET}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_is_one_that_exists(name: str) -> None:
    program, *arguments = OURS[name]["command"]
    if program == "atum-desk":
        assert isinstance(COMMANDS, TyperGroup)
        assert arguments[0] in COMMANDS.list_commands(typer.Context(COMMANDS))
    elif arguments[:3] == ["-P", "-m", "workers"]:
        assert workers.__main__._parser().parse_args(arguments[3:]).worker in FLEET
    else:
        assert arguments == ["-P", "-m", "api"]
        assert importlib.util.find_spec("api.__main__") is not None


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_service_runs_with_as_little_as_it_needs(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["init"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service or name == "api"


def test_nothing_starts_before_the_database_has_its_schema() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in set(OURS) - {"migrate"}:
        assert OURS[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_stopping_takes_longer_than_draining() -> None:
    drain = Settings().drain_timeout_s
    for kind in FLEET:
        assert int(OURS[f"{kind}-worker"]["stop_grace_period"].removesuffix("s")) >= drain + 20
    assert int(OURS["api"]["stop_grace_period"].removesuffix("s")) > 20


def test_job_workers_can_be_many() -> None:
    """Nothing of theirs may exist once only: a name or a port of the host."""
    assert {"container_name", "ports"} & set(SERVICES["job-worker"]) == set()


def test_secrets_are_files_and_named_as_the_settings_read_them() -> None:
    named = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert named == set(COMPOSE["secrets"])
    assert "CREDENTIALS_DIRECTORY=/run/secrets" in IMAGE
    assert "atum_database_url".upper() in KNOWN
    for service in SERVICES.values():
        assert not [name for name in service.get("environment", {}) if name.endswith("PASSWORD")]


def test_what_the_compose_file_mounts_is_there() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    for place in mounted:
        if place.startswith("./"):
            assert (INFRA / place).is_file(), place
        else:
            assert place in COMPOSE["volumes"]


def test_the_database_server_prepares_what_an_administrator_would() -> None:
    script = (INFRA / "container-postgres.sh").read_text()
    mounted = [volume.split(":") for volume in SERVICES["postgres"]["volumes"]]
    assert ["./postgres/prepare.sql", "/opt/atum-desk/prepare.sql", "ro"] in mounted
    assert "-f /opt/atum-desk/prepare.sql" in script
    assert "NOSUPERUSER" in script


def test_the_image_copies_what_is_there_and_in_the_context() -> None:
    ignored, *kept = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert ignored == "*"
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.*)$", IMAGE, re.MULTILINE)]
    for name in (name for names in copied for name in names):
        assert (REPOSITORY / name).exists(), name
        assert f"!{name}" in kept


def test_the_image_does_not_run_as_root() -> None:
    last = IMAGE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "ENTRYPOINT" not in IMAGE


class _Answering(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path in {"/metrics", f"{PREFIX}/health"} else 404)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def _health(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", Path(INFRA / "container-health")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_worker_is_well_when_its_metrics_answer(port: int) -> None:
    # Port 1 stands for an API that is not in this container.
    asked = _health(ATUM_METRICS_LISTEN=f"0.0.0.0:{port}", ATUM_API_PORT="1")
    assert (asked.returncode, asked.stderr) == (0, "")


def test_an_api_is_well_when_both_answer(port: int) -> None:
    asked = _health(ATUM_METRICS_LISTEN=f"0.0.0.0:{port}", ATUM_API_PORT=str(port))
    assert (asked.returncode, asked.stderr) == (0, "")


def test_what_does_not_answer_is_not_well() -> None:
    asked = _health(ATUM_METRICS_LISTEN="0.0.0.0:1", ATUM_API_PORT="1")
    assert asked.returncode == 1
    assert "http://127.0.0.1:1/metrics does not answer" in asked.stderr
