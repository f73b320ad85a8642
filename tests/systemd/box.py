"""A real systemd as PID 1, in a container whose root is an overlay of this machine's own.

Nothing is written to the machine, nothing is fetched, and there is no network in it but its own loopback. Needs root
and the Debian packages systemd-container and dbus. See keeper.py for who makes it and who clears it away.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.systemd.keeper import remove_cgroups

T = TypeVar("T")

_PREFIX = "atum-box-"
_KEEPER = Path(__file__).with_name("keeper.py")
_INSIDE = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
_CLEAN = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TERM=dumb", "SYSTEMD_COLORS=0")
_NETWORK_NAMESPACE = 0x40000000
_BOOT_WITHIN_S = 120.0
_OFF_WITHIN_S = 90.0


class BoxFailed(AssertionError):
    """The box, or a command in it, did not do what it was asked to."""


def why_not() -> str | None:
    """Return why no box can be booted on this machine, or None when one can."""
    if os.geteuid() != 0:
        return "only root can boot a systemd of its own"
    for tool in ("systemd-nspawn", "nsenter", "unshare", "setpriv", "dbus-daemon"):
        if not shutil.which(tool):
            return f"there is no {tool} (on Debian: systemd-container, util-linux, dbus)"
    trial = subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], capture_output=True, check=False)
    return f"no mount namespace can be made: {trial.stderr.decode().strip()}" if trial.returncode else None


def _sweep(folder: Path) -> None:
    """Remove what boxes left whose keeper was killed outright; one that lives holds its lock."""
    for state in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - state.stat().st_mtime < 10:
                continue
            with (state / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (state / "cgroups").exists():
                    remove_cgroups([Path(line) for line in (state / "cgroups").read_text().splitlines()])
                shutil.rmtree(state, ignore_errors=True)


class Box:
    """A machine to install on, to boot, to power off and to boot again.

    Put files in, `build` it, `prepare` and `boot` it, in this order.

    Args:
        disk: how much may be written to it; it is memory that is used up.
        memory: how many bytes everything in it may use.
    """

    def __init__(self, *, disk: str = "6G", memory: int = 4 << 30) -> None:
        self.leader = 0
        self._network: ThreadPoolExecutor | None = None
        folder = Path(tempfile.gettempdir())
        _sweep(folder)
        # Not mkdtemp: a name of its own may end in what a machine's name must not.
        self._state = folder / f"{_PREFIX}{secrets.token_hex(4)}"
        self._state.mkdir(mode=0o700)
        self._lock = (self._state / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", sys.executable, "-I", _KEEPER, self._state],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[self._lock.fileno()],
            start_new_session=True,
        )
        self._tell({"disk": disk, "memory": memory, "tasks": 2000, "uuid": secrets.token_hex(16)})

    def folder(self, path: str) -> Path:
        """Return a folder of this machine that is copied to a path in the box when it is built."""
        folder = self._state / "files" / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put(self, files: Mapping[str, str | Path]) -> None:
        """Let there be files in it besides those of this machine: a path in the box and a text, a file or a folder."""
        for path, content in files.items():
            target = self.folder(str(Path(path).parent)) / Path(path).name
            if isinstance(content, str):
                target.write_text(content)
            elif content.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(content, target, dirs_exist_ok=True, ignore=ignored)
            else:
                shutil.copy2(content, target)

    def build(self, layers: Mapping[str, Path] | None = None) -> None:
        """Make the root.

        Args:
            layers: folders of this machine to show elsewhere in the box; what it changes there stays in the box.
        """
        self._ask("build", layers={target: str(source) for target, source in (layers or {}).items()})

    def _tell(self, line: dict[str, Any]) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(json.dumps(line) + "\n")
        self._keeper.stdin.flush()

    def _ask(self, action: str, **what: Any) -> dict[str, Any]:
        self._tell({"do": action, **what})
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the keeper is gone"}
        if "error" in answer:
            raise BoxFailed(f"{action}: {answer['error']}\n{self.console()}")
        return answer

    def prepare(self, script: str) -> None:
        """Run a shell script in the root before it is booted, with this machine's network."""
        assert not self.leader, "the box is up"
        if code := self._ask("prepare", script=script)["code"]:
            raise BoxFailed(f"preparing ended with {code}:\n{self.console()}")

    def boot(self) -> float:
        """Boot; return after how many seconds systemd had started all there is to start."""
        began = time.monotonic()
        self.leader = self._ask("boot")["leader"]
        if not self.leader:
            raise BoxFailed(f"the box did not boot:\n{self.console()}")
        self._network = ThreadPoolExecutor(16, initializer=_enter_network, initargs=(self.leader,))
        self.wait(self._is_up, within_s=_BOOT_WITHIN_S, every_s=0.05, what="systemd to be up")
        return time.monotonic() - began

    def _is_up(self) -> bool:
        said = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return said in {"running", "degraded"}

    def power_off(self) -> None:
        """Shut the box down as its administrator would; its disk stays."""
        self.run("systemctl", "poweroff", "--no-block")
        code = self._forget(_OFF_WITHIN_S)
        assert code is not None, f"the box did not power off:\n{self.console()}"

    def cut_power(self) -> None:
        """End everything in the box at once; what was written to its disk stays."""
        self._forget(0)

    def _forget(self, within_s: float) -> int | None:
        if self._network is not None:
            self._network.shutdown(wait=False, cancel_futures=True)
        code: int | None = self._ask("join", within_s=within_s)["code"]
        self.leader = 0
        return code

    def close(self) -> None:
        """End the box and leave nothing behind."""
        if self._network is not None:
            self._network.shutdown(wait=False, cancel_futures=True)
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        try:
            self._keeper.wait(60)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        self._keeper.stdout.close()
        # Only when the keeper was killed is there anything left.
        if (self._state / "cgroups").exists():
            remove_cgroups([Path(line) for line in (self._state / "cgroups").read_text().splitlines()])
        shutil.rmtree(self._state, ignore_errors=True)
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def console(self) -> str:
        """Return the end of what preparing and booting printed."""
        logs = (self._state / name for name in ("prepare.log", "console.log"))
        return "\n".join(log.read_text(errors="replace")[-6000:] for log in logs if log.exists())

    def run(
        self, *command: str, check: bool = True, send: str | None = None, within_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the box as its root, in a clean environment."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.leader), *_INSIDE, *_CLEAN, *command],
            **{"input": send} if send is not None else {"stdin": subprocess.DEVNULL},
            text=True,
            capture_output=True,
            timeout=within_s,
            check=False,
        )
        if check and done.returncode:
            raise BoxFailed(f"{shlex.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def sh(self, script: str, **options: Any) -> str:
        """Run a shell script in the box and return what it printed."""
        return self.run("/bin/sh", "-euc", script, **options).stdout

    def systemctl(self, *arguments: str, **options: Any) -> str:
        """Run systemctl in the box and return what it printed."""
        return self.run("systemctl", *arguments, **options).stdout

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit."""
        said = self.systemctl("show", unit, *(f"--property={name}" for name in properties))
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def write(self, path: str, text: str) -> None:
        """Write a file in the box, with the folders above it."""
        self.run("/bin/sh", "-euc", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "write", path, send=text)

    def copy_in(self, source: Path, folder: str) -> None:
        """Copy what is in a folder of this machine to a folder in the box."""
        self.run("mkdir", "-p", folder)
        inside = ["nsenter", "--target", str(self.leader), *_INSIDE, "tar", "-x", "-C", folder]
        with subprocess.Popen(["tar", "-c", "-C", source, "."], stdout=subprocess.PIPE) as packing:
            subprocess.run(inside, stdin=packing.stdout, check=True)

    def in_network(self, call: Callable[..., T], *arguments: Any) -> T:
        """Call something in a thread whose sockets are in the box's network."""
        assert self._network is not None
        return self._network.submit(call, *arguments).result()

    def wait(
        self, holds: Callable[[], T], *, what: str = "a condition", within_s: float = 60, every_s: float = 0.1
    ) -> T:
        """Ask until the answer is true and return it; fail with the end of the journal when it is not in time."""
        deadline = time.monotonic() + within_s
        while not (answer := holds()):
            if time.monotonic() > deadline:
                raise BoxFailed(f"waited {within_s} s for {what}; the journal ends with\n{self.last_words()}")
            time.sleep(every_s)
        return answer

    def last_words(self) -> str:
        """Return the end of the journal, without what is said of each request."""
        said = self.run("journalctl", "--no-pager", "--lines=400", check=False).stdout.splitlines()
        return "\n".join([line[:300] for line in said if "request_completed" not in line][-60:])


def _enter_network(leader: int) -> None:
    with Path(f"/proc/{leader}/ns/net").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NETWORK_NAMESPACE):
            raise OSError(ctypes.get_errno(), "the network of the box cannot be entered")
