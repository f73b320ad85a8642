from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.kb.articles.words import normal_body
from helpdesk.kb.markdown.files import MOST_FILE_BYTES, MarkdownArticle, read_article, write_article
from helpdesk.kb.markdown.front_matter import FileRefused
from helpdesk.models.values import ArticleState, ArticleVisibility

FILE = """---
title: "VPN: error HL-809"
slug: vpn-error
language: no
visibility: customers
state: published
tags: [on, 1.10, 2026-11-22]
products:
  - Corvo 14
owner: ada@desk.example
review_at: 2026-12-24
review_every_days: 90
---

# What it means

See [the other](../network/vpn.md#top).
"""


def read(text: str, name: str = "a-file.md") -> MarkdownArticle:
    return read_article(name, text.encode())


def refused(text: str | bytes, name: str = "a-file.md") -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read_article(name, text if isinstance(text, bytes) else text.encode())
    return caught.value


def test_a_file_is_read_as_it_stands_and_no_value_is_guessed_at() -> None:
    assert read(FILE) == MarkdownArticle(
        title="VPN: error HL-809",
        body="# What it means\n\nSee [the other](../network/vpn.md#top).",
        slug="vpn-error",
        language="no",
        visibility=ArticleVisibility.CUSTOMERS,
        state=ArticleState.PUBLISHED,
        tags=("on", "1.10", "2026-11-22"),
        products=("Corvo 14",),
        owner="ada@desk.example",
        review_at=date(2026, 12, 24),
        review_every_days=90,
    )


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert read_article("a.md", b"\xef\xbb\xbf" + FILE.replace("\n", "\r\n").encode()) == read(FILE)


def test_title_and_address_are_found_where_the_file_does_not_say_them() -> None:
    found = read("Words first.\n\n## Reset a password ##\n\nMore.", "guides/Reset a Password.md")
    assert (found.title, found.slug) == ("Reset a password", "reset-a-password")
    assert read("# Hi\n\nx", "guides/printers/README.md").slug == "printers"
    assert read("---\nexternal_id: a-1\n---\n# Hi\n\nx").slug is None


def test_a_rule_of_hyphens_in_the_words_is_no_front_matter() -> None:
    assert read("---\ntitle: a\n---\n\n---\n\nb\n\n---\n").body == "---\n\nb\n\n---"


def test_an_empty_value_takes_away_and_a_missing_one_leaves() -> None:
    found = read("---\ntitle: a\nowner:\nreview_at: ~\nsummary: ''\ntags: []\n---\nb")
    assert (found.owner, found.review_at, found.summary, found.tags) == (None, None, "", ())
    assert {"owner", "review_at"} <= found.cleared
    assert "category" not in found.cleared


@pytest.mark.parametrize(
    ("text", "line", "field", "reason"),
    [
        ("---\ntitle: a\nvisiblity: agents\n---\nb", 3, "visiblity", "no field 'visiblity'"),
        ("---\ntitle: a\nvisibility: staff\n---\nb", 3, "visibility", "one of public, customers, agents"),
        ("---\ntitle: a: b\n---\nc", 2, None, "not plain YAML"),
        ("---\ntitle: a\ntitle: b\n---\nc", 3, "title", "says 'title' twice"),
        ("---\ntitle: &x a\nslug: *x\n---\nc", 3, None, "references"),
        ("---\ntitle: !!python/object/apply:os.system [ls]\n---\nc", 2, None, "the tag"),
        ("---\ntitle: {a: b}\n---\nc", 2, "title", "a text or a list of texts"),
        ("---\ntitle: [a, b]\n---\nc", 2, "title", "one text"),
        ("---\n- a\n---\nc", 2, None, "no names and values"),
        ("---\ntitle: a\nc", 1, None, "has no end"),
        ("---\ntitle: a\n---\n\n", None, None, "no words"),
        ("no title and no heading", None, "title", "no title"),
        ("---\ntitle: a\nreview_at: soon\n---\nb", 3, "review_at", "a day such as"),
        ("---\ntitle: a\nreview_every_days: 0\n---\nb", 3, "review_every_days", "1 to 3650"),
        ("---\ntitle: a\nslug: No Slug\n---\nb", 3, "slug", "lower-case"),
        ("---\ntitle: a\nsource_url: javascript:alert(1)\n---\nb", 3, "source_url", "web address"),
        ('---\ntitle: "a\\0b"\n---\nb', 2, "title", "cannot be stored"),
        (b"---\ntitle: a\n---\n\xff", 4, None, "not text in UTF-8"),
        (b"a\n\0", 2, None, "NUL"),
        ("---\ntitle: \x07\n---\nb", 2, None, "does not allow"),
        ("---\ntitle: " + "[" * 5000 + "\n---\nb", 1, None, "nested too deeply"),
        ("---\ntitle: " + "a" * 70_000 + "\n---\nb", 1, None, "longer than"),
        ("# a\n" + "b" * 200_001, None, None, "longer than"),
        (b"#" * (MOST_FILE_BYTES + 1), None, None, "larger than"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    text: str | bytes, line: int | None, field: str | None, reason: str
) -> None:
    error = refused(text)
    assert (error.line, error.field) == (line, field), error.detail
    assert reason in error.detail


# Whatever a database holds: any character but NUL and halves of characters.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
LINE = TEXT.map(lambda text: " ".join(text.split())).filter(bool)
LABEL = TEXT.map(str.strip).filter(bool)
LABELS = st.lists(LABEL, max_size=5, unique=True).map(tuple)
BODY = st.one_of(
    TEXT,
    st.lists(st.sampled_from(["---", "    code", "# a", "", "\ta: b", "```", "é", "- x"]), max_size=8).map("\n".join),
).map(normal_body)


@st.composite
def articles(draw: st.DrawFn) -> MarkdownArticle:
    return MarkdownArticle(
        title=draw(LINE),
        body=draw(BODY.filter(bool)),
        slug=draw(st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)),
        summary=draw(st.one_of(st.none(), LABEL)),
        language=draw(st.sampled_from(["en", "no", "pt-BR", "zh-Hans"])),
        visibility=draw(st.sampled_from(ArticleVisibility)),
        state=draw(st.sampled_from(ArticleState)),
        category=draw(st.one_of(st.none(), LABEL)),
        tags=draw(LABELS) or None,
        products=draw(LABELS) or None,
        owner=draw(st.one_of(st.none(), st.just("ada@desk.example"))),
        review_at=draw(st.one_of(st.none(), st.dates())),
        review_every_days=draw(st.one_of(st.none(), st.integers(1, 3650))),
        valid_until=draw(st.one_of(st.none(), st.dates())),
        external_id=draw(st.one_of(st.none(), LABEL)),
        source_url=draw(st.sampled_from([None, "https://x.example/a?b=c#d", "docs/a.md"])),
    )


@settings(max_examples=300, deadline=None)
@given(articles())
def test_what_is_written_is_read_back_as_it_was(article: MarkdownArticle) -> None:
    assert read_article("any.md", write_article(article).encode()) == article


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300).map(lambda data: b"---\n" + data))
def test_any_bytes_are_an_article_or_refused(data: bytes) -> None:
    with suppress(FileRefused):
        assert read_article("any.md", data).title
