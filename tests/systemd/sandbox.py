"""What a service must not be able to do: programs that try, and what keeps them from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from tests.systemd.box import Box

# Not of the machine itself, but of this box: as good as another machine.
ELSEWHERE = "192.0.2.1"
_HOMES = "/home"
_UNIT = "atum-probe.service"
_UNITS = "/usr/local/lib/systemd/system"
# How a unit starts and stops is not what it may do.
_LIFE = (
    *("Type=", "Notify", "Exec", "Watchdog", "Timeout", "Restart", "Remain", "Kill", "PIDFile"),
    *("Syslog", "LogLevel", "OOMPolicy"),
)
_AS_SERVICE = ("User=atum-desk", "Group=atum-desk")


@dataclass(frozen=True)
class Probe:
    """Something to try.

    Attributes:
        program: Python that raises when it may not.
        kept_by: the directives of the unit that keep a service from it, each by itself.
        given: what holds beside the one directive; else the program runs as root.
    """

    name: str
    program: str
    kept_by: tuple[str, ...]
    given: tuple[str, ...] = ()


_LIBC = """import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(got):
    if got:
        raise OSError(ctypes.get_errno(), '')
"""
_MAKE_CGROUP = """for top in glob.glob('/sys/fs/cgroup/memory') or ['/sys/fs/cgroup']:
    os.mkdir(top + '/atum-probe')
    os.rmdir(top + '/atum-probe')
"""
PROBES = (
    Probe("write to /etc", "open('/etc/atum-probe', 'w')", ("ProtectSystem",)),
    Probe("write to /usr", "open('/usr/atum-probe', 'w')", ("ProtectSystem",)),
    Probe("change the program", "open('/opt/atum-desk/atum-probe', 'w')", ("ProtectSystem",)),
    Probe("read homes", f"open('{_HOMES}/robin/letter')", ("ProtectHome",)),
    Probe("read the source of secrets", "open('/etc/atum-desk/credentials/database_url')", ("User",)),
    Probe("see processes of others", "open('/proc/1/comm')", ("ProtectProc",), _AS_SERVICE),
    Probe("see the machine's figures", "open('/proc/uptime')", ("ProcSubset",)),
    Probe("leave files for others", "open('/tmp/atum-probe-seen')", ("PrivateTmp",)),
    Probe(
        "trace a process",
        f"{_LIBC}child = os.fork() or os.execvp('sleep', ['sleep', '9'])\ncall(libc.ptrace(0x4206, child, 0, 0))",
        ("SystemCallFilter",),
    ),
    Probe("mount", f"{_LIBC}call(libc.mount(b'tmpfs', b'/mnt', b'tmpfs', 0, None))", ("SystemCallFilter",)),
    Probe("be nicer than it is", "import os; os.nice(1)", ("SystemCallFilter",)),
    Probe("name the machine", f"{_LIBC}call(libc.sethostname(b'vm', 2))", ("ProtectHostname",)),
    Probe("make namespaces", f"{_LIBC}call(libc.unshare(0x10000000))", ("RestrictNamespaces",)),
    Probe("speak to the kernel", "import socket; socket.socket(socket.AF_NETLINK, 3)", ("RestrictAddressFamilies",)),
    Probe("write code", "import mmap; mmap.mmap(-1, 4096, prot=7)", ("MemoryDenyWriteExecute",)),
    Probe("make set-uid programs", "open('/tmp/s', 'w'); import os; os.chmod('/tmp/s', 0o4755)", ("RestrictSUIDSGID",)),
    Probe("make cgroups", f"import glob, os\n{_MAKE_CGROUP}", ("ProtectControlGroups",)),
    Probe(
        "start very many threads",
        "import threading as t, time\nfor _ in range(300): t.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        ("TasksMax",),
    ),
    Probe(
        "send to other machines",
        f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{ELSEWHERE}', 9))",
        ("IPAddressDeny",),
    ),
)
# Lines that mean nothing without each other.
_TOGETHER = {"IPAddressDeny": ("IPAddressAllow",), "SystemCallFilter": ("SystemCallErrorNumber",)}
_TRY_ALL = """import json, os, sys
said = {}
for name, program in json.load(open(sys.argv[1])).items():
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            exec(program, {})
            os.write(writer, b"done")
        except BaseException as error:
            os.write(writer, repr(error).encode())
        os._exit(0)
    os.close(writer)
    said[name] = open(reader, "rb").read(4000).decode()
    os.waitpid(child, 0)
print(json.dumps(said), flush=True)
"""


def furnish(box: Box) -> None:
    """Put into a box what the probes look for."""
    box.write("/usr/local/lib/atum-desk-box/try_all.py", _TRY_ALL)
    box.sh(
        f"mkdir -p {_HOMES}/robin; echo dear >{_HOMES}/robin/letter; touch /tmp/atum-probe-seen; "
        f"ip address replace {ELSEWHERE}/32 dev lo || true"
    )


def service_lines(box: Box, unit: str) -> list[str]:
    """Return the lines of an installed unit that say what it may do."""
    text = box.sh(f"cat '{_UNITS}/{unit}'").partition("[Service]")[2].partition("[Install]")[0]
    return [line for line in text.splitlines() if "=" in line and not line.startswith(("#", *_LIFE))]


def lines_of(lines: Iterable[str], directive: str) -> list[str]:
    """Return the lines of one directive, with what it needs to mean anything."""
    return [line for line in lines if line.split("=")[0] in {directive, *_TOGETHER.get(directive, ())}]


def attempts(box: Box, probes: Iterable[Probe], lines: Iterable[str]) -> dict[str, str]:
    """Try everything in a service with these lines; return what came of each: `done`, or the exception."""
    box.write("/usr/local/lib/atum-desk-box/probes.json", json.dumps({probe.name: probe.program for probe in probes}))
    command = "/usr/bin/python3 /usr/local/lib/atum-desk-box/try_all.py /usr/local/lib/atum-desk-box/probes.json"
    output = "/run/atum-probe.json"
    text = ["[Service]", "Type=oneshot", f"ExecStart={command}", f"StandardOutput=truncate:{output}"]
    # The directives come last, and stand.
    text += ["TimeoutStartSec=60", "TasksMax=infinity", *lines]
    box.write(f"/run/systemd/system/{_UNIT}", "\n".join(text) + "\n")
    box.systemctl("daemon-reload")
    box.systemctl("start", _UNIT)
    came: dict[str, str] = json.loads(box.sh(f"cat {output}"))
    return came
