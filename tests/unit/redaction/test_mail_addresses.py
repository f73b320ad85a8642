from __future__ import annotations

import pytest

from helpdesk.redaction import redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mail kim.miller+desk@customer.example", "mail [email]"),
        ("<kim@customer.example>, 'lee@desk.example'", "<[email]>, '[email]'"),
        ("mailto:kim@customer.example?subject=x", "mailto:[email]?subject=x"),
        ("o'neil@customer.example", "[email]"),
        ("kim@sub.customer.co.example.", "[email]."),
        ("müller@kunde.example", "[email]"),
        ("kim\uff20customer.example", "[email]"),
        ("a@b.example,c@d.example", "[email],[email]"),
    ],
)
def test_mail_addresses_are_taken_out(text: str, kept: str) -> None:
    assert redacted(text) == kept


@pytest.mark.parametrize("text", ["meet @ noon", "@kim please look", "user@localhost", "5 @ 3.50", "root@srv01:~#"])
def test_other_signs_stay(text: str) -> None:
    assert redacted(text) == text
