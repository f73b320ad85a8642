from __future__ import annotations

import math
from collections import Counter
from uuid import UUID, uuid4

import pytest

from helpdesk.models.rag import TERM_SPACE
from helpdesk.rag.embedding.halfvec import write_weights
from helpdesk.rag.text.language import detect_language
from helpdesk.rag.text.terms import (
    AVERAGE_LENGTH,
    K1,
    B,
    bm25_weights,
    codes_of,
    count_terms,
    query_terms,
    term_hash,
    words_of,
)

ORGANIZATION = UUID("0190163d-8694-739b-aea5-966c26f8ad91")


@pytest.mark.parametrize(
    ("text", "whole", "parts"),
    [
        ("Error 0x80070005!", "0x80070005", set()),
        ("on srv-mail-01.", "srv-mail-01", {"srv", "mail", "01"}),
        ("version 10.2.3,", "10.2.3", {"10"}),
        ("mail anna@example.org", "anna@example.org", {"anna", "org"}),
        ("KID-4013", "kid-4013", {"kid", "4013"}),
        ("C:\\Windows\\System32", "c:\\windows\\system32", {"window", "system32"}),
        ("pip install --no-cache x", "--no-cache", {"no-cache", "cach"}),
        ("ls -a", "-a", set()),
        ("ERR_CONNECTION_REFUSED", "err_connection_refused", {"connect", "refus"}),
        ("KB5034441", "kb5034441", {"kb", "5034441"}),
        ("HL-809", "hl-809", {"hl", "809", "hl809"}),
        ("v10.2.3", "v10.2.3", {"10.2.3"}),
        ("0x80070005", "0x80070005", {"80070005"}),
    ],
)
def test_codes_hosts_and_versions_stay_whole_and_are_split(text: str, whole: str, parts: set[str]) -> None:
    words = words_of(text, "en")
    assert whole in words
    assert parts <= set(words)


def test_words_are_stemmed_in_their_language() -> None:
    assert words_of("printers printing", "en") == ["printer", "print"]
    assert words_of("Drucker Druckern", "de")[0] == words_of("Druckern", "de")[0]
    assert words_of("printers", None) == ["printers"]


def test_stop_words_say_nothing() -> None:
    assert words_of("how do I reset my password", "en") == ["reset", "password"]


def test_text_without_spaces_is_searched_by_pairs_of_characters() -> None:
    assert words_of("打印机坏了", None) == ["打印", "印机", "机坏", "坏了"]


def test_a_mixed_text_keeps_its_words_beside_the_pairs() -> None:
    assert words_of("Windows更新", "en") == ["更新", "window"]
    assert "วั" in words_of("สวัสดี", None)


@pytest.mark.parametrize(
    ("one", "other"), [("HL809", "HL-809"), ("contrasena", "contraseña"), ("5034441", "KB5034441")]
)
def test_what_is_written_in_two_ways_is_found_by_either(one: str, other: str) -> None:
    assert set(words_of(one, "es")) & set(words_of(other, "es"))


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("le stampanti della sede", "it", "stamp"),
        ("de printers van het kantoor", "nl", "printer"),
        ("as impressoras do escritório", "pt", "impressor"),
        ("drukarki w biurze", "pl", "drukar"),
    ],
)
def test_more_languages_have_stems_and_stop_words(text: str, language: str, words: str) -> None:
    found = words_of(text, language)
    assert len(found) == 2
    assert found[0].startswith(words)


def test_a_term_has_another_number_in_another_organisation() -> None:
    numbers = {term_hash("vpn", uuid4()) for _ in range(50)}
    assert len(numbers) == 50
    assert all(1 <= number <= TERM_SPACE < 2**31 for number in numbers)
    assert term_hash("vpn", ORGANIZATION) == term_hash("vpn", ORGANIZATION)


def test_the_inner_product_with_a_query_is_bm25() -> None:
    passages = ["the vpn drops the vpn tunnel", "the printer is out of paper", "reset the vpn password of the portal"]
    query = "vpn password"
    tokens = [words_of(passage, "en") for passage in passages]
    frequency = Counter(word for words in tokens for word in set(words))
    idf = {word: math.log(1 + (3 - frequency[word] + 0.5) / (frequency[word] + 0.5)) for word in words_of(query, "en")}

    for words in tokens:
        expected = 0.0
        for word, weight in idf.items():
            tf = words.count(word)
            expected += weight * tf * (K1 + 1) / (tf + K1 * (1 - B + B * len(words) / AVERAGE_LENGTH))
        counts = count_terms(words, organization_id=ORGANIZATION)
        weights = bm25_weights(counts, length=len(words))
        score = sum(weights.get(term_hash(word, ORGANIZATION), 0.0) * weight for word, weight in idf.items())
        assert score == pytest.approx(expected)


def test_a_query_is_stemmed_in_every_language_it_may_be_in() -> None:
    terms = query_terms("Drucker printers", organization_id=ORGANIZATION, languages=("en", "de"))
    assert term_hash(words_of("Drucker", "de")[0], ORGANIZATION) in terms
    assert term_hash("printer", ORGANIZATION) in terms
    assert len(terms) == len(set(terms))


def test_weights_are_written_in_the_order_of_terms() -> None:
    assert write_weights({7: 1.25, 3: 0.5}) == f"{{3:0.5,7:1.25}}/{TERM_SPACE}"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("printer jam", "en"),
        ("Der Drucker druckt nicht", "de"),
        ("Bonjour, mon ordinateur ne marche pas", "fr"),
        ("El correo no funciona", "es"),
        ("La stampante non funziona", "it"),
        ("De printer doet het niet", "nl"),
        ("A impressora não funciona", "pt"),
        ("Drukarka nie działa", "pl"),
        ("Set or change your passcode", "en"),
        ("12345", None),
    ],
)
def test_short_texts_tell_their_language(text: str, language: str | None) -> None:
    assert detect_language(text) == language


def test_a_single_possible_language_needs_no_detection() -> None:
    assert detect_language("Der Drucker", among=("en",)) == "en"


def test_a_code_is_a_word_of_letters_and_digits() -> None:
    words = "KID-4013 Konto gesperrt, seit 2 Tagen; Fehler 0x80070005 (HL-809) am 22.11., Raum 4400, Windows 11, v2"
    assert codes_of(words) == {"kid-4013", "0x80070005", "hl-809"}
