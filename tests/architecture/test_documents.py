from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent


def test_the_example_environment_lists_every_setting() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/env-example", "--check"],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
