from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast
from uuid import UUID

import pytest
from pydantic import ValidationError

from helpdesk.notifications.mail.message import MailNotWellFormed, compose, envelope_address, message_id
from helpdesk.queue.catalog import SendEmail
from helpdesk.settings import Settings

JOB = UUID("0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11")
SENDER = "Größe & Söhne <desk@example.org>"
NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def mail(**changes: Any) -> SendEmail:
    return SendEmail(**({"to": ("kim@example.com",), "subject": "Your printer", "text": "It works."} | changes))


def read(mail: SendEmail, *, sender: str = SENDER) -> tuple[bytes, EmailMessage]:
    raw = compose(mail, job_id=JOB, sender=sender, now=NOW)
    return raw, message_from_bytes(raw, policy=policy.default)


def test_a_mail_has_the_headers_of_one_that_a_program_sent() -> None:
    raw, message = read(mail(to=("kim@example.com", "lee@example.com"), reply_to="team@example.org"))
    assert message["From"].addresses[0].display_name == "Größe & Söhne"
    assert [address.addr_spec for address in message["To"].addresses] == ["kim@example.com", "lee@example.com"]
    assert message["Reply-To"] == "team@example.org"
    assert message["Date"].datetime == NOW
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<{JOB}@example.org>" == message_id(job_id=JOB, sender=SENDER)
    assert message.get_content_type() == "text/plain"
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_words_in_any_script_arrive_as_they_were_written() -> None:
    subject = "Der Drucker im 3. Stock 🖨 druckt nur noch Größe A5, 日本語 " * 5
    text, html = "Schöne Grüße\n.\nein Punkt allein\n" + "x" * 5000, "<p>Schöne <b>Grüße</b></p>" + "y" * 5000
    raw, message = read(mail(subject=subject.strip(), text=text, html=html))
    assert message["Subject"] == subject.strip()
    plain, rich = cast("list[EmailMessage]", list(message.iter_parts()))
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert rich.get_content().strip() == html
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_a_thread_is_found_by_its_message_ids_however_long_they_are() -> None:
    ids = tuple(f"<{letter * 120}@mail.example.com>" for letter in "abc")
    raw, message = read(mail(in_reply_to=ids[2], references=ids))
    assert f"In-Reply-To: {ids[2]}\r\n".encode() in raw
    assert message["References"].split() == list(ids)
    _, answer = read(mail(in_reply_to=ids[0]))
    assert answer["References"] == ids[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: everybody@example.com"},
        {"subject": "Hello\nBcc: everybody@example.com"},
        {"subject": "Hello\x00"},
        {"to": ("kim@example.com\r\nBcc: everybody@example.com",)},
        {"to": ("Kim <kim@example.com>, lee@example.com",)},
        {"to": ("kim@example.com>\n<lee@example.com",)},
        {"to": ()},
        {"to": ("nobody",)},
        {"reply_to": "kim@example.com\nX: y"},
        {"in_reply_to": "<a@b>\r\nX: y"},
        {"in_reply_to": "<a@b> <c@d>"},
        {"references": ("no id",)},
    ],
)
def test_what_would_make_a_header_of_its_own_is_refused_before_it_is_queued(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        mail(**changes)


def test_what_got_past_that_is_refused_when_it_is_written() -> None:
    sly = mail().model_copy(update={"subject": "Hello\nBcc: everybody@example.com"})
    with pytest.raises(MailNotWellFormed, match="linefeed"):
        compose(sly, job_id=JOB, sender=SENDER, now=NOW)
    for address in (
        "a..b@example.com",
        "k..ïm@example.com",
        "k ïm@example.com",
        "kim@exa\nmple.com",
        "@example.com",
        "kim@" + "x" * 70,
    ):
        with pytest.raises(MailNotWellFormed):
            envelope_address(address)


def test_a_domain_in_another_script_is_written_as_it_is_registered() -> None:
    _, message = read(mail(to=("kim@bücher.example",)))
    assert message["To"] == "kim@xn--bcher-kva.example"
    assert envelope_address("kim@bücher.example") == "kim@xn--bcher-kva.example"


def test_an_international_address_is_written_as_it_is_or_left_out() -> None:
    both = mail(to=("jürgen@bücher.example", "kim@example.com"), subject="Grüße")
    raw = compose(both, job_id=JOB, sender=SENDER, now=NOW, only_ascii=False)
    assert "To: jürgen@xn--bcher-kva.example, kim@example.com\r\n".encode() in raw
    assert "Subject: Grüße\r\n".encode() in raw
    plain, message = read(both)
    assert plain.isascii()
    assert message["To"] == "kim@example.com"
    assert compose(mail(), job_id=JOB, sender=SENDER, now=NOW, only_ascii=False) == read(mail())[0]
    # Composed or decomposed, it is one address.
    assert envelope_address("ju\u0308rgen@example.com") == "jürgen@example.com"


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("smtp_url", "http://mail.example.org", "smtps://host:465"),
        ("smtp_url", "smtp://", "smtps://host:465"),
        ("smtp_url", "smtp://desk:hunter2@mail.example.org", "unencrypted"),
        ("mail_from", "the desk", "domain"),
        ("webhook_allow", "10.0.0.1/8", "host bits"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(setting: str, value: str, why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({setting: value})
    assert why in refused.value.errors()[0]["msg"]
    assert "hunter2" not in refused.value.errors()[0]["msg"]


def test_the_password_of_the_mail_server_is_not_shown() -> None:
    settings = Settings.model_validate({"smtp_url": "starttls://desk:hunter2@mail.example.org"})
    assert "hunter2" not in repr(settings)
