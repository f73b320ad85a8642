"""`python -m helpdesk.database.serve FOLDER`: start the embedded PostgreSQL for a service manager, and end.

The server goes on by itself; its process is the one named in `FOLDER/data/postmaster.pid`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.errors import HelpdeskError

# Beside a journal, its log goes there: a file of its own would grow for ever.
_TO_JOURNAL = ("log_destination=syslog", "syslog_ident=atum-desk-postgres", "syslog_sequence_numbers=off")


def main(arguments: list[str] | None = None) -> int:
    """Start the server of a folder, made at the first start; return 0 once it answers, else 1."""
    parser = argparse.ArgumentParser(prog="python -m helpdesk.database.serve", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the server's data and its socket are")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the server, such as its memory",
    )
    asked = parser.parse_args(arguments)
    options = (*(_TO_JOURNAL if os.environ.get("JOURNAL_STREAM") else ()), *asked.option)
    try:
        EmbeddedPostgres(asked.folder.absolute(), options=options).start()
    except HelpdeskError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
