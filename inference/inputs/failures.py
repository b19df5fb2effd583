"""How is a call that must not or could not be made told to the client? One wording for each case.

What the network answered (addresses, resolved names, system errors) goes into `detail` only, and
a refused address reads the same for every host, so that answers cannot be used to map a network.
"""

from __future__ import annotations

from typing import Final

from protocol.errors import Constraint, DownloadFailed, ForbiddenAddress, ImageTooLarge

MAX_URL_CHARS: Final = 8 * 1024
_URL: Final = Constraint(type="string")


def malformed_url(parameter: str, reason: str) -> ForbiddenAddress:
    """Describe a URL that is refused by its form."""
    return ForbiddenAddress(
        f"{parameter} is not a URL that may be called: {reason}; allowed: http or https, a host "
        f"without user name, a port from 1 to 65535, at most {MAX_URL_CHARS} characters",
        parameter=parameter,
        constraint=_URL,
    )


def forbidden_address(parameter: str, detail: str) -> ForbiddenAddress:
    """Describe a URL whose host is, or leads to, an address that is refused."""
    return ForbiddenAddress(
        f"{parameter} leads to an address that may not be called; allowed: public addresses",
        parameter=parameter,
        constraint=_URL,
        detail=detail,
    )


def call_failed(parameter: str, reason: str, *, detail: str = "") -> DownloadFailed:
    """Describe a call that was tried and failed."""
    return DownloadFailed(
        f"the call to the URL in {parameter} failed: {reason}",
        parameter=parameter,
        constraint=_URL,
        detail=detail,
    )


def too_large(parameter: str, limit_bytes: int) -> ImageTooLarge:
    """Describe an image over the limit in bytes, inline or downloaded."""
    return ImageTooLarge(
        f"{parameter} is larger than {limit_bytes:,} bytes; allowed: at most that many",
        parameter=parameter,
        constraint=Constraint(max=limit_bytes),
    )
