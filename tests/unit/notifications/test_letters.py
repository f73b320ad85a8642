from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from helpdesk.models.values import NoticeKind
from helpdesk.notifications.people.letters import (
    MOST_LINES,
    AboutArticle,
    AboutTicket,
    Letter,
    Told,
    digest_letter,
    notice_letter,
)
from helpdesk.queue.catalog import SendEmail

VIENNA = ZoneInfo("Europe/Vienna")
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)


def ticket(number: int = 12, *, subject: str = "VPN drops", requester: str | None = "Kim") -> AboutTicket:
    return AboutTicket(uuid4(), number, subject, "high", "on_hold", requester)


def told(kind: NoticeKind = NoticeKind.SLA_WARNING, number: int = 12, *, minutes: int = 0, metric: str = "") -> Told:
    words = {NoticeKind.SLA_WARNING: "first response at 75 % of its time", NoticeKind.SLA_BREACH: "it is overdue"}
    return Told(
        kind,
        f"#{number}: {words.get(kind, 'something')}",
        {"due_at": "2026-07-03T12:00:00+00:00", "metric": metric or "first_response"},
        NOON + timedelta(minutes=minutes),
        ("team", "assignee"),
    )


def test_a_mail_says_what_when_and_why_in_the_readers_zone() -> None:
    letter = notice_letter(told(), ticket(), zone=VIENNA, public_url="https://desk.example/")
    assert letter.subject == "[#12] VPN drops"
    assert letter.text.startswith("#12: first response at 75 % of its time\n#12 VPN drops\n\nPriority: high\n")
    for words in ("Status: on hold", "Requester: Kim", "Due: Fri 3 Jul 2026, 14:00 CEST", "is assigned to you."):
        assert words in letter.text
        assert words.partition(": ")[2] in letter.html
    assert "Open the ticket: https://desk.example/tickets/12\n" in letter.text
    assert 'href="https://desk.example/tickets/12"' in letter.html
    elsewhere = notice_letter(told(), ticket(), zone=ZoneInfo("America/New_York"), public_url=None)
    assert "Due: Fri 3 Jul 2026, 08:00 EDT" in elsewhere.text
    assert "http" not in elsewhere.text + elsewhere.html


def test_what_people_wrote_is_data() -> None:
    nasty = "<script>alert(1)</script>\r\nBcc: all@example.com {{ 7 * 7 }} \u202egnp.exe"
    letter = notice_letter(
        told(), ticket(subject=nasty, requester=nasty), zone=VIENNA, public_url=None, quote=f"{nasty}\n<img src=x>"
    )
    assert letter.subject == "[#12] <script>alert(1)</script> Bcc: all@example.com {{ 7 * 7 }} gnp.exe"
    assert "<script" not in letter.html
    assert "<img" not in letter.html
    assert "&lt;img src=x&gt;" in letter.html
    assert "{{ 7 * 7 }}" in letter.html
    assert "> <img src=x>\n" in letter.text
    SendEmail(to=("kim@example.com",), subject=letter.subject, text=letter.text, html=letter.html)


@given(st.text(max_size=400), st.text(max_size=1000))
def test_any_words_make_a_mail_that_can_be_sent(subject: str, quote: str) -> None:
    about = ticket(subject=subject, requester=subject)
    for letter in (
        notice_letter(told(), about, zone=VIENNA, public_url="https://desk.example", quote=quote),
        digest_letter([(told(), about), (told(minutes=1), ticket())], zone=VIENNA, public_url=None),
    ):
        assert isinstance(letter, Letter)
        mail = SendEmail(to=("kim@example.com",), subject=letter.subject, text=letter.text, html=letter.html)
        assert len(mail.subject) < 200


def test_a_digest_counts_tickets_by_what_befell_them_the_worst_first() -> None:
    tickets = [ticket(number) for number in range(1, 16)]
    notices = [(told(number=each.number), each) for each in tickets[:12]]
    notices += [(told(NoticeKind.SLA_BREACH, each.number), each) for each in tickets[12:14]]
    notices += [(told(NoticeKind.TICKET_REPLIED, 15), tickets[14])]
    letter = digest_letter(notices, zone=VIENNA, public_url="https://desk.example")
    assert letter.subject == "2 tickets overdue, 12 tickets about to breach, 1 ticket with new replies"
    assert letter.text.index("#13 VPN drops\n  it is overdue, due Fri 3 Jul 2026, 14:00 CEST\n") < letter.text.index(
        "#1 VPN drops\n  first response at 75 % of its time, due Fri 3 Jul 2026, 14:00 CEST\n"
    )
    assert letter.html.count("<a href=") == 15
    assert "Collected since Tue 3 Mar 2026, 12:00 CET." in letter.html


def test_a_digest_says_the_latest_of_each_promise_once() -> None:
    one, other = ticket(1), ticket(2)
    letter = digest_letter(
        [
            (told(NoticeKind.SLA_BREACH, 1, minutes=5), one),
            (told(number=1), one),
            (told(number=1, metric="resolution"), one),
            (told(NoticeKind.TICKET_REPLIED, 2), other),
            (told(NoticeKind.TICKET_REPLIED, 2, minutes=3), other),
        ],
        zone=VIENNA,
        public_url=None,
    )
    assert letter.subject == "1 ticket overdue, 1 ticket about to breach, 1 ticket with new replies"
    assert letter.text.count("#1 VPN drops") == 2
    assert letter.text.count("#2 VPN drops") == 1


def test_a_long_digest_names_the_most_urgent_and_counts_the_rest() -> None:
    notices = [(told(number=number), ticket(number)) for number in range(1, 501)]
    letter = digest_letter(notices, zone=VIENNA, public_url=None)
    assert letter.subject == "500 tickets about to breach"
    assert f"#{MOST_LINES} VPN drops" in letter.text
    assert f"#{MOST_LINES + 1} VPN drops" not in letter.text
    assert f"and {500 - MOST_LINES} more" in letter.text
    assert len(letter.html) < 20_000


def test_the_ids_of_tickets_stay_out_of_the_words() -> None:
    about = ticket()
    letter = notice_letter(told(), about, zone=VIENNA, public_url=None)
    assert isinstance(about.id, UUID)
    assert str(about.id) not in letter.text + letter.html


def test_a_mail_on_an_article_names_it_and_leads_to_it() -> None:
    article = AboutArticle(uuid4(), "printers", "Printers\n<b>jam</b>")
    notice = Told(NoticeKind.ARTICLE_REVIEW_DUE, "“Printers” is due for review since 2026-03-03.", {}, NOON)
    letter = notice_letter(notice, article, zone=VIENNA, public_url="https://desk.example/")
    assert letter.subject == "[Knowledge base] Printers <b>jam</b>"
    assert "Open the article: https://desk.example/kb/articles/printers" in letter.text
    assert "Address: printers" in letter.text
    assert "<b>jam" not in letter.html


def test_a_digest_tells_articles_beside_tickets() -> None:
    article = AboutArticle(uuid4(), "printers", "Printers")
    due = Told(NoticeKind.ARTICLE_REVIEW_DUE, "“Printers” is due for review.", {}, NOON)
    letter = digest_letter([(due, article), (told(), ticket())], zone=VIENNA, public_url=None)
    assert letter.subject == "1 ticket about to breach, 1 article due for review"
