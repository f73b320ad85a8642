"""The product as install.sh puts it into a box: from this source tree, before or after the box is booted."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.systemd.box import Box

REPOSITORY = Path(__file__).parent.parent.parent
SOURCE = "/usr/src/atum-desk"
WHEELS = "/usr/src/wheels"
PLUGIN = "/usr/local/lib/atum-desk-box"
# What must never be seen outside the services; the embedded server lets everybody in who reaches its socket.
SECRET = "a-secret-of-the-box"
# A plug-in; what is noticed late in a desk is noticed soon here; vectors from models.py, and no model that writes.
SETTINGS = f"""ATUM_PLUGINS=box_jobs
PYTHONPATH={PLUGIN}
ATUM_LEASE_HEARTBEAT_S=1
ATUM_LEASE_TIMEOUT_S=6
ATUM_OLLAMA_HOST=http://127.0.0.1:11434
ATUM_TEXT_MODEL=none
"""
# The worker that hangs, and the one that eats memory.
VICTIM, VICTIM_IS = "atum-desk-job-worker@2.service", "127.0.0.1:9432"
EATER, EATER_IS = "atum-desk-job-worker.service", "127.0.0.1:9421"
_SOON = {
    VICTIM: "[Service]\nWatchdogSec=6s\nRestartSec=1s\n",
    EATER: "[Service]\nMemoryHigh=infinity\nMemoryMax=600M\nRestartSec=1s\n",
}
_TREE = ("api", "helpdesk", "infra", "migrations", "workers", "pyproject.toml", "README.md", "LICENSE")
_LOCKS = ("requirements.lock", "requirements-tracing.lock")
_PYTHON = "/usr/bin/python3"


@contextmanager
def machine(*, full: bool = False) -> Iterator[Box]:
    """Give a box with the source tree and a folder of wheels in it, since it has no network.

    Args:
        full: let pip install every package there, rather than show those of this environment in their place.
    """
    files: dict[str, str | Path] = {f"{SOURCE}/{name}": REPOSITORY / name for name in (*_TREE, *_LOCKS)}
    files[f"{PLUGIN}/box_jobs.py"] = Path(__file__).with_name("box_jobs.py")
    files["/etc/atum-desk/atum-desk.env"] = SETTINGS
    files |= {f"/etc/systemd/system/{unit}.d/box.conf": text for unit, text in _SOON.items()}
    url = f"postgresql://atum:{SECRET}@/atum?host=/var/lib/atum-desk/postgres/sock"
    files["/etc/atum-desk/credentials/database_url"] = url
    packages = None if full else _packages_folder()
    site = f"{packages}/lib/python{_minor()}/site-packages"
    with Box() as box:
        box.put(files)
        _fill(box.folder(WHEELS), everything=packages is None)
        box.build({site: Path(sysconfig.get_path("purelib"))} if packages else {})
        if packages:
            _adopt(box, packages, site)
        yield box


def _fill(wheels: Path, *, everything: bool) -> None:
    """Fetch what cannot be fetched in the box: all packages, or only what builds ours."""
    if not everything:
        build_wheel(REPOSITORY, wheels)
        return
    command = ["sh", str(REPOSITORY / "infra/install.sh"), "--download", str(wheels)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def build_wheel(source: Path, wheels: Path) -> None:
    """Build the product's own wheel from a source tree into a folder."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def install(box: Box, *options: str, source: str = SOURCE, wheels: str = WHEELS) -> str:
    """Run install.sh in a box that is up, and return what it said."""
    command = ["sh", f"{source}/infra/install.sh", "--wheels", wheels, *options]
    return box.run(*command, within_s=300).stdout


def _packages_folder() -> str | None:
    """Return where install.sh would look for the packages of the lock file, when ours can stand in for them."""
    version = subprocess.run([_PYTHON, "-VV"], check=True, capture_output=True, text=True).stdout
    if version.split()[1].rpartition(".")[0] != _minor():
        return None
    lock = (REPOSITORY / "requirements.lock").read_text()
    key = hashlib.sha256(f"{lock}{version}{os.uname().machine}\n".encode()).hexdigest()[:12]
    return f"/opt/atum-desk/packages/{key}"


def _minor() -> str:
    return ".".join(str(part) for part in sys.version_info[:2])


def _adopt(box: Box, packages: str, site: str) -> None:
    """Make the folder of packages what install.sh takes for a complete one."""
    box.prepare(f"{_PYTHON} -m venv --without-pip {packages}; rm -rf {site}/atum_desk*; touch {packages}/complete")
