"""One box for all of these tests, with the product installed and a desk in it.

The short form is one file, so that one process runs it. The others are the long form, see scripts/systemd.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

import pytest

from tests.systemd.box import Box, BoxFailed, why_not
from tests.systemd.desk import Desk
from tests.systemd.installation import install, machine

IS_LONG = os.environ.get("ATUM_SYSTEMD") == "long"
collect_ignore_glob = [] if IS_LONG else ["test_long_*.py"]


def _as_long_as(fixture_name: str, config: pytest.Config) -> Literal["session", "module"]:
    """Keep the box for all files of the long form; among other suites it ends with its own file."""
    return "session" if IS_LONG else "module"


@pytest.fixture(scope=_as_long_as)
def box() -> Iterator[Box]:
    """Return a machine that is up, with the source tree on it and nothing installed yet."""
    if reason := why_not():
        pytest.skip(reason)
    with machine(full=IS_LONG) as box:
        try:
            box.boot()
        except BoxFailed as failed:
            pytest.skip(f"a box cannot be booted here: {failed}")
        yield box


@pytest.fixture(scope=_as_long_as)
def desk(box: Box) -> Iterator[Desk]:
    """Return a desk on a machine that install.sh installed everything on."""
    desk = Desk(box)
    desk.models.start(box)
    install(box, "--with-postgres", "--job-workers", "2")
    desk.sign_up()
    yield desk
    desk.models.stop()
