import re
import subprocess
import sys

from tests.conftest import REPOSITORY


def test_the_reference_says_what_the_code_says() -> None:
    checked = subprocess.run(
        [sys.executable, REPOSITORY / "scripts/reference", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_every_variable_that_is_read_is_in_the_reference() -> None:
    page = (REPOSITORY / "docs/reference.md").read_text("utf-8")
    named = {
        name
        for folder in ("api", "helpdesk", "workers", "scripts", ".ci")
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix in {"", ".py"}
        for name in re.findall(r"ATUM_[A-Z_]*[A-Z]", path.read_text("utf-8"))
    }
    assert {name for name in named if f"`{name}`" not in page} == set()
