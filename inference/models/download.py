"""How does one file come over HTTP, going on where it broke off?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

Progress = Callable[[int, int | None], None]
OpenFile = Callable[[Path, str], IO[bytes]]

_LATER = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_WAIT_S = 60.0


class BrokenOffError(Exception):
    """The same request may work in a while; what came so far is kept."""

    def __init__(self, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = min(retry_after_s, _LONGEST_WAIT_S)


class RefusedError(Exception):
    """This address will not give the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file wanted: where from, where to, how long it is (0: unknown) or may be."""

    url: str
    part: Path
    file_bytes: int
    limit_bytes: int

    def check_length(self, total: int | None) -> None:
        """Raise RefusedError for a length that cannot be right."""
        if total is None:
            return
        if total > self.limit_bytes:
            raise RefusedError(f"{total:,} bytes are over the limit of {self.limit_bytes:,}")
        if self.file_bytes and total != self.file_bytes:
            raise RefusedError(f"{total:,} bytes announced where {self.file_bytes:,} are right")


def open_file(path: Path, mode: str) -> IO[bytes]:
    """Open a file for bytes; tests pass another one that fails."""
    return path.open(mode)


def fetch(
    client: httpx.Client, download: Download, progress: Progress, opened: OpenFile = open_file
) -> bool:
    """Bring the part to its full length; return whether an older beginning was used.

    Raises BrokenOffError or RefusedError; OSError is the disk's.
    """
    start = _size(download.part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with client.stream("GET", download.url, headers=headers, follow_redirects=True) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return _past_the_end(response, download, start)
            start = _first_byte(response, start)
            _receive(response, download, start, progress, opened)
    except httpx.UnsupportedProtocol as exc:
        raise RefusedError(str(exc)) from exc
    except httpx.TransportError as exc:
        raise BrokenOffError(f"{type(exc).__name__}: {exc}") from exc
    except (httpx.InvalidURL, httpx.TooManyRedirects) as exc:
        raise RefusedError(str(exc)) from exc
    return start > 0


def _first_byte(response: httpx.Response, asked: int) -> int:
    status = response.status_code
    if status in _LATER:
        raise BrokenOffError(f"HTTP {status}", retry_after_s=_retry_after_s(response))
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise RefusedError("the server insists on compressing it")
    if status == httpx.codes.PARTIAL_CONTENT:
        span = response.headers.get("Content-Range", "")
        if span.startswith(f"bytes {asked}-"):
            return asked
        raise RefusedError(f"asked from byte {asked:,}, got '{span}'")
    if status != httpx.codes.OK:
        raise RefusedError(f"HTTP {status}")
    return 0


def _receive(
    response: httpx.Response,
    download: Download,
    start: int,
    progress: Progress,
    opened: OpenFile,
) -> None:
    total = _total(response, start)
    download.check_length(total)
    have = start
    with opened(download.part, "ab" if start else "wb") as file:
        progress(have, total)
        for chunk in response.iter_raw():
            have += len(chunk)
            if have > download.limit_bytes:
                raise RefusedError(f"more than the limit of {download.limit_bytes:,} bytes came")
            file.write(chunk)
            progress(have, total)
    if have < download.file_bytes:
        raise BrokenOffError(f"the body ended at byte {have:,} of {download.file_bytes:,}")


def _past_the_end(response: httpx.Response, download: Download, start: int) -> bool:
    span = response.headers.get("Content-Range", "")
    if start and span == f"bytes */{start}":
        return True
    download.part.unlink(missing_ok=True)
    raise BrokenOffError("the server has fewer bytes than came before; starting again")


def _total(response: httpx.Response, start: int) -> int | None:
    with contextlib.suppress(KeyError, ValueError):
        return start + int(response.headers["Content-Length"])
    return None


def _retry_after_s(response: httpx.Response) -> float:
    with contextlib.suppress(KeyError, ValueError):
        return max(0.0, float(response.headers["Retry-After"]))
    return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
