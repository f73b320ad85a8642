from __future__ import annotations

import json
from typing import Any

import pytest

from helpdesk.notifications.webhooks.chat import slack, teams

TICKET = {"number": 7, "subject": "VPN drops", "status": "open", "priority": "high", "channel": "mail"}
LINK = "https://desk.example/tickets/7?a=1&b=2"


def said(subject: str) -> dict[str, Any]:
    return {"title": "#7 is overdue", "ticket": TICKET | {"subject": subject}}


def texts_of_slack(message: dict[str, Any]) -> list[str]:
    first, *others = message["blocks"]
    return [message["text"], first["text"]["text"], *(block["elements"][0]["text"] for block in others)]


def texts_of_teams(message: dict[str, Any]) -> list[str]:
    (attachment,) = message["attachments"]
    return [block["inlines"][0]["text"] for block in attachment["content"]["body"]]


def test_a_breach_reads_well_in_slack() -> None:
    message = slack("sla.breach", said("VPN drops"), link=LINK)
    assert texts_of_slack(message) == [
        "#7 is overdue",
        "*<https://desk.example/tickets/7?a=1&amp;b=2|#7 is overdue>*\nVPN drops",
        "Priority: high · Status: open · Channel: mail",
    ]
    assert [block["type"] for block in message["blocks"]] == ["section", "context"]
    assert (message["unfurl_links"], message["unfurl_media"]) == (False, False)


def test_a_breach_reads_well_in_teams() -> None:
    message = teams("sla.breach", said("VPN drops"), link=LINK)
    assert message["type"] == "message"
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert texts_of_teams(message) == ["#7 is overdue", "VPN drops", "Priority: high · Status: open · Channel: mail"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open the ticket", "url": LINK}]


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("<!channel> all hands", "&lt;!channel&gt; all hands"),
        ("<@U012AB3CD> and <#C1>", "&lt;@\u2060U012AB3CD&gt; and &lt;#C1&gt;"),
        ("<https://evil.example|our site>", "&lt;https://evil.example|our site&gt;"),
        ("a & b &lt;", "a &amp; b &amp;lt;"),
        ("@channel @here, (@everyone)", "@\u2060channel @\u2060here, (@\u2060everyone)"),
        ("write to kim@customer.example", "write to kim@customer.example"),
        ("two\nlines\t\x00\u2028and\u202egnp.exe", "two lines andgnp.exe"),
    ],
)
def test_what_a_ticket_says_neither_links_nor_calls_anybody_in_slack(subject: str, shown: str) -> None:
    _, section, _ = texts_of_slack(slack("sla.breach", said(subject)))
    assert section == f"*#7 is overdue*\n{shown}"
    title = slack("sla.breach", {"title": subject, "ticket": TICKET})
    assert texts_of_slack(title)[:2] == [shown, f"*{shown}*\nVPN drops"]
    assert all(block["text"]["verbatim"] for block in title["blocks"] if "text" in block)


@pytest.mark.parametrize("subject", ["[our site](https://evil.example)", "<at>everyone</at>", "**bold** # head"])
def test_what_a_ticket_says_is_no_markup_in_teams(subject: str) -> None:
    message = teams("sla.breach", said(subject))
    assert texts_of_teams(message)[1] == subject
    card = message["attachments"][0]["content"]
    # A text run knows no markup, and a mention takes an entity.
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert "msteams" not in card
    assert "entities" not in json.dumps(message)
    assert "actions" not in card


@pytest.mark.parametrize("write", [slack, teams])
def test_a_message_stays_below_what_a_room_takes_and_needs_no_ticket(write: Any) -> None:
    long = write("sla.breach", {"title": "x" * 9000, "ticket": TICKET | {"subject": "<" * 9000, "channel": "&" * 9000}})
    assert len(json.dumps(long)) < 20_000
    if write is slack:
        assert max(map(len, texts_of_slack(long))) < 3000
    assert "This is a test." in json.dumps(write("webhook.test", {"webhook_id": "1"}))
    assert "#7 was opened" in json.dumps(write("ticket.opened", {"ticket": TICKET}))
    assert "something.new" in json.dumps(write("something.new", {"ticket": None}))
