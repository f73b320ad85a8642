"""Write an event for a chat room: as Slack's incoming webhooks take it, or as Teams' workflows do.

What a ticket says comes from anybody: it can neither become a link nor call for anybody's attention.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# Well below what either takes: 3000 characters in one section for Slack, 28 KB in one message for Teams.
_LONGEST = 500
_ELLIPSIS = "…"
# Programs that take Slack's form read `@channel` as a call even where Slack does not.
_CALL = re.compile(r"(?<!\w)@(?=\w)")
_UNSEEN = "\u2060"
# Letters that turn the direction of writing could show a text as another one.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FACTS = ("priority", "status", "channel")
_HEADLINES = {
    "ticket.opened": "#{number} was opened",
    "ticket.assigned": "#{number} was assigned",
    "sla.warning": "#{number} is nearly overdue",
    "sla.breach": "#{number} is overdue",
    "webhook.test": "This is a test. Whoever reads it is told of events.",
}
_OTHERWISE = "{event}"


def slack(event: str, data: Mapping[str, Any], *, link: str | None = None) -> dict[str, Any]:
    """Return an event as a message with blocks; `text` is what notifications of the message show.

    Args:
        link: where the ticket is seen.
    """
    headline, subject, facts = _lines(event, data)
    words = _escaped(headline) if link is None else f"<{_address(link)}|{_escaped(headline)}>"
    blocks: list[dict[str, Any]] = [_section(f"*{words}*" if subject is None else f"*{words}*\n{_escaped(subject)}")]
    if facts:
        blocks.append({"type": "context", "elements": [_mrkdwn(_escaped(facts))]})
    return {"text": _escaped(headline), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def teams(event: str, data: Mapping[str, Any], *, link: str | None = None) -> dict[str, Any]:
    """Return an event as a message with an Adaptive Card, made of texts in which no markup counts.

    Args:
        link: where the ticket is seen.
    """
    headline, subject, facts = _lines(event, data)
    body = [_rich(headline, weight="Bolder", size="Medium")]
    if subject is not None:
        body.append(_rich(subject))
    if facts:
        body.append(_rich(facts, isSubtle=True, size="Small"))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if link is not None:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the ticket", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _lines(event: str, data: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Return the headline, the ticket's subject, and what else is known of it in one line."""
    ticket = data.get("ticket")
    known: Mapping[str, Any] = ticket if isinstance(ticket, Mapping) else {}
    usual = _HEADLINES.get(event, _OTHERWISE) if known or event == "webhook.test" else _OTHERWISE
    headline = data.get("title") or usual.format(number=known.get("number"), event=event)
    subject = known.get("subject")
    facts = " · ".join(f"{name.capitalize()}: {known[name]}" for name in _FACTS if known.get(name))
    return _plain(headline), None if subject is None else _plain(subject), _plain(facts)


def _plain(value: object) -> str:
    """Return a text in one line, without what cannot be seen, cut to a length, calling nobody."""
    seen = "".join(
        " " if unicodedata.category(letter) in {"Cc", "Zl", "Zp"} else letter
        for letter in str(value)[: 4 * _LONGEST]
        if letter not in _TURNING
    )
    line = _CALL.sub(f"@{_UNSEEN}", " ".join(seen.split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + _ELLIPSIS


def _escaped(line: str) -> str:
    """Escape the three characters by which Slack's texts begin links, mentions and entities."""
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(link: str) -> str:
    return _escaped(link).replace("|", "%7C")


def _mrkdwn(words: str) -> dict[str, Any]:
    # Verbatim: no address in the words becomes a link, no name a mention.
    return {"type": "mrkdwn", "text": words, "verbatim": True}


def _section(words: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(words)}


def _rich(words: str, **style: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": words, **style}]}
