"""Write down each row that was not imported, and why, as one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from helpdesk.transfer.rows import RowError


@dataclass
class ErrorFile:
    """A file of row errors, made when the first one comes.

    Attributes:
        count: errors written so far.
    """

    path: Path
    count: int = 0
    _file: TextIO | None = field(default=None, repr=False)

    def add(self, error: RowError) -> None:
        """Append an error: its line, its field and a sentence; in a folder also its file."""
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        said = {
            "file": error.file,
            "line": error.line,
            "field": error.field,
            "external_id": error.external_id,
            "error": error.sentence,
        }
        if error.file is None:
            del said["file"]
        # Escaped, since a broken row may hold what no file can.
        self._file.write(json.dumps(said) + "\n")
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None
