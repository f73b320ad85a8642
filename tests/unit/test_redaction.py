from __future__ import annotations

import pytest

from helpdesk.redaction import redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("card 4111 1111 1111 1111.", "card [card]."),
        ("IBAN AT61 1904 3002 3457 3201", "IBAN [iban]"),
        ("mail kim.miller+desk@customer.example", "mail [email]"),
        ("call +43 1 234 56 78", "call [phone]"),
        ("call (212) 555-0101 or 0664 1234567", "call [phone] or [phone]"),
        ("password: hunter2!", "password: [secret]"),
        ("mein Passwort ist: geheim123", "mein Passwort ist: [secret]"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: [secret]"),
        ("key sk-abcdefghijklmnopqrstuvwx", "key [secret]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "[secret]"),
    ],
)
def test_what_identifies_or_unlocks_is_taken_out(text: str, kept: str) -> None:
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "order 1234 5678 9012 3456",
        "shipment KF-26-004417",
        "error 0x80070005 on 10.2.3.4",
        "on 22.11.2026 at 10:15",
        "version 5.4, port 4500, room 4.22",
        "AT61 1904 3002 3457 3202",
        "I forgot my password and cannot log in",
    ],
)
def test_ordinary_numbers_and_words_stay(text: str) -> None:
    assert redacted(text) == text
