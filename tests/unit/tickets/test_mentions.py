import pytest

from helpdesk.tickets.watching import mentioned


@pytest.mark.parametrize(
    ("body", "addresses"),
    [
        ("@ada@desk.example please look", ["ada@desk.example"]),
        ("Ask @Ada.L+sla@Desk.Example, or (@bo@desk.example).", ["ada.l+sla@desk.example", "bo@desk.example"]),
        ("@ada@desk.example and @ADA@desk.example", ["ada@desk.example"]),
        ("cc:\n@bo@desk.example.", ["bo@desk.example"]),
        ("Write to ada@desk.example, or call @ada.", []),
        ("x@@ada@desk.example", []),
        ("a@b@desk.example", []),
        ("@ada@localhost", []),
    ],
)
def test_an_address_with_an_at_sign_before_it_is_a_mention(body: str, addresses: list[str]) -> None:
    assert mentioned(body) == addresses


def test_at_most_twenty_are_mentioned() -> None:
    assert len(mentioned(" ".join(f"@u{n}@desk.example" for n in range(30)))) == 20
