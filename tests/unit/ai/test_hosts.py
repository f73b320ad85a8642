from __future__ import annotations

import pytest

from helpdesk.ai.providers.hosts import is_loopback, stays_here

OWN = "10.1.0.0/16, gpu.example.net, .lan.example.org, 2001:db8::/32, 192.0.2.7"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434",
        "http://127.8.9.10",
        "http://localhost:8000/v1",
        "http://LOCALHOST",
        "http://[::1]:11434",
        "http://0.0.0.0:11434",
    ],
)
def test_this_machine_needs_no_word_of_the_operator(url: str) -> None:
    assert is_loopback(url)
    assert stays_here(url, own_hosts="")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.3:11434",
        "https://gpu.example.net/v1",
        "https://GPU.example.net./v1",
        "http://a.b.lan.example.org",
        "http://[2001:db8::5]:8000",
        "http://192.0.2.7",
    ],
)
def test_a_host_the_operator_calls_his_own_is(url: str) -> None:
    assert not stays_here(url, own_hosts="")
    assert stays_here(url, own_hosts=OWN)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.2.0.1",
        "https://api.example.com/v1",
        "https://gpu.example.net.example.com",
        "https://evil-gpu.example.net",
        "https://lan.example.org.example.com",
        "https://evillan.example.org",
        "https://127.0.0.1.example.com",
        "https://localhost.example.com",
        "https://127.0.0.1@api.example.com",
        "https://api.example.com#127.0.0.1",
        "http://192.0.2.8",
        "http://1.2.3.4.5",
    ],
)
def test_any_other_host_is_somebody_elses(url: str) -> None:
    assert not stays_here(url, own_hosts=OWN)
