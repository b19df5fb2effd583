"""Which addresses may be called."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses

from inference.inputs.addresses import refusal

PUBLIC = [
    "93.184.216.34",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2001:4860:4860::8888",
    "::ffff:93.184.216.34",
    "2606:4700::5efe:8.8.8.8",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.255",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "::1",
    "fc00::1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "64:ff9b::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::ffff:224.0.0.1",
]
EMBEDDED_PRIVATE = [
    "::127.0.0.1",
    "::10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:0:0:0:0:80ff:fffe",
    "2001:0:7f00:1::1",
    "2606:4700::5efe:127.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
    "fd00::5efe:127.0.0.1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert refusal(ip_address(text), allow_private=False) is None


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_refused(text: str) -> None:
    assert refusal(ip_address(text), allow_private=False)


@pytest.mark.parametrize("text", PRIVATE + PUBLIC)
def test_private_addresses_are_allowed_on_request(text: str) -> None:
    assert refusal(ip_address(text), allow_private=True) is None


@pytest.mark.parametrize("text", NEVER)
@pytest.mark.parametrize("allow_private", [False, True])
def test_special_addresses_are_always_refused(text: str, allow_private: bool) -> None:
    assert refusal(ip_address(text), allow_private=allow_private)


@pytest.mark.parametrize("text", EMBEDDED_PRIVATE)
@pytest.mark.parametrize("allow_private", [False, True])
def test_private_addresses_inside_ipv6_are_always_refused(text: str, allow_private: bool) -> None:
    assert refusal(ip_address(text), allow_private=allow_private)


def test_the_reason_names_the_inner_address_kind() -> None:
    reason = refusal(IPv6Address("64:ff9b::127.0.0.1"), allow_private=False)
    assert reason == "loopback inside IPv6"


@given(ip_addresses())
def test_nothing_is_allowed_that_the_standard_library_calls_local(
    address: IPv4Address | IPv6Address,
) -> None:
    if refusal(address, allow_private=False) is None:
        assert address.is_global
        assert not address.is_multicast


@given(ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_ipv4_address(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    for allow_private in (False, True):
        assert refusal(mapped, allow_private=allow_private) == refusal(
            address, allow_private=allow_private
        )


@given(ip_addresses())
def test_allowing_private_addresses_never_refuses_more(
    address: IPv4Address | IPv6Address,
) -> None:
    if refusal(address, allow_private=False) is None:
        assert refusal(address, allow_private=True) is None
