"""Every check is explained to those who read its name in a finding, and no page explains one that is gone."""

from __future__ import annotations

import re

import pytest

from helpdesk.doctor.checks import UnknownCheck, all_checks, chosen_checks
from tests.conftest import REPOSITORY


def test_the_page_explains_every_check_and_no_other() -> None:
    page = (REPOSITORY / "docs/doctor.md").read_text("utf-8")
    explained = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", page, re.MULTILINE)
    assert sorted(explained) == sorted(check.name for check in all_checks())


def test_checks_of_an_area_stand_together() -> None:
    areas = [check.area for check in all_checks()]
    assert [area for place, area in enumerate(areas) if area not in areas[:place]] == [
        area for place, area in enumerate(areas) if place == 0 or areas[place - 1] != area
    ]


def test_who_looks_at_a_part_of_the_database_also_looks_whether_it_is_there() -> None:
    assert [check.name for check in chosen_checks(["index.lag"])] == ["database.reachable", "index.lag"]
    assert [check.name for check in chosen_checks(["program.python"])] == ["program.python"]
    assert "models" not in {check.area for check in chosen_checks(leave_out=["models"])}
    with pytest.raises(UnknownCheck, match="areas are program, settings"):
        chosen_checks(["nonsense"])
