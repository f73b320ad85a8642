from __future__ import annotations

from ipaddress import ip_address

import pytest

from helpdesk.notifications.webhooks.guard import Guard, WebhookUrlRefused, check_url, is_outside

INSIDE = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:7f00:1", "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:2::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "ff0e::1",
)  # fmt: skip
OUTSIDE = (
    "1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
    "2002:808:808::1",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_known_as_one(address: str) -> None:
    assert not is_outside(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_on_the_public_internet_is_known_as_one(address: str) -> None:
    assert is_outside(ip_address(address))


def guard(*addresses: str, allowed: str = "") -> Guard:
    async def resolver(_host: str, _port: int) -> list[str]:
        if not addresses:
            raise OSError("no such host")
        return list(addresses)

    return Guard(allowed, resolver=resolver)


async def test_only_the_addresses_of_a_host_that_are_outside_are_connected_to() -> None:
    mixed = guard("127.0.0.1", "8.8.8.8", "fe80::1%eth0", "::ffff:10.0.0.1")
    assert await mixed.addresses("example.com", 443, named_only=False) == ["8.8.8.8"]
    with pytest.raises(WebhookUrlRefused, match="not on the public internet") as refused:
        await guard("10.1.2.3").addresses("example.com", 443, named_only=False)
    assert "10.1.2.3" not in refused.value.detail
    with pytest.raises(WebhookUrlRefused, match="not known"):
        await guard().addresses("example.com", 443, named_only=False)


async def test_a_network_the_operator_names_may_be_reached_and_also_without_encryption() -> None:
    named = guard("10.1.2.3", "::ffff:10.1.2.4", "10.2.0.1", allowed="10.1.0.0/16, fd00::/8")
    assert await named.addresses("inside", 80, named_only=True) == ["10.1.2.3", "::ffff:10.1.2.4"]
    with pytest.raises(WebhookUrlRefused, match="not encrypted"):
        await guard("8.8.8.8").addresses("example.com", 80, named_only=True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "ftp://example.com:21/",
        "example.com/hook",
        "https://",
        "https:///path",
        "https://user:password@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/" + "x" * 2000,
        "file:///etc/passwd",
        "http://example.com/",
    ],
)
async def test_a_url_that_is_no_webhooks_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        await check_url(url, guard("8.8.8.8"))


async def test_a_url_is_kept_in_the_form_it_is_called_in() -> None:
    assert (
        await check_url("https://BÜCHER.example:443/a b?c=d", guard("8.8.8.8"))
        == "https://xn--bcher-kva.example/a%20b?c=d"
    )


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "0177.0.0.1"),
        *("0", "0.0.0.0", "0x0", "localhost", "localhost.", "LOCALHOST", "1\uff127.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1"),
        *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]"),
        *("[fe80::1]", "[fd00:ec2::254]", "[::127.0.0.1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "[::1%25lo]"),
    ],
)  # fmt: skip
async def test_every_way_to_write_this_machine_or_its_neighbours_is_seen_through(host: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        await check_url(f"https://{host}/", Guard())
    with pytest.raises(WebhookUrlRefused):
        await check_url(f"http://{host}/", Guard("10.1.0.0/16, fd12::/16"))
