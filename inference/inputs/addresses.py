"""May this IP address be called? A pure rule: `ipaddress.is_global` alone lets too much through.

Sources: the IANA special-purpose registries (RFC 6890 and its successors) and, for IPv4 inside
IPv6, RFC 4291, 4380, 5214, 6052 and 8215.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, NamedTuple

IPAddress = IPv4Address | IPv6Address


class _Row4(NamedTuple):
    network: IPv4Network
    reason: str
    is_private: bool = False


class _Row6(NamedTuple):
    network: IPv6Network
    reason: str


_REFUSED_V4: Final = (
    _Row4(IPv4Network("0.0.0.0/8"), "unspecified"),
    _Row4(IPv4Network("10.0.0.0/8"), "private", is_private=True),
    _Row4(IPv4Network("100.64.0.0/10"), "carrier-grade NAT"),
    _Row4(IPv4Network("127.0.0.0/8"), "loopback", is_private=True),
    _Row4(IPv4Network("168.63.129.16/32"), "cloud metadata"),  # Azure; public by its number only
    _Row4(IPv4Network("169.254.0.0/16"), "link-local"),
    _Row4(IPv4Network("172.16.0.0/12"), "private", is_private=True),
    _Row4(IPv4Network("192.0.0.0/24"), "protocol assignments"),
    _Row4(IPv4Network("192.0.2.0/24"), "documentation"),
    _Row4(IPv4Network("192.88.99.0/24"), "6to4 relay"),
    _Row4(IPv4Network("192.168.0.0/16"), "private", is_private=True),
    _Row4(IPv4Network("198.18.0.0/15"), "benchmarking"),
    _Row4(IPv4Network("198.51.100.0/24"), "documentation"),
    _Row4(IPv4Network("203.0.113.0/24"), "documentation"),
    _Row4(IPv4Network("224.0.0.0/4"), "multicast"),
    _Row4(IPv4Network("240.0.0.0/4"), "reserved"),
)

_GLOBAL_V6: Final = IPv6Network("2000::/3")
_REFUSED_IN_GLOBAL_V6: Final = (
    _Row6(IPv6Network("2001::/23"), "protocol assignments"),  # Teredo, ORCHID, benchmarking
    _Row6(IPv6Network("2001:db8::/32"), "documentation"),
    _Row6(IPv6Network("2002::/16"), "6to4"),
    _Row6(IPv6Network("3fff::/20"), "documentation"),
)
_PRIVATE_V6: Final = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))
# AWS, Google Cloud and Scaleway answer with credentials here, inside the private range.
_METADATA_V6: Final = frozenset(
    IPv6Address(text) for text in ("fd00:ec2::254", "fd20:ce::254", "fd00:42::42")
)

_COMPATIBLE: Final = IPv6Network("::/96")
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
_ISATAP_INTERFACE: Final = 0x5EFE  # RFC 5214: ::[0200:]5efe:a.b.c.d, bit 0x0200 marks a global one


def refusal(address: IPAddress, *, allow_private: bool) -> str | None:
    """Say in a few words why the address must not be called; None if it may be.

    `allow_private` lets loopback, RFC 1918 and unique local addresses pass, nothing else.
    """
    if isinstance(address, IPv4Address):
        return _refusal_v4(address, allow_private=allow_private)
    mapped = address.ipv4_mapped
    if mapped is not None:
        return _refusal_v4(mapped, allow_private=allow_private)
    return _refusal_v6(address, allow_private=allow_private)


def _refusal_v4(address: IPv4Address, *, allow_private: bool) -> str | None:
    for row in _REFUSED_V4:
        if address in row.network:
            return None if row.is_private and allow_private else row.reason
    return None


def _refusal_v6(address: IPv6Address, *, allow_private: bool) -> str | None:
    if address in _METADATA_V6:
        return "cloud metadata"
    for inner in _embedded(address):
        reason = _refusal_v4(inner, allow_private=False)
        if reason is not None:
            return f"{reason} inside IPv6"
    if any(address in network for network in _PRIVATE_V6):
        return None if allow_private else "private"
    if address not in _GLOBAL_V6:
        return "not a global unicast address"
    return next((row.reason for row in _REFUSED_IN_GLOBAL_V6 if address in row.network), None)


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """List the IPv4 addresses that the tunnelling and translation schemes put inside this one."""
    last = IPv4Address(int(address) & 0xFFFF_FFFF)
    found = []
    if int(address) > 1 and any(
        address in network for network in (_COMPATIBLE, _TRANSLATED, _NAT64, _NAT64_LOCAL)
    ):
        found.append(last)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    if (int(address) >> 32) & 0xFFFF_FFFF & ~0x0200_0000 == _ISATAP_INTERFACE:
        found.append(last)
    return found
