"""Have a file's text read by a process of its own: whatever the file does to its reader, the worker goes on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from helpdesk.attachments.text.formats import MOST_CHARS, Extracted
from helpdesk.attachments.text.kinds import TextKind
from helpdesk.attachments.text.unreadable import Unreadable

# A larger file is not opened at all; plain text is read as far as it is wanted.
MOST_BYTES = 50_000_000
_PATIENCE_S = 30.0
# Every character escaped, twice over.
_MOST_ANSWERED = 16 * MOST_CHARS


async def read_text(path: Path, kind: TextKind, *, patience_s: float = _PATIENCE_S) -> Extracted:
    """Return the text of a stored file.

    The reader has 768 MB and 20 seconds of computing, and is ended after `patience_s` or when nobody waits any more.

    Raises:
        Unreadable: the file is missing, too large, broken, locked, or more than its reader can take.
    """
    file = await asyncio.to_thread(_opened, path, kind)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "helpdesk.attachments.text.child", kind,
            stdin=file, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=_environment(),
        )  # fmt: skip
    finally:
        file.close()
    try:
        async with asyncio.timeout(patience_s):
            answer = await _answer_of(process)
            code = await process.wait()
    except TimeoutError:
        raise Unreadable(f"Reading it took more than {patience_s:.0f} seconds.") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _understood(answer, code)


def _opened(path: Path, kind: TextKind) -> BinaryIO:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES and kind in (TextKind.PDF, TextKind.DOCX):
            raise Unreadable(f"It has {size:,} bytes; at most {MOST_BYTES:,} are read.")
        return path.open("rb")
    except OSError as error:
        raise Unreadable(f"The file is not there: {error.strerror}.") from error


def _environment() -> dict[str, str]:
    """Return what the reader may know: how to import, and nothing of passwords."""
    kept = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG", "LC_ALL", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


async def _answer_of(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    answer = bytearray()
    while piece := await process.stdout.read(65536):
        answer += piece
        if len(answer) > _MOST_ANSWERED:
            raise Unreadable("Its reader answers without end.")
    return bytes(answer)


def _understood(answer: bytes, code: int) -> Extracted:
    try:
        said = json.loads(answer)
    except ValueError:
        raise Unreadable(f"It takes too much to be read: its reader ended with {code}.") from None
    if "reason" in said:
        raise Unreadable(said["reason"])
    return Extracted(said["text"], said["truncated"])
