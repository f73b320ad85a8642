"""What a file is by its first bytes, and a name for it that is safe to show and to save under."""

from __future__ import annotations

import re
import unicodedata

# How much of a file `sniff` wants to see.
HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"
# What a thumbnail is made of. SVG is no picture but a program, and TIFF a bag of a dozen decoders.
PICTURES = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
}

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
)
_BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
_LONGEST_NAME = 200
_LONGEST_SUFFIX = 20
_NAMELESS = "attachment"
# Controls, and the characters that turn the order of others around and so disguise an ending.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Names that mean a device to Windows, whatever their ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_TEXT_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def sniff(head: bytes) -> str:
    """Return the media type that a file's first bytes show.

    Text of every kind, HTML and SVG among it, is `text/plain`: nothing a person attaches is ever to be run.

    Args:
        head: the first `HEAD_BYTES` of it, fewer where the file is shorter.
    """
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:2] == b"BM" and len(head) >= 26 and head[6:10] == b"\x00\x00\x00\x00":
        return "image/bmp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return "text/plain" if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    if not head or _TEXT_CONTROLS.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut at the end of what is seen.
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True


def clean_name(given: str | None) -> str:
    """Return a name without folders, without what cannot be seen and of at most 200 characters; its ending stays."""
    last = re.split(r"[/\\]", given or "")[-1]
    composed = unicodedata.normalize("NFC", last)
    seen = "".join(letter for letter in composed if unicodedata.category(letter) not in _INVISIBLE)
    name = " ".join(seen.split()).strip(". ")
    if _DEVICE.fullmatch(name):
        name = f"_{name}"
    return _shortened(name) or _NAMELESS


def _shortened(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    if len(name) <= _LONGEST_NAME:
        return name
    if not dot or len(suffix) > _LONGEST_SUFFIX:
        return name[:_LONGEST_NAME].rstrip(". ")
    return f"{stem[: _LONGEST_NAME - len(suffix) - 1].rstrip('. ')}.{suffix}"
