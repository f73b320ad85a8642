"""Being somebody without rights for a moment, in a folder they may reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Act as an account without rights, for whom the way to a folder is open meanwhile; only root can."""
    way = [each for each in (folder, *folder.parents) if each.stat().st_mode & 0o055 != 0o055]
    modes = {each: each.stat().st_mode & 0o7777 for each in way}
    for each, mode in modes.items():
        each.chmod(mode | 0o055)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for each, mode in modes.items():
            each.chmod(mode)
