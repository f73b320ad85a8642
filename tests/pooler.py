"""A real PgBouncer in transaction mode before the test server."""

from __future__ import annotations

import configparser
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.conftest import REPOSITORY, Server, _folder_others_can_enter

_START_WITHIN_S = 10


@contextmanager
def pooler(server: Server, *, pool_size: int) -> Iterator[int]:
    """Run PgBouncer with the product's example configuration, but for the addresses; give its port.

    Args:
        pool_size: connections to PostgreSQL.
    """
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    # PgBouncer, too, does not run as root.
    account = server.postgres._account()
    folder, port = _folder_others_can_enter(), _free_port()
    (folder / "users").write_text('"atum" ""\n')
    _write_configuration(folder, server, port=port, pool_size=pool_size)
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "pgbouncer.ini")], cwd="/", stdout=log, stderr=log, **account)
    try:
        _wait(process, port, folder / "pgbouncer.log")
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def pooled_url(direct_url: str, port: int) -> str:
    """Return the URL of the same database through the pooler."""
    return f"postgresql://atum@127.0.0.1:{port}/{make_url(direct_url).database}"


def _write_configuration(folder: Path, server: Server, *, port: int, pool_size: int) -> None:
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read(REPOSITORY / "infra/pgbouncer/pgbouncer.ini")
    configuration["databases"]["*"] = f"host={server.postgres.socket_folder}"
    own = {
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(folder / "users"),
        "default_pool_size": str(pool_size),
        "reserve_pool_size": "0",
    }
    configuration["pgbouncer"].update(own)
    with (folder / "pgbouncer.ini").open("w") as file:
        configuration.write(file)


def _wait(process: subprocess.Popen[Any], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PgBouncer does not answer: {log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
