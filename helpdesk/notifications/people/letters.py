"""The words of the mails by which people are told; pure. Whatever people wrote is data: escaped, and cut to size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from helpdesk.models.values import NoticeKind
from helpdesk.notifications.people.audience import ToldAs

MOST_LINES = 25

_LONGEST_NAME = 150
_LONGEST_QUOTE = 600
# Control characters, and those that turn the direction of writing, by which a subject could pose as another one.
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NOT_IN_QUOTE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_WHY = {
    ToldAs.NAMED: "You were mentioned.",
    ToldAs.ASSIGNEE: "The ticket is assigned to you.",
    ToldAs.WATCHERS: "You watch the ticket.",
    ToldAs.TEAM_LEAD: "You lead the ticket's team.",
    ToldAs.TEAM: "You are in the ticket's team.",
    ToldAs.LEADS: "The ticket has nobody else to tell.",
}
# In the order they are shown, with what tickets do, one and several.
_GROUPS = {
    NoticeKind.SLA_BREACH: ("ticket overdue", "tickets overdue"),
    NoticeKind.SLA_WARNING: ("ticket about to breach", "tickets about to breach"),
    NoticeKind.TICKET_ASSIGNED: ("ticket newly assigned", "tickets newly assigned"),
    NoticeKind.TICKET_MENTIONED: ("ticket that mentions you", "tickets that mention you"),
    NoticeKind.TICKET_REPLIED: ("ticket with new replies", "tickets with new replies"),
    NoticeKind.ARTICLE_REVIEW_REQUESTED: ("article waiting for review", "articles waiting for review"),
    NoticeKind.ARTICLE_REVIEWED: ("article with a verdict", "articles with a verdict"),
    NoticeKind.ARTICLE_REVIEW_DUE: ("article due for review", "articles due for review"),
}
_WHY_OF_ARTICLE = {
    NoticeKind.ARTICLE_REVIEW_REQUESTED: "You may approve articles.",
    NoticeKind.ARTICLE_REVIEWED: "You wrote the words or handed them in.",
    NoticeKind.ARTICLE_REVIEW_DUE: "The article is yours, or its owner is gone.",
}


@dataclass(frozen=True)
class AboutTicket:
    """What a mail says of a ticket."""

    id: UUID
    number: int
    subject: str
    priority: str
    status: str
    requester: str | None

    @property
    def name(self) -> str:
        """Return the ticket's number and subject in one line of a bearable length."""
        return f"#{self.number} {shortened(one_line(self.subject), _LONGEST_NAME)}".rstrip()


@dataclass(frozen=True)
class AboutArticle:
    """What a mail says of an article."""

    id: UUID
    slug: str
    title: str
    # Below tickets of the same kind of notice, of which there are none.
    number: int = 0

    @property
    def name(self) -> str:
        """Return the article's title in one line of a bearable length."""
        return shortened(one_line(self.title), _LONGEST_NAME)


About: TypeAlias = AboutTicket | AboutArticle


@dataclass(frozen=True)
class Told:
    """One notice as it is mailed.

    Attributes:
        at: when it came up (UTC).
    """

    kind: NoticeKind
    title: str
    data: Mapping[str, Any]
    at: datetime
    told_as: Sequence[str] = ()


_Told: TypeAlias = tuple[Told, About]
# A ticket or an article, and one of a ticket's metrics.
_Promise: TypeAlias = tuple[UUID, str]


@dataclass(frozen=True)
class Letter:
    """A mail's words."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class _Line:
    name: str
    what: str
    url: str | None


@dataclass(frozen=True)
class _Group:
    heading: str
    lines: Sequence[_Line]
    more: int


def notice_letter(
    notice: Told, about: About, *, zone: ZoneInfo, public_url: str | None, quote: str | None = None
) -> Letter:
    """Write the mail of one notice.

    Its subject is the ticket's and the same each time: mail programs that go by subjects keep the thread then.

    Args:
        quote: words of a message.
    """
    if isinstance(about, AboutArticle):
        return _article_letter(notice, about, public_url=public_url)
    facts = [("Priority", about.priority), ("Status", about.status.replace("_", " "))]
    if about.requester:
        facts.append(("Requester", shortened(one_line(about.requester), _LONGEST_NAME)))
    if due := _due(notice, zone):
        facts.append(("Due", due))
    return _letter(
        "notice",
        subject=f"[#{about.number}] {shortened(one_line(about.subject), _LONGEST_NAME)}".rstrip(),
        heading=one_line(notice.title),
        name=about.name,
        facts=facts,
        quote=quote and shortened(_NOT_IN_QUOTE.sub("", quote.replace("\r\n", "\n")).strip(), _LONGEST_QUOTE),
        url=url_of(public_url, about),
        to_open="the ticket",
        why=next((_WHY[each] for each in _WHY if each in notice.told_as), ""),
    )


def _article_letter(notice: Told, article: AboutArticle, *, public_url: str | None) -> Letter:
    return _letter(
        "notice",
        subject=f"[Knowledge base] {article.name}",
        heading=one_line(notice.title),
        name=article.name,
        facts=[("Address", article.slug)],
        quote=None,
        url=url_of(public_url, article),
        to_open="the article",
        why=_WHY_OF_ARTICLE.get(notice.kind, ""),
    )


def digest_letter(notices: Iterable[_Told], *, zone: ZoneInfo, public_url: str | None) -> Letter:
    """Write the mail of what was collected: a line for each promise to a ticket and kind, saying the latest.

    Of a promise that was broken by then, no line says that it was about to be.
    """
    ordered = sorted(notices, key=lambda each: each[0].at)
    by_kind: dict[NoticeKind, dict[_Promise, _Told]] = {}
    for notice, ticket in ordered:
        by_kind.setdefault(notice.kind, {})[ticket.id, str(notice.data.get("metric"))] = notice, ticket
    breached = by_kind.get(NoticeKind.SLA_BREACH, {})
    warned = by_kind.pop(NoticeKind.SLA_WARNING, {})
    if left := {promise: told for promise, told in warned.items() if promise not in breached}:
        by_kind[NoticeKind.SLA_WARNING] = left
    groups = [_group(list(by_kind[kind].values()), kind, zone, public_url) for kind in _GROUPS if kind in by_kind]
    return _letter(
        "digest",
        subject=", ".join(group.heading for group in groups),
        groups=groups,
        since=moment(ordered[0][0].at, zone),
    )


def one_line(text: str) -> str:
    """Return words in one line, without characters that are not shown."""
    return " ".join(_NOT_SHOWN.sub(" ", text).split())


def shortened(text: str, longest: int) -> str:
    """Return a text that is at most so many characters long."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return a time as clocks in a zone show it, such as `Tue 3 Mar 2026, 14:00 CET`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def url_of(public_url: str | None, about: About) -> str | None:
    """Return where a ticket or an article is read; None where the product's own address is not known."""
    if public_url is None:
        return None
    path = f"kb/articles/{about.slug}" if isinstance(about, AboutArticle) else f"tickets/{about.number}"
    return f"{public_url.rstrip('/')}/{path}"


def _group(told: Sequence[_Told], kind: NoticeKind, zone: ZoneInfo, url: str | None) -> _Group:
    # What is due first is read first; a late one is above those that are not due yet.
    ordered = sorted(told, key=lambda each: (str(each[0].data.get("due_at") or "~"), each[1].number))
    lines = [_Line(about.name, _what(notice, about, zone), url_of(url, about)) for notice, about in ordered]
    one, several = _GROUPS[kind]
    count = len({about.id for _, about in told})
    heading = f"{count:,} {one if count == 1 else several}"
    return _Group(heading, lines[:MOST_LINES], max(0, len(lines) - MOST_LINES))


def _what(notice: Told, about: About, zone: ZoneInfo) -> str:
    """Return what a notice says beyond the ticket's number, and until when."""
    said = one_line(notice.title).removeprefix(f"#{about.number}").lstrip(": ")
    due = _due(notice, zone)
    return f"{said}, due {due}" if due else said


def _due(notice: Told, zone: ZoneInfo) -> str | None:
    try:
        return moment(datetime.fromisoformat(str(notice.data["due_at"])), zone)
    except (KeyError, ValueError):
        return None


def _letter(form: str, *, subject: str, **values: Any) -> Letter:
    text, html = (
        _templates().get_template(f"{form}.{ending}").render(subject=subject, **values) for ending in ("txt", "html")
    )
    return Letter(subject, text, html)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("helpdesk.notifications.people"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
