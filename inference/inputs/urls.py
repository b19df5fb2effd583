"""Is this text a URL that may be called at all? Pure: no names are resolved here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from inference.inputs.addresses import IPAddress, refusal
from inference.inputs.failures import MAX_URL_CHARS, forbidden_address, malformed_url

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_NAME_CHARS: Final = 253

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NOT_VISIBLE_ASCII: Final = re.compile(r"[^\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL: whom to call and what to ask for.

    `address` is set where the host is an IP; `parameter` is the field it came from, for errors.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: IPAddress | None
    parameter: str

    @property
    def authority(self) -> str:
        """Give the Host header's value."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Say whether the call goes over TLS."""
        return self.scheme == "https"

    def join(self, location: str) -> Target:
        """Resolve a redirect's Location against this URL and check the outcome from scratch."""
        _check_characters(location, self.parameter)
        try:
            joined = urljoin(f"{self.scheme}://{self.authority}{self.path}", location)
        except ValueError as exc:
            raise malformed_url(self.parameter, "it redirects to a malformed URL") from exc
        return parse_url(joined, self.parameter)


def parse_url(url: str, parameter: str) -> Target:
    """Split an http(s) URL; raises ForbiddenAddress naming `parameter` for anything odd."""
    _check_characters(url, parameter)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise malformed_url(parameter, "its host or port is malformed") from exc
    _check_parts(parts, parameter)
    host, address = _parse_host(parts.hostname or "", parameter)
    return Target(
        scheme=parts.scheme,
        host=host,
        port=DEFAULT_PORTS[parts.scheme] if port is None else port,
        path=_request_path(parts),
        address=address,
        parameter=parameter,
    )


def check_url(url: str, parameter: str, *, allow_private: bool) -> None:
    """Refuse what needs no look-up: a malformed URL, or a forbidden address as its host.

    Raises ForbiddenAddress. Whoever calls the URL judges it again.
    """
    target = parse_url(url, parameter)
    reason = target.address and refusal(target.address, allow_private=allow_private)
    if reason:
        raise forbidden_address(parameter, f"{target.host}: {reason}")


def _check_characters(url: str, parameter: str) -> None:
    if len(url) > MAX_URL_CHARS:
        raise malformed_url(parameter, f"it has more than {MAX_URL_CHARS} characters")
    if " " in url or "\\" in url or not url.isprintable():  # urlsplit drops tabs and line breaks
        raise malformed_url(parameter, "it holds a space, a backslash or a control character")


def _check_parts(parts: SplitResult, parameter: str) -> None:
    if parts.scheme not in DEFAULT_PORTS:
        raise malformed_url(parameter, "its scheme is not allowed")
    if "@" in parts.netloc:
        raise malformed_url(parameter, "it holds a user name or password")
    if parts.port == 0:
        raise malformed_url(parameter, "port 0 cannot be called")


def _parse_host(host: str, parameter: str) -> tuple[str, IPAddress | None]:
    try:
        if ":" in host:
            return _parse_ipv6(host)
        return _parse_name(_to_ascii(host))
    except (AddressValueError, UnicodeError) as exc:
        raise malformed_url(parameter, "its host is not a valid name or address") from exc


def _parse_ipv6(host: str) -> tuple[str, IPAddress]:
    if "%" in host:
        raise AddressValueError("zone")  # RFC 6874: zones have a meaning on this machine only
    address = IPv6Address(host)
    return address.compressed, address


def _parse_name(name: str) -> tuple[str, IPAddress | None]:
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # WHATWG: a last label like 1 or 0x7f makes it an address
        address = IPv4Address(name)  # strict: 127.1, 0177.0.0.1 and 2130706433 are refused
        return address.compressed, address
    if len(name) > _MAX_NAME_CHARS or not all(_LABEL.fullmatch(label) for label in labels):
        raise UnicodeError("label")
    return name, None


def _to_ascii(host: str) -> str:
    """Apply IDNA 2008 with the UTS 46 mapping, so that ①②⑦.⓪.⓪.① is judged as 127.0.0.1."""
    if not host.isascii():
        import idna

        host = idna.encode(host, uts46=True).decode("ascii")
    return host.lower().removesuffix(".")


def _request_path(parts: SplitResult) -> str:
    path = parts.path or "/"
    asked = f"{path}?{parts.query}" if parts.query else path
    return _NOT_VISIBLE_ASCII.sub(lambda found: quote(found[0]), asked)
