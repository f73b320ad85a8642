"""Text from PDF, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError

from helpdesk.attachments.text.unreadable import Unreadable

MOST_PAGES = 300


def pages_of_pdf(file: BinaryIO) -> Iterator[str]:
    """Yield the text of each page; one that cannot be read is left out as long as another can.

    Raises:
        Unreadable: it is locked, broken, or no page can be read.
    """
    reader = _opened(file)
    broken: Exception | None = None
    read = 0
    for number in range(min(len(reader.pages), MOST_PAGES)):
        try:
            text = reader.pages[number].extract_text().strip()
        except MemoryError:
            raise
        except Exception as error:  # a page may be broken in any way
            broken = error
            continue
        read += 1
        if text:
            yield text
    if broken is not None and not read:
        raise Unreadable(f"No page can be read: {type(broken).__name__}: {broken}")


def _opened(file: BinaryIO) -> PdfReader:
    try:
        reader = PdfReader(file, strict=False)
        # Many files are locked with no password at all, only against changes.
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("It is locked with a password.")
        len(reader.pages)
    except (Unreadable, MemoryError):
        raise
    except (DependencyError, FileNotDecryptedError, NotImplementedError) as error:
        raise Unreadable("It is encrypted.") from error
    except Exception as error:  # whatever a parser stumbles over in a file that nobody vouches for
        raise Unreadable(f"It is no sound PDF: {type(error).__name__}: {error}") from error
    return reader
