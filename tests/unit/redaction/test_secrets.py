from __future__ import annotations

import pytest

from helpdesk.redaction import redacted

_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJraW0ifQ.c2lnbmF0dXJlLW9mLW1pbmU"
_KEY_BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nAAAA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password: hunter2!", "password: [secret]"),
        ("Password is: hunter2, thanks", "Password is: [secret], thanks"),
        ("my password is Winter2026", "my password is [secret]"),
        ("mein Passwort ist: geheim123", "mein Passwort ist: [secret]"),
        ("mein Kennwort lautet Sommer-99", "mein Kennwort lautet [secret]"),
        ("le mot de passe est: azerty12", "le mot de passe est: [secret]"),
        ("contraseña: verano2026", "contraseña: [secret]"),
        ("wachtwoord: zomer2026", "wachtwoord: [secret]"),
        ("Пароль: leto2026", "Пароль: [secret]"),
        ("Password:\nhunter2\nThanks", "Password:\n[secret]\nThanks"),
        ("Password:\r\n  hunter2", "Password:\r\n  [secret]"),
        ('{"password": "hunter2"}', '{"password": "[secret]"}'),
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=[secret]"),
        ("<password>hunter2</password>", "<password>[secret]</password>"),
        ("mysql --password=hunter2 -u root", "mysql --password=[secret] -u root"),
        ("PIN: 4711", "PIN: [secret]"),
        ("the OTP is 482913", "the OTP is [secret]"),
        ("CVV: 123", "CVV: [secret]"),
        ("verification code: 482 913", "verification code: [secret] 913"),
        ("api_key = 9f8e7d6c5b4a", "api_key = [secret]"),
        ("client secret: 0aB1cD2eF3", "client secret: [secret]"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: [secret]"),
        ("Authorization: Basic a2ltOmh1bnRlcjI=", "Authorization: [secret]"),
        ("curl -H 'bearer 0123456789abcdef0123'", "curl -H '[secret]'"),
        ("key sk-abcdefghijklmnopqrstuvwx", "key [secret]"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[secret]"),
        ("glpat-abcdefghij0123456789", "[secret]"),
        ("xoxb-123456789012-abcdefghijkl", "[secret]"),
        ("AKIAABCDEFGHIJKLMNOP", "[secret]"),
        (f"token {_JWT} expired", "token [secret] expired"),
        ("postgresql://atum:hunter2@db/atum", "postgresql://atum:[secret]@db/atum"),
        ("recovery key 111111-222222-333333-444444-555555-666666-777777-888888", "recovery key [secret]"),
        (_KEY_BLOCK, "[secret]"),
        (f"before\n{_KEY_BLOCK}\nafter", "before\n[secret]\nafter"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\ncut off", "[secret]"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----", "[secret]"),
    ],
)
def test_what_unlocks_is_taken_out(text: str, kept: str) -> None:
    assert redacted(text) == kept


def test_a_token_that_a_mail_broke_over_lines_goes_whole() -> None:
    token = "ghp_" + "a1B2c3D4e5" * 8
    broken = f"{token[:40]}\n{token[40:]}\nis what I use"
    assert redacted(broken) == "[secret]\nis what I use"


@pytest.mark.parametrize(
    "text",
    [
        "I forgot my password and cannot log in",
        "Reset password: cannot log in",
        "Password: expired yesterday",
        "Subject: password reset: please help",
        "password is expired",
        "Passwort: vergessen",
        "Password:\nUsername: kim",
        "Passwords:\nNever write them down anywhere.",
        "the pin of the connector is bent",
        "the tan chair, the key board",
        "basic troubleshooting did not help",
        "the bearer of this ticket",
        "error code: 0x80070005",
        "our token ring from 1998",
        "see https://desk.example/articles/password-reset",
        "sk-ip the step",
        "the secretary: Kim",
    ],
)
def test_words_about_secrets_stay(text: str) -> None:
    assert redacted(text) == text
