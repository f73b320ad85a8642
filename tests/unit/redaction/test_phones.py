from __future__ import annotations

import pytest

from helpdesk.redaction import redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("call +43 1 234 56 78", "call [phone]"),
        ("call (212) 555-0101 or 0664 1234567", "call [phone] or [phone]"),
        ("+49 (0)89 1234567", "[phone]"),
        ("+49-89-1234567 ext. 3", "[phone] ext. 3"),
        ("0043 664 1234567", "[phone]"),
        ("+442079460958", "[phone]"),
        ("020 7946 0958", "[phone]"),
        ("089/1234567", "[phone]"),
        ("Tel.: 06641234567", "Tel.: [phone]"),
        ("Phone: 212-555-0101", "Phone: [phone]"),
        ("212-555-0101", "[phone]"),
        ("415.555.2671", "[phone]"),
        ("06 12 34 56 78", "[phone]"),
        ("ring me on 612 345 678", "ring me on [phone]"),
        ("mobile 0171 2345678, office 030 901820", "mobile [phone], office [phone]"),
        ("0664 1234567 0664 7654321", "[phone] [phone]"),
        ("+43\u00a0664\u00a01234567", "[phone]"),
        ("+43\u2011664\u20111234567", "[phone]"),
        ("+٤٣ ٦٦٤ ١٢٣٤٥٦٧", "[phone]"),
        ("(+43 664 1234567)", "([phone])"),
        ("Kim Miller\n+1 415 555 2671\nAcme", "Kim Miller\n[phone]\nAcme"),
    ],
)
def test_telephone_numbers_are_taken_out(text: str, kept: str) -> None:
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "shipment KF-26-004417",
        "error 0x80070005 on 10.2.3.4",
        "192.168.100.200:8080",
        "10.0.0.0/24 and 255.255.255.0",
        "on 22.11.2026 at 10:15",
        "on 2026-11-22 10:15:00",
        "between 01.02.2026 and 28.02.2026",
        "(07/13/2021)",
        "2026-11-22T10:15:00Z",
        "version 5.4, port 4500, room 4.22",
        "version 10.0.19045.3803",
        "build 22621.2715",
        "firmware 01.02.03.0455",
        "order 0664123456",
        "order no. 0301 234567",
        "Bestellung 0301234567",
        "ticket #00123456",
        "serial 0012345678",
        "invoice 2026-000123",
        "part 123-456-7890",
        "error code 0801234567",
        "KB5034441",
        "event id 1000 1001 1002 1003",
        "1 4 2 7 70 3 4",
        "12345678",
        "1234567890",
        "4500 4501 4502",
        "MAC 00:1a:2b:3c:4d:5e",
        "1.5 GB of 2,000,000 files",
        "ISBN 978-3-16-148410-0",
        "0.0.0.0 and 127.0.0.1",
        "1000000 rows in 12000 ms",
        "HL-809 0x8007000e 0xc000021a",
        "guid 01932345-1234-7123-8123-123456789012",
        "8.00-18.30 and 09:00-17:00",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert redacted(text) == text


def test_a_number_without_its_country_is_known_where_the_organisation_calls() -> None:
    assert redacted("call 91 234 5678", regions=("AU",)) == "call 91 234 5678"
    assert redacted("Tel. 22 123 45 67", regions=("PL",)) == "Tel. [phone]"
    assert redacted("0912 345 678", regions=("TW",)) == "[phone]"
    assert redacted("0912 345 678", regions=("US",)) == "0912 345 678"
    assert redacted("+886 912 345 678", regions=("US",)) == "[phone]"
