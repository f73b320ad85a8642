"""The visible words of HTML, as text or as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from helpdesk.visible_text.hidden import color_of, hides, hiding_selectors, ink_of, is_unreadable, paper_of

_DROPPED_TAGS = (
    "script, style, head, template, noscript, svg, object, iframe, canvas, math, audio, video, "
    "[hidden], [aria-hidden=true], input[type=hidden]"
)
_QUOTED_TAGS = "blockquote, .gmail_quote, .yahoo_quoted, #divRplyFwdMsg, .moz-cite-prefix, #appendonsend ~ *"
_BLOCKS = """
    p div br tr table ul ol li pre section article hr h1 h2 h3 h4 h5 h6 blockquote header footer dl dt dd figure main
    aside nav address form fieldset details summary caption thead tbody tfoot
"""
_BLOCK_TAGS = frozenset(_BLOCKS.split())
_MARKS = {f"h{depth}": f"\n\n{'#' * depth} " for depth in range(1, 7)} | {"li": "\n- ", "p": "\n\n", "pre": "\n\n"}
_CELLS = frozenset(("td", "th"))
_DEEPEST = 1_000
_NESTING_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_OFTEN_UNCLOSED = frozenset("p li br hr img input meta link col td th tr dd dt option tbody thead a wbr".split())  # noqa: SIM905
# A style sheet with more rules than this is a page's, and hides what a script will show.
_MOST_SELECTORS = 200


def html_to_text(html: str) -> str:
    """Return the visible text of an HTML mail, block elements on lines of their own, quoted mails left out."""
    return "".join(_words_of(_visible(html, also=_QUOTED_TAGS), {}))


def html_to_markdown(html: str) -> str:
    """Return the visible text of an HTML document as Markdown: headings, lists and rows of tables."""
    return re.sub(r"\n{3,}", "\n\n", "".join(_words_of(_visible(html), _MARKS))).strip()


def _visible(html: str, *, also: str = "") -> LexborNode | None:
    if _is_bottomless(html):
        return None
    tree = LexborHTMLParser(html)
    selectors = [selector for sheet in tree.css("style") for selector in hiding_selectors(sheet.text() or "")]
    for selector in [_DROPPED_TAGS, *filter(None, [also]), *selectors[:_MOST_SELECTORS]]:
        _drop(tree, selector)
    papers: dict[int, str | None] = {}
    for node in tree.css("[style], font[color]"):
        if _is_unseen(node, papers):
            node.decompose()
    return tree.body


def _is_bottomless(html: str) -> bool:
    """Return whether elements nest deeper than any page does; a parser's time grows with the square of the depth."""
    if html.count("<") < _DEEPEST:
        return False
    depth = 0
    for end, name in _NESTING_TAG.findall(html):
        if name.lower() not in _OFTEN_UNCLOSED:
            depth += -1 if end else 1
            if depth > _DEEPEST:
                return True
    return False


def _drop(tree: LexborHTMLParser, selector: str) -> None:
    try:
        found = tree.css(selector)
    except SelectolaxError:
        # What no browser understands hides nothing.
        return
    for node in found:
        if node.tag not in {"html", "body"}:
            node.decompose()


def _is_unseen(node: LexborNode, papers: dict[int, str | None]) -> bool:
    style = node.attributes.get("style") or ""
    if hides(style):
        return True
    ink = ink_of(style) or color_of(node.attributes.get("color") or "")
    return ink is not None and is_unreadable(ink, _paper_behind(node, papers))


def _paper_behind(node: LexborNode, papers: dict[int, str | None]) -> str | None:
    """Return the colour that the nearest element around gives, itself among them.

    Args:
        papers: what is known of elements by their place in memory; a thousand words in a thousand boxes each ask.
    """
    asked: list[int] = []
    paper: str | None = None
    around: LexborNode | None = node
    while around is not None and around.tag not in {"-undef", "-document"}:
        if around.mem_id in papers:
            paper = papers[around.mem_id]
            break
        asked.append(around.mem_id)
        given = paper_of(around.attributes.get("style") or "") or around.attributes.get("bgcolor")
        if given:
            paper = color_of(given) or given
            break
        around = around.parent
    papers.update(dict.fromkeys(asked, paper))
    return paper


def _words_of(body: LexborNode | None, marks: dict[str, str]) -> Iterator[str]:
    """Yield the words below an element in order; without recursion, since a hostile mail nests without end."""
    # What is yet to come, the next one last: elements, and what is written after one.
    coming: list[LexborNode | str] = [] if body is None else [body]
    while coming:
        node = coming.pop()
        if isinstance(node, str):
            yield node
        elif node.tag == "-text":
            yield re.sub(r"\s+", " ", node.text_content or "")
        else:
            if node.tag in _BLOCK_TAGS:
                yield marks.get(node.tag or "", "\n")
                coming.append("\n")
            elif node.tag in _CELLS:
                # Cells of a row are words of their own.
                coming.append(" | " if marks else " ")
            coming.extend(reversed(list(node.iter(include_text=True))))
