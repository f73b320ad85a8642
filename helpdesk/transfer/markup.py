"""Turn HTML into Markdown: headings, lists, code, tables and links stay, and what a reader cannot see is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

_NOT_CONTENT = "script, style, head, template, noscript, svg, object, iframe, nav, form, [hidden], [aria-hidden=true]"
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d]*[1-9])|font-size\s*:\s*0|max-height\s*:\s*0"
    r"|text-indent\s*:\s*-\d{3,}|(?<![\w-])(?:left|top)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_WHITE = re.compile(r"(?<![\w-])color\s*:\s*(?:#fff(?:fff)?\b|white\b|transparent)", re.IGNORECASE)
# Only what begins with a tag: a text that shows some HTML is text, and its line breaks count.
_HTML = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype|html|head|body|div|p|table|span|ul|ol|pre|h[1-6]|blockquote|br|b|strong)\b[^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_BLOCKS = {
    "blockquote",
    "p",
    "div",
    "section",
    "article",
    "main",
    "header",
    "footer",
    "figure",
    "dl",
    "dd",
    "dt",
    "tr",
    "address",
}
_EMPHASIS = {"strong": "**", "b": "**", "em": "*", "i": "*"}
_LINKS = ("http://", "https://", "mailto:")
_GAPS = re.compile(r"\n{3,}")
_LONE_SPACE = re.compile(r"^ (?=\S)")


@dataclass(frozen=True)
class Markdown:
    """A converted page.

    Attributes:
        title: its title or first heading, empty where it has none.
    """

    title: str
    text: str


def looks_like_html(text: str) -> bool:
    """Tell whether a text is written in HTML rather than speaks of it."""
    return _HTML.match(text) is not None


def html_to_markdown(html: str) -> Markdown:
    """Return a page or a piece of HTML as Markdown."""
    tree = LexborHTMLParser(html)
    title = tree.css_first("title")
    heading = tree.css_first("h1, h2")
    named = (title.text() if title else "") or (heading.text() if heading else "")
    for node in tree.css(_NOT_CONTENT):
        node.decompose()
    for node in tree.css("[style]"):
        if _hides(node.attributes.get("style") or ""):
            node.decompose()
    text = "" if tree.body is None else _inside(tree.body)
    # One space before a line is what is left of a line break in the source; code is indented by more.
    lines = (_LONE_SPACE.sub("", line).rstrip() for line in text.splitlines())
    return Markdown(" ".join(named.split()), _GAPS.sub("\n\n", "\n".join(lines)).strip())


def _hides(style: str) -> bool:
    if _HIDING.search(style):
        return True
    return _WHITE.search(style) is not None and "background" not in style.lower()


def _inside(node: LexborNode) -> str:
    return "".join(_markdown(child) for child in node.iter(include_text=True))


def _markdown(node: LexborNode) -> str:
    tag = node.tag or ""
    if tag == "-text":
        return re.sub(r"\s+", " ", node.text_content or "")
    if tag == "pre":
        return f"\n\n```\n{node.text().strip(chr(10))}\n```\n\n"
    if tag == "br":
        return "\n"
    if tag == "hr":
        return "\n\n---\n\n"
    if tag in {"ul", "ol"}:
        return _list(node, ordered=tag == "ol")
    inner = _inside(node)
    return _wrapped(tag, node, inner) if inner.strip() else inner


def _wrapped(tag: str, node: LexborNode, inner: str) -> str:
    """Return the Markdown of an element that has something in it."""
    said = inner.strip()
    if tag in _HEADINGS or tag in _BLOCKS:
        return f"\n\n{_block(tag, said)}\n\n"
    if tag in {"td", "th"}:
        return f"{' '.join(said.split())} | "
    if tag == "code":
        return f"`{inner}`"
    if tag in _EMPHASIS:
        return f"{_EMPHASIS[tag]}{said}{_EMPHASIS[tag]}" + (" " if inner.endswith(" ") else "")
    target = (node.attributes.get("href") or "") if tag == "a" else ""
    return f"[{said}]({target})" if target.startswith(_LINKS) and said != target else inner


def _block(tag: str, said: str) -> str:
    if tag in _HEADINGS:
        return f"{_HEADINGS[tag]} {' '.join(said.split())}"
    if tag == "blockquote":
        return "\n".join(f"> {line}".rstrip() for line in _GAPS.sub("\n\n", said).splitlines())
    return said.removesuffix(" |") if tag == "tr" else said


def _list(node: LexborNode, *, ordered: bool) -> str:
    items = [_inside(child).strip() for child in node.iter() if child.tag == "li"]
    marks = [f"{number}." if ordered else "-" for number in range(1, len(items) + 1)]
    # Nested blocks are indented, so that they stay in their item.
    inner = [re.sub(r"\n(?=[^\n])", "\n   ", item) for item in items]
    return "\n\n" + "\n".join(f"{mark} {item}" for mark, item in zip(marks, inner, strict=True)) + "\n\n"
