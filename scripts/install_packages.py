"""Fill .venv from a lock file: the slow half of scripts/setup. Uses the standard library only."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path


class Setup:
    """One checkout, one lock file to install, and the stamp that says it is done."""

    def __init__(self, root: Path, keys: dict[str, str]) -> None:
        self.root = root
        # The last lock file is the one to install; those before it are part of it.
        self.keys = keys
        self.lock = list(keys)[-1]
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"

    def stamp(self, lock: str) -> Path:
        """Return the file that is written when a lock file is installed."""
        return self.venv / f".setup-{lock.removesuffix('.lock')}"

    def is_done(self) -> bool:
        """Tell whether another setup finished while this one waited for the lock."""
        stamp = self.stamp(self.lock)
        if not (self.python.exists() and stamp.exists()):
            return False
        return stamp.read_text() == f"{self.keys[self.lock]} {_said([self.python, '-V'])}"

    def run(self) -> None:
        """Make the environment, install the packages and link the checkout into it."""
        if self.is_done():
            return
        started = time.monotonic()
        self._make_environment()
        total = self._install()
        self._link_checkout()
        self._check()
        python = _said([self.python, "-V"])
        for lock, key in self.keys.items():
            self.stamp(lock).write_text(f"{key} {python}")
        print(f"{total} packages are in .venv, after {time.monotonic() - started:.0f} s.", flush=True)

    def _make_environment(self) -> None:
        if self.python.exists() and _succeeds([self.python, "-m", "pip", "--version"]) and self._is_here():
            return
        print(f"Making .venv with Python {sys.version.split()[0]} ...", flush=True)
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", self.venv], check=False)
        if made.returncode != 0:
            sys.exit(
                f"scripts/setup: .venv could not be made in {self.root} with {sys.executable}; the reason is above."
            )

    def _is_here(self) -> bool:
        """Tell whether the environment was made for this place: its programs carry their folder inside."""
        pip = self.venv / "bin" / "pip"
        return pip.exists() and str(self.venv) in pip.read_text(errors="replace")

    def _install(self) -> int:
        log = self.venv / "setup.log"
        command = [
            *(self.python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"),
            *("--require-hashes", "--no-deps", "--progress-bar", "off", "-r", self.root / self.lock),
        ]
        with log.open("w") as output:
            pip = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, text=True, cwd=self.root
            )
            display = Display(self.root / self.lock, self._site_packages())
            assert pip.stdout is not None
            for line in pip.stdout:
                output.write(line)
                display.read(line)
            failed = pip.wait() != 0
            display.close()
        if failed:
            reasons = [line for line in log.read_text().splitlines() if line.startswith("ERROR")] or ["see above"]
            sys.exit(
                f"scripts/setup: a package could not be installed ({reasons[0][:300]}); check the network or the proxy "
                f"and start again, what is there is kept. All that pip said is in {log}."
            )
        return display.total

    def _site_packages(self) -> Path:
        return Path(_said([self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))

    def _link_checkout(self) -> None:
        """Make the checkout importable and give it its command, without a build."""
        site_packages = self._site_packages()
        (site_packages / "atum_desk.pth").write_text(f"{self.root}\n")
        self._record_version(site_packages)
        command = self.venv / "bin" / "atum-desk"
        # The shell finds a Python whose path has spaces; -P keeps the current folder's modules out.
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(self.python))} -P -m helpdesk.cli "$@"\n')
        command.chmod(0o755)

    def _record_version(self, site_packages: Path) -> None:
        """Let Python and pip know the checkout as an installed package."""
        version = tomllib.loads((self.root / "pyproject.toml").read_text())["project"]["version"]
        for old in site_packages.glob("atum_desk-*.dist-info"):
            shutil.rmtree(old)
        folder = site_packages / f"atum_desk-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: atum-desk\nVersion: {version}\n")
        (folder / "INSTALLER").write_text("scripts/setup\n")
        names = ("METADATA", "INSTALLER", "RECORD")
        record = ["atum_desk.pth,,", "../../../bin/atum-desk,,", *(f"{folder.name}/{name},," for name in names)]
        (folder / "RECORD").write_text("\n".join(record) + "\n")

    def _check(self) -> None:
        checked = subprocess.run([self.python, "-m", "pip", "check"], check=False, capture_output=True, text=True)
        if checked.returncode != 0:
            sys.exit(f"scripts/setup: the packages do not fit together: {checked.stdout.strip().splitlines()[0]}")


class Display:
    """How far pip is: a line that renews itself on a terminal, a few plain lines elsewhere."""

    def __init__(self, lock: Path, site_packages: Path) -> None:
        self.total = sum("==" in line and line[0].isalnum() for line in lock.read_text().splitlines() if line)
        self.started = time.monotonic()
        self.site_packages = site_packages
        self.fetched = 0
        self.present = 0
        self.before: int | None = None
        self.package = ""
        self.live = sys.stdout.isatty()
        self._closed = threading.Event()
        if not self.live:
            print(f"Installing up to {self.total} packages of {lock.name} ...", flush=True)
        self._thread = threading.Thread(target=self._draw_often, daemon=True)
        self._thread.start()

    def read(self, line: str) -> None:
        """Take in one line that pip printed."""
        if line.startswith("Ignoring "):
            self.total -= 1
        elif line.startswith("Requirement already satisfied"):
            self.present += 1
        elif line.startswith("Collecting "):
            self.fetched += 1
            self.package = line.split()[1].split("==", maxsplit=1)[0]
        elif line.startswith("Installing collected packages"):
            self.before = self._installed()

    def close(self) -> None:
        """Stop drawing."""
        self._closed.set()
        self._thread.join()
        if self.live:
            print("\r\033[K", end="", flush=True)

    def _installed(self) -> int:
        return sum(1 for _ in self.site_packages.glob("*.dist-info"))

    def _draw_often(self) -> None:
        interval = 0.2 if self.live else 15.0
        while not self._closed.wait(interval):
            if self.live:
                print(f"\r\033[K{self._line()}", end="", flush=True)
            else:
                print(self._line(), flush=True)

    def _line(self) -> str:
        elapsed = f"{time.monotonic() - self.started:.0f} s"
        if self.before is None:
            done = self.fetched + self.present
            bar = "#" * (24 * done // max(1, self.total))
            return f"Fetching packages   [{bar:<24}] {done} of {self.total}, {elapsed}  {self.package}"[:100]
        done = self.present + max(0, self._installed() - self.before)
        bar = "#" * (24 * done // max(1, self.total))
        return f"Installing packages [{bar:<24}] {min(done, self.total)} of {self.total}, {elapsed}"


def _said(command: list[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _succeeds(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def main() -> None:
    """Run one setup of this checkout at a time."""
    root = Path(sys.argv[1])
    keys = dict(pair.split("=") for pair in sys.argv[2:])
    if not os.access(root / ".venv" if (root / ".venv").exists() else root, os.W_OK):
        sys.exit(f"scripts/setup: {root} is not writable for this account; run it as its owner, or clone a copy.")
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another setup of this checkout is running; waiting for it ...", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        Setup(root, keys).run()
    except KeyboardInterrupt:
        sys.exit("\nscripts/setup: stopped; start it again to go on.")


if __name__ == "__main__":
    main()
