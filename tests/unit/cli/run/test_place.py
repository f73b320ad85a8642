from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpdesk.cli.run.place import FolderInUse, Place, UnusableFolder, choose_place, held


def test_a_chosen_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    place = choose_place(tmp_path / "a" / "b", embedded=False)

    assert place.folder.is_dir()
    assert place.note == ""
    assert place.logs.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_a_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableFolder, match="--data"):
        choose_place(tmp_path / "file", embedded=False)


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableFolder, match="too long for a socket"):
        choose_place(tmp_path / ("x" * 90), embedded=True)


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path: Path) -> None:
    place = choose_place(tmp_path, embedded=False)
    with held(place), pytest.raises(FolderInUse, match=str(os.getpid())), held(place, wait_s=0):
        pass
    with held(place, wait_s=0):
        assert (tmp_path / "run.pid").exists()
    assert not (tmp_path / "run.pid").exists()


def test_the_parts_of_the_data_lie_in_one_folder() -> None:
    place = Place(Path("/somewhere"))
    assert {place.postgres.parent, place.models.parent, place.logs.parent, place.demo_state.parent} == {place.folder}
