"""The process that owns a box: its mounts, its cgroups, and the systemd-nspawn of each boot.

It runs in a mount namespace of its own, so that every mount is gone when it ends, and it ends when its standard input
does: however its parent dies, nothing is left behind. It uses the standard library only and is started as a program;
it is asked for things, and answers, with one line of JSON each.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What of the machine's root is to be seen in a box. Homes, work trees and temporary files are not.
_SHOWN = {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "var", "opt", "dev", "proc", "sys", "run"}
# An installation of the machine's own, and what it has to say about itself.
_HIDDEN = (
    "opt/atum-desk",
    "etc/atum-desk",
    "var/lib/atum-desk",
    "var/cache/atum-desk",
    "var/log/journal",
    "var/lib/dbus/machine-id",
    "etc/fstab",
)
_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("dpkg-db-backup.timer", "logrotate.timer", "exim4-base.timer", "cron.service", "ssh.service"),
    *("systemd-timesyncd.service", "systemd-networkd.service", "systemd-networkd.socket", "systemd-resolved.service"),
    *("systemd-networkd-wait-online.service", "networking.service", "podman.service", "podman.socket"),
    *("podman-auto-update.timer", "podman-auto-update.service", "podman-restart.service", "docker.service"),
    *("docker.socket", "containerd.service", "postgresql.service", "pgbouncer.service", "ollama.service"),
)
_CONTROLLERS = Path("/sys/fs/cgroup")
# Words: a file that lists cgroups, and the command to become in them.
_ENTER_CGROUPS = 'while read -r cgroup; do echo $$ >"$cgroup/cgroup.procs"; done <"$0"; exec "$@"'
_CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
_GRACE_S = 5.0


class Keeper:
    """One box: a root that lives as long as this process, booted any number of times."""

    def __init__(self, state: Path, options: dict[str, Any]) -> None:
        self.state = state
        self.name = state.name
        self.options = options
        self.box = state / "box"
        self.root = self.box / "root"
        self.cgroups: list[Path] = []
        self.child: subprocess.Popen[bytes] | None = None

    def build(self, layers: dict[str, str]) -> None:
        """Lay the root of the box over the machine's own and put its files in."""
        self.box.mkdir()
        _mount("-t", "tmpfs", "-o", f"mode=755,size={self.options['disk']}", "tmpfs", self.box)
        upper = self.box / "upper"
        for folder in (upper, self.box / "work", self.root):
            folder.mkdir()
        for entry in Path("/").iterdir():
            if entry.name not in _SHOWN:
                _white_out(upper / entry.name)
        _mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={self.box / 'work'}", "overlay", self.root)
        self._tidy()
        staged = self.state / "files"
        if staged.exists():
            shutil.copytree(staged, self.root, dirs_exist_ok=True, symlinks=True)
            shutil.rmtree(staged)
        for number, (target, source) in enumerate(layers.items()):
            self._lay(self.root / target.lstrip("/"), Path(source), own=self.box / f"layer{number}")
        resolver = Path("/etc/resolv.conf").read_bytes() if Path("/etc/resolv.conf").exists() else b""
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        (self.root / "etc/resolv.conf").write_bytes(resolver)
        # What systemd-nspawn keeps about a container stays in this namespace.
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")

    def _lay(self, target: Path, source: Path, *, own: Path) -> None:
        """Show a folder of this machine in the box; what the box changes in it stays in the box."""
        target.mkdir(parents=True, exist_ok=True)
        for folder in (own / "upper", own / "work"):
            folder.mkdir(parents=True)
        options = f"lowerdir={source},upperdir={own / 'upper'},workdir={own / 'work'}"
        _mount("-t", "overlay", "-o", options, "overlay", target)

    def _tidy(self) -> None:
        for path in _HIDDEN:
            _remove(self.root / path)
        for folder, mode in (("tmp", 0o1777), ("root", 0o700), ("home", 0o755), ("srv", 0o755), ("mnt", 0o755)):
            (self.root / folder).mkdir(exist_ok=True)
            (self.root / folder).chmod(mode)
        (self.root / "var/log/journal").mkdir(parents=True)
        (self.root / "etc/machine-id").write_text("")
        units = self.root / "etc/systemd/system"
        units.mkdir(parents=True, exist_ok=True)
        for unit in (*_MASKED, *(found.name for found in units.glob("*.wants/postgresql@*"))):
            _remove(units / unit)
            (units / unit).symlink_to("/dev/null")

    def prepare(self, script: str) -> dict[str, Any]:
        """Run a shell script in the root before it is booted, with the machine's network."""
        for folder in ("proc", "dev"):
            _mount("--rbind", f"/{folder}", self.root / folder)
        try:
            with (self.state / "prepare.log").open("ab") as log:
                command = ["chroot", str(self.root), "/bin/sh", "-eu", "-c", script]
                self.child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_CLEAN, start_new_session=True
                )
                return {"code": self.child.wait()}
        finally:
            self.child = None
            for folder in ("proc", "dev"):
                subprocess.run(["umount", "-R", "-l", self.root / folder], check=False)

    def boot(self) -> dict[str, Any]:
        """Start systemd in the root; return its process id as soon as it has one."""
        command = ["systemd-nspawn", "--register=no", "--keep-unit", "--link-journal=no", "--private-network"]
        # Without bpf, IPAddressDeny= would silently not be enforced.
        command += ["--console=pipe", "--kill-signal=SIGRTMIN+4", "--system-call-filter=bpf", "--resolv-conf=off"]
        command += [f"--machine={self.name}", f"--uuid={self.options['uuid']}", "-D", str(self.root), "--quiet"]
        command += [*self._own_cgroups(), "--boot", "systemd.show_status=no"]
        with (self.state / "console.log").open("ab") as log:
            # It powers the box off when this process is killed outright; killed itself, it would leave it running.
            begin = [
                "setpriv",
                "--pdeathsig",
                "TERM",
                "sh",
                "-euc",
                _ENTER_CGROUPS,
                str(self.state / "cgroups"),
                *command,
            ]
            self.child = subprocess.Popen(
                begin, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        while self.child.poll() is None:
            if leader := _systemd_under(self.child.pid):
                return {"leader": leader}
            time.sleep(0.02)
        return {"leader": 0}

    def _own_cgroups(self) -> list[str]:
        """Make cgroups below our own, and return the option that hands them to the box."""
        if _is_unified():
            self._make_cgroup(_CONTROLLERS, "")
            return []
        # The machine's v1 hierarchies would be read-only in there, and MemoryMax= silently not applied.
        handed = Path("/run/cgroups")
        handed.mkdir(exist_ok=True)
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", handed)
        for controller in ("memory", "pids", "unified", "systemd"):
            if (_CONTROLLERS / controller).is_dir():
                known_as = {"unified": "", "systemd": "name=systemd"}.get(controller, controller)
                made = self._make_cgroup(_CONTROLLERS / controller, known_as)
                if controller in {"memory", "pids"}:
                    (handed / controller).mkdir()
                    _mount("--bind", made, handed / controller)
        return [f"--bind={handed}:/sys/fs/cgroup"]

    def _make_cgroup(self, top: Path, controller: str) -> Path:
        made = top / _own_cgroup(controller).lstrip("/") / self.name
        made.mkdir(exist_ok=True)
        if made not in self.cgroups:
            self.cgroups.append(made)
            (self.state / "cgroups").write_text("".join(f"{each}\n" for each in self.cgroups))
        for limit, value in (("memory.limit_in_bytes", "memory"), ("memory.max", "memory"), ("pids.max", "tasks")):
            if (made / limit).exists():
                (made / limit).write_text(str(self.options[value]))
        return made

    def join(self, within_s: float) -> dict[str, Any]:
        """Wait until the box is off, then forget the boot; say whether it went by itself."""
        code = None
        if self.child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.child.wait(within_s)
        self._end_child()
        self._remove_cgroups()
        subprocess.run(["umount", "-R", "-l", "/run/cgroups"], check=False, capture_output=True)
        return {"code": code}

    def _end_child(self) -> None:
        child, self.child = self.child, None
        if child is None or child.poll() is not None:
            return
        # Its PID 1 takes everything in the box with it.
        for process in (_systemd_under(child.pid), child.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process or child.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)

    def _remove_cgroups(self) -> None:
        remove_cgroups(self.cgroups)
        self.cgroups = []

    def tear_down(self) -> None:
        """Leave nothing behind."""
        if self.child is not None and self.child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
        self.join(0)
        subprocess.run(["umount", "-R", "-l", self.box], check=False, capture_output=True)
        shutil.rmtree(self.state, ignore_errors=True)


def remove_cgroups(tops: list[Path]) -> None:
    """End whatever is in cgroups of ours, and remove them."""
    deadline = time.monotonic() + _GRACE_S
    while (left := [top for top in tops if top.exists()]) and time.monotonic() < deadline:
        for folder in (Path(found) for top in left for found, _, _ in os.walk(top, topdown=False)):
            with contextlib.suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
                folder.rmdir()
        time.sleep(0.02)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _white_out(path: Path) -> None:
    """Hide what the lower root has there: a device 0/0 is how an upper folder says so."""
    os.mknod(path, 0o020000, os.makedev(0, 0))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_unified() -> bool:
    return (_CONTROLLERS / "cgroup.controllers").exists()


def _own_cgroup(controller: str) -> str:
    lines = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    return next((path for _, names, path in lines if names == controller), "/")


def _systemd_under(pid: int) -> int:
    """Return the PID 1 of the box, as this machine knows it; 0 when it is not there yet."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
    return 0


def _serve(state: Path) -> None:
    asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    keeper = Keeper(state, json.loads(sys.stdin.readline()))

    def listen() -> None:
        for line in sys.stdin:
            asked.put(json.loads(line))
        keeper.tear_down()
        os._exit(0)

    listener = threading.Thread(target=listen)
    listener.start()
    actions: dict[str, Callable[..., dict[str, Any] | None]]
    actions = {"build": keeper.build, "prepare": keeper.prepare, "boot": keeper.boot, "join": keeper.join}
    while True:
        what = asked.get()
        try:
            answer = actions[what.pop("do")](**what) or {}
        except (OSError, subprocess.CalledProcessError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        try:
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody is there any more; the listener is tearing everything down, and ends the process.
            listener.join()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not ignored, or else what it starts would ignore them, too.
        signal.signal(number, lambda *_: None)
    _serve(Path(sys.argv[1]))
