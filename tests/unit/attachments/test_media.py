from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from helpdesk.attachments.media import PICTURES, UNKNOWN, clean_name, sniff


@pytest.mark.parametrize(("media_type", "pillow_format"), PICTURES.items())
def test_a_picture_is_known_by_its_content(media_type: str, pillow_format: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, pillow_format)
    assert sniff(file.getvalue()) == media_type


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", "b")
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (zipped(), "application/zip"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00", "image/avif"),
        (b"plain words\r\n\tand tabs", "text/plain"),
        ("Grüße, žluťoučký kůň".encode(), "text/plain"),
        ("ž".encode() * 2048 + "ž".encode()[:1], "text/plain"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
        (b"MZ\x90\x00", UNKNOWN),
        (b"BM is how this sentence starts.", "text/plain"),
        (b"caf\xe9 in latin-1 here", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_what_a_file_is_shows_in_its_first_bytes(head: bytes, media_type: str) -> None:
    assert sniff(head) == media_type


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\kim\\Desktop\\screen shot.png", "screen shot.png"),
        ("in\x00voice\r\n.pdf", "invoice.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("  . hidden. ", "hidden"),
        ("Übersicht.txt", "Übersicht.txt"),
        ("U\u0308bersicht.txt", "Übersicht.txt"),
        ("con.txt", "_con.txt"),
        ("..", "attachment"),
        ("", "attachment"),
        (None, "attachment"),
        ("x" * 500 + ".jpeg", "x" * 195 + ".jpeg"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_name_is_safe_to_show_and_to_save_under(given: str | None, name: str) -> None:
    assert clean_name(given) == name
