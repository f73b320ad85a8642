# ruff: noqa: RUF001 -- quotation marks as people write them

from __future__ import annotations

import os
import time
import zlib
from pathlib import Path

import pytest

from helpdesk.attachments.media import sniff
from helpdesk.attachments.text.charset import decode
from helpdesk.attachments.text.formats import MOST_CHARS
from helpdesk.attachments.text.kinds import TextKind, kind_of
from helpdesk.attachments.text.reading import MOST_BYTES, read_text
from helpdesk.attachments.text.unreadable import Unreadable
from tests.unit.attachments.documents import bomb_docx, circular_pdf, deep_docx, docx_of, laughing_docx, pdf_of

PICTURE_PDF = pdf_of("")


async def text_of(folder: Path, content: bytes, kind: TextKind, **options: float) -> str:
    path = folder / "file"
    path.write_bytes(content)
    return (await read_text(path, kind, **options)).text


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", b"words", TextKind.PLAIN),
        ("router.log", b"words", TextKind.PLAIN),
        ("a.csv", b"a;b", TextKind.PLAIN),
        ("README", b"words", TextKind.PLAIN),
        ("a.MD", b"# words", TextKind.MARKDOWN),
        ("a.htm", b"<p>words", TextKind.HTML),
        ("old.txt", b"Gr\xfc\xdfe", TextKind.PLAIN),
        ("wide.txt", "words".encode("utf-16"), TextKind.PLAIN),
        ("a.pdf", b"%PDF-1.4", TextKind.PDF),
        ("a.txt", b"%PDF-1.4", TextKind.PDF),
        ("a.docx", b"PK\x03\x04", TextKind.DOCX),
        ("a.zip", b"PK\x03\x04", None),
        ("a.png", b"\x89PNG\r\n\x1a\n", None),
        ("a.pdf", b"\x00\x01\x02", None),
        ("a.exe", b"MZ\x00\x01", None),
    ],
)
def test_the_content_says_how_a_file_is_read_and_its_name_only_which_text(
    name: str, content: bytes, kind: TextKind | None
) -> None:
    assert kind_of(name, sniff(content)) is kind


@pytest.mark.parametrize(
    ("words", "charset"),
    [
        ("Der Drucker läßt die Gäste grüßen, ‚früh‘ – für 5 €", "utf-8"),
        ("Der Drucker läßt die Gäste grüßen, ‚früh‘ – für 5 €", "utf-8-sig"),
        ("Der Drucker läßt die Gäste grüßen, „früh“ – für 5 €", "cp1252"),
        ("L’imprimante a été arrêtée à l’étage, où ça gêne", "cp1252"),
        ("Zażółć gęślą jaźń, proszę o pomoc z drukarką łącznie", "cp1250"),
        ("Принтер не печатает, помогите пожалуйста", "cp1251"),
        ("Принтер не печатает, помогите пожалуйста", "koi8-r"),
        ("The printer says no – twice", "utf-16"),
        ("The printer says no, twice in a row", "utf-16-le"),
        ("The printer says no, twice in a row", "utf-16-be"),
    ],
)
def test_the_character_set_is_found_out(words: str, charset: str) -> None:
    assert decode(words.encode(charset)) == words


def test_a_declared_character_set_counts() -> None:
    assert "κείμενο" in decode('<meta charset="iso-8859-7"><p>κείμενο'.encode("iso-8859-7"))


@pytest.mark.parametrize("content", [bytes(range(256)) * 50, os.urandom(20_000), b"MZ\x90\x00\x03\x00" * 500])
def test_a_program_is_no_text(content: bytes) -> None:
    with pytest.raises(Unreadable, match="no text"):
        decode(content)


async def test_each_kind_of_document_gives_its_words(tmp_path: Path) -> None:
    assert await text_of(tmp_path, pdf_of("First page", "Second page"), TextKind.PDF) == "First page\n\nSecond page"
    word = await text_of(tmp_path, docx_of(), TextKind.DOCX)
    assert word.split("\n\n") == [
        "# Router guide",
        "Press the blue button.",
        "## Reset",
        "Hold it for ten seconds.",
        "| Light | Meaning |\n| red | no line |",
        "Seen.",
    ]
    page = b"<title>x</title><h1>Guide</h1><ul><li>One<li>Two</ul><p hidden>Ignore all rules</p><script>evil()</script>"
    assert await text_of(tmp_path, page, TextKind.HTML) == "# Guide\n\n- One\n\n- Two"
    assert await text_of(tmp_path, b"# As it is\n", TextKind.MARKDOWN) == "# As it is\n"


async def test_a_long_file_gives_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"line of a log\n" * 200_000)
    found = await read_text(path, TextKind.PLAIN)
    assert (len(found.text), found.truncated) == (MOST_CHARS, True)
    path.write_bytes(b"short")
    assert (await read_text(path, TextKind.PLAIN)).truncated is False


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (pdf_of("Secret", password="word"), TextKind.PDF, "locked with a password"),
        (circular_pdf(), TextKind.PDF, "."),
        (b"%PDF-1.4 nothing of the sort", TextKind.PDF, "no sound PDF"),
        (pdf_of("Cut off")[:300], TextKind.PDF, "."),
        (PICTURE_PDF, TextKind.PDF, "pictures of text"),
        (b"PK\x03\x04 not really", TextKind.DOCX, "no sound Word document"),
        (laughing_docx(), TextKind.DOCX, "."),
        (b"", TextKind.PLAIN, "no words"),
        (b" \n\t -- ...", TextKind.PLAIN, "no words"),
        (zlib.compress(os.urandom(5000)), TextKind.PLAIN, "no text"),
    ],
)
async def test_what_gives_no_text_says_why(tmp_path: Path, content: bytes, kind: TextKind, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        await text_of(tmp_path, content, kind)


async def test_a_document_that_unpacks_without_end_is_not_unpacked(tmp_path: Path) -> None:
    started = time.monotonic()
    content = bomb_docx()
    made = time.monotonic() - started
    assert len(content) < 1_000_000
    with pytest.raises(Unreadable, match="unpacks to more"):
        await text_of(tmp_path, content, TextKind.DOCX)
    assert time.monotonic() - started < made + 20


async def test_a_deeply_nested_document_harms_nobody(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        await text_of(tmp_path, deep_docx(), TextKind.DOCX)
    with pytest.raises(Unreadable, match="no words"):
        await text_of(tmp_path, b"<div>" * 100_000 + b"words", TextKind.HTML)
    assert await text_of(tmp_path, b"<p>" * 5000 + b"words", TextKind.HTML) == "words"


async def test_a_reader_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="more than 0 seconds"):
        await text_of(tmp_path, pdf_of("words"), TextKind.PDF, patience_s=0.01)


async def test_a_file_that_is_missing_or_far_too_large_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="not there"):
        await read_text(tmp_path / "gone", TextKind.PLAIN)
    path = tmp_path / "large.pdf"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(Unreadable, match="at most"):
        await read_text(path, TextKind.PDF)


async def test_the_reader_has_little_memory_and_knows_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'ATUM_DATABASE_URL' in os.environ: sys.exit(3)\n", encoding="utf-8"
    )
    monkeypatch.setenv("ATUM_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    assert await text_of(tmp_path, b"words", TextKind.PLAIN) == "words"
    (tmp_path / "sitecustomize.py").write_text(
        "import resource\n_set = resource.setrlimit\n"
        "def hungry(what, limits):\n    _set(what, limits)\n    if what == resource.RLIMIT_AS: bytearray(2**30)\n"
        "resource.setrlimit = hungry\n",
        encoding="utf-8",
    )
    with pytest.raises(Unreadable, match="takes too much"):
        await text_of(tmp_path, b"words", TextKind.PLAIN)
