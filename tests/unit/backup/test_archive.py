"""What is packed comes back as it was, and an archive can write nowhere but below the folder that is named."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from helpdesk.backup.archive import FilesInTheWay, FolderShut, check_free, pack, unpack
from helpdesk.backup.manifest import BackupDamaged


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    for name, text in {"a/b/one": b"1", "a/two": b"22", "three": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)
        os.utime(root / name, (1_700_000_000, 1_700_000_000))
    assert pack(root, tmp_path / "files.tar", leave_out=tmp_path) == 3
    return tmp_path / "files.tar"


def _archive(tmp_path: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    member.size = len(content)
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.addfile(member, io.BytesIO(content))
    return tmp_path / "bad.tar"


def test_files_come_back_with_their_folders_and_times(packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "again")

    assert _files(tmp_path / "again") == {"a/b/one": b"1", "a/two": b"22", "three": b""}
    assert (tmp_path / "again/a/two").stat().st_mtime == 1_700_000_000


def test_files_come_back_without_the_filters_of_newer_pythons(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("extract", "extractall"):
        monkeypatch.delattr(tarfile.TarFile, name)
    for name in ("data_filter", "tar_filter", "fully_trusted_filter"):
        monkeypatch.delattr(tarfile, name, raising=False)

    unpack(packed, tmp_path / "again")

    assert len(_files(tmp_path / "again")) == 3


def test_nothing_is_overwritten(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again/three").write_text("mine")

    with pytest.raises(FilesInTheWay):
        unpack(packed, tmp_path / "again")

    assert _files(tmp_path / "again") == {"three": b"mine"}


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_restored(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FolderShut, match="--files-to"):
        check_free(packed, tmp_path / "file/again")


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_a_file_for_elsewhere_is_not_written(name: str, tmp_path: Path) -> None:
    name = f"{tmp_path}{name}" if name.startswith("/") else name
    bad = _archive(tmp_path, tarfile.TarInfo(name), b"x")

    with pytest.raises(BackupDamaged, match="outside"):
        unpack(bad, tmp_path / "again")

    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"

    with pytest.raises(BackupDamaged, match="no plain file"):
        unpack(_archive(tmp_path, member), tmp_path / "again")

    assert not (tmp_path / "again/link").exists()
