from __future__ import annotations

import pytest

from helpdesk.answers.naming import unnamed_codes
from tests.unit.answers.pack import VPN, document

DOCUMENTS = [document("VPN error HL-809", VPN)]


@pytest.mark.parametrize(
    ("question", "unnamed"),
    [
        ("What does HL-810 mean?", ["HL-810"]),
        ("Update fails with 0x80070005", ["0x80070005"]),
        ("HL-809 or hl-810?", []),
        ("hl-809?", []),
        ("The laptop KF-L-0519 cannot connect at 10am, 50 GB are free", []),
        ("How do I connect?", []),
    ],
)
def test_codes_are_missed_where_no_source_has_any_of_them(question: str, unnamed: list[str]) -> None:
    assert unnamed_codes(question, DOCUMENTS) == unnamed
