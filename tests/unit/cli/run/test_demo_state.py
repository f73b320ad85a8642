from __future__ import annotations

from pathlib import Path

import pytest

from helpdesk.cli.run.demo import DemoState


def test_what_is_remembered_is_for_this_account_alone(tmp_path: Path) -> None:
    state = DemoState(tmp_path / "demo.json", "a-password", {"live1": "an-id"})
    state.path.touch(mode=0o644)

    state.write()

    assert state.path.stat().st_mode & 0o777 == 0o600
    assert DemoState.read(state.path) == state


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"password": "x"}', '{"password": "x", "opened": 3}'])
def test_a_file_that_is_missing_or_damaged_remembers_nothing(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "demo.json"
    if content is not None:
        path.write_text(content)
    assert DemoState.read(path) == DemoState(path)
