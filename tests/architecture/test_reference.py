import subprocess
import sys

from tests.conftest import REPOSITORY


def test_the_reference_says_what_the_code_says() -> None:
    checked = subprocess.run(
        [sys.executable, REPOSITORY / "scripts/reference", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
