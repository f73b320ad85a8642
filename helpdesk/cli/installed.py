"""The `atum-desk` command of an installation: as the service's account, with the settings of its units.

Root calls it. The configuration and the credentials are root's alone to read, as they are when systemd starts a unit;
what it finds there goes to the command as variables, and what the caller set in their own environment goes first.
"""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

ACCOUNT = "atum-desk"
CONFIGURATION = Path("/etc/atum-desk")
STATE = Path("/var/lib/atum-desk")
# The units say the same of themselves.
DEFAULTS = {"ATUM_DATA_DIR": str(STATE)}
_NEEDS_NOTHING = {"--help", "--version"}


def main() -> int:
    """Become the service's account and run the command line; return 1 with a sentence where that cannot be."""
    # Inside a unit all is as it should be already.
    if "CREDENTIALS_DIRECTORY" not in os.environ and not _NEEDS_NOTHING & set(sys.argv[1:]):
        try:
            _become_service()
        except PermissionError:
            return _refuse("only root can read the configuration in /etc/atum-desk; use sudo atum-desk …")
        except KeyError:
            return _refuse(f"there is no account {ACCOUNT}; install the product again to make it")
    # Typer and the product are loaded with the rights of the service's account only.
    from helpdesk.cli.main import main as run_command  # noqa: PLC0415

    run_command()
    return 0


def service_environment(configuration: Path, caller: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a command: the caller's, then the credentials, the settings file and the defaults.

    Raises:
        PermissionError: the caller may not read the configuration.
    """
    return {
        **DEFAULTS,
        **parse_settings(_text(configuration / "atum-desk.env")),
        **_credentials(configuration / "credentials"),
        **caller,
    }


def parse_settings(text: str) -> dict[str, str]:
    """Return the variables of a settings file, read as systemd reads an EnvironmentFile.

    Lines are `NAME=value`; those that begin with # or ; are comments, a value may stand in quotes, a backslash at the
    end of a line joins it to the next, and nothing is substituted.
    """
    found = {}
    for line in text.replace("\\\n", "").splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith(("#", ";")):
            continue
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if not value.startswith(("'", '"')):
        return value
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        # A quote that is never closed, which systemd does not take for one, either.
        return value


def plugin_folders(configuration: Path) -> list[str]:
    """Return the folders that the settings file names in PYTHONPATH, where plug-ins may lie; never the caller's.

    The services take them from systemd; here Python is up already, and ignores variables as it runs as root.
    """
    named = parse_settings(_text(configuration / "atum-desk.env")).get("PYTHONPATH", "")
    return [folder for folder in named.split(os.pathsep) if folder]


def _credentials(folder: Path) -> dict[str, str]:
    """Return the credentials as variables: the file database_url is ATUM_DATABASE_URL."""
    if not folder.exists():
        return {}
    return {f"ATUM_{file.name.upper()}": file.read_text().strip() for file in sorted(folder.iterdir())}


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _become_service() -> None:
    """Take the configuration as root, then give root up for good."""
    os.environ.update(service_environment(CONFIGURATION, os.environ))
    sys.path += plugin_folders(CONFIGURATION)
    account = pwd.getpwnam(ACCOUNT)
    if os.geteuid() != account.pw_uid:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.environ.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)
    os.umask(0o027)
    if not os.access(".", os.X_OK):
        # Such as root's home: programs that the command starts could not even ask where they are.
        os.chdir(account.pw_dir if os.access(account.pw_dir, os.X_OK) else "/")


def _refuse(why: str) -> int:
    print(f"atum-desk: {why}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
