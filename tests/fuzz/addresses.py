"""Any text as an input, any number as an address: nothing local passes, whatever it is spelled."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from inference.inputs.addresses import IPAddress, refusal
from inference.inputs.resolve import InlineImage, RemoteImage, classify, decode_inline
from inference.inputs.urls import Target, parse_url
from protocol.errors import CutwireError

LIMIT_BYTES = 10_000


def run(data: bytes) -> None:
    """Judge the bytes as addresses, and as the text of an input."""
    if len(data) == 4:
        _check_address(IPv4Address(data))
    if len(data) == 16:
        _check_address(IPv6Address(data))
    text = data.decode("utf-8", "surrogatepass" if data.isascii() else "replace")
    for value in (text, f"http://{text}"):
        with contextlib.suppress(CutwireError):
            _check_input(value)


def _check_input(text: str) -> None:
    form = classify(text, "inputImage")
    if isinstance(form, InlineImage):
        decode_inline(form.text, "inputImage", LIMIT_BYTES)
    elif isinstance(form, RemoteImage):
        target = parse_url(form.url, "inputImage")
        _check_target(target)
        _check_target(target.join(text[-20:]))


def _check_address(address: IPAddress) -> None:
    """Compare with the standard library, which allows more, and never less."""
    if refusal(address, allow_private=True) is not None:
        assert refusal(address, allow_private=False) is not None
    if refusal(address, allow_private=False) is not None:
        return
    assert address.is_global
    assert not address.is_multicast
    if isinstance(address, IPv6Address):
        assert address.ipv4_mapped is None or address.ipv4_mapped.is_global
        assert address.sixtofour is None
        assert address.teredo is None


def _check_target(target: Target) -> None:
    """Hold what is called to be what was judged."""
    asked = f"{target.authority}{target.path}"
    assert asked.isascii()
    assert asked.isprintable()
    assert " " not in asked
    assert target.path.startswith("/")
    assert 0 < target.port < 65_536
    if target.address is not None:
        _check_address(target.address)
    else:
        assert not _is_number(target.host)
    again = parse_url(f"{target.scheme}://{target.authority}{target.path}", "inputImage")
    assert again == target


def _is_number(host: str) -> bool:
    """Ask the C library, which takes 127.1, 0x7f.1 and 2130706433 for addresses."""
    try:
        socket.inet_aton(host)
    except (OSError, ValueError):
        return False
    return True


def seeds() -> Iterator[bytes]:
    """Addresses and inputs of every form."""
    for text in (
        "8.8.8.8",
        "127.0.0.1",
        "::1",
        "2606:4700::1111",
        "64:ff9b::7f00:1",
        "2002:7f00::",
    ):
        family = socket.AF_INET6 if ":" in text else socket.AF_INET
        yield socket.inet_pton(family, text)
    for text in (
        "https://example.com/a.png?b=c#d",
        "http://127.0.0.1:8080/",
        "http://[::ffff:7f00:1]/x",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://①②⑦.⓪.⓪.①/",
        "http://bücher.example/ü?ü",
        "http://user:pass@example.com/",
        "//[",
        "data:image/png;base64,aGVsbG8=",
        "aGVsbG8",
        "0b6cb0f2-5a5c-4bd4-8a40-3c5f1f5c4e11",
        "file:///etc/passwd",
    ):
        yield text.encode()
