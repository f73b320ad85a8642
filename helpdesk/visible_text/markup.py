"""HTML within Markdown: what of it a reader never sees."""

from __future__ import annotations

import re
from collections.abc import Iterator

from helpdesk.visible_text.hidden import hides, hiding_selectors, ink_of, is_unreadable, paper_of

# Code is shown as it is written, so a tag in it hides nothing. Code within a line is not sought without end: backticks
# that nothing closes would each have all of the text read.
_CODE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?<!`)(?P<ticks>`++).{1,2000}?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL | re.MULTILINE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9-]*)(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_STYLE_SHEET = re.compile(r"<style\b[^<>]*>(.*?)(?:</style\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w:-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_NEVER_SHOWN = frozenset("script style head template noscript svg object iframe".split())  # noqa: SIM905
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905


def without_hidden_markup(markdown: str) -> str:
    """Return Markdown without comments and without elements that are not shown, with all that is within them.

    An element that is never closed hides all that follows it, as in a browser.
    """
    if "<" not in markdown:
        return markdown
    code: list[str] = []
    bare = _COMMENT.sub("", _CODE.sub(lambda found: _put_by(code, found[0]), markdown))
    unseen = _unseen_names(bare)
    shown = "".join(_shown(bare, unseen))
    return re.sub("\ue000(\\d+)\ue001", lambda found: code[int(found[1])], shown)


def _put_by(code: list[str], words: str) -> str:
    code.append(words)
    return f"\ue000{len(code) - 1}\ue001"


def _unseen_names(markdown: str) -> frozenset[str]:
    """Return the simple selectors (`.class`, `#id`, `tag`) that the style sheets in a text hide."""
    sheets = _STYLE_SHEET.findall(markdown)
    return frozenset(selector.lower() for sheet in sheets for selector in hiding_selectors(sheet))


def _shown(text: str, unseen: frozenset[str]) -> Iterator[str]:
    place, depth, hidden_in = 0, 0, ""
    for tag in _TAG.finditer(text):
        name = tag["name"].lower()
        if hidden_in:
            if name == hidden_in and not tag["rest"].endswith("/"):
                depth += -1 if tag["end"] else 1
            if depth == 0:
                hidden_in, place = "", tag.end()
        elif not tag["end"] and _is_hidden(name, tag["rest"], unseen):
            yield text[place : tag.start()]
            place = tag.end()
            if name not in _VOID and not tag["rest"].endswith("/"):
                depth, hidden_in = 1, name
    if not hidden_in:
        yield text[place:]


def _is_hidden(name: str, attributes: str, unseen: frozenset[str]) -> bool:
    if name in _NEVER_SHOWN:
        return True
    given = {key.lower(): double or single or bare for key, double, single, bare in _ATTRIBUTE.findall(attributes)}
    if "hidden" in given or given.get("aria-hidden") == "true":
        return True
    named = {name, *(f".{word}" for word in given.get("class", "").lower().split()), f"#{given.get('id', '').lower()}"}
    if not named.isdisjoint(unseen) or not {f"{name}{each}" for each in named}.isdisjoint(unseen):
        return True
    style = given.get("style", "")
    ink = ink_of(style) or ink_of(f"color:{given.get('color', '')}")
    return hides(style) or is_unreadable(ink, paper_of(style))
