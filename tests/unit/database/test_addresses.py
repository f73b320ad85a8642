"""URLs that name several servers, and the one form they are brought into."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from helpdesk.backup.tools import environment
from helpdesk.database.servers import Servers
from helpdesk.settings import Settings

A, B = ("a", 5432), ("b", 5432)


@pytest.mark.parametrize(
    ("url", "addresses", "wanted"),
    [
        ("postgresql://u@a/db", (A,), "any"),
        ("postgresql://u@a,b/db", (A, B), "read-write"),
        ("postgresql://u@a:1,b:2/db?target_session_attrs=any", (("a", 1), ("b", 2)), "any"),
        ("postgresql://u@a:6,b/db", (("a", 6), B), "read-write"),
        ("postgresql://u@/db?host=/run/a,/run/b", (("/run/a", 5432), ("/run/b", 5432)), "read-write"),
        ("postgresql://u@/db?host=/run/a&host=/run/b&port=1,2", (("/run/a", 1), ("/run/b", 2)), "read-write"),
        ("postgresql://u@/db?host=a,b&port=7", (("a", 7), ("b", 7)), "read-write"),
        ("postgresql://u@[::1]:1,[fe80::2]/db", (("::1", 1), ("fe80::2", 5432)), "read-write"),
        ("postgresql://u@/db?host=/run/a&port=7", (("/run/a", 7),), "any"),
        ("postgres://u@/db", (("", 5432),), "any"),
    ],
)
def test_servers_are_found_however_the_url_names_them(
    url: str, addresses: tuple[tuple[str, int], ...], wanted: str
) -> None:
    servers = Servers.of(Settings(database_url=url).sqlalchemy_url)

    assert servers.addresses == addresses
    assert servers.wanted == wanted
    assert servers.login["database"] == "db"


def test_a_password_with_strange_characters_survives() -> None:
    url = Settings(database_url="postgresql://u:p%40s%2Cs%2F%3A@a,b/db").sqlalchemy_url

    assert make_url(url).password == "p@s,s/:"
    assert Servers.of(url).login["password"] == "p@s,s/:"


@pytest.mark.parametrize(
    "url", ["postgresql://u@a:1,b:x/db", "postgresql://u@a,/db", "postgresql://u@/db?host=a,b,c&port=1,2"]
)
def test_a_url_whose_servers_make_no_sense_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="must name a host"):
        Settings(database_url=url)


def test_the_programs_of_a_backup_are_told_of_every_server() -> None:
    variables = environment(Settings(database_url="postgresql://u@a:1,b:2/db"), application="backup")

    assert variables["PGHOST"] == "a,b"
    assert variables["PGPORT"] == "1,2"
    assert variables["PGTARGETSESSIONATTRS"] == "read-write"


def test_certificates_reach_the_driver() -> None:
    servers = Servers.of(
        Settings(database_url="postgresql://u@a/db?sslmode=verify-full&sslrootcert=/ca.pem").sqlalchemy_url
    )

    assert servers.login["ssl"] == "verify-full"
    assert servers.login["dsn"] == "postgresql://?sslrootcert=/ca.pem"
