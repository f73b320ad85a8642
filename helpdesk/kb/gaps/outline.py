"""The draft that a gap begins with: what is asked, and what helped, as material for its author."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from helpdesk.rag.text.cleaning import clean_message
from helpdesk.redaction import redacted

_MOST_TITLE = 120
_QUOTE_CHARS = 1500
# Whatever Markdown reads as more than a letter: a ticket is quoted, never obeyed.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)


@dataclass(frozen=True)
class Solved:
    """What was written on a solved ticket.

    Attributes:
        resolution: the agents' note on what helped.
        replies: what agents wrote to the requester, oldest first.
    """

    number: int
    subject: str
    resolution: str | None
    replies: Sequence[str]


def title_of(label: str, samples: Sequence[str]) -> str:
    """Return the working title of a draft: the most typical question in one line, else the label."""
    first = redacted(samples[0]).strip().splitlines()[0].strip() if samples and samples[0].strip() else label
    title = " ".join(first.split())
    return title if len(title) <= _MOST_TITLE else f"{title[: _MOST_TITLE - 1].rsplit(' ', 1)[0]}…"


def outline_of(label: str, samples: Sequence[str], solved: Sequence[Solved]) -> str:
    """Return the body of a draft in Markdown: questions, sections to write, and quoted material.

    Addresses, numbers and secrets of people are taken out; names stay, so an author has to read it before it is
    published.
    """
    parts = [
        f"Drafted from a knowledge gap about {_inert(label)}. Remove what is quoted below before publishing.",
        "## What people ask",
        "\n".join(f"- {_inert(_one_line(redacted(sample)))}" for sample in samples) or "- (no question is left)",
        "## What to do",
        "1. (write the steps here)",
        "## If that does not help",
        "(say whom to ask, and with what at hand)",
    ]
    if solved:
        parts += ["## Material: what solved such tickets", "From tickets, for the author only."]
        for ticket in solved:
            parts.append(f"### Ticket #{ticket.number}: {_inert(_one_line(redacted(ticket.subject)))}")
            if ticket.resolution and ticket.resolution.strip():
                parts.append(f"Resolution note:\n\n{_quoted(ticket.resolution)}")
            parts += [f"Reply:\n\n{_quoted(reply)}" for reply in ticket.replies if reply.strip()]
    return "\n\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    # Cut before as well as after: what is looked for in a text of any length takes its time.
    words = _inert(redacted(clean_message(text)[: 2 * _QUOTE_CHARS])[:_QUOTE_CHARS].strip())
    return "\n".join(f"> {line}".rstrip() for line in words.splitlines())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _inert(text: str) -> str:
    """Return a text that Markdown shows as it is written."""
    return _AT_START.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", _MARKUP.sub(r"\\\1", text))
