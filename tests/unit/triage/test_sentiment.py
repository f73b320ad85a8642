from __future__ import annotations

import pytest

from helpdesk.triage.deciding.sentiment import sentiment_of

NEGATIVE = (
    "This is ridiculous, it is the third time I report it and nobody answers!!!",
    "I am very disappointed and frustrated, still no answer after two weeks",
    "Das ist eine Frechheit, ich warte immer noch nicht auf eine Lösung, es reicht",
    "C'est inadmissible, toujours pas de réponse",
    "Dit is belachelijk, nog steeds geen reactie",
    "Es inaceptable, otra vez lo mismo y nadie responde",
    "È inaccettabile, ancora nessuna risposta",
    "WHY DOES THIS NEVER WORK???? >:(",
)
NEUTRAL = (
    "The printer on floor 2 is broken and shows error 49",
    "Please reset my password. Thanks",
    "Der Monitor flackert seit heute Morgen",
    "L'imprimante ne fonctionne pas",
    "De VPN-verbinding valt weg",
    "No puedo abrir el archivo",
    "Il telefono non si accende",
    "",
)
POSITIVE = (
    "Thank you so much, the new laptop works perfectly :)",
    "Super, herzlichen Dank, sehr zufrieden!",
    "Merci beaucoup, c'est parfait",
    "Geweldig, hartelijk dank!",
    "Muchas gracias, todo perfecto",
    "Grazie mille, ottimo lavoro",
)


@pytest.mark.parametrize(
    ("sentence", "sentiment"),
    [(sentence, "negative") for sentence in NEGATIVE]
    + [(sentence, "neutral") for sentence in NEUTRAL]
    + [(sentence, "positive") for sentence in POSITIVE],
)
def test_how_somebody_feels_is_read_from_their_words(sentence: str, sentiment: str) -> None:
    chances = sentiment_of(sentence)
    assert max(chances, key=lambda name: chances[name]) == sentiment
    assert sum(chances.values()) == pytest.approx(1)


def test_denied_praise_is_none() -> None:
    chances = sentiment_of("This is not great, not perfect")
    assert chances["positive"] < chances["neutral"]


def test_more_anger_is_surer() -> None:
    some, more = sentiment_of("I am annoyed"), sentiment_of("I am annoyed, this is unacceptable and ridiculous")
    assert more["negative"] > some["negative"]
