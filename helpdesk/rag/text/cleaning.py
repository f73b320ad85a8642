"""What of a source is worth indexing: visible words, without quotes, signatures and hidden text."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from mailparser_reply import EmailReplyParser
from selectolax.lexbor import LexborHTMLParser, LexborNode

# Zero-width, bidirectional and other format characters show nothing, yet split words and hide instructions.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+(?=\n|$)")
_EMPTY_LINES = re.compile(r"\n{3,}")

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LOOKS_LIKE_HTML = re.compile(r"<(?:html|body|div|p|br|table|span|ul|ol|li|blockquote)\b[^>]*>", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)|font-size\s*:\s*0|max-height\s*:\s*0"
    r"|text-indent\s*:\s*-\d{3,}|(?:left|top)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_WHITE_ON_WHITE = re.compile(
    r"(?<!-)color\s*:\s*(?:#fff(?:fff)?\b|white|transparent|rgba\([^)]*,\s*0\s*\))", re.IGNORECASE
)
_HAS_BACKGROUND = re.compile(r"background", re.IGNORECASE)
_STYLED_ELEMENT = re.compile(r"<(\w+)\b[^>]*\s(?:hidden\b|style\s*=)[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_DROPPED_TAGS = "script, style, head, template, noscript, svg, object, iframe, [hidden], [aria-hidden=true]"
_QUOTED_TAGS = "blockquote, .gmail_quote, .yahoo_quoted, #divRplyFwdMsg, .moz-cite-prefix"
_BLOCK_TAGS = frozenset(
    "p div br tr table ul ol li pre section article hr h1 h2 h3 h4 h5 h6 blockquote header footer".split()  # noqa: SIM905
)

_MAIL_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl")
_QUOTED_LINE = re.compile(r"^\s*>")
# Where a mailer begins to repeat the mail that is answered.
_OLDER_MAIL = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|ursprüngliche nachricht|message d'origine|mensaje original)\s*-{2,}"
    r"|_{20,}|begin forwarded message:)\s*$",
    re.IGNORECASE,
)
_SIGNATURE_MARK = re.compile(r"^(?:--|—|__)\s*$")


def clean_text(text: str) -> str:
    """Return a text in normal form NFKC, without characters that cannot be seen, lines trimmed at their end."""
    visible = _CONTROLS.sub("", _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    if not visible.isascii():
        visible = unicodedata.normalize("NFKC", visible)
    return _EMPTY_LINES.sub("\n\n", _SPACES.sub("", visible)).strip()


def clean_markdown(markdown: str) -> str:
    """Return an article's Markdown as a reader sees it: no comments, no hidden elements."""
    text = clean_text(markdown)
    if "<" not in text:
        return text
    return _STYLED_ELEMENT.sub(_unless_visible, _COMMENT.sub("", text)).strip()


def _unless_visible(element: re.Match[str]) -> str:
    return "" if _is_hidden_tag(element.group(0).split(">", 1)[0]) else element.group(0)


def _is_hidden_tag(tag: str) -> bool:
    hidden_by_attribute = re.search(r"\shidden(?:[\s=/]|$)", tag) is not None
    return hidden_by_attribute or _hides(tag)


def _hides(style: str) -> bool:
    if _HIDDEN_STYLE.search(style):
        return True
    return _WHITE_ON_WHITE.search(style) is not None and _HAS_BACKGROUND.search(style) is None


def clean_message(body: str) -> str:
    """Return what the author of a message wrote, without quoted mails, signature and hidden text.

    A message that is nothing but a quote is kept whole: it is all there is.
    """
    text = clean_text(html_to_text(body) if _LOOKS_LIKE_HTML.search(body) else _COMMENT.sub("", body))
    own = _without_signature(_without_quotes(text))
    return own or text


def html_to_text(html: str) -> str:
    """Return the visible text of an HTML mail, block elements on lines of their own, quoted mails left out."""
    tree = LexborHTMLParser(html)
    for node in tree.css(f"{_DROPPED_TAGS}, {_QUOTED_TAGS}"):
        node.decompose()
    for node in tree.css("[style]"):
        if _hides(node.attributes.get("style") or ""):
            node.decompose()
    if tree.body is None:
        return ""
    return "".join(_words_of(tree.body))


def _words_of(node: LexborNode) -> list[str]:
    words: list[str] = []
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            words.append(re.sub(r"\s+", " ", child.text_content or ""))
        elif child.tag in _BLOCK_TAGS:
            words.extend(("\n", *_words_of(child), "\n"))
        else:
            words.extend(_words_of(child))
    return words


@cache
def _reply_parser() -> EmailReplyParser:
    return EmailReplyParser(languages=list(_MAIL_LANGUAGES))


def _without_quotes(text: str) -> str:
    newest = next((reply.body for reply in _reply_parser().read(text).replies), text)
    kept: list[str] = []
    for line in newest.splitlines():
        if _OLDER_MAIL.match(line):
            break
        if not _QUOTED_LINE.match(line):
            kept.append(line)
    return "\n".join(kept).strip()


def _without_signature(text: str) -> str:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if number and _SIGNATURE_MARK.match(line):
            return "\n".join(lines[:number]).strip()
    return text
