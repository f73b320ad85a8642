from __future__ import annotations

import io
import os
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpdesk.kb.markdown.archives import (
    ArchiveLimits,
    ArchiveTooLarge,
    MarkdownFile,
    UnreadableArchive,
    add_to_zip,
    is_zip,
    read_folder,
    read_zip,
)
from helpdesk.kb.markdown.files import MOST_FILE_BYTES

LIMITS = ArchiveLimits(entries=20, total_bytes=3_000_000)


def zipped(**files: bytes) -> io.BytesIO:
    return archive(*((name.replace("__", "/").replace("_md", ".md"), data) for name, data in files.items()))


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries:
            made.writestr(name, data)
    return target


def names(files: list[MarkdownFile]) -> list[str]:
    return [file.name for file in files]


def reasons(target: io.BytesIO) -> dict[str, str]:
    return {file.name: file.refusal.detail if file.refusal else "" for file in read_zip(target, LIMITS)}


def test_markdown_is_read_by_name_and_all_else_is_passed_over() -> None:
    target = archive(
        ("b.md", b"b"),
        ("guides/a.markdown", b"a"),
        ("guides/", b""),
        ("picture.png", b"x"),
        (".hidden/a.md", b"x"),
        ("__MACOSX/._b.md", b"x"),
    )
    assert list(read_zip(target, LIMITS)) == [MarkdownFile("b.md", b"b"), MarkdownFile("guides/a.markdown", b"a")]


def test_a_path_that_leads_out_a_link_and_a_large_file_are_refused_alone() -> None:
    link = zipfile.ZipInfo("link.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = reasons(
        archive(
            ("../../etc/passwd.md", b"x"),
            ("/etc/passwd.md", b"x"),
            ("a\\..\\..\\b.md", b"x"),
            ("C:/a.md", b"x"),
            (link, b"/etc/passwd"),
            ("large.md", b"x" * (MOST_FILE_BYTES + 1)),
            ("good.md", b"x"),
        )
    )
    assert found.pop("good.md") == ""
    assert found.pop("link.md") == "The file is a link."
    assert "larger than" in found.pop("large.md")
    assert set(found.values()) == {"The path of the file leads out of the zip."}
    assert len(found) == 4


def test_a_small_zip_of_much_is_not_unpacked() -> None:
    bomb = archive(*((f"{number}.md", b"\0" * 50_000_000) for number in range(4)))
    assert bomb.getbuffer().nbytes < 400_000
    with pytest.raises(ArchiveTooLarge, match="unpacks to more"):
        list(read_zip(bomb, LIMITS))
    with pytest.raises(ArchiveTooLarge, match="21 entries"):
        list(read_zip(archive(*((f"{number}.txt", b"") for number in range(21))), LIMITS))


def test_a_size_that_the_zip_lies_about_is_not_believed() -> None:
    target = archive(("a.md", b"x" * 100_000))
    data = bytearray(target.getvalue())
    # The uncompressed size in the central directory.
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    [file] = read_zip(io.BytesIO(data), LIMITS)
    assert len(file.data) <= 100_000


def test_what_is_no_zip_or_damaged_is_told() -> None:
    with pytest.raises(UnreadableArchive):
        list(read_zip(io.BytesIO(b"PK\x03\x04 and no more"), LIMITS))
    damaged = bytearray(archive(("a.md", os.urandom(3000)), ("b.md", b"b")).getvalue())
    damaged[100:200] = b"\0" * 100
    found = reasons(io.BytesIO(damaged))
    assert "damaged" in found["a.md"]
    assert found["b.md"] == ""


def test_a_zip_is_told_from_a_markdown_file_by_its_content() -> None:
    assert is_zip(zipped(a_md=b"a"))
    assert not is_zip(io.BytesIO(b"# PK"))


def test_the_same_articles_make_the_same_zip() -> None:
    def made() -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            add_to_zip(archive, "a.md", "# ä", at=datetime(1970, 1, 1, tzinfo=UTC))
        return target.getvalue()

    assert made() == made()
    assert names(list(read_zip(io.BytesIO(made()), LIMITS))) == ["a.md"]


def test_a_folder_is_read_by_name_and_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "kb"
    (folder / "guides").mkdir(parents=True)
    (folder / "guides/b.md").write_text("b")
    (folder / "a.md").write_text("a")
    (folder / ".draft.md").write_text("x")
    (folder / "note.txt").write_text("x")
    (tmp_path / "secret.md").write_text("s")
    (folder / "c.md").symlink_to(tmp_path / "secret.md")
    found = list(read_folder(folder))
    assert names(found) == ["a.md", "c.md", "guides/b.md"]
    assert found[1].data == b""
    assert found[1].refusal is not None
