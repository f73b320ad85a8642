"""A file that grows chunk by chunk, and can be continued by another process from the end of any chunk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_BLOCK = 1024 * 1024


class GrowingFile:
    """A file being written by one process.

    Attributes:
        size: bytes that are in it for good; what lies beyond is cut off by the next chunk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Return the digest of the file so far, in hexadecimal."""
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Add a chunk; blocks until it is on the disk."""
        with self.path.open("ab" if self.size else "wb") as file:
            file.truncate(self.size)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.size += len(data)
        self._digest.update(data)

    def copy_from(self, earlier: Path, *, size: int) -> bool:
        """Begin with the first `size` bytes of a file that another process may still be writing; blocks.

        A copy, since a process that was given up for dead might write on: it does so into a file nobody reads.

        Returns:
            False when the earlier file is gone or shorter; this one is empty then.
        """
        try:
            with earlier.open("rb") as source:
                if os.fstat(source.fileno()).st_size < size:
                    return False
                with self.path.open("wb") as file:
                    while self.size < size and (block := source.read(min(_BLOCK, size - self.size))):
                        file.write(block)
                        self._digest.update(block)
                        self.size += len(block)
                    file.flush()
                    os.fsync(file.fileno())
        except FileNotFoundError:
            return False
        return True
