import pytest

from helpdesk.kb.articles.slugs import slug_of


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Reset your password", "reset-your-password"),
        ("  HL-809: connection timed out!  ", "hl-809-connection-timed-out"),
        ("Drucker für Straße & Büro", "drucker-fur-strasse-buro"),
        ("打印机", "article-1"),
        ("", "article-1"),
    ],
)
def test_a_slug_is_plain_words_joined_by_hyphens(title: str, slug: str) -> None:
    assert slug_of(title, fallback="article-1") == slug


def test_a_slug_is_at_most_eighty_characters_and_ends_in_a_word() -> None:
    slug = slug_of("word " * 40, fallback="x")
    assert len(slug) <= 80
    assert not slug.endswith("-")
